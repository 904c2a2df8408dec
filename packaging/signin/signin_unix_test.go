//go:build unix

package main

import (
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// wrapped runs the driver under a new home, with a script in place of mcp-login, which is $0.
func wrapped(t *testing.T, flags []string, script string) (said string, err error) {
	t.Helper()
	return drivesIn(t, nil, t.TempDir(), flags, "sh", "-c", script, binary.Build(t, "mcp-login"))
}

// drivesIn runs the driver in an environment.
func drivesIn(t *testing.T, env []string, home string, flags []string, command ...string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary.Build(t, "packaging/signin"), append(append(flags, "--"), command...)...)
	cmd.Env = append(env, "HOME="+home, "PATH="+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The real program is taken through all steps, in each way to sign in and by way of a
// wrapper.
func TestTheProgramIsSeenToWork(t *testing.T) {
	for _, how := range []string{byBrowser, byPaste, byDevice, byBridge} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			said, err := wrapped(t, []string{"-how", how}, `exec "$0" "$@"`)
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
		"signs in without saying": {nil, `exec "$0" "$@" >/dev/null`, "login says"},
		"fails at its end":        {nil, `"$0" "$@"; case $1 in http*) exit 7;; esac`, "exit status 7"},
		"speaks on stdout":        {nil, `case $1 in http*) echo hello;; esac; exec "$0" "$@"`, "no message"},
		"speaks in the end":       {nil, `"$0" "$@"; case $1 in http*) echo bye;; esac`, "more than the answers"},
		"keeps nothing":           {nil, `MCP_LOGIN_DIR=$(mktemp -d) exec "$0" "$@"`, "asked to sign in again"},
		"revokes nothing":         {nil, `case $1 in http*|login) exec "$0" "$@";; esac`, "revoke nothing"},
		"uninstalls nothing":      {nil, `case $1 in uninstall) exec "$0" logout --all;; esac; exec "$0" "$@"`, "index.json"},
		"leaves what hangs":       {[]string{"-limit", "1s"}, `exec 3<&0; setsid cat <&3 & :`, "before anybody had signed in"},
		"leaves a file":           {[]string{"-left", kept}, `exec "$0" "$@"`, "forgotten"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if said, err := wrapped(t, c.flags, c.wrapper); err == nil || !strings.Contains(said, c.want) {
				t.Errorf("%v, want %q in\n%s", err, c.want, said)
			}
		})
	}
}

// At its limit a command ends with all that it has started: here with what holds a pipe open.
func TestNothingOutlivesTheLimit(t *testing.T) {
	home := t.TempDir()
	pipe := filepath.Join(home, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	alive, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = alive.Close() }()
	said, err := drivesIn(t, nil, home, []string{"-limit", "1s"}, "sh", "-c", `exec 3>"$HOME/pipe"; echo begun >&3; sleep 1000; :`)
	if err == nil || !strings.Contains(said, "killed") {
		t.Errorf("%v\n%s", err, said)
	}
	_ = alive.SetReadDeadline(time.Now().Add(time.Minute))
	if left, err := io.ReadAll(alive); err != nil || string(left) != "begun\n" {
		t.Errorf("%q, %v", left, err)
	}
}

// What is the person's own stays: its home is refused by whatever name, also under sudo, and
// variables that lead elsewhere than to HOME do not reach the command.
func TestThePersonsOwnIsLeftAlone(t *testing.T) {
	own, err := user.Current()
	another, err2 := user.LookupId("1") // daemon, which every Unix has
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(own.HomeDir, link); err != nil {
		t.Fatal(err)
	}
	for _, home := range []string{own.HomeDir, own.HomeDir + "/", link} {
		if said, err := drivesIn(t, nil, home, nil, "true"); err == nil || !strings.Contains(said, "HOME is your own") {
			t.Errorf("%s: %v\n%s", home, err, said)
		}
	}
	if said, err := drivesIn(t, []string{"SUDO_UID=1"}, another.HomeDir, nil, "true"); err == nil || !strings.Contains(said, "HOME is your own") {
		t.Errorf("under sudo: %v\n%s", err, said)
	}
	mine := t.TempDir()
	const login = `{"mcpServers":{"mine":{"command":"mcp-login","args":["https://example.com/mcp"]}}}`
	if err := os.WriteFile(filepath.Join(mine, ".claude.json"), []byte(login), 0o600); err != nil {
		t.Fatal(err)
	}
	var env []string
	for _, name := range []string{"MCP_LOGIN_DIR", "CLAUDE_CONFIG_DIR", "CODEX_HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME"} {
		env = append(env, name+"="+mine)
	}
	if said, err := drivesIn(t, env, t.TempDir(), nil, binary.Build(t, "mcp-login")); err != nil {
		t.Errorf("%v\n%s", err, said)
	}
	if now, err := os.ReadFile(filepath.Join(mine, ".claude.json")); err != nil || string(now) != login {
		t.Errorf("%v\n%s", err, now)
	}
	if files, err := os.ReadDir(mine); err != nil || len(files) != 1 {
		t.Error(files, err)
	}
}

// A server that listens for itself has a port that nobody else is given meanwhile: the driver
// holds it for as long as the server runs.
func TestThePortOfAServerIsHeld(t *testing.T) {
	server := filepath.Join(t.TempDir(), "server")
	script := "#!/bin/sh\nexec " + binary.Build(t, "whoami-server") + ` --listen "127.0.0.1:$PORT" --resource "$RESOURCE" --issuer "$ISSUER"` + "\n"
	if err := os.WriteFile(server, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	s, err := open(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(s.endpoint, "http://"), "/mcp")
	if free, err := net.ListenPacket("udp4", host); err == nil {
		_ = free.Close()
		t.Errorf("%s is not held", host)
	}
	s.close()
	free, err := net.ListenPacket("udp4", host)
	if err != nil {
		t.Fatal(err)
	}
	_ = free.Close()
}
