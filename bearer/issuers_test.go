package bearer

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/test/issuer"
)

// Several issuers in one process: each one's tokens are verified with its own
// keys and nobody else's, and identities keep them apart.
func TestSeveralIssuers(t *testing.T) {
	a, b, stranger := issuer.Start(t), issuer.Start(t), issuer.Start(t)
	s := newServer(t, a, func(c *Config) { c.OtherIssuers = []string{b.URL} })
	for _, i := range []*issuer.Issuer{a, b} {
		id, err := s.Verify(t.Context(), i.Sign(t, issuer.Change{}))
		if err != nil || id.Issuer != i.URL {
			t.Errorf("%+v, %v", id, err)
		}
	}
	for name, token := range map[string]string{
		"a stranger's":                stranger.Sign(t, issuer.Change{}),
		"b's that claims to be a's":   b.Claim(t, "iss", a.URL),
		"a's that claims to be b's":   a.Claim(t, "iss", b.URL),
		"a stranger's, both claimed":  stranger.Claim(t, "iss", []string{a.URL, b.URL}),
		"b's for another server":      b.Claim(t, "aud", "https://elsewhere.example/mcp"),
		"a stranger's with b's claim": stranger.Claim(t, "iss", b.URL),
	} {
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 401 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if n := stranger.MetadataCalls.Load() + stranger.KeyCalls.Load(); n != 0 {
		t.Errorf("%d visits to an issuer that is not trusted", n)
	}
	// Clients are told of both, the first one first.
	resp := call(s, "GET", "/.well-known/oauth-protected-resource/mcp", "", "")
	body, _ := io.ReadAll(resp.Body)
	var doc resourceMetadata
	if err := json.Unmarshal(body, &doc); err != nil || strings.Join(doc.AuthorizationServers, " ") != a.URL+" "+b.URL {
		t.Errorf("%s, %v", body, err)
	}
}

// An opaque token says nothing of its issuer. It is shown to the first one
// alone: the others would get to see what is not theirs.
func TestOpaqueTokensAreShownToOneIssuerOnly(t *testing.T) {
	a, b := issuer.Start(t), issuer.Start(t)
	b.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	s := newServer(t, a, func(c *Config) { c.OtherIssuers = []string{b.URL} })
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 401 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if x, y := a.UserinfoCalls.Load(), b.UserinfoCalls.Load(); x != 1 || y != 0 {
		t.Errorf("%d and %d calls, want 1 and 0", x, y)
	}
}

// One issuer that is down takes nothing from the tokens of the other.
func TestIssuersFailAlone(t *testing.T) {
	a, b := issuer.Start(t), issuer.Start(t)
	a.Metadata = issuer.Answer(500, "")
	s := newServer(t, a, func(c *Config) { c.OtherIssuers = []string{b.URL} })
	for i, want := range map[*issuer.Issuer]int{a: 503, b: 200} {
		if resp := call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami); resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
	}
}

// Only tokens of the allowed applications, wherever the token names its own.
func TestClientAllowList(t *testing.T) {
	i := issuer.Start(t)
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	s := newServer(t, i, func(c *Config) { c.Clients = []string{"app", "cli"} })
	for name, tt := range map[string]struct {
		claims map[string]any
		want   int
	}{
		"client_id":              {map[string]any{"client_id": "cli"}, 200},
		"azp":                    {map[string]any{"client_id": nil, "azp": "app"}, 200},
		"both":                   {map[string]any{"client_id": "app", "azp": "cli"}, 200},
		"another client_id":      {map[string]any{"client_id": "evil"}, 401},
		"another azp":            {map[string]any{"client_id": nil, "azp": "evil"}, 401},
		"another azp beside":     {map[string]any{"client_id": "app", "azp": "evil"}, 401},
		"another id beside":      {map[string]any{"client_id": "evil", "azp": "app"}, 401},
		"a list":                 {map[string]any{"client_id": []string{"app"}}, 401},
		"none":                   {map[string]any{"client_id": nil}, 401},
		"empty":                  {map[string]any{"client_id": ""}, 401},
		"in another case":        {map[string]any{"client_id": "APP"}, 401},
		"azp number beside good": {map[string]any{"client_id": "app", "azp": 1}, 401},
	} {
		if resp := call(s, "POST", "/mcp", i.Sign(t, issuer.Change{Claims: tt.claims}), callWhoami); resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, tt.want)
		}
	}
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 401 || i.UserinfoCalls.Load() != 0 {
		t.Errorf("opaque: %d, %d calls", resp.StatusCode, i.UserinfoCalls.Load())
	}
}

