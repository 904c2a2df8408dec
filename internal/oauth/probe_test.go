package oauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

const bubbleRedirectURI = "http://" + bubbleCallback + "/callback"

// applications are one of each type that Logto has.
func applications(c *devidp.Config) {
	c.Clients = []devidp.Client{
		{ID: "native", RedirectURIs: []string{"http://127.0.0.1/callback"}},
		{ID: "elsewhere", RedirectURIs: []string{"http://localhost/callback"}},
		{ID: "none"},
		{ID: "spa", ApplicationType: "web", RedirectURIs: []string{"http://127.0.0.1/callback"}},
		{ID: "traditional", ApplicationType: "web", Secret: "s", RedirectURIs: []string{"http://127.0.0.1/callback"}},
		{ID: "device", DeviceFlow: true},
		{ID: "m2m", Secret: "s", GrantTypes: []string{"client_credentials"}},
		{ID: "third", ThirdParty: true, Scopes: []string{"email"}, RedirectURIs: []string{"http://127.0.0.1/callback"}},
	}
}

// seen are the requests to the authorization endpoint, with the headers they had.
type seen struct {
	mu   sync.Mutex
	asks []*http.Request
}

// watch lets s see them, and answer those that ask nobody, where it returns true.
func (s *seen) watch(b *lab, answer func(w http.ResponseWriter, r *http.Request) bool) {
	b.wire.before(bubbleProvider, func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path != "/oidc/auth" {
			return false
		}
		s.mu.Lock()
		s.asks = append(s.asks, r)
		s.mu.Unlock()
		if answer != nil && silent(r) {
			return answer(w, r)
		}
		return false
	})
}

func silent(r *http.Request) bool { return r.URL.Query().Get("prompt") == "none" }

// slow waits, or until nobody wants the answer any more.
func slow(r *http.Request, d time.Duration) {
	select {
	case <-time.After(d):
	case <-r.Context().Done():
	}
}

// byHand is a client of one process with a client that was registered by hand.
func byHand(b *lab, s oauth.Store, id string, change func(*oauth.Config)) *http.Client {
	_, h := b.client(s, func(c *oauth.Config) {
		c.Identity.ClientID, c.Key.ClientID, c.Interactive = id, id, false
		if change != nil {
			change(c)
		}
	})
	return h
}

// Logto answers a wrong client or redirect URI as JSON to the browser, and nothing comes
// back: nobody is sent there, no tab is counted, and the error says what to do. For as
// long as it is repeated nobody asks the provider again.
func TestNobodyIsSentToAPageOfJSON(t *testing.T) {
	for id, code := range map[string]string{
		"unknown": "invalid_client", "none": "invalid_redirect_uri", "elsewhere": "invalid_redirect_uri", "spa": "invalid_redirect_uri",
		"traditional": "invalid_redirect_uri", "device": "invalid_redirect_uri", "m2m": "invalid_redirect_uri",
	} {
		inBubble(applications, func(t *testing.T, b *lab) {
			s, began, log := b.store(""), time.Now(), &seen{}
			log.watch(b, nil)
			h := byHand(b, s, id, func(c *oauth.Config) { c.Key.Params = []string{"login_hint=alice@example.test"} })
			_, _, err := b.call(h, "x")
			var refused *grant.Error
			if !errors.As(err, &refused) || refused.Code != code || !strings.Contains(refused.Hint, "mcp-login doctor --client-id "+id) || !errors.Is(err, grant.ErrDenied) {
				t.Errorf("%s: %v", id, err)
			}
			if stats := b.idp.Stats(); b.tabs.Load() != 0 || stats.Logins != 0 || time.Since(began) > time.Second {
				t.Errorf("%s: %d tabs, %d pages, %v", id, b.tabs.Load(), stats.Logins, time.Since(began))
			}
			for _, r := range log.asks {
				if q := r.URL.Query(); !silent(r) || q.Has("login_hint") || len(r.Cookies()) > 0 || r.Header.Get("Authorization") != "" {
					t.Errorf("%s: asked with %v", id, q)
				}
			}
		})(t)
	}
}

