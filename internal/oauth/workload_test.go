package oauth_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

const platformIssuer = "https://platform.example"

// platform signs tokens for the programs that run on it. It is a grant.TokenSource.
type platform struct {
	t   *testing.T
	key *ecdsa.PrivateKey
	// change changes the claims, or the whole token; nil for a good one.
	change func(claims jwt.MapClaims)
	whole  string
	fails  error

	mu    sync.Mutex
	reads int
}

func newPlatform(t *testing.T) *platform {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return &platform{t: t, key: key}
}

func (p *platform) String() string { return "the platform" }

// Token is another one at each read, as of a platform that has turned it.
func (p *platform) Token(_ context.Context, audience string) (grant.Secret, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reads++
	if p.whole != "" || p.fails != nil {
		return grant.NewSecret(p.whole), p.fails
	}
	claims := jwt.MapClaims{"iss": platformIssuer, "sub": "workload", "aud": audience, "exp": time.Now().Add(10 * time.Minute).Unix(), "jti": fmt.Sprint("read ", p.reads)}
	if p.change != nil {
		p.change(claims)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(p.key)
	if err != nil {
		p.t.Error(err)
	}
	return grant.NewSecret(token), nil
}

// trusting is devidp where it trusts a platform.
type trusting struct {
	platform *platform
	issuer   string
	forms    []url.Values // that were posted
}

// front keeps what is posted, before devidp sees it, which knows no grant without a client.
func (s *trusting) front(provider http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			_ = r.ParseForm()
			s.forms = append(s.forms, maps.Clone(r.PostForm))
			if !r.PostForm.Has("client_id") {
				r.PostForm.Set("client_id", "app")
			}
			r.Body = io.NopCloser(strings.NewReader(r.PostForm.Encode()))
			r.Form, r.PostForm = nil, nil
		}
		provider.ServeHTTP(w, r)
	})
}

func newTrusting(t *testing.T) (*trusting, *lab) {
	t.Helper()
	s := &trusting{platform: newPlatform(t)}
	l := newNetworkLabBehind(t, func(c *devidp.Config) {
		c.Registration = false
		c.TrustedIssuers = []devidp.TrustedIssuer{{Issuer: platformIssuer, Keys: []devidp.Key{{Public: &s.platform.key.PublicKey}}}}
		c.Clients = []devidp.Client{
			{ID: "app", GrantTypes: []string{oauth.GrantJWTBearer}},
			{ID: "machine", Workload: devidp.Workload{Issuer: platformIssuer, Subject: "workload"}, GrantTypes: []string{oauth.GrantClientCredentials}},
			{ID: "other", GrantTypes: []string{"authorization_code"}},
		}
	}, s.front)
	return s, l
}

// workload is a client on the platform. more changes it further.
func (s *trusting) workload(grantType, clientID string, more func(*oauth.Config)) func(*oauth.Config) {
	return func(c *oauth.Config) {
		c.Listen, c.Key.Grant, c.Key.ClientID = nil, grantType, clientID
		c.Identity = grant.Identity{ClientID: clientID, Assertion: s.platform}
		if more != nil {
			more(c)
		}
	}
}

// The token of the platform takes the place of a person or of a secret: with and without a
// client, another process uses what is kept, and where the server refuses that, the platform is
// asked anew. What it gave before is not presented again.
func TestWorkload(t *testing.T) {
	for name, way := range map[string]struct{ grantType, clientID string }{
		"grant": {oauth.GrantJWTBearer, "app"}, "grant without a client": {oauth.GrantJWTBearer, ""}, "client": {oauth.GrantClientCredentials, "machine"},
	} {
		t.Run(name, func(t *testing.T) {
			s, l := newTrusting(t)
			kept := l.store("")
			_, h := l.client(kept, s.workload(way.grantType, way.clientID, nil))
			l.mustCall(h, "x")
			_, again := l.client(kept, s.workload(way.grantType, way.clientID, nil))
			l.mustCall(again, "x")
			if s.platform.reads != 1 {
				t.Errorf("the platform was asked %d times for one token", s.platform.reads)
			}
			l.res.revokeSeen()
			l.mustCall(again, "x")
			if len(s.forms) != 2 || s.platform.reads != 2 || l.tabs.Load() != 0 {
				t.Errorf("%d token requests, %d reads, %d tabs", len(s.forms), s.platform.reads, l.tabs.Load())
			}
			for _, form := range s.forms {
				byClient := way.grantType == oauth.GrantClientCredentials
				if form.Get("grant_type") != way.grantType || form.Has("client_id") != (way.clientID != "") || form.Get("resource") != l.server().String() ||
					byClient != form.Has("client_assertion") || byClient == form.Has("assertion") || form.Get("scope") != "mcp:read" || form.Has("client_secret") {
					t.Error(form)
				}
				if byClient && form.Get("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
					t.Error(form)
				}
			}
		})
	}
}

