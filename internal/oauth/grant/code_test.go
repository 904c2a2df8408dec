package grant

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// 36,500 scopes of a server once made an address of 180 kB, which no provider
// reads.
func TestManyScopesMakeNoAddress(t *testing.T) {
	var many []string
	for i := range 36_500 {
		many = append(many, fmt.Sprintf("%x", i))
	}
	meta := &discovery.ServerMetadata{Issuer: "https://as.example", AuthorizationEndpoint: "https://as.example/authorize"}
	for name, scopes := range map[string][]string{
		"supported":  meta.SelectScopes(nil, nil, many, nil),
		"challenged": meta.SelectScopes(nil, discovery.Challenge{Params: map[string]string{"scope": strings.Join(many, " ")}}.Scopes(), nil, nil),
		"granted":    granted(t, strings.Join(many, " ")),
	} {
		if len(scopes) > 3000 {
			t.Errorf("%s: %d scopes", name, len(scopes))
		}
		address, err := (&Client{}).AuthorizationURL(&Target{Server: *meta, Scopes: scopes}, "v", "s")
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(e.UserHint(), "--scope") || len(address) > foreign.MaxAddress {
			t.Errorf("%s: an address of %d bytes, %v", name, len(address), err)
		}
	}
}

func granted(t *testing.T, scope string) []string {
	t.Helper()
	token, err := newResponse(200, nil, []byte(`{"access_token":"a","scope":"`+scope+`"}`)).token(&Target{})
	if err != nil {
		t.Fatal(err)
	}
	return token.Scopes
}

// What the endpoint's own query holds is encoded before a person or a browser gets
// the address.
func TestAuthorizationURLIsEncoded(t *testing.T) {
	meta := &discovery.ServerMetadata{AuthorizationEndpoint: "https://as.example/a;$(id)?x=\u009b`id`\u202e|'\""}
	address, err := (&Client{}).AuthorizationURL(&Target{Server: *meta}, "v", "s")
	if err != nil || address != foreign.Address(address) || strings.ContainsAny(address, "\u009b\u202e`$;|'\"() ") {
		t.Errorf("%q, %v", address, err)
	}
}
