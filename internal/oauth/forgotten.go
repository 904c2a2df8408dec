package oauth

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/oauth/discovery"
)

// clientUnknown reports whether the code of an error means that the provider does
// not know the client: the one of RFC 6749 section 5.2, and the one that providers
// such as Entra use instead.
func clientUnknown(code string) bool {
	return code == "invalid_client" || code == "unauthorized_client"
}

// signs are what error pages say of a client that is unknown, in small letters.
var signs = []string{
	"invalid_client", "invalid client", "unauthorized_client", "unauthorized client", "unknown client", "unknown_client", "client not found", "client_not_found",
	"client does not exist", "client doesn't exist", "no such client", "unrecognized client", "unregistered client", "client is not registered",
	"unknown application", "application not found", "app not found",
}

// forgotten asks the authorization endpoint whether it still knows a registration of an
// earlier login. Where it does not, a new one costs nobody anything: so all signs count,
// those of a provider's own error pages as well.
func (c *Client) forgotten(ctx context.Context, meta discovery.ServerMetadata, cred Credential) bool {
	p, err := c.probe(ctx, meta, cred)
	if err != nil {
		return false
	}
	unknown := p.reply().RedirectRefused() || saysUnknown(p.status, p.location, p.body, p.redirectURI)
	if unknown {
		c.log.Debug("the provider has forgotten the registered client", "status", p.status)
	}
	return unknown
}

// saysUnknown reads an answer of an authorization endpoint: an error of OAuth as
// JSON, a refusal that speaks of the client, or a redirect to a page for errors.
// A page with status 200 is one to sign in at, whatever its scripts hold.
func saysUnknown(status int, location string, body []byte, redirectURI string) bool {
	text := strings.ToLower(string(body))
	switch {
	case status/100 == 3:
		return leadsToError(location, redirectURI)
	case status >= 500 || status == http.StatusTooManyRequests:
		return false
	case status/100 == 4:
		return strings.Contains(text, "client_id") || hasSign(text)
	}
	e, coded := tokenAnswer{status: status, body: body}.told()
	return coded && (clientUnknown(e.Code) || hasSign(strings.ToLower(e.Description)))
}

func hasSign(text string) bool {
	return slices.ContainsFunc(signs, func(sign string) bool { return strings.Contains(text, sign) })
}

// leadsToError reports whether a redirect before any sign-in leads to an error about
// the client. One that comes back to us says so by its code; a page of the
// provider's own by its address, if that does not name another error.
func leadsToError(location, redirectURI string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	code := u.Query().Get("error")
	own := strings.HasPrefix(location, redirectURI) && redirectURI != ""
	if code != "" || own {
		return clientUnknown(code) || !own && hasSign(strings.ToLower(u.Query().Get("error_description")))
	}
	plain, err := url.QueryUnescape(location)
	if err == nil && hasSign(strings.ToLower(plain)) {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(u.Path+"/"+u.Fragment), func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "error") })
}
