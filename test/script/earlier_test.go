//go:build unix

package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// A bridge of an earlier version and one of ours wait for one login, whichever has
// begun it: one lock, one record of the login in progress, one tab, one sign-in.
func TestEarlierVersionFollows(t *testing.T) {
	real.Long(t, "builds an earlier version")
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

// A bridge goes on when its program is replaced by another version: what it starts then
// is that one, with the arguments, the environment and the login request of its own.
func TestEarlierVersionReplaced(t *testing.T) {
	real.Long(t, "builds an earlier version")
	versions := map[string]string{"c9a35dd": binary.Earlier(t, "c9a35dd", "mcp-login"), "ours": binary.Build(t, "mcp-login")}
	for was, becomes := range map[string]string{"c9a35dd": "ours", "ours": "c9a35dd"} {
		t.Run(was+" becomes "+becomes, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, func(cfg *devidp.Config) {
				cfg.Clients = []devidp.Client{{ID: "app", Secret: "s3cret", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
			})
			program := filepath.Join(t.TempDir(), "mcp-login")
			install := func(version string) {
				_ = os.Remove(program)
				if err := os.Link(versions[version], program); err != nil {
					t.Fatal(err)
				}
			}
			install(was)
			flags := []string{"--client-id", "app", "--scope", "openid offline_access", "--auth-param", "ui_locales=de", "--profile", "work", h.url}
			start := func() *bridge {
				cmd := exec.Command(program, flags...)
				cmd.Env = append(h.env, "MCP_LOGIN_CLIENT_SECRET=s3cret")
				return h.started(cmd)
			}
			b := start()
			install(becomes)
			b.initialize()
			address := b.address()
			h.approve(address)
			if line := b.line(); !strings.Contains(line, `"id":1,"result"`) {
				t.Error(line)
			}
			_ = b.in.Close()
			for _, version := range []string{becomes, was} {
				install(version)
				again := start()
				again.initialize()
				if line := again.line(); !strings.Contains(line, `"id":1,"result"`) {
					t.Error(version, line)
				}
				_ = again.in.Close()
			}
			if s := h.idp.Stats(); s.CodeExchanges != 1 || s.Logins != 1 {
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
