//go:build !windows

package manual

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// patience is for one command.
const patience = time.Minute

// comment is what a page says behind a command.
var comment = regexp.MustCompile(`\s+# .*$`)

// The commands in the blocks of each page work, from top to bottom, for a reader who has done
// nothing before.
func TestBlocks(t *testing.T) {
	lab, seen := newLab(t), 0
	for _, p := range pages(t) {
		commands := slices.DeleteFunc(p.blocks(), func(command string) bool { seen++; return isNotRun(command) })
		if p.path == "docs/logto.md" || len(commands) == 0 { // TestLogtoPage runs that page, and compares its outputs
			continue
		}
		t.Run(p.path, func(t *testing.T) {
			t.Parallel()
			h := lab.newHome(t)
			if p.path == "docs/install.md" { // whoever removes it has used it
				h.settle(t)
			}
			if strings.Contains(strings.Join(p.lines, "\n"), "-command '") {
				h.printers(t)
			}
			for _, command := range commands {
				h.run(t, command)
			}
		})
	}
	if seen < 80 {
		t.Errorf("only %d commands found", seen)
	}
}

// Each command within a line works, in a home with logins and clients.
func TestInlineCommands(t *testing.T) {
	where := map[string]string{}
	for _, p := range pages(t) {
		for _, command := range p.inline() {
			if !isNotRun(command) {
				where[command] = p.path
			}
		}
	}
	if len(where) < 50 {
		t.Errorf("only %d commands found", len(where))
	}
	lab := newLab(t)
	for _, command := range slices.Sorted(maps.Keys(where)) {
		t.Run(command, func(t *testing.T) {
			t.Parallel()
			t.Log("in " + where[command])
			h := lab.newHome(t)
			if words := strings.Fields(command); len(words) == 2 && words[0] == "mcp-login" && words[1][0] != '-' && words[1] != "URL" {
				h.run(t, "mcp-login help "+words[1]) // the name of a verb
				return
			}
			h.settle(t)
			h.run(t, command)
		})
	}
}

// What is not run is still in a page, the test that its reason names is there, and what is
// looked for in the output is in a page as well.
func TestTables(t *testing.T) {
	var all []string
	for _, p := range pages(t) {
		all = append(all, append(p.blocks(), p.inline()...)...)
	}
	used := map[string]bool{}
	for _, command := range all {
		if k := notRunEntry(command); k >= 0 {
			used[notRun[k].command] = true
		}
	}
	for _, entry := range notRun {
		if !used[entry.command] || entry.why == "" {
			t.Errorf("no page has %q", entry.command)
		}
		for _, name := range regexp.MustCompile(`\bTest[A-Z]\w*`).FindAllString(entry.why, -1) {
			if !isATest(t, name) {
				t.Errorf("%s: there is no %s", entry.command, name)
			}
		}
	}
	for command := range shows {
		if !slices.ContainsFunc(all, func(shown string) bool { return comment.ReplaceAllString(shown, "") == command }) {
			t.Errorf("no page has %q", command)
		}
	}
}

func isNotRun(command string) bool { return notRunEntry(command) >= 0 }

// notRunEntry is the index of the entry of notRun that command falls under, -1 for none.
func notRunEntry(command string) int {
	return slices.IndexFunc(notRun, func(entry struct{ command, why string }) bool { return strings.HasPrefix(command, entry.command) })
}

