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
	claims := jwt.MapClaims{"iss": "https://platform.example", "sub": "workload", "aud": audience, "exp": time.Now().Add(time.Hour).Unix(), "jti": fmt.Sprint("read ", p.reads)}
	if p.change != nil {
		p.change(claims)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(p.key)
	if err != nil {
		p.t.Error(err)
	}
	return grant.NewSecret(token), nil
}

// trusting is a provider that trusts a platform: what presents its token gets one of devidp,
// which no person was asked for.
type trusting struct {
	platform *platform
	lab      *lab
	refuse   bool

	mu    sync.Mutex
	forms []url.Values
	seen  map[string]bool // jti
}

func (s *trusting) front(provider http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			provider.ServeHTTP(w, r)
			return
		}
		_ = r.ParseForm()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.forms = append(s.forms, r.PostForm)
		if err := s.judge(r.PostForm); err != nil || s.refuse {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"I do not trust `+r.PostForm.Get("assertion")+`"}`)
			return
		}
		token, err := s.lab.idp.IssueToken(devidp.TokenRequest{Username: "alice", Resource: r.PostForm.Get("resource"), Scopes: []string{"mcp:read"}})
		if err != nil {
			s.lab.t.Error(err)
		}
		_, _ = io.WriteString(w, `{"access_token":"`+token+`","token_type":"Bearer","expires_in":3600}`)
	})
}

func (s *trusting) judge(form url.Values) error {
	claims := jwt.MapClaims{}
	assertion := form.Get("assertion") + form.Get("client_assertion")
	_, err := jwt.ParseWithClaims(assertion, claims, func(*jwt.Token) (any, error) { return &s.platform.key.PublicKey, nil }, jwt.WithExpirationRequired())
	jti, _ := claims["jti"].(string)
	if s.seen[jti] {
		return errors.New("presented twice")
	}
	s.seen[jti] = true
	return err
}

func newTrusting(t *testing.T) (*trusting, *lab) {
	t.Helper()
	s := &trusting{platform: newPlatform(t), seen: map[string]bool{}}
	l := newNetworkLabBehind(t, func(c *devidp.Config) { c.Registration = false }, s.front)
	s.lab = l
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
		"grant": {oauth.GrantJWTBearer, "app"}, "grant without a client": {oauth.GrantJWTBearer, ""}, "client": {oauth.GrantClientCredentials, "app"},
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
			if (err == nil) != c.sent || (len(s.forms) == 1) != c.sent {
				t.Errorf("%d token requests, %v", len(s.forms), err)
			}
		})
	}
}

// A provider that does not trust the platform is asked once for each renewal, by no other
// grant, and what it says shows nothing of the token.
func TestWorkloadIsRefused(t *testing.T) {
	for _, grantType := range []string{oauth.GrantJWTBearer, oauth.GrantClientCredentials} {
		s, l := newTrusting(t)
		s.refuse = true
		var log bytes.Buffer
		_, h := l.client(l.store(""), s.workload(grantType, "app", func(c *oauth.Config) {
			c.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}))
		_, _, err := l.call(h, "x")
		if err == nil || !strings.Contains(err.Error(), ": invalid_grant: I do not trust ") || hint.Of(err) == "" {
			t.Error(err)
		}
		if len(s.forms) != 1 || s.platform.reads != 1 || l.tabs.Load() != 0 {
			t.Fatalf("%d token requests, %d reads, %d tabs", len(s.forms), s.platform.reads, l.tabs.Load())
		}
		token := s.forms[0].Get("assertion") + s.forms[0].Get("client_assertion")
		if all := err.Error() + log.String(); strings.Contains(all, token) || strings.Contains(all, token[:20]) {
			t.Error(all)
		}
	}
}
