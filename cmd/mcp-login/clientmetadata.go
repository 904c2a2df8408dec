package main

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"
)

// chosen is what the person chose for the registration of this client:
// --client-metadata, and its short forms, which win.
func (o *options) chosen() (oauth.ClientMetadata, error) {
	chosen, err := readClientMetadata(o.clientMetadata, o.redirectURI)
	if err != nil {
		return "", fmt.Errorf("--client-metadata: %w", err)
	}
	for _, short := range []struct{ flag, name, value string }{{"client-name", "client_name", o.clientName}, {"client-uri", "client_uri", o.clientURI}} {
		if short.value == "" {
			continue
		}
		if chosen, err = chosen.With(short.name, short.value); err != nil {
			return "", fmt.Errorf("--%s: %w", short.flag, err)
		}
	}
	return chosen, nil
}

// readClientMetadata reads JSON, or the file behind an @; "" is none. redirectURI is
// --redirect-uri.
func readClientMetadata(value, redirectURI string) (oauth.ClientMetadata, error) {
	data := []byte(value)
	if path, isFile := strings.CutPrefix(value, "@"); isFile {
		var err error
		if data, err = readGiven(path); err != nil {
			return "", err
		}
	}
	if value == "" {
		return "", nil
	}
	return oauth.ParseClientMetadata(data, redirectURI)
}

// listenAt listens where a client was registered, or is to be: at the one of its
// redirect URIs that the flags name, else at the first.
func (o *options) listenAt(chosen oauth.ClientMetadata) {
	list := chosen.Redirects()
	if len(list) == 0 || o.redirectURI != "" {
		return
	}
	u := list[0]
	for _, other := range list {
		if o.callbackPort != 0 && other.Port() == strconv.Itoa(o.callbackPort) {
			u = other
		}
	}
	o.overridden = o.overriddenBy(u)
	o.callbackHost, o.callbackPath = u.Hostname(), u.Path
	if port, err := strconv.Atoi(u.Port()); err == nil {
		o.callbackPort = port
	}
}

// overriddenBy names the flags that say otherwise than a redirect URI.
func (o *options) overriddenBy(u *url.URL) (flags []string) {
	if port := strconv.Itoa(o.callbackPort); o.callbackPort != 0 && u.Port() != "" && u.Port() != port {
		flags = append(flags, "--callback-port")
	}
	if path := o.callbackPath; path != u.Path && path != loopback.DefaultPath && path != mcpRemotePath {
		flags = append(flags, "--callback-path")
	}
	return flags
}
