package discovery

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/site"
)

// IssuerChoice is what a person has said about the authorization server, now or
// when the account signed in.
type IssuerChoice struct {
	// Named is the one to sign in at, as its issuer or the address of its metadata,
	// "" for the one that the server lists.
	Named string
	// OnlyListed takes Named only where the server lists it: what named it may have
	// been meant for other servers.
	OnlyListed bool
	// Accepted is what the metadata may call itself besides what it was found under,
	// "" for nothing else.
	Accepted string
	// KeptAt and Kept are such a pair that was accepted before: what the metadata
	// was found under, and what it called itself.
	KeptAt, Kept string
}

// WithKept returns the choice with p, which an account was accepted to sign in at.
func (ch IssuerChoice) WithKept(p Provider) IssuerChoice {
	if p.FoundAt != "" && ch.Accepted == "" {
		ch.KeptAt, ch.Kept = p.FoundAt, p.Issuer
	}
	return ch
}

// accepts reports whether metadata that was requested as at may call itself issuer,
// although that is another name.
func (ch IssuerChoice) accepts(at, issuer string) bool {
	return issuer != "" && (issuer == ch.Accepted || issuer == ch.Kept && SameIssuer(at, ch.KeptAt))
}

// isNameOf reports whether metadata that was requested as at is that of issuer.
func isNameOf(at, issuer string) bool { return issuer != "" && Provider{Issuer: issuer}.HasName(at) }

// allowsCached reports whether cached, read before, is what would be requested as at.
func (ch IssuerChoice) allowsCached(cached *ServerMetadata, at string) bool {
	if cached.FoundAt == "" {
		return isNameOf(at, cached.Issuer)
	}
	return SameIssuer(at, cached.FoundAt) && ch.accepts(at, cached.Issuer)
}

// Overrides reports whether the person decides about the issuer, and not the server.
func (ch IssuerChoice) Overrides() bool { return ch.Named != "" && !ch.OnlyListed }

// candidates are the issuers to try, of those that the server lists. known, the one of
// an earlier login, comes first if it is among them.
func (ch IssuerChoice) candidates(listed []string, known string) ([]string, error) {
	switch {
	case ch.Named == "":
		return preferred(listed, known), nil
	case ch.Overrides():
		return []string{ch.Named}, nil
	}
	if i := slices.IndexFunc(listed, func(issuer string) bool { return Provider{Issuer: IssuerOf(issuer)}.HasName(ch.Named) }); i >= 0 {
		return listed[i : i+1], nil
	}
	return nil, &NotListedError{ch.Named, preferred(listed, known)}
}

// NotListedError means that the server does not list IssuerChoice.Named, with
// OnlyListed set.
type NotListedError struct {
	Named  string
	Listed []string
}

// Error implements error.
func (e *NotListedError) Error() string {
	var shown []string
	for _, issuer := range e.Listed {
		shown = append(shown, foreign.ShortAddress(issuer))
	}
	return fmt.Sprintf("the server names %s, and MCP_LOGIN_ISSUER is %s", foreign.Line(strings.Join(shown, ", ")), foreign.ShortAddress(e.Named))
}

// preferred bounds the list and puts known first when it is in it.
func preferred(issuers []string, known string) []string {
	if len(issuers) > maxAuthorizationServers {
		issuers = issuers[:maxAuthorizationServers]
	}
	for _, issuer := range issuers {
		if SameIssuer(issuer, known) {
			return Union([]string{issuer}, issuers)
		}
	}
	return issuers
}

// checkIssuer compares what a document calls itself with what it was requested as (RFC
// 8414, section 3.3). Where a person has accepted another name, m.FoundAt is set.
func (ch IssuerChoice) checkIssuer(m *ServerMetadata, at string, from *url.URL) error {
	switch {
	case m.leftOut["issuer"] != nil:
		return m.leftOut["issuer"]
	case isNameOf(at, m.Issuer):
		return nil
	case ch.accepts(at, m.Issuer):
		m.FoundAt = at
		return nil
	}
	return m.issuerMismatch(at, from)
}

// ErrIssuerMismatch says that metadata calls itself something else than what it was
// requested as.
var ErrIssuerMismatch = errors.New("metadata of another name")

// issuerMismatch is the error for a document that calls itself something else, with
// what a person can do. The name is offered for copying only where everything that the
// document names is of one site and needs no quoting.
func (m *ServerMetadata) issuerMismatch(at string, from *url.URL) error {
	e := &hint.Error{
		Op: "check the issuer", Err: errors.New("the document at " + foreign.ShortAddress(from.String()) + " does not say what it calls itself"),
		Hint: "this is a fault of the provider (RFC 8414, section 2, requires issuer): tell its operator",
	}
	if m.Issuer == "" {
		return e
	}
	e.Err = fmt.Errorf("%w: the document at %s calls itself %s", ErrIssuerMismatch, foreign.ShortAddress(from.String()), foreign.Line(m.Issuer))
	const rule = "both must be the same (RFC 8414, section 3.3)"
	switch other := m.otherSite(at, from); {
	case other != "":
		e.Hint = rule + ", and they are not even of one site: the metadata is at " + from.Hostname() + ", " + foreign.Line(other) +
			"; ask the server's operator, and only if the provider is known to be like that, accept its name with --accept-issuer, letter by letter"
	case m.Issuer != hint.Quote(m.Issuer):
		e.Hint = rule + "; if this is the provider, accept the name: --accept-issuer with exactly what it calls itself, in quotes"
	default:
		e.Hint = rule + "; if this is the provider, accept the name for this account, with: --accept-issuer " + m.Issuer
	}
	return e
}

