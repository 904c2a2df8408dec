//go:build unix

package script

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
)

// office is a company's provider, the provider of two MCP servers that trusts it, and these
// servers.
type office struct {
	*testing.T
	company, provider *devidp.Server
	servers           []string
	secret            string // the file with that of the client at the servers' provider
	env               []string
}

const (
	grantExchange  = "urn:ietf:params:oauth:grant-type:token-exchange"
	grantAssertion = "urn:ietf:params:oauth:grant-type:jwt-bearer"
)

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{T: t, secret: filepath.Join(t.TempDir(), "secret")}
	start := func(cfg devidp.Config) *devidp.Server {
		idp, err := devidp.Start(context.Background(), "127.0.0.1:0", cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = idp.Close() })
		return idp
	}
	app := devidp.Client{ID: "app", RedirectURIs: []string{"http://127.0.0.1/callback"}, GrantTypes: []string{"authorization_code", "refresh_token", grantExchange}}
	other, confidential := app, app
	other.ID, confidential.ID, confidential.Secret = "other", "confidential", "a s3cret of the company"
	o.company = start(devidp.Config{Clients: []devidp.Client{app, other, confidential}})
	o.provider = start(devidp.Config{
		TokenClaims: true, Clients: []devidp.Client{{ID: "mcp-app", Secret: "s3cret", GrantTypes: []string{grantAssertion}}},
		TrustedIssuers: []devidp.TrustedIssuer{{Issuer: o.company.Issuer(), Keys: o.company.Keys(), IDJAG: true}},
	})
	o.company.AddApplication(devidp.Application{Issuer: o.provider.Issuer(), Clients: map[string]string{"app": "mcp-app", "other": "mcp-app", "confidential": "mcp-app"}, Denied: []string{"bob"}})
	for range 2 {
		srv := httptest.NewUnstartedServer(nil)
		resource := &url.URL{Scheme: "http", Host: srv.Listener.Addr().String(), Path: "/mcp"}
		o.provider.AddResource(devidp.Resource{Indicator: resource.String()})
		handler, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: o.provider.Issuer()}})
		if err != nil {
			t.Fatal(err)
		}
		srv.Config.Handler = handler
		srv.Start()
		t.Cleanup(func() { _ = handler.Close(context.Background()); srv.Close() })
		o.servers = append(o.servers, resource.String())
	}
	if err := os.WriteFile(o.secret, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1")
	o.isPerson("alice")
	return o
}

// isPerson makes somebody the person at the browser.
func (o *office) isPerson(name string) {
	o.env = append(o.env, "MCP_LOGIN_BROWSER="+binary.Self(o.T)+" approve "+name)
}

// flags are those of a server's entry.
func (o *office) flags() []string {
	return []string{"--enterprise", o.company.Issuer(), "--enterprise-client-id", "app", "--client-id", "mcp-app", "--client-secret-file", o.secret}
}

