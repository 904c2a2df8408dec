package oauth

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// SameIssuer reports whether two spellings name one issuer. Only an empty path
// and "/" are the same address (RFC 3986, section 6.2.3); the iss of a redirect
// stays compared to the letter, with the spelling of the document (RFC 9207,
// section 2.4).
func SameIssuer(a, b string) bool {
	if a == b {
		return true
	}
	bare := strings.TrimSuffix(a, "/")
	u, err := url.Parse(bare)
	return err == nil && bare == strings.TrimSuffix(b, "/") && u.Host != "" && u.Path == "" && !strings.ContainsAny(bare, "?#")
}

// provider is an authorization server: what it calls itself, and the issuer or
// address that its metadata was asked for under, "" where that is the same. Clients,
// secrets and tokens belong to both: anybody can publish a document with a name
// that is not his.
type provider struct{ issuer, foundAt string }

func (m ServerMetadata) provider() provider { return provider{m.Issuer, m.FoundAt} }
func (c Credential) provider() provider     { return provider{c.Issuer, c.FoundAt} }
func (r Registration) provider() provider   { return provider{r.Issuer, r.FoundAt} }

// From reports whether the tokens of c are of the provider with this metadata.
func (c Credential) From(m ServerMetadata) bool { return c.provider().is(m.provider()) }

func (p provider) is(other provider) bool {
	return SameIssuer(p.issuer, other.issuer) && SameIssuer(p.foundAt, other.foundAt)
}

// at is what its metadata is asked for under.
func (p provider) at() string { return cmp.Or(p.foundAt, p.issuer) }

// String names p in an error.
func (p provider) String() string {
	if p.foundAt == "" {
		return foreign.ShortAddress(p.issuer)
	}
	return foreign.ShortAddress(p.issuer) + " (as the metadata of " + foreign.ShortAddress(p.foundAt) + " calls itself)"
}

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

// KeptIn returns the choice with the pair that was accepted for cred.
func (ch IssuerChoice) KeptIn(cred Credential) IssuerChoice {
	if cred.FoundAt != "" && ch.Accepted == "" {
		ch.KeptAt, ch.Kept = cred.FoundAt, cred.Issuer
	}
	return ch
}

// accepts reports whether metadata that was found under at may call itself issuer.
func (ch IssuerChoice) accepts(at, issuer string) bool {
	return issuer != "" && (issuer == ch.Accepted || issuer == ch.Kept && SameIssuer(at, ch.KeptAt))
}

// covers reports whether metadata that is asked for under at is that of issuer.
func (ch IssuerChoice) covers(at, issuer string) bool {
	return issuer != "" && Names(at, issuer, "")
}

// serves reports whether metadata that was read before is what is asked for under
// at.
func (ch IssuerChoice) serves(cached ServerMetadata, at string) bool {
	if cached.FoundAt == "" {
		return ch.covers(at, cached.Issuer)
	}
	return SameIssuer(at, cached.FoundAt) && ch.accepts(at, cached.Issuer)
}

// names reports whether the person decides, and not the server.
func (ch IssuerChoice) names() bool { return ch.Named != "" && !ch.OnlyListed }

// among are the issuers to try, of those that the server lists.
func (ch IssuerChoice) among(listed []string, known string) ([]string, error) {
	switch {
	case ch.Named == "":
		return preferred(listed, known), nil
	case ch.names():
		return []string{ch.Named}, nil
	}
	if i := slices.IndexFunc(listed, func(issuer string) bool { return Names(ch.Named, issuerOf(issuer), "") }); i >= 0 {
		return listed[i : i+1], nil
	}
	return nil, otherIssuer(ch.Named, preferred(listed, known)...)
}

// otherIssuer says that the server names other issuers than the variable.
func otherIssuer(named string, listed ...string) error {
	var shown []string
	for _, issuer := range listed {
		shown = append(shown, foreign.ShortAddress(issuer))
	}
	return &Error{
		Op: "find the authorization server", Err: fmt.Errorf("the server names %s, and MCP_LOGIN_ISSUER is %s: %w", foreign.Line(strings.Join(shown, ", ")), foreign.ShortAddress(named), ErrLoginRequired),
		Hint: "nothing was sent there; if this server is to be used with that provider all the same, say so for it alone" + pinHint(": ", named),
	}
}

const wellKnown = "/.well-known/"

// named reads what a person has named: an issuer, or the address of a metadata
// document. Of an address it returns the issuer that the document must have (RFC
// 8414, section 3.3, backwards), without the slash that such addresses leave out.
func named(u *url.URL) (issuer string, isDocument bool) {
	before, after, ok := strings.Cut(u.EscapedPath(), wellKnown)
	kind, path, _ := strings.Cut(after, "/")
	if !ok || before != "" && path != "" || kind != "oauth-authorization-server" && kind != "openid-configuration" {
		return u.String(), false
	}
	if path != "" {
		before = "/" + strings.TrimSuffix(path, "/")
	}
	return u.Scheme + "://" + u.Host + before, true
}

