package doctor

import (
	"context"
	"errors"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
)

// Verdict is what a real request with a kept login has shown.
type Verdict string

// The verdicts.
const (
	Works      Verdict = "works"
	Refused    Verdict = "refused"
	NoAnswer   Verdict = "no answer"
	NotChecked Verdict = ""
)

// verifyTimeout bounds the check of one login.
const verifyTimeout = 15 * time.Second

// Verify proves a kept login with a real request: what the provider once said, or a date
// in a file, proves nothing. It renews the token and asks nobody. open opens the account;
// problem is for people, "" where the login works.
func Verify(ctx context.Context, open func(ctx context.Context) (*account.Account, error)) (v Verdict, problem string) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	opened, err := open(ctx)
	if err != nil {
		return NotChecked, foreign.Message(err.Error())
	}
	defer opened.Close()
	err = opened.Probe(ctx)
	var refused interface{ OAuthCode() string }
	switch {
	case err == nil:
		return Works, ""
	case errors.Is(err, oauth.ErrLoginRequired), errors.As(err, &refused) && !errors.Is(err, discovery.ErrUnavailable):
		return Refused, foreign.Message(err.Error())
	}
	return NoAnswer, foreign.Message(err.Error())
}
