package oauth

import (
	"errors"
	"net/url"
	"strings"
	"unicode"

	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
)

// CanonicalServer parses the address of an MCP server as a person typed it.
// Scheme and host become lower case and a default port is dropped, so that
// spellings of one address share one login; path and query stay as they are.
// Refused are addresses that are not absolute http or https, that carry a user
// name, white space, a fragment or an empty or non-ASCII host, and plain http outside
// loopback unless allowHTTP is set.
func CanonicalServer(raw string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		// The url package quotes the address, which may hold a password.
		return nil, &hint.Error{Op: "read server address", Err: errors.New("not a URL"), Hint: "give an address like https://example.com/mcp"}
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	refuse := func(why, next string) (*url.URL, error) {
		return nil, &hint.Error{Op: "read server address", Err: errors.New(why), Hint: next}
	}
	switch {
	case strings.ContainsFunc(raw, unicode.IsSpace): // a flag behind it would become part of the path
		return refuse("white space in the URL", "write each flag as a word of its own; a blank in an address is %20")
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return refuse("not an absolute http or https URL", "give an address like https://example.com/mcp")
	case u.Hostname() == "":
		return refuse("no host in the URL", "give an address like https://example.com/mcp")
	case u.User != nil:
		return refuse("user name or password in the URL", "leave them out: credentials in addresses end up in logs; use --header for an API key")
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return refuse("fragment in the URL", "leave out everything from # on")
	case !origin.ValidHost(u.Hostname()):
		return refuse("unusual characters in the host name", "write an international host name in its xn-- form")
	case !origin.ValidPort(u.Port()):
		return refuse("no possible port in the URL", "ports are numbers from 1 to 65535")
	case u.Scheme == "http" && !allowHTTP && !origin.Loopback(u.Hostname()):
		return refuse("plain http to a host that is not this machine", "use https, or add --allow-http if the network is trusted: the token travels in the clear")
	}
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u, nil
}
