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
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
	"mcp-login/internal/reach"
)

// Guard judges where the login of one MCP server may lead, for what is fetched
// and for what a browser is sent to alike: a public server must not have its
// metadata point into the person's network or at this machine (MCP security best
// practices, SSRF). A server counts as private when a connection to it really was
// to a private address, not because its name has one as well. It may then name
// private addresses; one on this machine may name this machine; nobody names
// link-local addresses, where clouds keep their secrets, but a server that has one
// itself. Behind a proxy nothing is known of the server, and it counts as public.
type Guard struct {
	// UserAgent is what requests of HTTPClient say of the program, also to a proxy;
	// "" is what net/http says. It is set before HTTPClient is called.
	UserAgent string

	server  *url.URL
	proxy   func(*http.Request) (*url.URL, error)
	roots   *x509.CertPool
	proxies sync.Map // host:port of the proxies in use
	trusted []string // hosts that a person has vouched for

	mu    sync.Mutex
	place origin.Class // of the MCP server
	found bool
}

// Limits of what the guard itself does on the network.
const (
	locateTimeout  = 10 * time.Second
	resolveTimeout = 3 * time.Second
)

// NewGuard returns the judge for server. proxy is consulted for each request, nil
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

// NewHTTPClient returns Guard.HTTPClient for server with the system's
// authorities.
func NewHTTPClient(server *url.URL, proxy func(*http.Request) (*url.URL, error)) *http.Client {
	return NewGuard(server, proxy, nil).HTTPClient()
}

// HTTPClient returns the client for metadata, registration and token requests on
// behalf of the MCP server. It carries no cookies and follows no redirects;
// discovery follows a few by itself, checking each. Addresses are judged when the
// connection is made, after name resolution, so that a name that changes its
// address between check and use gains nothing. A proxy's own address is never
// refused, because it is the one that resolves names then; nor is that of the MCP
// server, which is asked about itself.
func (g *Guard) HTTPClient() *http.Client {
	direct := net.Dialer{Timeout: locateTimeout}
	guarded := net.Dialer{Timeout: locateTimeout, ControlContext: g.control}
	transport := &http.Transport{
		Proxy: func(r *http.Request) (*url.URL, error) {
			u, err := g.proxy(r)
			if u == nil || err != nil {
				return u, err
			}
			g.proxies.Store(proxyAuthority(u), true)
			return u, g.throughProxy(r)
		},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(addr)
			dialer := guarded
			if _, ok := g.proxies.Load(addr); ok || addr == authority(g.server) || g.vouched(host) {
				dialer = direct
			}
			return origin.Dial(ctx, dialer, network, addr)
		},
		OnProxyConnectResponse: reach.Tunnel,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    locateTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		IdleConnTimeout:        30 * time.Second,
		MaxIdleConnsPerHost:    2,
	}
	if g.roots != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: g.roots, MinVersion: tls.VersionTLS12}
	}
	if g.UserAgent == "" {
		return &http.Client{Transport: transport, CheckRedirect: noRedirect}
	}
	transport.ProxyConnectHeader = http.Header{"User-Agent": {g.UserAgent}}
	return &http.Client{Transport: identified{transport, g.UserAgent}, CheckRedirect: noRedirect}
}

// identified is a transport that says which program sends.
type identified struct {
	*http.Transport
	userAgent string
}

// RoundTrip implements http.RoundTripper.
func (i identified) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("User-Agent", i.userAgent)
	return i.Transport.RoundTrip(req)
}

// noRedirect keeps codes, verifiers, refresh tokens and secrets from being
// posted again to wherever an endpoint points.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// ForBrowser judges an address that a person is to see or a browser to open, as
// HTTPClient judges what it connects to: all addresses of its host, as they are
// now. It returns the address with everything percent-encoded that means something
// to a shell, a terminal or a program that opens addresses. A name that cannot be
// resolved is no reason to refuse: behind a proxy none can. name is what the
// address is called in an error.
func (g *Guard) ForBrowser(ctx context.Context, name, address string) (string, error) {
	const op = "judge what the browser is to open"
	u, err := checkEndpoint(name, address)
	if err != nil {
		return "", fmt.Errorf("%s: %w", op, err)
	}
	clean := foreign.Address(u.String())
	if len(clean) >= foreign.MaxAddress-len("...") { // it may have been cut
		return "", fmt.Errorf("%s: %s has more than %d bytes", op, name, foreign.MaxAddress)
	}
	if origin.SameOrigin(u, g.server) || g.vouched(u.Hostname()) {
		return clean, nil
	}
	if strings.Contains(u.Hostname(), "%") { // browsers take no zones
		return "", fmt.Errorf("%s: the host of %s has a zone", op, name)
	}
	for _, ip := range addresses(ctx, u.Hostname()) {
		if err := g.judge(ctx, ip, "send a browser to"); err != nil {
			return "", &Error{Op: op, Err: fmt.Errorf("%s: %w", name, err), Hint: err.hint}
		}
	}
	return clean, nil
}

