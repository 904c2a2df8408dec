package bearer

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"sync"

	"mcp-login/internal/foreign"
)

// Resource is one protected resource (RFC 9728): what its clients are told, and which
// tokens are for it. Make one with [New]. All methods may be called concurrently.
type Resource struct {
	// identifier is what is published for this endpoint, and metadataURL where. All else
	// is the same for all endpoints of a resource.
	identifier, metadataURL string

	cfg       Config
	audiences []string
	scopes    []string // advertised

	// verify decides about a token, whoever presents it; see verifyFrom.
	verify     func(ctx context.Context, client, token string) (Identity, error)
	results    *cache          // nil with a verifier that is not the built-in one
	opaque     *opaqueVerifier // nil without opaque tokens
	signatures chan struct{}   // slots, see newSignatureSlots
	proofs     *proofs         // nil without DPoP

	// providers are all issuers; opaque tokens are of the first.
	providers []*provider
	issuers   *issuerPool
	life      context.Context // ends checks
	endLife   func()
}

// issuerPool is what resources that share issuers share: each issuer once. It ends
// with the last of them, and no issuer leaves it before.
type issuerPool struct {
	client    *http.Client
	mu        sync.Mutex
	users     int
	providers map[string]*provider
	life      context.Context
	end       context.CancelFunc
}

// New returns the protection of one resource, or everything that is wrong with cfg in
// one error. Nothing is fetched before the first token, so the issuer may be down. What
// cfg points to must not be changed afterwards.
func New(cfg Config) (*Resource, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.ClientAddress == nil {
		cfg.ClientAddress = addressOf
	}
	p := &Resource{cfg: cfg, scopes: cfg.advertised(), audiences: append([]string{cfg.Resource.String()}, cfg.Audiences...)}
	if err := p.join(&cfg); err != nil {
		return nil, err
	}
	p.proofs = newProofs(&cfg)
	p.prepareVerification(&cfg)
	return p.At(cfg.Resource), nil
}

// join takes the issuers from those that another resource knows, or visits them itself.
func (p *Resource) join(cfg *Config) error {
	if cfg.Share != nil {
		p.issuers = cfg.Share.issuers
	} else {
		p.issuers = newIssuerPool(cfg.HTTP)
	}
	pool := p.issuers
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if pool.life.Err() != nil {
		return errors.New("share: that resource is closed")
	}
	pool.users++
	for _, issuer := range cfg.issuers() {
		if pool.providers[issuer] == nil {
			pool.providers[issuer] = newProvider(pool.life, issuer, pool.client, cfg.Log)
		}
		p.providers = append(p.providers, pool.providers[issuer])
	}
	life, end := context.WithCancel(context.Background())
	p.life, p.endLife = life, sync.OnceFunc(func() {
		end()
		pool.leave()
	})
	return nil
}

func newIssuerPool(client *http.Client) *issuerPool {
	client, own := plainClient(client)
	pool := &issuerPool{client: client, providers: make(map[string]*provider)}
	life, end := context.WithCancel(context.Background())
	pool.life, pool.end = life, func() {
		end()
		if own != nil {
			own.CloseIdleConnections()
		}
	}
	return pool
}

func (pool *issuerPool) leave() {
	pool.mu.Lock()
	defer pool.mu.Unlock()
	if pool.users--; pool.users == 0 {
		pool.end()
	}
}

// prepareVerification sets up the built-in verifier unless cfg has one.
func (p *Resource) prepareVerification(cfg *Config) {
	if cfg.Verify != nil {
		p.verify = boundedChecks(cfg.Verify)
		return
	}
	v := &tokenVerifier{jwt: make(map[string]*jwtVerifier), clients: cfg.Clients}
	slots := newSignatureSlots()
	v.otherIssuer = "another issuer than"
	for _, issuer := range p.providers {
		v.otherIssuer += invalidTokenError(" " + issuer.issuer)
		v.jwt[issuer.issuer] = newJWTVerifier(issuer, cfg, p.audiences, slots)
	}
	switch {
	case cfg.JWTOnly:
	case cfg.Introspection != nil:
		v.opaque = newIntrospection(p.providers[0], *cfg.Introspection, p.audiences, p.cfg.leeway())
	case len(cfg.RequiredScopes)+len(cfg.Clients)+len(cfg.ACRValues) == 0 && cfg.MaxAge == 0 && !p.proofs.required():
		v.opaque = newUserinfo(p.providers[0], p.scopes)
	}
	p.opaque, p.signatures = v.opaque, slots
	p.results = newCache(p.life, v.verify, cfg.cacheTTL(), cfg.outageGrace())
	if cfg.Observe != nil {
		p.results.observe = func(e Event) {
			defer func() { // a check has no net/http around it that would keep the process
				if what := recover(); what != nil {
					cfg.Log.Error("the observer of verdicts panicked", "type", fmt.Sprintf("%T", what))
				}
			}()
			cfg.Observe(e)
		}
	}
	p.verify = p.results.verify
}

