package server

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
	"mcp-login/internal/server/gateway"
	"mcp-login/internal/server/profile"
)

// Config is what [New] needs. Resource and Issuer are required.
type Config struct {
	// Config is about tokens. The tools of its ToolScopes must have been added to MCP
	// before, About.Name is whoami where the server is that, and Observe, Admit and
	// ClientAddress are the server's own. Log also receives one line per request.
	bearer.Config
	// MCP serves the tools; nil means whoami's own. It needs no protection of
	// its own: New adds the check of ToolScopes to it. Use it for one New only.
	MCP *server.MCPServer
	// Upstream is another MCP server, which answers instead of MCP; nil for none. Its
	// Resource is the one above, and its tools are not known here: ToolScopes may name any.
	Upstream *gateway.Config
	// ForwardAuth are the headers that tell a server behind a proxy who calls; nil for none. With
	// any the proxy, one of TrustedProxies, asks here whether a request may pass, and
	// there is no MCP.
	ForwardAuth []gateway.IdentityHeader
	// AllowedHosts are further Host values ("name" or "name:port") to accept.
	AllowedHosts []string
	// AllowedOrigins are further browser origins ("https://host") to accept.
	AllowedOrigins []string
	// Profiles completes callers whose tokens say little; nil for nobody. Whoever made it
	// closes it.
	Profiles *profile.Source
	// Operations are limits, sessions and replicas.
	Operations
	// PublicClient is the client_id that the programs of people have at Issuer, a
	// public client (RFC 6749 section 2.1). The page for people puts it into what is
	// copied from there; "" where programs register themselves.
	PublicClient string
	// InstallPage is the address of a page about how to get mcp-login, for people who
	// read the page of this server; "" for none.
	InstallPage string
	// Version is the program's version for MCP's serverInfo.
	Version string

	shared *limits // of the group; nil for a server by itself
}

// Check reports everything that is wrong with the configuration, joined into
// one error; nil when [New] will accept it.
func (c *Config) Check() error {
	errs := []error{c.Config.Check(), CheckPage("install page", c.InstallPage), c.checkOperations(), (&gateway.Config{Identity: c.ForwardAuth}).CheckHeaders()}
	if c.Upstream != nil {
		errs = append(errs, c.Upstream.Check())
	}
	for _, o := range c.AllowedOrigins {
		if u, err := url.Parse(o); err != nil || u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host {
			errs = append(errs, fmt.Errorf("allowed origin %q: must be scheme://host[:port] and nothing else", o))
		}
	}
	for _, h := range c.AllowedHosts {
		if u, err := url.Parse("//" + h); err != nil || h == "" || u.Host != h {
			errs = append(errs, fmt.Errorf("allowed host %q: must be a name or name:port and nothing else", h))
		}
	}
	return errors.Join(errs...)
}

// CheckPage reports why address cannot be that of a page for people; nil when it can,
// or is not given. The error begins with name.
func CheckPage(name, address string) error {
	if u, err := url.Parse(address); address != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http") {
		return fmt.Errorf("%s %q: must be an http or https URL", name, address)
	}
	return nil
}

// authority returns host and port in one comparable spelling: lower case, and
// with the scheme's default port left out.
func authority(scheme, hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		return strings.ToLower(hostport)
	}
	if scheme == "https" && port == "443" || scheme == "http" && port == "80" {
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		return strings.ToLower(host)
	}
	return strings.ToLower(net.JoinHostPort(host, port))
}
