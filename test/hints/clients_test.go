package hints

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
)

// keyPair is a client's two keys, as the provider has them and as lines that write them
// to ec.pem and rsa.pem.
var keyPair = sync.OnceValues(func() (public []devidp.Key, write string) {
	one, err1 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	other, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err1 != nil || err2 != nil {
		panic("no keys")
	}
	file := func(name string, key any) string {
		der, _ := x509.MarshalPKCS8PrivateKey(key) // of a kind that it knows
		return "cat >" + name + " <<END\n" + string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})) + "END\n"
	}
	return []devidp.Key{{Public: &one.PublicKey}, {Public: &other.PublicKey}}, file("ec.pem", one) + file("rsa.pem", other)
})

// keyed is a provider with a client that has those keys. Its tokens end soon.
func keyed(c *devidp.Config) {
	public, _ := keyPair()
	c.AccessTokenTTL = time.Second
	c.Clients = []devidp.Client{{ID: "keyed", Keys: public, RedirectURIs: []string{"http://127.0.0.1/callback"}}}
}

// moved has the server belong to another provider, NEW, which knows the client new-app.
func moved(w *world) {
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", devidp.Config{
		Registration: true, Clients: []devidp.Client{{ID: "new-app", RedirectURIs: []string{"http://127.0.0.1/callback"}}}, Resources: []devidp.Resource{{Indicator: w.url}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = idp.Close() })
	w.env = append(w.env, "NEW="+idp.Issuer())
	resource, _ := url.Parse(w.url)
	whoami, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: idp.Issuer()}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = whoami.Close(context.Background()) })
	w.whoami = whoami
}

// forgetful is a server beside which the provider has an authorization endpoint of its
// own, which shows a page where the provider answers with JSON.
func (w *world) forgetful(rw http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/authorize" {
		w.whoami.ServeHTTP(rw, r)
		return
	}
	there, _ := url.Parse(w.idp.Issuer() + "/auth?" + r.URL.RawQuery)
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip((&http.Request{Method: http.MethodGet, URL: there, Header: http.Header{}}).WithContext(r.Context()))
	if err != nil {
		rw.WriteHeader(http.StatusBadGateway)
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if to, err := there.Parse(resp.Header.Get("Location")); err == nil && resp.StatusCode == http.StatusSeeOther {
		http.Redirect(rw, r, to.String(), http.StatusSeeOther)
		return
	}
	page(http.StatusOK)(rw, r)
}

// nobody signs in.
const nobody = `mcp-login login --no-browser --timeout 1s $URL </dev/null`

// forgets has a client registered for a sign-in by that endpoint that nobody finishes,
// and the provider forget it.
func forgets(w *world) {
	w.site = http.HandlerFunc(w.forgetful)
	w.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"authorization_endpoint": "http://" + w.variable("HOST") + "/authorize"}})
	if _, err := w.run(nobody); err == nil {
		w.t.Fatal("somebody has signed in")
	}
	w.idp.ForgetRegistrations()
}

