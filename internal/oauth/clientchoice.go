package oauth

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/origin"
	"mcp-login/internal/site"
)

// register decides which client to be at an authorization server: the
// one the person gave, else the person's metadata document, else the stored
// registration if it is for this issuer, unexpired and for this redirect URI,
// else the metadata document of the project, else a new dynamic registration.
// redirectURI is "" for a login by device. A doubted registration is used where no
// other can be had.
func (l *login) register(ctx context.Context, redirectURI string) (grant.Registration, error) {
	server, stored, document := &l.found.Server, l.previous.Registration, l.cfg.Over(l.previous.Choices).MetadataURL
	chosen := l.chosenMetadata(stored)
	l.clientReused, l.clientOfProject = false, false
	usable := stored.UsableAt(server.Provider(), redirectURI, time.Now()) && stored.Chosen == chosen
	switch {
	case l.cfg.Identity.ClientID != "":
		l.warnOfUnused("the client is registered already")
		return l.givenClient(server, stored, redirectURI)
	case document != "" && server.ClientIDMetadata:
		l.warnOfUnused("the client is known by its metadata document")
		return grant.DocumentClient(server, document, redirectURI), nil
	case usable && (!stored.Doubted || server.RegistrationEndpoint == ""):
		l.clientReused = true
		return stored, nil
	case l.clientRefusal != nil:
		return grant.Registration{}, l.clientRefusal
	case (!l.documentRefused || server.RegistrationEndpoint == "") && l.takesDocument(server, stored, redirectURI):
		l.clientOfProject = true
		return grant.DocumentClient(server, l.cfg.Identity.Document, redirectURI), nil
	case server.RegistrationEndpoint != "":
		reg, err := l.grants.Register(ctx, server, redirectURI, chosen)
		if l.clientRefusal = err; err != nil && usable {
			l.log.Debug("no new registration; the earlier one goes on", "error", err)
			l.clientReused = true
			return stored, nil
		}
		return reg, explainAssumed(server, err)
	}
	where := "with the redirect URI " + withoutPort(redirectURI) + " (any port) or " + redirectURI
	switch {
	case l.cfg.Enterprise != nil:
		where = "with the grant " + grant.TypeJWTBearer
	case redirectURI == "":
		where = "with the device grant"
	case strings.HasPrefix(redirectURI, "https:"):
		where = "with the redirect URI " + redirectURI
	}
	return grant.Registration{}, &grant.Error{
		Op:   "register client",
		Err:  server.Missing("registration_endpoint", foreign.ShortAddress(server.Issuer)+" lets no client register itself"),
		Hint: "register a native (public) application there by hand, " + where + ", and start again with --client-id ID",
	}
}

// takesDocument reports whether the client is the one of the project's metadata document.
// Nothing that the person chose for the registration stands in it. Where a login with it
// has brought no answer, or the provider has refused it, the client registers itself, if
// it can.
func (c *Client) takesDocument(server *discovery.ServerMetadata, stored grant.Registration, redirectURI string) bool {
	document := c.cfg.Identity.Document
	doubted := stored.Doubted && stored.ClientID == document && stored.Provider().Same(server.Provider())
	return document != "" && server.ClientIDMetadata && grant.InDocument(withoutPort(redirectURI)) && c.chosenMetadata(stored) == "" &&
		(!doubted || server.RegistrationEndpoint == "")
}

// explainAssumed changes the hint of a refusal by an endpoint whose name was only
// assumed: the server may want something else than OAuth, or the provider must be named.
func explainAssumed(server *discovery.ServerMetadata, err error) error {
	var refused *grant.Error
	if server.Assumed() && errors.As(err, &refused) && !errors.Is(err, discovery.ErrUnavailable) {
		refused.Hint = "the server publishes nothing about its provider: if it, or a gateway before it, wants a key or a sign-in of its own, give it what it takes with --header 'Name: ${VARIABLE}'; else name the provider, as in --issuer https://login.example.com, or " + refused.Hint
	}
	return err
}

