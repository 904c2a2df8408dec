package account

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"time"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/command"
	"mcp-login/internal/neterror"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// TokenVariable is the variable with a bearer token to use as it is.
const TokenVariable = "MCP_LOGIN_TOKEN" //nolint:gosec // a name, no credential

// Connection says how to reach a server, and what to send it besides messages. A limit
// of zero is none.
type Connection struct {
	Transport upstream.Transport
	// Header is sent with every request to the server.
	Header http.Header
	// UserAgent is what providers and proxies are told.
	UserAgent string
	// Commands print further headers, or the token; nil for none.
	Commands *command.Set
	// Token is used as it is, instead of a login; the zero Secret for none.
	Token grant.Secret

	ConnectTimeout time.Duration // for a connection
	HeadersTimeout time.Duration // until an answer begins
	BodyTimeout    time.Duration // of silence within an answer
	MaxMessage     int64         // bytes of one message
	IPv4           bool          // only, no IPv6
	NoCookies      bool          // keep none of the server's

	// Roots are the authorities to trust, nil for the system's alone.
	Roots *x509.CertPool
	// Certificates are shown to a server that asks who connects (mutual TLS, RFC 8446,
	// section 4.3.2). They are for it alone: the provider of a login does not see them.
	Certificates []tls.Certificate
}

// Guard judges and asks the provider of a server.
func (c Connection) Guard(server *url.URL, s Settings) *discovery.Guard {
	g := discovery.NewGuard(server, http.ProxyFromEnvironment, c.Roots, s.Named, s.TokenEndpoint)
	g.UserAgent = c.UserAgent
	return g
}

// RoundTripper carries the MCP messages. There is no limit on a whole exchange: a
// tool may run for an hour and a stream for days. Limits are on reaching the
// server at all, and those that the person has set.
func (c Connection) RoundTripper() http.RoundTripper {
	return newSleepAware(&http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		ProxyConnectHeader:     http.Header{"User-Agent": {c.UserAgent}},
		OnProxyConnectResponse: neterror.OnProxyConnectResponse,
		DialContext:            c.dialer(),
		ForceAttemptHTTP2:      true,
		TLSClientConfig:        c.tlsConfig(),
		TLSHandshakeTimeout:    15 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
	})
}

// tlsConfig is towards the MCP server, nil for the usual one.
func (c Connection) tlsConfig() *tls.Config {
	if c.Roots == nil && c.Certificates == nil {
		return nil
	}
	return &tls.Config{RootCAs: c.Roots, Certificates: c.Certificates, MinVersion: tls.VersionTLS12}
}

// httpClient is the HTTP client of the relay.
func (c Connection) httpClient(signed http.RoundTripper) *http.Client {
	h := &http.Client{Transport: signed, CheckRedirect: upstream.CheckRedirect}
	if c.NoCookies {
		h.Jar = emptyJar{}
	}
	return h
}

// emptyJar keeps no cookies.
type emptyJar struct{}

func (emptyJar) SetCookies(*url.URL, []*http.Cookie) {}
func (emptyJar) Cookies(*url.URL) []*http.Cookie     { return nil }
