package account

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/command"
	"mcp-login/internal/neterror"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/origin"
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
	// section 4.3.2), and where tokens are requested from a provider that takes
	// certificates (RFC 8705), so that the server takes the tokens. Nobody else sees them.
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

// FindServer looks for an MCP server at the other usual addresses on the origin of server;
// see [upstream.FindServer]. They get no header but the name of this program in its version.
func (c Connection) FindServer(ctx context.Context, server *url.URL, version string) *url.URL {
	plain := c.RoundTripper()
	defer (&http.Client{Transport: plain}).CloseIdleConnections()
	return upstream.FindServer(ctx, plain, server, http.Header{"User-Agent": {c.UserAgent}}, InitializeRequest(version))
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
	h := &http.Client{Transport: signed}
	if c.NoCookies {
		h.Jar = emptyJar{}
	}
	return h
}

// emptyJar keeps no cookies.
type emptyJar struct{}

func (emptyJar) SetCookies(*url.URL, []*http.Cookie) {}
func (emptyJar) Cookies(*url.URL) []*http.Cookie     { return nil }

// A connection whose other end has gone without closing it (the machine slept, the
// network changed, a NAT dropped its entry) is noticed within about a minute: an idle one
// by keep-alive probes, one with data under way by the limit on unacknowledged data,
// which a running server never reaches, however long its tools take.
const (
	probeAfter   = 30 * time.Second
	probeEvery   = 10 * time.Second
	probes       = 4
	unackedLimit = time.Minute
)

// dialer returns how connections to the server are made.
func (c Connection) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{
		Timeout:         c.ConnectTimeout,
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: probeAfter, Interval: probeEvery, Count: probes},
		Control:         limitUnacked,
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if c.IPv4 {
			network = "tcp4"
		}
		return origin.Dial(ctx, d, network, address)
	}
}

// sleepJump is how much more time may pass on the wall clock than on the monotonic one,
// which stands still while the machine sleeps, before that is taken for a sleep.
const sleepJump = 20 * time.Second

// sleepAware is a transport that makes new connections after the machine has
// slept: the old ones look open, and the first request on one would wait until it
// times out.
type sleepAware struct {
	*http.Transport
	// clock tells how much time has passed since the start: for this machine
	// while it was awake, and on the wall.
	clock func() (awake, passed time.Duration)

	mu    sync.Mutex
	ahead time.Duration // of the wall at the last request
}

func newSleepAware(base *http.Transport) *sleepAware {
	start := time.Now()
	return &sleepAware{Transport: base, clock: func() (awake, passed time.Duration) {
		// The difference of two times with a monotonic reading leaves sleep
		// out on Linux and macOS, and that of two without counts it.
		now := time.Now()
		return now.Sub(start), now.Round(0).Sub(start.Round(0))
	}}
}

// RoundTrip implements http.RoundTripper.
func (t *sleepAware) RoundTrip(req *http.Request) (*http.Response, error) {
	if t.slept() {
		t.CloseIdleConnections()
	}
	return t.Transport.RoundTrip(req)
}

// slept reports whether the machine slept since it was last asked.
func (t *sleepAware) slept() bool {
	awake, passed := t.clock()
	t.mu.Lock()
	defer t.mu.Unlock()
	before := t.ahead
	t.ahead = passed - awake
	return t.ahead-before > sleepJump
}
