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
	switch ip := ap.Addr().Unmap().WithZone(""); classify(ip) {
	case public:
		return nil
	case local:
		g.once.Do(func() { g.lookUp(ctx) })
		if g.local {
			return nil
		}
	case linkLocal:
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
	} else if isLoopbackHost(g.server) {
		g.local = true
		return
	} else {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		ips, _ = net.DefaultResolver.LookupNetIP(ctx, "ip", g.server)
	}
	for _, ip := range ips {
		switch classify(ip.Unmap().WithZone("")) {
		case local:
			g.local = true
		case linkLocal:
			g.link = true
		}
	}
}

type addressClass int

const (
	public addressClass = iota
	local
	linkLocal
	never
)

// Ranges that net/netip does not classify: shared address space (RFC 6598),
// the NAT64 prefix (RFC 6052), whose addresses wrap IPv4 ones, and benchmark
// and reserved ranges of RFC 6890.
var (
	sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
	nat64       = netip.MustParsePrefix("64:ff9b::/96")
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	benchmark   = netip.MustParsePrefix("198.18.0.0/15")
	reserved    = netip.MustParsePrefix("240.0.0.0/4")
)

func classify(ip netip.Addr) addressClass {
	if nat64.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	switch {
	case !ip.IsValid() || ip.IsMulticast() || reserved.Contains(ip):
		return never
	case ip.IsLinkLocalUnicast():
		return linkLocal
	case ip.IsLoopback() || ip.IsUnspecified() || ip.IsPrivate() || sharedSpace.Contains(ip) || thisNetwork.Contains(ip) || benchmark.Contains(ip):
		return local
	}
	return public
}