// Everything else that an authorization endpoint may say to a request that asks nobody
// is advice: the person is sent. Nothing of it is followed, and a code is not used.
func TestOnlyJSONEndsALogin(t *testing.T) {
	html := func(status int, body string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
		}
	}
	redirect := func(to string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	for name, answer := range map[string]func(http.ResponseWriter, *http.Request){
		"a login page that names redirect_uri": html(200, `<form><input name="redirect_uri"><input name="client_id" value="invalid_client"></form>`),
		"an error page of its own":             html(400, "<p>invalid_client: unknown client</p>"),
		"a page that quotes JSON":              html(400, `<pre>{"error":"invalid_client"}</pre>`),
		"a firewall":                           html(403, "forbidden"),
		"too many requests":                    html(429, `{"error":"invalid_client"}`),
		"an outage":                            html(503, `{"error":"invalid_client"}`),
		"success with an error in it":          html(200, `{"error":"invalid_client"}`),
		"another error":                        html(400, `{"error":"invalid_request","error_description":"prompt none is not supported"}`),
		"an error of the scope":                html(400, `{"error":"invalid_scope"}`),
		"a list":                               html(400, `[{"error":"invalid_client"}]`),
		"an error that is no text":             html(400, `{"error":{"code":"invalid_client"}}`),
		"doubled members":                      html(400, `{"error":"x","error":"invalid_client"}`),
		"an error by redirect":                 redirect(bubbleRedirectURI + "?error=invalid_client"),
		"the redirect URI by redirect":         redirect(bubbleRedirectURI + "?error=invalid_redirect_uri"),
		"a code":                               redirect(bubbleRedirectURI + "?code=c"),
		"a page for errors":                    redirect("http://127.0.0.1:1/error?error=invalid_client"),
		"nothing":                              func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"no end":                               func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	} {
		inBubble(applications, func(t *testing.T, b *lab) {
			log := &seen{}
			log.watch(b, func(w http.ResponseWriter, r *http.Request) bool { answer(w, r); return true })
			b.think = time.Minute
			h := byHand(b, b.store(""), "native", nil)
			began := time.Now()
			b.mustCall(h, name)
			if took := time.Since(began); b.tabs.Load() != 1 || took > time.Minute+2*time.Second {
				t.Errorf("%s: %d tabs, %v", name, b.tabs.Load(), took)
			}
			if n := len(log.asks); n != 2 || len(b.wire.times("GET /error")) > 0 || b.idp.Stats().CodeExchanges != 1 {
				t.Errorf("%s: %d requests, %d exchanges", name, n, b.idp.Stats().CodeExchanges)
			}
		})(t)
	}
}

// The kinds of JSON that end it.
func TestJSONThatEndsALogin(t *testing.T) {
	for body, want := range map[string]bool{
		`{"error":"invalid_client"}`:                                                          true,
		`{"error":"invalid_redirect_uri"}`:                                                    true,
		`{"error":"redirect_uri_mismatch"}`:                                                   true,
		`{"error":"invalid_request","error_description":"Unregistered redirect_uri"}`:         true,
		`{"error":"invalid_request","error_description":"Invalid redirect URI"}`:              true,
		`{"error":"invalid_request","error_description":"redirections are not supported"}`:    false,
		`{"error":"unauthorized_client","error_description":"redirect_uri and other things"}`: false,
	} {
		inBubble(applications, func(t *testing.T, b *lab) {
			(&seen{}).watch(b, func(w http.ResponseWriter, r *http.Request) bool {
				says(http.StatusBadRequest, body)(w, r)
				return true
			})
			_, _, err := b.call(byHand(b, b.store(""), "native", nil), "x")
			if got := err != nil; got != want || (b.tabs.Load() == 0) != want {
				t.Errorf("%s: %v, %d tabs", body, err, b.tabs.Load())
			}
		})(t)
	}
}

// A client that has worked costs no time, however slow the provider is to say that; and
// where it says that the client is gone meanwhile, the wait of the person ends at once.
func TestProvenClientCostsNoTime(t *testing.T) {
	for _, gone := range []bool{false, true} {
		inBubble(applications, func(t *testing.T, b *lab) {
			s := b.store("")
			b.mustCall(byHand(b, s, "native", func(c *oauth.Config) { c.Key.Scopes = []string{"openid"} }), "first")
			b.res.revokeSeen()
			time.Sleep(time.Hour)
			(&seen{}).watch(b, func(w http.ResponseWriter, r *http.Request) bool {
				slow(r, 5*time.Second)
				if gone {
					says(http.StatusBadRequest, `{"error":"invalid_client"}`)(w, r)
				}
				return gone
			})
			if b.think = 0; gone {
				b.think = -1
			}
			began := time.Now()
			_, _, err := b.call(byHand(b, s, "native", func(c *oauth.Config) { c.Key.Scopes = []string{"openid"} }), "second")
			took, want := time.Since(began), time.Duration(0)
			if gone {
				want = 5 * time.Second
			}
			if (err != nil) != gone || took != want || b.tabs.Load() != 2 {
				t.Errorf("gone %v: %v after %v, %d tabs", gone, err, took, b.tabs.Load())
			}
		})(t)
	}
}

