//go:build unix

package script

import (
	"strings"
	"testing"

	"mcp-login/internal/devidp"
)

// What the URL alone leads to is found from when its person is asked, not only from
// when it is kept: a second program waits for that sign-in, and logout ends it.
func TestFirstSignInIsFoundByURL(t *testing.T) {
	h := newHouse(t, func(c *devidp.Config) {
		c.Registration = false
		c.Clients = []devidp.Client{{ID: "native-app", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
	})
	one := h.bridge("--client-id", "native-app", "--scope", "openid", "--login-patience", "0")
	one.initialize()
	address := one.address()
	two := h.bridge("--login-patience", "0")
	two.initialize()
	if again := two.address(); !sameLogin(address, again) {
		t.Errorf("another sign-in was begun:\n%s\n%s", address, again)
	}
	if out, err := h.command("logout", h.url).Output(); err != nil || !strings.Contains(string(out), "ended the sign-in to "+h.url) {
		t.Errorf("%v: %s", err, out)
	}
	for _, b := range []*bridge{one, two} {
		if line := b.line(); !strings.Contains(line, `"code":1002`) {
			t.Error(line)
		}
		_ = b.in.Close()
	}
}
