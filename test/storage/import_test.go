package storage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/store"
	"mcp-login/test/real"
)

// withMCPRemote signs in with the real npm mcp-remote and returns its folder,
// from which it has ended.
func (l *lab) withMCPRemote(t *testing.T) (folder string) {
	t.Helper()
	node := real.NodeModules(t)
	program := filepath.Join(node.Package(t, "mcp-remote"), "dist", "proxy.js")
	folder = t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node.Path, program, l.url, strconv.Itoa(real.FreePort(t)))
	cmd.WaitDelay = time.Second
	// No opener is found, so that it prints the address.
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(node.Path), "HOME="+t.TempDir(), "NO_PROXY=127.0.0.1", "MCP_REMOTE_CONFIG_DIR="+folder)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	said, err3 := cmd.StderrPipe()
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan string, 1)
	go func() {
		var all strings.Builder
		address := ""
		for lines := bufio.NewScanner(said); lines.Scan(); {
			text := strings.TrimSpace(lines.Text())
			all.WriteString(text + "\n")
			if strings.HasPrefix(text, l.idp.Issuer()+"/auth?") {
				address = text // it does not listen yet
			}
			if strings.HasSuffix(text, "Waiting for authorization...") {
				approve(address)
			}
		}
		read <- all.String()
	}()
	fmt.Fprintln(in, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}`)
	line, err := bufio.NewReader(out).ReadString('\n')
	// Its tokens are on disk before it answers.
	_ = cmd.Process.Kill()
	text := <-read
	_ = cmd.Wait()
	if err != nil || !strings.Contains(line, `"result"`) {
		t.Fatalf("mcp-remote answered %q, %v\n%s", line, err, text)
	}
	return folder
}

// files returns what is in mcp-remote's folder.
func files(t *testing.T, folder string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// run runs the program to its end and returns all it said.
func (l *lab) run(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := l.command(args...)
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return string(out)
}

// Issue, item 8: the login of the real mcp-remote is taken over, works without a
// tab, is renewed at its own client, and its plain files stay until they are
// asked to go.
func TestImportFromRealMCPRemote(t *testing.T) {
	l := newLab(t, store.KindPassphrase, -1)
	folder := l.withMCPRemote(t)
	before := files(t, folder)
	if len(before) < 2 {
		t.Fatalf("mcp-remote keeps %v", before)
	}
	env := []string{"MCP_REMOTE_CONFIG_DIR=" + folder}
	said := l.run(t, env, "import", "mcp-remote")
	for _, want := range []string{"took over the login for " + l.url + " as alice@example.test", "--delete", "encrypted under your passphrase"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in %s", want, said)
		}
	}
	if after := files(t, folder); !slices.Equal(before, after) {
		t.Errorf("files went unasked: %v, %v", before, after)
	}
	l.signIn()
	l.expire()
	l.signIn()
	if s := l.idp.Stats(); s.Logins != 1 || s.Registrations != 1 || s.Refreshes != 1 {
		t.Errorf("%d tabs, %d registrations, %d refreshes; the first of each was mcp-remote's", s.Logins, s.Registrations, s.Refreshes)
	}
	said = l.run(t, env, "import", "mcp-remote", "--delete")
	if after := files(t, folder); len(after) != 0 || !strings.Contains(said, "already signed in") {
		t.Errorf("left behind: %v\n%s", after, said)
	}
	l.signIn()
	if said = l.run(t, env, "import", "mcp-remote"); !strings.Contains(said, "no login of mcp-remote") {
		t.Errorf("of an empty folder: %s", said)
	}
}
