//go:build linux

package interop

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// A whole login with a real Secret Service: the credential is sealed on disk by
// a key that only the keyring has, and the next start finds it.
func TestSecretServiceLogin(t *testing.T) {
	real.Long(t, "a desktop session")
	if !real.SecretService(t) {
		return
	}
	idp, base := lab(t, nil)
	env := append(bridgeEnv(t), "MCP_LOGIN_STORE=keyring")
	state := ""
	for _, pair := range env {
		if dir, ok := strings.CutPrefix(pair, "MCP_LOGIN_DIR="); ok {
			state = dir
		}
	}
	for range 2 {
		s := open(t, env, binary.Build(t, "mcp-login"), base+"/mcp")
		if claims := s.whoami(); claims["email"] != "alice@example.test" {
			t.Errorf("claims %v", claims)
		}
		s.end()
	}
	if n := idp.Stats().CodeExchanges; n != 1 {
		t.Errorf("%d logins", n)
	}
	want(t, run(t, env, binary.Build(t, "mcp-login"), "status"), "alice@example.test", "keyring")
	token := strings.TrimSpace(run(t, env, binary.Build(t, "mcp-login"), "token", base+"/mcp"))
	files, err := filepath.Glob(filepath.Join(state, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing in %s: %v", state, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // a folder
		}
		if strings.Contains(string(content), token) || strings.Contains(string(content), "access_token") {
			t.Errorf("%s holds a token in the clear", filepath.Base(file))
		}
	}
	if n := keysOfOurs(t); n != 1 {
		t.Errorf("%d keys in the keyring", n)
	}
	want(t, run(t, env, binary.Build(t, "mcp-login"), "uninstall", "--write"), "removed login: "+base, "removed key: ", "removed folder: "+state)
	if n := keysOfOurs(t); n != 0 {
		t.Errorf("%d keys in the keyring after uninstall", n)
	}
	if idp.Stats().Revocations == 0 {
		t.Error("the login was not revoked")
	}
	// What an earlier sign-in has left, whose key is gone.
	if err := os.MkdirAll(state, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(state, "key.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, run(t, env, binary.Build(t, "mcp-login"), "uninstall", "--write"), "there was no key any more: ", "removed folder: "+state)
}

// keysOfOurs counts what the keyring holds of mcp-login.
func keysOfOurs(t *testing.T) int {
	t.Helper()
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var open, locked []dbus.ObjectPath
	secrets := conn.Object("org.freedesktop.secrets", "/org/freedesktop/secrets")
	if err := secrets.Call("org.freedesktop.Secret.Service.SearchItems", 0, map[string]string{"service": "mcp-login"}).Store(&open, &locked); err != nil {
		t.Fatal(err)
	}
	return len(open) + len(locked)
}

// secretServiceOwner returns the process that owns the Secret Service's name.
func secretServiceOwner(t *testing.T) (pid int) {
	t.Helper()
	conn, err := dbus.ConnectSessionBus()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var owner uint32
	if err := conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, "org.freedesktop.secrets").Store(&owner); err != nil {
		t.Fatal(err)
	}
	return int(owner)
}

// Issue, "daemon stopped by SIGSTOP": every verb and the bridge answer with the
// state of the keyring and a next step, nobody is sent to sign in again, and
// once it goes on everything works.
func TestSecretServiceStopped(t *testing.T) {
	real.Long(t, "a desktop session")
	if !real.SecretService(t) {
		return
	}
	idp, base := lab(t, nil)
	env := append(bridgeEnv(t), "MCP_LOGIN_STORE=keyring")
	program := binary.Build(t, "mcp-login")
	s := open(t, env, program, base+"/mcp")
	s.whoami()
	s.end()

	daemon := secretServiceOwner(t)
	if err := syscall.Kill(daemon, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = syscall.Kill(daemon, syscall.SIGCONT) }()
	for _, args := range [][]string{{"token", base + "/mcp"}, {"login", base + "/mcp"}} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, program, args...)
		cmd.Env = append(os.Environ(), env...)
		begin := time.Now()
		out, err := cmd.CombinedOutput()
		t.Logf("MEASURED %s with a stopped keyring: answer after %v", args[0], time.Since(begin).Round(10*time.Millisecond))
		cancel()
		if err == nil {
			t.Errorf("%s went well without its keyring: %s", args[0], out)
		}
		want(t, string(out), "timed out", "hint: ")
	}
	stuck := open(t, env, program, base+"/mcp")
	begin := time.Now()
	answer := stuck.call("tools/list", "{}")
	t.Logf("MEASURED bridge with a stopped keyring: answer after %v", time.Since(begin).Round(10*time.Millisecond))
	if failure, _ := answer["error"].(map[string]any); failure == nil || !strings.Contains(fmt.Sprint(failure), "timed out") {
		t.Errorf("the bridge answered %v", answer)
	}
	if err := syscall.Kill(daemon, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	// The call that is overdue has to come back first.
	binary.Until(t, "an answer that is no error", func() bool { return stuck.call("tools/list", "{}")["error"] == nil })
	if claims := stuck.whoami(); claims["email"] != "alice@example.test" {
		t.Errorf("the same bridge, after it went on: %v", claims)
	}
	stuck.end()
	if n := idp.Stats().CodeExchanges; n != 1 {
		t.Errorf("%d logins", n)
	}
}
