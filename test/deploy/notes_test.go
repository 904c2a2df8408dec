package deploy

import (
	"bufio"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// keepNotes signs in two people and lets each keep a note at the server of deploy/gateway/node.
func keepNotes(t *testing.T, resource string) {
	t.Helper()
	for _, user := range []string{"alice", "bob"} {
		home := t.TempDir()
		call := func(args ...string) string {
			return callAs(t, user, home, append([]string{resource}, args...)...)
		}
		if said := call("add_note", "--arg", "text=note of "+user); !strings.Contains(said, "kept") {
			t.Errorf("%s: %s", user, said)
		}
		said := call("list_notes")
		if !strings.Contains(said, `/oidc","`) || !strings.Contains(said, "note of "+user) || strings.Count(said, "note of") != 1 {
			t.Errorf("%s: %s", user, said)
		}
	}
}

// callAs runs mcp-login call, and signs user in if it asks for that.
func callAs(t *testing.T, user, home string, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary.Build(t, "mcp-login"), append([]string{"call"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+home, "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve "+user)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", user, args, err, out)
	}
	return string(out)
}

// notes runs the server of deploy/gateway/node, as it is there, and returns its address.
func notes(t *testing.T, env ...string) string {
	t.Helper()
	node, folder := real.NodeModules(t), t.TempDir()
	for _, name := range []string{"@modelcontextprotocol/sdk", "jose", "zod"} {
		node.Package(t, name)
	}
	if err := os.Symlink(node.Modules, filepath.Join(folder, "node_modules")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "server.mjs"), []byte(read(t, "gateway/node/server.mjs")), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(node.Path, "server.mjs")
	cmd.Dir, cmd.Env = folder, append(append(os.Environ(), "PORT=0"), env...)
	return printedAddress(t, cmd)
}

// printedAddress starts a server that prints its URL first, and returns the address in it.
func printedAddress(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	said := &binary.Output{}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("%s said: %s", cmd, said)
		}
	})
	line, _ := bufio.NewReader(out).ReadString('\n')
	u, err := url.Parse(strings.TrimSpace(line))
	if err != nil || u.Host == "" {
		t.Fatalf("%s printed %q, %v", cmd, line, err)
	}
	return u.Host
}
