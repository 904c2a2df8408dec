package oauth

import (
	"context"
	"fmt"
	"slices"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// withoutAnybody signs in as the client itself (RFC 6749, section 4.4; MCP extension OAuth
// Client Credentials), or with the token of the platform (workload.go). There is no person
// and no refresh token: a new token is requested when the old one ends, and once for each
// renewal. The caller holds the lock.
func (c *Client) withoutAnybody(ctx context.Context, previous *Credential, why renewal) (*Credential, error) {
	l := c.newLogin(why, previous)
	var err error
	if l.found, err = c.discoverTokenEndpoint(ctx, previous, why); err != nil {
		return nil, err
	}
	if err := l.asClient(ctx); err != nil {
		return nil, err
	}
	c.save(ctx, &l.next)
	return &l.next, nil
}

// asClient gets a credential without a person; it is not saved.
func (l *login) asClient(ctx context.Context) error {
	const op = "sign in as the client"
	byPlatform := l.cfg.Key.Grant == GrantJWTBearer
	if l.cfg.Identity.ClientID == "" && !byPlatform { // which no command line allows
		return fmt.Errorf("%s: no client is given", op)
	}
	reg, err := l.givenClient(&l.found.Server, l.previous.Registration, "")
	if err != nil {
		return err
	}
	if reg.Public() && !byPlatform {
		hint := "add --client-secret-file, MCP_LOGIN_CLIENT_SECRET or --client-key"
		if l.previous.Registration.IsByAssertion() {
			hint = "add --client-credentials --assertion SOURCE"
		}
		return &grant.Error{Op: op, Err: fmt.Errorf("%w: the client has neither a secret nor a key", grant.ErrNotSent), Hint: hint}
	}
	l.prepare(reg)
	l.next.Attempt = Attempt{}
	if l.cfg.Key.Scopes == nil { // there is no refresh token to ask for, and nobody to identify
		l.next.RequestedScopes = slices.DeleteFunc(l.next.RequestedScopes, func(s string) bool { return s == discovery.OfflineAccess || s == "openid" || s == scopeOrganizations })
	}
	t := l.next.target(&l.found.Server)
	request := l.grants.ClientCredentials
	if byPlatform {
		request = l.byPlatform
	}
	token, err := request(ctx, t)
	if err != nil {
		return err
	}
	l.next.apply(token, t, time.Now())
	return nil
}

// discoverTokenEndpoint finds the token endpoint: the one the person gave, the one
// of the last time if the server has not spoken since, else by discovery.
func (c *Client) discoverTokenEndpoint(ctx context.Context, previous *Credential, why renewal) (discovery.Result, error) {
	if endpoint := c.cfg.Over(previous.Choices).TokenEndpoint; endpoint != "" {
		u, err := discovery.CheckEndpoint("token endpoint", endpoint)
		if err != nil {
			return discovery.Result{}, &grant.Error{Op: "read --token-endpoint", Err: err}
		}
		// The endpoint stands for its issuer, which is the audience of assertions.
		issuer := u.String()
		if c.cfg.Named != "" {
			issuer = discovery.IssuerOf(c.cfg.Named)
		}
		found := discovery.Result{Resource: c.cfg.Server.String(), Server: discovery.ServerMetadata{Issuer: issuer, TokenEndpoint: u.String()}}
		if why.challenge.DPoPOnly { // what the endpoint can do, nobody has said
			found.Binding, found.Asked = discovery.BoundOnly, true
		}
		return found, nil
	}
	if why.challenge.Scheme == "" && previous.Metadata.TokenEndpoint != "" && time.Since(previous.MetadataAt) < metadataLifetime {
		return discovery.Result{Resource: previous.Resource, ScopesSupported: previous.RequestedScopes, Server: previous.Metadata}, nil
	}
	return c.discover(ctx, previous, why)
}