// Mistakes in what was added to the configuration.
func TestVerificationConfigCheck(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"issuer http":              func(c *Config) { c.OtherIssuers = []string{"http://id.example"} },
		"given twice":              func(c *Config) { c.OtherIssuers = []string{"https://id.example"} },
		"twice":                    func(c *Config) { c.OtherIssuers = []string{"https://b.example", "https://b.example"} },
		`"HS256"`:                  func(c *Config) { c.Algorithms = []string{"HS256"} },
		`"none"`:                   func(c *Config) { c.Algorithms = []string{"none"} },
		"cache TTL":                func(c *Config) { c.CacheTTL = maxCacheTTL + 1 },
		"outage grace":             func(c *Config) { c.OutageGrace = maxOutageGrace + 1 },
		"client secret":            func(c *Config) { c.Introspection = &Introspection{ClientID: "x"} },
		"only JWTs":                func(c *Config) { introspecting(c); c.JWTOnly = true },
		`scope "a b"`:              func(c *Config) { c.ToolScopes = map[string][]string{"x": {"a b"}} },
		"documentation":            func(c *Config) { c.About.Documentation = "javascript:alert(1)" },
		"policy":                   func(c *Config) { c.About.Policy = "/policy" },
		"terms":                    func(c *Config) { c.About.Terms = "::" },
		"acr value":                func(c *Config) { c.ACRValues = []string{"a b"} },
		`tool "x": without scopes`: func(c *Config) { c.ToolScopes = map[string][]string{"x": {}} },
		"required claim":           func(c *Config) { c.RequiredClaims = map[string][]string{"tid": nil} },
		"max age":                  func(c *Config) { c.MaxAge = -1 },
		"audiences":                func(c *Config) { c.Audiences = []string{""} },
		"must be one of":           func(c *Config) { c.Algorithms = []string{"es256"} },
	} {
		cfg := Config{Resource: mustURL(t, "https://h.example/mcp"), Issuer: "https://id.example"}
		change(&cfg)
		if err := cfg.Check(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}

// An issuer that does not answer holds up a start for as long as it is given, and then
// the server starts.
func TestTheNameOfAnIssuerIsNotWaitedForLongerThanAllowed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := issuer.InMemory(t)
		i.Metadata = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		r, err := New(Config{Resource: mustURL(t, issuer.Resource), Issuer: i.URL, HTTP: i.Client})
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if _, err := r.CheckIssuer(ctx, i.URL); !errors.Is(err, ErrUnavailable) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %s", err, time.Since(began))
		}
	})
}

// Each issuer can be asked about by itself: what it is called, and whether it is there.
func TestCheckIssuer(t *testing.T) {
	good, misnamed, down := issuer.Start(t), issuer.Start(t), issuer.Start(t)
	down.Metadata = issuer.Answer(500, "")
	s, err := New(Config{Resource: mustURL(t, issuer.Resource), Issuer: good.URL, OtherIssuers: []string{misnamed.URL + "/", down.URL}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, tt := range map[string]struct {
		better, says string
		unavailable  bool
	}{
		good.URL:             {"", "", false},
		misnamed.URL + "/":   {misnamed.URL, "its metadata calls it", false},
		down.URL:             {"", "answered 500", true},
		"https://other.test": {"", "not one of the configuration", false},
	} {
		better, err := s.CheckIssuer(t.Context(), name)
		if better != tt.better || (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) || errors.Is(err, ErrUnavailable) != tt.unavailable {
			t.Errorf("%s: %q, %v", name, better, err)
		}
	}
}
