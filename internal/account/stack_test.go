package account

import (
	"net/http"
	"testing"

	"mcp-login/internal/oauth/grant"
)

// Where something else gives the token nobody is asked to sign in, and the stage that
// stands in for the server meanwhile is left out.
func TestOnlyALoginNeedsTheStandIn(t *testing.T) {
	for name, c := range map[string]struct {
		connection Connection
		want       bool
	}{
		"a login":                 {Connection{}, true},
		"another header":          {Connection{Header: http.Header{"X-Key": {"k"}}}, true},
		"an Authorization header": {Connection{Header: http.Header{"Authorization": {"Basic x"}}}, false},
		"a token of the variable": {Connection{Token: grant.NewSecret("t")}, false},
	} {
		if got := (&Account{Config: Config{Connection: c.connection}}).signsIn(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
