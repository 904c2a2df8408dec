package oauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/retry"
)

// tokenHash recognizes a token without holding it.
type tokenHash string

func hashOf(token grant.Secret) tokenHash {
	if token.IsZero() {
		return ""
	}
	sum := sha256.Sum256([]byte(token.Reveal()))
	return tokenHash(hex.EncodeToString(sum[:]))
}

// renewal says why a new access token is needed.
type renewal struct {
	// failed is the token that is of no use, "" when none was sent.
	failed tokenHash
	// challenge is the server's, with 401 or 403.
	challenge discovery.Challenge
	// signIn requires a new login: a refreshed token was refused as well.
	signIn bool
	// stepUp requires more scopes (403 insufficient_scope), or another sign-in of the
	// person (RFC 9470).
	stepUp bool
	// quiet forbids asking a person.
	quiet bool
	// awaited says that another process waits for the outcome.
	awaited bool
}

// sharedRenewal is one renewal under way; everybody who needs one waits for it.
type sharedRenewal struct {
	*retry.Call[*Credential]
	quiet bool // it does not ask a person
}

// renew returns a credential whose token is not the failed one. All callers of
// the process share one renewal; it goes on when the one that began it gives
// up, because the others and the person's browser still need it.
func (c *Client) renew(ctx context.Context, why renewal) (*Credential, error) {
	for {
		shared, cred, err := c.joinRenewal(why)
		if shared == nil {
			return cred, err
		}
		if err := shared.Wait(ctx); err != nil {
			return nil, fmt.Errorf("wait for the login: %w", ctx.Err())
		}
		cred, err = shared.Result()
		if shared.quiet && !why.quiet && errors.Is(err, ErrLoginRequired) {
			continue // that one was not allowed to ask a person, this one is
		}
		return cred, err
	}
}

// joinRenewal joins the renewal under way or begins one. shared is nil when the result
// is known already.
func (c *Client) joinRenewal(why renewal) (shared *sharedRenewal, cred *Credential, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.usable(c.cred) && hashOf(c.Bearer(c.cred)) != why.failed {
		return nil, c.cred, nil // another request was quicker
	}
	if c.renewing != nil {
		return c.renewing, nil, nil
	}
	if c.busy != nil && !why.signIn && !why.stepUp && time.Now().Before(c.busyUntil) {
		return nil, nil, c.busy
	}
	if err := c.ctx.Err(); err != nil {
		return nil, nil, fmt.Errorf("sign in: %w", err)
	}
	shared = &sharedRenewal{retry.NewCall[*Credential](), why.quiet}
	c.renewing = shared
	c.work.Go(func() {
		cred, err := c.renewOnce(c.ctx, why)
		c.endRenewal(shared, cred, err)
	})
	return shared, nil, nil
}

func (c *Client) endRenewal(shared *sharedRenewal, cred *Credential, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.renewing, c.busy = nil, nil
	if busy := new(grant.NotSpentError); errors.As(err, &busy) && busy.RetryAfter > maxRetryAfter {
		c.busy, c.busyUntil = err, time.Now().Add(min(busy.RetryAfter, maxBusy))
	}
	if err == nil {
		c.cred, c.loaded = cred, true
		c.history = tokenHistory{got: time.Now(), doubted: c.history.doubted}
	}
	shared.End(cred, err)
}

// errPersonNeeded says that nothing else than a login helps.
var errPersonNeeded = errors.New("a person is needed")

// maxDetached is how often a login is handed to another process for one renewal: the
// second time when that process died.
const maxDetached = 2

// renewOnce is one renewal: with what is stored if that is enough, else with
// the person, in this process or in the one that StartDetached starts.
func (c *Client) renewOnce(ctx context.Context, why renewal) (*Credential, error) {
	if c.cfg.Enterprise != nil {
		return c.throughCompany(ctx, why)
	}
	for try := range maxDetached {
		began := time.Now()
		if try > 0 {
			c.log.Debug("the login ended without a word; another one begins in a moment")
			if err := AwaitShutdown(c.asking); err != nil {
				return nil, fmt.Errorf("sign in: %w", err)
			}
		}
		cred, detached, err := c.withoutPerson(ctx, why)
		switch {
		case !errors.Is(err, errPersonNeeded):
			return cred, err
		case !detached:
			return c.signIn(ctx, why, began)
		}
		unlock, err := c.lockLogin(ctx)
		if err != nil {
			return nil, fmt.Errorf("wait for the login: %w", err)
		}
		unlock()
		cred, err = c.finished(ctx, why, began)
		if !errors.Is(err, errPersonNeeded) {
			return cred, err
		}
		// It asked nobody, or died.
		if err = c.loggedOut(ctx, cred); err == nil {
			err = c.mayAsk(ctx, c.anyQuestion(cred, why), cred.Attempt)
		}
		if err != nil && !c.cfg.Store.LoginUnderWay(ctx, c.cfg.Key) {
			// What forbids it may be the login of another process that has
			// come to its end just now.
			if cred, newer := c.finished(ctx, why, began); !errors.Is(newer, errPersonNeeded) {
				return cred, newer
			}
			return nil, err
		}
	}
	return nil, c.personNeeded(fmt.Errorf("the login ended without a result: %w", ErrLoginRequired))
}

