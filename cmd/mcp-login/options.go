package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/oauth"
)

// options are the flags that say for whom and how to talk to one server; all
// verbs with a URL share them.
type options struct {
	profile, clientID, clientSecretFile, metadataURL string
	resource, transport, store, logLevel, browser    string
	scopes                                           string
	scopesSet                                        bool
	headers                                          []string
	timeout                                          time.Duration
	callbackPort                                     int
	noBrowser, allowHTTP, assumePKCE                 bool
}

// register declares the flags. A variable is the default of its flag, so that
// the flag wins; an empty variable counts as unset.
func (o *options) register(f *pflag.FlagSet, getenv func(string) string) {
	or := func(name, otherwise string) string {
		if v := getenv(name); v != "" {
			return v
		}
		return otherwise
	}
	f.SortFlags = false
	f.StringVar(&o.profile, "profile", "", "account to use, when there are several on one server")
	f.StringVar(&o.scopes, "scope", "", "scopes to ask for, separated by blanks, instead of those the server names")
	f.StringVar(&o.clientID, "client-id", or("MCP_LOGIN_CLIENT_ID", ""), "client registered by hand at the provider")
	f.StringVar(&o.clientSecretFile, "client-secret-file", "", "file with its secret; or set MCP_LOGIN_CLIENT_SECRET")
	f.StringVar(&o.metadataURL, "client-metadata-url", "", "client ID metadata document to be known by")
	f.StringVar(&o.resource, "resource", "", "resource to ask a token for, instead of the one the server names; none leaves it out")
	f.StringArrayVar(&o.headers, "header", nil, "header to send to the server, as 'Name: value'; ${VAR} is replaced; repeatable")
	f.StringVar(&o.transport, "transport", "auto", "auto, http (Streamable HTTP) or sse (HTTP+SSE of 2024-11-05)")
	f.StringVar(&o.store, "store", or("MCP_LOGIN_STORE", "auto"), "where to keep logins: auto, keyring, file or memory")
	f.StringVar(&o.browser, "browser-command", or("MCP_LOGIN_BROWSER", getenv("BROWSER")), "program that gets the login URL as its argument; none opens nothing")
	f.BoolVar(&o.noBrowser, "no-browser", getenv("MCP_LOGIN_NO_BROWSER") != "", "only print the login URL")
	f.IntVar(&o.callbackPort, "callback-port", 0, "port of the redirect URI, for providers that compare it; 0 takes any")
	f.DurationVar(&o.timeout, "timeout", oauth.DefaultLoginTimeout, "how long to wait for a person to sign in")
	f.BoolVar(&o.allowHTTP, "allow-http", false, "allow plain http to a host that is not this machine")
	f.BoolVar(&o.assumePKCE, "assume-pkce", false, "sign in although the provider does not say that it supports PKCE")
	f.StringVar(&o.logLevel, "log-level", or("MCP_LOGIN_LOG", "warn"), "debug, info, warn or error")
}

// scopeList distinguishes --scope "" (ask for none) from no flag.
func (o *options) scopeList(f *pflag.FlagSet) {
	o.scopesSet = f.Changed("scope")
}

func (o *options) scope() []string {
	if o.scopes == "" && !o.scopesSet {
		return nil
	}
	return append([]string{}, strings.Fields(o.scopes)...)
}

// identity reads the client's secret from where secrets may be: a file or a
// variable, never the command line, which other users can see.
func (o *options) identity(getenv func(string) string) (oauth.Identity, error) {
	id := oauth.Identity{ClientID: o.clientID, MetadataURL: o.metadataURL, Name: "mcp-login"}
	secret := getenv("MCP_LOGIN_CLIENT_SECRET")
	if o.clientSecretFile != "" {
		b, err := os.ReadFile(o.clientSecretFile)
		if err != nil {
			return id, usageError{fmt.Errorf("read the client secret: %w", err)}
		}
		secret = strings.TrimSpace(string(b))
	}
	if secret != "" && o.clientID == "" {
		return id, usageError{hint{errors.New("a client secret without a client id"), "add --client-id"}}
	}
	id.ClientSecret = oauth.NewSecret(secret)
	return id, nil
}

// header parses the --header flags. Values may name variables, so that secrets
// need not stand in a configuration file; CR and LF are refused, they would
// start another header.
func (o *options) header(getenv func(string) string) (http.Header, error) {
	h := http.Header{}
	for _, line := range o.headers {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		value = strings.TrimSpace(expand(value, getenv))
		if !ok || !headerName(name) || !headerValue(value) {
			// It may be a secret in the wrong form: none of it is shown.
			return nil, usageError{hint{errors.New("a --header is not of the form 'Name: value'"), "write it as --header 'X-Api-Key: ${MY_KEY}'"}}
		}
		h.Add(name, value)
	}
	return h, nil
}

// expand replaces ${NAME}; a plain $ stays, it is common in keys.
func expand(s string, getenv func(string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("${" + rest)
			return b.String()
		}
		b.WriteString(getenv(name))
		s = after
	}
}

// wire returns the transport asked for.
func (o *options) wire() (upstream.Transport, error) {
	switch o.transport {
	case "auto":
		return upstream.Auto, nil
	case "http":
		return upstream.StreamableHTTP, nil
	case "sse":
		return upstream.SSE, nil
	}
	return upstream.Auto, usageError{fmt.Errorf("transport %q is none of auto, http, sse", o.transport)}
}

// headerName reports whether s is a token (RFC 9110, section 5.6.2).
func headerName(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// headerValue refuses control characters (RFC 9110, section 5.5).
func headerValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// setScopes makes the options describe the identity of a kept login.
func (o *options) setScopes(scopes []string) {
	o.scopes, o.scopesSet = strings.Join(scopes, " "), scopes != nil
}
