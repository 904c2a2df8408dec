package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mcp-login/internal/oauth/grant"
)

// TokenStatus is what has become of a token at its provider.
type TokenStatus string

// Fates of a token.
const (
	NoToken       TokenStatus = "none"    // there was none
	Revoked       TokenStatus = "revoked" // the provider has ended it
	StillValid    TokenStatus = "valid"   // until it expires: the provider ends no such token
	StatusUnknown TokenStatus = "unknown" // the provider could not be asked
)

// LogoutResult is what has become of the tokens of a login that was ended.
type LogoutResult struct {
	RefreshToken, AccessToken TokenStatus
	// SelfContained tells that the access token is a JWT. Servers check those without
	// their provider, so that one goes on until it expires even where it was revoked.
	SelfContained bool
	// Expiry is when the access token ends, zero when that is not known.
	Expiry time.Time
}

// Lives reports whether whoever has a copy of the access token can still use it.
func (l LogoutResult) Lives(now time.Time) bool {
	alive := l.AccessToken == StillValid || l.AccessToken == StatusUnknown || l.AccessToken == Revoked && l.SelfContained
	return alive && (l.Expiry.IsZero() || now.Before(l.Expiry))
}

// selfContained reports whether a token has the form of a JWT (RFC 7519, section 3.1).
func selfContained(token grant.Secret) bool { return strings.Count(token.Reveal(), ".") == 2 }

// Logout revokes the tokens at the issuer and deletes the credential. The
// credential is deleted even when the provider cannot be reached; the error
// then wraps ErrUnavailable. ErrNotFound means that there was none. With
// unregister the client that was registered for the login is deleted at the
// provider as well (RFC 7592).
func (c *Client) Logout(ctx context.Context, unregister bool) (LogoutResult, error) {
	result, revoked, err := c.logout(ctx, unregister, func(*Credential) error { return c.cfg.Store.Delete(ctx, c.cfg.Key) })
	return result, cmp.Or(err, revoked)
}

// LogoutForNewLogin is Logout for somebody who is about to sign in again: what was said
// for the account stays, and the secret of a client that was given with it. A provider
// that does not revoke the tokens keeps nobody from that: it may have forgotten the
// client, which is why somebody signs in again.
func (c *Client) LogoutForNewLogin(ctx context.Context) error {
	_, revoked, err := c.logout(ctx, false, func(cred *Credential) error {
		kept := cred.withoutTokens()
		kept.SignedIn = time.Time{} // what is kept for the login that ends is for nobody
		if !kept.Established {
			return c.cfg.Store.Delete(ctx, c.cfg.Key)
		}
		if kept.Registration.Dynamic {
			kept.Registration = grant.Registration{Chosen: kept.Registration.Chosen}
		}
		return c.cfg.Store.Save(ctx, c.cfg.Key, kept)
	})
	if revoked != nil {
		c.log.Debug("the tokens of the earlier login are not revoked", "error", revoked)
	}
	return err
}

// logout does what Logout says; end replaces what is kept. revoked is why the provider
// has not revoked or deleted something.
func (c *Client) logout(ctx context.Context, unregister bool, end func(*Credential) error) (result LogoutResult, revoked, err error) {
	unlock, err := c.cfg.Store.Lock(ctx, c.cfg.Key)
	if err != nil {
		return result, nil, fmt.Errorf("lock the credential: %w", err)
	}
	defer unlock()
	// A person has acted, and all of it is forgotten.
	if err := c.changeAsks(ctx, func(AskState) AskState { return AskState{} }); err != nil {
		c.log.Warn("cannot forget when somebody was asked to sign in", "error", err)
	}
	cred, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	if errors.Is(err, ErrNotFound) {
		return result, nil, errors.Join(err, c.cfg.Store.Delete(ctx, c.cfg.Key))
	}
	if err == nil {
		result, revoked = c.revoke(ctx, &cred)
		if unregister && cred.Registration.Dynamic {
			revoked = errors.Join(revoked, c.grants.Unregister(ctx, cred.Registration))
		}
	}
	if failed := end(&cred); failed != nil {
		return result, revoked, fmt.Errorf("delete the credential: %w", failed)
	}
	c.mu.Lock()
	c.cred, c.loaded = &Credential{}, true
	if r := cred.Registration; !r.Dynamic && !r.ClientSecret.IsZero() {
		c.secretAt = r.Provider()
	}
	c.mu.Unlock()
	if err == nil && revoked == nil && !cred.HasToken() && !cred.Established {
		err = ErrNotFound // a sign-in that led to nothing
	}
	return result, revoked, err
}

// giveUpTimeout bounds giveUp: the lock of the account is held meanwhile.
const giveUpTimeout = 10 * time.Second

// giveUp drops the refresh token of cred, which is not to be used any more although it works.
// It is revoked at once if the provider can be asked: a later Logout does not have it.
func (c *Client) giveUp(ctx context.Context, cred *Credential) {
	ctx, cancel := context.WithTimeout(ctx, giveUpTimeout)
	defer cancel()
	if _, err := c.revoke(ctx, cred); err != nil {
		c.log.Debug("the tokens of a login that is given up are not revoked", "error", err)
	}
	cred.RefreshToken = grant.Secret{}
}

// revoke tells the issuer that the tokens are no longer used (RFC 7009). The
// refresh token goes first: it ends the whole grant at most providers.
func (c *Client) revoke(ctx context.Context, cred *Credential) (left LogoutResult, err error) {
	left = LogoutResult{RefreshToken: NoToken, AccessToken: NoToken, SelfContained: selfContained(cred.AccessToken), Expiry: cred.Expiry}
	for _, t := range []struct {
		hint  string
		token grant.Secret
		fate  *TokenStatus
	}{{"refresh_token", cred.RefreshToken, &left.RefreshToken}, {"access_token", cred.AccessToken, &left.AccessToken}} {
		switch {
		case t.token.IsZero():
			continue
		case cred.RevocationEndpoint == "":
			*t.fate = StillValid
			continue
		case err != nil:
			*t.fate = StatusUnknown
			continue
		}
		// A self-contained access token cannot be revoked at many providers
		// (unsupported_token_type); with its refresh token gone it soon ends.
		var revoked bool
		switch revoked, err = c.grants.Revoke(ctx, cred.target(nil), t.token, t.hint); {
		case err != nil:
			*t.fate = StatusUnknown
		case revoked:
			*t.fate = Revoked
		default:
			*t.fate = StillValid
		}
	}
	return left, err
}
