package discovery

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"mcp-login/internal/hint"
)

// Text from a server or provider is one line without what is not seen, and bounded.
func TestErrorsFilterStrangersText(t *testing.T) {
	evil := "a\x1b[31m\u009b\u202e\u200b\U000e0041\nmcp-login: hint: x" + strings.Repeat("x", 100_000)
	from := &url.URL{Scheme: "https", Host: "as.example"}
	for name, err := range map[string]error{
		"issuer":     (&ServerMetadata{Issuer: evil}).issuerMismatch("https://as.example", from),
		"other site": (&ServerMetadata{Issuer: "https://as.example/x", TokenEndpoint: evil}).issuerMismatch("https://as.example", from),
		"resource":   ResourceMetadata{Resource: evil}.checkResource(&url.URL{Scheme: "https", Host: "mcp.example"}),
		"methods":    (&ServerMetadata{Issuer: evil, CodeChallengeMethods: []string{evil}}).checkPKCE(),
		"not listed": &NotListedError{evil, []string{evil, evil}},
	} {
		text := err.Error() + hint.Of(err)
		if strings.ContainsAny(text, "\x1b\u009b\u202e\u200b\U000e0041\n") || !utf8.ValidString(text) || len(text) > 9000 {
			t.Errorf("%s: %.200q… of %d bytes", name, text, len(text))
		}
	}
}