// isATest reports whether a package of this repository has a test of this name.
func isATest(t *testing.T, name string) bool {
	t.Helper()
	found := false
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || found:
			return err
		case d.IsDir() && d.Name() == "node_modules":
			return filepath.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		text, err := os.ReadFile(path)
		found = bytes.Contains(text, []byte("\nfunc "+name+"(t *testing.T)"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// run runs a command of a page. It has to end with 0 and to print what it is known to show.
func (h *home) run(t *testing.T, command string) (stdout string) {
	t.Helper()
	command = comment.ReplaceAllString(command, "")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	typed := h.typed(t, command)
	cmd := exec.CommandContext(ctx, "bash", "-c", typed)
	cmd.Dir, cmd.Env, cmd.WaitDelay = h.folder, h.env, time.Second
	if strings.HasPrefix(command, "whoami-server ") && !strings.Contains(command, "--issuer") && !strings.Contains(command, "--dev") {
		cmd.Env = append(slices.Clone(h.env), "WHOAMI_ISSUER="+h.lab.issuer)
	}
	var out, said string
	var err error
	switch {
	case strings.HasPrefix(command, "whoami-server ") && command != "whoami-server --help":
		out, said, err = serves(cmd)
	case regexp.MustCompile(`^mcp-login .*(https?://|URL|…)`).MatchString(command) && !regexp.MustCompile(`^mcp-login [a-z]`).MatchString(command):
		out, said, err = relays(cmd)
	default:
		out, said, err = h.ends(cmd)
	}
	if err != nil {
		t.Errorf("%s\nis %s here\n%v\n%s%s", command, typed, err, out, said)
	}
	if want := shows[command]; want != "" && !regexp.MustCompile(want).MatchString(out+said) {
		t.Errorf("%s does not show %q:\n%s%s", command, want, out, said)
	}
	return out
}

// callbackPort is a port that a page names. Here it may be taken: it is one of those that
// the system gives to connections.
var callbackPort = regexp.MustCompile(`--callback-port \d+`)

// typed is a command with what the reader puts into it.
func (h *home) typed(t *testing.T, command string) string {
	t.Helper()
	if strings.HasPrefix(command, "mcp-login config ") { // asks no server
		return strings.NewReplacer("CLIENT", "vscode", " URL", " https://example.com/mcp").Replace(command)
	}
	id := "native-app"
	switch {
	case strings.Contains(command, "--client-credentials") && strings.Contains(command, "--assertion"):
		id = "workload-client"
	case strings.Contains(command, "--assertion"):
		id = "workload"
	case strings.Contains(command, "--client-key"):
		id = "machine-key"
	case strings.Contains(command, "--client-credentials"):
		id = "machine"
	}
	command = strings.NewReplacer(
		"--listen 127.0.0.1:3001", "--listen 127.0.0.1:0", "--listen :443", "--listen 127.0.0.1:0", "127.0.0.1:9464", "127.0.0.1:0",
		"https://TENANT.logto.app/oidc", h.lab.issuer, "https://mcp.example.com", h.lab.registered,
		"https://example.com", h.lab.example, "http://127.0.0.1:3001", h.lab.example, "http://127.0.0.1:8080", h.lab.example, "M2M_ID", id,
		platformToken, filepath.Join(h.folder, platformToken),
	).Replace(command)
	if regexp.MustCompile(`^mcp-login (login|logout|token|tools)( --[a-z-]+)+$`).MatchString(command) && !strings.HasSuffix(command, "--all") {
		command += " URL" // it is about flags
	}
	command = callbackPort.ReplaceAllStringFunc(command, func(string) string { return fmt.Sprint("--callback-port ", real.FreePort(t)) })
	command = regexp.MustCompile(`\bURL\b|…`).ReplaceAllString(command, h.lab.example+"/mcp")
	return regexp.MustCompile(`\bID\b`).ReplaceAllString(command, id)
}

// ends waits for a command that ends by itself. An address on its standard error is opened,
// as the person does who is told to.
func (h *home) ends(cmd *exec.Cmd) (out, said string, err error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout = &stdout
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return "", "", err
	}
	if err := cmd.Start(); err != nil {
		return "", "", err
	}
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		fmt.Fprintln(&stderr, lines.Text())
		if line := lines.Text(); strings.HasPrefix(line, h.lab.issuer) {
			go binary.Browse("approve-device", "alice", line) // its end is that of the command
		}
	}
	err = cmd.Wait()
	return stdout.String(), stderr.String(), err
}

// serves starts a server, and stops it when it listens.
func serves(cmd *exec.Cmd) (out, said string, err error) {
	cmd.Args[2] = "exec " + cmd.Args[2]
	pipe, err := cmd.StderrPipe()
	if err != nil {
		return "", "", err
	}
	if err := cmd.Start(); err != nil {
		return "", "", err
	}
	listens := errors.New("it does not listen")
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		said += lines.Text() + "\n"
		if listens != nil && strings.Contains(lines.Text(), "listening on ") {
			listens = cmd.Process.Signal(syscall.SIGTERM)
		}
	}
	return "", said, errors.Join(listens, cmd.Wait())
}

// session is what an MCP client says first.
const session = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"reader","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
`

// relays talks to a bridge as a client does, until the server's tools are listed.
func relays(cmd *exec.Cmd) (out, said string, err error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err1 := cmd.StdinPipe()
	stdout, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return "", "", err
	}
	_, err = io.WriteString(stdin, session)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		out += lines.Text() + "\n"
		if strings.Contains(lines.Text(), `"id":2`) {
			break
		}
	}
	if !strings.Contains(out, `"search"`) {
		err = errors.Join(err, errors.New("the server's tools are not listed"))
	}
	err = errors.Join(err, stdin.Close())
	_, _ = io.Copy(io.Discard, stdout)
	err = errors.Join(err, cmd.Wait())
	return out, stderr.String(), err
}
