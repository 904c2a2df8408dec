package account

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"mcp-login/internal/bridge"
	"mcp-login/internal/bridge/lazy"
	"mcp-login/internal/bridge/protover"
	"mcp-login/internal/bridge/signin"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
)

// connect puts the lower stages of a connection together: the translation between
// revisions above the wire. Nothing is sent yet.
func (a *Account) connect() (*protover.Adapter, error) {
	wire, err := upstream.New(a.upstream)
	if err != nil {
		return nil, fmt.Errorf("prepare the connection: %w", err)
	}
	return protover.New(protover.Config{Server: wire, Memory: revision{a}, Name: a.Server.Host, Log: a.Log}), nil
}

// RelayOptions is what the person has said about a relay.
type RelayOptions struct {
	// Tools says which tools of the server the client sees.
	Tools bridge.Filter
	// Patience is that of [signin.Config]; nil answers nothing for the server.
	Patience func(client string) time.Duration
	// Lazy answers a client's start with what the server has said the last time.
	Lazy bool
	// PingInterval and MaxMessage are those of [bridge.Config].
	PingInterval time.Duration
	MaxMessage   int
}

// Relay serves an MCP client on in and out until in ends. Above the stages of connect
// stand the filter of tools, the stand-in for the server while a person signs in, and the lazy
// start, each only if this run has a use for it. What goes wrong with a request
// is answered to the client; only what ends the whole run comes back as an error.
func (a *Account) Relay(ctx context.Context, in io.Reader, out io.Writer, o RelayOptions) error {
	server, err := a.connect()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, a.OAuth.StopAsking)()
	cfg := bridge.Config{Server: o.Tools.Stage(server), Client: a.client.learn, Ended: a.OAuth.StopAsking, PingInterval: o.PingInterval, MaxMessage: o.MaxMessage, Log: a.Log}
	var provisional func() bool
	if a.signsIn() {
		cfg.SignIn = bridge.AwaitedOnly(func() bool { _, ok := a.awaitedLogin(); return ok })
		if o.Patience != nil {
			login := signin.New(signin.Config{Server: cfg.Server, Pending: a.awaitedLogin, Patience: o.Patience, Results: initializeResults{ctx, a}, Log: a.Log})
			cfg.Server, cfg.SignIn, provisional = login, login, login.Provisional
		}
	}
	switch {
	case o.Lazy && a.Connection.Commands != nil:
		a.Log.Warn("--lazy has no effect where a program prints a header or the token: nobody knows whose that is")
	case o.Lazy:
		cfg.Server = lazy.New(lazy.Config{Server: cfg.Server, Memory: &answers{a: a, tools: o.Tools}, Provisional: provisional, Log: a.Log})
	}
	return bridge.Run(ctx, in, out, cfg)
}

// signsIn reports whether a person may have to sign in: nothing else gives the token.
func (a *Account) signsIn() bool {
	return a.TokenSource() == "" && a.Connection.Header.Get("Authorization") == ""
}

// awaitedLogin tells the bridge of a login that waits for its person.
func (a *Account) awaitedLogin() (signin.Pending, bool) {
	p, ok := a.OAuth.CurrentPrompt()
	return signin.Pending{URL: a.address(p), UserCode: p.UserCode, Issuer: foreign.ShortAddress(p.Issuer), Since: p.Began}, ok
}

// revision keeps which revision a server speaks beside its login, so that the next
// start need not ask.
type revision struct{ a *Account }

const (
	// revisionCache is the name that earlier versions have given it in the store.
	revisionCache = "era"
	// cacheTimeout bounds a look at the disk; without it the server is asked.
	cacheTimeout = time.Second
)

// Recall implements protover.Memory.
func (r revision) Recall() protover.Support {
	return protover.Decode(r.a.loadCache(revisionCache), time.Now())
}

// Keep implements protover.Memory.
func (r revision) Keep(speaks protover.Support) {
	r.a.saveCache(revisionCache, protover.Encode(speaks, time.Now()))
}

// loadCache returns what saveCache has kept under name, nil for nothing.
func (a *Account) loadCache(name string) []byte {
	ctx, stop := context.WithTimeout(context.Background(), cacheTimeout)
	defer stop()
	b, err := a.Store.LoadCache(ctx, a.Key, name)
	if err != nil {
		a.Log.Debug("what the server said the last time is not known", "about", name, "reason", err)
	}
	return b
}

// saveCache keeps what the server has said, for the next start.
func (a *Account) saveCache(name string, b []byte) {
	ctx, stop := context.WithTimeout(context.Background(), cacheTimeout)
	defer stop()
	if err := a.Store.SaveCache(ctx, a.Key, name, b); err != nil {
		a.Log.Debug("what the server says is not kept", "about", name, "reason", err)
	}
}

// initializeResults keeps what the server answered to initialize, for the next login
// that takes long.
type initializeResults struct {
	ctx context.Context
	a   *Account
}

// maxInitializeResult bounds what is kept of a server's answer in bytes.
const maxInitializeResult = 64 << 10

func initializeCache(version string) string { return "initialize-" + strings.ToLower(version) }

// Recall implements signin.Results.
func (r initializeResults) Recall(version string) []byte {
	return r.a.loadCache(initializeCache(version))
}

// Remember implements signin.Results. Only a server that a person signs in to
// can make anybody wait, so that of others nothing is kept.
func (r initializeResults) Remember(version string, result []byte) {
	if _, err := r.a.OAuth.Credential(r.ctx); err == nil && len(result) <= maxInitializeResult {
		r.a.saveCache(initializeCache(version), result)
	}
}
