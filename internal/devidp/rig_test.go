package devidp_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/devidp"
	"mcp-login/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

const (
	resource = "http://localhost:8080/mcp" // as in the measurements of Logto
	callback = "http://127.0.0.1:49152/callback"
	verifier = "a-verifier-of-at-least-forty-three-characters"
)

// rig is a provider with one client of each kind, and somebody who asks it.
type rig struct {
	t    *testing.T
	idp  *devidp.Provider
	http *http.Client // follows no redirects
}

func config(change func(*devidp.Config)) devidp.Config {
	cfg := devidp.Config{
		Clients: []devidp.Client{
			{ID: "native", RedirectURIs: []string{"http://127.0.0.1/callback", "http://localhost/callback", "http://127.0.0.1:3334/oauth/callback", "io.example.app://callback"}},
			{ID: "other", RedirectURIs: []string{"http://127.0.0.1/callback"}},
			{ID: "spa", ApplicationType: "web", RedirectURIs: []string{callback}},
			{ID: "web", ApplicationType: "web", Secret: "s3cret&", RedirectURIs: []string{callback}},
			{ID: "device", DeviceFlow: true},
		},
		Resources: []devidp.Resource{{Indicator: resource, Scopes: []string{"mcp:read", "mcp:write"}}, {Indicator: "http://localhost:8080/other"}},
	}
	if change != nil {
		change(&cfg)
	}
	return cfg
}

// start runs a provider on loopback.
func start(t *testing.T, change func(*devidp.Config)) *rig {
	t.Helper()
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", config(change))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := idp.Close(); err != nil {
			t.Error(err)
		}
	})
	return newRig(t, idp.Provider, &http.Transport{DisableKeepAlives: true})
}

// direct calls the handler without a network, so that time can be false.
type direct struct{ handler http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.handler.ServeHTTP(w, r)
	resp := w.Result()
	resp.Request = r
	return resp, nil
}

// inBubble makes a rig for testing/synctest.
func inBubble(t *testing.T, change func(*devidp.Config)) *rig {
	t.Helper()
	idp, err := devidp.New("http://127.0.0.1:3002/oidc", config(change))
	if err != nil {
		t.Fatal(err)
	}
	return newRig(t, idp, direct{idp})
}

func newRig(t *testing.T, idp *devidp.Provider, transport http.RoundTripper) *rig {
	return &rig{t: t, idp: idp, http: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is a response that was read.
type answer struct {
	t      *testing.T
	status int
	header http.Header
	body   string
}

func (r *rig) do(req *http.Request) answer {
	r.t.Helper()
	resp, err := r.http.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{r.t, resp.StatusCode, resp.Header, string(body)}
}

func (r *rig) request(method, address, body string) *http.Request {
	r.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.t.Context()), method, address, strings.NewReader(body))
	if err != nil {
		r.t.Fatal(err)
	}
	return req
}

// host is the root of the provider's host.
func (r *rig) host() string { return strings.TrimSuffix(r.idp.Issuer(), "/oidc") }

func (r *rig) get(address string) answer {
	r.t.Helper()
	return r.do(r.request(http.MethodGet, address, ""))
}

func (r *rig) form(address string, form url.Values) *http.Request {
	r.t.Helper()
	req := r.request(http.MethodPost, address, form.Encode())
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return req
}

func (r *rig) post(address string, form url.Values, headers ...string) answer {
	r.t.Helper()
	req := r.form(address, form)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return r.do(req)
}

// members reads a JSON answer.
func (a answer) members() map[string]any {
	a.t.Helper()
	m := map[string]any{}
	if err := json.Unmarshal([]byte(a.body), &m); err != nil {
		a.t.Fatalf("status %d, not JSON: %v", a.status, err)
	}
	return m
}

func (a answer) text(name string) string {
	a.t.Helper()
	s, _ := a.members()[name].(string)
	return s
}

