package gateway

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"mcp-login/internal/origin"
)

const (
	dialTimeout = 5 * time.Second
	// idleTime is how long an unused connection is kept. Servers in Python and Node close
	// theirs after five seconds, gunicorn after two; a call that meets that moment is lost,
	// since nobody knows whether it ran, and must not be sent again.
	idleTime = 1500 * time.Millisecond
	// maxAnswerHeader bounds the header of an answer.
	maxAnswerHeader = 64 << 10
	// DefaultTimeout is how long the upstream may take until its answer begins, or goes on.
	DefaultTimeout = 5 * time.Minute
)

// Config is what [New] needs. Upstream and Resource are required.
type Config struct {
	// Upstream is the address of the MCP server behind us, http or https: of Streamable
	// HTTP, or if its path ends with /sse of HTTP+SSE. The other one is beside it, as
	// /mcp and /sse. One on a Unix socket is written as in nginx: http://unix:/FILE:/mcp.
	Upstream *url.URL
	// CA are the authorities of an https upstream; nil means the system's.
	CA *x509.CertPool
	// Timeout bounds the time until an answer begins, and then that until it goes on; zero
	// means [DefaultTimeout].
	Timeout time.Duration
	// Secret is what sealed ids and signing keys follow from; processes with the same one
	// know each other's sessions. Nil means a random one, else it has [LeastSecret] bytes.
	Secret []byte
	// Resource is our own identifier, the issuer of assertions.
	Resource string
	// Identity are the headers that tell the upstream who calls; nil means
	// [DefaultIdentity].
	Identity []IdentityHeader
	// Assertion is the header for the signed assertion; "" for none.
	Assertion string
	// Pass are further headers of clients that go on to the upstream.
	Pass []string
}

// Check reports everything that is wrong with the configuration, joined into one error.
func (c *Config) Check() error {
	errs := []error{CheckUpstream(c.Upstream), c.CheckHeaders()}
	if c.Secret != nil && len(c.Secret) < LeastSecret {
		errs = append(errs, fmt.Errorf("gateway secret: must have at least %d bytes", LeastSecret))
	}
	return errors.Join(errs...)
}

// CheckHeaders is the part of Check about headers: each has a name that says nothing else, and
// tells one thing.
func (c *Config) CheckHeaders() error {
	var errs []error
	seen := make(map[string]string) // by name, the setting that has it
	check := func(setting, name string) {
		canonical := http.CanonicalHeaderKey(name)
		if err := CheckHeaderName(name); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", setting, err))
		} else if other, twice := seen[canonical]; twice {
			errs = append(errs, fmt.Errorf("%s: header %s: %s has it too", setting, canonical, other))
		}
		seen[canonical] = setting
	}
	for _, h := range c.identity() {
		check("identity-header", h.Name)
	}
	if c.Assertion != "" {
		check("assertion-header", c.Assertion)
	}
	for _, name := range c.Pass {
		check("pass-header", name)
	}
	return errors.Join(errs...)
}

func (c *Config) identity() []IdentityHeader {
	if c.Identity == nil {
		return DefaultIdentity()
	}
	return c.Identity
}

// CheckUpstream reports why u cannot be the address of an upstream; nil when it can.
func CheckUpstream(u *url.URL) error {
	switch {
	case u == nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return errors.New("upstream: must be an http or https URL")
	case strings.ContainsAny(u.Path, " \t"):
		return errors.New("upstream: one address, without blanks")
	case u.User != nil || u.Fragment != "" || u.ForceQuery:
		return fmt.Errorf("upstream %s: must have no user and no fragment", Shown(u))
	case u.Host == unixHost && (u.Scheme != "http" || !socketPath.MatchString(u.Path)):
		return errors.New("upstream: a Unix socket is written as http://unix:/FILE:/PATH")
	}
	return nil
}

// Shown is the address of an upstream as people and logs see it: without the query, which may
// hold a secret.
func Shown(upstream *url.URL) string {
	shown := *upstream
	shown.RawQuery, shown.ForceQuery = "", false
	return shown.Redacted()
}

// Gateway carries requests to one upstream. Make one with [New]. It is safe for concurrent
// use.
type Gateway struct {
	cfg        Config
	streamable *url.URL
	sse        *url.URL
	transport  *http.Transport
	seal       sealer
	keys       *keys
	assertions *assertions // nil without
	now        func() time.Time
}

