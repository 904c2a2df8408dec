//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// drives runs the driver under a new home, with a command in place of mcp-login.
func drives(t *testing.T, flags []string, command ...string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary.Build(t, "packaging/signin"), append(append(flags, "--"), command...)...)
	cmd.Env = []string{"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "PROGRAM=" + binary.Build(t, "mcp-login")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The real program is taken through all steps, in each way to sign in and by way of a
// wrapper.
func TestTheProgramIsSeenToWork(t *testing.T) {
	for _, how := range []string{byBrowser, byPaste, byDevice, byBridge} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			said, err := drives(t, []string{"-how", how}, "sh", "-c", `exec "$PROGRAM" "$@"`, "wrapper")
			if err != nil || strings.Count(said, "\n") != 4 || !strings.Contains(said, "alice@example.test") {
				t.Errorf("%v\n%s", err, said)
			}
		})
	}
}

// What is not as it should be is seen: here a wrapper spoils it.
func TestFaultsAreSeen(t *testing.T) {
	kept := t.TempDir()
	if err := os.WriteFile(filepath.Join(kept, "forgotten"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		flags   []string
		wrapper string
		want    string
	}{
		"does nothing":            {nil, `exit 0`, "before anybody had signed in"},
		"signs in without saying": {nil, `exec "$PROGRAM" "$@" >/dev/null`, "login says"},
		"fails at its end":        {nil, `"$PROGRAM" "$@"; case $1 in http*) exit 7;; esac`, "exit status 7"},
		"speaks on stdout":        {nil, `case $1 in http*) echo hello;; esac; exec "$PROGRAM" "$@"`, "no message"},
		"speaks in the end":       {nil, `"$PROGRAM" "$@"; case $1 in http*) echo bye;; esac`, "more than the answers"},
		"keeps nothing":           {nil, `MCP_LOGIN_DIR=$(mktemp -d) exec "$PROGRAM" "$@"`, "asked to sign in again"},
		"revokes nothing":         {nil, `case $1 in http*|login) exec "$PROGRAM" "$@";; esac`, "revoke nothing"},
		"uninstalls nothing":      {nil, `case $1 in uninstall) exec "$PROGRAM" logout --all;; esac; exec "$PROGRAM" "$@"`, "index.json"},
		"leaves a file":           {[]string{"-left", kept}, `exec "$PROGRAM" "$@"`, "forgotten"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if said, err := drives(t, c.flags, "sh", "-c", c.wrapper, "wrapper"); err == nil || !strings.Contains(said, c.want) {
				t.Errorf("%v, want %q in\n%s", err, c.want, said)
			}
		})
	}
}

// Under the person's own home it does not run: it would remove what is kept there.
func TestThePersonsOwnHomeIsRefused(t *testing.T) {
	out, err := exec.Command("sh", "-c", `HOME=$(getent passwd "$(id -u)" | cut -d: -f6) exec "$0" -- true`, binary.Build(t, "packaging/signin")).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "HOME is your own") {
		t.Errorf("%v\n%s", err, out)
	}
}
