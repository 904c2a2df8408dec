package oauth_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
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

// vouching stands before a provider and plays the parts that enterprise-managed
// authorization adds: the exchange of ID tokens, and the grant of what comes of it. What the
// parts check of each other is tested with devidp in test/script; this is about what a
// client takes from a company's provider that lies.
type vouching struct {
	issue func(devidp.TokenRequest) (string, error)

	mu         sync.Mutex
	registered []string // the grant types
	forget     int      // how many assertions meet a client that is not known
	exchanges  []url.Values
	presented  []url.Values
	refuse     []string // codes for the next exchanges
	change     func(answer map[string]any)
	renewed    func(answer map[string]any) // of refreshes
	signed     func(answer map[string]any) // of sign-ins
}

// ServeHTTP is before next.
func (v *vouching) front(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/oidc/reg" {
			body, _ := io.ReadAll(r.Body)
			r.Body = io.NopCloser(bytes.NewReader(body))
			var sent struct {
				GrantTypes []string `json:"grant_types"`
			}
			_ = json.Unmarshal(body, &sent)
			v.locked(func() { v.registered = append(v.registered, strings.Join(sent.GrantTypes, " ")) })
		}
		if r.URL.Path != "/oidc/token" {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		form, _ := url.ParseQuery(string(body))
		switch form.Get("grant_type") {
		case "urn:ietf:params:oauth:grant-type:token-exchange":
			v.exchange(w, form)
		case "urn:ietf:params:oauth:grant-type:jwt-bearer":
			v.present(w, form)
		case "refresh_token", "authorization_code", grant.TypeDevice:
			rec := httptest.NewRecorder()
			next.ServeHTTP(rec, r)
			v.mu.Lock()
			change := v.renewed
			if form.Get("grant_type") != "refresh_token" {
				change = v.signed
			}
			v.mu.Unlock()
			var answer map[string]any
			if err := json.Unmarshal(rec.Body.Bytes(), &answer); err == nil && change != nil {
				change(answer)
			}
			reply(w, rec.Code, answer)
		default:
			next.ServeHTTP(w, r)
		}
	})
}

func reply(w http.ResponseWriter, status int, answer map[string]any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func (v *vouching) exchange(w http.ResponseWriter, form url.Values) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.exchanges = append(v.exchanges, form)
	if len(v.refuse) > 0 {
		code := v.refuse[0]
		v.refuse = v.refuse[1:]
		reply(w, http.StatusBadRequest, map[string]any{"error": code, "error_description": "the policy says no"})
		return
	}
	answer := map[string]any{
		"access_token":      idJAG(form.Get("audience"), form.Get("resource")),
		"issued_token_type": "urn:ietf:params:oauth:token-type:id-jag", "token_type": "n_a",
	}
	if v.change != nil {
		v.change(answer)
	}
	reply(w, http.StatusOK, answer)
}

// idJAG is an ID-JAG whose signature is of no matter to a client.
func idJAG(audience, resource string) string {
	signed, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"aud": audience, "resource": resource}).SignedString([]byte("any"))
	return signed
}

