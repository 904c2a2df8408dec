package discovery

import (
	"fmt"
	"net/url"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// CheckEndpoint parses an address from metadata. It must be absolute, https or http
// on loopback (MCP 2025-11-25, Authorization, Communication Security), without user
// name or fragment (RFC 6749, section 3.1), and of at most foreign.MaxAddress bytes,
// so that what is stored of a login stays small. name is what the address is called
// in the error, which does not quote it.
func CheckEndpoint(name, raw string) (*url.URL, error) {
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
	case !origin.ValidHost(u.Hostname()):
		return nil, fmt.Errorf("%s has unusual characters in its host", name)
	case !origin.ValidPort(u.Port()):
		return nil, fmt.Errorf("%s has no possible port", name)
	}
	return u, nil
}
