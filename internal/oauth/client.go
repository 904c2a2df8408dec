package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// DefaultLoginTimeout is how long a login waits for the person.
const DefaultLoginTimeout = 5 * time.Minute

// NoResource as Key.Resource leaves the resource parameter out.
const NoResource = "none"

// The values of Key.Grant for a sign-in without a person.
const (
	// GrantClientCredentials signs in as the client itself (RFC 6749, section 4.4).
	GrantClientCredentials = "client_credentials"
	// GrantJWTBearer signs in with the token of the platform that the program runs on (RFC
	// 7523, section 2.1).
	GrantJWTBearer = grant.TypeJWTBearer
)

// WithoutPerson reports whether a value of Key.Grant needs nobody: a token that has ended is
// replaced by another one, without a refresh token.
func WithoutPerson(grantType string) bool {
	return grantType == GrantClientCredentials || grantType == GrantJWTBearer
}

// DevicePolicy says when a login uses the device grant (RFC 8628) instead of a
// redirect to this machine.
type DevicePolicy int

// The device policies.
const (
	DeviceNever     DevicePolicy = iota
	DeviceIfOffered              // where the authorization server offers it
	DeviceAlways
)

// Config says for whom and how a Client signs in. Server, HTTP and Store are
// required.
type Config struct {
	// Server is the MCP endpoint, as CanonicalServer returns it.
	Server *url.URL
	// Key is the account to keep the credential under. Its Server and ClientID
	// equal Server and Identity.ClientID; its Scopes are the scopes to request.
	Key Key
	// HTTP performs metadata, registration and token requests; see
	// discovery.Guard.HTTPClient. It follows no redirects.
	HTTP *http.Client
	// MutualTLS is HTTP with the person's certificate (discovery.Guard.MutualTLSClient), nil
	// for none. A provider gets to see it where the server wants tokens that are bound to it,
	// or the client authenticates by it.
	MutualTLS *http.Client
	// Guard judges what a person is shown and a browser is sent to; nil means
	// one without a proxy and with the system's authorities.
	Guard *discovery.Guard
	// Store keeps the credential.
	Store Store
	// Listen binds the redirect listener for an answer of issuer, on port if
	// that is free and not 0, else on any. Without it nobody is asked: what
	// needs a person fails with ErrLoginRequired.
	Listen func(ctx context.Context, issuer, foundAt string, port int) (Redirect, error)
	// ShowPrompt gives the prompt to the person: prints it and opens a browser. It
	// must not block.
	ShowPrompt func(ctx context.Context, p Prompt)
	// ShowOtherPrompt gives what another process shows its person to the one of this process,
	// which waits for that login until ctx ends. It must not block. May be nil.
	ShowOtherPrompt func(ctx context.Context, p Prompt)
	// StillWanted is asked twice a second whether a login of this process is to go
	// on. nil means that it is.
	StillWanted func() bool
	// StartDetached starts a login in another process, which has taken
	// Store.LockLogin when StartDetached returns nil. ErrNotDetached means that
	// the login must run here. Its context ends with StopAsking. nil: every login
	// runs in this process.
	StartDetached func(ctx context.Context, d LoginRequest) error
	// Elsewhere tells that the person opens Prompt.URL and not Prompt.Local: the browser
	// is not started here.
	Elsewhere bool
	// Device says when to use the device grant.
	Device DevicePolicy
	// Identity is the client to be at the provider.
	Identity grant.Identity
	// IssuerChoice is what the person has said about the authorization server.
	// Named equals Key.Issuer, except for an account kept before the person named
	// its issuer: there Key.Issuer is "".
	discovery.IssuerChoice
	// LoginFlags are further words of the command that hints show, for a shell.
	LoginFlags []string
	// Enterprise is the company's provider that vouches for the person, nil where people
	// sign in at the server's own provider.
	Enterprise *Enterprise
	// Choices are the remaining flags; what is not set is taken from the stored
	// login (Choices.Over).
	Choices
	// AssumePKCE says that the person knows that the provider checks PKCE, though
	// it does not say so: there is no warning.
	AssumePKCE bool
	// LoginTimeout bounds one login; zero means DefaultLoginTimeout.
	LoginTimeout time.Duration
	// Interactive is set when a person at a terminal wants to be asked: then AskState
	// does not forbid it.
	Interactive bool
	// Log gets the steps at debug level, never a secret. nil discards them.
	Log *slog.Logger
}

