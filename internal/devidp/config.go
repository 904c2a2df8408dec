package devidp

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"mcp-login/internal/origin"
)

// The grant types a client can have (RFC 6749, RFC 8628 section 3.4, RFC 8693
// section 2.1).
const (
	grantCode     = "authorization_code"
	grantRefresh  = "refresh_token"
	grantDevice   = "urn:ietf:params:oauth:grant-type:device_code"
	grantClient   = "client_credentials"
	grantExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
)

// The token endpoint authentication methods (RFC 7591, section 2, and OpenID
// Connect Core, section 9).
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
)

// User is somebody who can sign in. Subject and Username must be set.
type User struct {
	Subject, Username, Name, Email string
	// Claims are added to userinfo and ID tokens: those of a known scope
	// (phone_number, roles, custom_data and so on) with it, others with the
	// profile scope.
	Claims map[string]any
	// TokenClaims are added to JWT access tokens, as a custom JWT script of Logto may.
	TokenClaims map[string]any
	// AccessTokens are personal access tokens, which clients with the grant of token
	// exchange turn into access tokens of the user.
	AccessTokens []string
	// Lacks are scopes of resources that no role gives the user: they are left out of
	// tokens, without an error.
	Lacks []string
	// Organizations are the ids of those that the user is a member of.
	Organizations []string
}

// Client is an application registered beforehand.
type Client struct {
	ID, Secret string
	// Name is the client_name, which the pages for people call the application by; ""
	// for one without a name.
	Name string
	// ApplicationType is native (any port on a loopback redirect URI, RFC
	// 8252 section 7.3) or web (exact comparison); "" is native.
	ApplicationType string
	RedirectURIs    []string
	// PostLogoutRedirectURIs are compared exactly.
	PostLogoutRedirectURIs []string
	// AuthMethod is the token endpoint authentication method; "" is
	// client_secret_basic with a secret, private_key_jwt with keys, and else
	// none.
	AuthMethod string
	// Keys verify the assertions of a client with private_key_jwt.
	Keys []Key
	// Workload lets it prove who it is by the assertions of a trusted issuer instead
	// (RFC 7523, section 2.2); its zero value does not. A subject that is not the client's
	// ID needs client_id beside the assertion.
	Workload Workload
	// DeviceFlow makes it a client of the device grant instead of the code
	// grant, which in Logto exclude each other.
	DeviceFlow bool
	// GrantTypes allowed; nil goes by DeviceFlow: refresh_token beside the
	// device grant or authorization_code. In Logto a client of
	// client_credentials has no other grant; here it may.
	GrantTypes []string
	// ThirdParty makes it somebody else's application: Scopes of OpenID Connect that
	// are not in Scopes are refused, and the person is asked for consent and may cancel,
	// which leads to the bare redirect URI without a code, an error or a state. Scopes
	// counts for third-party applications only; openid and offline_access always are.
	ThirdParty bool
	Scopes     []string
	// DPoPBound refuses token requests without a proof of possession
	// (dpop_bound_access_tokens of RFC 9449, section 5.2).
	DPoPBound bool
	// RequirePushedRequests takes only authorization requests that the client has pushed
	// (RFC 9126, section 6).
	RequirePushedRequests bool
	// Organizations are the ids of those that a client of client_credentials may act
	// in.
	Organizations []string
	// Management gives a client of client_credentials the permission of the Management
	// API, see management.go.
	Management bool
}

// withDefaults fills in what was left open.
func (c Client) withDefaults() Client {
	c.ApplicationType = cmp.Or(c.ApplicationType, "native")
	if c.AuthMethod == "" {
		c.AuthMethod = authNone
		switch {
		case c.Secret != "":
			c.AuthMethod = authBasic
		case len(c.Keys) > 0, c.Workload.Issuer != "":
			c.AuthMethod = authKey
		}
	}
	if c.GrantTypes == nil {
		c.GrantTypes = []string{grantCode, grantRefresh}
		if c.DeviceFlow {
			c.GrantTypes = []string{grantDevice, grantRefresh}
		}
	}
	return c
}

// ended is for the table of documents: they last until they must make room.
func (c Client) ended(time.Time) bool { return false }

// may reports whether the client has the grant. Nobody acts for itself without
// proving who it is (RFC 6749, section 4.4).
func (c Client) may(grantType string) bool {
	return slices.Contains(c.GrantTypes, grantType) && (grantType != grantClient || c.AuthMethod != authNone)
}

// Resource is an API resource (RFC 8707), matched as an exact string.
type Resource struct {
	Indicator string
	Scopes    []string
}

