package discovery

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/neterror"
	"mcp-login/internal/origin"
)

// Guard judges where the login of one MCP server may lead, both for what is fetched
// and for what a browser is sent to: the metadata of a public server must not point
// into the person's network or at this machine (MCP 2025-11-25, Security Best
// Practices, SSRF). A server counts as private when a connection to it really was to a
// private address, not because its name has one as well. It may then name private
// addresses, and one on this machine may name this machine. Only a server at a
// link-local address may name such addresses, where clouds serve their credentials.
// Behind a proxy nothing is known of the server, and it counts as public.
type Guard struct {
	// UserAgent is what requests of HTTPClient say of the program, also to a proxy;
	// "" is what net/http says. It is set before HTTPClient is called.
	UserAgent string

	server  *url.URL
	proxy   func(*http.Request) (*url.URL, error)
	roots   *x509.CertPool
	proxies sync.Map // host:port of the proxies in use
	trusted []string // hosts that a person has named

	mu    sync.Mutex
	class origin.Class // of the MCP server's address
	known bool         // whether class is
}

// Limits of what the guard itself does on the network.
const (
	locateTimeout  = 10 * time.Second
	resolveTimeout = 3 * time.Second
)

// NewGuard returns the guard for server. proxy is consulted for each request, nil
// means none. roots are the authorities to trust, nil means the system's.
// trusted are addresses that the person has named, as of an issuer, or "": their
// hosts may be private.
func NewGuard(server *url.URL, proxy func(*http.Request) (*url.URL, error), roots *x509.CertPool, trusted ...string) *Guard {
	if proxy == nil {
		proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	}
	g := &Guard{server: server, proxy: proxy, roots: roots}
	for _, issuer := range trusted {
		if u, err := url.Parse(issuer); err == nil && u.Hostname() != "" {
			g.trusted = append(g.trusted, u.Hostname())
		}
	}
	return g
}

// HTTPClient returns the client for metadata, registration and token requests on
// behalf of the MCP server. It carries no cookies and follows no redirects;
// discovery follows a few by itself, checking each. Addresses are judged when the
// connection is made, after name resolution, so that a name that changes its
// address between check and use gains nothing. Never refused are the address of a
// proxy, which resolves names itself, and that of the MCP server, which is asked about
// itself.
func (g *Guard) HTTPClient() *http.Client { return g.MutualTLSClient(nil) }

// MutualTLSClient is HTTPClient with certificates to show to a provider that asks for one
// (RFC 8705).
func (g *Guard) MutualTLSClient(certificates []tls.Certificate) *http.Client {
	direct := net.Dialer{Timeout: locateTimeout}
	guarded := net.Dialer{Timeout: locateTimeout, ControlContext: g.control}
	transport := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			u, err := g.proxy(r)
			if u == nil || err != nil {
				return u, err
			}
			g.proxies.Store(proxyAuthority(u), true)
			return u, g.checkProxied(r)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(addr)
			dialer := guarded
			if _, ok := g.proxies.Load(addr); ok || addr == authority(g.server) || g.isTrusted(host) {
				dialer = direct
			}
			return origin.Dial(ctx, dialer, network, addr)
		},
		OnProxyConnectResponse: neterror.OnProxyConnectResponse,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    locateTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    2,
	}
	if g.roots != nil || certificates != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: g.roots, Certificates: certificates, MinVersion: tls.VersionTLS12}
	}
	if g.UserAgent == "" {
		return &http.Client{Transport: transport, CheckRedirect: origin.NoRedirect}
	}
	transport.ProxyConnectHeader = http.Header{"User-Agent": {g.UserAgent}}
	return &http.Client{Transport: userAgentTransport{transport, g.UserAgent}, CheckRedirect: origin.NoRedirect}
}

// userAgentTransport sets the User-Agent of requests.
type userAgentTransport struct {
	*http.Transport
	userAgent string
}

// RoundTrip implements http.RoundTripper.
func (t userAgentTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", t.userAgent)
	return t.Transport.RoundTrip(req)
}

