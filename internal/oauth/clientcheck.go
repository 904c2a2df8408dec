package oauth

import (
	"context"
	"net/url"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// ClientCheck is what a provider says of a client before anybody signs in with it.
type ClientCheck struct {
	// ClientID is the client, and Dynamic tells that it registered itself.
	ClientID string
	Dynamic  bool
	// RedirectURI and Resource are those that were asked about, Resource "" for none.
	RedirectURI, Resource string
	// Secret tells that a secret or a key was presented at the token endpoint.
	Secret bool
	// Authorization is what the authorization endpoint says, and Similar a redirect URI
	// that it takes where it refuses RedirectURI; "" for none.
	Authorization grant.Reply
	Similar       string
	// Code and Device are what the token endpoint says to an authorization code and a
	// device code that nobody has: which grants the client has, and whether its secret
	// is right. Device is asked about where Code is not allowed.
	Code, Device grant.Reply
	// Granted is how it ends to ask for a device code, or for a token of the client
	// itself, where the login is of that kind; nil when it was granted.
	Granted error
}

// CheckClient asks the provider of found about the client of c: without a person, and
// nothing of it is kept. A device code or a token of a client without a person that it
// leads to is thrown away. ErrNotFound means that there is no client yet. The client
// secret goes only where a login would send it; where it would not, the token endpoint
// is not asked.
func (c *Client) CheckClient(ctx context.Context, found discovery.Result, challenge discovery.Challenge, redirectURI string) (ClientCheck, error) {
	previous, err := c.load(ctx)
	if err != nil {
		return ClientCheck{}, err
	}
	reg, err := c.inquired(found.Server, previous, redirectURI)
	if reg.ClientID == "" {
		return ClientCheck{}, err
	}
	w := renewal{challenge: challenge, progress: &progress{}}
	cred := c.prepare(found, reg, previous, w)
	i := ClientCheck{ClientID: foreign.Line(reg.ClientID), Dynamic: reg.Dynamic, RedirectURI: reg.RedirectURI, Resource: cred.Resource, Secret: !reg.Public()}
	switch {
	case err != nil && c.cfg.Key.Grant == GrantClientCredentials:
		i.Granted = err
	case c.cfg.Key.Grant == GrantClientCredentials:
		_, i.Granted = c.requestAsClient(ctx, found, previous, w)
	case c.devicePolicy(previous) == DeviceAlways:
		if _, i.Granted = c.usesDevice(found.Server, previous); i.Granted == nil {
			_, i.Granted = c.grants.AuthorizeDevice(ctx, c.deviceTarget(cred, found.Server))
		}
	default:
		c.inquireCode(ctx, found.Server, cred, &i, err == nil && !reg.Dynamic)
	}
	return i, nil
}

// inquired is the client to ask about, as a login would choose it. With an error that
// is about its secret it is returned all the same.
func (c *Client) inquired(meta discovery.ServerMetadata, previous Credential, redirectURI string) (grant.Registration, error) {
	stored, document := previous.Registration, c.cfg.Over(previous.Choices).MetadataURL
	switch id := c.cfg.Identity; {
	case id.ClientID != "":
		return c.givenClient(meta, stored, redirectURI)
	case document != "" && meta.ClientIDMetadata:
		return grant.DocumentClient(meta, document, redirectURI), nil
	case stored.ClientID != "" && stored.Provider().Same(meta.Provider()):
		return stored, nil
	}
	return grant.Registration{}, ErrNotFound
}

// inquireCode asks about a login by redirect.
func (c *Client) inquireCode(ctx context.Context, meta discovery.ServerMetadata, cred Credential, i *ClientCheck, atToken bool) {
	if meta.AuthorizationEndpoint == "" || cred.Registration.RedirectURI == "" {
		return
	}
	i.Authorization, _ = c.grants.Probe(ctx, cred.target(meta))
	if atToken && meta.TokenEndpoint != "" {
		if i.Code = c.grants.TryCode(ctx, cred.target(meta)); i.Code.GrantRefused() {
			i.Device = c.grants.TryDeviceCode(ctx, cred.target(meta))
		}
	}
	if !i.Authorization.RedirectRefused() {
		return
	}
	for _, similar := range similarRedirects(cred.Registration.RedirectURI) {
		cred.Registration.RedirectURI = similar
		if reply, err := c.grants.Probe(ctx, cred.target(meta)); err == nil && reply.Redirected {
			i.Similar = similar
			return
		}
	}
}

// similarRedirects are other spellings of a redirect URI on this machine, the most
// common first: without the port, which tells that the provider compares it, by another
// name of the host, and with other paths.
func similarRedirects(uri string) (all []string) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "http" {
		return nil
	}
	add := func(host, port, path string) {
		other := *u
		other.Path, other.Host = path, host
		if port != "" {
			other.Host += ":" + port
		}
		if s := other.String(); s != uri {
			all = append(all, s)
		}
	}
	host, port := strings.TrimSuffix(u.Host, ":"+u.Port()), u.Port()
	add(host, "", u.Path)
	for _, name := range []string{"127.0.0.1", "localhost", "[::1]"} {
		add(name, port, u.Path)
	}
	add(host, port, strings.TrimSuffix(u.Path, "/"))
	add(host, port, strings.TrimSuffix(u.Path, "/")+"/")
	for _, path := range []string{"/", "", "/callback", "/oauth/callback"} {
		add(host, port, path)
	}
	return discovery.Union(all)
}
