package workload

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcp-login/internal/hint"
)

// The metadata server gets what it wants, and its answer counts only if it is the one of Google
// Cloud: neither a redirect nor another server is followed or believed.
func TestGoogle(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent on", r.URL) }))
	defer other.Close()
	for name, answer := range map[string]func(w http.ResponseWriter){
		"good": func(w http.ResponseWriter) {
			w.Header().Set("Metadata-Flavor", "Google")
			_, _ = io.WriteString(w, "a.b.c\n")
		},
		"another": func(w http.ResponseWriter) { _, _ = io.WriteString(w, "a.b.c") },
		"refused": func(w http.ResponseWriter) {
			w.Header().Set("Metadata-Flavor", "Google")
			w.WriteHeader(http.StatusForbidden)
		},
		"redirects": func(w http.ResponseWriter) { w.Header().Set("Location", other.URL); w.WriteHeader(http.StatusFound) },
		"endless": func(w http.ResponseWriter) {
			w.Header().Set("Metadata-Flavor", "Google")
			_, _ = w.Write(make([]byte, 2*maxToken))
		},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Metadata-Flavor") != "Google" || r.URL.Path != "/computeMetadata/v1/instance/service-accounts/default/identity" || r.FormValue("audience") != "https://id.example/?a=b&c" {
				t.Error(r.URL, r.Header)
			}
			answer(w)
		}))
		token, err := googleToken(t.Context(), srv.URL, "https://id.example/?a=b&c")
		if (err == nil) != (name == "good") || err == nil && strings.TrimSpace(token) != "a.b.c" || name == "refused" && hint.Of(err) == "" {
			t.Errorf("%s: %q %v", name, token, err)
		}
		srv.Close()
	}
}

// The service that GitHub names to a job is asked with the job's own token, which goes nowhere
// else; its address is https, or on this machine.
func TestGitHub(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("%s was sent on", r.URL) }))
	defer other.Close()
	for name, answer := range map[string]func(w http.ResponseWriter){
		"good":      func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"count":1,"value":"a.b.c"}`) },
		"no object": func(w http.ResponseWriter) { _, _ = io.WriteString(w, `"a.b.c"`) },
		"refused":   func(w http.ResponseWriter) { http.Error(w, "t0ken", http.StatusUnauthorized) },
		"redirects": func(w http.ResponseWriter) {
			w.Header().Set("Location", other.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
		},
	} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer t0ken" || r.FormValue("audience") != "https://id.example" || r.FormValue("api-version") != "2.0" {
				t.Error(r.URL, r.Header)
			}
			answer(w)
		}))
		s, err := Parse("github", environment(map[string]string{githubURL: srv.URL + "/token?api-version=2.0", githubBearer: "t0ken"}))
		if err != nil {
			t.Fatal(err)
		}
		token, err := s.Token(t.Context(), "https://id.example")
		if (err == nil) != (name == "good") || err == nil && token.Reveal() != "a.b.c" || err != nil && strings.Contains(err.Error(), "t0ken") {
			t.Errorf("%s: %q %v", name, token.Reveal(), err)
		}
		srv.Close()
	}
	for _, variables := range []map[string]string{
		nil, {githubURL: "https://127.0.0.1:1/"}, {githubBearer: "t"}, {githubURL: "http://192.0.2.1/", githubBearer: "t"}, {githubURL: "ftp://127.0.0.1/", githubBearer: "t"}, {githubURL: "::", githubBearer: "t"},
	} {
		_, err := githubToken(t.Context(), func(name string) string { return variables[name] }, "a")
		if err == nil || len(variables) < 2 && hint.Of(err) == "" {
			t.Error(variables, err)
		}
	}
}