// givenClient is the client that the person registered. Its secret may have
// been given with an earlier login and be in the store since. It belongs to the
// issuer of that login: when the server names another one, nothing of it is
// presented there. An error about a secret comes with the client.
func (c *Client) givenClient(server *discovery.ServerMetadata, stored grant.Registration, redirectURI string) (grant.Registration, error) {
	id := c.cfg.Identity
	id.Confidential = c.cfg.Key.Grant == GrantClientCredentials // which no public client may use (RFC 6749, section 4.4)
	known := id.ClientID != "" && stored.ClientID == id.ClientID && !stored.Dynamic
	if known && !stored.Provider().Same(server.Provider()) {
		return grant.Registration{}, &grant.Error{
			Op:   "register client",
			Err:  fmt.Errorf("the client %s belongs to %s, and the server now names %s", foreign.Line(id.ClientID), stored.Provider(), server.Provider()),
			Hint: "if that is right, register a client at the new provider" + issuerFlag(", and name it: ", server.Provider().RequestedAs()) + "; mcp-login logout " + c.cfg.Server.Redacted() + " forgets the old one",
		}
	}
	if known && id.ClientSecret.IsZero() {
		id.ClientSecret = stored.ClientSecret
	}
	reg := id.Registration(server, stored, redirectURI, c.chosenMetadata(stored))
	if id.Assertion != nil && c.cfg.Key.Grant == GrantClientCredentials {
		reg = reg.ByAssertion()
	}
	if !reg.ClientSecret.IsZero() && (!known || stored.ClientSecret.IsZero()) {
		return reg, c.maySendSecret(server)
	}
	return reg, nil
}

// maySendSecret judges the first contact of a client secret with an issuer. The
// server names the issuer, and whoever runs the server would get the secret by naming
// one of its own. So the person must have named it as well, or it must be of the
// server's own site, to which the secret was given, or of this machine. Where the
// person has accepted a name that is not the metadata's own, all addresses that the
// secret is sent to must be of that site.
func (c *Client) maySendSecret(server *discovery.ServerMetadata) error {
	p := server.Provider()
	c.mu.Lock()
	before := c.secretAt
	c.mu.Unlock()
	near := c.isNear(p.Issuer)
	if p.FoundAt != "" {
		for _, address := range []string{p.FoundAt, server.TokenEndpoint, server.RevocationEndpoint, server.DeviceEndpoint, server.PushedEndpoint} {
			near = near && (address == "" || c.isNear(address) && c.isNear(server.AtCertificate(address)))
		}
	}
	switch {
	case near, c.named(p), p.Same(before):
		return nil
	}
	return &grant.Error{
		Op:   "send the client secret",
		Err:  fmt.Errorf("only the server %s names the provider %s, and it has not had the secret before: %w", c.cfg.Server.Host, p, ErrLoginRequired),
		Hint: "if this is the provider where the client is registered" + issuerFlag(", add: ", p.RequestedAs()),
	}
}

// named reports whether the person has named a provider, or its token endpoint in its place.
func (c *Client) named(p discovery.Provider) bool {
	return c.cfg.Named != "" && p.HasName(c.cfg.Named) || c.cfg.TokenEndpoint != "" && WithoutPerson(c.cfg.Key.Grant)
}

// isNear reports whether an address is of the server's own site, or of this machine.
func (c *Client) isNear(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (origin.Loopback(u.Hostname()) || site.Same(u, c.cfg.Server))
}

// issuerFlag returns lead with the flag that names an issuer. An issuer that needs
// quoting is described instead: what a stranger wrote is not for a shell.
func issuerFlag(lead, issuer string) string {
	if issuer != hint.Quote(issuer) {
		return lead + "--issuer with its exact address"
	}
	return lead + "--issuer " + issuer
}

// chosenMetadata are the members of the registration that the person chose now, else
// when the client was registered.
func (c *Client) chosenMetadata(stored grant.Registration) grant.ClientMetadata {
	return cmp.Or(c.cfg.Identity.Chosen, stored.Chosen)
}

// warnOfUnused says which of the members that the person chose have no effect.
func (c *Client) warnOfUnused(reason string) {
	if names := c.cfg.Identity.Chosen.Unused(); names != "" {
		c.log.Warn("members of the client metadata have no effect", "members", names, "reason", reason)
	}
}
