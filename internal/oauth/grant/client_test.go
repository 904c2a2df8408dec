package grant

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// A redirect of whatever code is followed nowhere: neither a code nor a secret, a
// token or a device code is posted to where an endpoint points.
func TestRedirectsOfFormsAreNotFollowed(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s %s was sent on", r.Method, r.URL) }))
	defer other.Close()
	for _, status := range []int{300, 301, 302, 303, 305, 307, 308, 399} {
		for _, to := range []string{other.URL, "//" + strings.TrimPrefix(other.URL, "http://"), other.URL + "/?x=\r\n"} {
			first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", to)
				w.Header().Set("Refresh", "0; url="+to)
				w.Header().Set("Content-Location", to)
				w.WriteHeader(status)
			}))
			server := &url.URL{Scheme: "http", Host: strings.TrimPrefix(first.URL, "http://"), Path: "/mcp"}
			guard := discovery.NewGuard(server, nil, nil)
			c := &Client{HTTP: guard.HTTPClient(), Guard: guard, Log: slog.New(slog.DiscardHandler), Name: "x"}
			reg := Registration{Issuer: first.URL, ClientID: "c", ClientSecret: NewSecret("s"), AuthMethod: authPost, ManageURI: first.URL + "/m", ManageToken: NewSecret("m")}
			meta := &discovery.ServerMetadata{Issuer: first.URL, TokenEndpoint: first.URL + "/token", RevocationEndpoint: first.URL + "/revoke", RegistrationEndpoint: first.URL + "/register", DeviceEndpoint: first.URL + "/device"}
			target := &Target{Server: *meta, Registration: reg}
			_, refreshed := c.Refresh(t.Context(), target, NewSecret("r"))
			_, registered := c.Register(t.Context(), meta, "http://127.0.0.1/callback", "")
			_, device := c.AuthorizeDevice(t.Context(), target)
			_, exchanged := c.Exchange(t.Context(), target, "code", "verifier")
			_, revoked := c.Revoke(t.Context(), target, NewSecret("a"), "access_token")
			for what, err := range map[string]error{"refresh": refreshed, "register": registered, "device": device, "exchange": exchanged, "revoke": revoked, "unregister": c.Unregister(t.Context(), reg)} {
				if err == nil || strings.ContainsAny(err.Error(), "\r\n") && what != "refresh" {
					t.Errorf("%d, %s: %v", status, what, err)
				}
			}
			c.HTTP.CloseIdleConnections()
			first.Close()
		}
	}
}

// What can be sent once only goes over a connection that nobody has used before.
func TestFormsHaveConnectionsOfTheirOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if seen[r.RemoteAddr] {
			t.Errorf("the connection of %s is used again", r.RemoteAddr)
		}
		seen[r.RemoteAddr] = true
		_, _ = io.WriteString(w, `{"access_token":"a","token_type":"Bearer"}`)
	}))
	defer srv.Close()
	server, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{HTTP: discovery.NewGuard(server, nil, nil).HTTPClient()}
	defer c.HTTP.CloseIdleConnections()
	for range 3 {
		if _, err := c.postForm(t.Context(), srv.URL, &Target{}, url.Values{"code": {"c"}}); err != nil {
			t.Fatal(err)
		}
	}
}

// A secret is withheld from quotations as long as it is in use, and no longer: a process
// that refreshes for months keeps none of the tokens that have ended.
func TestSecretIsWithheldWhileInUse(t *testing.T) {
	const value = "withheld-while-in-use"
	s := NewSecret(value)
	if got := foreign.Quote("you sent " + value); got != "you sent [redacted]" {
		t.Error(got)
	}
	runtime.KeepAlive(s.value)
	for range 1000 {
		runtime.GC()
		if foreign.Quote("you sent "+value) == "you sent "+value {
			return
		}
		runtime.Gosched()
	}
	t.Error("it is withheld for ever")
}

// An assertion goes with the client's own authentication, scopes and resource (RFC 7523,
// section 2.1); it is in no error, and a refresh token is not kept.
func TestJWTBearer(t *testing.T) {
	t.Parallel()
	refuse := false
	var form url.Values
	var user string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		form = r.PostForm
		user, _, _ = r.BasicAuth()
		if refuse {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"invalid_grant","error_description":"bad `+form.Get("assertion")+`"}`)
			return
		}
		_, _ = io.WriteString(w, `{"access_token":"a","token_type":"Bearer","refresh_token":"r"}`)
	}))
	defer srv.Close()
	server, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &Client{HTTP: discovery.NewGuard(server, nil, nil).HTTPClient(), Log: slog.New(slog.DiscardHandler)}
	defer c.HTTP.CloseIdleConnections()
	for method, want := range map[string]string{authNone: "", authBasic: "c"} {
		target := &Target{
			Server:       discovery.ServerMetadata{Issuer: srv.URL, TokenEndpoint: srv.URL},
			Registration: Registration{Issuer: srv.URL, ClientID: "c", ClientSecret: NewSecret("s"), AuthMethod: method},
			Resource:     "https://mcp.example/", Scopes: []string{"x", "y"},
		}
		refuse = false
		token, err := c.JWTBearer(t.Context(), target, NewSecret("an.assertion.of-the-platform"))
		if err != nil || token.AccessToken.Reveal() != "a" || !token.RefreshToken.IsZero() {
			t.Error(token, err)
		}
		if form.Get("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || form.Get("assertion") != "an.assertion.of-the-platform" ||
			form.Get("scope") != "x y" || form.Get("resource") != "https://mcp.example/" || user != want || (form.Get("client_id") == "c") != (want == "") {
			t.Error(user, form)
		}
		refuse = true
		var refused *Error
		if _, err = c.JWTBearer(t.Context(), target, NewSecret("an.assertion.of-the-platform")); !errors.As(err, &refused) || refused.Code != "invalid_grant" || strings.Contains(err.Error(), "an.assertion.of-the-platform") {
			t.Error(err)
		}
	}
}