// wantError checks an error answer in the form of Logto.
func (a answer) wantError(status int, code string) {
	a.t.Helper()
	m := a.members()
	if a.status != status || m["error"] != code {
		a.t.Errorf("status %d, error %v; want %d, %s", a.status, m["error"], status, code)
	}
	if m["code"] != "oidc."+code || m["message"] != m["error_description"] {
		a.t.Errorf("members code %v and message %v of Logto are wrong", m["code"], m["message"])
	}
}

// location is the redirect of the answer.
func (a answer) location() *url.URL {
	a.t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || a.header.Get("Location") == "" {
		a.t.Fatalf("status %d, want a redirect with 303: %.200s", a.status, a.body)
	}
	return u
}

// params is an authorization request of the native client, changed by pairs of
// name and value; an empty value leaves the parameter out.
func params(pairs ...string) url.Values {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"client_id": {"native"}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid profile"}, "state": {"st&te"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	return with(q, pairs...)
}

func with(q url.Values, pairs ...string) url.Values {
	q = maps.Clone(q)
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return q
}

func (r *rig) authorize(q url.Values) answer {
	r.t.Helper()
	return r.get(r.idp.Issuer() + "/auth?" + q.Encode())
}

// signIn goes through the login page and returns what the client gets.
func (r *rig) signIn(q url.Values, username string) url.Values {
	r.t.Helper()
	page := r.authorize(q).location()
	if page.Path != "/sign-in" {
		r.t.Fatalf("no login page but %s", page.Query().Get("error"))
	}
	if a := r.get(r.host() + page.String()); a.status != http.StatusOK {
		r.t.Fatalf("login page: status %d", a.status)
	}
	return r.post(r.host()+"/sign-in", url.Values{"interaction": {page.Query().Get("interaction")}, "user": {username}}).location().Query()
}

// code signs alice in.
func (r *rig) code(pairs ...string) string {
	r.t.Helper()
	q := r.signIn(params(pairs...), "alice")
	if len(q.Get("code")) != 43 {
		r.t.Fatalf("no code of 43 characters: error %q", q.Get("error"))
	}
	return q.Get("code")
}

// token sends a token request of the native client.
func (r *rig) token(pairs ...string) answer {
	r.t.Helper()
	return r.post(r.idp.Issuer()+"/token", with(url.Values{"client_id": {"native"}}, pairs...))
}

// tokenAs sends a token request of a client that says who it is in the header, in the
// form where user is empty.
func (r *rig) tokenAs(form url.Values, user, password string) answer {
	r.t.Helper()
	req := r.form(r.idp.Issuer()+"/token", form)
	if user != "" {
		req.SetBasicAuth(url.QueryEscape(user), url.QueryEscape(password))
	}
	return r.do(req)
}

func (r *rig) metadata() map[string]any {
	r.t.Helper()
	return r.get(r.idp.Issuer() + "/.well-known/openid-configuration").members()
}

// exchange sends the code with everything in order but for pairs.
func (r *rig) exchange(code string, pairs ...string) answer {
	r.t.Helper()
	return r.token(append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", callback, "code_verifier", verifier}, pairs...)...)
}

func (r *rig) refresh(token string, pairs ...string) answer {
	r.t.Helper()
	return r.token(append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
}

// login is a whole login whose answer holds a refresh token.
func (r *rig) login(pairs ...string) answer {
	r.t.Helper()
	a := r.exchange(r.code(append([]string{"scope", "openid profile offline_access", "prompt", "consent"}, pairs...)...))
	if a.status != http.StatusOK || len(a.text("refresh_token")) != 43 {
		r.t.Fatalf("status %d, error %q, refresh token of %d characters", a.status, a.text("error"), len(a.text("refresh_token")))
	}
	return a
}

func (r *rig) userinfo(token string) answer {
	r.t.Helper()
	req := r.request(http.MethodGet, r.idp.Issuer()+"/me", "")
	req.Header.Set("Authorization", "Bearer "+token)
	return r.do(req)
}
