package server

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mark3labs/mcp-go/server"

	"mcp-login/internal/origin"
)

// defaultLeeway is how far clocks may differ. Logto allows none itself, and
// half a minute costs nothing against a token that lives for an hour.
const defaultLeeway = 30 * time.Second

// Config is what [New] needs. Resource and Issuer are required.
type Config struct {
	// Resource is the identifier of this server, which is also the public URL
	// of its Streamable HTTP endpoint (RFC 8707, RFC 9728). It is published
	// byte for byte as Resource.String() gives it, and a token's aud must
	// contain it. https, or http on a loopback host; no query, no fragment.
	Resource *url.URL
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
	// ToolScopes are what calls of a tool need beside RequiredScopes, by the
	// tool's name, so that a client can begin with little and ask for more
	// when it must. A tool that is not named needs no more; one that is named
	// must have been added to MCP before.
	ToolScopes map[string][]string
	// About describes the resource in its metadata.
	About About
	// MCP serves the tools; nil means whoami's own. It needs no protection of
	// its own: New adds the check of ToolScopes to it. Use it for one New only.
	MCP *server.MCPServer
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
	// JWTOnly refuses opaque tokens, see the package comment.
	JWTOnly bool
	// AllowUntypedJWT accepts a JWT whose typ is absent or "JWT" beside those
	// of RFC 9068, for providers that do not set "at+jwt". ID tokens stay
	// refused by their audience and by claims only they carry.
	AllowUntypedJWT bool
	// RelayIssuerMetadata serves the issuer's metadata, unchanged, at this
	// server's own well-known paths for clients of revision 2025-03-26.
	RelayIssuerMetadata bool
	// AllowedHosts are further Host values ("name" or "name:port") to accept.
	AllowedHosts []string
	// AllowedOrigins are further browser origins ("https://host") to accept.
	AllowedOrigins []string
	// HTTP performs requests to the issuer; nil means a client of its own.
	// Redirects are never followed, whatever it says.
	HTTP *http.Client
	// Leeway is the tolerated clock difference; zero means 30 seconds.
	Leeway time.Duration
	// Operations are limits, sessions and replicas.
	Operations
	// PublicClient is the client_id that the programs of people have at Issuer, a
	// public client (RFC 6749 section 2.1). The page for people puts it into what is
	// copied from there; "" where programs register themselves.
	PublicClient string
	// InstallPage is the address of a page about how to get mcp-login, for people who
	// read the page of this server; "" for none.
	InstallPage string
	// Version is the program's version for MCP's serverInfo.
	Version string
	// Log receives one line per request and per provider failure; nil
	// discards them.
	Log *slog.Logger

	shared *issuerPool // of the group; nil for a server by itself
}

// Check reports everything that is wrong with the configuration, joined into
// one error; nil when [New] will accept it.
func (c *Config) Check() error {
	return errors.Join(CheckResource(c.Resource), CheckIssuer(c.Issuer), CheckPage("install page", c.InstallPage), c.CheckOptional())
}

// CheckOptional is Check for all fields but Resource, Issuer and InstallPage: the first
// two may be known only later, and the last has a check of its own.
func (c *Config) CheckOptional() error {
	errs := []error{c.checkOperations()}
	if c.Leeway < 0 || c.Leeway > 5*time.Minute {
		errs = append(errs, fmt.Errorf("leeway %s: must be between 0 and 5m", c.Leeway))
	}
	errs = append(errs, c.checkVerification())
	for _, s := range slices.Concat(c.Scopes, c.RequiredScopes, slices.Concat(slices.Collect(maps.Values(c.ToolScopes))...)) {
		if !validScope(s) {
			errs = append(errs, fmt.Errorf("scope %q: not a scope token of RFC 6749 section 3.3", s))
		}
	}
	for _, o := range c.AllowedOrigins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host {
			errs = append(errs, fmt.Errorf("allowed origin %q: must be scheme://host[:port] and nothing else", o))
		}
	}
	return errors.Join(errs...)
}

// checkVerification is the part of the check about how tokens are verified.
func (c *Config) checkVerification() error {
	var errs []error
	for k, issuer := range c.OtherIssuers {
		if err := CheckIssuer(issuer); err != nil {
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
	if i := c.Introspection; i != nil && (i.ClientID == "" || i.ClientSecret == "") {
		errs = append(errs, errors.New("introspection: client id and client secret are both needed"))
	}
	if c.Introspection != nil && c.JWTOnly {
		errs = append(errs, errors.New("introspection: has no effect where only JWTs are accepted"))
	}
	return errors.Join(append(errs, c.About.check())...)
}

// leeway, cacheTTL and outageGrace are the values that zero stands for.
func (c *Config) leeway() time.Duration { return cmp.Or(c.Leeway, defaultLeeway) }

func (c *Config) cacheTTL() time.Duration { return max(0, cmp.Or(c.CacheTTL, defaultCacheTTL)) }

func (c *Config) outageGrace() time.Duration {
	return max(0, cmp.Or(c.OutageGrace, defaultOutageGrace))
}

// CheckResource reports why u cannot be the identifier of this server
// (RFC 8707 section 2, RFC 9728 section 1.2); nil when it can.
func CheckResource(u *url.URL) error {
	switch {
	case u == nil:
		return errors.New("resource: missing")
	case u.Fragment != "" || u.RawQuery != "" || u.ForceQuery || u.User != nil:
		return fmt.Errorf("resource %s: must have no query, fragment or user", u.Redacted())
	}
	if err := checkSecure(u); err != nil {
		return fmt.Errorf("resource %s: %w", u, err)
	}
	return nil
}

// CheckIssuer reports why issuer cannot be an issuer identifier (RFC 8414
// section 2); nil when it can.
func CheckIssuer(issuer string) error {
	if issuer == "" {
		return errors.New("issuer: missing")
	}
	u, err := url.Parse(issuer)
	if err != nil {
		return errors.New("issuer: not a URL") // the reason may show a password
	}
	if u.Fragment != "" || u.RawQuery != "" || u.ForceQuery || u.User != nil {
		return fmt.Errorf("issuer %s: must have no query, fragment or user", u.Redacted())
	}
	if err := checkSecure(u); err != nil {
		return fmt.Errorf("issuer %s: %w", u, err)
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

// authority returns host and port in one comparable spelling: lower case, and
// with the scheme's default port left out.
func authority(scheme, hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return strings.ToLower(hostport)
	}
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return strings.ToLower(host)
	}
	return strings.ToLower(net.JoinHostPort(host, port))
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