// BrowserURL judges an address that a person is to see or a browser to open, as
// HTTPClient judges what it connects to: all addresses of its host, as they are
// now. It returns the address with everything percent-encoded that means something
// to a shell, a terminal or a program that opens addresses. A name that cannot be
// resolved is no reason to refuse: behind a proxy none can. name is what the
// address is called in an error.
func (g *Guard) BrowserURL(ctx context.Context, name, address string) (string, error) {
	const op = "judge what the browser is to open"
	u, err := CheckEndpoint(name, address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	clean := foreign.Address(u.String())
	if len(clean) >= foreign.MaxAddress-len("...") { // it may have been cut
		return "", fmt.Errorf("%s: %s has more than %d bytes", op, name, foreign.MaxAddress)
	}
	if origin.SameOrigin(u, g.server) || g.isTrusted(u.Hostname()) {
		return clean, nil
	}
	if strings.Contains(u.Hostname(), "%") { // browsers take no zones
		return "", fmt.Errorf("%s: the host of %s has a zone", op, name)
	}
	for _, ip := range lookUp(ctx, u.Hostname()) {
		if err := g.check(ctx, ip, "send a browser to"); err != nil {
			return "", fmt.Errorf("%s: %s: %w", op, name, err)
		}
	}
	return clean, nil
}

// checkProxied judges the host that a proxy is asked for where its name is an address;
// other names are for the proxy to resolve.
func (g *Guard) checkProxied(r *http.Request) error {
	if origin.SameOrigin(r.URL, g.server) || g.isTrusted(r.URL.Hostname()) {
		return nil
	}
	for _, ip := range literalAddresses(r.URL.Hostname()) {
		if err := g.check(r.Context(), ip, "connect to"); err != nil {
			return err
		}
	}
	return nil
}

// control runs once for each address that is about to be connected to.
func (g *Guard) control(ctx context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("refused to connect to %q: not an IP address", address)
	}
	return g.check(ctx, ap.Addr(), "connect to")
}

// check returns an error with a hint where metadata must not name ip. action is what
// was to be done with it.
func (g *Guard) check(ctx context.Context, ip netip.Addr, action string) error {
	class := origin.Classify(ip)
	if class == origin.Public {
		return nil
	}
	server, known := g.serverClass(ctx)
	if class != origin.Unusable && known && (server == class || server == origin.ThisMachine && class == origin.PrivateNetwork) {
		return nil
	}
	reason := "a public MCP server may not point its login at a private address"
	switch {
	case known && server != origin.Public:
		reason = "an MCP server in a private network may not point its login at this machine or its neighbours"
	case !known:
		reason = "it is a private address, and whether the MCP server is at one cannot be seen, because it is behind a proxy or does not answer"
	}
	return hint.With(fmt.Errorf("refused to %s %s: %s", action, ip, reason), "if the provider is meant to be in your network, or on this machine, name it: --issuer with its address")
}

func (g *Guard) isTrusted(host string) bool {
	return slices.ContainsFunc(g.trusted, func(t string) bool { return strings.EqualFold(t, host) })
}

func authority(u *url.URL) string { return net.JoinHostPort(u.Hostname(), origin.Port(u)) }

// proxyAuthority is authority for a proxy.
func proxyAuthority(u *url.URL) string {
	if u.Port() == "" && strings.HasPrefix(u.Scheme, "socks5") {
		return net.JoinHostPort(u.Hostname(), "1080") // RFC 1928, section 3
	}
	return authority(u)
}

// serverClass returns where the MCP server is, if that can be known.
func (g *Guard) serverClass(ctx context.Context) (class origin.Class, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.known {
		g.class, g.known = g.locateServer(ctx)
	}
	return g.class, g.known
}

// locateServer connects to the MCP server and looks at the address that answered. Over
// TLS that address counts, because the server has proven its name there: the name may
// have other addresses, at which somebody else answers. Plain http proves nothing, so
// that every address of the name must be of the same class.
func (g *Guard) locateServer(ctx context.Context) (class origin.Class, known bool) {
	if ips := literalAddresses(g.server.Hostname()); ips != nil {
		return origin.Classify(ips[0]), true
	}
	via, err := g.proxy(&http.Request{Method: http.MethodGet, URL: g.server})
	if err != nil || via != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, locateTimeout)
	defer cancel()
	if g.server.Scheme != "https" {
		return commonClass(lookUp(ctx, g.server.Hostname()))
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", authority(g.server))
	if err != nil {
		return 0, false
	}
	defer func() { _ = conn.Close() }()
	remote, err := netip.ParseAddrPort(conn.RemoteAddr().String())
	if err != nil {
		return 0, false
	}
	proven := false // true also where the handshake ends for want of a client certificate
	_ = tls.Client(conn, &tls.Config{
		ServerName: g.server.Hostname(), RootCAs: g.roots, MinVersion: tls.VersionTLS12,
		VerifyConnection: func(tls.ConnectionState) error { proven = true; return nil },
	}).HandshakeContext(ctx)
	return origin.Classify(remote.Addr()), proven
}

// commonClass returns the class of all addresses, if they have one in common.
func commonClass(ips []netip.Addr) (class origin.Class, ok bool) {
	for i, ip := range ips {
		if i > 0 && origin.Classify(ip) != class {
			return 0, false
		}
		class = origin.Classify(ip)
	}
	return class, len(ips) > 0
}

// lookUp returns all addresses of a host, none when they cannot be found out.
func lookUp(ctx context.Context, host string) []netip.Addr {
	if ips := literalAddresses(host); ips != nil {
		return ips
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	ips, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return ips
}

// literalAddresses returns those that need no look-up, nil for other hosts.
func literalAddresses(host string) []netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}
	}
	if origin.Loopback(host) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return nil
}
