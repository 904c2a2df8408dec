package origin

import "net/netip"

// Class is where an IP address is.
type Class int

const (
	// Public addresses can be reached from the Internet.
	Public Class = iota
	// ThisMachine are loopback addresses and the unspecified ones (0.0.0.0/8, ::), to
	// which a connection ends here too.
	ThisMachine
	// PrivateNetwork addresses can be reached from a network only.
	PrivateNetwork
	// LinkLocal addresses are valid on one link only; clouds serve instance metadata
	// there (RFC 3927, RFC 4291 section 2.5.6).
	LinkLocal
	// Unusable addresses are no destination: multicast, reserved, none at all.
	Unusable
)

// Ranges that net/netip does not classify: shared address space (RFC 6598),
// benchmark and reserved ranges of RFC 6890, the site-local addresses of RFC
// 3879, the NAT64 prefix for local use (RFC 8215), and the IETF protocol assignments,
// the IPv4 service continuity prefix (RFC 7335) among them.
var (
	sharedSpace = netip.MustParsePrefix("100.64.0.0/10")
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	benchmark   = netip.MustParsePrefix("198.18.0.0/15")
	reserved    = netip.MustParsePrefix("240.0.0.0/4")
	siteLocal   = netip.MustParsePrefix("fec0::/10")
	protocols   = netip.MustParsePrefix("192.0.0.0/24")
	localNAT64  = netip.MustParsePrefix("64:ff9b:1::/48")
)

// Prefixes whose embedded IPv4 address is the one to classify: NAT64 (RFC 6052),
// 6to4 (RFC 3056), the translated addresses of RFC 2765 section 2.1 and the
// compatible ones of RFC 4291 section 2.5.5.1.
var embedded = []struct {
	prefix netip.Prefix
	at     int // the first byte of the IPv4 address
}{
	{netip.MustParsePrefix("64:ff9b::/96"), 12},
	{netip.MustParsePrefix("2002::/16"), 2},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), 12},
	{netip.MustParsePrefix("::/96"), 12},
}

// Classify says where ip is. An IPv4 address inside an IPv6 one is judged as
// itself; a zone does not count.
func Classify(ip netip.Addr) Class {
	ip = inner(ip.Unmap().WithZone(""))
	switch {
	case !ip.IsValid() || ip.IsMulticast() || reserved.Contains(ip):
		return Unusable
	case ip.IsLinkLocalUnicast():
		return LinkLocal
	case ip.IsLoopback() || ip.IsUnspecified() || thisNetwork.Contains(ip):
		return ThisMachine
	case ip.IsPrivate() || sharedSpace.Contains(ip) || benchmark.Contains(ip) || siteLocal.Contains(ip) || protocols.Contains(ip) || localNAT64.Contains(ip):
		return PrivateNetwork
	}
	return Public
}

// Host is ip without its zone, for who counts what one host does: one of IPv6 owns a /64.
func Host(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}

func inner(ip netip.Addr) netip.Addr {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return ip // ::1 and :: are within ::/96
	}
	for _, e := range embedded {
		if e.prefix.Contains(ip) {
			b := ip.As16()
			return netip.AddrFrom4([4]byte(b[e.at : e.at+4]))
		}
	}
	return ip
}
