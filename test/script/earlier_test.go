//go:build unix

package script

import (
	"os/exec"
	"strings"
	"testing"

	"mcp-login/test/binary"
)

// A bridge of an earlier version and one of ours wait for one login, whichever has
// begun it: one lock, one record of the login in progress, one tab, one sign-in.
func TestEarlierVersionFollows(t *testing.T) {
	versions := map[string]string{"c9a35dd": binary.Earlier(t, "c9a35dd", "mcp-login"), "ours": binary.Build(t, "mcp-login")}
	for first, second := range map[string]string{"c9a35dd": "ours", "ours": "c9a35dd"} {
		t.Run(first+" begins", func(t *testing.T) {
			h := newHouse(t, nil)
			start := func(version string) *bridge {
				cmd := exec.Command(versions[version], h.url)
				cmd.Env = h.env
				b := h.started(cmd)
				b.initialize()
				return b
			}
			one := start(first)
			address := one.address()
			two := start(second)
			if again := two.address(); !sameLogin(address, again) {
				t.Errorf("another login was begun:\n%s\n%s", address, again)
			}
			h.approve(address)
			for _, b := range []*bridge{one, two} {
				if line := b.line(); !strings.Contains(line, `"id":1,"result"`) {
					t.Error(line)
				}
				_ = b.in.Close()
			}
			if s := h.idp.Stats(); s.Registrations != 1 || s.CodeExchanges != 1 || s.Authorizations != 1 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// sameLogin reports whether two addresses lead to one login: the earlier version shows
// that of the provider, which the record of a login in progress holds as well.
func sameLogin(a, b string) bool {
	return a == b || strings.Contains(a, "/auth?") != strings.Contains(b, "/auth?")
}
