package oauth

import (
	"errors"
	"fmt"
	"net/url"
	"testing"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Failures without an OAuth error code have a name for the page,
// and stay what they are.
func TestTabIsToldTheFailure(t *testing.T) {
	_, foreign := (&grant.Client{}).CheckAnswer(url.Values{"iss": {"https://evil.example"}, "code": {"c"}}, &grant.Target{Server: discovery.ServerMetadata{Issuer: "https://good.example"}})
	for want, err := range map[string]error{
		"foreign": foreign, "timeout": &grant.Error{Op: "x", Err: grant.ErrLoginTimeout}, "unavailable": fmt.Errorf("x: %w", discovery.ErrUnavailable), "": &grant.Error{Op: "x", Code: "access_denied", Err: grant.ErrDenied},
	} {
		if got := (pageError{err}).LoginFailure(); err == nil || got != want || !errors.Is(pageError{err}, err) {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
