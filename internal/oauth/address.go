package oauth

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// CanonicalServer parses the address of an MCP server as a person typed it.
// Scheme and host become lower case and a default port is dropped, so that
// spellings of one address share one login; path and query stay as they are.
// Refused are addresses that are not absolute http or https, that carry a user
// name, a fragment or an empty or non-ASCII host, and plain http outside
// loopback unless allowHTTP is set.
func CanonicalServer(raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The url package quotes the address, which may hold a password.
		return nil, &Error{Op: "read server address", Err: errors.New("not a URL"), Hint: "give an address like https://example.com/mcp"}
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	refuse := func(why, hint string) (*url.URL, error) {
		return nil, &Error{Op: "read server address", Err: errors.New(why), Hint: hint}
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return refuse("not an absolute http or https URL", "give an address like https://example.com/mcp")
	case u.Hostname() == "":
		return refuse("no host in the URL", "give an address like https://example.com/mcp")
	case u.User != nil:
		return refuse("user name or password in the URL", "leave them out: credentials in addresses end up in logs; use --header for an API key")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return refuse("fragment in the URL", "leave out everything from # on")
	case !plainHost(u.Hostname()):
		return refuse("unusual characters in the host name", "write an international host name in its xn-- form")
	case !plainPort(u.Port()):
		return refuse("no possible port in the URL", "ports are numbers from 1 to 65535")
	case u.Scheme == "http" && !allowHTTP && !origin.Loopback(u.Hostname()):
		return refuse("plain http to a host that is not this machine", "use https, or add --allow-http if the network is trusted: the token travels in the clear")
	}
	u.RawQuery = strings.ReplaceAll(u.RawQuery, " ", "%20") // net/url keeps it, and no request can have it
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u, nil
}

// plainHost reports whether host is made of what host names and IP literals
// are made of; it keeps look-alikes such as full-width dots out of the key.
func plainHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if endsInNumber(host) {
		return false
	}
	for i := range len(host) {
		if c := host[i]; !isAlphanumeric(c) && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return !strings.HasPrefix(host, ".") && !strings.Contains(host, "..")
}

// endsInNumber reports whether a browser takes host for an IPv4 address: the last
// label is a number, in whatever base (URL Standard, "ends in a number"). 0x7f.1,
// 2130706433 and 127.0.0.1. are this machine to it and names to a resolver.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last != "" && strings.Trim(last, "0123456789") == "" {
		return true
	}
	digits, hex := strings.CutPrefix(strings.ToLower(last), "0x")
	return hex && strings.Trim(digits, "0123456789abcdef") == ""
}

// plainPort accepts no port, or one that there can be.
func plainPort(port string) bool {
	if port == "" {
		return true
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// checkEndpoint accepts an address from metadata: absolute https, or http on
// loopback (MCP: all endpoints are https, loopback exempt for development),
// without user name or fragment (RFC 6749, section 3.1), and no longer than an
// address that is of use to anybody: what is kept of a login stays small.
func checkEndpoint(name, raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case len(raw) > foreign.MaxAddress:
		return nil, fmt.Errorf("%s has more than %d bytes", name, foreign.MaxAddress)
	case err != nil || u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("%s is not an absolute URL", name)
	case u.Scheme != "https" && (u.Scheme != "http" || !origin.Loopback(u.Hostname())):
		return nil, fmt.Errorf("%s is neither https nor http on loopback", name)
	case u.User != nil:
		return nil, fmt.Errorf("%s carries a user name", name)
	case u.Fragment != "":
		return nil, fmt.Errorf("%s has a fragment", name)
	case !plainHost(u.Hostname()):
		return nil, fmt.Errorf("%s has unusual characters in its host", name)
	case !plainPort(u.Port()):
		return nil, fmt.Errorf("%s has no possible port", name)
	}
	return u, nil
}