// run runs a command, which ends with code.
func (o *office) run(code int, args ...string) string {
	o.Helper()
	cmd := exec.Command(binary.Build(o.T, "mcp-login"), args...)
	cmd.Env = o.env
	out, err := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		o.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (o *office) signIns() int { return o.company.Stats().Logins }

// Bridges of two servers that start at once open one tab, at the company's provider, and
// each server knows who it is. Later commands need the URL alone. status shows the company's
// login and who uses it; logout ends what it says.
func TestEnterpriseByOneSignIn(t *testing.T) {
	o := newOffice(t)
	h := &house{t: t, env: o.env}
	var bridges []*bridge
	for _, url := range append(o.servers, o.servers...) {
		b := h.started(h.command(append(o.flags(), url)...))
		bridges = append(bridges, b)
		b.initialize()
	}
	for _, b := range bridges {
		if line := b.line(); !strings.Contains(line, `"id":1,"result"`) {
			t.Error(line)
		}
		fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`)
		if line := b.line(); !strings.Contains(line, "alice") {
			t.Error(line)
		}
		_ = b.in.Close()
		b.ended()
	}
	if n := o.signIns(); n != 1 || o.provider.Stats().Logins != 0 {
		t.Errorf("%d sign-ins at the company, %d at the servers' provider", n, o.provider.Stats().Logins)
	}
	one, two := o.servers[0], o.servers[1]
	if out := o.run(0, "call", one, "whoami"); !strings.Contains(out, "alice") {
		t.Error(out)
	}
	users := []string{one, two}
	if one > two {
		users = []string{two, one}
	}
	if out := o.run(0, "status"); !strings.Contains(out, o.company.Issuer()+": the login at the company's provider, used for "+strings.Join(users, ", ")) || strings.Contains(out, "sign in again") {
		t.Error(out)
	}
	if out := o.run(0, "status", "--enterprise", o.company.Issuer()); !strings.Contains(out, "works") || strings.Contains(out, "\n"+one+" ") {
		t.Error(out)
	}
	for _, line := range []string{`PASS +enterprise +` + o.company.Issuer() + ` vouches`, `PASS +client +mcp-app gets a token`} {
		if out := o.run(0, "doctor", one); !regexp.MustCompile(line).MatchString(out) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	if out := o.run(0, "logout", one); !strings.Contains(out, "signed out of "+one) {
		t.Error(out)
	}
	if out := o.run(0, "call", two, "whoami"); !strings.Contains(out, "alice") {
		t.Error(out)
	}
	if out := o.run(0, append(append([]string{"call"}, o.flags()...), one, "whoami")...); !strings.Contains(out, "alice") || o.signIns() != 1 {
		t.Error(out, o.signIns())
	}
	out := o.run(0, "logout", "--enterprise", o.company.Issuer())
	for _, ended := range []string{one, two, o.company.Issuer()} {
		if !strings.Contains(out, "signed out of "+ended) {
			t.Errorf("%s is not ended:\n%s", ended, out)
		}
	}
	if out := o.run(0, "status"); !strings.Contains(out, "no login kept") {
		t.Error(out)
	}
	if o.company.Stats().Revocations == 0 {
		t.Error("the company's login is not revoked")
	}
}

// A policy that refuses is the answer, with whom to ask, as often as somebody tries; the
// browser opens once, for the sign-in at the company.
func TestEnterprisePolicyThroughTheBinary(t *testing.T) {
	o := newOffice(t)
	o.isPerson("bob")
	const hint = "ask the administrator of "
	for range 3 {
		out := o.run(1, append(append([]string{"call"}, o.flags()...), o.servers[0], "whoami")...)
		if !strings.Contains(out, "access_denied: the company's policy does not let this person in there") || !strings.Contains(out, hint+o.company.Issuer()+" to let the client app use "+o.servers[0]) {
			t.Error(out)
		}
	}
	if out := o.run(1, append(append([]string{"doctor"}, o.flags()...), o.servers[0])...); !regexp.MustCompile(`FAIL +client +exchange the ID token: access_denied(?s:.*)` + hint).MatchString(out) {
		t.Error(out)
	}
	if n := o.signIns(); n != 1 {
		t.Errorf("%d sign-ins", n)
	}
}

// A company's provider that answers with something else than an ID-JAG, or one that is for
// another client, audience or resource: the first and one for another audience go nowhere,
// the others are refused by the servers' provider, and nobody is asked again.
func TestEnterpriseOtherAssertions(t *testing.T) {
	for name, tc := range map[string]struct {
		faults devidp.Faults
		want   string
		sent   int // to the servers' provider
	}{
		"another type": {devidp.Faults{ExchangeMembers: map[string]any{"issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}}, "and an ID-JAG was asked for", 0},
		"client":       {devidp.Faults{IDJAGClaims: map[string]any{"client_id": "other"}}, "for another client", 1},
		"audience":     {devidp.Faults{IDJAGClaims: map[string]any{"aud": "https://elsewhere.example"}}, "the ID-JAG is for https://elsewhere.example, and one for", 0},
		"resource":     {devidp.Faults{IDJAGClaims: map[string]any{"resource": "https://elsewhere.example/mcp"}}, "invalid_target", 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice(t)
			o.company.SetFaults(tc.faults)
			out := o.run(1, append(append([]string{"call"}, o.flags()...), o.servers[0], "whoami")...)
			if !strings.Contains(out, tc.want) || o.signIns() != 1 || o.provider.Stats().TokenRequests[grantAssertion] != tc.sent {
				t.Errorf("%d sign-ins, %d requests: %s", o.signIns(), o.provider.Stats().TokenRequests[grantAssertion], out)
			}
			if tc.sent == 1 && name != "resource" && !strings.Contains(out, "ask whoever runs "+o.provider.Issuer()+" whether it trusts "+o.company.Issuer()) {
				t.Error(out)
			}
			o.company.SetFaults(devidp.Faults{})
			if out := o.run(0, append(append([]string{"call"}, o.flags()...), o.servers[0], "whoami")...); !strings.Contains(out, "alice") || o.signIns() != 1 {
				t.Error(out)
			}
		})
	}
}

// The secret of a confidential client at the company's provider comes with a variable, also to
// the process that signs in for a bridge, goes there alone, and is kept with that login.
func TestEnterpriseConfidentialClient(t *testing.T) {
	o := newOffice(t)
	flags := []string{"--enterprise", o.company.Issuer(), "--enterprise-client-id", "confidential", "--client-id", "mcp-app", "--client-secret-file", o.secret}
	h := &house{t: t, env: append(o.env, "MCP_LOGIN_ENTERPRISE_CLIENT_SECRET=a s3cret of the company")}
	b := h.started(h.command(append(flags, o.servers[0])...))
	b.initialize()
	if line := b.line(); !strings.Contains(line, `"id":1,"result"`) {
		t.Fatal(line)
	}
	_ = b.in.Close()
	b.ended()
	if out := o.run(0, append(append([]string{"call"}, flags...), o.servers[1], "whoami")...); !strings.Contains(out, "alice") || o.signIns() != 1 {
		t.Error(out, o.signIns())
	}
	out := o.run(0, "status", "--json", "--offline")
	for _, member := range []string{`"enterprise": "` + o.company.Issuer() + `"`, `"used_by": [`, "--enterprise-client-id confidential"} {
		if !strings.Contains(out, member) {
			t.Errorf("no %s in %s", member, out)
		}
	}
	if out := o.run(0, "logout", "--json", "--enterprise", o.company.Issuer()); strings.Count(out, `"outcome": "signed_out"`) != 3 {
		t.Error(out)
	}
}

// Each mistake has a hint that works.
func TestEnterpriseMistakes(t *testing.T) {
	o := newOffice(t)
	company := []string{"--enterprise", o.company.Issuer()}
	client := []string{"--enterprise-client-id", "app"}
	there := []string{"--client-id", "mcp-app", "--client-secret-file", o.secret}
	token := []string{"--enterprise-id-token-file", o.secret} // which is none
	for _, m := range []struct {
		code  int
		flags [][]string
		hint  string
	}{
		{2, [][]string{{"--enterprise", "id.example.com"}, client, there}, "write it as --enterprise https://id.example.com, the issuer of the company's provider"},
		{2, [][]string{client, there}, "add --enterprise https://id.example.com, the issuer of that provider"},
		{2, [][]string{company, {"--enterprise-client-secret-file", o.secret}, there}, "add --enterprise-client-id"},
		{1, [][]string{company, token, there}, "add --enterprise-client-id"},
		{1, [][]string{company, client, token, there}, "give one that " + o.company.Issuer() + " has issued to the client app a short time ago"},
	} {
		if out := o.run(m.code, append(append([]string{"tools"}, slices.Concat(m.flags...)...), o.servers[0])...); !strings.Contains(out, "hint: "+m.hint) {
			t.Errorf("no hint %q:\n%s", m.hint, out)
		}
	}
	if out := o.run(2, append(append([]string{"login"}, company...), slices.Concat(client, token)...)...); !strings.Contains(out, "hint: leave it out, or add the URL of a server to use it for") || o.signIns() != 0 {
		t.Error(out, o.signIns())
	}
	if out := o.run(1, "doctor", "--enterprise", o.company.Issuer(), "--enterprise-client-id", "app", o.servers[0]); !strings.Contains(out, "register a client there that may use assertions (RFC 7523) and give its id with --client-id") ||
		!strings.Contains(out, "run: mcp-login login --enterprise "+o.company.Issuer()+" --enterprise-client-id app") {
		t.Error(out)
	}
	if out := o.run(0, append(append([]string{"tools"}, o.flags()...), o.servers[0])...); !strings.Contains(out, "whoami") {
		t.Error(out)
	}
}

// Without a server the sign-in at the company's provider alone; its address is never taken
// for a server's.
func TestEnterpriseLoginAlone(t *testing.T) {
	o := newOffice(t)
	company := []string{"--enterprise", o.company.Issuer(), "--enterprise-client-id", "app"}
	if out := o.run(0, append([]string{"login"}, company...)...); !strings.Contains(out, "signed in to "+o.company.Issuer()+" as ") || !strings.Contains(out, "renewed without asking") {
		t.Error(out)
	}
	if out := o.run(0, append([]string{"login"}, company...)...); !strings.Contains(out, "already signed in") {
		t.Error(out)
	}
	if out := o.run(0, append(append([]string{"login"}, o.flags()...), o.servers[0])...); !strings.Contains(out, "signed in to "+o.servers[0]) {
		t.Error(out)
	}
	if n := o.signIns(); n != 1 {
		t.Errorf("%d sign-ins", n)
	}
	if out := o.run(0, "logout", o.company.Issuer()); !strings.Contains(out, "no login kept for") {
		t.Error(out)
	}
	if out := o.run(0, "login", "--again", "--enterprise", o.company.Issuer()); !strings.Contains(out, "signed in to") || o.signIns() != 2 {
		t.Error(out, o.signIns())
	}
}

// With several logins at the company's provider a server goes on with the one that it has
// used; for another one the line of the server says which, and to end a server needs none.
func TestEnterpriseSeveralClients(t *testing.T) {
	o := newOffice(t)
	issuer, one, two := o.company.Issuer(), o.servers[0], o.servers[1]
	through := func(verb, url string, more ...string) []string {
		return slices.Concat([]string{verb, "--enterprise", issuer, "--client-id", "mcp-app", "--client-secret-file", o.secret}, more, []string{url})
	}
	o.run(0, "login", "--enterprise", issuer, "--enterprise-client-id", "app")
	o.run(0, through("tools", one)...)
	o.run(0, "login", "--enterprise", issuer, "--enterprise-client-id", "other")
	for _, args := range [][]string{{"call", one, "whoami"}, {"tools", one}, {"doctor", one}, {"status", one}, {"token", one}} {
		o.run(0, args...)
	}
	if out := o.run(0, through("logout", two)...); !strings.Contains(out, "no login kept for "+two) {
		t.Error(out)
	}
	lines := regexp.MustCompile(`mcp-login (tools [^;\n]*)`).FindAllStringSubmatch(o.run(2, through("tools", two)...), -1)
	if len(lines) != 2 {
		t.Fatal(lines)
	}
	for i, client := range []string{"app", "other"} {
		if line := lines[i][1]; !strings.Contains(line, "--enterprise-client-id "+client) || !strings.HasSuffix(line, " "+two) {
			t.Errorf("no line for %s: %s", client, line)
		} else {
			o.run(0, strings.Fields(line)...)
		}
	}
	if out := o.run(0, "logout", "--enterprise", issuer, "--enterprise-client-id", "other"); strings.Contains(out, "signed out of "+one) || !strings.Contains(out, "signed out of "+two) {
		t.Error(out)
	}
	o.run(0, "login", "--enterprise", issuer, "--enterprise-client-id", "other")
	if out := o.run(0, "logout", one); !strings.Contains(out, "signed out of "+one) || strings.Contains(out, issuer) || o.signIns() != 3 {
		t.Error(out, o.signIns())
	}
}

// Who signs in at the company's provider in the place of somebody else is that one at every
// server from then on, also where a token of the person before is kept.
func TestEnterpriseAsSomebodyElse(t *testing.T) {
	o := newOffice(t)
	if out := o.run(0, append(append([]string{"call"}, o.flags()...), o.servers[0], "whoami")...); !strings.Contains(out, "alice") {
		t.Fatal(out)
	}
	o.isPerson("bob")
	o.run(0, "login", "--again", "--enterprise", o.company.Issuer())
	if out := o.run(1, "call", o.servers[0], "whoami"); !strings.Contains(out, "the company's policy does not let this person in there") || o.signIns() != 2 {
		t.Error(out, o.signIns())
	}
	o.isPerson("alice")
	o.run(0, "login", "--again", "--enterprise", o.company.Issuer())
	if out := o.run(0, "call", o.servers[0], "whoami"); !strings.Contains(out, "alice") || o.signIns() != 3 {
		t.Error(out, o.signIns())
	}
}

// The certificate for a server is not shown to the company's provider, though that takes some
// (RFC 8705).
func TestEnterpriseCertificateIsTheServers(t *testing.T) {
	o := newOffice(t)
	var asked atomic.Int64
	alias := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	alias.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	alias.StartTLS()
	defer alias.Close()
	o.company.SetFaults(devidp.Faults{MetadataMembers: map[string]any{
		"tls_client_certificate_bound_access_tokens": true, "mtls_endpoint_aliases": map[string]any{"token_endpoint": alias.URL + "/oidc/token"},
	}})
	certificate, key, _ := own(t)
	ca := pemFile(t, &pem.Block{Type: "CERTIFICATE", Bytes: alias.Certificate().Raw})
	out := o.run(0, append(append([]string{"call", "--ca-file", ca, "--client-cert", pemFile(t, certificate, key)}, o.flags()...), o.servers[0], "whoami")...)
	if !strings.Contains(out, "alice") || asked.Load() != 0 {
		t.Error(out, asked.Load())
	}
}

// A client that gives up waiting gets a tool that says where to sign in, which is the
// company's provider; the login outlives the bridge.
func TestEnterpriseStandsInForTheServer(t *testing.T) {
	o := newOffice(t)
	h := &house{t: t, idp: o.company, env: append(o.env, "MCP_LOGIN_BROWSER=none"), url: o.servers[0]}
	b := h.bridge(append(o.flags(), "--login-patience", "1ms")...)
	b.initialize()
	if line := b.line(); !strings.Contains(line, `"name":"mcp-login"`) {
		t.Fatal(line)
	}
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	address := b.address()
	if line := b.line(); !strings.Contains(line, "mcp_login_sign_in") || !strings.Contains(line, address) || !strings.HasPrefix(address, o.company.Issuer()) {
		t.Fatal(line, address)
	}
	if out := o.run(0, "status", "--offline"); !strings.Contains(out, address) {
		t.Error(out)
	}
	h.approve(address)
	for _, list := range []string{"tools", "prompts", "resources"} {
		if line := b.line(); !strings.Contains(line, "notifications/"+list+"/list_changed") {
			t.Error(line)
		}
	}
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":3,"method":"tools/list"}`)
	if line := b.line(); !strings.Contains(line, `"whoami"`) || strings.Contains(line, "mcp_login_sign_in") {
		t.Error(line)
	}
	_ = b.in.Close()
	b.ended()
}