// otherSite names a part of the document that is of another site than from, where it
// was found; "" where there is none.
func (m *ServerMetadata) otherSite(at string, from *url.URL) string {
	for _, part := range []struct{ name, address string }{
		{"it was asked for as", at},
		{"it calls itself", m.Issuer},
		{"its authorization_endpoint is", m.AuthorizationEndpoint},
		{"its token_endpoint is", m.TokenEndpoint},
		{"its registration_endpoint is", m.RegistrationEndpoint},
		{"its revocation_endpoint is", m.RevocationEndpoint},
		{"its device_authorization_endpoint is", m.DeviceEndpoint},
		{"its end_session_endpoint is", m.EndSessionEndpoint},
		{"its pushed_authorization_request_endpoint is", m.PushedEndpoint},
		{"one of its mtls_endpoint_aliases is", m.Aliases["token_endpoint"]},
		{"one of its mtls_endpoint_aliases is", m.Aliases["revocation_endpoint"]},
		{"one of its mtls_endpoint_aliases is", m.Aliases["device_authorization_endpoint"]},
		{"one of its mtls_endpoint_aliases is", m.Aliases["pushed_authorization_request_endpoint"]},
	} {
		if part.address == "" {
			continue
		}
		if u, err := url.Parse(part.address); err != nil || u.Scheme != from.Scheme || !site.Same(u, from) {
			return part.name + " " + part.address
		}
	}
	return ""
}

// SameIssuer reports whether two spellings name one issuer. Only an empty path
// and "/" are the same address (RFC 3986, section 6.2.3); the iss of a redirect
// is compared letter by letter, with the spelling of the document (RFC 9207,
// section 2.4).
func SameIssuer(a, b string) bool {
	if a == b {
		return true
	}
	bare := strings.TrimSuffix(a, "/")
	u, err := url.Parse(bare)
	return err == nil && bare == strings.TrimSuffix(b, "/") && u.Host != "" && u.Path == "" && !strings.ContainsAny(bare, "?#")
}

// Provider names an authorization server by what it calls itself and by where its
// metadata was found. Clients, secrets and tokens belong to both: anybody can publish
// a document with a name that is not his.
type Provider struct {
	// Issuer is what the metadata calls itself (RFC 8414, section 2).
	Issuer string
	// FoundAt is the issuer or address that the metadata was requested for, "" where
	// that is Issuer.
	FoundAt string
}

// Same reports whether two providers are one.
func (p Provider) Same(other Provider) bool {
	return SameIssuer(p.Issuer, other.Issuer) && SameIssuer(p.FoundAt, other.FoundAt)
}

// RequestedAs returns the issuer or address that the metadata is requested for.
func (p Provider) RequestedAs() string { return cmp.Or(p.FoundAt, p.Issuer) }

// HasName reports whether name, an issuer or the address of a metadata document as a
// person gives it, means this provider.
func (p Provider) HasName(name string) bool {
	issuer, at := IssuerOf(name), p.RequestedAs()
	return SameIssuer(name, at) || issuer != name && issuer == strings.TrimSuffix(at, "/")
}

// String returns the filtered name for an error.
func (p Provider) String() string {
	if p.FoundAt == "" {
		return foreign.ShortAddress(p.Issuer)
	}
	return foreign.ShortAddress(p.Issuer) + " (as the metadata of " + foreign.ShortAddress(p.FoundAt) + " calls itself)"
}

// Issued reports whether iss, of a redirect or an ID token, is this issuer: letter by
// letter. A provider for many tenants publishes a template, and the tenant of the
// person stands in its place in what it issues; such a document is used only if a
// person has accepted its name. A {name} that is a whole segment of the path then
// stands for one segment of letters, digits and hyphens; everything else, the host
// included, is compared letter by letter.
func (p Provider) Issued(iss string) bool {
	if iss == p.Issuer || p.FoundAt == "" {
		return iss == p.Issuer
	}
	template, got := strings.Split(p.Issuer, "/"), strings.Split(iss, "/")
	if len(template) != len(got) {
		return false
	}
	for i, segment := range template {
		// 0 to 2 are the scheme and the host.
		isName := i > 2 && len(segment) > 2 && segment[0] == '{' && strings.IndexByte(segment, '}') == len(segment)-1
		if got[i] != segment && (!isName || !isTenant(got[i])) {
			return false
		}
	}
	return true
}

func isTenant(segment string) bool {
	return segment != "" && len(segment) <= 64 && strings.Trim(segment, foreign.Alphanumeric+"-") == ""
}

const wellKnown = "/.well-known/"

// issuerOfDocument returns the issuer that the metadata document at u must have (RFC
// 8414, section 3.3, backwards), without the slash at the end that such addresses
// leave out. ok is false where u is the address of no such document.
func issuerOfDocument(u *url.URL) (issuer string, ok bool) {
	before, after, ok := strings.Cut(u.EscapedPath(), wellKnown)
	kind, path, _ := strings.Cut(after, "/")
	if !ok || before != "" && path != "" || kind != "oauth-authorization-server" && kind != "openid-configuration" {
		return "", false
	}
	if path != "" {
		before = "/" + strings.TrimSuffix(path, "/")
	}
	return u.Scheme + "://" + u.Host + before, true
}

// IssuerOf returns the issuer that is meant by name: name itself, or where it is the
// address of a metadata document the issuer of that.
func IssuerOf(name string) string {
	if u, err := url.Parse(name); err == nil {
		if issuer, ok := issuerOfDocument(u); ok {
			return issuer
		}
	}
	return name
}
