package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"mcp-login/internal/account"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
)

// challenged reads the WWW-Authenticate header (RFC 9110, section 11.6.1).
func (x *examination) challenged(context.Context) Finding {
	if x.response.status != http.StatusUnauthorized {
		return skipped("the server asks for no sign-in here")
	}
	c, ok := discovery.BearerChallenge(x.response.header)
	switch {
	case !ok && x.response.header.Get("WWW-Authenticate") != "":
		return failed("a key may be wanted instead: --header 'Name: ${VALUE}'", "it asks for %s, which is no OAuth", schemes(x.response.header))
	case !ok:
		return passed("401 without a challenge; the well-known addresses are tried")
	}
	x.challenge = c
	if c.ResourceMetadata() == "" {
		return passed("%s, without the address of its metadata; the well-known addresses are tried", wanted(c))
	}
	return passed("%s, metadata at %s%s", wanted(c), redacted(c.ResourceMetadata()), scopeList(c.Scopes()))
}

// wanted are the kinds of token that a challenge asks for.
func wanted(c discovery.Challenge) string {
	switch {
	case c.DPoPOnly:
		return "DPoP (tokens that are bound to a key)"
	case c.DPoP:
		return "Bearer or DPoP"
	}
	return "Bearer"
}

func schemes(h http.Header) string {
	var names []string
	for _, c := range discovery.ParseChallenges(h.Values("WWW-Authenticate")) {
		names = append(names, c.Scheme)
	}
	return strings.Join(names, ", ")
}

func scopeList(scopes []string) string {
	if len(scopes) == 0 {
		return ""
	}
	return ", scopes " + strings.Join(scopes, " ")
}

// needsLogin reports whether the OAuth checks mean anything.
func (x *examination) needsLogin() bool {
	return x.response != nil && x.response.status == http.StatusUnauthorized
}

// resourceMetadata fetches what RFC 9728 describes. A server that lets everybody in
// so far may want a sign-in for some of its tools, and then publishes it as well.
func (x *examination) resourceMetadata(ctx context.Context) Finding {
	if !x.needsLogin() && x.response.status != http.StatusOK {
		return skipped("no sign-in is asked for")
	}
	x.metadataClient = x.Connection.Guard(x.Server, x.Settings).HTTPClient()
	m, found, err := discovery.FetchResource(ctx, x.metadataClient, x.Server, x.challenge, x.Settings.Resource != "")
	switch {
	case err != nil:
		return failedBy(err, "the server's operator has to look at its protected-resource metadata (RFC 9728)")
	case !found && x.Settings.Named != "" && !x.Settings.OnlyListed:
		x.issuer = x.Settings.Named
		return passed("none; the provider is %s, by --issuer", x.issuer)
	case !found && !x.needsLogin():
		return skipped("none, and no sign-in is needed").then("if a tool needs one, run: " + x.command("login", "--force"))
	case !found:
		x.issuer = x.Server.Scheme + "://" + x.Server.Host
		return passed("none; as a server of 2025-03-26 it is taken for its own provider")
	}
	issuers := m.Issuers(x.Server)
	x.resource, x.issuer = &m, issuers[0]
	if named := x.Settings.Named; named != "" {
		listed := slices.ContainsFunc(issuers, func(one string) bool { return discovery.Provider{Issuer: one}.HasName(named) })
		switch x.issuer = named; {
		case listed:
		case x.Settings.OnlyListed:
			x.issuer = ""
			return failed("if this server is to be used with that provider all the same, say so for it alone, with --issuer", "the server names %s, and MCP_LOGIN_ISSUER is %s", strings.Join(issuers, ", "), named)
		default:
			return passed("resource %s, provider %s, but --issuer is %s, which is used", m.Resource, strings.Join(issuers, ", "), named)
		}
	}
	return passed("resource %s, provider %s%s", m.Resource, strings.Join(issuers, ", "), scopeList(m.ScopesSupported))
}

