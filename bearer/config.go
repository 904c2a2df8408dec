package bearer

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/origin"
)

// defaultLeeway is how far clocks may differ. Logto allows none itself, and
// half a minute costs nothing against a token that lives for an hour.
const defaultLeeway = 30 * time.Second

// Config is what [New] needs. Resource and Issuer are required.
type Config struct {
	// Resource is the identifier of the protected resource, for an MCP server the
	// public URL of its endpoint (RFC 8707, RFC 9728). It is published byte for
	// byte as Resource.String() gives it, and a token's aud must contain it.
	// https, or http on a loopback host; no query, no fragment.
	Resource *url.URL
	// Audiences are further identifiers that a token's aud may contain instead,
	// such as the URL of a second endpoint, see [Resource.At].
	Audiences []string
	// Issuer is the authorization server's issuer identifier, exactly as its
	// own metadata spells it. https, or http on a loopback host.
	Issuer string
	// OtherIssuers are further authorization servers whose JWTs are accepted,
	// published in metadata after Issuer. Opaque tokens are shown to Issuer
	// alone, or every issuer would see those of the others.
	OtherIssuers []string
	// Scopes are advertised to clients in metadata and challenges.
	// offline_access is dropped.
	Scopes []string
	// RequiredScopes must all be in a token, by exact comparison. They are
	// advertised as well. With any set, opaque tokens are refused, since
	// nothing tells their scopes, unless Introspection does.
	RequiredScopes []string
	// ToolScopes are what calls of an MCP tool need beside RequiredScopes, by the
	// tool's name, so that a client can begin with little and ask for more
	// when it must. A tool that is not named needs no more.
	ToolScopes map[string][]string
	// ACRValues and MaxAge ask for a stronger or more recent sign-in (RFC 9470):
	// the token's acr must be one of ACRValues, and its auth_time no longer ago
	// than MaxAge; none and zero ask for nothing. As with RequiredScopes, opaque
	// tokens need Introspection then.
	ACRValues []string
	MaxAge    time.Duration
	// RequiredClaims are claims of which a token must have one of the values, such as
	// organization_id. A token that has not is good, and no scope mends it: 403 with a
	// challenge that names none.
	RequiredClaims map[string][]string
	// Admit is asked about who sent a request that is good in all else, such as for a limit, before its
	// proof is remembered. Its error is that of [Resource.Authenticate], whose caller answers it: to
	// [Resource.Refuse], and so to [Resource.Middleware], it is any other, 500. nil lets all in.
	Admit func(*http.Request, Identity) error
	// DPoP takes tokens that are bound to a key, with a proof; nil refuses them.
	DPoP *DPoP
	// About describes the resource in its metadata.
	About About
	// Verify replaces the built-in verification and its cache; nil means JWTs
	// of the issuers, and opaque tokens of Issuer.
	Verify Verifier
	// Introspection asks about opaque tokens there; nil means at userinfo.
	Introspection *Introspection
	// Clients are the applications whose tokens are accepted, by client_id or
	// azp; none means all. Userinfo does not tell the application, so it does
	// not suffice then.
	Clients []string
	// Algorithms are the accepted signature algorithms (RFC 7518); none means
	// every asymmetric one that the issuer's keys are for.
	Algorithms []string
	// CacheTTL is how long a verdict about a token is reused, and so how long
	// one that was revoked may still be accepted. Zero means 30 seconds, a
	// negative value that every request is checked anew.
	CacheTTL time.Duration
	// OutageGrace is for how long after its last check an opaque token stays
	// accepted while the issuer cannot be asked; never past its expiry. Zero
	// means 5 minutes, a negative value not at all.
	OutageGrace time.Duration
	// Leeway is the tolerated clock difference; zero means 30 seconds.
	Leeway time.Duration
	// JWTOnly refuses opaque tokens, see the package comment.
	JWTOnly bool
	// AllowUntypedJWT accepts a JWT whose typ is absent or "JWT" beside those
	// of RFC 9068, for providers that do not set "at+jwt". ID tokens stay
	// refused by their audience and by claims only they carry.
	AllowUntypedJWT bool
	// RelayIssuerMetadata serves the issuer's metadata, unchanged, at the
	// resource's own well-known paths for clients of revision 2025-03-26.
	RelayIssuerMetadata bool
	// Share is a resource whose issuers are known already: those that both trust
	// are visited once for both, and DPoP proofs of both have one room if both have DPoP. Its HTTP and Log
	// are used for them. It must not be closed yet; issuers stay known until the last resource that shares them is.
	Share *Resource
	// HTTP performs requests to the issuers; nil means a client of its own.
	// Redirects are never followed, whatever it says.
	HTTP *http.Client
	// ClientAddress tells where a request came from, to keep what one address may
	// cost the issuers from others. nil means RemoteAddr; behind a proxy that is
	// the proxy for all.
	ClientAddress func(*http.Request) string
	// Log receives what is wrong with the issuers, and why [Resource.Middleware]
	// refused a request; nil discards it.
	Log *slog.Logger
	// Observe is told of each verdict of the built-in verification. It is called
	// concurrently, and requests wait for it.
	Observe func(Event)
}

// About describes a resource to people (RFC 9728 section 2): clients may show it
// before anybody signs in. All of it may be empty.
type About struct {
	// Name of the resource.
	Name string
	// Documentation, Policy and Terms are URLs of pages for developers, about
	// the use of data, and about the terms of service.
	Documentation, Policy, Terms string
}

