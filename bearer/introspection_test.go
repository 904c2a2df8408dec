package bearer

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/test/issuer"
)

// introspect gives an issuer an introspection endpoint, with the methods of
// authentication that it lists.
func introspect(i *issuer.Issuer, methods string, serve http.HandlerFunc) {
	i.Metadata = func(w http.ResponseWriter, r *http.Request) {
		i.ServeMetadata(replacing{w, `"x-order"`, `"introspection_endpoint":"` + i.URL + `/introspect",` +
			`"introspection_endpoint_auth_methods_supported":[` + methods + `],"x-order"`}, r)
	}
	i.Introspection = serve
}

func introspecting(c *Config) {
	c.Introspection = &Introspection{ClientID: "me:and/you", ClientSecret: "s %+"}
}

// RFC 7662: what an introspection endpoint may say, and what becomes of it.
// Only a statement about the token is a 401.
func TestIntrospectionAnswers(t *testing.T) {
	now := time.Now().Unix()
	good := func(more string) string {
		return `{"active":true,"sub":"u1","aud":"` + issuer.Resource + `","scope":"a b","client_id":"app"` + more + `}`
	}
	tests := map[string]struct {
		status int
		body   string
		want   int
	}{
		"good":                   {200, good(""), 200},
		"with expiry and issuer": {200, good(fmt.Sprintf(`,"exp":%d,"nbf":%d,"iss":"ISSUER","token_type":"bearer"`, now+60, now-60)), 200},
		"not active":             {200, `{"active":false}`, 401},
		"not active but more":    {200, strings.Replace(good(""), "true", "false", 1), 401},
		"expired":                {200, good(fmt.Sprintf(`,"exp":%d`, now-60)), 401},
		"not yet":                {200, good(fmt.Sprintf(`,"nbf":%d`, now+60)), 401},
		"another issuer":         {200, good(`,"iss":"https://elsewhere.example"`), 401},
		"another audience":       {200, strings.Replace(good(""), issuer.Resource, "http://127.0.0.1:3001/other", 1), 401},
		"no audience":            {200, `{"active":true,"sub":"u1"}`, 401},
		"bound to a key":         {200, good(`,"token_type":"DPoP"`), 401},
		"bound, says cnf":        {200, good(`,"cnf":{"jkt":"x"}`), 401},
		"no subject":             {200, `{"active":true,"aud":"` + issuer.Resource + `"}`, 401},
		"our credentials":        {401, `{"error":"invalid_client"}`, 503},
		"forbidden":              {403, ``, 503},
		"bad request":            {400, `{"error":"unsupported_token_type"}`, 503},
		"down":                   {502, ``, 503},
		"active as text":         {200, `{"active":"true","sub":"u1","aud":"` + issuer.Resource + `"}`, 503},
		"no active":              {200, `{"sub":"u1","aud":"` + issuer.Resource + `"}`, 503},
		"active twice":           {200, `{"active":false,"active":true,"sub":"u1","aud":"` + issuer.Resource + `"}`, 503},
		"Active":                 {200, `{"Active":true,"sub":"u1","aud":"` + issuer.Resource + `"}`, 503},
		"not JSON":               {200, `<html>`, 503},
		"too large":              {200, good(`,"x":"` + strings.Repeat("x", maxIntrospectionBytes) + `"`), 503},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			i := issuer.Start(t)
			introspect(i, "", func(w http.ResponseWriter, r *http.Request) {
				issuer.Answer(tt.status, strings.ReplaceAll(tt.body, "ISSUER", i.URL))(w, r)
			})
			s := newServer(t, i, introspecting)
			if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != tt.want {
				t.Errorf("status %d, want %d", resp.StatusCode, tt.want)
			}
			if n := i.UserinfoCalls.Load(); n != 0 {
				t.Errorf("userinfo was asked %d times", n)
			}
		})
	}
}

// The server signs in with its own credentials and shows the token in the body
// alone.
func TestIntrospectionClientAuthentication(t *testing.T) {
	for methods, post := range map[string]bool{
		``: false, `"client_secret_basic"`: false, `"client_secret_post","client_secret_basic"`: false,
		`"client_secret_post"`: true, `"private_key_jwt"`: false,
	} {
		i := issuer.Start(t)
		introspect(i, methods, func(w http.ResponseWriter, r *http.Request) {
			user, password, basic := r.BasicAuth()
			id, secret := r.PostFormValue("client_id"), r.PostFormValue("client_secret")
			if post {
				if basic || id != "me:and/you" || secret != "s %+" {
					t.Errorf("%s: %q %q, basic %t", methods, id, secret, basic)
				}
			} else if !basic || user != "me%3Aand%2Fyou" || password != "s+%25%2B" || id+secret != "" {
				t.Errorf("%s: %q %q and %q %q", methods, user, password, id, secret)
			}
			if r.Method != "POST" || r.PostFormValue("token") != "opaque" || r.PostFormValue("token_type_hint") != "access_token" ||
				r.URL.RawQuery != "" || r.Header.Get("Accept") != "application/json" {
				t.Errorf("%s %s %v", r.Method, r.URL, r.PostForm)
			}
			issuer.Answer(200, `{"active":true,"sub":"u1","aud":"`+issuer.Resource+`"}`)(w, r)
		})
		s := newServer(t, i, introspecting)
		if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 200 {
			t.Errorf("%s: %d", methods, resp.StatusCode)
		}
	}
}

// Introspection tells scopes, application and expiry, so that what needs them
// works with opaque tokens.
func TestIntrospectionTellsScopesAndClient(t *testing.T) {
	i := issuer.Start(t)
	exp := time.Now().Add(time.Hour).Unix()
	introspect(i, "", issuer.Answer(200, fmt.Sprintf(`{"active":true,"sub":"u1","scope":"a b","client_id":"app","exp":%d}`, exp)))
	s := newServer(t, i, func(c *Config) {
		introspecting(c)
		c.Introspection.AudienceOptional = true
		c.RequiredScopes, c.Clients = []string{"a"}, []string{"app"}
		c.ToolScopes = map[string][]string{"whoami": {"b"}}
	})
	id, err := s.Verify(t.Context(), "opaque")
	if err != nil || id.Subject != "u1" || id.ClientID != "app" || strings.Join(id.Scopes, " ") != "a b" ||
		id.Expiry.Unix() != exp || id.Issuer != i.URL {
		t.Errorf("%+v, %v", id, err)
	}
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 200 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// An issuer without the endpoint is the operator's mistake, not the caller's.
func TestIntrospectionWithoutEndpoint(t *testing.T) {
	s := newServer(t, issuer.Start(t), introspecting)
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 503 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