func (v *vouching) present(w http.ResponseWriter, form url.Values) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.presented = append(v.presented, form)
	if v.forget--; v.forget >= 0 {
		reply(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	var claims jwt.MapClaims
	_, _, err := jwt.NewParser().ParseUnverified(form.Get("assertion"), &claims)
	resource, _ := claims["resource"].(string)
	token, err2 := v.issue(devidp.TokenRequest{Username: "alice", Resource: resource, Scopes: []string{"mcp:read"}})
	if err := errors.Join(err, err2); err != nil {
		reply(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	reply(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600, "refresh_token": "unwanted"})
}

// seen are the requests so far.
func (v *vouching) seen() (exchanges, presented []url.Values) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.exchanges, v.presented
}

// company is a lab whose provider vouches for people at itself as well.
type company struct {
	*lab
	*vouching
}

func newCompany(t *testing.T) company {
	t.Helper()
	v := &vouching{}
	l := newNetworkLabBehind(t, nil, v.front)
	v.issue = l.idp.IssueToken
	return company{l, v}
}

// inCompanyBubble is a test with a company that has its own clock and no network.
func inCompanyBubble(f func(t *testing.T, c company)) func(*testing.T) {
	return inBubble(nil, func(t *testing.T, b *lab) {
		v := &vouching{issue: b.idp.IssueToken}
		b.wire.hosts[bubbleProvider] = v.front(b.idp)
		f(t, company{b, v})
	})
}

func (c company) issuer() string { return *c.res.issuer.Load() }

// through is a client whose person signs in at the company, in s.
func (c company) through(s oauth.Store, change func(login *oauth.Config, e *oauth.Enterprise)) (server, login *oauth.Client, h *http.Client) {
	c.t.Helper()
	at, err := url.Parse(c.issuer())
	if err != nil {
		c.t.Fatal(err)
	}
	e := &oauth.Enterprise{}
	login, _ = c.client(s, func(cfg *oauth.Config) {
		cfg.Server, cfg.Key = at, oauth.Key{Enterprise: c.issuer()}.Company()
		cfg.IssuerChoice = discovery.IssuerChoice{Named: c.issuer()}
		if change != nil {
			change(cfg, e)
		}
	})
	e.Login = login
	server, h = c.client(s, func(cfg *oauth.Config) {
		cfg.Key.Enterprise, cfg.Enterprise = c.issuer(), e
	})
	return server, login, h
}

// One sign-in at the company's provider, for as many programs as start at once, and an
// exchange with the extension's parameters; a new access token is a new exchange and asks
// nobody. The ID token goes to the company's token endpoint and nowhere else.
func TestEnterpriseSignsInOnce(t *testing.T) {
	c := newCompany(t)
	dir := t.TempDir()
	var clients []*http.Client
	for range 4 {
		_, _, h := c.through(c.store(dir), nil)
		clients = append(clients, h)
	}
	c.mustAll(clients)
	if tabs := c.tabs.Load(); tabs != 1 {
		t.Errorf("%d tabs", tabs)
	}
	exchanges, presented := c.seen()
	form := exchanges[0]
	var claims jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(form.Get("subject_token"), &claims); err != nil || claims["iss"] != c.issuer() {
		t.Errorf("subject_token: %v %v", claims["iss"], err)
	}
	for name, want := range map[string]string{
		"requested_token_type": "urn:ietf:params:oauth:token-type:id-jag", "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
		"audience": c.issuer(), "resource": c.server().String(), "scope": "mcp:read",
	} {
		if form.Get(name) != want {
			t.Errorf("%s is %q, not %q", name, form.Get(name), want)
		}
	}
	for _, form := range presented {
		if form.Has("subject_token") || strings.Contains(form.Encode(), exchanges[0].Get("subject_token")) {
			t.Error("the ID token was sent to the server's provider")
		}
	}
	for token := range c.res.seen {
		if token == exchanges[0].Get("subject_token") {
			t.Error("the ID token was sent to the server")
		}
	}
	c.res.revokeSeen()
	s := c.store(dir)
	_, _, h := c.through(s, nil)
	c.mustCall(h, "again")
	if after, _ := c.seen(); len(after) == len(exchanges) || c.tabs.Load() != 1 {
		t.Errorf("%d exchanges after %d, %d tabs", len(after), len(exchanges), c.tabs.Load())
	}
	if cred, err := s.Load(t.Context(), oauth.Key{Server: c.server().String(), Enterprise: c.issuer()}); err != nil || !cred.RefreshToken.IsZero() || cred.Account == "" {
		t.Errorf("kept for the server: refresh token %v, account %q, %v", !cred.RefreshToken.IsZero(), cred.Account, err)
	}
}

// Who registers itself asks for the grants that it needs: the exchange at the company's
// provider, assertions at the server's. It does so once at each, whatever the policy says.
func TestEnterpriseRegistersForItsGrants(t *testing.T) {
	c := newCompany(t)
	c.refuse = []string{"access_denied", "access_denied"}
	_, _, h := c.through(c.store(""), nil)
	for range len(c.refuse) {
		if _, _, err := c.call(h, "x"); err == nil {
			t.Error("the policy does not refuse")
		}
	}
	c.mustCall(h, "x")
	want := []string{"authorization_code refresh_token urn:ietf:params:oauth:grant-type:token-exchange", "authorization_code refresh_token urn:ietf:params:oauth:grant-type:jwt-bearer"}
	slices.Sort(want)
	c.locked(func() {
		slices.Sort(c.registered)
		if !slices.Equal(c.registered, want) {
			t.Errorf("registered for %q", c.registered)
		}
	})
}

// A server's provider that has forgotten the client gets a new one, in the same request; a
// company's that refuses its own is no reason for that.
func TestEnterpriseClientIsForgotten(t *testing.T) {
	c := newCompany(t)
	_, _, h := c.through(c.store(""), nil)
	c.mustCall(h, "1")
	c.res.revokeSeen()
	c.forget = 1
	c.mustCall(h, "2")
	c.locked(func() {
		if len(c.registered) != 3 {
			t.Errorf("registered for %q", c.registered)
		}
	})
}

// An ID token that has ended is renewed by the refresh token, and so is the login of all
// servers: nobody is asked again.
func TestEnterpriseRenewsSilently(t *testing.T) {
	inCompanyBubble(func(t *testing.T, c company) {
		_, _, h := c.through(c.store(""), nil)
		c.mustCall(h, "1")
		<-time.After(2 * time.Hour) // the ID token and the access token are good for one
		c.mustCall(h, "2")
		exchanges, _ := c.seen()
		if len(exchanges) != 2 || exchanges[0].Get("subject_token") == exchanges[1].Get("subject_token") || c.tabs.Load() != 1 {
			t.Errorf("%d exchanges, %d tabs", len(exchanges), c.tabs.Load())
		}
		if n := c.idp.Stats().Refreshes; n != 1 {
			t.Errorf("%d refreshes", n)
		}
	})(t)
}

// What a company's provider answers to an exchange is sent on only if it is an ID-JAG.
func TestEnterpriseTakesOnlyIDJAGs(t *testing.T) {
	for name, change := range map[string]func(map[string]any){
		"another type":   func(a map[string]any) { a["issued_token_type"] = "urn:ietf:params:oauth:token-type:access_token" },
		"no type":        func(a map[string]any) { delete(a, "issued_token_type") },
		"a bearer token": func(a map[string]any) { a["token_type"] = "Bearer" },
		"no token":       func(a map[string]any) { a["access_token"] = "" },
		"no JWT":         func(a map[string]any) { a["access_token"] = "jag" },
		"another audience": func(a map[string]any) {
			a["access_token"] = idJAG("https://elsewhere.example", "https://mcp.example.com/mcp")
		},
		"no audience":      func(a map[string]any) { a["access_token"] = idJAG("", "https://mcp.example.com/mcp") },
		"a line break too": func(a map[string]any) { a["access_token"] = "a\r\nb" },
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t)
			c.change = change
			_, _, h := c.through(c.store(""), nil)
			_, _, err := c.call(h, "x")
			if _, presented := c.seen(); err == nil || len(presented) != 0 {
				t.Errorf("%v; presented %d times", err, len(presented))
			}
		})
	}
}

