package account

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/origin"
)

// Callback is where the answer to an authorization request is awaited.
type Callback struct {
	Host, Path string
	Port       int // 0 takes any
	// URI is the redirect URI where the browser ends at another address, "" where it
	// is the listener's own.
	URI string
	// overridden are flags that give way to the redirect URIs of client metadata.
	overridden []string
}

// CallbackOf is where the answer is awaited by what was said: at --redirect-uri, else
// at one of the redirect URIs that the client has chosen, else at --callback-host,
// --callback-port and --callback-path.
func CallbackOf(said oauth.Choices, chosen grant.ClientMetadata) (Callback, error) {
	c := Callback{
		Host: cmp.Or(said.CallbackHost, loopback.DefaultHost), Path: cmp.Or(said.CallbackPath, loopback.DefaultPath), Port: said.CallbackPort,
	}
	if said.RedirectURI != "" {
		return c.at(said.RedirectURI)
	}
	return c.among(chosen.Redirects()), nil
}

// at takes a redirect URI apart: http on this machine is where the listener is, and an
// https address is somebody else's, from where the answer is pasted. Plain http to
// another machine would show it to others on the way.
func (c Callback) at(raw string) (Callback, error) {
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.Contains(raw, "#") || foreign.Address(raw) != raw {
		return c, errors.New("--redirect-uri must be an absolute address without a user name or a fragment")
	}
	switch {
	case u.Scheme == "https":
		c.URI = raw
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
func (c Callback) listening(u *url.URL, path string) Callback {
	c.Host, c.Path = u.Hostname(), path
	if port, err := strconv.Atoi(u.Port()); err == nil {
		c.Port = port
	}
	return c
}

// among listens where a client was registered, or is to be: at the one of its redirect
// URIs that the port names, else at the first.
func (c Callback) among(list []*url.URL) Callback {
	if len(list) == 0 {
		return c
	}
	u := list[0]
	for _, other := range list {
		if c.Port != 0 && other.Port() == strconv.Itoa(c.Port) {
			u = other
		}
	}
	if c.Port != 0 && u.Port() != "" && u.Port() != strconv.Itoa(c.Port) {
		c.overridden = append(c.overridden, "--callback-port")
	}
	if c.Path != u.Path && c.Path != loopback.DefaultPath && c.Path != loopback.MCPRemotePath {
		c.overridden = append(c.overridden, "--callback-path")
	}
	return c.listening(u, u.Path)
}

// Check says why nothing can listen there, nor at bind, as far as that is known before.
func (c Callback) Check(bind string) error {
	return loopback.Options{Host: c.Host, Path: c.Path, Port: c.Port, Bind: bind}.Check()
}

// Listen binds the redirect listener. o has what is left to say: for whom, and what
// else the listener is to do.
func (c Callback) Listen(ctx context.Context, o loopback.Options) (oauth.Redirect, error) {
	o.Host, o.Path, o.URI = c.Host, c.Path, c.URI
	if c.Port != 0 {
		o.Port, o.Exact = c.Port, true
	}
	return loopback.Listen(ctx, o)
}

// Listen binds the redirect listener where the person has said, now or when the
// account signed in or its client was registered. It has the form of Config.Listen of
// package oauth.
func (a *Account) Listen(ctx context.Context, issuer, foundAt string, port int) (oauth.Redirect, error) {
	chosen, said := a.Settings.Client, a.Settings.Choices
	if kept, err := a.Store.Load(ctx, a.Key); err == nil {
		if chosen == "" && said.CallbackPort == 0 {
			chosen = kept.Registration.Chosen
		}
		said = said.Over(kept.Choices)
	}
	where, err := CallbackOf(said, chosen)
	if err != nil {
		return nil, err
	}
	if len(where.overridden) > 0 {
		a.Log.Warn("the redirect URIs of the client metadata say where to listen", "instead_of", strings.Join(where.overridden, ", "))
	}
	return where.Listen(ctx, loopback.Options{Port: port, Bind: a.CallbackBind, Server: a.Server.Host, Issuer: issuer, FoundAt: foundAt, Program: a.client.String(), Success: a.SuccessURL, Log: a.Log})
}
