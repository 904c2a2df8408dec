package cli

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/oauth"
)

// importTimeout bounds what is asked for one login.
const importTimeout = 30 * time.Second

// provider asks what mcp-remote does not keep. It only reads published
// metadata; no token is sent.
type provider struct{ client *http.Client }

// later adds the next step where somebody could not be reached.
func later(err error) error {
	if errors.Is(err, oauth.ErrUnavailable) {
		return hint.With(unreachableError{err}, "try again when it can be reached; nothing was changed")
	}
	return err
}

// metadata reads the authorization server's metadata.
func (p provider) metadata(ctx context.Context, issuer string) (oauth.ServerMetadata, error) {
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	m, err := oauth.IssuerMetadata(ctx, p.client, issuer, oauth.IssuerChoice{})
	return m, later(err)
}

// resource is the RFC 8707 resource that mcp-remote asked the token for: the one
// that the server publishes (RFC 9728), or else the token's audience, if that
// is the server. "" is none.
func (p provider) resource(ctx context.Context, server *url.URL, key oauth.Key, issuer, audience string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	m, found, err := oauth.PublishedResource(ctx, p.client, server)
	switch {
	case err != nil:
		return "", later(err)
	case found && !slices.ContainsFunc(m.Issuers(server), func(listed string) bool { return oauth.SameIssuer(listed, issuer) }):
		return "", hint.With(errors.New("the server trusts another provider now"), "run: "+oauth.LoginCommand(key, "", ""))
	case found:
		return m.Resource, nil
	case covers(audience, server):
		return audience, nil
	}
	return "", nil
}

// covers reports whether a resource is the server, or a path above it.
func covers(resource string, server *url.URL) bool {
	r, err := oauth.CanonicalServer(resource, true)
	if err != nil || r.Scheme != server.Scheme || r.Host != server.Host {
		return false
	}
	base := strings.TrimSuffix(r.Path, "/")
	return server.Path == r.Path || base == strings.TrimSuffix(server.Path, "/") || strings.HasPrefix(server.Path, base+"/")
}

// identities are the servers that a login may be for: those named, and those
// that the configuration files of MCP clients start mcp-remote with.
func (a *app) identities(named []string, home string) (all []remoteIdentity) {
	for _, raw := range named {
		all = append(all, remoteIdentity{server: raw})
	}
	system := hosts.System{OS: runtime.GOOS, Home: home, Getenv: a.getenv}
	for _, c := range hosts.All {
		for _, path := range c.Locations(system) {
			data, err := hosts.Read(path)
			if err != nil || len(data) == 0 {
				continue // it is not what this verb is about
			}
			servers, err := c.List(data)
			if err != nil {
				continue
			}
			for _, s := range servers {
				// Both: an entry may have been moved to mcp-login already.
				if kind := s.Kind(); kind == hosts.KindMCPRemote || kind == hosts.KindOwn {
					all = append(all, identityOf(s.Args)...)
				}
			}
		}
	}
	return all
}

// identityOf reads mcp-remote's own arguments: its address, and what else
// becomes part of the names of its files. Without that, too: it may have been
// added since.
func identityOf(args []string) []remoteIdentity {
	r := remoteIdentity{headers: map[string]string{}}
	for n, arg := range args {
		value := ""
		if n+1 < len(args) {
			value = args[n+1]
		}
		switch {
		case arg == "--resource":
			r.resource = strings.TrimSpace(value)
		case arg == "--disable-resource-parameter":
			r.resource = oauth.NoResource
		case arg == "--header":
			if name, text, ok := strings.Cut(value, ":"); ok {
				r.headers[name] = strings.TrimLeft(text, " \t")
			}
		case r.server == "" && (strings.HasPrefix(arg, "https://") || strings.HasPrefix(arg, "http://")):
			r.server = arg
		}
	}
	if r.server == "" {
		return nil
	}
	return []remoteIdentity{r, {server: r.server}}
}