// A token that is not for this provider, or is of no use, is not sent; what is wrong is said
// with what to do, and nothing of the token.
func TestWorkloadTokenIsNotSent(t *testing.T) {
	now := time.Now()
	for want, change := range map[string]func(p *platform){
		"the token is for https://other.example": func(p *platform) { p.change = func(c jwt.MapClaims) { c["aud"] = "https://other.example" } },
		"the token is for https://a.example https:/": func(p *platform) {
			p.change = func(c jwt.MapClaims) { c["aud"] = []string{"https://a.example", "https://b.example"} }
		},
		"the token is for nobody":   func(p *platform) { p.change = func(c jwt.MapClaims) { delete(c, "aud") } },
		"does not say when it ends": func(p *platform) { p.change = func(c jwt.MapClaims) { delete(c, "exp") } },
		"the token ended at":        func(p *platform) { p.change = func(c jwt.MapClaims) { c["exp"] = now.Add(-time.Second).Unix() } },
		"the token is valid from":   func(p *platform) { p.change = func(c jwt.MapClaims) { c["nbf"] = now.Add(time.Hour).Unix() } },
		"no JSON Web Token":         func(p *platform) { p.whole = "s3cret-and-opaque" },
		"it is out of order":        func(p *platform) { p.fails = errors.New("it is out of order") },
	} {
		for _, grantType := range []string{oauth.GrantJWTBearer, oauth.GrantClientCredentials} {
			s, l := newTrusting(t)
			change(s.platform)
			_, h := l.client(l.store(""), s.workload(grantType, "app", nil))
			_, _, err := l.call(h, "x")
			if err == nil || !strings.Contains(err.Error(), want) || !errors.Is(err, grant.ErrNotSent) || hint.Of(err) == "" || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("%s: %v (%s)", want, err, hint.Of(err))
			}
			if len(s.forms) != 0 || l.tabs.Load() != 0 {
				t.Errorf("%s: %d token requests, %d tabs", want, len(s.forms), l.tabs.Load())
			}
		}
	}
	s, l := newTrusting(t)
	_, h := l.client(l.store(""), s.workload(oauth.GrantJWTBearer, "app", func(c *oauth.Config) { c.Identity.Assertion = nil }))
	if _, _, err := l.call(h, "x"); err == nil || hint.Of(err) != "add --assertion SOURCE" {
		t.Error(err)
	}
}

// The issuer is an audience with and without a slash at its end and among others; a provider
// that the person has named gets a token with any audience, and no other does.
func TestWorkloadAudience(t *testing.T) {
	for name, c := range map[string]struct {
		audience func(issuer string) any
		name     func(issuer string) string
		sent     bool
	}{
		"with a slash":    {audience: func(issuer string) any { return issuer + "/" }, sent: true},
		"among others":    {audience: func(issuer string) any { return []string{"https://a.example", issuer} }, sent: true},
		"named":           {audience: func(string) any { return "api://exchange" }, name: func(issuer string) string { return issuer }, sent: true},
		"longer":          {audience: func(issuer string) any { return issuer + "/x" }},
		"of another kind": {audience: func(issuer string) any { return map[string]any{"x": issuer} }},
		"in capitals":     {audience: func(issuer string) any { return strings.ToUpper(issuer) }},
	} {
		t.Run(name, func(t *testing.T) {
			s, l := newTrusting(t)
			issuer := l.idp.Issuer()
			s.platform.change = func(claims jwt.MapClaims) { claims["aud"] = c.audience(issuer) }
			_, h := l.client(l.store(""), s.workload(oauth.GrantJWTBearer, "app", func(cfg *oauth.Config) {
				if c.name != nil {
					cfg.IssuerChoice = discovery.IssuerChoice{Named: c.name(issuer)}
					cfg.Key.Issuer = cfg.Named
				}
			}))
			_, _, err := l.call(h, "x")
			if refused := !c.sent || c.name != nil; (err != nil) != refused || (len(s.forms) == 1) != c.sent { // devidp takes no other audience
				t.Errorf("%d token requests, %v", len(s.forms), err)
			}
		})
	}
}