// A sign-in at the company's provider that leads to no ID token, or to one of another issuer
// or client, keeps nothing, and nothing is sent on.
func TestEnterpriseSignInNeedsItsIDToken(t *testing.T) {
	for name, change := range map[string]func(*testing.T, map[string]any){
		"none": func(_ *testing.T, a map[string]any) { delete(a, "id_token") },
		"another issuer": func(t *testing.T, a map[string]any) {
			a["id_token"] = swapped(t, a["id_token"].(string), jwt.MapClaims{"iss": "https://elsewhere.example"})
		},
		"another client": func(t *testing.T, a map[string]any) {
			a["id_token"] = swapped(t, a["id_token"].(string), jwt.MapClaims{"aud": "other"})
		},
		"another client, by device": func(t *testing.T, a map[string]any) {
			if token, ok := a["id_token"].(string); ok {
				a["id_token"] = swapped(t, token, jwt.MapClaims{"aud": "other"})
			}
		},
		"no nonce": func(t *testing.T, a map[string]any) {
			a["id_token"] = swapped(t, a["id_token"].(string), jwt.MapClaims{"nonce": ""})
		},
	} {
		t.Run(name, inCompanyBubble(func(t *testing.T, c company) {
			c.signed = func(answer map[string]any) { change(t, answer) }
			c.careless = true
			if strings.HasSuffix(name, "by device") {
				c.device = oauth.DeviceAlways
			}
			s := c.store("")
			_, _, h := c.through(s, nil)
			_, _, err := c.call(h, "x")
			if exchanges, _ := c.seen(); !strings.Contains(hint.Of(err), "this is a fault of the provider: tell its administrator") || len(exchanges) != 0 {
				t.Errorf("%v; %s; %d exchanges", err, hint.Of(err), len(exchanges))
			}
			if cred, err := s.Load(t.Context(), oauth.Key{Enterprise: c.issuer()}.Company()); err == nil && (cred.HasToken() || !cred.IDToken.IsZero()) {
				t.Error("the tokens are kept")
			}
		}))
	}
}

