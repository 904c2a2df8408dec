package main

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strconv"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/origin"
)

// redirectTo takes --redirect-uri apart: http on this machine is where the listener
// is, and an https address is somebody else's, from where the answer is pasted. Plain
// http to another machine would show it to others on the way.
func (o *options) redirectTo() error {
	if o.redirectURI == "" {
		return nil
	}
	u, err := url.Parse(o.redirectURI)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil || u.Fragment != "" || strings.Contains(o.redirectURI, "#") || foreign.Address(o.redirectURI) != o.redirectURI {
		return errors.New("--redirect-uri must be an absolute address without a user name or a fragment")
	}
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme != "http" || !origin.Loopback(u.Hostname()):
		return hint{errors.New("--redirect-uri must be https, or http on this machine"), "the address that is registered at the provider, such as https://example.com/callback"}
	}
	if u.RawQuery != "" || u.ForceQuery || u.Path == "" {
		return errors.New("--redirect-uri on this machine must have a path, such as /callback, and no query")
	}
	o.callbackHost, o.callbackPath = u.Hostname(), u.EscapedPath()
	if port, err := strconv.Atoi(u.Port()); err == nil {
		o.callbackPort = port
	}
	return nil
}

// pasted reports whether the browser ends at an address that is not the listener's.
func (o *options) pasted() bool { return strings.HasPrefix(strings.ToLower(o.redirectURI), "https:") }

// loginFlags are the flags that a login needs beside its account.
func (o *options) loginFlags() (words []string) {
	if chosen, err := o.chosen(); err == nil {
		words = chosen.Flags()
	}
	if o.redirectURI != "" {
		words = append(words, "--redirect-uri", o.redirectURI)
	}
	return words
}

// listener returns what binds the redirect listener. program is asked when that
// happens; log may be nil.
func (o *options) listener(server string, program func() string, log *slog.Logger) func(context.Context, string, string, int) (oauth.Redirect, error) {
	return func(ctx context.Context, issuer, foundAt string, port int) (oauth.Redirect, error) {
		lo := loopback.Options{Port: port, Host: o.callbackHost, Path: o.callbackPath, Bind: o.callbackBind, Server: server, Issuer: issuer, FoundAt: foundAt, Program: program(), Success: o.successURL, Log: log}
		if o.pasted() {
			lo.URI = o.redirectURI
		}
		if o.callbackPort != 0 {
			lo.Port, lo.Exact = o.callbackPort, true
		}
		return loopback.Listen(ctx, lo)
	}
}