// Client signs requests to one MCP server for one account. It is safe for
// concurrent use. Close ends what is under way.
type Client struct {
	cfg    Config
	log    *slog.Logger
	grants *grant.Client
	ctx    context.Context // ends with Close: a login outlives the request that began it
	stop   context.CancelFunc
	// asking ends when nobody is to be asked any more.
	asking     context.Context
	stopAsking context.CancelFunc
	// spread is a random factor for the margin before expiry (see freshFor).
	spread   float64
	bootTime func() time.Time // BootTime

	mu       sync.Mutex
	loaded   bool
	unstored bool         // cred could not be stored
	cred     *Credential  // never nil, and never changed: another one takes its place
	history  tokenHistory // of the token in cred
	renewing *sharedRenewal
	prompt   *Prompt            // what a person is asked at this moment
	secretAt discovery.Provider // of the login that Logout has ended: it has had the client secret

	busy      error // of a provider whose Retry-After is long
	busyUntil time.Time

	work    sync.WaitGroup
	lostKey sync.Once // its warning
}

// New returns a Client. It does no work: the store is read with the first request.
func New(cfg Config) *Client {
	if cfg.LoginTimeout == 0 {
		cfg.LoginTimeout = DefaultLoginTimeout
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	if cfg.Guard == nil {
		cfg.Guard = discovery.NewGuard(cfg.Server, nil, nil)
	}
	ctx, stop := context.WithCancel(context.Background())
	asking, stopAsking := context.WithCancel(ctx)
	c := &Client{cfg: cfg, log: log, ctx: ctx, stop: stop, asking: asking, stopAsking: stopAsking, spread: 1 + rand.Float64()/2, bootTime: BootTime, cred: &Credential{}}
	c.grants = &grant.Client{
		HTTP: cfg.HTTP, MutualTLS: cfg.MutualTLS, Guard: cfg.Guard, Log: log, Name: cfg.Identity.Name, Key: cfg.Identity.ClientKey, Params: cfg.Key.Params,
		Assertion: c.platformToken, SignInAgain: c.command("login", "--again"), SignOut: c.command("logout"),
	}
	switch {
	case cfg.Enterprise != nil:
		c.grants.Grants = []string{grant.TypeJWTBearer}
	case c.isCompany():
		c.grants.Grants = []string{grant.TypeTokenExchange}
	}
	return c
}

// Close cancels a login or refresh under way, waits until it has released its
// listener and its lock, and drops idle connections.
func (c *Client) Close() {
	c.stop()
	c.work.Wait()
	c.cfg.HTTP.CloseIdleConnections()
	if c.cfg.MutualTLS != nil {
		c.cfg.MutualTLS.CloseIdleConnections()
	}
}

// Credential returns the stored credential, without asking anybody.
// ErrNotFound means that nobody signed in.
func (c *Client) Credential(ctx context.Context) (Credential, error) {
	cred, err := c.load(ctx)
	if err != nil {
		return Credential{}, err
	}
	if !cred.HasToken() {
		err = ErrNotFound
	}
	return *cred, err
}

// InUse returns what requests carry; loaded is false as long as none has needed it.
func (c *Client) InUse() (cred Credential, loaded bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return *c.cred, c.loaded
}

// CurrentPrompt returns what a person is asked at this moment, by this process or
// by another one that is waited for.
func (c *Client) CurrentPrompt() (Prompt, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.prompt != nil:
		return *c.prompt, true
	case c.cfg.Enterprise != nil:
		return c.cfg.Enterprise.Login.CurrentPrompt()
	}
	return Prompt{}, false
}

