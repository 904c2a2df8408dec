package grant

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// RFC 7591, section 2: every member that a person chose is in the request, as it
// was chosen, and no other is changed by it.
func TestClientMetadataIsSent(t *testing.T) {
	for chosen, want := range map[string]string{
		``:                                                           `{"application_type":"native","client_name":"ours","grant_types":["authorization_code","refresh_token"],"redirect_uris":["http://127.0.0.1:7/callback"],"response_types":["code"],"token_endpoint_auth_method":"none"}`,
		`{"client_name":"N"}`:                                        `"client_name":"N"`,
		`{"client_name#de-AT":"N"}`:                                  `"client_name#de-AT":"N"`,
		`{"client_uri":"https://n/"}`:                                `"client_uri":"https://n/"`,
		`{"logo_uri#ja":"https://n/"}`:                               `"logo_uri#ja":"https://n/"`,
		`{"tos_uri":"http://n/"}`:                                    `"tos_uri":"http://n/"`,
		`{"policy_uri":"https://n/p"}`:                               `"policy_uri":"https://n/p"`,
		`{"contacts":["a","b"]}`:                                     `"contacts":["a","b"]`,
		`{"contacts":"a"}`:                                           `"contacts":["a"]`,
		`{"software_id":"s"}`:                                        `"software_id":"s"`,
		`{"software_version":"1"}`:                                   `"software_version":"1"`,
		`{"software_statement":"e.e."}`:                              `"software_statement":"e.e."`,
		`{"scope":"a b"}`:                                            `"scope":"a b"`,
		`{"application_type":"web"}`:                                 `"application_type":"web"`,
		`{"response_types":["code"]}`:                                `"response_types":["code"]`,
		`{"response_types":"code"}`:                                  `"response_types":["code"]`,
		`{"grant_types":["authorization_code"]}`:                     `"grant_types":["authorization_code"]`,
		`{"token_endpoint_auth_method":"client_secret_post"}`:        `"token_endpoint_auth_method":"client_secret_post"`,
		`{"redirect_uris":["http://127.0.0.1:7/callback"]}`:          `"redirect_uris":["http://127.0.0.1:7/callback"]`,
		`{"redirect_uris":"http://localhost/callback"}`:              `"redirect_uris":["http://127.0.0.1:7/callback","http://localhost/callback"]`,
		`{"dpop_bound_access_tokens":false}`:                         `"dpop_bound_access_tokens":false`,
		`{"default_max_age":60,"x":{"y":[null]},"subject_type":"p"}`: `"default_max_age":60`,
		`{"x":{"y":[null]}}`:                                         `"x":{"y":[null]}`,
		`{"client_name":null,"jwks":null}`:                           `"client_name":"ours"`,
	} {
		var m ClientMetadata
		var err error
		if chosen != "" {
			m, err = ParseClientMetadata([]byte(chosen), "")
		}
		c := &Client{Name: "ours"}
		got, sent := c.registrationRequest(&discovery.ServerMetadata{}, "http://127.0.0.1:7/callback", m)
		if err != nil || sent != nil || !strings.Contains(string(got), want) {
			t.Errorf("%s: %v, %v\n%s\n%s", chosen, err, sent, got, want)
		}
	}
}

