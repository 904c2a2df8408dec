package oauth

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"mcp-login/internal/origin"
)

// NewHTTPClient returns the client for metadata, registration and token
// requests on behalf of the MCP server. It carries no cookies and follows no
// redirects; discovery follows a few by itself, checking each. Addresses that
// are private, loopback or link-local are refused when the connection is made,
// after name resolution, so that a public server cannot have its metadata
// point into the person's network (MCP security best practices, SSRF) and a
// name that changes its address between check and use gains nothing. They are
// allowed when the MCP server is itself at such an address.
//
// proxy is consulted for each request, nil means none; a proxy's own address
// is never refused, because it is the one that resolves names then.
func NewHTTPClient(server *url.URL, proxy func(*http.Request) (*url.URL, error)) *http.Client {
	g := &guard{server: server.Hostname()}
	dialer := &net.Dialer{Timeout: 10 * time.Second, ControlContext: g.control}
	direct := &net.Dialer{Timeout: 10 * time.Second}
	transport := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			if proxy == nil {
				return nil, nil
			}
			u, err := proxy(r)
			if u != nil {
				g.proxies.Store(u.Host, true)
			}
			return u, err
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if _, ok := g.proxies.Load(addr); ok {
				return direct.DialContext(ctx, network, addr)
			}
			return dialer.DialContext(ctx, network, addr)
		},
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    10 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    2,
	}
	return &http.Client{Transport: transport, CheckRedirect: noRedirect}
}

// WithRoots makes a client of NewHTTPClient trust these authorities, which nil
// leaves at the system's, and returns it.
func WithRoots(client *http.Client, roots *x509.CertPool) *http.Client {
	if t, ok := client.Transport.(*http.Transport); ok && roots != nil {
		t.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return client
}

// noRedirect keeps codes, verifiers, refresh tokens and secrets from being
// posted again to wherever an endpoint points (A4).
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

type guard struct {
	server  string
	proxies sync.Map // host:port of the proxies in use

	once  sync.Once
	local bool // the MCP server is on loopback or in a private network
	link  bool // the MCP server has a link-local address
}

// control runs once for each address that is about to be connected to.
func (g *guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("refused to connect to %q: not an IP address", address)
	}
	switch origin.Classify(ap.Addr()) {
	case origin.Public:
		return nil
	case origin.Local:
		g.once.Do(func() { g.lookUp(ctx) })
		if g.local {
			return nil
		}
	case origin.LinkLocal:
		g.once.Do(func() { g.lookUp(ctx) })
		if g.link {
			return nil
		}
	}
	return fmt.Errorf("refused to connect to %s: a public MCP server may not point its login at a private address", ap.Addr())
}

// lookUp finds out where the MCP server itself is.
func (g *guard) lookUp(ctx context.Context) {
	var ips []netip.Addr
	if ip, err := netip.ParseAddr(g.server); err == nil {
		ips = []netip.Addr{ip}
	} else if origin.Loopback(g.server) {
		g.local = true
		return
	} else {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		ips, _ = net.DefaultResolver.LookupNetIP(ctx, "ip", g.server)
	}
	for _, ip := range ips {
		switch origin.Classify(ip) {
		case origin.Local:
			g.local = true
		case origin.LinkLocal:
			g.link = true
		}
	}
}
