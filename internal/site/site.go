package site

import (
	"net/netip"
	"net/url"
	"strings"

	"golang.org/x/net/publicsuffix"
)

// Same reports whether the hosts of two addresses have one owner: the same
// host, or names below one registrable domain, as mcp.example.com and
// login.example.com. IP addresses, names of one label and public suffixes are
// the same site as themselves only. Scheme and port are not compared.
func Same(a, b *url.URL) bool {
	one, other := of(a.Hostname()), of(b.Hostname())
	return one != "" && one == other
}

// of is the registrable domain of a host, or the host itself if it has none.
func of(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().String()
	}
	domain, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return host
	}
	return domain
}