// A provider that refuses the token is asked once for each renewal, and by no other grant. What
// it says, and the log, show nothing of the token.
func TestWorkloadIsRefused(t *testing.T) {
	claim := func(name string, value any) func(*trusting, *oauth.Config) {
		return func(s *trusting, _ *oauth.Config) { s.platform.change = func(c jwt.MapClaims) { c[name] = value } }
	}
	for name, change := range map[string]func(s *trusting, c *oauth.Config){
		"signed by another": func(s *trusting, _ *oauth.Config) { s.platform.key = newPlatform(t).key },
		"of another issuer": claim("iss", "https://other.example"),
		"about nobody":      claim("sub", ""),
		"without an ID":     claim("jti", ""),
		"for another audience, at a provider that is named": func(s *trusting, c *oauth.Config) {
			s.platform.change = func(claims jwt.MapClaims) { claims["aud"] = "https://other.example" }
			c.Named = s.issuer
			c.Key.Issuer = c.Named
		},
		"of a client that may not": func(_ *trusting, c *oauth.Config) { c.Identity.ClientID, c.Key.ClientID = "other", "other" },
	} {
		for grantType, client := range map[string]string{oauth.GrantJWTBearer: "app", oauth.GrantClientCredentials: "machine"} {
			t.Run(name+" "+client, func(t *testing.T) {
				s, l := newTrusting(t)
				s.issuer = l.idp.Issuer()
				var log bytes.Buffer
				_, h := l.client(l.store(""), s.workload(grantType, client, func(c *oauth.Config) {
					c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
					change(s, c)
				}))
				for n := range 2 {
					_, _, err := l.call(h, "x")
					if err == nil || !strings.Contains(err.Error(), ": invalid_") && !strings.Contains(err.Error(), ": unauthorized_client") || hint.Of(err) == "" {
						t.Error(err)
					}
					if len(s.forms) != n+1 || s.platform.reads != n+1 || l.tabs.Load() != 0 {
						t.Fatalf("%d token requests, %d reads, %d tabs", len(s.forms), s.platform.reads, l.tabs.Load())
					}
					token := s.forms[n].Get("assertion") + s.forms[n].Get("client_assertion")
					if all := fmt.Sprintf("%+v", err) + log.String(); token == "" || strings.Contains(all, token) || strings.Contains(all, token[:20]) {
						t.Error(all)
					}
				}
			})
		}
	}
}

// A source that fails is asked once for a request, before it: the refusal that follows, and asks
// for a new token as well, does not ask it again.
func TestWorkloadSourceFailsOnce(t *testing.T) {
	for grantType, client := range map[string]string{oauth.GrantJWTBearer: "app", oauth.GrantClientCredentials: "machine"} {
		s, l := newTrusting(t)
		kept := l.store("")
		_, h := l.client(kept, s.workload(grantType, client, nil))
		l.mustCall(h, "x")
		key := oauth.Key{Server: l.server().String(), Grant: grantType, ClientID: client}
		cred, err := kept.Load(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		cred.Expiry = time.Now().Add(-time.Second)
		if err := kept.Save(t.Context(), key, cred); err != nil {
			t.Fatal(err)
		}
		l.res.revokeSeen()
		s.platform.fails, s.platform.reads = errors.New("it hangs"), 0
		_, again := l.client(kept, s.workload(grantType, client, nil))
		if _, _, err := l.call(again, "x"); !errors.Is(err, grant.ErrNotSent) || s.platform.reads != 1 {
			t.Errorf("%s: %d reads, %v", grantType, s.platform.reads, err)
		}
	}
}
