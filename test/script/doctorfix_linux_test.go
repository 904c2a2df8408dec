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

// At a terminal each change is shown and asked for, and made only after a yes.
func TestFixAsksAtATerminal(t *testing.T) {
	h := newHouse(t, nil)
	home := t.TempDir()
	file := filepath.Join(home, ".cursor", "mcp.json")
	h.env = append(h.env, "HOME="+home, "XDG_CONFIG_HOME="+home, "TMPDIR="+filepath.Join(home, "tmp"))
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	const entry = `{"mcpServers": {"x": {"command": "/gone/mcp-login", "args": ["https://a.example/mcp"]}}}`
	for _, typed := range []string{"n\n", "\n", "never\n", "\x04", " Y \n"} {
		if err := os.WriteFile(file, []byte(entry), 0o600); err != nil {
			t.Fatal(err)
		}
		control, end := binary.PseudoTerminal(t)
		cmd := h.command("doctor", "--fix")
		var out strings.Builder
		cmd.Stdin, cmd.Stderr, cmd.Stdout = end, end, &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = end.Close()
		said := bufio.NewReader(control)
		var shown strings.Builder
		for line := ""; !strings.Contains(line, "type y or n"); {
			var err error
			if line, err = said.ReadString('\n'); err != nil {
				t.Fatalf("%v: %s", err, shown.String())
			}
			shown.WriteString(line)
		}
		fmt.Fprint(control, typed)
		go func() { _, _ = io.Copy(io.Discard, said) }()
		_ = cmd.Wait()
		agreed := strings.Contains(typed, "Y")
		after, err := os.ReadFile(file)
		if err != nil || (string(after) != entry) != agreed || (cmd.ProcessState.ExitCode() == 0) != agreed {
			t.Errorf("%q: %v, %v\n%s\n%s", typed, err, cmd.ProcessState, after, out.String())
		}
		for _, want := range []string{file, "entry x:", "- /gone/mcp-login", "+ " + cmd.Path} {
			if !strings.Contains(shown.String(), want) {
				t.Errorf("not shown: %s", want)
			}
		}
	}
}
