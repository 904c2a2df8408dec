package bearer

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"mcp-login/internal/dpop"
	"mcp-login/test/issuer"
)

// Whatever is sent as a token: no panic, no visit to the provider beyond
// metadata and keys, and nothing but what the issuer has signed gets in.
func FuzzToken(f *testing.F) {
	i := issuer.Start(f)
	s := newServer(f, i, func(c *Config) { c.JWTOnly, c.CacheTTL = true, -1 })
	good := es384(f, i, "seed")
	if _, err := s.Verify(f.Context(), good); err != nil {
		f.Fatal(err)
	}
	head, rest, _ := strings.Cut(good, ".")
	payload, signature, _ := strings.Cut(rest, ".")
	for _, seed := range []string{
		good, head + "." + payload + ".", head + ".." + signature, "..", "a.b.c", raw(`{"alg":"none"}`) + ".e30.",
		raw(`{"alg":"ES384","typ":"at+jwt","kid":"x"}`) + "." + payload + "." + signature, head + "." + raw(`{"iss":1}`) + ".x",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		_, err := s.Verify(t.Context(), token)
		if err == nil && token != good {
			t.Errorf("accepted %q", token)
		}
		if err != nil && !errors.Is(err, ErrInvalidToken) && !errors.Is(err, ErrUnavailable) {
			t.Errorf("%v", err)
		}
		if i.UserinfoCalls.Load() != 0 {
			t.Error("userinfo was asked")
		}
	})
}

// Whatever an introspection endpoint says: no panic, and an identity only if it
// is active, ours, and somebody's.
func FuzzIntrospectionAnswer(f *testing.F) {
	i := &introspector{provider: &provider{issuer: "https://id.example"}, audiences: []string{issuer.Resource}, leeway: defaultLeeway}
	f.Add([]byte(`{"active":true,"sub":"a","aud":"` + issuer.Resource + `","exp":1e300,"nbf":-1,"scope":["a"],"client_id":{}}`))
	f.Add([]byte(`{"active":true,"sub":"a","aud":["x","` + issuer.Resource + `"],"exp":9999999999}`))
	f.Add([]byte(`{"active":false}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		id, err := i.judge(body)
		switch {
		case err == nil:
			if id.Subject == "" || id.Issuer != "https://id.example" || id.Claims["active"] != true ||
				!id.Expiry.IsZero() && time.Now().After(id.Expiry.Add(defaultLeeway)) {
				t.Errorf("%+v from %s", id, body)
			}
		case !errors.Is(err, ErrInvalidToken) && !errors.Is(err, ErrUnavailable):
			t.Errorf("%v from %s", err, body)
		}
	})
}

// Whatever a key set holds: no panic, and no more keys than the bound.
func FuzzKeySet(f *testing.F) {
	f.Add([]byte(`{"keys":[{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}`))
	f.Add([]byte(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB"},{"kty":"oct","k":"AA"},{"kty":"OKP","crv":"Ed25519","x":"AA"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		set, err := parseKeys(body)
		if err == nil && (len(set.all) == 0 || len(set.all) > maxKeys) {
			t.Errorf("%d keys", len(set.all))
		}
	})
}

// Whatever stands in the Authorization header: one token of the right form or
// an error, and a challenge that another implementation can read.
func FuzzAuthorizationHeader(f *testing.F) {
	for _, seed := range []string{"Bearer x", "bearer  x ", "Basic eDp5", "Bearer a b", `Bearer "`, "Bearer x==", "Bearer =x", "DPoP x", ""} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := &http.Request{Header: http.Header{"Authorization": {value}}, URL: mustURL(t, "http://h/mcp")}
		c, err := (&Resource{proofs: &proofs{}}).credentialOf(r)
		if err == nil && (c.token == "" || len(c.token) > maxTokenBytes || strings.ContainsAny(c.token, " \t\r\n\",")) {
			t.Errorf("token %q of %q", c.token, value)
		}
		header := challenge{scheme: dpop.Scheme, algorithms: dpop.Algorithms(), resourceMetadata: "https://h/x", scopes: []string{"a"}, code: "invalid_request", text: value}.String()
		if strings.ContainsAny(header, "\r\n") {
			t.Errorf("line break in %q", header)
		}
		if parsed, err := oauthex.ParseWWWAuthenticate([]string{header}); err != nil || len(parsed) != 1 || parsed[0].Params["error"] != "invalid_request" {
			t.Errorf("challenge %q: %v, %v", header, parsed, err)
		}
	})
}

// The reading of messages is bounded and takes any bytes; whatever it makes of
// them, it agrees with itself about a message that is strict JSON.
func FuzzReadMessage(f *testing.F) {
	f.Add([]byte(callWhoami))
	f.Add([]byte(`{"method":"tools/call","params":{"name":"a","Name":"b"}}`))
	f.Add([]byte(`{"params":[],"method":3}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := ReadMessage(plain, body)
		if err != nil && m != (Message{}) {
			t.Errorf("an error and %+v", m)
		}
		if err == nil && m.Tool != "" && m.Method != "tools/call" {
			t.Errorf("%+v", m)
		}
	})
}
