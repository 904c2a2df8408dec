package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

func parsed(t *testing.T, env map[string]string, args ...string) (*options, []error) {
	t.Helper()
	var o options
	if err := o.read("whoami-server", args, func(k string) string { return env[k] }); err != nil {
		t.Fatal(err)
	}
	return &o, o.parse()
}

// The options about tokens become the configuration, with 0 meaning none.
func TestVerificationOptions(t *testing.T) {
	secret := write(t, "s3cret\n")
	o, m := parsed(t, nil, "--issuer", "https://a.example https://b.example", "--resource", "https://h.example/a/mcp https://h.example/b/mcp",
		"--cache-ttl", "0", "--outage-grace", "0", "--leeway", "0", "--algorithm", "ES384,RS256", "--client", "one two",
		"--introspection-client", "me", "--introspection-secret-file", secret, "--introspection-audience-optional",
		"--scope", "openid", "--whoami-scope", "w:read", "--details-scope", "w:details w:more")
	if len(m) != 0 {
		t.Fatal(m)
	}
	c := o.config
	if c.Issuer != "https://a.example" || !slices.Equal(c.OtherIssuers, []string{"https://b.example"}) || c.CacheTTL >= 0 ||
		c.OutageGrace >= 0 || c.Leeway != time.Nanosecond || !slices.Equal(c.Algorithms, []string{"ES384", "RS256"}) ||
		!slices.Equal(c.Clients, []string{"one", "two"}) || !slices.Equal(c.Scopes, []string{"openid", "w:read"}) ||
		!slices.Equal(c.ToolScopes["whoami_details"], []string{"w:details", "w:more"}) || !slices.Equal(c.ToolScopes["whoami"], []string{"w:read"}) {
		t.Errorf("%+v", c)
	}
	if i := c.Introspection; i == nil || i.ClientID != "me" || i.ClientSecret != "s3cret" || !i.AudienceOptional {
		t.Errorf("%+v", i)
	}
	if all := o.configs(c); len(all) != 2 || all[1].Resource.String() != "https://h.example/b/mcp" || all[1].Issuer != c.Issuer {
		t.Errorf("%+v", all)
	}
	o, m = parsed(t, map[string]string{secretVariable: "x", "WHOAMI_CACHE_TTL": "2m"}, "--issuer", "https://a.example", "--introspection-client", "me")
	c = o.config
	if len(m) != 0 || c.CacheTTL != 2*time.Minute || c.Leeway != 30*time.Second || c.OutageGrace != 5*time.Minute ||
		c.Introspection.ClientSecret != "x" || c.Introspection.AudienceOptional || len(c.OtherIssuers)+len(c.ToolScopes)+len(c.Clients)+len(c.Algorithms) != 0 {
		t.Errorf("%+v, %v", c, m)
	}
}

// Mistakes in them are reported together, and no secret is in a report.
func TestVerificationMistakes(t *testing.T) {
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"--issuer", "https://a.example https://a.example", "--cache-ttl", "soon", "--outage-grace", "-1s", "--leeway", "1h",
		"--algorithm", "HS256", "--introspection-secret-file", "/does/not/exist", "--introspection-audience-optional=perhaps",
		"--resource", "https://h.example/mcp http://h.example/b/mcp",
	}, noEnv, &stdout, &stderr)
	if code != exitUsage {
		t.Errorf("exit %d", code)
	}
	for _, want := range []string{
		"error: cache-ttl:", "error: outage-grace:", "leeway 1h0m0s", `algorithm "HS256"`,
		"error: introspection-secret-file: open", "error: introspection: client id", "introspection-audience-optional:",
		"issuer https://a.example: given twice", "error: resource http://h.example/b/mcp",
	} {
		if !strings.Contains(stderr.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, stderr.String())
		}
	}
}

// Mistakes about the credentials for introspection: a key that is none, a public one, a
// second way to sign in, an id alone, a file that cannot be read. Each is reported once, and
// no secret is in a report.
func TestIntrospectionMistakes(t *testing.T) {
	_, file := privateKey(t)
	public := write(t, `{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`)
	for name, tt := range map[string]struct {
		secret string
		args   []string
		want   string
	}{
		"no key":      {"", []string{"--introspection-client", "c", "--introspection-key-file", write(t, "s3cret")}, "introspection-key-file: no private key"},
		"public key":  {"", []string{"--introspection-client", "c", "--introspection-key-file", public}, "introspection-key-file: no private key"},
		"no file":     {"", []string{"--introspection-client", "c", "--introspection-key-file", "/does/not/exist"}, "introspection-key-file: open"},
		"two ways":    {"s3cret", []string{"--introspection-client", "c", "--introspection-secret-file", write(t, "s3cret")}, secretVariable + " is set too"},
		"a key too":   {"s3cret", []string{"--introspection-client", "c", "--introspection-key-file", write(t, file)}, "there is a secret too"},
		"empty file":  {"", []string{"--introspection-client", "c", "--introspection-secret-file", write(t, "\n")}, "is empty"},
		"no secret":   {"", []string{"--introspection-client", "c", "--introspection-secret-file", "/does/not/exist"}, "introspection-secret-file: open"},
		"id alone":    {"", []string{"--introspection-client", "c"}, "client id and secret or key"},
		"secret only": {"s3cret", nil, "client id and secret or key"},
	} {
		_, mistakes := parsed(t, map[string]string{secretVariable: tt.secret}, append(tt.args, "--issuer", "https://a.example")...)
		said := errors.Join(mistakes...)
		if len(mistakes) != 1 || !strings.Contains(said.Error(), tt.want) || strings.Contains(said.Error(), "s3cret") {
			t.Errorf("%s: %v", name, said)
		}
	}
}

