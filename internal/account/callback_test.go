package account

import (
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/loopback"
)

// --redirect-uri: https as it is, http on this machine for the listener, and
// nothing else.
func TestRedirectURIsThatCanBeAwaited(t *testing.T) {
	for uri, want := range map[string]string{
		"https://app.example/cb?x=1": "https://app.example/cb?x=1", "HTTPS://app.example/cb": "HTTPS://app.example/cb", "https://localhost/cb": "https://localhost/cb",
		"http://localhost/cb": "http://localhost:PORT/cb", "http://127.0.0.1/a/b": "http://127.0.0.1:PORT/a/b",
	} {
		where, err := CallbackOf(oauth.Choices{RedirectURI: uri}, "")
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		redirect, err := where.Listen(t.Context(), loopback.Options{})
		if err != nil {
			t.Fatal(err)
		}
		here, _ := url.Parse(redirect.Here())
		if got := strings.Replace(redirect.URI(), ":"+here.Port(), ":PORT", 1); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
		_ = redirect.Close()
	}
	for _, bad := range []string{
		"http://app.example/cb", "http://10.0.0.1/cb", "app:/cb", "javascript:alert(1)", "https://u:p@app.example/cb", "https://app.example/cb#x", "https://app.example/#", "https://", "/cb",
		"http://localhost/cb?x=1", "http://localhost", "https://app.example/a b", "https://app.example/\x1b[2J", "https://app.example/$(x)",
	} {
		if _, err := CallbackOf(oauth.Choices{RedirectURI: bad}, ""); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}