// providerMetadata fetches what RFC 8414 describes.
func (x *examination) providerMetadata(ctx context.Context) Finding {
	switch {
	case x.Settings.TokenEndpoint != "":
		return skipped("not asked: the token endpoint is %s", x.Settings.TokenEndpoint)
	case x.issuer == "":
		return skipped("no provider is known")
	}
	m, err := discovery.FetchServer(ctx, x.metadataClient, x.issuer, x.Settings.IssuerChoice)
	if err != nil {
		if x.resource == nil && !errors.Is(err, discovery.ErrIssuerMismatch) {
			return failed("the server's operator has to publish protected-resource metadata (RFC 9728); or name the provider, with --issuer", "no metadata of a provider at %s: %v", x.issuer, err)
		}
		return failedBy(err, "can "+x.issuer+" be reached from here? Else its operator has to look at its metadata (RFC 8414)")
	}
	x.provider = m
	resource := x.resource
	if resource == nil {
		resource = &discovery.ResourceMetadata{}
	}
	var kept oauth.Credential
	if acc, err := x.opened(ctx); err == nil {
		kept, _ = acc.Store.Load(ctx, acc.Key) // one without tokens may be bound as well
	}
	if x.found, x.noTokens = discovery.ResultOf(x.challenge, resource, m, kept.Bound()); x.noTokens != nil {
		return failedBy(x.noTokens, "")
	}
	leftOut := ""
	for _, reason := range m.LeftOut() {
		leftOut += "; left out: " + reason.Error()
	}
	if m.FoundAt != "" {
		leftOut = ", as the metadata of " + redacted(m.FoundAt) + " calls itself, which was accepted (--accept-issuer)" + leftOut
	}
	if x.found.Binding != discovery.Unbound {
		leftOut = ", tokens bound to a key (DPoP)" + leftOut
	}
	return passed("%s, authorization at %s%s", m.Issuer, redacted(m.AuthorizationEndpoint), leftOut)
}

// registration tells how this client becomes known to the provider.
func (x *examination) registration(context.Context) Finding {
	switch m := x.provider; {
	case x.Settings.ClientID != "":
		return passed("client %s, registered by hand", x.Settings.ClientID)
	case x.Settings.MetadataURL != "" && m.ClientIDMetadata:
		return passed("by the client ID metadata document %s", x.Settings.MetadataURL)
	case m.RegistrationEndpoint != "":
		return passed("dynamic (RFC 7591)")
	case x.Settings.Enterprise != "":
		return failed("register a client there that may use assertions (RFC 7523) and give its id with --client-id", "%s registers no clients by itself", m.Issuer)
	}
	return failed("register a native application there with the redirect URI "+x.redirectURI()+" and give its id with --client-id", "%s registers no clients by itself", x.provider.Issuer)
}

// redirectURI is what a person has to enter at the provider.
func (x *examination) redirectURI() string {
	c, _ := account.CallbackOf(x.Settings.Choices, x.Settings.Client) // checked at the start
	if c.URI != "" {
		return c.URI
	}
	host := c.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if c.Port == 0 {
		return "http://" + host + c.Path + " (any port; if it insists on one, add --callback-port 33418 and enter that)"
	}
	return (&url.URL{Scheme: "http", Host: host + ":" + strconv.Itoa(c.Port), Path: c.Path}).String()
}

func (x *examination) pkce(context.Context) Finding {
	switch {
	case x.Settings.Enterprise != "":
		return skipped("nobody signs in at %s", x.provider.Issuer)
	case slices.Contains(x.provider.CodeChallengeMethods, "S256"):
		return passed("S256")
	case x.provider.SilentOnPKCE():
		return passed("S256 is sent, though %s does not say that it checks PKCE", x.provider.Issuer)
	}
	return failed("ask its operator to support S256", "%s offers only other methods of PKCE than S256", x.provider.Issuer)
}
