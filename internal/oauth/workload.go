package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// byPlatform gets a token for that of the platform (RFC 7523, section 2.1).
func (c *Client) byPlatform(ctx context.Context, t *grant.Target) (grant.Token, error) {
	assertion, err := c.platformToken(ctx, t.Server.Provider())
	if err != nil {
		return grant.Token{}, err
	}
	return c.grants.JWTBearer(ctx, t, assertion)
}

// clockSkew is how much the clock of the platform may be ahead of ours.
const clockSkew = time.Minute

// platformToken reads the token of the platform anew and returns it if it may be sent to p.
// Whoever gets it can present it wherever it is accepted. So it must be made for p, or the
// person must have named p: the MCP server alone, which names p otherwise, does not decide
// where it goes. One that p would refuse is not sent either. An error wraps
// [grant.ErrNotSent].
func (c *Client) platformToken(ctx context.Context, p discovery.Provider) (grant.Secret, error) {
	token, err := c.readPlatformToken(ctx, p)
	if err != nil {
		return grant.Secret{}, &grant.Error{Op: "present the token of the platform", Err: fmt.Errorf("%w: %w", grant.ErrNotSent, err), Hint: hint.Of(err)}
	}
	return token, nil
}

func (c *Client) readPlatformToken(ctx context.Context, p discovery.Provider) (grant.Secret, error) {
	source := c.cfg.Identity.Assertion
	if source == nil {
		return grant.Secret{}, hint.With(errors.New("it is not given"), "add --assertion SOURCE")
	}
	// An accepted name is not the provider's own: a token for it would be good at its owner.
	issuer := p.RequestedAs()
	token, err := source.Token(ctx, issuer)
	if err != nil {
		return grant.Secret{}, err
	}
	claims, err := grant.ReadAssertion(token)
	now := time.Now()
	switch {
	case err != nil:
		return grant.Secret{}, hint.With(fmt.Errorf("%s: %w", source, err), "let it hold the bare token: three parts with dots between them, without the word Bearer and without quotes")
	case !claims.For(issuer) && !c.named(p):
		audience := cmp.Or(foreign.LineOf(strings.Join(claims.Audience, " "), maxAudience), "nobody")
		return grant.Secret{}, hint.With(fmt.Errorf("%s: the token is for %s, and the server names the provider %s", source, audience, p),
			"let the platform make it for the audience of exactly this provider; or, if this provider trusts the platform and may use the token at whom it is for as well"+issuerFlag(", add: ", issuer))
	case claims.Expiry.IsZero():
		return grant.Secret{}, hint.With(fmt.Errorf("%s: the token does not say when it ends (RFC 7523, section 3)", source), "let the platform make one that ends")
	case !claims.Expiry.After(now):
		return grant.Secret{}, hint.With(fmt.Errorf("%s: the token ended at %s", source, claims.Expiry.UTC().Format(time.RFC3339)), "look why the platform has not replaced it, and whether the clock of this machine is right")
	case claims.NotBefore.After(now.Add(clockSkew)):
		return grant.Secret{}, hint.With(fmt.Errorf("%s: the token is valid from %s on", source, claims.NotBefore.UTC().Format(time.RFC3339)), "look whether the clock of this machine is right")
	}
	return token, nil
}

// maxAudience bounds the audiences in an error, in characters.
const maxAudience = 200
