package cli

import (
	"context"

	"golang.org/x/sync/errgroup"

	"mcp-login/internal/account"
	"mcp-login/internal/doctor"
	"mcp-login/internal/store"
)

// maxVerified is how many logins are verified at the same time.
const maxVerified = 8

// verify checks kept logins with a real request each, and writes into the rows of status
// what came of it.
func (a *app) verify(ctx context.Context, entries []store.Entry, settings func(store.Entry) options, rows []loginRow) {
	var all errgroup.Group
	all.SetLimit(maxVerified)
	for i, e := range entries {
		r := &rows[i]
		if !e.SignedIn || r.Problem != "" {
			continue
		}
		all.Go(func() error {
			verdict, problem := doctor.Verify(ctx, func(ctx context.Context) (*account.Account, error) {
				return a.open(ctx, settings(e), e.Key.Server, account.Inspect)
			})
			r.Check, r.Problem = string(verdict), problem
			r.NeedsLogin = r.NeedsLogin || verdict == doctor.Refused
			return nil
		})
	}
	_ = all.Wait() // no error is returned above
}