// Config of a provider. The zero value has alice and bob and no clients.
type Config struct {
	Users     []User // none: alice and bob
	Clients   []Client
	Resources []Resource
	// TrustedIssuers sign assertions that become access tokens (the grant of RFC 7523,
	// section 2.1, for clients that name it in GrantTypes), or that prove who a client is.
	TrustedIssuers []TrustedIssuer
	// Applications are those that ID-JAGs are issued for, to clients that have the grant of
	// token exchange: this provider is a company's.
	Applications []Application
	// Registration turns dynamic registration (RFC 7591) on, which Logto has
	// not.
	Registration bool
	// MetadataDocuments lets clients have the address of a document as their
	// ID (OAuth Client ID Metadata Document, draft 02), which Logto has off.
	// The document is fetched anew with every authorization request; it may be
	// at any https address and on http on loopback. DocumentTransport fetches
	// it; nil is an ordinary one.
	MetadataDocuments bool
	DocumentTransport http.RoundTripper
	// NoDPoP passes over proofs of possession (RFC 9449), as Logto does. Without it the
	// tokens of a request with a proof are bound to its key, and no others.
	NoDPoP bool
	// TokenClaims puts username, name and email into JWT access tokens, as
	// Logto does with the custom JWT script of docs/logto.md. Without it they hold
	// aud, client_id, exp, iat, iss, jti and sub, and scope where there is one.
	TokenClaims bool
	// Lifetimes; zero means Logto's 1 h and 14 days. A negative one makes what has
	// ended already.
	AccessTokenTTL, RefreshTokenTTL time.Duration
	// PushedRequestTTL is the life of a pushed authorization request (RFC 9126); zero means
	// Logto's minute, a negative one makes what has ended already. RequirePushedRequests
	// takes no others.
	PushedRequestTTL      time.Duration
	RequirePushedRequests bool
	// ReuseLeeway is how long a rotated refresh token is still taken; zero
	// means Logto's 3 s, a negative value no time at all.
	ReuseLeeway time.Duration
	Faults      Faults
	// Log gets a warning at start and refusals at debug level; nil discards.
	Log *slog.Logger
}

func (c Config) withDefaults() Config {
	if len(c.Users) == 0 {
		c.Users = []User{
			{Subject: "alice0000001", Username: "alice", Name: "Alice Example", Email: "alice@example.test"},
			{Subject: "bob000000001", Username: "bob", Name: "Bob Example", Email: "bob@example.test"},
		}
	}
	c.AccessTokenTTL = cmp.Or(c.AccessTokenTTL, time.Hour)
	c.RefreshTokenTTL = cmp.Or(c.RefreshTokenTTL, 14*24*time.Hour)
	c.PushedRequestTTL = cmp.Or(c.PushedRequestTTL, time.Minute)
	c.ReuseLeeway = cmp.Or(c.ReuseLeeway, 3*time.Second)
	if c.DocumentTransport == nil {
		c.DocumentTransport = &http.Transport{
			Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: documentTTL, MaxResponseHeaderBytes: maxDocument,
		}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// checkUsers wants a name and a subject for everybody, each once.
func checkUsers(users []User) error {
	names, subjects := map[string]bool{}, map[string]bool{}
	for _, u := range users {
		if u.Username == "" || u.Subject == "" || names[u.Username] || subjects[u.Subject] {
			return fmt.Errorf("user %q: username and subject must be there and be nobody else's", u.Username)
		}
		names[u.Username], subjects[u.Subject] = true, true
	}
	return nil
}

// user finds somebody by username.
func (c Config) user(username string) (User, bool) {
	i := slices.IndexFunc(c.Users, func(u User) bool { return u.Username == username })
	if username == "" || i < 0 {
		return User{}, false
	}
	return c.Users[i], true
}

// subject finds somebody by subject.
func (c Config) subject(subject string) (User, bool) {
	i := slices.IndexFunc(c.Users, func(u User) bool { return u.Subject == subject })
	if i < 0 {
		return User{}, false
	}
	return c.Users[i], true
}

// checkIssuer refuses an issuer that is not on loopback.
func checkIssuer(issuer string) (*url.URL, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Path == "" || u.Path[len(u.Path)-1] == '/' || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the issuer must be http://ADDRESS/PATH without a slash at the end")
	}
	if !origin.Loopback(u.Hostname()) {
		return nil, fmt.Errorf("devidp lets anybody in; it runs on loopback only, not on %q", u.Hostname())
	}
	return u, nil
}
