package oauth

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// clientCredentials signs in as the client itself (RFC 6749, section 4.4; MCP extension
// OAuth Client Credentials). There is no person and no refresh token: a new token is
// requested when the old one ends. The caller holds the lock.
func (c *Client) clientCredentials(ctx context.Context, previous Credential, w renewal) (Credential, error) {
	found, err := c.discoverTokenEndpoint(ctx, previous, w)
	if err != nil {
		return Credential{}, err
	}
	cred, err := c.requestAsClient(ctx, found, previous, w)
	if err != nil {
		return Credential{}, err
	}
	c.save(ctx, cred)
	return cred, nil
}

// requestAsClient returns the credential that the client itself gets; it is not saved.
func (c *Client) requestAsClient(ctx context.Context, found discovery.Result, previous Credential, w renewal) (Credential, error) {
	const op = "sign in as the client"
	if c.cfg.Identity.ClientID == "" { // which no command line allows
		return Credential{}, fmt.Errorf("%s: no client is given", op)
	}
	reg, err := c.givenClient(found.Server, previous.Registration, "")
	if err != nil {
		return Credential{}, err
	}
	if reg.Public() {
		return Credential{}, &grant.Error{Op: op, Err: errors.New("the client has neither a secret nor a key"), Hint: "add --client-secret-file, MCP_LOGIN_CLIENT_SECRET or --client-key"}
	}
	cred := c.prepare(found, reg, previous, w)
	cred.Attempt = Attempt{}
	if c.cfg.Key.Scopes == nil { // there is no refresh token to ask for, and nobody to identify
		cred.RequestedScopes = slices.DeleteFunc(cred.RequestedScopes, func(s string) bool { return s == discovery.OfflineAccess || s == "openid" || s == scopeOrganizations })
	}
	t := cred.target(found.Server)
	token, err := c.grants.ClientCredentials(ctx, t)
	if err != nil {
		return Credential{}, err
	}
	cred.apply(token, t, c.now())
	return cred, nil
}

// discoverTokenEndpoint finds the token endpoint: the one the person gave, the one
// of the last time if the server has not spoken since, else by discovery.
func (c *Client) discoverTokenEndpoint(ctx context.Context, previous Credential, w renewal) (discovery.Result, error) {
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
		return discovery.Result{Resource: c.cfg.Server.String(), Server: discovery.ServerMetadata{Issuer: issuer, TokenEndpoint: u.String()}}, nil
	}
	if w.challenge.Scheme == "" && previous.Metadata.TokenEndpoint != "" && c.now().Sub(previous.MetadataAt) < metadataLifetime {
		return discovery.Result{Resource: previous.Resource, ScopesSupported: previous.RequestedScopes, Server: previous.Metadata}, nil
	}
	return c.discover(ctx, previous, w)
}