// withoutPerson is compare-and-adopt: under the lock that all processes share
// the store is read again, and when its token is not the failed one, another
// process has done the work and its token is used. Only then is a refresh
// token spent, once. errPersonNeeded says that this does not help; detached
// that a login in another process is then under way. It was started under the
// lock, so that there is one.
func (c *Client) withoutPerson(ctx context.Context, why renewal) (cred *Credential, detached bool, err error) {
	unlock, err := c.cfg.Store.Lock(ctx, c.cfg.Key)
	if err != nil {
		return nil, false, fmt.Errorf("wait for another process that renews the login: %w", err)
	}
	defer unlock()
	if cred, err = c.stored(ctx); err != nil {
		return nil, false, err
	}
	if c.serves(cred, why) {
		c.log.Debug("another process has renewed the login")
		return cred, false, nil
	}
	if WithoutPerson(c.cfg.Key.Grant) {
		cred, err = c.withoutAnybody(ctx, cred, why)
		return cred, false, err
	}
	if !why.signIn && !why.stepUp && !cred.RefreshToken.IsZero() {
		renewed, done, err := c.spendRefreshToken(ctx, cred, why)
		if done || err != nil {
			return renewed, false, err
		}
	}
	if why.quiet || c.cfg.Listen == nil || c.asking.Err() != nil {
		return nil, false, c.personNeeded(ErrLoginRequired)
	}
	if detached, err = c.startDetached(ctx, cred, why); err != nil {
		return nil, false, err
	}
	return nil, detached, errPersonNeeded
}

// spendRefreshToken renews cred, under the lock. done is false where that has led
// to nothing and only a login helps; an error means that the provider could not
// be asked, and nothing is lost.
func (c *Client) spendRefreshToken(ctx context.Context, cred *Credential, why renewal) (renewed *Credential, done bool, err error) {
	if since := time.Since(cred.Unanswered); since >= 0 && since < lostAnswerPause {
		return nil, false, &grant.Error{Op: "refresh the access token", Err: fmt.Errorf("%w: it did not answer a moment ago", discovery.ErrUnavailable)}
	}
	renewed, err = c.refreshPatiently(ctx, cred)
	switch {
	case err == nil:
		c.log.Debug("access token refreshed", "issuer", cred.Issuer, "expires", renewed.Expiry)
		c.save(ctx, renewed)
		return renewed, c.usable(renewed), nil
	case errors.Is(err, discovery.ErrUnavailable), errors.Is(err, grant.ErrNotSent), ctx.Err() != nil:
		if renewed.Unanswered.After(cred.Unanswered) {
			c.save(ctx, renewed)
		}
		return nil, false, err // nothing is lost: the refresh token stays
	case errors.Is(err, errOtherPerson):
		c.forgetRefused(ctx, cred, err)
		return nil, false, err
	}
	if newer, found := c.replaced(ctx, cred); found {
		// A sibling that could not lock was quicker: its answer counts.
		return newer, c.serves(newer, why), nil
	}
	c.forgetRefused(ctx, cred, err)
	return nil, false, nil
}

// personNeeded says what to do about err, which nothing but a sign-in mends.
func (c *Client) personNeeded(err error) error {
	return &grant.Error{Op: "sign in to " + c.cfg.Server.Redacted(), Err: err, Hint: "run: " + c.command("login")}
}

// serves reports whether a credential from the store is what is wanted.
func (c *Client) serves(cred *Credential, why renewal) bool {
	return c.fresh(cred) && hashOf(c.Bearer(cred)) != why.failed
}

// signIn asks the person in this process, unless somebody else has just done
// so. The credential's lock is not held meanwhile: requests that can do with
// what is stored go on.
func (c *Client) signIn(ctx context.Context, why renewal, began time.Time) (*Credential, error) {
	wait, cancel := context.WithTimeoutCause(ctx, c.cfg.LoginTimeout, grant.ErrLoginTimeout)
	defer cancel()
	followed := c.cfg.Store.LoginUnderWay(wait, c.cfg.Key)
	unlock, err := c.lockLogin(wait)
	if err != nil {
		return nil, c.personNeeded(fmt.Errorf("wait for another process that signs in: %w", cmp.Or(context.Cause(wait), err)))
	}
	defer unlock()
	cred, err := c.finished(ctx, why, began)
	if !errors.Is(err, errPersonNeeded) {
		return cred, err
	}
	if followed && !c.cfg.Interactive {
		if err := c.loggedOut(ctx, cred); err != nil {
			return nil, err
		}
		if err := AwaitShutdown(c.asking); err != nil {
			return nil, fmt.Errorf("sign in: %w", err)
		}
	}
	return c.newLogin(why, cred).run(ctx)
}