// At returns the same resource as its clients see it who were given endpoint, a URL
// of the same server: challenges point to the metadata that belongs to endpoint (RFC
// 9728 section 3.1), and these name endpoint if it is one of [Config.Audiences], else
// the resource. Clients compare what is named with the URL that they were given; a
// resource that is a prefix of it suits most of them as well. Verdicts, scopes and
// Close are those of the resource.
func (p *Resource) At(endpoint *url.URL) *Resource {
	path := endpoint.EscapedPath()
	if path == "/" {
		path = "" // RFC 9728 section 3.1: only a slash right after the host is dropped
	}
	at := *p
	at.identifier, at.metadataURL = p.cfg.Resource.String(), endpoint.Scheme+"://"+endpoint.Host+metadataPath+path
	if name := endpoint.String(); slices.Contains(p.audiences, name) {
		at.identifier = name
	}
	return &at
}

// Verify decides about one token that comes by another way than a request's header. Its
// error is for [Resource.Refuse]. Required claims must be there; scopes and the kind of sign-in that
// requests need are not looked at. One that is bound to a key is refused. All who call it count as one address, so bad
// tokens of one can make the issuer be asked less for all: where a request is at hand,
// [Resource.Authenticate] is better.
func (p *Resource) Verify(ctx context.Context, token string) (Identity, error) {
	id, _, err := p.verifyFrom(ctx, nil, credential{token: token})
	return id, err
}

// Event is one verdict about a token. A check may serve many requests.
type Event struct {
	// Token is the SHA-256 of the token.
	Token [sha256.Size]byte
	// Err is nil if the token is good, else as the error of a [Verifier]. What the one
	// request lacks beside, such as scopes or the proof for a bound token, is not here.
	Err error
	// Checked reports that the token was checked; false means that the verdict was
	// known.
	Checked bool
	// Kept reports that the token was good when it was last checked and is accepted
	// for that alone, because nobody can be asked, see [Config.OutageGrace].
	Kept bool
	// Revoked reports that the token was good until now. Other replicas that know
	// it can be told, see [Resource.Forget].
	Revoked bool
}

// Stats is what is known at a time. With a verifier of one's own all of it is zero.
type Stats struct {
	// Good and Refused are the tokens whose verdict is remembered.
	Good, Refused int
	// AsksIssuer reports that opaque tokens are accepted, and IssuerLeftAlone that
	// the issuer is not asked about them now because it has failed repeatedly.
	AsksIssuer, IssuerLeftAlone bool
}

// Stats is for gauges.
func (p *Resource) Stats() (s Stats) {
	if p.results != nil {
		s.Good, s.Refused, _ = p.results.size()
	}
	if p.opaque != nil {
		s.AsksIssuer, s.IssuerLeftAlone = true, p.opaque.breaker.isOpen()
	}
	return s
}

// Forget drops what is known of a token, by its SHA-256: the next request with it is
// checked anew. It is for a revocation that another replica has found.
func (p *Resource) Forget(token [sha256.Size]byte) {
	if p.results != nil {
		p.results.forget(token)
	}
}

// Reload fetches metadata and keys of all issuers anew, in the background, and
// forgets all verdicts, so that what was changed or revoked at a provider counts
// from now on. What is known of the providers stays in use until the new is
// there. Call it at start to have everything ready for the first request; New
// fetches nothing.
func (p *Resource) Reload() {
	for _, issuer := range p.providers {
		metadata := issuer.metadata.renew()
		go func() {
			if metadata.Wait(p.life) == nil && issuer.keys.renew().Wait(p.life) == nil { // the first names the place of the second
				p.forgetAll() // what was verified with the old meanwhile
			}
		}()
	}
	p.forgetAll()
}

func (p *Resource) forgetAll() {
	if p.results != nil {
		p.results.clear()
	}
}

// Close ends what goes on in the background, visits to issuers included unless another
// resource shares them. What would need one afterwards is answered with [ErrUnavailable].
func (p *Resource) Close() { p.endLife() }

// misnamedError is an issuer whose metadata names another one, so that no token of it
// will ever be accepted (RFC 8414 section 3.3).
type misnamedError struct{ configured, named string }

func (e *misnamedError) Error() string {
	return fmt.Sprintf("issuer %s: its metadata calls it %q", e.configured, foreign.ShortAddress(e.named))
}

// CheckIssuer waits until ctx ends, 10 seconds at most, for the metadata of
// [Config.Issuer] or of one of [Config.OtherIssuers]. Its error is [ErrUnavailable] where
// they cannot be had: the issuer may be down, and come back. Another one says that they name
// another issuer, so that no token will ever be accepted (RFC 8414 section 3.3); better is the
// name that they have then, if they are found by it as well, so that it works.
func (p *Resource) CheckIssuer(ctx context.Context, issuer string) (better string, err error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	k := slices.IndexFunc(p.providers, func(i *provider) bool { return i.issuer == issuer })
	if k < 0 {
		return "", fmt.Errorf("issuer %s: not one of the configuration", issuer)
	}
	_, _, err = p.providers[k].metadata.newer(ctx, 0)
	var misnamed *misnamedError
	if !errors.As(err, &misnamed) {
		return "", err
	}
	if CheckIdentifier("issuer", misnamed.named) == nil {
		if _, err := (&provider{issuer: misnamed.named, client: p.providers[k].client}).findMetadata(ctx); err == nil {
			better = misnamed.named
		}
	}
	return better, misnamed
}
