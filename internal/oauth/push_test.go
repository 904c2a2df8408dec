package oauth_test

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// pushing stands before a provider and keeps requests that are pushed to it (RFC 9126),
// each for one use.
type pushing struct {
	lifetime time.Duration
	required bool
	// refuse, if set, answers a pushed request in its place, when it returns true.
	refuse func(w http.ResponseWriter, r *http.Request) bool

	mu     sync.Mutex
	kept   map[string]keptRequest
	pushed []url.Values
	// plain and short are the authorization requests with all parameters, and those that
	// refer to a pushed one.
	plain, short []url.Values
}

type keptRequest struct {
	form url.Values
	ends time.Time
}

// metadata is what the provider publishes of it.
func (p *pushing) metadata(issuer string) func(*devidp.Config) {
	return func(c *devidp.Config) {
		c.Faults.MetadataMembers = map[string]any{
			"pushed_authorization_request_endpoint": issuer + "/request", "require_pushed_authorization_requests": p.required,
		}
	}
}

// before answers a request in the place of the provider, if it returns true.
func (p *pushing) before(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.URL.Path == "/oidc/request" && r.Method == http.MethodPost:
		if p.refuse == nil || !p.refuse(w, r) {
			p.take(w, r)
		}
		return true
	case r.URL.Path == "/oidc/auth" && r.URL.Query().Get("prompt") != "none":
		return p.expand(w, r)
	}
	return false
}

func (p *pushing) take(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "no form", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept == nil {
		p.kept = map[string]keptRequest{}
	}
	uri := "urn:ietf:params:oauth:request_uri:" + strconv.Itoa(len(p.kept))
	p.kept[uri] = keptRequest{r.PostForm, time.Now().Add(p.lifetime)}
	p.pushed = append(p.pushed, r.PostForm)
	says(http.StatusCreated, `{"request_uri":"`+uri+`","expires_in":`+strconv.Itoa(int(p.lifetime.Seconds()))+`}`)(w, r)
}

// expand puts the pushed parameters in the place of the reference.
func (p *pushing) expand(w http.ResponseWriter, r *http.Request) (answered bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	uri := r.URL.Query().Get("request_uri")
	kept, known := p.kept[uri]
	switch {
	case uri == "" && p.required:
		says(http.StatusBadRequest, `{"error":"invalid_request","error_description":"Pushed Authorization Request must be used"}`)(w, r)
		return true
	case uri == "":
		p.plain = append(p.plain, r.URL.Query())
		return false
	case !known || time.Now().After(kept.ends):
		says(http.StatusBadRequest, `{"error":"invalid_request_uri","error_description":"request_uri is invalid, expired, or was used"}`)(w, r)
		return true
	}
	p.short = append(p.short, r.URL.Query())
	kept.ends = time.Time{}
	p.kept[uri] = kept
	r.URL.RawQuery = kept.form.Encode()
	return false
}

// pushLab is a lab in a bubble whose people open the local address.
func pushLab(p *pushing, f func(t *testing.T, b *lab)) func(*testing.T) {
	if p.lifetime == 0 {
		p.lifetime = time.Minute
	}
	return inBubble(p.metadata("http://"+bubbleProvider+"/oidc"), func(t *testing.T, b *lab) {
		b.here = true
		b.wire.before(bubbleProvider, p.before)
		f(t, b)
	})
}

// A person who takes longer to get to the browser than the provider keeps a request
// signs in all the same: it is pushed when the browser visits the local address. The
// browser brings nothing but the client and the reference.
func TestSlowPersonAndPushedRequest(t *testing.T) {
	for _, required := range []bool{false, true} {
		p := &pushing{required: required}
		t.Run(strconv.FormatBool(required), pushLab(p, func(t *testing.T, b *lab) {
			b.think = 4 * time.Minute
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
			if len(p.pushed) != 1 || len(p.plain) != 0 || len(p.short) != 1 || b.tabs.Load() != 1 {
				t.Fatalf("%d pushed, %d plain, %d short, %d tabs", len(p.pushed), len(p.plain), len(p.short), b.tabs.Load())
			}
			if names := slices.Sorted(maps.Keys(p.short[0])); !slices.Equal(names, []string{"client_id", "request_uri"}) {
				t.Errorf("the browser brought %q", names)
			}
			for _, name := range []string{"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "resource"} {
				if p.pushed[0].Get(name) == "" {
					t.Errorf("no %s was pushed", name)
				}
			}
		}))
	}
}

// The same at the provider that behaves like Logto, where a pushed request lives for a minute.
func TestSlowPersonAtAProviderLikeLogto(t *testing.T) {
	for _, required := range []bool{false, true} {
		inBubble(func(c *devidp.Config) { c.RequirePushedRequests = required }, func(t *testing.T, b *lab) {
			b.here, b.think = true, 4*time.Minute
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
			if n := b.idp.Stats().Paths["POST /oidc/request"]; n != 1 || b.tabs.Load() != 1 {
				t.Errorf("%d pushed, %d tabs", n, b.tabs.Load())
			}
		})(t)
	}
}