func (a About) check() error {
	var errs []error
	for name, page := range map[string]string{"documentation": a.Documentation, "policy": a.Policy, "terms": a.Terms} {
		if u, err := url.Parse(page); page != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
			errs = append(errs, fmt.Errorf("%s %q: must be an http or https URL", name, page))
		}
	}
	return errors.Join(errs...)
}

// Check reports everything that is wrong with the configuration, joined into one error;
// nil when [New] will accept it, unless Share is closed by then.
func (c *Config) Check() error {
	resource := ""
	if c.Resource != nil {
		resource = c.Resource.String()
	}
	errs := []error{CheckIdentifier("resource", resource), CheckIdentifier("issuer", c.Issuer)}
	if c.Leeway < 0 || c.Leeway > 5*time.Minute {
		errs = append(errs, fmt.Errorf("leeway %s: must be between 0 and 5m", c.Leeway))
	}
	errs = append(errs, c.checkVerification())
	for _, s := range slices.Concat(c.Scopes, c.RequiredScopes, slices.Concat(slices.Collect(maps.Values(c.ToolScopes))...)) {
		if !validScope(s) {
			errs = append(errs, fmt.Errorf("scope %q: not a scope token of RFC 6749 section 3.3", s))
		}
	}
	for _, s := range c.ACRValues {
		if !validScope(s) { // they are listed with blanks between them, too
			errs = append(errs, fmt.Errorf("acr value %q: must be printable ASCII without blanks and quotes", s))
		}
	}
	for tool, scopes := range c.ToolScopes {
		if len(scopes) == 0 {
			errs = append(errs, fmt.Errorf("tool %q: without scopes it would not be protected", tool))
		}
	}
	for name, allowed := range c.RequiredClaims {
		if len(allowed) == 0 {
			errs = append(errs, fmt.Errorf("required claim %q: without values it would refuse everybody", name))
		}
	}
	if slices.Contains(c.Audiences, "") {
		errs = append(errs, errors.New("audiences: one is empty"))
	}
	return errors.Join(errs...)
}

// checkVerification is the part of the check about how tokens are verified.
func (c *Config) checkVerification() error {
	var errs []error
	for k, issuer := range c.OtherIssuers {
		if err := CheckIdentifier("issuer", issuer); err != nil {
			errs = append(errs, err)
		} else if issuer == c.Issuer || slices.Contains(c.OtherIssuers[:k], issuer) {
			errs = append(errs, fmt.Errorf("issuer %s: given twice", issuer))
		}
	}
	for _, a := range c.Algorithms {
		if !slices.Contains(asymmetric(), a) {
			errs = append(errs, fmt.Errorf("algorithm %q: must be one of %s", a, strings.Join(asymmetric(), ", ")))
		}
	}
	if c.CacheTTL > maxCacheTTL {
		errs = append(errs, fmt.Errorf("cache TTL %s: must be at most %s", c.CacheTTL, maxCacheTTL))
	}
	if c.OutageGrace > maxOutageGrace {
		errs = append(errs, fmt.Errorf("outage grace %s: must be at most %s", c.OutageGrace, maxOutageGrace))
	}
	if c.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("max age %s: must not be negative", c.MaxAge))
	}
	if i := c.Introspection; i != nil {
		errs = append(errs, i.check())
	}
	if c.Introspection != nil && c.JWTOnly {
		errs = append(errs, errors.New("introspection: has no effect where only JWTs are accepted"))
	}
	return errors.Join(append(errs, c.About.check(), c.DPoP.check())...)
}

// leeway, cacheTTL and outageGrace are the values that zero stands for.
func (c *Config) leeway() time.Duration { return cmp.Or(c.Leeway, defaultLeeway) }

func (c *Config) cacheTTL() time.Duration { return max(0, cmp.Or(c.CacheTTL, defaultCacheTTL)) }

func (c *Config) outageGrace() time.Duration {
	return max(0, cmp.Or(c.OutageGrace, defaultOutageGrace))
}

// issuers are all issuers, the one that opaque tokens are of first.
func (c *Config) issuers() []string { return append([]string{c.Issuer}, c.OtherIssuers...) }

// CheckIdentifier reports why identifier cannot be that of a resource (RFC 8707 section 2, RFC
// 9728 section 1.2) or of an issuer (RFC 8414 section 2); nil when it can. The error begins
// with name, which says what it identifies.
func CheckIdentifier(name, identifier string) error {
	u, err := url.Parse(identifier)
	switch {
	case identifier == "":
		return fmt.Errorf("%s: missing", name)
	case err != nil:
		return fmt.Errorf("%s: not a URL", name) // the reason may show a password
	case u.Fragment != "" || u.RawQuery != "" || u.ForceQuery || u.User != nil:
		return fmt.Errorf("%s %s: must have no query, fragment or user", name, u.Redacted())
	}
	if err := checkSecure(u); err != nil {
		return fmt.Errorf("%s %s: %w", name, u, err)
	}
	return nil
}

// errInsecure is what a plain-http URL beyond this machine gets.
var errInsecure = errors.New("must be https (http only on a loopback host)")

func checkSecure(u *url.URL) error {
	if u.Hostname() == "" {
		return errors.New("must be an absolute URL")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !origin.Loopback(u.Hostname())) {
		return errInsecure
	}
	return nil
}

// validScope implements scope-token of RFC 6749 section 3.3, which also makes
// a scope safe inside a quoted string.
func validScope(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r < '!' || r > '~' || r == '"' || r == '\\'
	})
}

// advertised returns the scopes clients are told to ask for, without
// duplicates and without offline_access: a refresh token is between client and
// provider and nothing this server needs.
func (c *Config) advertised() []string {
	var all []string
	for _, s := range slices.Concat(c.Scopes, c.RequiredScopes) {
		if s != "offline_access" && !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
