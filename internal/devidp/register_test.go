package devidp_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
)

func (r *rig) register(metadata string) answer {
	r.t.Helper()
	req := r.request(http.MethodPost, r.idp.Issuer()+"/reg", metadata)
	req.Header.Set("Content-Type", "application/json")
	return r.do(req)
}

func registering(c *devidp.Config) { c.Registration = true }

// nativeMetadata is what an MCP client sends.
const nativeMetadata = `{"client_name":"An MCP client","redirect_uris":["http://127.0.0.1:4000/callback"],"grant_types":["authorization_code","refresh_token","implicit"],
	"response_types":["code"],"token_endpoint_auth_method":"none","application_type":"native","client_uri":"https://client.example","client_id":"mine","client_secret":"mine"}`

// RFC 7591 section 3.2.1: what was sent comes back, with an ID, and
// without what only the provider can say or does not have.
func TestWhatWasRegisteredComesBackWithAnID(t *testing.T) {
	r := start(t, registering)
	if got := r.metadata()["registration_endpoint"]; got != r.idp.Issuer()+"/reg" {
		t.Errorf("registration_endpoint %q", got)
	}
	a := r.register(nativeMetadata)
	m := a.members()
	if a.status != 201 || a.header.Get("Cache-Control") != "no-store" || a.text("client_id") == "" || a.text("client_id") == "mine" {
		t.Errorf("status %d, client_id %q", a.status, a.text("client_id"))
	}
	grants, _ := m["grant_types"].([]any)
	if !slices.Equal(grants, []any{"authorization_code", "refresh_token"}) || m["client_name"] != "An MCP client" || m["client_uri"] != "https://client.example" || m["client_id_issued_at"] == nil || m["application_type"] != "native" || m["token_endpoint_auth_method"] != "none" {
		t.Errorf("answer %v", m)
	}
	if _, there := m["client_secret"]; there {
		t.Error("a public client has a secret")
	}
	// The refresh rule is Logto's, any port is good (RFC 8252 section 7.3).
	client := []string{"client_id", a.text("client_id")}
	for prompt, want := range map[string]bool{"": false, "consent": true} {
		got := r.exchange(r.code(append(client, "scope", "openid offline_access", "prompt", prompt)...), client...)
		if got.status != 200 || (got.text("refresh_token") != "") != want {
			t.Errorf("prompt %q: status %d, refresh token %t", prompt, got.status, got.text("refresh_token") != "")
		}
	}
}

// The defaults are a web client, whose redirect URI is compared
// exactly, with client_secret_basic and the code grant alone.
func TestRegistrationDefaults(t *testing.T) {
	r := start(t, registering)
	a := r.register(`{"redirect_uris":["` + callback + `"]}`)
	m := a.members()
	if a.status != 201 || m["application_type"] != "web" || m["token_endpoint_auth_method"] != "client_secret_basic" || len(a.text("client_secret")) != 43 || m["client_secret_expires_at"] != 0.0 {
		t.Fatalf("status %d, type %v, method %v", a.status, m["application_type"], m["token_endpoint_auth_method"])
	}
	if got := r.authorize(params("client_id", a.text("client_id"), "redirect_uri", "http://127.0.0.1:9/callback")); got.status != 400 {
		t.Errorf("another port: status %d", got.status)
	}
	client := []string{"client_id", a.text("client_id"), "client_secret", a.text("client_secret")}
	got := r.exchange(r.code("client_id", a.text("client_id"), "scope", "openid offline_access", "prompt", "consent"), client...)
	if got.status != 200 || got.text("refresh_token") != "" {
		t.Errorf("status %d, refresh token %t", got.status, got.text("refresh_token") != "")
	}
}

// A client can register for the device grant, without redirect URIs.
func TestRegistrationOfDevice(t *testing.T) {
	r := start(t, registering)
	a := r.register(`{"grant_types":["urn:ietf:params:oauth:grant-type:device_code"],"token_endpoint_auth_method":"none"}`)
	if a.status != 201 {
		t.Fatalf("status %d", a.status)
	}
	if got := r.device("client_id", a.text("client_id")); got.status != 200 {
		t.Errorf("status %d", got.status)
	}
}

// RFC 7591 section 3.2.2: metadata that is wrong.
func TestRegistrationRefusals(t *testing.T) {
	r := start(t, registering)
	for body, code := range map[string]string{
		``:                      "invalid_request",
		`null`:                  "invalid_request",
		`[]`:                    "invalid_request",
		`{"redirect_uris":"x"}`: "invalid_redirect_uri",
		`{"redirect_uris":["https://a.example/"],"grant_types":"authorization_code"}`:              "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/"],"redirect_uris":["https://b.example/"]}`:          "invalid_request",
		`{"redirect_uris":["https://a.example/"],"token_endpoint_auth_method":"tls_client_auth"}`:  "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/"],"application_type":"toaster"}`:                    "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/"],"grant_types":["implicit"]}`:                      "invalid_client_metadata",
		`{"redirect_uris":["https://a.example/"],"client_name":"n"}` + strings.Repeat(" ", 17_000): "invalid_request",
		`{}`:                   "invalid_redirect_uri",
		`{"redirect_uris":[]}`: "invalid_redirect_uri",
		`{"redirect_uris":["http://app.example/cb"]}`:          "invalid_redirect_uri",
		`{"redirect_uris":["https:///cb"]}`:                    "invalid_redirect_uri",
		`{"redirect_uris":["https://a.example/#f"]}`:           "invalid_redirect_uri",
		`{"redirect_uris":["javascript:alert(1)"]}`:            "invalid_redirect_uri",
		`{"redirect_uris":["io.example.app://cb"]}`:            "invalid_redirect_uri", // for native clients only
		`{"redirect_uris":["::"],"application_type":"native"}`: "invalid_redirect_uri",
	} {
		if a := r.register(body); a.status != 400 || a.text("error") != code {
			t.Errorf("%.80s: status %d, error %q", body, a.status, a.text("error"))
		}
	}
	if a := r.register(`{"redirect_uris":["io.example.app://cb"],"application_type":"native"}`); a.status != 201 {
		t.Errorf("private scheme: status %d", a.status)
	}
}

// The switches: registration refused, a secret nobody asked for.
func TestRegistrationFaults(t *testing.T) {
	r := start(t, registering)
	r.idp.SetFaults(devidp.Faults{RegistrationNames: []string{"Another"}})
	r.register(nativeMetadata).wantError(403, "access_denied")
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		r.idp.SetFaults(devidp.Faults{RegisteredAuthMethod: method})
		if a := r.register(nativeMetadata); a.text("token_endpoint_auth_method") != method || a.text("client_secret") == "" {
			t.Errorf("%s: got %q", method, a.text("token_endpoint_auth_method"))
		}
	}
}
