package devidp

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Whatever a metadata document holds, the client made of it has the ID it was
// fetched for, no secret, redirect URIs that are checked, and no grants but
// those of a login.
func FuzzDocument(f *testing.F) {
	const id = "https://client.example/client.json"
	f.Add([]byte(`{"client_id":"` + id + `","redirect_uris":["http://127.0.0.1/callback"],"grant_types":["authorization_code","refresh_token"],"token_endpoint_auth_method":"none"}`))
	f.Add([]byte(`{"client_id":"` + id + `","redirect_uris":["javascript:alert(1)"],"token_endpoint_auth_method":"none"}`))
	f.Add([]byte(`{"client_id":"` + id + `","redirect_uris":null,"client_secret":null,"jwks":[]}`))
	f.Add([]byte(`[[[[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		c, refusal := documentClient(id, body)
		if refusal != nil {
			if refusal.status != 400 || refusal.code == "" {
				t.Errorf("status %d, code %q", refusal.status, refusal.code)
			}
			return
		}
		if c.ID != id || c.Secret != "" || !c.redirectsUsable() || len(c.RedirectURIs) == 0 || !c.may(grantCode) || c.may(grantClient) || c.may(grantDevice) {
			t.Errorf("client %+v", c)
		}
	})
}

// Whatever a key set holds, every key that is read can verify something.
func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQ","e":"AQAB"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		keys, err := ParseKeys(body)
		if (err == nil) != (len(keys) > 0) || slices.ContainsFunc(keys, func(k Key) bool { return keyAlgorithm(k.Public) == "" }) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
	})
}

// Whatever is presented as an assertion, it is refused unless its issuer has signed it, with
// one of two codes and in words of one line.
func FuzzAssertion(f *testing.F) {
	p, err := New("http://127.0.0.1:3002/oidc", Config{TrustedIssuers: []TrustedIssuer{{Issuer: "i", IDJAG: true}, {Issuer: "r", Reusable: true}}})
	if err != nil {
		f.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, claims := range []string{`{"iss":"i","resource":["a",1]}`, `{"iss":"r","exp":1e999,"aud":{}}`, `{"iss":null}`, `[]`} {
		f.Add(encode([]byte(`{"alg":"ES256","typ":"oauth-id-jag+jwt"}`)) + "." + encode([]byte(claims)) + "." + encode(make([]byte, 64)))
	}
	f.Add("..")
	f.Fuzz(func(t *testing.T, text string) {
		answer, refusal := p.assertionGrant(tokenRequest{client: Client{ID: "c"}, form: url.Values{"assertion": {text}}})
		if answer != nil || refusal.code != "invalid_grant" && refusal.code != "invalid_request" || strings.ContainsAny(refusal.description, "\r\n\"") {
			t.Errorf("answer %v, refusal %v", answer, refusal)
		}
	})
}
