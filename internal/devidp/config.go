package devidp

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"time"
)

// User is somebody who can sign in.
type User struct {
	Subject, Username, Name, Email string
	// Claims are added to userinfo and ID tokens with the profile scope.
	Claims map[string]any
}

// Client is an application registered beforehand.
type Client struct {
	ID, Secret string
	// ApplicationType is native (any port on a loopback redirect URI, RFC
	// 8252 section 7.3) or web (exact comparison); "" is native.
	ApplicationType string
	RedirectURIs    []string
	// AuthMethod is the token endpoint authentication method; "" is none
	// without and client_secret_basic with a secret.
	AuthMethod string
}

// Resource is an API resource (RFC 8707), matched as an exact string.
type Resource struct {
	Indicator string
	Scopes    []string
}

// Config of a provider. The zero value has alice and bob and no clients.
type Config struct {
	Users     []User
	Clients   []Client
	Resources []Resource
	// Registration turns dynamic registration (RFC 7591) on, which Logto has
	// not.
	Registration bool
	// TokenClaims puts username, name and email into JWT access tokens, as
	// Logto does with a custom claims script.
	TokenClaims bool
	// Lifetimes; zero means Logto's 1 h, 14 days and 60 s.
	AccessTokenTTL, RefreshTokenTTL, CodeTTL time.Duration
	// ReuseLeeway is how long a rotated refresh token is still taken; zero
	// means Logto's 3 s, a negative value no time at all.
	ReuseLeeway time.Duration
	Faults      Faults
	// Log gets a warning at start and refusals at debug level; nil discards.
	Log *slog.Logger
}

// Faults make the provider misbehave. The zero value is a good one.
type Faults struct {
	// RedirectIssuer replaces iss in redirects; OmitRedirectIssuer leaves it
	// out although metadata promises it.
	RedirectIssuer     string
	OmitRedirectIssuer bool
	// NoIssuerParameter leaves iss out of redirects and the promise out of
	// metadata.
	NoIssuerParameter bool
	// NoPKCEMetadata leaves code_challenge_methods_supported out.
	NoPKCEMetadata bool
	// MetadataIssuer replaces issuer in the metadata.
	MetadataIssuer string
	// InsertedMetadata serves metadata at the RFC 8414 address as well.
	InsertedMetadata bool
	// TokenStatus answers the next TokenStatusTimes token requests with this
	// status, and TokenRetryAfter seconds in Retry-After.
	TokenStatus, TokenStatusTimes, TokenRetryAfter int
	// TokenDelay holds every token request back.
	TokenDelay time.Duration
	// TokenRedirect answers token requests with 307 to this address.
	TokenRedirect string
	// UserinfoStatus and JWKSStatus answer those endpoints with this status.
	UserinfoStatus, JWKSStatus int
	// RefuseRegistration answers dynamic registration with an error.
	RefuseRegistration bool
	// RegisteredAuthMethod gives dynamic clients a secret for this method.
	RegisteredAuthMethod string
	// NoRotation keeps refresh tokens as they are.
	NoRotation bool
	// Deny refuses every login without asking anybody.
	Deny bool
}

func (c Config) withDefaults() Config {
	if c.Users == nil {
		c.Users = []User{
			{Subject: "alice0000001", Username: "alice", Name: "Alice Example", Email: "alice@example.test"},
			{Subject: "bob000000001", Username: "bob", Name: "Bob Example", Email: "bob@example.test"},
		}
	}
	def := func(d *time.Duration, otherwise time.Duration) {
		if *d == 0 {
			*d = otherwise
		}
	}
	def(&c.AccessTokenTTL, time.Hour)
	def(&c.RefreshTokenTTL, 14*24*time.Hour)
	def(&c.CodeTTL, time.Minute)
	def(&c.ReuseLeeway, 3*time.Second)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// checkIssuer refuses an issuer that is not on loopback.
func checkIssuer(issuer string) (*url.URL, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.Scheme != "http" || u.Path == "" || u.Path[len(u.Path)-1] == '/' || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the issuer must be http://ADDRESS/PATH without a slash at the end")
	}
	if !loopbackHost(u.Hostname()) {
		return nil, fmt.Errorf("devidp lets anybody in; it runs on loopback only, not on %s", u.Hostname())
	}
	return u, nil
}

func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