// An endpoint for pushed requests that does not work costs nobody the login, and a slow
// one no more than some seconds. Where the provider wants nothing else the error says so.
func TestFailingPushedRequests(t *testing.T) {
	hangs := func(_ http.ResponseWriter, r *http.Request) bool { <-r.Context().Done(); return true }
	answers := func(status int, doc string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool { says(status, doc)(w, r); return true }
	}
	for name, refuse := range map[string]func(http.ResponseWriter, *http.Request) bool{
		"hangs":           hangs,
		"cut":             func(http.ResponseWriter, *http.Request) bool { panic(http.ErrAbortHandler) },
		"500":             answers(http.StatusInternalServerError, `{"error":"server_error"}`),
		"a page":          answers(http.StatusNotFound, `<h1>Not found</h1>`),
		"no reference":    answers(http.StatusCreated, `{"expires_in":60}`),
		"no object":       answers(http.StatusCreated, `[]`),
		"endless":         answers(http.StatusCreated, `{"request_uri":"`+strings.Repeat("u", 500_000)+`"}`),
		"temporarily off": answers(http.StatusBadRequest, `{"error":"temporarily_unavailable"}`),
	} {
		p := &pushing{refuse: refuse}
		t.Run(name, pushLab(p, func(t *testing.T, b *lab) {
			began := time.Now()
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
			if took := time.Since(began); len(p.plain) != 1 || b.tabs.Load() != 1 || took > 10*time.Second { // by the clock of the bubble
				t.Errorf("%d plain requests, %d tabs, after %s", len(p.plain), b.tabs.Load(), took)
			}
		}))
		p = &pushing{refuse: refuse, required: true}
		t.Run(name+" and required", pushLab(p, func(t *testing.T, b *lab) {
			b.careless = true
			_, h := b.client(b.store(""), nil)
			_, _, err := b.call(h, "1")
			if err == nil || !strings.Contains(err.Error(), "only requests that are pushed") || hint.Of(err) == "" || len(p.plain) != 0 || b.tabs.Load() != 1 {
				t.Errorf("%v, hint %q, %d plain requests, %d tabs", err, hint.Of(err), len(p.plain), b.tabs.Load())
			}
		}))
	}
}

// A refusal of the pushed request ends the login in the words and with the hint of the
// same one in a redirect.
func TestRefusalOfPushedRequestIsThatOfTheRedirect(t *testing.T) {
	said := func(t *testing.T, b *lab) string {
		b.careless = true
		_, h := b.client(b.store(""), func(c *oauth.Config) { c.Key.Scopes = []string{"mcp:read"} })
		_, _, err := b.call(h, "1")
		if !errors.Is(err, grant.ErrDenied) {
			t.Errorf("%v", err)
		}
		return err.Error() + " | " + hint.Of(err)
	}
	for _, code := range []string{"invalid_scope", "invalid_target", "access_denied", "invalid_redirect_uri", "unsupported_response_type"} {
		var pushed, redirected string
		p := &pushing{refuse: func(w http.ResponseWriter, r *http.Request) bool {
			says(http.StatusBadRequest, `{"error":"`+code+`","error_description":"not for you"}`)(w, r)
			return true
		}}
		t.Run(code, pushLab(p, func(t *testing.T, b *lab) { pushed = said(t, b) }))
		t.Run(code+" in the redirect", inBubble(func(c *devidp.Config) {
			c.Faults.RedirectParameters = map[string]string{"error": code, "error_description": "not for you", "code": ""}
		}, func(t *testing.T, b *lab) { redirected = said(t, b) }))
		if pushed != redirected {
			t.Errorf("pushed: %s\nredirect: %s", pushed, redirected)
		}
	}
}

// An endpoint for pushed requests that takes no public clients locks nobody out where the
// provider wants none pushed. Nothing is registered anew for it.
func TestPushedRequestsOfPublicClientsRefused(t *testing.T) {
	for _, code := range []string{"invalid_client", "unauthorized_client"} {
		p := &pushing{refuse: func(w http.ResponseWriter, r *http.Request) bool {
			says(http.StatusUnauthorized, `{"error":"`+code+`","error_description":"this endpoint wants client authentication"}`)(w, r)
			return true
		}}
		t.Run(code, pushLab(p, func(t *testing.T, b *lab) {
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
			if n := b.idp.Stats().Registrations; n != 1 || b.tabs.Load() != 1 || len(p.plain) != 1 {
				t.Errorf("%d registrations, %d tabs, %d plain requests", n, b.tabs.Load(), len(p.plain))
			}
		}))
	}
}

