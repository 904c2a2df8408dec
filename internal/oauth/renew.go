package oauth

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"
)

// want says why a new access token is needed.
type want struct {
	// failed is the token that is of no use, zero when none was sent.
	failed Secret
	// challenge is the server's, with 401 or 403.
	challenge Challenge
	// fresh demands a new login: a refreshed token was refused as well.
	fresh bool
	// stepUp demands more scopes (403 insufficient_scope).
	stepUp bool
	// quiet forbids asking a person.
	quiet bool
}

// flight is one renewal under way; everybody who needs one waits for it.
type flight struct {
	done  chan struct{}
	quiet bool
	cred  Credential
	err   error
}

// brake is how long the end of a login that a person or the clock ended
// answers for further ones: the next request must not open another tab at once.
const brake = time.Minute

// renew returns a credential whose access token is not the failed one. All
// callers of the process share one renewal; it goes on when the one that
// began it gives up, because the others and the person's browser still need it.
func (c *Client) renew(ctx context.Context, w want) (Credential, error) {
	for {
		f, cred, err := c.board(w)
		if f == nil {
			return cred, err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return Credential{}, fmt.Errorf("wait for the login: %w", ctx.Err())
		}
		if f.quiet && !w.quiet && errors.Is(f.err, ErrLoginRequired) {
			continue // that one was not allowed to ask a person, this one is
		}
		return f.cred, f.err
	}
}

// board joins the renewal under way or begins one. f is nil when the answer
// is known already.
func (c *Client) board(w want) (f *flight, cred Credential, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cred.HasToken() && !c.cred.AccessToken.Equal(w.failed) {
		return nil, c.cred, nil // somebody else was quicker
	}
	if c.flight != nil {
		return c.flight, Credential{}, nil
	}
	if c.refused != nil && !w.quiet && c.now().Before(c.until) {
		return nil, Credential{}, c.refused
	}
	if err := c.ctx.Err(); err != nil {
		return nil, Credential{}, fmt.Errorf("sign in: %w", err)
	}
	f = &flight{done: make(chan struct{}), quiet: w.quiet}
	c.flight = f
	c.work.Go(func() { c.fly(f, w) })
	return f, Credential{}, nil
}

func (c *Client) fly(f *flight, w want) {
	f.cred, f.err = c.renewLocked(c.ctx, w)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flight = nil
	if f.err == nil {
		c.cred, c.loaded, c.refused = f.cred, true, nil
	} else if errors.Is(f.err, ErrDenied) || errors.Is(f.err, ErrLoginTimeout) {
		c.refused, c.until = f.err, c.now().Add(brake)
	}
	close(f.done)
}

// renewLocked is compare-and-adopt: under the lock that all processes share
// the store is read again, and when its token is not the failed one, another
// process has done the work and its token is used. Only then is a refresh
// token spent, once, and only then a person asked.
func (c *Client) renewLocked(ctx context.Context, w want) (Credential, error) {
	unlock, err := c.cfg.Store.Lock(ctx, c.cfg.Key)
	if err != nil {
		return Credential{}, fmt.Errorf("wait for another process that signs in: %w", err)
	}
	defer unlock()
	cred, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Credential{}, fmt.Errorf("read the stored credential: %w", err)
	}
	if cred.Fresh(c.now()) && !cred.AccessToken.Equal(w.failed) {
		c.log.Debug("another process has renewed the login")
		return cred, nil
	}
	if !w.fresh && !w.stepUp && !cred.RefreshToken.IsZero() {
		renewed, err := c.refreshPatiently(ctx, cred)
		if err == nil {
			c.log.Debug("access token refreshed", "issuer", cred.Issuer, "expires", renewed.Expiry)
			c.save(ctx, renewed)
			return renewed, nil
		}
		if errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return Credential{}, err // nothing is lost: the refresh token stays
		}
		cred = c.forgetRefused(ctx, cred, err)
	}
	if w.quiet || c.cfg.Listen == nil {
		return Credential{}, &Error{
			Op:   "sign in to " + c.cfg.Server.Redacted(),
			Err:  ErrLoginRequired,
			Hint: "run: mcp-login login " + c.cfg.Server.Redacted(),
		}
	}
	return c.login(ctx, cred, w)
}

// forgetRefused drops what the provider has refused for good, and keeps that
// in the store: the refresh token, and a registration it does not know.
func (c *Client) forgetRefused(ctx context.Context, cred Credential, err error) Credential {
	c.log.Debug("the refresh token is of no use any more", "error", err)
	cred.RefreshToken = Secret{}
	var refused *Error
	if errors.As(err, &refused) && refused.Code == "invalid_client" && cred.Registration.Dynamic {
		cred.Registration = Registration{}
	}
	c.save(ctx, cred)
	return cred
}

// refreshTries bounds how often a refresh is sent when the provider is busy or
// out of reach.
const refreshTries = 3

// refreshPatiently repeats a refresh that met a passing fault. A refresh
// token whose answer was lost may have been rotated; providers allow its
// repetition within a leeway, so the pauses are short.
func (c *Client) refreshPatiently(ctx context.Context, cred Credential) (Credential, error) {
	pause := 300 * time.Millisecond
	for try := 1; ; try++ {
		renewed, err := c.refresh(ctx, cred)
		if err == nil || try == refreshTries || !errors.Is(err, ErrUnavailable) {
			return renewed, err
		}
		select {
		case <-time.After(pause + rand.N(pause/2)):
			pause *= 3
		case <-ctx.Done():
			return renewed, err
		}
	}
}