// What would take a protection away, or can have no effect, is refused in words
// that name the member; nothing else of it is told.
func TestClientMetadataIsRefused(t *testing.T) {
	for chosen, names := range map[string]string{
		`{"redirect_uris":["https://s3cret.example/"]}`:                        "redirect_uris",
		`{"redirect_uris":["http://127.0.0.1:1/x","https://s3cret.example/"]}`: "redirect_uris",
		`{"redirect_uris":["http://s3cret.example/x"]}`:                        "redirect_uris",
		`{"redirect_uris":["http://localhost.s3cret.example:1/x"]}`:            "redirect_uris",
		`{"redirect_uris":["http://127.0.0.1@s3cret.example/x"]}`:              "redirect_uris",
		`{"redirect_uris":["https://localhost:1/s3cret"]}`:                     "redirect_uris",
		`{"redirect_uris":["s3cret.app:/x"]}`:                                  "redirect_uris",
		`{"redirect_uris":["http://127.0.0.2:1/s3cret"]}`:                      "redirect_uris",
		`{"redirect_uris":["http://127.0.0.1:1/x?s3cret"]}`:                    "redirect_uris",
		`{"redirect_uris":["http://127.0.0.1:1/x#s3cret"]}`:                    "redirect_uris",
		`{"redirect_uris":["http://s3cret@127.0.0.1:1/x"]}`:                    "redirect_uris",
		`{"redirect_uris":["http://127.0.0.1:1"]}`:                             "redirect_uris",
		`{"redirect_uris":["http://127.0.0.1:/x"]}`:                            "redirect_uris",
		`{"redirect_uris":["http://127.0.0.1:0/x"]}`:                           "redirect_uris",
		`{"redirect_uris":[]}`:                                                 "redirect_uris",
		`{"redirect_uris":[1]}`:                                                "redirect_uris",
		`{"Redirect_URIs":["http://127.0.0.1/x"]}`:                             "redirect_uris",
		`{"redirectUris":["http://127.0.0.1/x"]}`:                              "redirect_uris",
		`{"redirect_uri":"https://s3cret.example/"}`:                           "redirect_uris",
		`{"redirect_uris#de":["https://s3cret.example/"]}`:                     "redirect_uris",
		`{"response_types":["token"]}`:                                         "response_types",
		`{"response_types":["code","token"]}`:                                  "response_types",
		`{"response_types":["code id_token"]}`:                                 "response_types",
		`{"grant_types":["implicit"]}`:                                         "grant_types",
		`{"grant_types":["authorization_code","password"]}`:                    "grant_types",
		`{"grant_types":["refresh_token"]}`:                                    "grant_types",
		`{"token_endpoint_auth_method":"private_key_jwt"}`:                     "token_endpoint_auth_method",
		`{"token_endpoint_auth_method":"tls_client_auth"}`:                     "token_endpoint_auth_method",
		`{"token_endpoint_auth_method":["none"]}`:                              "token_endpoint_auth_method",
		`{"jwks":{"keys":[]}}`:                                                 "jwks",
		`{"jwks_uri":"https://s3cret.example/jwks"}`:                           "jwks_uri",
		`{"JWKS_URI":"https://s3cret.example/jwks"}`:                           "jwks_uri",
		`{"client_id":"s3cret"}`:                                               "client_id",
		`{"client_secret":"s3cret"}`:                                           "client_secret",
		`{"registration_access_token":"s3cret"}`:                               "registration_access_token",
		`{"dpop_bound_access_tokens":true}`:                                    "dpop_bound_access_tokens",
		`{"require_pushed_authorization_requests":"true"}`:                     "require_pushed_authorization_requests",
		`{"require_signed_request_object":1}`:                                  "require_signed_request_object",
		`{"client_name":["s3cret"]}`:                                           "client_name",
		`{"client_name":7}`:                                                    "client_name",
		`{"ClientName":"s3cret"}`:                                              "client_name",
		`{"scope":["s3cret"]}`:                                                 "scope",
		`{"contacts":{"s3cret":1}}`:                                            "contacts",
		`{"client_uri":"s3cret"}`:                                              "client_uri",
		`{"logo_uri":"javascript:s3cret"}`:                                     "logo_uri",
		`{"client_name":"a","client_name":"s3cret"}`:                           "JSON",
		`["s3cret"]`: "JSON",
		`s3cret`:     "JSON",
		`null`:       "JSON",
		`{"client_name":"` + strings.Repeat("s3cret", maxClientMetadata/6) + `"}`: "bytes",
		`{"client_name":"` + "\xff" + `"}`:                                        "JSON",
	} {
		m, err := ParseClientMetadata([]byte(chosen), "")
		if err == nil || m != "" || !strings.Contains(err.Error(), names) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%.100s: %q, %v", chosen, m, err)
		}
	}
}

// With is for short forms, and says again what was chosen before.
func TestClientMetadataWith(t *testing.T) {
	m, err := ClientMetadata("").With("client_name", `a"b`)
	if err != nil || m != `{"client_name":"a\"b"}` {
		t.Errorf("%s, %v", m, err)
	}
	if m, err = m.With("client_uri", "https://n/"); err != nil || m != `{"client_name":"a\"b","client_uri":"https://n/"}` {
		t.Errorf("%s, %v", m, err)
	}
	if _, err := m.With("client_uri", "n"); err == nil {
		t.Error("no address")
	}
	if _, err := m.With("client_name", "\xff"); err == nil {
		t.Error("no text")
	}
}

// Whatever is accepted is sent, is accepted once more, and leaves us where the
// answer comes to: a loopback address, by code, without a key of somebody else.
func FuzzClientMetadata(f *testing.F) {
	for _, s := range []string{
		`{"client_name":"N","client_name#de":"M","contacts":"a"}`, `{"contacts":""}`, `{"redirect_uris":["http://localhost:1/x"],"scope":"a"}`, `{"redirect_uris":["http://[::1]/x","http://127.0.0.1/x"]}`,
		`{"redirect_uris":["http://127.0.0.1:1/x?y"]}`, `{"redirect_uris":["http://evil@127.0.0.1/"]}`, `{"REDIRECT_URIS":[""]}`, `{"grant_types":["implicit"],"response_types":["token"]}`,
		`{"jwks":{}}`, `{"x":{"y":1e400}}`, `{"client_id":null}`, `{"token_endpoint_auth_method":"none"}`, `{"response_types":"code"}`, `[]`, `{"a":1,"a":2}`,
	} {
		f.Add([]byte(s))
	}
	const here = "http://127.0.0.1:7/callback"
	c := &Client{Name: "ours"}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseClientMetadata(data, "")
		if err != nil {
			if m != "" {
				t.Error("an object and an error")
			}
			return
		}
		if again, err := ParseClientMetadata([]byte(m), ""); m != "" && (err != nil || again != m) {
			t.Fatalf("%q becomes %q, %v", m, again, err)
		}
		body, err := c.registrationRequest(&discovery.ServerMetadata{}, here, m)
		if err != nil {
			t.Fatalf("%q: %v", m, err)
		}
		all, err := foreign.ParseObject(body)
		if err != nil {
			t.Fatalf("%q: %v", body, err)
		}
		redirects := all.List("redirect_uris")
		for _, raw := range redirects {
			if u, err := url.Parse(raw); err != nil || !safeAddress(raw) || u.Scheme != "http" {
				t.Errorf("registers %v", raw)
			}
		}
		if len(redirects) == 0 || redirects[0] != here || len(m.Redirects()) != len(m.object().List("redirect_uris")) {
			t.Errorf("registers %v", redirects)
		}
		if !slices.Equal(all.List("response_types"), []string{"code"}) || all.Has("jwks") || all.Has("jwks_uri") || all.Has("client_id") {
			t.Errorf("sends %s", body)
		}
	})
}
