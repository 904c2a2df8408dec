package account

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// Config is all that an account is opened with. Choice, Store, Log and Terminal are
// required.
type Config struct {
	Choice
	Purpose Purpose
	Store   *store.Store
	Log     *slog.Logger
	// Terminal shows what a person needs to sign in.
	Terminal *terminal.Terminal
	// Lines returns the lines that a person types, for the answer of a browser on
	// another machine. It is not called for a relay, whose stdin is its client's.
	Lines func() <-chan string
	// Version is that of this program, as the server is told.
	Version string

	Connection Connection
	Browser    Browser

	// Identity is the client to be at the provider, with its secret.
	Identity grant.Identity
	// Company is the account of the company's provider that vouches for the person, nil
	// where there is none, and IDToken reads a token that was given in the place of a login
	// there; nil: a person signs in.
	Company *Config
	IDToken func() (grant.Secret, error)
	// AssumePKCE is that of [oauth.Config].
	AssumePKCE bool
	// LoginTimeout bounds one login.
	LoginTimeout time.Duration
	// CallbackBind is a further address to await the browser's answer at, "" for none.
	CallbackBind string
	// SuccessURL is where the browser goes after a login, "" for our own page.
	SuccessURL string
	// LoginFlags are the words of a login command beside those of Settings: how to
	// reach the server and where to keep the result.
	LoginFlags []string
	// Detach lets a login for a client run in a process of its own; nil lets none.
	Detach *Detach
}

// Account is one server and one account there, put together: the login that is kept,
// the token that it leads to, and the connection.
type Account struct {
	Config
	// OAuth signs in, renews and forgets.
	OAuth *oauth.Client

	company  *Account // that of Config.Company
	upstream upstream.Config
	client   *clientName
	// published tells that the login in progress is in the store, from where logout
	// takes it.
	published atomic.Bool
	// started tells that this process started the detached login, whose words are on
	// our stderr already.
	started atomic.Bool
	// shown is what the person has seen last of the login in progress.
	shown atomic.Pointer[oauth.Prompt]
}

// Open puts an account together. Nothing is sent yet. Close it in the end.
func Open(cfg Config) (*Account, error) {
	a := &Account{Config: cfg, client: &clientName{}}
	if a.ownClient() {
		a.client.set(programName)
	}
	guard := cfg.Connection.Guard(cfg.Server, cfg.Settings)
	oc := oauth.Config{
		Server: cfg.Server, Key: cfg.Key, Store: cfg.Store, Identity: cfg.Identity, Log: cfg.Log,
		HTTP: guard.HTTPClient(), Guard: guard,
		AssumePKCE: cfg.AssumePKCE, LoginTimeout: cfg.LoginTimeout, Interactive: a.personAsks(), Elsewhere: !cfg.Browser.Local(), Device: a.devicePolicy(),
		IssuerChoice: cfg.Settings.IssuerChoice, LoginFlags: a.loginFlags(), Choices: cfg.Settings.Choices,
	}
	if cfg.Connection.Certificates != nil {
		oc.MutualTLS, oc.Identity.Certificate = guard.MutualTLSClient(cfg.Connection.Certificates), true
	}
	if cfg.Purpose != ForInspect {
		oc.Listen = a.Listen
		oc.ShowPrompt, oc.ShowOtherPrompt = a.showOwn, a.showOther
		oc.StillWanted = func() bool { return !a.published.Load() || a.Store.Permitted(a.Key) }
	}
	if a.detaches() {
		oc.StartDetached = a.startDetached
	}
	if cfg.Company != nil {
		company, err := Open(*cfg.Company)
		if err != nil {
			return nil, err
		}
		a.company, company.client = company, a.client
		oc.Enterprise = &oauth.Enterprise{Login: company.OAuth, IDToken: cfg.IDToken}
	}
	a.OAuth = oauth.New(oc)
	return a, a.setUpstream()
}

