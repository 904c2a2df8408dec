package cli

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/mcpremote"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/origin"
)

// callback is where the answer to an authorization request is awaited.
type callback struct {
	host, path string
	port       int // 0 takes any
	// uri is the redirect URI where the browser ends at another address, "" where it
	// is the listener's own.
	uri string
	// overridden are flags that give way to the redirect URIs of client metadata.
	overridden []string
}

// callbackOf is where the answer is awaited by what was said: at --redirect-uri, else
// at one of the redirect URIs that the client has chosen, else at --callback-host,
// --callback-port and --callback-path.
func callbackOf(said oauth.Choices, chosen oauth.ClientMetadata) (callback, error) {
	c := callback{
		host: cmp.Or(said.CallbackHost, loopback.DefaultHost), path: cmp.Or(said.CallbackPath, loopback.DefaultPath), port: said.CallbackPort,
	}
	if said.RedirectURI != "" {
		return c.at(said.RedirectURI)
	}
	return c.among(chosen.Redirects()), nil
}

// at takes a redirect URI apart: http on this machine is where the listener is, and an
// https address is somebody else's, from where the answer is pasted. Plain http to
// another machine would show it to others on the way.
func (c callback) at(raw string) (callback, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.Contains(raw, "#") || foreign.Address(raw) != raw {
		return c, errors.New("--redirect-uri must be an absolute address without a user name or a fragment")
	}
	switch {
	case u.Scheme == "https":
		c.uri = raw
		return c, nil
	case u.Scheme != "http" || !origin.Loopback(u.Hostname()):
		return c, hint.With(errors.New("--redirect-uri must be https, or http on this machine"), "the address that is registered at the provider, such as https://example.com/callback")
	}
	if u.RawQuery != "" || u.ForceQuery || u.Path == "" {
		return c, errors.New("--redirect-uri on this machine must have a path, such as /callback, and no query")
	}
	return c.listening(u, u.EscapedPath()), nil
}

// listening is c at the host and port of u.
func (c callback) listening(u *url.URL, path string) callback {
	c.host, c.path = u.Hostname(), path
	if port, err := strconv.Atoi(u.Port()); err == nil {
		c.port = port
	}
	return c
}

// among listens where a client was registered, or is to be: at the one of its redirect
// URIs that the port names, else at the first.
func (c callback) among(list []*url.URL) callback {
	if len(list) == 0 {
		return c
	}
	u := list[0]
	for _, other := range list {
		if c.port != 0 && other.Port() == strconv.Itoa(c.port) {
			u = other
		}
	}
	if c.port != 0 && u.Port() != "" && u.Port() != strconv.Itoa(c.port) {
		c.overridden = append(c.overridden, "--callback-port")
	}
	if c.path != u.Path && c.path != loopback.DefaultPath && c.path != mcpremote.CallbackPath {
		c.overridden = append(c.overridden, "--callback-path")
	}
	return c.listening(u, u.Path)
}

// listen binds the redirect listener. o has what is left to say: for whom, and what
// else the listener is to do.
func (c callback) listen(ctx context.Context, o loopback.Options) (oauth.Redirect, error) {
	o.Host, o.Path, o.URI = c.host, c.path, c.uri
	if c.port != 0 {
		o.Port, o.Exact = c.port, true
	}
	return loopback.Listen(ctx, o)
}

// pasted reports whether the browser ends at an address that is not the listener's.
func (o *options) pasted() bool { return strings.HasPrefix(strings.ToLower(o.RedirectURI), "https:") }

// listener binds the redirect listener where the person has said, now or when the
// account signed in or its client was registered.
func (s *session) listener(o options) func(context.Context, string, string, int) (oauth.Redirect, error) {
	return func(ctx context.Context, issuer, foundAt string, port int) (oauth.Redirect, error) {
		chosen, said := o.Client, o.Choices
		if kept, err := s.store.Load(ctx, s.key); err == nil {
			if chosen == "" && said.CallbackPort == 0 {
				chosen = kept.Registration.Chosen
			}
			said = said.Over(kept.Choices)
		}
		where, err := callbackOf(said, chosen)
		if err != nil {
			return nil, err
		}
		if len(where.overridden) > 0 {
			s.log.Warn("the redirect URIs of the client metadata say where to listen", "instead_of", strings.Join(where.overridden, ", "))
		}
		return where.listen(ctx, loopback.Options{Port: port, Bind: o.callbackBind, Server: s.server.Host, Issuer: issuer, FoundAt: foundAt, Program: s.program.String(), Success: o.successURL, Log: s.log})
	}
}
