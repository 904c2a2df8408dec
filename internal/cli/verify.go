package cli

import (
	"context"
	"errors"
	"sync"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/store"
)

// Verdicts of a real request with a kept login.
const (
	verdictWorks      = "works"
	verdictRefused    = "refused"
	verdictNoAnswer   = "no answer"
	verdictNotChecked = ""
)

const (
	// verifyTimeout bounds the proof of one login.
	verifyTimeout = 15 * time.Second
	// maxVerified is how many are proven at once.
	maxVerified = 8
)

// verify proves kept logins with a real request each: what the provider once
// said, or a date in a file, proves nothing. It renews tokens and asks nobody.
func (a *app) verify(ctx context.Context, entries []store.Entry, settings func(store.Entry) options, rows []loginRow) {
	var all sync.WaitGroup
	slots := make(chan struct{}, maxVerified)
	for i := range rows {
		if !entries[i].SignedIn || rows[i].Problem != "" {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			rows[i].Check, rows[i].Problem = a.verdict(ctx, settings(entries[i]), entries[i].Key.Server)
			rows[i].NeedsLogin = rows[i].NeedsLogin || rows[i].Check == verdictRefused
		})
	}
	all.Wait()
}

// verdict proves one login and says what is wrong with it.
func (a *app) verdict(ctx context.Context, o options, server string) (verdict, problem string) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	s, err := a.open(ctx, o, server, account.Inspect)
	if err != nil {
		return verdictNotChecked, foreign.Message(err.Error())
	}
	defer s.Close()
	err = s.Probe(ctx)
	var refused interface{ OAuthCode() string }
	switch {
	case err == nil:
		return verdictWorks, ""
	case errors.Is(err, oauth.ErrLoginRequired), errors.As(err, &refused) && !errors.Is(err, discovery.ErrUnavailable):
		return verdictRefused, foreign.Message(err.Error())
	}
	return verdictNoAnswer, foreign.Message(err.Error())
}
