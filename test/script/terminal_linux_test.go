package script

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
)

// Somebody who runs the bridge at a terminal reads what it is and which commands there are, on
// stderr, with the flags that were given. Each command does what it says, and what is typed
// is relayed all the same.
func TestTheBridgeIntroducesItselfAtATerminal(t *testing.T) {
	for _, flags := range [][]string{nil, {"--profile", "my work", "--header", "X-Key: s3cret"}} {
		h := newHouse(t, nil)
		h.env = append(h.env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
		control, end := binary.PseudoTerminal(t)
		cmd := h.command(append(flags, h.url)...)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdin, cmd.Stderr = end, end
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		_ = end.Close()
		defer time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() }).Stop()
		said := bufio.NewReader(control)
		var lines []string
		for len(lines) == 0 || !strings.Contains(lines[len(lines)-1], "mcp-login doctor ") {
			line, err := said.ReadString('\n')
			if err != nil {
				t.Fatalf("%v: %q", err, lines)
			}
			lines = append(lines, strings.TrimSpace(line))
		}
		behind := ""
		if flags != nil {
			behind = " -- --profile 'my work' '--header=X-Key: VALUE'"
		}
		if !strings.HasPrefix(lines[0], "mcp-login: this is the bridge") || lines[len(lines)-4] != "mcp-login config CLIENT "+h.url+" --write"+behind || strings.Contains(strings.Join(lines, ""), "s3cret") {
			t.Errorf("%q", lines)
		}
		for _, line := range lines[len(lines)-3:] {
			again := h.command()
			again.Args = []string{"sh", "-c", strings.Replace(line, "mcp-login", again.Path, 1)}
			again.Path, again.Err = "/bin/sh", nil
			if out, err := again.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
		}
		go func() { _, _ = io.Copy(io.Discard, said) }()
		fmt.Fprintln(control, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
		answer, err := bufio.NewReader(stdout).ReadString('\n')
		if err != nil || !strings.HasPrefix(answer, `{"jsonrpc":"2.0","id":1,"result":`) {
			t.Errorf("what is first on stdout: %v, %q", err, answer)
		}
		fmt.Fprint(control, "\x04")
		_ = cmd.Wait()
	}
}

// A client, whose stdin is a pipe, gets nothing of that.
func TestTheBridgeIsSilentForAClient(t *testing.T) {
	h := newHouse(t, nil)
	cmd := h.command(h.url)
	cmd.Stdin = strings.NewReader("")
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v: %s", err, out)
	}
}