// What a provider says too late changes nothing: the answer of the person has come, and
// the login is finished with it.
func TestLateRefusalBreaksNoLogin(t *testing.T) {
	inBubble(applications, func(t *testing.T, b *lab) {
		(&seen{}).watch(b, func(w http.ResponseWriter, r *http.Request) bool {
			slow(r, 3*time.Second)
			says(http.StatusBadRequest, `{"error":"invalid_client"}`)(w, r)
			return true
		})
		b.idp.SetFaults(devidp.Faults{TokenDelay: 5 * time.Second})
		b.mustCall(byHand(b, b.store(""), "native", nil), "x")
	})(t)
}

// Logto names the scope that a third-party application was not granted in a parameter of
// its own: the error says which, and nobody is sent there again without offline_access.
func TestRefusedScopeIsNamed(t *testing.T) {
	inBubble(applications, func(t *testing.T, b *lab) {
		_, _, err := b.call(byHand(b, b.store(""), "third", func(c *oauth.Config) { c.Key.Scopes = []string{"openid", "profile", "offline_access"} }), "x")
		var refused *grant.Error
		if !errors.As(err, &refused) || refused.Code != "invalid_scope" || !strings.Contains(err.Error(), "profile") || b.tabs.Load() != 1 {
			t.Errorf("%v, %d tabs", err, b.tabs.Load())
		}
	})(t)
}

// What doctor is told of each type of application, and of its secret, by behaviours of
// Logto that were recorded.
func TestCheckClientAsksWithoutAPerson(t *testing.T) {
	type facts struct{ client, redirect, secretRefused, unauthorized, codeRefused, deviceRefused bool }
	for _, tc := range []struct {
		id, secret, similar string
		want                facts
	}{
		{id: "native"},
		{id: "unknown", want: facts{client: true, secretRefused: true}},
		{id: "none", want: facts{redirect: true}},
		{id: "elsewhere", similar: "http://localhost:9003/callback", want: facts{redirect: true}},
		{id: "spa", similar: "http://127.0.0.1/callback", want: facts{redirect: true}},
		{id: "traditional", similar: "http://127.0.0.1/callback", want: facts{redirect: true, secretRefused: true, unauthorized: true}},
		{id: "traditional", secret: "s", similar: "http://127.0.0.1/callback", want: facts{redirect: true}},
		{id: "traditional", secret: "wrong", similar: "http://127.0.0.1/callback", want: facts{redirect: true, secretRefused: true, unauthorized: true}},
		{id: "native", secret: "needless", want: facts{secretRefused: true, unauthorized: true}},
		{id: "device", want: facts{redirect: true, codeRefused: true}},
		{id: "m2m", secret: "s", want: facts{redirect: true, codeRefused: true, deviceRefused: true}},
		{id: "m2m", want: facts{redirect: true, secretRefused: true, unauthorized: true}},
	} {
		inBubble(applications, func(t *testing.T, b *lab) {
			c, _ := b.client(b.store(""), func(c *oauth.Config) {
				c.Identity.ClientID, c.Key.ClientID, c.Identity.ClientSecret = tc.id, tc.id, grant.NewSecret(tc.secret)
				c.Device = oauth.DeviceNever
			})
			meta, err := discovery.FetchServer(t.Context(), &http.Client{Transport: b.wire}, *b.res.issuer.Load(), discovery.IssuerChoice{})
			if err != nil {
				t.Fatal(err)
			}
			i, err := c.CheckClient(t.Context(), discovery.Result{Server: *meta, Resource: b.server().String()}, discovery.Challenge{}, bubbleRedirectURI)
			got := facts{i.Authorization.ClientRefused(), i.Authorization.RedirectRefused(), i.Code.ClientRefused(), i.Code.Unauthorized(), i.Code.GrantRefused(), i.Device.GrantRefused()}
			if err != nil || got != tc.want || i.Similar != tc.similar || i.Secret != (tc.secret != "") {
				t.Errorf("%s with %q: %+v, similar %q, secret %v, %v", tc.id, tc.secret, got, i.Similar, i.Secret, err)
			}
			if stats := b.idp.Stats(); b.tabs.Load() != 0 || stats.Logins != 0 || stats.DeviceAuthorizations != 0 || stats.Registrations != 0 {
				t.Errorf("%s: %+v", tc.id, stats)
			}
		})(t)
	}
}