// lockLogin waits for the login of another process, if there is one, and
// shows it meanwhile.
func (c *Client) lockLogin(ctx context.Context) (unlock func(), err error) {
	following, stop := context.WithCancel(ctx)
	defer stop()
	unlock, err = c.cfg.Store.LockLogin(ctx, c.cfg.Key, func(p Prompt) {
		c.setPrompt(&p)
		if c.cfg.ShowOtherPrompt != nil {
			c.cfg.ShowOtherPrompt(following, p)
		}
	})
	c.setPrompt(nil)
	return unlock, err
}

// finished reads what a login has led to that ended since began. With
// errPersonNeeded the stored credential is returned: nobody was asked.
func (c *Client) finished(ctx context.Context, why renewal, began time.Time) (*Credential, error) {
	cred, err := c.stored(ctx)
	switch {
	case err != nil:
		return nil, err
	case c.serves(cred, why):
		c.log.Debug("another process has signed in")
		return cred, nil
	case cred.Attempt.Ended.After(began):
		return nil, cred.Attempt.err()
	}
	return cred, errPersonNeeded
}

// replaced returns what is stored now, if somebody has replaced cred's refresh
// token: with a file system that has no locks that happens.
func (c *Client) replaced(ctx context.Context, cred *Credential) (newer *Credential, found bool) {
	stored, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	return &stored, err == nil && !stored.RefreshToken.IsZero() && !stored.RefreshToken.Equal(cred.RefreshToken)
}

// forgetRefused drops what the provider has refused for good, and keeps that
// in the store: the refresh token, and a registration it does not know.
func (c *Client) forgetRefused(ctx context.Context, cred *Credential, err error) {
	c.log.Debug("the refresh token no longer works", "error", err)
	left, attempt := *cred, cred.Attempt
	left.RefreshToken, left.Attempt = grant.Secret{}, attempt.voided()
	if c.isCompany() {
		left.IDToken = grant.Secret{} // the provider has ended the login that it is of
		c.mu.Lock()
		c.cred = &left
		c.mu.Unlock()
	}
	var refused *grant.Error
	if errors.As(err, &refused) && grant.IsClientUnknown(refused.Code) && left.Registration.Dynamic {
		left.Registration.Doubted = true
	}
	c.save(ctx, &left)
	err = c.changeAsks(ctx, func(s AskState) AskState {
		return s.Knowing(c.cfg.Key.ID(), attempt, time.Now()).Voided(c.cfg.Key.ID())
	})
	if err != nil {
		c.log.Warn("cannot keep that the provider has ended the login", "error", err)
	}
}

// lostAnswerPause is how long nobody repeats a refresh whose answer was lost.
const lostAnswerPause = time.Minute

// refreshTries bounds how often a refresh is sent when the provider is busy or
// out of reach, and maxRetryAfter the Retry-After that a request waits for.
const (
	refreshTries      = 3
	firstRefreshPause = 400 * time.Millisecond
	maxRetryAfter     = 20 * time.Second
	// maxBusy bounds how long a provider is not asked because of its Retry-After.
	maxBusy = time.Hour
)

// refresh spends the refresh token of cred and returns the new credential; nothing is
// saved. With an error Unanswered may be set in it.
func (c *Client) refresh(ctx context.Context, cred *Credential) (*Credential, error) {
	renewed, t := *cred, cred.target(nil)
	token, err := c.grants.Refresh(ctx, t, cred.RefreshToken)
	if lost := (*grant.LostAnswerError)(nil); errors.As(err, &lost) {
		renewed.Unanswered = time.Now()
	}
	if err != nil {
		return &renewed, err
	}
	renewed.apply(token, t, time.Now())
	if c.isCompany() {
		renewed.IDToken = token.IDToken
	}
	err = c.samePerson(cred, token)
	if err != nil || c.isCompany() && token.IDToken.IsZero() { // only a person gets another: a later one had none to be compared with
		c.giveUp(ctx, &renewed)
	}
	return &renewed, err
}

// refreshPatiently repeats a refresh that the provider did not get, or refused
// to look at. One whose answer was lost is not repeated: the provider may have
// spent the refresh token, and a strict one takes a second use for theft and
// ends the whole login.
func (c *Client) refreshPatiently(ctx context.Context, cred *Credential) (*Credential, error) {
	for try := 1; ; try++ {
		renewed, err := c.refresh(ctx, cred)
		var busy *grant.NotSpentError
		if err == nil || try == refreshTries || !errors.As(err, &busy) || busy.RetryAfter > maxRetryAfter {
			return renewed, err
		}
		if retry.Sleep(ctx, max(busy.RetryAfter, retry.Backoff(try-1, firstRefreshPause, maxRetryAfter))) != nil {
			return renewed, err
		}
	}
}