// BrowserURL is discovery.Guard.BrowserURL of Config.Guard.
func (c *Client) BrowserURL(ctx context.Context, name, address string) (string, error) {
	address, err := c.cfg.Guard.BrowserURL(ctx, name, address)
	return address, grant.AsError(err)
}

func (c *Client) setPrompt(p *Prompt) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prompt = p
}

// Token returns a credential with a fresh access token, refreshing it if need
// be. It never asks a person: ErrLoginRequired says that one is needed.
func (c *Client) Token(ctx context.Context) (*Credential, error) {
	cred, err := c.load(ctx)
	if err != nil {
		return cred, err
	}
	if c.fresh(cred) {
		return cred, nil
	}
	return c.renew(ctx, renewal{failed: hashOf(c.Bearer(cred)), quiet: true})
}

// Bearer returns the token of cred that is put on requests: the access token,
// or the ID token where that was asked for.
func (c *Client) Bearer(cred *Credential) grant.Secret {
	if c.presentsIDToken(cred) {
		return cred.IDToken
	}
	return cred.AccessToken
}

func (c *Client) presentsIDToken(cred *Credential) bool {
	return c.cfg.IDToken || cred.Choices.IDToken || c.isCompany()
}

func (c *Client) usable(cred *Credential) bool { return !c.Bearer(cred).IsZero() }

// fresh reports whether the token can be presented now.
func (c *Client) fresh(cred *Credential) bool {
	if !c.presentsIDToken(cred) {
		return cred.freshFor(time.Now(), c.spread)
	}
	asAccess := Credential{AccessToken: cred.IDToken, ObtainedAt: cred.ObtainedAt}
	expiry, issued := grant.TokenTimes(cred.IDToken)
	if life := expiry.Sub(issued); !issued.IsZero() && life > 0 {
		// By our own clock, which need not be the provider's.
		asAccess.Expiry = cred.ObtainedAt.Add(life)
	}
	return asAccess.freshFor(time.Now(), c.spread)
}

// load returns the credential in memory, reading the store the first time.
func (c *Client) load(ctx context.Context) (*Credential, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.loaded {
		cred, err := c.stored(ctx)
		if err != nil {
			return nil, err
		}
		c.cred, c.loaded = cred, true
	}
	return c.cred, nil
}

// stored reads the credential in the store, an empty one if there is none.
func (c *Client) stored(ctx context.Context) (*Credential, error) {
	cred, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	switch {
	case errors.Is(err, ErrNotFound):
		c.log.Debug("no stored credential", "reason", err)
	case err != nil:
		return nil, fmt.Errorf("read the stored credential: %w", err)
	}
	cred, err = c.ofPerson(ctx, c.withoutLostKey(cred))
	return &cred, err
}

// save stores cred; the caller holds the lock. Where that fails, the requests that wait
// get the token all the same, and a warning is logged.
func (c *Client) save(ctx context.Context, cred *Credential) {
	// The credential was paid for with a single-use code or refresh token:
	// it is saved even when the waiting caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	err := c.cfg.Store.Save(ctx, c.cfg.Key, *cred)
	c.mu.Lock()
	c.unstored = err != nil
	c.mu.Unlock()
	switch {
	case errors.Is(err, ErrUnwritable):
		c.log.Debug("the login lasts until this process ends", "error", err)
	case err != nil:
		c.log.Warn("cannot store the login; it lasts until this process ends", "error", err)
	}
}

// change changes what is stored, under the lock.
func (c *Client) change(ctx context.Context, f func(stored *Credential)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	unlock, err := c.cfg.Store.Lock(ctx, c.cfg.Key)
	if err != nil {
		c.log.Warn("cannot lock the stored login", "error", err)
		unlock = func() {}
	}
	defer unlock()
	stored, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	if err != nil {
		stored = Credential{}
	}
	if f(&stored); stored.Server != "" {
		c.save(ctx, &stored)
	}
}
