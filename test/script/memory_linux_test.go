package script

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"mcp-login/test/binary"
)

// stranger is a user without privileges; root may look into everything.
const stranger = 65534

// asStranger runs cmd as that user, where the test may say so, with what little
// environment it needs.
func asStranger(t *testing.T, cmd *exec.Cmd, env ...string) *exec.Cmd {
	t.Helper()
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
	}
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent"}, env...)
	return cmd
}

// public puts the program where every user can run it.
func public(t *testing.T, program string) string {
	t.Helper()
	b, err := os.ReadFile(program)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for up := dir; up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
		if err := os.Chmod(up, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	to := filepath.Join(dir, filepath.Base(program))
	if err := os.WriteFile(to, b, 0o755); err != nil {
		t.Fatal(err)
	}
	return to
}

// peek is another process of that user, which opens what shows the memory and the
// environment of process pid.
func peek(t *testing.T, pid int) string {
	t.Helper()
	const look = `for f in environ mem maps; do ( exec 3<"/proc/$1/$f" && echo "opened $f" && { [ $f != environ ] || cat <&3; } ) 2>/dev/null; done; :`
	out, err := asStranger(t, exec.Command("sh", "-c", look, "peek", strconv.Itoa(pid))).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// coreLimit is the limit on core files of a process.
func coreLimit(t *testing.T, pid int) string {
	t.Helper()
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(limits)) {
		if strings.HasPrefix(line, "Max core file size") {
			return line
		}
	}
	return ""
}

// While tokens are in memory no other process of the same user reads them
// there, or in the environment; nothing of it is inherited by the browser.
func TestMemoryIsHidden(t *testing.T) {
	program := public(t, binary.Build(t, "mcp-login"))
	const canary = "canary-of-a-given-token-0123456789"
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`)
	}))
	defer served.Close()
	state := filepath.Dir(program)
	if err := os.Chmod(state, 0o777); err != nil {
		t.Fatal(err)
	}
	settings := []string{"MCP_LOGIN_DIR=" + filepath.Join(state, "state"), "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1", "MCP_LOGIN_TOKEN=" + canary}
	for _, open := range []bool{false, true} {
		env := settings
		if open {
			env = append(env, "MCP_LOGIN_DUMPABLE=1")
		}
		b := started(t, asStranger(t, exec.Command(program, served.URL+"/mcp"), env...))
		b.initialize()
		if _, err := b.out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		seen := peek(t, b.cmd.Process.Pid)
		if strings.Contains(seen, canary) != open || strings.Contains(seen, "opened") != open {
			t.Errorf("dumpable %v: another process of the user has %q", open, seen)
		}
		_ = b.in.Close()
		b.ended()
	}
}

// The browser, and what it is started by, are as they would be without us.
func TestBrowserIsNotHidden(t *testing.T) {
	program := public(t, binary.Build(t, "mcp-login"))
	dir := filepath.Dir(program)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	// A browser that says who it is and stays until the test has looked.
	told := filepath.Join(dir, "told")
	if err := syscall.Mkfifo(told, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(told, 0o666); err != nil {
		t.Fatal(err)
	}
	browser := filepath.Join(dir, "browser")
	if err := os.WriteFile(browser, []byte("#!/bin/sh\necho $$ >"+told+"\nread end <"+told+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := asStranger(t, exec.Command(program, "login", protected(t)), "MCP_LOGIN_DIR="+filepath.Join(dir, "state"), "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1", "MCP_LOGIN_BROWSER="+browser)
	b := started(t, cmd)
	line, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(line)))
	if err != nil {
		t.Fatal(err)
	}
	if seen := peek(t, pid); !strings.Contains(seen, "opened environ") || !strings.Contains(seen, "opened mem") {
		t.Errorf("the browser cannot be looked into: %q", seen)
	}
	if got, want := coreLimit(t, pid), coreLimit(t, os.Getpid()); got != want {
		t.Errorf("the browser's limit: %q, want %q", got, want)
	}
	if seen := peek(t, b.cmd.Process.Pid); strings.Contains(seen, "opened") {
		t.Errorf("the process that signs in: %q", seen)
	}
	if err := os.WriteFile(told, []byte("end\n"), 0); err != nil {
		t.Error(err)
	}
}
