package script

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"mcp-login/test/binary"
)

// At a terminal config asks under npx whether a copy is wanted, and only there.
func TestUnderNPXACopyIsOffered(t *testing.T) {
	program := binary.Release(t, "v1.2.3", noFeed)
	for typed, want := range map[string]string{"y\n": `"args": ["https://example.com/mcp"]`, "n\n": `"mcp-login@1.2.3"`, "\x04": `"mcp-login@1.2.3"`} {
		m := newMachine(t, program, "npx")
		control, end := binary.PseudoTerminal(t)
		cmd := exec.Command(m.program, "config", "cursor", "https://example.com/mcp", "--write")
		cmd.Env = m.env()
		cmd.Stdin, cmd.Stdout, cmd.Stderr = end, end, end
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = end.Close()
		said := bufio.NewReader(control)
		for line := ""; !strings.Contains(line, "type y or n"); {
			var err error
			if line, err = said.ReadString('\n'); err != nil {
				t.Fatal("it does not ask: ", err)
			}
		}
		fmt.Fprint(control, typed)
		go func() { _, _ = io.Copy(io.Discard, said) }()
		_ = cmd.Wait()
		data, err := os.ReadFile(m.file())
		if err != nil || !strings.Contains(string(data), want) || exists(m.home+"/.local/bin/mcp-login") != (typed == "y\n") {
			t.Errorf("%q: %v\n%s", typed, err, data)
		}
	}
}
