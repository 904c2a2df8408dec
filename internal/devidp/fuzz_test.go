package devidp

import (
	"slices"
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
