package mcpremote

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"mcp-login/internal/oauth"
)

// The hashes were made by mcp-remote's own function.
func TestHash(t *testing.T) {
	const server = "https://example.com/mcp"
	for want, r := range map[string]Identity{
		"8724945d3c4865fe12d6890203193588": {Server: server},
		"6b2dc2acf96330bd28ca9b858bf4090a": {Server: server, Resource: "https://example.com/"},
		"665f84bd9f84149c9b5588d74a8df0f5": {Server: server, Headers: map[string]string{"X-B": "<b> & \"q\" ü \u2028", "Authorization": "Bearer ${TOKEN}"}},
	} {
		if got := r.Hash(); got != want {
			t.Errorf("%+v: %s, want %s", r, got, want)
		}
	}
	args := []string{"-y", "mcp-remote", server, "--header", "X-B: <b> & \"q\" ü \u2028", "--header", "Authorization:Bearer ${TOKEN}"}
	if all := Identities(args); len(all) != 2 || all[0].Hash() != "665f84bd9f84149c9b5588d74a8df0f5" || all[1].Hash() != "8724945d3c4865fe12d6890203193588" {
		t.Errorf("%+v", all)
	}
}

// A resource covers the server if it is its address, or a path above it.
func TestCovers(t *testing.T) {
	server, err := url.Parse("https://a.example/x/mcp")
	if err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[string]bool{
		"https://a.example/x/mcp": true, "https://a.example/x": true, "https://a.example": true, "https://a.example/": true, "https://a.example/x/mcp/": true,
		"https://a.example/x/mc": false, "https://b.example/x/mcp": false, "http://a.example/x/mcp": false, "": false, "api://x": false,
	} {
		if covers(resource, server) != want {
			t.Errorf("%s: %v", resource, !want)
		}
	}
}

// Whatever stands in mcp-remote's files, a credential of them is bound to one issuer.
func FuzzLogin(f *testing.F) {
	f.Add([]byte(`{"client_id":"c","redirect_uris":["x"],"client_secret_expires_at":1e99}`), []byte(`{"access_token":"a.e30.c","id_token":"a.eyJzdWIiOiJ4In0.c","expires_at":1e300}`))
	f.Fuzz(func(t *testing.T, client, tokens []byte) {
		dir := t.TempDir()
		l := &Login{folder: dir, hash: strings.Repeat("0", 32)}
		for name, b := range map[string][]byte{"_client_info.json": client, "_tokens.json": tokens} {
			if err := os.WriteFile(l.Prefix()+name, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if l.read() != nil {
			return
		}
		l.Identify(nil)
		cred, err := l.stored(oauth.Key{Server: "https://a.example/mcp"})
		if err == nil && (cred.Issuer == "" || cred.Registration.ClientID == "" || cred.Registration.Issuer != cred.Issuer) {
			t.Errorf("%+v", cred)
		}
	})
}