// A renewal with the ID token of somebody else, or of another issuer, ends the login, and
// nothing of it is sent on.
func TestEnterpriseRefusesAnotherPerson(t *testing.T) {
	for name, swap := range map[string]jwt.MapClaims{"sub": {"sub": "mallory"}, "iss": {"iss": "https://elsewhere.example"}} {
		t.Run(name, inCompanyBubble(func(t *testing.T, c company) {
			s := c.store("")
			_, login, h := c.through(s, nil)
			c.mustCall(h, "1")
			_, presented := c.seen()
			<-time.After(10 * time.Minute)
			c.locked(func() {
				c.refuse = []string{"invalid_grant"} // the old ID token: another one is got
				c.renewed = func(answer map[string]any) { answer["id_token"] = swapped(t, answer["id_token"].(string), swap) }
			})
			c.res.revokeSeen()
			_, _, err := c.call(h, "2")
			if err == nil || !strings.Contains(err.Error(), "somebody else") || !strings.Contains(hint.Of(err), "login --enterprise "+c.issuer()+" --again") {
				t.Errorf("%v; %s", err, hint.Of(err))
			}
			exchanges, after := c.seen()
			if len(after) != len(presented) || len(exchanges) != 2 || c.tabs.Load() != 1 {
				t.Errorf("%d exchanges, presented %d times after %d, %d tabs", len(exchanges), len(after), len(presented), c.tabs.Load())
			}
			if _, err := login.Token(t.Context()); !errors.Is(err, oauth.ErrLoginRequired) {
				t.Errorf("the login of the company goes on: %v", err)
			}
		}))
	}
}

// A provider that takes the ID token no longer gets another one, by the refresh token and
// once; one that takes none at all is not asked for more and more of them.
func TestEnterpriseIDTokenIsOver(t *testing.T) {
	for _, code := range []string{"invalid_grant", "invalid_request"} {
		t.Run(code, inCompanyBubble(func(t *testing.T, c company) {
			_, _, h := c.through(c.store(""), nil)
			c.mustCall(h, "1")
			c.res.revokeSeen()
			<-time.After(10 * time.Minute)
			c.locked(func() { c.refuse = []string{code} })
			c.mustCall(h, "2")
			c.res.revokeSeen()
			c.locked(func() { c.refuse = []string{code, code, code} })
			for range 3 {
				if _, _, err := c.call(h, "3"); err == nil || hint.Of(err) == "" {
					t.Error(err)
				}
			}
			if n := c.idp.Stats().Refreshes; n != 1 || c.tabs.Load() != 1 {
				t.Errorf("%d refreshes, %d tabs", n, c.tabs.Load())
			}
		}))
	}
}

// locked runs f under the lock of v.
func (v *vouching) locked(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}

// swapped is an ID token with other claims; its signature is of no matter to a client.
func swapped(t *testing.T, token string, claims jwt.MapClaims) string {
	t.Helper()
	var all jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &all); err != nil {
		t.Error(err)
	}
	for name, value := range claims {
		all[name] = value
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, all).SignedString([]byte("any"))
	if err != nil {
		t.Error(err)
	}
	return signed
}

// A policy that refuses says so, once for each message, and opens nothing.
func TestEnterprisePolicyRefuses(t *testing.T) {
	for _, code := range []string{"access_denied", "invalid_target", "invalid_scope", "unauthorized_client", "insufficient_scope", "insufficient_user_authentication"} {
		t.Run(code, func(t *testing.T) {
			c := newCompany(t)
			c.refuse = []string{code, code, code}
			_, _, h := c.through(c.store(""), nil)
			for range 3 {
				_, _, err := c.call(h, "x")
				var refused *grant.Error
				if !errors.As(err, &refused) || refused.Code != code || !strings.Contains(hint.Of(err), "the administrator of ") {
					t.Errorf("%v; %s", err, hint.Of(err))
				}
			}
			if _, presented := c.seen(); len(presented) != 0 || c.tabs.Load() != 1 {
				t.Errorf("presented %d times, %d tabs", len(presented), c.tabs.Load())
			}
			c.mustCall(h, "the policy has changed")
		})
	}
}

