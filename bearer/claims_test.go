package bearer

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcp-login/test/issuer"
)

// Where providers put scopes and the application: scope, scp or scopes, as a
// string or a list; client_id or azp. What is not of these kinds counts as none.
func TestScopesAndClientOfAJWT(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	for name, tt := range map[string]struct {
		claims         map[string]any
		scopes, client string
	}{
		"scope as a string":    {map[string]any{"scope": "a  b"}, "a b", "app"},
		"scope as a list":      {map[string]any{"scope": []string{"a", "b"}}, "a b", "app"},
		"scp":                  {map[string]any{"scope": nil, "scp": "a"}, "a", "app"},
		"scopes":               {map[string]any{"scope": nil, "scopes": []string{"a", "b"}}, "a b", "app"},
		"none":                 {map[string]any{"scope": nil}, "", "app"},
		"scope is a number":    {map[string]any{"scope": 1}, "", "app"},
		"numbers in the list":  {map[string]any{"scope": []any{1, "a"}}, "a", "app"},
		"azp":                  {map[string]any{"client_id": nil, "azp": "other"}, "mcp:read", "other"},
		"client_id before azp": {map[string]any{"azp": "other"}, "mcp:read", "app"},
		"client_id is a list":  {map[string]any{"client_id": []string{"app"}}, "mcp:read", ""},
		"no client":            {map[string]any{"client_id": nil}, "mcp:read", ""},
	} {
		id, err := s.Verify(t.Context(), i.Sign(t, issuer.Change{Claims: tt.claims}))
		if err != nil || strings.Join(id.Scopes, " ") != tt.scopes || id.ClientID != tt.client {
			t.Errorf("%s: %v %q, %v", name, id.Scopes, id.ClientID, err)
		}
		if id.Scopes == nil {
			t.Errorf("%s: a JWT's scopes are known", name)
		}
	}
}

// RFC 6750 section 3.1: a token without a required claim is good and not for this
// resource: 403, and no scope for which a client would ask a person in vain.
func TestRequiredClaims(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) {
		c.RequiredClaims = map[string][]string{"organization_id": {"one", "two"}, "tid": {"t"}}
	})
	for name, tt := range map[string]struct {
		claims map[string]any
		want   int
	}{
		"one of them":    {map[string]any{"organization_id": "two", "tid": "t"}, 200},
		"another":        {map[string]any{"organization_id": "three", "tid": "t"}, 403},
		"not all":        {map[string]any{"organization_id": "one"}, 403},
		"none":           {nil, 403},
		"a list":         {map[string]any{"organization_id": []string{"one"}, "tid": "t"}, 403},
		"another case":   {map[string]any{"organization_id": "One", "tid": "t"}, 403},
		"another server": {map[string]any{"organization_id": "one", "tid": "t", "aud": "https://other.example"}, 401},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Authorization", "Bearer "+i.Sign(t, issuer.Change{Claims: tt.claims}))
		w := httptest.NewRecorder()
		s.Middleware(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		challenge := w.Header().Get("WWW-Authenticate")
		if w.Code != tt.want || tt.want == 403 && (!strings.Contains(challenge, `error="insufficient_scope"`) || strings.Contains(challenge, ` scope="`)) {
			t.Errorf("%s: %d, %s", name, w.Code, challenge)
		}
		if _, err := s.Verify(t.Context(), i.Sign(t, issuer.Change{Claims: tt.claims})); (err == nil) != (tt.want == 200) {
			t.Errorf("%s: Verify says %v", name, err)
		}
	}
}
