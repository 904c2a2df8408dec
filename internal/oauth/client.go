package oauth

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// DefaultLoginTimeout is how long a login waits for the person.
const DefaultLoginTimeout = 5 * time.Minute

// NoResource as Key.Resource leaves the resource parameter out.
const NoResource = "none"

// Redirect receives the answer to an authorization request. The loopback
// listener is the usual one; it is bound when the Redirect is made, so that
// the port is ours before a browser learns it.
type Redirect interface {
	// URI returns the redirect URI, port included.
	URI() string
	// Receive waits for the one answer that carries state; everything else
	// that arrives is refused and changes nothing. It calls begin when it is
	// ready for the answer: only then may anybody learn the address that leads
	// to it, since a provider that knows the person answers at once. finish
	// must be called once with the outcome of the whole login: the person's
	// browser tab is still waiting for it. account names who signed in, ""
	// when unknown.
	Receive(ctx context.Context, state string, begin func()) (answer url.Values, finish func(account string, err error), err error)
	// Close releases the address; answers under way are still delivered.
	Close() error
}

// Config says for whom and how a Client signs in. Server, HTTP and Store are
// required.
type Config struct {
	// Server is the MCP endpoint, as CanonicalServer returns it.
	Server *url.URL
	// Key is the identity to keep the credential under. Its Server, ClientID
	// and Scopes repeat what is configured here.
	Key Key
	// HTTP performs metadata, registration and token requests; see
	// NewHTTPClient. It follows no redirects.
	HTTP *http.Client
	// Store keeps the credential.
	Store Store
	// Listen binds the redirect listener, on port if that is free and not 0,
	// else on any. Without it nobody is asked: what needs a person fails with
	// ErrLoginRequired.
	Listen func(ctx context.Context, port int) (Redirect, error)
	// Show gives the authorization URL to the person: prints it and opens a
	// browser. It must not block.
	Show func(ctx context.Context, authorizationURL string)
	// Identity is the client to be at the provider.
	Identity Identity
	// AssumePKCE goes on where the provider does not say that it knows S256.
	AssumePKCE bool
	// LoginTimeout bounds one login; zero means DefaultLoginTimeout.
	LoginTimeout time.Duration
	// Log gets the steps at debug level, never a secret. nil discards them.
	Log *slog.Logger
}

// Client signs requests to one MCP server for one identity. It is safe for
// concurrent use. Close ends what is under way.
type Client struct {
	cfg  Config
	log  *slog.Logger
	ctx  context.Context // ends with Close: a login outlives the request that began it
	stop context.CancelFunc

	mu      sync.Mutex
	loaded  bool
	cred    Credential
	flight  *flight
	asking  bool      // a person is being waited for
	refused error     // the last login's end, when a person or time ended it
	until   time.Time // and how long it speaks for the next one
	work    sync.WaitGroup
}

// New returns a Client. It does no work: the store is read with the first
// request.
func New(cfg Config) *Client {
	if cfg.LoginTimeout == 0 {
		cfg.LoginTimeout = DefaultLoginTimeout
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ctx, stop := context.WithCancel(context.Background())
	return &Client{cfg: cfg, log: log, ctx: ctx, stop: stop}
}

// Close cancels a login or refresh under way, waits until it has released its
// listener and its lock, and drops idle connections.
func (c *Client) Close() {
	c.stop()
	c.work.Wait()
	c.cfg.HTTP.CloseIdleConnections()
}

func (c *Client) now() time.Time { return time.Now() }

// Credential returns the stored credential, without asking anybody.
// ErrNotFound means that nobody signed in.
func (c *Client) Credential(ctx context.Context) (Credential, error) {
	cred, err := c.load(ctx)
	if err == nil && !cred.HasToken() {
		err = ErrNotFound
	}
	return cred, err
}

// AwaitingPerson reports whether a login waits for somebody to finish it in
// the browser.
func (c *Client) AwaitingPerson() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asking
}

// Token returns a credential with a fresh access token, refreshing it if need
// be. It never asks a person: ErrLoginRequired says that one is needed.
func (c *Client) Token(ctx context.Context) (Credential, error) {
	cred, err := c.load(ctx)
	if err != nil {
		return cred, err
	}
	if cred.Fresh(c.now()) {
		return cred, nil
	}
	return c.renew(ctx, want{failed: cred.AccessToken, quiet: true})
}

// Logout revokes the tokens at the issuer and deletes the credential. The
// credential is deleted even when the provider cannot be reached; the error
// then wraps ErrUnavailable. ErrNotFound means that there was none.
func (c *Client) Logout(ctx context.Context) error {
	unlock, err := c.cfg.Store.Lock(ctx, c.cfg.Key)
	if err != nil {
		return fmt.Errorf("lock the credential: %w", err)
	}
	defer unlock()
	cred, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	if errors.Is(err, ErrNotFound) {
		return errors.Join(err, c.cfg.Store.Delete(ctx, c.cfg.Key))
	}
	revoked := err
	if err == nil {
		revoked = c.revoke(ctx, cred)
	}
	if err := c.cfg.Store.Delete(ctx, c.cfg.Key); err != nil {
		return fmt.Errorf("delete the credential: %w", err)
	}
	c.mu.Lock()
	c.cred, c.loaded = Credential{}, true
	c.mu.Unlock()
	return revoked
}

// load returns the credential in memory, reading the store the first time.
func (c *Client) load(ctx context.Context) (Credential, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.loaded {
		return c.cred, nil
	}
	cred, err := c.cfg.Store.Load(ctx, c.cfg.Key)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Credential{}, fmt.Errorf("read the stored credential: %w", err)
	}
	if err != nil {
		c.log.Debug("no stored credential", "reason", err)
	}
	c.cred, c.loaded = cred, true
	return cred, nil
}

// save stores cred. A store that fails does not take the token away from the
// requests that wait for it; the person hears of it once more at the next start.
func (c *Client) save(ctx context.Context, cred Credential) {
	// The credential was paid for with a single-use code or refresh token:
	// it is saved even when the waiting caller has gone.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	if err := c.cfg.Store.Save(ctx, c.cfg.Key, cred); err != nil {
		c.log.Warn("cannot store the login; it lasts until this process ends", "error", err)
	}
}
