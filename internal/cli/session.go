package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/command"
	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// session is one server and one account: everything a verb with a URL needs.
type session struct {
	server  *url.URL
	key     oauth.Key
	said    account.Settings // with those that are kept
	store   *store.Store
	client  *oauth.Client
	remote  *upstream.Upstream
	wire    upstream.Config // of remote
	given   oauth.Secret    // a token of the person, instead of a login
	printed *command.Set    // what the person's commands print, or nil
	verb    bool            // mcp-login is the client itself
	person  bool            // somebody at a terminal wants to sign in
	here    bool            // the person's browser runs on this machine
	program program         // that the login is for
	// published tells that the login in progress is in the store, from where
	// logout takes it.
	published atomic.Bool
	// started tells that this process started the detached login, whose words
	// are on our stderr already.
	started atomic.Bool
	// shown is what the person has seen last of the login in progress.
	shown atomic.Pointer[oauth.Prompt]
	log   *slog.Logger
}

// storeError marks what the store could not do, for the exit code.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// openStore opens the store of this user. It does not touch the keyring yet.
func (a *app) openStore(kind string, log *slog.Logger) (*store.Store, error) {
	home, _ := os.UserHomeDir() // "" is judged by DefaultDir
	dir, err := store.DefaultDir(a.getenv, runtime.GOOS, home)
	switch {
	case err == nil || store.Kind(kind) == store.KindMemory:
	case home == "" && a.getenv("MCP_LOGIN_DIR") == "" && store.Kind(kind) == store.KindAuto:
		// A container without a home: signing in is still possible.
		a.term.Note("no home directory: logins are kept in memory, until this program ends")
		a.term.Note("hint: set MCP_LOGIN_DIR to a private directory, or choose --store memory")
		kind = string(store.KindMemory)
	default:
		return nil, storeError{err}
	}
	s, err := store.Open(store.Options{
		Dir: dir, Kind: store.Kind(kind), Log: log, Getenv: a.getenv,
		Notice: func(message, next string) {
			a.term.Note("%s", message)
			if next != "" {
				a.term.Note("hint: %s", next)
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

// asking says who may be asked to sign in.
type asking int

const (
	askNobody    asking = iota
	askByPerson         // somebody has run login
	askByVerb           // a verb that needs a login: a person's at a terminal, else a script's
	askForClient        // a client behind the bridge needs it
)

// profiles says which accounts a session is about that names no profile.
func (ask asking) profiles() account.Profiles {
	switch ask {
	case askNobody, askByVerb:
		return account.AnyProfile
	case askForClient:
		return account.NeverOneOfSeveral
	}
	return account.DefaultProfile
}

// session builds one for a server.
func (a *app) session(ctx context.Context, o options, raw string, ask asking) (*session, error) {
	server, err := oauth.CanonicalServer(raw, o.allowHTTP)
	if err != nil {
		return nil, usageError{err}
	}
	if server.Scheme == "https" {
		go warmRoots()
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.cacheDir != "" && a.order == nil {
		a.term.Note("--%s has no effect here: logins are kept in the store (--store), whose folder MCP_LOGIN_DIR names", cacheDirFlag)
	}
	log, err := a.logger(o.logLevel)
	if err != nil {
		return nil, err
	}
	st, err := a.openStore(o.store, log)
	if err != nil {
		return nil, err
	}
	s := &session{server: server, store: st, log: log, verb: ask == askByPerson || ask == askByVerb}
	if s.key, err = a.choose(ctx, st, &o, server, ask); err != nil {
		return nil, err
	}
	s.said = o.Settings
	s.here = a.opensHere(o)
	s.person = ask == askByPerson || ask == askByVerb && a.term.Interactive()
	if s.verb {
		s.program.set("mcp-login")
	}
	if err := a.signIn(o, s, ask); err != nil {
		return nil, err
	}
	return s, a.connect(o, s)
}

// chooseTimeout bounds the look at what is kept, at the start of a session.
const chooseTimeout = 5 * time.Second

// choose finds the kept login that o is about, and makes o lead there; one that is
// not kept yet has nothing but its key. The process that signs in for another one
// takes the account of that one, which waits for it.
func (a *app) choose(ctx context.Context, st *store.Store, o *options, server *url.URL, ask asking) (oauth.Key, error) {
	switch {
	case a.order != nil:
		if a.order.Settings != nil {
			o.Settings = *a.order.Settings
		}
		key := o.Key(server)
		key.Issuer = a.order.KeyIssuer
		return key, nil
	case o.kept != nil:
		_ = o.read(ctx, st) // whoever uses the login says what is wrong
		return o.kept.Key, nil
	}
	looking, cancel := context.WithTimeout(ctx, chooseTimeout)
	entries, _ := st.ListIndexed(looking) // whoever reads the login says what is wrong
	cancel()
	if err := a.among(ctx, st, o, entries, server, ask); err != nil {
		return oauth.Key{}, err
	}
	if o.kept == nil {
		return o.Key(server), nil
	}
	return o.kept.Key, nil
}

// among makes o lead to the account that it is about, if that is among those that are
// kept.
func (a *app) among(ctx context.Context, st *store.Store, o *options, entries []store.Entry, server *url.URL, ask asking) error {
	e, err := account.Choose(entries, o.Settings, o.Key(server), ask.profiles())
	var several *account.SeveralError
	if errors.As(err, &several) {
		e, err = a.which(ctx, several, o.loginFlags())
	}
	if err != nil {
		return usageError{err}
	}
	if e.ID == "" {
		return nil
	}
	before := *o
	o.of(e)
	err = o.read(ctx, st)
	if broken := errors.Is(err, store.ErrDamaged) || errors.Is(err, store.ErrKeyLost); broken && e.Key.Issuer != "" && before.Named == "" {
		*o = before // only the index says that this provider was named, and anybody may have written it
	}
	return nil
}

// which asks a person at a terminal which of several accounts is meant. Elsewhere it
// is the error, with the lines to choose from, which say again what was said.
func (a *app) which(ctx context.Context, several *account.SeveralError, said []string) (store.Entry, error) {
	if several.Verb, several.Said = a.verb, said; a.verb == "" {
		return store.Entry{}, several
	}
	if stdin, ok := a.in.(*os.File); !ok || !terminal.IsTerminal(stdin) || !a.term.Interactive() {
		return store.Entry{}, several
	}
	a.term.Note("%s", several)
	for n, e := range several.Kept {
		a.term.Note("%d: %s  %s", n+1, e.Account, several.Command(e))
	}
	a.term.Note("type the number of one:")
	select {
	case <-ctx.Done():
		return store.Entry{}, several
	case line := <-a.lines():
		n, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil || n < 1 || n > len(several.Kept) {
			return store.Entry{}, several
		}
		return several.Kept[n-1], nil
	}
}

// signIn sets up how the session signs in.
func (a *app) signIn(o options, s *session, ask asking) error {
	if o.ofAnotherClient(a.variables(o)) {
		s.log.Warn(clientSecretName+" is of the client in MCP_LOGIN_CLIENT_ID, else of that of --client-id, and is not used for this one", "client_id", o.ClientID)
	}
	identity, err := o.identity(a.variables(o))
	if err != nil {
		return err
	}
	guard := o.guard(s.server)
	cfg := oauth.Config{
		Server: s.server, Key: s.key, Store: s.store, Identity: identity, Log: s.log,
		HTTP: guard.HTTPClient(), Guard: guard,
		AssumePKCE: o.assumePKCE, LoginTimeout: o.timeout, Insist: s.person, Device: a.device(o),
		IssuerChoice: o.IssuerChoice, LoginFlags: o.loginFlags(), Choices: o.Choices,
	}
	if ask != askNobody {
		cfg.Listen = s.listener(o)
		cfg.Show, cfg.Follow = a.show(o, s), a.follow(o, s)
		cfg.Wanted = func() bool { return !s.published.Load() || s.store.Permitted(s.key) }
	}
	// What is kept in memory only is of no use to another process, and all processes of
	// a container end with its first one.
	if ask == askForClient && !o.noDetach && a.order == nil && !s.store.InMemory() && os.Getpid() != 1 {
		cfg.Delegate = a.delegate(s)
	}
	s.client = oauth.New(cfg)
	return nil
}

// guard judges and asks the provider of a server.
func (o *options) guard(server *url.URL) *oauth.Guard {
	g := oauth.NewGuard(server, http.ProxyFromEnvironment, o.wire.trust.roots(), o.Named, o.TokenEndpoint)
	g.UserAgent = o.agent()
	return g
}

// connect sets up the connection to the server.
func (a *app) connect(o options, s *session) error {
	header, err := o.header(a.variables(o))
	if err != nil {
		return err
	}
	wire, err := o.wireTransport()
	if err != nil {
		return err
	}
	if s.printed, err = o.commands(header, a.variables(o), s.log); err != nil {
		return err
	}
	plain := s.printed.Transport(s.server, o.wire.transport(o.agent()))
	signed, signIn := s.printed.Explain(s.client.Transport(plain)), s.client.SignIn
	if token := a.variables(o)(givenTokenName); token != "" {
		s.given = oauth.NewSecret(token)
		if signed, err = oauth.GivenToken(s.server, s.given, plain); err != nil {
			return usageError{err}
		}
	}
	switch {
	case header.Get("Authorization") != "":
		signIn = nil
	case s.printed.Authorization() != nil:
		signed = plain
		signIn = func(_ context.Context, refused *http.Response) error {
			return s.printed.Refused(s.server, refused)
		}
	case !s.given.IsZero():
		signIn = func(_ context.Context, refused *http.Response) error {
			return oauth.GivenTokenRefused(s.server, refused)
		}
	}
	s.wire = upstream.Config{
		Endpoint: s.server, Header: header, Transport: wire, Log: s.log, SignIn: signIn,
		HTTP: o.wire.client(signed), HeaderTimeout: o.wire.headersTimeout, IdleTimeout: o.wire.bodyTimeout, Patience: o.wire.patience(s.verb), MaxMessage: int64(o.wire.maxMessage),
	}
	return s.reconnect()
}

// reconnect sets the connection up, again after it was closed.
func (s *session) reconnect() (err error) {
	if s.remote, err = upstream.New(s.wire); err != nil {
		return fmt.Errorf("prepare the connection: %w", err)
	}
	return nil
}

// givenTokenName is the variable with a bearer token to use as it is.
const givenTokenName = "MCP_LOGIN_TOKEN" //nolint:gosec // a name, no credential

// close ends commands and a login under way, and releases its port and lock.
func (s *session) close() {
	s.printed.Close()
	s.client.Close()
}

// instead says what is used in the place of a login, "" for nothing.
func (s *session) instead() string {
	switch v := s.printed.Authorization(); {
	case !s.given.IsZero():
		return "the token in " + givenTokenName
	case v != nil:
		return "the token of " + v.String()
	}
	return ""
}

// unreachableError marks a failure to reach the server, for the exit code.
type unreachableError struct{ error }

func (e unreachableError) Unwrap() error { return e.error }

// address is where the person goes to sign in: where the browser runs on this
// machine, by way of the address that only leads there once. A code is for any
// device.
func (s *session) address(p oauth.Prompt) string {
	if s.here && p.Local != "" && p.UserCode == "" {
		return p.Local
	}
	return p.URL
}

// awaited tells the bridge of a login that waits for its person.
func (s *session) awaited() (bridge.SignIn, bool) {
	p, ok := s.client.Awaiting()
	return bridge.SignIn{URL: s.address(p), UserCode: p.UserCode, Issuer: foreign.ShortAddress(p.Issuer), Since: p.Began}, ok
}
