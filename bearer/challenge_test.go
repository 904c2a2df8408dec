package bearer

import (
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

// RFC 9110 section 5.6.4: quotes and backslashes survive a quoted string, and
// nothing in a value can start another parameter or header.
func TestNothingInAChallengeStartsAnotherParameter(t *testing.T) {
	const text = `say "no", error="x" \ end`
	header := challenge{resourceMetadata: "https://h/a", scopes: []string{"x"}, code: "invalid_token", text: text + "\r\nX-Evil: 1"}.String()
	if strings.ContainsAny(header, "\r\n") {
		t.Fatalf("line break in %q", header)
	}
	parsed, err := oauthex.ParseWWWAuthenticate([]string{header})
	if err != nil || len(parsed) != 1 {
		t.Fatalf("%q: %v %v", header, parsed, err)
	}
	if got := parsed[0].Params["error_description"]; got != text+"X-Evil: 1" {
		t.Errorf("description %q", got)
	}
	if got := parsed[0].Params["error"]; got != "invalid_token" {
		t.Errorf("error %q", got)
	}
}