// New returns a gateway. It connects to nobody.
func New(cfg Config) (*Gateway, error) {
	cfg.Identity = cfg.identity()
	if err := cfg.Check(); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	if cfg.Secret == nil {
		cfg.Secret = make([]byte, LeastSecret)
		_, _ = rand.Read(cfg.Secret) // never fails (package crypto/rand)
	}
	g := &Gateway{cfg: cfg, now: time.Now, keys: &keys{secret: cfg.Secret, of: make(map[int64]*signingKey)}}
	g.cfg.Assertion = http.CanonicalHeaderKey(cfg.Assertion)
	g.cfg.Pass = nil
	for _, name := range cfg.Pass {
		g.cfg.Pass = append(g.cfg.Pass, http.CanonicalHeaderKey(name))
	}
	to, socket := onSocket(cfg.Upstream)
	g.streamable, g.sse = endpoints(to)
	g.transport = newTransport(&cfg, socket)
	var err error
	if g.seal, err = newSealer(cfg.Secret); err != nil {
		return nil, err
	}
	if cfg.Assertion != "" {
		if g.assertions, err = newAssertions(&g.cfg, g.keys); err != nil {
			return nil, err
		}
	}
	return g, nil
}

// unixHost is what stands for a host in the address of an upstream on a Unix socket.
const unixHost = "unix:"

// socketPath is the path of such an address: the file, and behind it that of the endpoint.
var socketPath = regexp.MustCompile(`^/[^:]+:/`)

// onSocket takes the address of an upstream on a Unix socket apart: the one that requests
// are for, whose host is localhost as with nginx, and the file, "" for one that is not on a
// socket.
func onSocket(upstream *url.URL) (to *url.URL, file string) {
	if upstream.Host != unixHost {
		return upstream, ""
	}
	file, path, _ := strings.Cut(upstream.Path, ":")
	return &url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: upstream.RawQuery}, file
}

// NamesSSE reports whether the address of an upstream is that of HTTP+SSE.
func NamesSSE(upstream *url.URL) bool {
	return strings.HasSuffix(strings.TrimSuffix(upstream.Path, "/"), "/sse")
}

// endpoints are the addresses of both transports.
func endpoints(upstream *url.URL) (streamable, sse *url.URL) {
	if NamesSSE(upstream) {
		return upstream.JoinPath("..", "mcp"), upstream
	}
	return upstream, upstream.JoinPath("..", "sse")
}

// newTransport asks no proxy: the upstream is the operator's own. It speaks HTTP/1.1, in
// which a request that was not answered is never sent again by a rule of the protocol.
func newTransport(cfg *Config, socket string) *http.Transport {
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = DefaultTimeout
	}
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 15 * time.Second}).DialContext,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  timeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
		MaxIdleConns:           1024,
		MaxIdleConnsPerHost:    1024,
		IdleConnTimeout:        idleTime,
		DisableCompression:     true, // what the upstream has written goes on as it is
		Protocols:              new(http.Protocols),
		TLSClientConfig:        &tls.Config{RootCAs: cfg.CA, MinVersion: tls.VersionTLS12},
	}
	t.Protocols.SetHTTP1(true)
	if socket != "" {
		dial := t.DialContext
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx, "unix", socket) }
	}
	return t
}

// Reach connects to the upstream and sends nothing, so that whatever it is, it does nothing;
// nil means that it is there. An https one is asked for its certificate.
func (g *Gateway) Reach(ctx context.Context) *Failure {
	short, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c, err := g.transport.DialContext(short, "tcp", net.JoinHostPort(g.streamable.Hostname(), origin.Port(g.streamable)))
	if err != nil {
		return failed(ctx, err)
	}
	defer func() { _ = c.Close() }()
	if g.streamable.Scheme == "https" {
		own := g.transport.TLSClientConfig.Clone()
		own.ServerName = g.streamable.Hostname()
		if err := tls.Client(c, own).HandshakeContext(short); err != nil {
			return failed(ctx, fmt.Errorf("connect to %s: %w", c.RemoteAddr(), err))
		}
	}
	return nil
}

// Timeout is that of [Config].
func (g *Gateway) Timeout() time.Duration { return g.transport.ResponseHeaderTimeout }

// Close ends what is idle. Requests under way end by their contexts.
func (g *Gateway) Close() { g.transport.CloseIdleConnections() }