// A provider that refuses offline_access, which we have added, is asked once more without
// it, in the tab that is open.
func TestRefusedOfflineAccessOfPushedRequest(t *testing.T) {
	p := &pushing{}
	p.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		form, _ := url.ParseQuery(string(body))
		if !slices.Contains(strings.Fields(form.Get("scope")), "offline_access") {
			return false
		}
		says(http.StatusBadRequest, `{"error":"invalid_scope","error_description":"offline_access is not allowed"}`)(w, r)
		return true
	}
	t.Run("", func(t *testing.T) {
		l := newPushedNetworkLab(t, p)
		_, h := l.client(l.store(""), nil)
		l.mustCall(h, "1")
		if len(p.pushed) != 1 || len(p.plain) != 0 || strings.Contains(p.pushed[0].Get("scope"), "offline_access") {
			t.Errorf("pushed %v, plain %v", p.pushed, p.plain)
		}
	})
}

// newPushedNetworkLab is a lab with the listener of programs.
func newPushedNetworkLab(t *testing.T, p *pushing) *lab {
	t.Helper()
	p.lifetime = time.Minute
	l := newNetworkLabBehind(t, nil, func(provider http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !p.before(w, r) {
				provider.ServeHTTP(w, r)
			}
		})
	})
	var c devidp.Config
	p.metadata(*l.res.issuer.Load())(&c)
	l.idp.SetFaults(c.Faults)
	l.here = true
	return l
}

// A provider that takes only pushed requests and has forgotten the client says so at the push:
// the client registers itself anew, as after a redirect.
func TestForgottenClientOfPushedRequest(t *testing.T) {
	p := &pushing{required: true}
	l := newPushedNetworkLab(t, p)
	s := l.store("")
	_, h := l.client(s, nil)
	l.mustCall(h, "1")
	cred := l.stored(s)
	first := cred.Registration.ClientID
	p.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if !strings.Contains(string(body), url.QueryEscape(first)) {
			return false
		}
		says(http.StatusUnauthorized, `{"error":"invalid_client"}`)(w, r)
		return true
	}
	cred.AccessToken, cred.RefreshToken = grant.Secret{}, grant.Secret{}
	l.save(s, cred)
	_, again := l.client(s, nil)
	l.mustCall(again, "2")
	if now := l.stored(s).Registration.ClientID; now == first || len(p.pushed) != 2 {
		t.Errorf("client %s after %s, %d pushed", now, first, len(p.pushed))
	}
}

// The issuer of the answer is compared as always (RFC 9207).
func TestIssuerOfPushedRequestIsCompared(t *testing.T) {
	p := &pushing{}
	t.Run("", pushLab(p, func(t *testing.T, b *lab) {
		b.careless = true
		var c devidp.Config
		p.metadata("http://" + bubbleProvider + "/oidc")(&c)
		c.Faults.RedirectParameters = map[string]string{"iss": "https://other.example"}
		b.idp.SetFaults(c.Faults)
		_, h := b.client(b.store(""), nil)
		if _, _, err := b.call(h, "1"); !errors.Is(err, grant.ErrOtherIssuer) || len(p.short) != 1 {
			t.Errorf("%v, %d short requests", err, len(p.short))
		}
	}))
}

// An address that a person opens elsewhere holds the whole request, as one that was
// pushed would soon be unknown; where the provider takes no other it says how soon.
func TestPushedRequestElsewhere(t *testing.T) {
	for _, required := range []bool{false, true} {
		p := &pushing{required: required}
		t.Run(strconv.FormatBool(required), pushLab(p, func(t *testing.T, b *lab) {
			b.here = false
			var shown oauth.Prompt
			_, h := b.client(b.store(""), func(c *oauth.Config) {
				c.Elsewhere = true
				show := c.ShowPrompt
				c.ShowPrompt = func(ctx context.Context, q oauth.Prompt) { shown = q; show(ctx, q) }
			})
			b.mustCall(h, "1")
			u, _ := url.Parse(shown.URL)
			want := map[bool]time.Duration{true: time.Minute}[required]
			if u.Query().Has("request_uri") != required || shown.Within != want {
				t.Errorf("%s for %s", shown.URL, shown.Within)
			}
		}))
	}
}

// A process that joins the sign-in of another one shows its person the address of the prompt.
// Where the provider takes only pushed requests that is the local one, which leads there.
func TestJoinedSignInWithPushedRequest(t *testing.T) {
	p := &pushing{required: true}
	t.Run("", pushLab(p, func(t *testing.T, b *lab) {
		b.here = false // what is opened is Prompt.URL
		_, h := b.client(b.store(""), nil)
		b.mustCall(h, "1")
		if len(p.pushed) != 1 || len(p.short) != 1 {
			t.Errorf("%d pushed, %d taken", len(p.pushed), len(p.short))
		}
	}))
}

// Metadata that wants pushed requests and names no place for them is not believed: nobody
// could sign in.
func TestRequiredPushWithoutEndpoint(t *testing.T) {
	inBubble(func(c *devidp.Config) {
		c.Faults.MetadataMembers = map[string]any{"pushed_authorization_request_endpoint": nil, "require_pushed_authorization_requests": true}
	}, func(t *testing.T, b *lab) {
		b.here = true
		_, h := b.client(b.store(""), nil)
		b.mustCall(h, "1")
	})(t)
}
