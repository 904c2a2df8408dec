package oauth

import (
	"context"
	"net/url"
	"slices"
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
	// ByDevice tells that people sign in with a code on another device: so they said, or
	// the client was registered for nothing else.
	ByDevice bool
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
	if err := c.checkIDToken(previous, found.Binding); err != nil {
		return ClientCheck{}, err
	}
	reg, err := c.clientToCheck(&found.Server, previous, redirectURI)
	if reg.ClientID == "" && c.cfg.Key.Grant != GrantJWTBearer {
		return ClientCheck{}, err
	}
	l := c.newLogin(renewal{challenge: challenge}, previous)
	l.found = found
	l.prepare(reg)
	check := ClientCheck{ClientID: foreign.Line(reg.ClientID), Dynamic: reg.Dynamic, RedirectURI: reg.RedirectURI, Resource: l.next.Resource, Secret: !reg.Public()}
	check.ByDevice = c.devicePolicy(previous) == DeviceAlways || reg.DeviceGrant && reg.RedirectURI == "" && found.Server.DeviceEndpoint != ""
	switch {
	case err != nil && WithoutPerson(c.cfg.Key.Grant):
		check.Granted = err
	case WithoutPerson(c.cfg.Key.Grant):
		check.Granted = l.asClient(ctx)
	case c.cfg.Enterprise != nil:
		check.Granted = l.asPerson(ctx)
	case check.ByDevice:
		if _, check.Granted = c.usesDevice(&found.Server, previous); check.Granted == nil {
			_, check.Granted = c.grants.AuthorizeDevice(ctx, l.target(found.Server.DeviceEndpoint))
		}
	default:
		l.checkCode(ctx, &check, err == nil && !reg.Dynamic)
	}
	return check, nil
}

// clientToCheck is the client to ask about, as a login would choose it. With an error that
// is about its secret it is returned all the same.
func (c *Client) clientToCheck(meta *discovery.ServerMetadata, previous *Credential, redirectURI string) (grant.Registration, error) {
	stored, document := previous.Registration, c.cfg.Over(previous.Choices).MetadataURL
	switch id := c.cfg.Identity; {
	case id.ClientID != "", c.cfg.Key.Grant == GrantJWTBearer:
		return c.givenClient(meta, stored, redirectURI)
	case document != "" && meta.ClientIDMetadata:
		return grant.DocumentClient(meta, document, redirectURI), nil
	case stored.ClientID != "" && stored.Provider().Same(meta.Provider()):
		return stored, nil
	case c.cfg.Enterprise == nil && c.devicePolicy(previous) != DeviceAlways && c.takesDocument(meta, stored, redirectURI): // others are asked for no redirect URI
		return grant.DocumentClient(meta, id.Document, redirectURI), nil
	}
	return grant.Registration{}, ErrNotFound
}

// checkCode asks about a login by redirect.
func (l *login) checkCode(ctx context.Context, check *ClientCheck, atToken bool) {
	server, reg := &l.found.Server, &l.next.Registration
	if server.AuthorizationEndpoint == "" || reg.RedirectURI == "" {
		return
	}
	check.Authorization, _ = l.grants.Probe(ctx, l.next.target(server))
	if atToken && server.TokenEndpoint != "" {
		if check.Code = l.grants.TryCode(ctx, l.next.target(server)); check.Code.GrantRefused() {
			check.Device = l.grants.TryDeviceCode(ctx, l.next.target(server))
		}
	}
	if !check.Authorization.RedirectRefused() {
		return
	}
	for _, similar := range similarRedirects(reg.RedirectURI) {
		reg.RedirectURI = similar
		if reply, err := l.grants.Probe(ctx, l.next.target(server)); err == nil && reply.Redirected {
			check.Similar = similar
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
		if s := other.String(); s != uri && !slices.Contains(all, s) {
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
	return all
}