// throughProxy judges what a proxy is asked for as far as the name goes; the rest
// is the proxy's to keep.
func (g *Guard) throughProxy(r *http.Request) error {
	if origin.SameOrigin(r.URL, g.server) || g.vouched(r.URL.Hostname()) {
		return nil
	}
	for _, ip := range addressesByName(r.URL.Hostname()) {
		if err := g.judge(r.Context(), ip, "connect to"); err != nil {
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
	if err := g.judge(ctx, ap.Addr(), "connect to"); err != nil {
		return err
	}
	return nil
}

// refusedAddressError is an address that metadata must not name.
type refusedAddressError struct{ text, hint string }

func (e *refusedAddressError) Error() string { return e.text }

// judge decides about one address; do is what was to be done with it.
func (g *Guard) judge(ctx context.Context, ip netip.Addr, do string) *refusedAddressError {
	class := origin.Classify(ip)
	if class == origin.Public {
		return nil
	}
	place, known := g.locate(ctx)
	switch {
	case class == origin.Unusable:
	case known && place == class, known && place == origin.ThisMachine && class == origin.PrivateNetwork:
		return nil
	}
	e := &refusedAddressError{
		text: fmt.Sprintf("refused to %s %s: a public MCP server may not point its login at a private address", do, ip),
		hint: "if the provider is meant to be in your network, or on this machine, name it: --issuer with its address",
	}
	switch {
	case known && place != origin.Public:
		e.text = fmt.Sprintf("refused to %s %s: an MCP server in a private network may not point its login at this machine or its neighbours", do, ip)
	case !known:
		e.text = fmt.Sprintf("refused to %s %s: it is a private address, and whether the MCP server is at one cannot be seen, because it is behind a proxy or does not answer", do, ip)
	}
	return e
}

// vouched reports whether a person has named this host.
func (g *Guard) vouched(host string) bool {
	return slices.ContainsFunc(g.trusted, func(t string) bool { return strings.EqualFold(t, host) })
}

// authority is host and port of u as a dialer gets them.
func authority(u *url.URL) string { return net.JoinHostPort(u.Hostname(), origin.Port(u)) }

// proxyAuthority is authority for a proxy.
func proxyAuthority(u *url.URL) string {
	if u.Port() == "" && strings.HasPrefix(u.Scheme, "socks5") {
		return net.JoinHostPort(u.Hostname(), "1080") // RFC 1928, section 3
	}
	return authority(u)
}

// locate tells where the MCP server is, if that can be known.
func (g *Guard) locate(ctx context.Context) (place origin.Class, known bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.found {
		g.place, g.found = g.connect(ctx)
	}
	return g.place, g.found
}

// connect makes a connection to the MCP server and looks where it has led. Where
// the server proves its name, the address that counts is one that did: a name may
// have others, at which somebody else answers. Plain http proves nothing, so that
// there every address of the name must be of the same kind.
func (g *Guard) connect(ctx context.Context) (place origin.Class, known bool) {
	if ips := addressesByName(g.server.Hostname()); ips != nil {
		return origin.Classify(ips[0]), true
	}
	via, err := g.proxy(&http.Request{Method: http.MethodGet, URL: g.server})
	if err != nil || via != nil {
		return 0, false
	}
	ctx, cancel := context.WithTimeout(ctx, locateTimeout)
	defer cancel()
	if g.server.Scheme != "https" {
		return sameClass(addresses(ctx, g.server.Hostname()))
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
	proven := false // also when it wants a certificate of ours after that
	_ = tls.Client(conn, &tls.Config{
		ServerName: g.server.Hostname(), RootCAs: g.roots, MinVersion: tls.VersionTLS12,
		VerifyConnection: func(tls.ConnectionState) error { proven = true; return nil },
	}).HandshakeContext(ctx)
	return origin.Classify(remote.Addr()), proven
}

// sameClass is the kind of all addresses, if they have one.
func sameClass(ips []netip.Addr) (class origin.Class, ok bool) {
	for i, ip := range ips {
		if i > 0 && origin.Classify(ip) != class {
			return 0, false
		}
		class = origin.Classify(ip)
	}
	return class, len(ips) > 0
}

// addresses are all addresses of a host, none when they cannot be found out.
func addresses(ctx context.Context, host string) []netip.Addr {
	if ips := addressesByName(host); ips != nil {
		return ips
	}
	ctx, cancel := context.WithTimeout(ctx, resolveTimeout)
	defer cancel()
	ips, _ := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	return ips
}

// addressesByName are those that need no look-up, nil for other hosts.
func addressesByName(host string) []netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}
	}
	if origin.Loopback(host) {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	}
	return nil
}
