package cli

import (
	"context"
	"sync"

	"mcp-login/internal/account"
	"mcp-login/internal/doctor"
	"mcp-login/internal/store"
)

// maxVerified is how many logins are verified at the same time.
const maxVerified = 8

// verify checks kept logins with a real request each, and writes into the rows of status
// what came of it.
func (a *app) verify(ctx context.Context, entries []store.Entry, settings func(store.Entry) options, rows []loginRow) {
	var all sync.WaitGroup
	slots := make(chan struct{}, maxVerified)
	for i, e := range entries {
		r := &rows[i]
		if !e.SignedIn || r.Problem != "" {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			verdict, problem := doctor.Verify(ctx, func(ctx context.Context) (*account.Account, error) {
				return a.open(ctx, settings(e), e.Key.Server, account.Inspect)
			})
			r.Check, r.Problem = string(verdict), problem
			r.NeedsLogin = r.NeedsLogin || verdict == doctor.Refused
		})
	}
	all.Wait()
}