// ofClients are the hints about how this program is known to a provider.
func ofClients() []row {
	const (
		login  = `mcp-login login $URL`
		byHand = `mcp-login login --client-id native-app $URL`
		hosted = `--redirect-uri https://example.com/callback --timeout 1s $URL </dev/null`
	)
	_, keys := keyPair()
	open := func(change func(*devidp.Faults)) func(*devidp.Config) {
		return func(c *devidp.Config) {
			closed(c)
			c.Registration = true
			change(&c.Faults)
		}
	}
	return []row{
		{hint: "the provider does not accept this client: check the client id and, if it has one, its secret, and that it is a native application", lab: applications, when: `mcp-login login --client-id confidential $URL`, does: secret + `mcp-login login --client-id confidential $URL`, then: `mcp-login login --client-id native $URL`},
		{hint: "if the provider registers only clients whose name it knows, choose one with --client-name NAME; else register a client by hand and give it with --client-id", lab: open(func(f *devidp.Faults) { f.RegistrationNames = []string{"Known App"} }), when: login, does: `mcp-login login --client-name 'Known App' $URL`, then: byHand},
		{hint: "the provider does not accept …; register a native client by hand and give it with --client-id, or name an https address of yours with --redirect-uri", lab: open(func(f *devidp.Faults) { f.RefuseLoopback = true }), when: login, does: byHand, then: `mcp-login login ` + hosted, still: "not finished in time"},
		{hint: "the provider does not take the client ID metadata document; register a native (public) application there by hand and give its id with --client-id", lab: func(c *devidp.Config) {
			closed(c)
			metadata(map[string]any{"client_id_metadata_document_supported": true})(c)
		}, when: `mcp-login login --client-metadata-url https://example.com/client.json $URL`, does: byHand},
		{hint: "the redirect URI …", lab: applications, when: `mcp-login login --client-id native ` + hosted, does: `mcp-login login --client-id hosted ` + hosted, still: "not finished in time"},
		{hint: "http://… (any port; if it insists on one, add --callback-port 33418 and enter that)", lab: func(c *devidp.Config) {
			closed(c)
			c.Clients[0].ApplicationType, c.Clients[0].RedirectURIs = "web", []string{"http://127.0.0.1:$PORT/callback"}
		}, when: `mcp-login doctor $URL`, does: `mcp-login doctor --client-id native-app --callback-port $PORT $URL`, then: `mcp-login login --client-id native-app --callback-port $PORT $URL`},
		{hint: "to register a client anew, run: mcp-login … (registerAnew)", before: login, meanwhile: func(w *world) { w.idp.ForgetRegistrations() }, when: `mcp-login doctor $URL`, then: `mcp-login doctor $URL`},
		{hint: "try again: in case the provider has forgotten this client and showed an error page, the next sign-in registers a new one", meanwhile: forgets, serve: func(w *world) http.Handler { return http.HandlerFunc(w.forgetful) }, when: nobody, does: login},
		{hint: "if that is right, register a client at the new provider…; mcp-login logout … forgets the old one", lab: closed, before: byHand, meanwhile: moved, serve: func(w *world) http.Handler { return w.whoami }, when: `mcp-login login --again --client-id native-app $URL`, does: `mcp-login logout $URL; mcp-login login --client-id new-app --issuer $NEW $URL`, then: `mcp-login token $URL`},
		{hint: "add --client-key FILE", lab: keyed, before: keys + `mcp-login login --client-id keyed --client-key ec.pem $URL`, when: `sleep 1; mcp-login token $URL`, does: `mcp-login token --client-key ec.pem $URL`},
		{hint: "use a key of another kind", lab: func(c *devidp.Config) {
			keyed(c)
			metadata(map[string]any{"token_endpoint_auth_signing_alg_values_supported": []string{"RS256"}})(c)
		}, before: keys, when: `mcp-login login --client-id keyed --client-key ec.pem $URL`, does: `mcp-login login --client-id keyed --client-key rsa.pem $URL`},
	}
}

// ofInquiries are those of doctor, which asks a provider about a client.
func ofInquiries() []row {
	const native = `mcp-login doctor --client-id native $URL`
	const machine = secret + `mcp-login doctor --issuer $ISSUER --client-id m2m --client-credentials $URL`
	with := func(change func(*devidp.Faults)) func(*devidp.Config) {
		return func(c *devidp.Config) {
			applications(c)
			change(&c.Faults)
		}
	}
	return []row{
		{hint: "if a login fails, create a native (public) application with the authorization code flow there and use its id", lab: with(func(f *devidp.Faults) { f.TokenErrors = []string{"unauthorized_client"} }), when: native, mend: mended, does: native},
		{hint: "; to find out more, run: mcp-login … (probeRefusal)", lab: applications, when: `mcp-login login --client-id nobody $URL`, still: "the provider does not know the client nobody"},
		{hint: "if a tool needs one, run: mcp-login … (resourceMetadata)", site: http.HandlerFunc(plain), when: `mcp-login doctor $URL`, does: `mcp-login login --force --issuer $ISSUER $URL`, then: `mcp-login token --issuer $ISSUER $URL`},
		{hint: "create a native (public) application with the authorization code flow there and use its id", lab: applications, when: `mcp-login doctor --client-id portless $URL`, does: native, then: `mcp-login login --client-id native $URL`},
		{hint: "look at --client-id; if the client has a secret, give it with --client-secret-file", lab: with(func(f *devidp.Faults) { f.TokenErrors = []string{"invalid_client"} }), when: `mcp-login doctor --client-id confidential $URL`, does: `echo s3cret >s; mcp-login doctor --issuer $ISSUER --client-id confidential --client-secret-file s $URL`},
		{hint: "look at the client's settings at the provider", lab: with(func(f *devidp.Faults) { f.RedirectParameters = map[string]string{"error": "unauthorized_client"} }), when: native, mend: mended, does: native},
		{hint: "look at --client-id and at the application at the provider", lab: with(func(f *devidp.Faults) {
			f.DeviceMembers = map[string]any{"device_code": nil, "error": "device_flow_disabled"}
		}), when: `mcp-login doctor --device --client-id tv $URL`, mend: mended, does: `mcp-login doctor --device --client-id tv $URL`},
		{hint: "look at the application at the provider", lab: with(func(f *devidp.Faults) { f.TokenErrors = []string{"application_disabled"} }), when: machine, mend: mended, does: machine},
	}
}