// issuerOf is the issuer that a person has named by it or by its document.
func issuerOf(name string) string {
	if u, err := url.Parse(name); err == nil {
		if issuer, isDocument := named(u); isDocument {
			return issuer
		}
	}
	return name
}

// Names reports whether what a person has named, an issuer or the address of its
// metadata, is the provider that calls itself issuer and whose metadata was found
// under at, "" for its own address.
func Names(name, issuer, at string) bool {
	at = cmp.Or(at, issuer)
	own := issuerOf(name)
	return SameIssuer(name, at) || own != name && own == strings.TrimSuffix(at, "/")
}

// identify compares what a document calls itself with what it was asked for under,
// and notes in m where it was found, if a person has accepted another name.
func (ch IssuerChoice) identify(m *ServerMetadata, at string, from *url.URL) error {
	switch {
	case m.leftOut["issuer"] != nil:
		return m.leftOut["issuer"]
	case ch.covers(at, m.Issuer):
		return nil
	case ch.accepts(at, m.Issuer):
		m.FoundAt = at
		return nil
	}
	return m.otherName(at, from)
}

// ErrOtherName says that metadata calls itself something else than what it was found
// under.
var ErrOtherName = errors.New("metadata of another name")

// otherName is the refusal of a document that calls itself something else, with
// the way past it.
func (m ServerMetadata) otherName(at string, from *url.URL) error {
	e := &Error{
		Op: "check the issuer", Err: errors.New("the document at " + foreign.ShortAddress(from.String()) + " does not say what it calls itself"),
		Hint: "this is a fault of the provider (RFC 8414, section 2, requires issuer): tell its operator",
	}
	if m.Issuer == "" {
		return e
	}
	e.Err = fmt.Errorf("%w: the document at %s calls itself %s", ErrOtherName, foreign.ShortAddress(from.String()), foreign.Line(m.Issuer))
	const rule = "both must be the same (RFC 8414, section 3.3)"
	switch foreigner := m.ofAnotherSite(at, from); {
	case foreigner != "":
		e.Hint = rule + ", and they are not even of one site: the metadata is at " + from.Hostname() + ", " + foreign.Line(foreigner) +
			"; ask the server's operator, and only if the provider is known to be like that, accept its name with --accept-issuer, letter by letter"
	case m.Issuer != Quoted(m.Issuer):
		e.Hint = rule + "; if this is the provider, accept the name: --accept-issuer with exactly what it calls itself, in quotes"
	default:
		e.Hint = rule + "; if this is the provider, accept the name for this account, with: --accept-issuer " + m.Issuer
	}
	return e
}

// ofAnotherSite says what of a document is of another site than the place where it
// was found, "" where nothing is.
func (m ServerMetadata) ofAnotherSite(at string, from *url.URL) string {
	for _, part := range []struct{ name, address string }{
		{"it was asked for as", at},
		{"it calls itself", m.Issuer},
		{"its authorization_endpoint is", m.AuthorizationEndpoint},
		{"its token_endpoint is", m.TokenEndpoint},
		{"its registration_endpoint is", m.RegistrationEndpoint},
		{"its revocation_endpoint is", m.RevocationEndpoint},
		{"its device_authorization_endpoint is", m.DeviceEndpoint},
		{"its end_session_endpoint is", m.EndSessionEndpoint},
	} {
		if part.address == "" {
			continue
		}
		if u, err := url.Parse(part.address); err != nil || u.Scheme != from.Scheme || !origin.SameSite(u, from) {
			return part.name + " " + part.address
		}
	}
	return ""
}

// isFrom reports whether iss, of an answer or an ID token, is this issuer: to the
// letter. A provider for many tenants publishes a template, and the tenant that
// somebody belongs to stands in its place in what it issues; such a document is used
// only if a person has accepted its name. A {name} that is a whole segment of the
// path then stands for one segment of letters, digits and hyphens, as tenants have
// them; the rest, with the host, stays compared to the letter.
func (p provider) isFrom(iss string) bool {
	if iss == p.issuer || p.foundAt == "" {
		return iss == p.issuer
	}
	template, said := strings.Split(p.issuer, "/"), strings.Split(iss, "/")
	if len(template) != len(said) {
		return false
	}
	for i, segment := range template {
		// 0 to 2 are the scheme and the host.
		isName := i > 2 && len(segment) > 2 && segment[0] == '{' && strings.IndexByte(segment, '}') == len(segment)-1
		if said[i] != segment && (!isName || !isTenant(said[i])) {
			return false
		}
	}
	return true
}

func isTenant(segment string) bool {
	for i := range len(segment) {
		if !isAlphanumeric(segment[i]) && segment[i] != '-' {
			return false
		}
	}
	return segment != "" && len(segment) <= 64
}