// An ID token that is given goes to its own issuer, if it is of that one, for that client,
// and has not ended; nobody is asked.
func TestEnterpriseGivenIDToken(t *testing.T) {
	good := jwt.MapClaims{"sub": "alice", "aud": "app"}
	for name, tc := range map[string]struct {
		claims jwt.MapClaims
		want   string // "" takes it
	}{
		"good":              {jwt.MapClaims{}, ""},
		"several audiences": {jwt.MapClaims{"aud": []string{"other", "app"}}, ""},
		"another issuer":    {jwt.MapClaims{"iss": "https://elsewhere.example"}, "another issuer, https://elsewhere.example"},
		"another client":    {jwt.MapClaims{"aud": "other"}, "another client than app"},
		"nobody":            {jwt.MapClaims{"sub": ""}, "no ID token"},
		"ended":             {jwt.MapClaims{"exp": time.Now().Add(-time.Hour).Unix()}, "ended at"},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCompany(t)
			claims := jwt.MapClaims{"iss": c.issuer(), "exp": time.Now().Add(time.Hour).Unix()}
			for _, more := range []jwt.MapClaims{good, tc.claims} {
				for name, value := range more {
					claims[name] = value
				}
			}
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("any"))
			if err != nil {
				t.Fatal(err)
			}
			_, _, h := c.through(c.store(""), func(cfg *oauth.Config, e *oauth.Enterprise) {
				cfg.Key.ClientID, cfg.Identity.ClientID = "app", "app"
				e.IDToken = func() (grant.Secret, error) { return grant.NewSecret(token), nil }
			})
			_, _, err = c.call(h, "x")
			exchanges, _ := c.seen()
			switch {
			case tc.want == "" && (err != nil || len(exchanges) != 1 || exchanges[0].Get("client_id") != "app"):
				t.Errorf("%v, %d exchanges", err, len(exchanges))
			case tc.want != "" && !strings.Contains(hint.Of(err), "give one that "+c.issuer()+" has issued to the client app"):
				t.Errorf("%v; %s", err, hint.Of(err))
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || !errors.Is(err, grant.ErrNotSent) || len(exchanges) != 0):
				t.Errorf("%v, %d exchanges", err, len(exchanges))
			}
			if c.tabs.Load() != 0 {
				t.Errorf("%d tabs", c.tabs.Load())
			}
		})
	}
}

// A name that a person has accepted for somebody else's metadata is no audience: the
// assertion would be good at whoever owns the name. That is in hostile_flow_test.go's
// terms: nothing is sent.
func TestEnterpriseAudienceIsTheProvidersOwnName(t *testing.T) {
	c := newCompany(t)
	s := c.store("")
	e := &oauth.Enterprise{}
	at, _ := url.Parse(c.issuer())
	e.Login, _ = c.client(s, func(cfg *oauth.Config) {
		cfg.Server, cfg.Key = at, oauth.Key{Enterprise: c.issuer()}.Company()
		cfg.IssuerChoice = discovery.IssuerChoice{Named: c.issuer()}
	})
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, map[string]any{"issuer": c.issuer(), "token_endpoint": c.issuer() + "/token", "registration_endpoint": c.issuer() + "/reg"})
	}))
	defer other.Close()
	_, h := c.client(s, func(cfg *oauth.Config) {
		cfg.Key.Enterprise, cfg.Enterprise = c.issuer(), e
		cfg.IssuerChoice = discovery.IssuerChoice{Named: other.URL, Accepted: c.issuer()}
	})
	_, _, err := c.call(h, "x")
	if exchanges, _ := c.seen(); !errors.Is(err, grant.ErrNotSent) || len(exchanges) != 0 || c.tabs.Load() != 0 {
		t.Errorf("%v; %d exchanges, %d tabs", err, len(exchanges), c.tabs.Load())
	}
}