// Keys as openssl writes them and as a JWK become the configuration, the JWK's with its kid.
func TestIntrospectionKeys(t *testing.T) {
	key, block := privateKey(t)
	// openssl ecparam -genkey begins its file with it.
	const parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
	jwk := fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":"k1","x":%q,"d":%q}`,
		base64.RawURLEncoding.EncodeToString(key.Public().(ed25519.PublicKey)), base64.RawURLEncoding.EncodeToString(key.Seed()))
	for _, tt := range []struct{ file, id string }{{block, ""}, {jwk, "k1"}, {parameters + block, ""}} {
		o, mistakes := parsed(t, nil, "--issuer", "https://a.example", "--introspection-client", "c", "--introspection-key-file", write(t, tt.file))
		if len(mistakes) != 0 {
			t.Fatal(mistakes)
		}
		if i := o.config.Introspection; !key.Equal(i.Key) || i.KeyID != tt.id || i.ClientSecret != "" {
			t.Errorf("%q: %+v", tt.id, i)
		}
	}
}

// privateKey is a key, and as a file of openssl.
func privateKey(t *testing.T) (ed25519.PrivateKey, string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// With a key of devidp's client the server signs in there without a secret; with another key
// there is no verdict, and the log says that the credentials are refused.
func TestIntrospectionByKey(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, other, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Clients: []devidp.Client{{ID: "app", Keys: []devidp.Key{{Public: public}}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	token, err := idp.IssueToken(devidp.TokenRequest{ClientID: "app", Scopes: []string{"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	for want, key := range map[int]ed25519.PrivateKey{200: private, 503: other} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		file := write(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
		p := start(t, "--issuer", idp.Issuer(), "--listen", "127.0.0.1:0", "--introspection-client", "app", "--introspection-key-file", file, "--introspection-audience-optional")
		if got := callTool(t, p.resource, token, "whoami"); got != want {
			t.Errorf("%d, want %d", got, want)
		}
		if code := p.stop(); code != exitOK {
			t.Errorf("exit %d", code)
		}
		if said := p.stderr.String(); (want == 503) != strings.Contains(said, "refuses this server's own credentials") {
			t.Errorf("%d: the log is %s", want, said)
		}
	}
}

// Two resources by flags: each has its own tokens. Two that cannot be told apart
// do not start.
func TestTwoResources(t *testing.T) {
	address := real.FreeAddress(t)
	base := "http://" + address
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	p := start(t, "--issuer", idp.Issuer(), "--listen", address, "--resource", base+"/a/mcp "+base+"/b/mcp", "--details-scope", "more")
	ask := func(path, resource, scope, tool string) int {
		t.Helper()
		token, err := idp.IssueToken(devidp.TokenRequest{ClientID: "app", Resource: resource, Scopes: strings.Fields(scope)})
		if err != nil {
			t.Fatal(err)
		}
		return callTool(t, base+path, token, tool)
	}
	for _, tt := range []struct {
		path, resource, scope, tool string
		want                        int
	}{
		{"/a/mcp", base + "/a/mcp", "", "whoami", 200},
		{"/b/mcp", base + "/b/mcp", "", "whoami", 200},
		{"/a/mcp", base + "/b/mcp", "", "whoami", 401},
		{"/b/mcp", base + "/a/mcp", "", "whoami", 401},
		{"/a/mcp", base + "/a/mcp", "", "whoami_details", 403},
		{"/a/mcp", base + "/a/mcp", "more", "whoami_details", 200},
	} {
		if got := ask(tt.path, tt.resource, tt.scope, tt.tool); got != tt.want {
			t.Errorf("%+v: %d", tt, got)
		}
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"--issuer", idp.Issuer(), "--listen", "127.0.0.1:0", "--resource", base + "/mcp " + base,
	}, noEnv, &stdout, &stderr)
	if code == exitOK || !strings.Contains(stderr.String(), "hint: write paths of their own") {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
}

// Introspection by flags against a provider that behaves like Logto, which tells
// an application about its own tokens only: good, another's, and revoked.
func TestIntrospectionByFlags(t *testing.T) {
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Clients: []devidp.Client{{ID: "app", Secret: "s3cret"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	secret := write(t, "s3cret\n")
	p := start(t, "--issuer", idp.Issuer(), "--listen", "127.0.0.1:0", "--cache-ttl", "0", "--required-scope", "openid",
		"--introspection-client", "app", "--introspection-secret-file", secret, "--introspection-audience-optional")
	ask := func(token string) int { return callTool(t, p.resource, token, "whoami") }
	issue := func(client, scopes string) string {
		t.Helper()
		token, err := idp.IssueToken(devidp.TokenRequest{ClientID: client, Scopes: strings.Fields(scopes)})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	good := issue("app", "openid profile")
	for name, tt := range map[string]struct {
		token string
		want  int
	}{
		"good": {good, 200}, "another's": {issue("other", "openid"), 401}, "without the scope": {issue("app", "profile"), 403}, "made up": {"made-up", 401},
	} {
		if got := ask(tt.token); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
	}
	idp.RevokeAccessTokens()
	if got := ask(good); got != 401 {
		t.Errorf("revoked: %d", got)
	}
	if n := idp.Stats().Introspections; n != 5 {
		t.Errorf("%d introspections, want 5", n)
	}
	if strings.Contains(p.stderr.String(), "s3cret") {
		t.Error("the secret is in the log")
	}
}
