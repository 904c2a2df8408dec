package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"time"

	"mcp-login/internal/bridge"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/store"
)

// session is one server and one account: everything a verb with a URL needs.
type session struct {
	server *url.URL
	key    oauth.Key
	store  *store.Store
	client *oauth.Client
	remote *upstream.Upstream
	log    *slog.Logger
}

// storeError marks what the store could not do, for the exit code.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// openStore opens the store of this user. It does not touch the keyring yet.
func (a *app) openStore(kind string, log *slog.Logger) (*store.Store, error) {
	home, _ := os.UserHomeDir() // "" is judged by DefaultDir
	dir, err := store.DefaultDir(a.getenv, runtime.GOOS, home)
	if err != nil && store.Kind(kind) != store.KindMemory {
		return nil, storeError{err}
	}
	s, err := store.Open(store.Options{
		Dir: dir, Kind: store.Kind(kind), Log: log,
		Notice: func(message, next string) {
			a.note("%s", message)
			if next != "" {
				a.note("hint: %s", next)
			}
		},
	})
	if err != nil {
		return nil, storeError{err}
	}
	return s, nil
}

// kept opens the store and lists the logins in it.
func (a *app) kept(ctx context.Context, o options) (*store.Store, []store.Entry, error) {
	log, err := a.logger(o.logLevel)
	if err != nil {
		return nil, nil, err
	}
	st, err := a.openStore(o.store, log)
	if err != nil {
		return nil, nil, err
	}
	entries, err := st.List(ctx)
	if err != nil {
		return nil, nil, storeError{err}
	}
	return st, entries, nil
}

// session builds one for a server. With ask false nobody is asked to sign in.
func (a *app) session(o options, raw string, ask bool) (*session, error) {
	server, err := oauth.CanonicalServer(raw, o.allowHTTP)
	if err != nil {
		return nil, usageError{err}
	}
	log, err := a.logger(o.logLevel)
	if err != nil {
		return nil, err
	}
	identity, err := o.identity(a.getenv)
	if err != nil {
		return nil, err
	}
	header, err := o.header(a.getenv)
	if err != nil {
		return nil, err
	}
	wire, err := o.wire()
	if err != nil {
		return nil, err
	}
	st, err := a.openStore(o.store, log)
	if err != nil {
		return nil, err
	}
	s := &session{server: server, key: o.key(server), store: st, log: log}
	cfg := oauth.Config{
		Server: server, Key: s.key, Store: st, Identity: identity, Log: log,
		HTTP:       oauth.NewHTTPClient(server, http.ProxyFromEnvironment),
		AssumePKCE: o.assumePKCE, LoginTimeout: o.timeout,
	}
	if ask {
		cfg.Listen = func(ctx context.Context, port int) (oauth.Redirect, error) {
			lo := loopback.Options{Port: port, Server: server.Host}
			if o.callbackPort != 0 {
				lo.Port, lo.Exact = o.callbackPort, true
			}
			return loopback.Listen(ctx, lo)
		}
		cfg.Show = a.show(o, s)
	}
	s.client = oauth.New(cfg)
	s.remote, err = upstream.New(upstream.Config{
		Endpoint: server, Header: header, Transport: wire, Log: log,
		HTTP: &http.Client{Transport: s.client.Transport(wireTransport()), CheckRedirect: upstream.CheckRedirect},
	})
	if err != nil {
		s.close()
		return nil, fmt.Errorf("prepare the connection: %w", err)
	}
	return s, nil
}

// close ends a login under way and releases its port and lock.
func (s *session) close() { s.client.Close() }

// key names the identity that the flags describe.
func (o *options) key(server *url.URL) oauth.Key {
	return oauth.Key{Server: server.String(), Profile: o.profile, ClientID: o.clientID, Resource: o.resource, Scopes: o.scope()}
}

// wireTransport carries the MCP messages. There is no limit on a whole
// exchange: a tool may run for an hour and a stream for days. Limits are on
// reaching the server at all.
func wireTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 30 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		TLSHandshakeTimeout:    15 * time.Second,
		MaxResponseHeaderBytes: 256 << 10,
		MaxIdleConnsPerHost:    64,
		IdleConnTimeout:        90 * time.Second,
	}
}

// unreachableError marks a failure to reach the server, for the exit code.
type unreachableError struct{ error }

func (e unreachableError) Unwrap() error { return e.error }

// signIn tells the bridge of a login that waits for its person.
func (s *session) signIn() (bridge.SignIn, bool) {
	return bridge.SignIn{}, s.client.AwaitingPerson()
}
