package bearer

import (
	"net/http"
	"strings"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// What keeps clients from signing in is in the log once, before anybody tries;
// tokens are verified all the same.
func TestIssuerThatClientsCannotUseIsLogged(t *testing.T) {
	const complete = `"authorization_endpoint":"ISSUER/auth","token_endpoint":"ISSUER/token","response_types_supported":["code"],` +
		`"grant_types_supported":["authorization_code"],"code_challenge_methods_supported":["S256"],"registration_endpoint":"ISSUER/reg"`
	without := func(old, with string) string { return strings.Replace(complete, old, with, 1) }
	for name, tt := range map[string]struct{ members, want string }{
		"complete":               {complete, ""},
		"default grant types":    {without(`"grant_types_supported":["authorization_code"],`, ""), ""},
		"metadata documents":     {without(`"registration_endpoint":"ISSUER/reg"`, `"client_id_metadata_document_supported":true`), ""},
		"no registration":        {without(`,"registration_endpoint":"ISSUER/reg"`, ""), "takes no clients that it does not know"},
		"no code":                {without(`["code"]`, `["token"]`), "response type code"},
		"other grant types":      {without(`["authorization_code"]`, `["implicit"]`), "grant type authorization_code"},
		"plain PKCE":             {without(`["S256"]`, `["plain"]`), "PKCE with S256"},
		"no PKCE":                {without(`"code_challenge_methods_supported":["S256"],`, ""), "PKCE with S256"},
		"no authorization":       {without(`"authorization_endpoint":"ISSUER/auth",`, ""), "authorization_endpoint"},
		"no token endpoint":      {without(`"token_endpoint":"ISSUER/token",`, ""), "token_endpoint"},
		"several things at once": {`"x":1`, "PKCE with S256"},
	} {
		t.Run(name, func(t *testing.T) {
			i := issuer.Start(t)
			i.Metadata = func(w http.ResponseWriter, r *http.Request) {
				issuer.Answer(200, `{"issuer":"`+i.URL+`","jwks_uri":"`+i.URL+`/jwks",`+strings.ReplaceAll(tt.members, "ISSUER", i.URL)+`}`)(w, r)
			}
			var log binary.Output
			s := newServer(t, i, func(c *Config) { c.Log = log.Logger() })
			if resp := call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami); resp.StatusCode != 200 {
				t.Errorf("status %d", resp.StatusCode)
			}
			_, _ = s.providers[0].fetchMetadata(t.Context()) // the same document again
			remarks := strings.Count(log.String(), "MCP clients cannot sign in") + strings.Count(log.String(), "takes no clients")
			want := 1
			if tt.want == "" {
				want = 0
			}
			if remarks != want || !strings.Contains(log.String(), tt.want) {
				t.Errorf("%d remarks, want %d with %q in\n%s", remarks, want, tt.want, log.String())
			}
		})
	}
}
