package account

import (
	"net/http"
	"strings"
	"testing"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// The right address is named alone: a line would need the flags that restrict a client. One that somebody has
// signed in to was right once, and is not looked for elsewhere.
func TestTheRightPathIsNamedUnlessSomebodyHasSignedIn(t *testing.T) {
	srv := newServer(t, func([]byte) {})
	served := srv.Config.Handler
	srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/mcp" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		served.ServeHTTP(w, r)
	})
	for _, purpose := range []Purpose{ForRelay, ForLogin, ForCall, ForInspect} {
		for _, signedIn := range []bool{false, true} {
			a := opened(t, srv.URL+"/wrong", purpose)
			if signedIn {
				cred := oauth.Credential{Server: a.Key.Server, Issuer: "https://idp.example", AccessToken: grant.NewSecret("t"), TokenType: "Bearer"}
				if err := a.Store.Save(t.Context(), a.Key, cred); err != nil {
					t.Fatal(err)
				}
			}
			next := hint.Of(a.Probe(t.Context()))
			if named := strings.HasSuffix(next, "; use this address instead: "+srv.URL+"/mcp"); named == signedIn {
				t.Errorf("purpose %d, signed in %v: %s", purpose, signedIn, next)
			}
		}
	}
}
