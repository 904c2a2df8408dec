package oauth

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Clients, their secrets and keys belong to the pair of what the metadata calls
// itself and where it was found: a stranger's document with a known name gets
// nothing that is of the name's owner, and the other way round.
func TestClientsBelongToIssuerAndPlaceOfItsMetadata(t *testing.T) {
	own := discovery.ServerMetadata{Issuer: "https://login.example.com", TokenEndpoint: "https://login.example.com/token"}
	stranger := discovery.ServerMetadata{Issuer: "https://login.example.com", FoundAt: "https://evil.example.net", TokenEndpoint: "https://evil.example.net/token"}
	elsewhere := stranger
	elsewhere.FoundAt = "https://evil.example.net/b"
	server := &url.URL{Scheme: "https", Host: "mcp.example.com", Path: "/mcp"}
	for _, tc := range []struct{ had, now discovery.ServerMetadata }{{own, stranger}, {stranger, own}, {stranger, elsewhere}} {
		dynamic := grant.Registration{Issuer: tc.had.Issuer, FoundAt: tc.had.FoundAt, ClientID: "app", ClientSecret: grant.NewSecret("s3cret"), Dynamic: true, AuthMethod: "client_secret_post"}
		if dynamic.UsableAt(tc.now.Provider(), "", time.Now()) {
			t.Errorf("%v: a registration is used at %v", tc.had.Provider(), tc.now.Provider())
		}
		given := dynamic
		given.Dynamic = false
		c := New(Config{Server: server, HTTP: http.DefaultClient, Identity: grant.Identity{ClientID: "app"}})
		if reg, err := c.givenClient(&tc.now, given, ""); err == nil || !reg.ClientSecret.IsZero() {
			t.Errorf("%v: a client is used at %v", tc.had.Provider(), tc.now.Provider())
		}
		if (&Credential{Issuer: tc.had.Issuer, FoundAt: tc.had.FoundAt}).Provider().Same(tc.now.Provider()) {
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
	pushed, aliased := near, near
	pushed.PushedEndpoint = "https://evil.example.net/request"
	aliased.Aliases = map[string]string{"token_endpoint": "https://evil.example.net/token"}
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
		"another push endpoint":       {pushed, "", false},
		"another alias":               {aliased, "", false},
		"found elsewhere":             {away, "", false},
		"the name is named":           {away, "https://slack.example", false},
		"where it was found":          {away, "https://evil.example.net", true},
		"where it was found, far":     {far, "https://mcp.slack.example", true},
		"a document of the name":      {away, "https://slack.example/.well-known/openid-configuration", false},
		"the name, token far away":    {far, "https://slack.example", false},
	} {
		c := New(Config{Server: server, HTTP: http.DefaultClient, IssuerChoice: discovery.IssuerChoice{Named: tc.named, Accepted: near.Issuer}})
		if err := c.maySendSecret(&tc.meta); (err == nil) != tc.want {
			t.Errorf("%s: %v", name, err)
		}
		c.Close()
	}
}

// The first contact of a client secret: who is of the server's own site, and who
// only looks like it.
func TestSecretGoesToNobodyUnknown(t *testing.T) {
	for _, tc := range []struct {
		server, issuer, pinned string
		want                   bool
	}{
		{"https://mcp.a.example/mcp", "https://login.a.example", "", true},
		{"https://mcp.a.example/mcp", "https://A.EXAMPLE.:8443/x", "", true},
		{"https://mcp.a.example/mcp", "https://mcp.a.example.evil.example", "", false},
		{"https://mcp.a.example/mcp", "https://a.example.evil.example/a.example", "", false},
		{"https://mcp.a.example/mcp", "https://eviла.example", "", false},
		{"https://mcp.a.example/mcp", "https://evila.example", "", false},
		{"https://mcp.a.example/mcp", "https://a.example@evil.example", "", false},
		{"https://mcp.a.example/mcp", "https://example", "", false},
		{"https://a.github.io/mcp", "https://b.github.io", "", false},
		{"https://a.vercel.app/mcp", "https://b.vercel.app", "", false},
		{"https://a.co.uk/mcp", "https://b.co.uk", "", false},
		{"https://10.0.0.1/mcp", "https://10.0.0.2", "", false},
		{"https://10.0.0.1/mcp", "https://10.0.0.1:9", "", true},
		{"https://intranet/mcp", "https://login.intranet", "", false},
		{"https://mcp.a.example/mcp", "https://p.example/x", "https://p.example/x", true},
		// The pin is compared character for character.
		{"https://mcp.a.example/mcp", "https://p.example/x/", "https://p.example/x", false},
		{"https://mcp.a.example/mcp", "https://P.example/x", "https://p.example/x", false},
		{"https://mcp.a.example/mcp", "https://p.example/y", "https://p.example/x", false},
		{"https://mcp.a.example/mcp", "%", "", false},
		{"https://mcp.a.example/mcp", "https://127.0.0.1.evil.example", "", false},
		{"https://mcp.a.example/mcp", "https://localhost.evil.example", "", false},
	} {
		server, err := url.Parse(tc.server)
		if err != nil {
			t.Fatal(err)
		}
		c := New(Config{Server: server, HTTP: http.DefaultClient, IssuerChoice: discovery.IssuerChoice{Named: tc.pinned}})
		var refused *grant.Error
		if err := c.maySendSecret(&discovery.ServerMetadata{Issuer: tc.issuer}); (err == nil) != tc.want {
			t.Errorf("%+v: %v", tc, err)
		} else if err != nil && (strings.Contains(err.Error(), "\n") || !errors.As(err, &refused) || !strings.Contains(refused.Hint, "--issuer")) {
			t.Errorf("%+v: %v", tc, err)
		}
		c.Close()
	}
}
