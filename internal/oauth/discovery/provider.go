package discovery

import (
	"cmp"
	"net/url"
	"strings"

	"mcp-login/internal/foreign"
)

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
	return segment != "" && len(segment) <= 64 && strings.Trim(segment, alphanumeric+"-") == ""
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
