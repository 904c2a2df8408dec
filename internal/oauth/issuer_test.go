package oauth

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"mcp-login/internal/oauth/discovery"
)

// Clients, their secrets and keys belong to the pair of what the metadata calls
// itself and where it was found: a stranger's document with a known name gets
// nothing that is of the name's owner, and the other way round.
func TestClientsBelongToThePair(t *testing.T) {
	own := discovery.ServerMetadata{Issuer: "https://login.example.com", TokenEndpoint: "https://login.example.com/token"}
	stranger := discovery.ServerMetadata{Issuer: "https://login.example.com", FoundAt: "https://evil.example.net", TokenEndpoint: "https://evil.example.net/token"}
	elsewhere := stranger
	elsewhere.FoundAt = "https://evil.example.net/b"
	server := &url.URL{Scheme: "https", Host: "mcp.example.com", Path: "/mcp"}
	for _, tc := range []struct{ had, now discovery.ServerMetadata }{{own, stranger}, {stranger, own}, {stranger, elsewhere}} {
		dynamic := Registration{Issuer: tc.had.Issuer, FoundAt: tc.had.FoundAt, ClientID: "app", ClientSecret: NewSecret("s3cret"), Dynamic: true, AuthMethod: authPost}
		if dynamic.usableAt(tc.now.Provider(), "", time.Now()) {
			t.Errorf("%v: a registration is used at %v", tc.had.Provider(), tc.now.Provider())
		}
		given := dynamic
		given.Dynamic = false
		c := New(Config{Server: server, HTTP: http.DefaultClient, Identity: Identity{ClientID: "app"}})
		if reg, err := c.givenClient(tc.now, given, ""); err == nil || !reg.ClientSecret.IsZero() {
			t.Errorf("%v: a client is used at %v", tc.had.Provider(), tc.now.Provider())
		}
		if (Credential{Issuer: tc.had.Issuer, FoundAt: tc.had.FoundAt}).Provider().Same(tc.now.Provider()) {
			t.Errorf("%v: tokens are of %v", tc.had.Provider(), tc.now.Provider())
		}
		c.Close()
	}
}

// A name that was accepted names nobody: the secret goes by who is near, or by the
// provider that the person has named. An assertion for it is good nowhere else.
func TestSecretsAtAnAcceptedName(t *testing.T) {
	server := &url.URL{Scheme: "https", Host: "mcp.slack.example", Path: "/mcp"}
	near := discovery.ServerMetadata{Issuer: "https://slack.example", FoundAt: "https://mcp.slack.example", TokenEndpoint: "https://slack.example/token"}
	far := near
	far.TokenEndpoint = "https://evil.example.net/token"
	revoked, byDevice := near, near
	revoked.RevocationEndpoint, byDevice.DeviceEndpoint = "https://evil.example.net/revoke", "https://evil.example.net/device"
	away := near
	away.FoundAt = "https://evil.example.net"
	for name, tc := range map[string]struct {
		meta  discovery.ServerMetadata
		named string
		want  bool
	}{
		"all near":                    {near, "", true},
		"another token endpoint":      {far, "", false},
		"another revocation endpoint": {revoked, "", false},
		"another device endpoint":     {byDevice, "", false},
		"found elsewhere":             {away, "", false},
		"the name is named":           {away, "https://slack.example", false},
		"where it was found":          {away, "https://evil.example.net", true},
		"where it was found, far":     {far, "https://mcp.slack.example", true},
		"a document of the name":      {away, "https://slack.example/.well-known/openid-configuration", false},
		"the name, token far away":    {far, "https://slack.example", false},
	} {
		c := New(Config{Server: server, HTTP: http.DefaultClient, IssuerChoice: discovery.IssuerChoice{Named: tc.named, Accepted: near.Issuer}})
		if err := c.maySendSecret(tc.meta); (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}
