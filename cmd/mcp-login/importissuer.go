package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/clients"
	"mcp-login/internal/oauth"
)

const (
	importTimeout = 15 * time.Second
	maxMetadata   = 1 << 20
)

// provider asks what mcp-remote does not keep. It only reads published
// metadata; no token is sent.
type provider struct{ client *http.Client }

// get reads one JSON document into v; ok is false when there is none.
func (p provider) get(ctx context.Context, address string, v any) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, importTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := p.client.Do(req)
	if err != nil {
		return false, unreachableError{err}
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return false, nil
	}
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxMetadata))
	if err != nil {
		return false, unreachableError{err}
	}
	return json.Unmarshal(b, v) == nil, nil
}

// metadata reads the authorization server's metadata where RFC 8414 section 3.1
// and OpenID Connect Discovery put it. Only the issuer's own counts.
func (p provider) metadata(ctx context.Context, issuer string) (oauth.ServerMetadata, error) {
	u, err := secure(issuer)
	if err != nil {
		return oauth.ServerMetadata{}, fmt.Errorf("the provider's address: %w", err)
	}
	origin, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	var unreachable error
	for _, address := range []string{
		origin + "/.well-known/oauth-authorization-server" + path,
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/openid-configuration" + path,
	} {
		var m oauth.ServerMetadata
		ok, err := p.get(ctx, address, &m)
		if err != nil {
			unreachable = err
			continue
		}
		if !ok || m.Issuer != issuer {
			continue
		}
		if _, err := secure(m.TokenEndpoint); err != nil {
			return m, fmt.Errorf("the token endpoint of %s: %w", issuer, err)
		}
		return m, nil
	}
	if unreachable != nil {
		return oauth.ServerMetadata{}, hint{unreachable, "try again when the provider can be reached; nothing was changed"}
	}
	return oauth.ServerMetadata{}, fmt.Errorf("the provider %s publishes no metadata", issuer)
}

// secure accepts https, and http on this machine, as CanonicalServer does.
func secure(raw string) (*url.URL, error) { return oauth.CanonicalServer(raw, false) }

// resource is the RFC 8707 resource that mcp-remote asked the token for: the one
// that the server publishes (RFC 9728), or else the token's audience, if that
// is the server. "" is none.
func (p provider) resource(ctx context.Context, server *url.URL, issuer, audience string) (string, error) {
	origin, path := server.Scheme+"://"+server.Host, strings.TrimSuffix(server.EscapedPath(), "/")
	const wellKnown = "/.well-known/oauth-protected-resource"
	for _, address := range slices.Compact([]string{origin + wellKnown + path, origin + wellKnown}) {
		var m struct {
			Resource string   `json:"resource"`
			Servers  []string `json:"authorization_servers"`
		}
		switch ok, err := p.get(ctx, address, &m); {
		case err != nil:
			return "", hint{err, "try again when the server can be reached; nothing was changed"}
		case !ok || m.Resource == "":
		case !slices.Contains(m.Servers, issuer):
			return "", hint{errors.New("the server trusts another provider now"), "run: mcp-login login " + server.Redacted()}
		case !covers(m.Resource, server):
			return "", errors.New("the server's metadata is about another server")
		default:
			return m.Resource, nil
		}
	}
	if covers(audience, server) {
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
	system := clients.System{OS: runtime.GOOS, Home: home, Getenv: a.getenv}
	for _, c := range clients.All {
		for _, path := range c.Locations(system) {
			data, err := clients.Read(path)
			if err != nil || len(data) == 0 {
				continue // it is not what this verb is about
			}
			servers, err := c.List(data)
			if err != nil {
				continue
			}
			for _, s := range servers {
				// Both: an entry may have been moved to mcp-login already.
				if kind := s.Kind(); kind == clients.KindMCPRemote || kind == clients.KindOwn {
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