// setUpstream sets up how requests to the server are signed.
func (a *Account) setUpstream() (err error) {
	c := a.Connection
	plain := c.Commands.Transport(a.Server, c.RoundTripper())
	plain, explained := c.explain(plain, a.CommandFor("doctor"))
	signed, signIn := explained(a.OAuth.Transport(plain)), a.OAuth.SignIn
	var given *oauth.Given
	switch {
	case c.Header.Get("Authorization") != "":
		given = oauth.GivenHeader(a.Server, headerSource("Authorization"), plain)
	case c.Commands.Authorization() != nil:
		signed = plain
		signIn = func(_ context.Context, refused *http.Response) error {
			return c.Commands.Refused(a.Server, refused)
		}
	case !c.Token.IsZero():
		if given, err = oauth.StaticToken(a.Server, c.Token, tokenSource, plain); err != nil {
			return err
		}
	}
	if given != nil {
		signed, signIn = given, func(_ context.Context, refused *http.Response) error { return given.Refused(refused) }
	}
	a.upstream = upstream.Config{
		Endpoint: a.Server, Header: c.Header, Transport: c.Transport, Log: a.Log, SignIn: signIn, HTTP: c.httpClient(signed),
		HeaderTimeout: c.HeadersTimeout, IdleTimeout: c.BodyTimeout, Patience: a.serverPatience(), MaxMessage: c.MaxMessage,
		Elsewhere: a.elsewhere, Given: c.given(), SignsIn: a.signsIn(),
	}
	return nil
}

// elsewhere names another address at which a server answers. An address that somebody has
// signed in to was the right one.
func (a *Account) elsewhere(ctx context.Context) (next string) {
	if cred, err := a.OAuth.Credential(ctx); err == nil && cred.HasToken() {
		return ""
	}
	found := a.Connection.FindServer(ctx, a.Server, a.Version)
	if found == nil {
		return ""
	}
	return "an MCP server answers at another path of this host; use this address instead: " + found.String()
}

// ownClient reports whether mcp-login itself is the MCP client.
func (a *Account) ownClient() bool { return a.Purpose == ForLogin || a.Purpose == ForCall }

// personAsks reports whether somebody at a terminal wants to sign in.
func (a *Account) personAsks() bool {
	return a.Purpose == ForLogin || a.Purpose == ForCall && a.Terminal.Interactive()
}

// serverPatience is how long a server that takes no connections is waited for on
// behalf of a client; a person at a terminal hears of it at once.
func (a *Account) serverPatience() time.Duration {
	if a.ownClient() {
		return 0
	}
	return 10 * time.Second
}

// Close ends commands and a login under way, and releases its port and lock.
func (a *Account) Close() {
	a.Connection.Commands.Close()
	a.OAuth.Close()
	if a.company != nil {
		a.company.Close()
	}
}

// TokenSource says what gives the token in the place of a login, "" for nothing.
func (a *Account) TokenSource() string {
	switch v := a.Connection.Commands.Authorization(); {
	case !a.Connection.Token.IsZero():
		return tokenSource
	case v != nil:
		return "the token of " + v.String()
	}
	return ""
}

// Token is what is put on requests.
type Token struct {
	grant.Secret
	// Expiry is when the access token ends, zero where that is not known.
	Expiry time.Time
	// Bound tells that it is of no use without the key of the login (RFC 9449).
	Bound bool
}

// Token returns what is put on requests, renewed if need be. Nobody is asked to sign in.
func (a *Account) Token(ctx context.Context) (Token, error) {
	if !a.Connection.Token.IsZero() {
		return Token{Secret: a.Connection.Token}, nil
	}
	if v := a.Connection.Commands.Authorization(); v != nil {
		p, err := v.Get(ctx)
		if err != nil {
			return Token{}, err
		}
		return Token{Secret: p.Token(), Expiry: p.Expiry}, grant.CheckToken(p.Token())
	}
	cred, err := a.OAuth.Token(ctx)
	if err != nil {
		return Token{}, err
	}
	token := a.OAuth.Bearer(cred)
	return Token{token, cred.Expiry, a.OAuth.Proven(cred)}, grant.CheckToken(token)
}

// SignIn lets the server say whether a login is needed, and whether the token it
// leads to is any good, by a real request. One that lets everybody in so far is
// signed in to if force is set, or it publishes where to sign in.
func (a *Account) SignIn(ctx context.Context, force bool) error {
	if a.Key.Grant == oauth.GrantEnterprise {
		_, err := a.OAuth.SignInAhead(ctx, true)
		return err
	}
	if err := a.Probe(ctx); err != nil {
		return err
	}
	before, _ := a.OAuth.Credential(ctx)
	if wanted, err := a.OAuth.SignInAhead(ctx, force); err != nil || !wanted {
		return err
	}
	if cred, err := a.OAuth.Credential(ctx); err != nil || cred.ObtainedAt.Equal(before.ObtainedAt) {
		return err
	}
	return a.Probe(ctx)
}

