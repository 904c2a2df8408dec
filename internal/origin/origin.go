package origin

import (
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Loopback reports whether host, a name or an IP literal without port, is this
// machine: a loopback address, or localhost and what is below it, which RFC 6761
// section 6.3 reserves. Brackets around an IPv6 literal are allowed.
func Loopback(host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, ok := literal(host)
	return ok && ip.IsLoopback()
}

// LoopbackHostPort is [Loopback] for a Host header or an address, with or without a
// port.
func LoopbackHostPort(hostport string) bool {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		hostport = host
	}
	return Loopback(hostport)
}

// LoopbackAddr reports whether a listener or a connection is at a loopback address.
func LoopbackAddr(a net.Addr) bool {
	tcp, ok := a.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// SameOrigin compares scheme, host and port; a port that is the scheme's own may
// be spelled or left out.
func SameOrigin(a, b *url.URL) bool {
	return strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Hostname(), b.Hostname()) && Port(a) == Port(b)
}

// Port is the port of an http or https address, which the scheme may imply.
func Port(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	if strings.EqualFold(u.Scheme, "https") {
		return "443"
	}
	return "80"
}

// literal parses an IP address as it stands in a URL or in a Host header.
func literal(host string) (netip.Addr, bool) {
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host = strings.TrimSuffix(inner, "]")
	}
	ip, err := netip.ParseAddr(host)
	return ip.Unmap(), err == nil
}