// The organization that a person chose is named where it counts: in token and refresh
// requests, with the scope that Logto wants for it.
func TestOrganizationOfATokenRequest(t *testing.T) {
	for _, kind := range []string{"code", "device", oauth.GrantClientCredentials} {
		inBubble(func(c *devidp.Config) {
			c.AccessTokenTTL = time.Minute
			c.Users = []devidp.User{{Subject: "a", Username: "alice", Organizations: []string{"org1"}}}
			c.Clients = []devidp.Client{
				{ID: "code", RedirectURIs: []string{"http://127.0.0.1/callback"}},
				{ID: "device", DeviceFlow: true},
				{ID: oauth.GrantClientCredentials, Secret: "s", GrantTypes: []string{"client_credentials"}, Organizations: []string{"org1"}},
			}
		}, func(t *testing.T, b *lab) {
			b.think = 0
			s := b.store("")
			var key oauth.Key
			_, h := b.client(s, func(c *oauth.Config) {
				c.Identity.ClientID, c.Key.ClientID, c.Key.Params = kind, kind, []string{"organization_id=org1"}
				switch c.Device = oauth.DeviceNever; kind {
				case "device":
					c.Device = oauth.DeviceAlways
				case oauth.GrantClientCredentials:
					c.Key.Grant, c.Identity.ClientSecret = kind, grant.NewSecret("s")
				}
				key = c.Key
			})
			for range 2 {
				b.mustCall(h, "x")
				cred, err := s.Load(t.Context(), key)
				if claims := claimsOf(t, cred.AccessToken); err != nil || claims["organization_id"] != "org1" {
					t.Errorf("%s: %v, %v", kind, claims["organization_id"], err)
				}
				if kind != oauth.GrantClientCredentials && !slices.Contains(cred.RequestedScopes, "urn:logto:scope:organizations") {
					t.Errorf("%s: %v", kind, cred.RequestedScopes)
				}
				time.Sleep(time.Hour)
			}
		})(t)
	}
}

// Somebody who is not a member hears of the organization, not of the server.
func TestOrganizationOfSomebodyElse(t *testing.T) {
	inBubble(applications, func(t *testing.T, b *lab) {
		_, _, err := b.call(byHand(b, b.store(""), "native", func(c *oauth.Config) { c.Key.Params = []string{"organization_id=org1"} }), "x")
		var refused *grant.Error
		if !errors.As(err, &refused) || refused.Code != "access_denied" || !strings.Contains(refused.Hint, "org1") {
			t.Errorf("%v", err)
		}
	})(t)
}

// A client that signs in as itself makes no authorization request: what is chosen for
// that goes into the token request, as audience does at some providers.
func TestClientCredentialsSendChosenParameters(t *testing.T) {
	inBubble(applications, func(t *testing.T, b *lab) {
		var form url.Values
		b.wire.before(bubbleProvider, func(_ http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/oidc/token" {
				_ = r.ParseForm()
				form = r.PostForm
			}
			return false
		})
		_, h := b.client(b.store(""), func(c *oauth.Config) {
			c.Identity.ClientID, c.Key.ClientID, c.Identity.ClientSecret, c.Key.Grant = "m2m", "m2m", grant.NewSecret("s"), oauth.GrantClientCredentials
			c.Key.Params = []string{"audience=https://api.example", "prompt=login", "grant_type=password"}
		})
		b.mustCall(h, "x")
		if form.Get("audience") != "https://api.example" || form.Has("prompt") || form.Get("grant_type") != oauth.GrantClientCredentials {
			t.Errorf("%v", form)
		}
	})(t)
}

// claimsOf reads an access token without looking at its signature.
func claimsOf(t *testing.T, token grant.Secret) (claims jwt.MapClaims) {
	t.Helper()
	if _, _, err := jwt.NewParser().ParseUnverified(token.Reveal(), &claims); err != nil {
		t.Error(err)
	}
	return claims
}