// endTimeout is how long another process may take to give up its login.
const endTimeout = 5 * time.Second

// EndLogin ends a login that another process waits for. It reports whether there was
// one; its errors are the store's.
func (a *Account) EndLogin(ctx context.Context) (ended bool, err error) {
	if !a.Store.LoginUnderWay(ctx, a.Key) {
		return false, nil
	}
	if err := a.Store.EndLogin(ctx, a.Key); err != nil {
		return false, err
	}
	a.Log.Debug("the login in progress is told to end")
	wait, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	unlock, err := a.Store.LockLogin(wait, a.Key, nil)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil { // it was stopped, or hangs
		unlock, err = func() {}, a.Store.BreakLoginLock(ctx, a.Key)
	}
	if err != nil {
		return false, fmt.Errorf("wait for the login in progress to end: %w", err)
	}
	unlock()
	return true, nil
}

// HoldFailed keeps everybody from signing in until release is called, and reports whether
// the account still has no login and nobody is asked for one.
func (a *Account) HoldFailed(ctx context.Context) (release func(), still bool) {
	if a.Store.LoginUnderWay(ctx, a.Key) {
		return nil, false
	}
	wait, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	release, err := a.Store.LockLogin(wait, a.Key, nil)
	if err != nil {
		return nil, false
	}
	if cred, _ := a.Store.Load(ctx, a.Key); cred.HasToken() || cred.Established {
		release()
		return nil, false
	}
	return release, true
}

// loginFlags are the words of a login command beside those that name the account.
func (a *Account) loginFlags() []string { return slices.Concat(a.Settings.Flags(), a.LoginFlags) }

// CompanyLogin is the login at the company's provider that vouches for the person, with an ID
// token that has not ended. Nobody is asked.
func (a *Account) CompanyLogin(ctx context.Context) (*oauth.Credential, error) {
	if a.IDToken != nil {
		return a.company.OAuth.GivenPerson(ctx, a.IDToken)
	}
	return a.company.OAuth.Token(ctx)
}

// CompanyCommand is what a person runs to sign in there.
func (a *Account) CompanyCommand() string { return a.company.LoginCommand() }

// LoginCommand is what a person runs to sign in to the account.
func (a *Account) LoginCommand() string { return a.CommandFor("login") }

// CommandFor is what a person runs to do verb, one that signs in, with the account.
func (a *Account) CommandFor(verb string) string {
	return oauth.Command(verb, a.Key, a.Settings.Named, a.Settings.Accepted, a.loginFlags()...)
}

// AsAccount is " as NAME" for the person that cred is of, "" where that is not known.
func AsAccount(cred oauth.Credential) string {
	if cred.Account == "" {
		return ""
	}
	return " as " + cred.Account
}

// Validity says until when cred is of use, and whether that matters.
func Validity(key oauth.Key, cred oauth.Credential, now time.Time) string {
	until := "access token without a known end"
	if !cred.Expiry.IsZero() {
		until = "access token valid for " + terminal.Approximately(cred.Expiry.Sub(now))
	}
	if cred.Bound() {
		until += ", bound to a key that is kept with it (DPoP)"
	}
	if cred.RefreshToken.IsZero() && key.Enterprise == "" && !oauth.WithoutPerson(key.Grant) {
		return until + ", then you will be asked again (the provider gave no refresh token)"
	}
	return until + ", then renewed without asking"
}

// clientName is the name that the client program has given itself. The page in the
// browser shows it; nothing is decided by it.
type clientName struct {
	name atomic.Pointer[string]
}

// maxClientName bounds the name in bytes.
const maxClientName = 256

// set keeps the first name.
func (c *clientName) set(name string) {
	if name != "" && len(name) <= maxClientName {
		c.name.CompareAndSwap(nil, &name)
	}
}

// String returns the name, "" while there is none.
func (c *clientName) String() string {
	if name := c.name.Load(); name != nil {
		return *name
	}
	return ""
}

// learn takes what the client says about itself, a raw object of MCP (Implementation):
// its title, or its name.
func (c *clientName) learn(info []byte) {
	for _, member := range []string{"title", "name"} {
		if name, ok := jsonrpc.Text(jsonrpc.Member(info, member)); ok {
			c.set(name)
		}
	}
}
