package script

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/test/binary"
)

// atHome gives the house a home of its own with an entry of a client, and returns its file.
func atHome(t *testing.T, h *house) (file string) {
	t.Helper()
	home := t.TempDir()
	h.env = append(h.env, "HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_STATE_HOME="+filepath.Join(home, "state"))
	file = filepath.Join(home, ".cursor", "mcp.json")
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(`{"mcpServers": {"x": {"command": "mcp-login", "args": ["https://a.example/mcp"]}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// A sign-in that a bridge has begun ends, and the bridge that waits for it neither begins
// another nor makes the folder anew.
func TestUninstallEndsASignInUnderWay(t *testing.T) {
	h := newHouse(t, nil)
	atHome(t, h)
	b := h.bridge()
	b.initialize()
	address := b.address()
	out, err := h.command("uninstall", "--write").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "removed folder: "+h.state()) {
		t.Errorf("%v\n%s", err, out)
	}
	if line := b.line(); !strings.Contains(line, `"id":1,"error"`) {
		t.Error(line)
	}
	_ = b.in.Close()
	if said, err := io.ReadAll(b.errOut); err != nil || strings.Contains(string(said), "\nhttp") {
		t.Errorf("after %s: %v\n%s", address, err, said)
	}
	b.ended()
	files, err := os.ReadDir(h.state())
	if !os.IsNotExist(err) {
		t.Errorf("the folder is there again: %v, %v", files, err)
	}
	if s := h.idp.Stats(); s.Logins != 0 || s.CodeExchanges != 0 {
		t.Errorf("%+v", s)
	}
}

// At a terminal it asks once, for all of it, and a person who declines keeps all of it.
func TestUninstallAsksAtATerminal(t *testing.T) {
	h := newHouse(t, nil)
	file := atHome(t, h)
	login := h.command("login", h.url)
	login.Env = append(login.Env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
	if out, err := login.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, typed := range []string{"n\n", "\n", "\x04", "y\n"} {
		control, end := binary.PseudoTerminal(t)
		cmd := h.command("uninstall", "--write")
		var out strings.Builder
		cmd.Stdin, cmd.Stderr, cmd.Stdout = end, end, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = end.Close()
		said := bufio.NewReader(control)
		for line := ""; !strings.Contains(line, "remove all of this? type y or n"); {
			if line, err = said.ReadString('\n'); err != nil {
				t.Fatal(err, out.String())
			}
		}
		fmt.Fprint(control, typed)
		go func() { _, _ = io.Copy(io.Discard, said) }()
		if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "entry     Cursor, x") || !strings.Contains(out.String(), h.url) {
			t.Errorf("%q: %v\n%s", typed, err, out.String())
		}
		after, err := os.ReadFile(file)
		_, missing := os.Stat(h.state())
		if removed := typed == "y\n"; err != nil || (string(after) != string(before)) != removed || os.IsNotExist(missing) != removed {
			t.Errorf("%q: %v, %v\n%s", typed, err, missing, after)
		}
	}
}
