package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/oauth/discovery"
)

// clientCredentials signs in as the client itself (RFC 6749, section 4.4; the
// MCP extension for client credentials, X1). There is no person and no refresh
// token: a new token is asked for when the old one ends. The caller holds the
// lock.
func (c *Client) clientCredentials(ctx context.Context, previous Credential, w want) (Credential, error) {
	const op = "sign in as the client"
	found, err := c.discoverForMachine(ctx, previous, w)
	if err != nil {
		return Credential{}, err
	}
	cred, form, err := c.machineRequest(found, previous, w)
	if err != nil {
		return Credential{}, err
	}
	if err := c.requestToken(ctx, op, &cred, form); err != nil {
		return Credential{}, err
	}
	// None is expected (RFC 6749, section 4.4.3), and none is used: the
	// client's own credentials are as good.
	cred.RefreshToken = Secret{}
	c.save(ctx, cred)
	return cred, nil
}

// machineRequest is the credential to fill, and the form to ask for its token with.
func (c *Client) machineRequest(found discovery.Result, previous Credential, w want) (Credential, url.Values, error) {
	const op = "sign in as the client"
	if c.cfg.Identity.ClientID == "" { // which no command line allows
		return Credential{}, nil, fmt.Errorf("%s: no client is given", op)
	}
	reg, err := c.givenClient(found.Server, previous.Registration, "")
	if err != nil {
		return Credential{}, nil, err
	}
	if reg.AuthMethod == authNone {
		return Credential{}, nil, &Error{Op: op, Err: errors.New("the client has neither a secret nor a key"), Hint: "add --client-secret-file, MCP_LOGIN_CLIENT_SECRET or --client-key"}
	}
	cred := c.prepare(found, reg, previous, w)
	cred.Attempt = Attempt{}
	if c.cfg.Key.Scopes == nil { // there is no refresh token to ask for, and nobody to identify
		cred.RequestedScopes = slices.DeleteFunc(cred.RequestedScopes, func(s string) bool { return s == discovery.OfflineAccess || s == "openid" || s == scopeOrganizations })
	}
	form := url.Values{"grant_type": {GrantClientCredentials}}
	if len(cred.RequestedScopes) > 0 {
		form.Set("scope", strings.Join(cred.RequestedScopes, " "))
	}
	return cred, form, nil
}

// discoverForMachine finds the token endpoint: the one the person gave, the one
// of the last time if the server has not spoken since, else by discovery.
func (c *Client) discoverForMachine(ctx context.Context, previous Credential, w want) (discovery.Result, error) {
	if endpoint := c.cfg.Over(previous.Choices).TokenEndpoint; endpoint != "" {
		u, err := discovery.CheckEndpoint("token endpoint", endpoint)
		if err != nil {
			return discovery.Result{}, &Error{Op: "read --token-endpoint", Err: err}
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
