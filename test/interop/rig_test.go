package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

func TestMain(m *testing.M) {
	// Tests that run beside each other mostly wait.
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil {
		panic(err)
	}
	binary.Main(m, map[string]binary.Role{
		"tab":          func(args []string) int { return openTab(args[0], args[1]) },
		"watch":        func(args []string) int { return watch(args[0]) },
		"approve-oidc": func(args []string) int { return approveOIDC(args[0]) },
	})
}

// program is a child process whose output is kept.
type program struct {
	cmd  *exec.Cmd
	done chan struct{}
	binary.Output
}

// start runs a program until the test ends and waits for a line that matches;
// it returns the first group of the match.
func start(t *testing.T, ready string, env []string, name string, args ...string) (string, *program) {
	t.Helper()
	p := &program{cmd: exec.Command(name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	r, w := io.Pipe()
	p.cmd.Stdout, p.cmd.Stderr = io.MultiWriter(p, w), io.MultiWriter(p, w)
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); _ = w.Close(); close(p.done) }()
	t.Cleanup(func() {
		if p.cmd.Process.Signal(syscall.SIGTERM) != nil { // Windows has no such signal
			_ = p.cmd.Process.Kill()
		}
		select {
		case <-p.done:
		case <-time.After(15 * time.Second):
			_ = p.cmd.Process.Kill()
			t.Errorf("%s did not end after SIGTERM", filepath.Base(name))
		}
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), p.String())
		}
	})
	pattern := regexp.MustCompile(ready)
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(r)
		sent := false
		for lines.Scan() {
			if m := pattern.FindStringSubmatch(lines.Text()); m != nil && !sent {
				found <- m[1]
				sent = true
			}
		}
		close(found)
	}()
	select {
	case text, ok := <-found:
		if !ok {
			t.Fatalf("%s ended early:\n%s", filepath.Base(name), p.String())
		}
		return text, p
	case <-time.After(30 * time.Second):
		t.Fatalf("%s is not ready:\n%s", filepath.Base(name), p.String())
	}
	return "", nil
}

// whoami starts the server binary for an issuer, "" where args bring one, and
// returns its base URL.
func whoami(t *testing.T, issuer string, args ...string) string {
	t.Helper()
	if issuer != "" {
		args = append(args, "--issuer", issuer)
	}
	args = append(args, "--listen", "127.0.0.1:0")
	resource, _ := start(t, `resource (\S+)/mcp,`, nil, binary.Build(t, "whoami-server"), args...)
	return resource
}

// lab is devidp with a whoami server that trusts it.
func lab(t *testing.T, change func(*devidp.Config)) (idp *devidp.Server, base string) {
	t.Helper()
	cfg := devidp.Config{Registration: true, TokenClaims: true}
	if change != nil {
		change(&cfg)
	}
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	base = whoami(t, idp.Issuer())
	idp.AddResource(devidp.Resource{Indicator: base + "/mcp"})
	idp.AddResource(devidp.Resource{Indicator: base + "/sse"})
	return idp, base
}

// bridgeEnv gives mcp-login an empty home and alice as its browser.
func bridgeEnv(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	return []string{
		"HOME=" + dir, "MCP_LOGIN_DIR=" + filepath.Join(dir, "state"), "MCP_LOGIN_STORE=file",
		"MCP_LOGIN_BROWSER=" + binary.Self(t) + " approve alice", "NO_PROXY=127.0.0.1",
	}
}

// run executes a program to its end and returns what it wrote to stdout.
func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %q: %v\nstdout: %s\nstderr: %s", filepath.Base(name), args, err, &out, &errOut)
	}
	return out.String()
}

// session is a raw MCP session with a program on stdio.
type session struct {
	t      *testing.T
	in     io.WriteCloser
	out    *bufio.Reader
	errOut *program
	wait   func() error
	kill   func()
	next   int
}

func open(t *testing.T, env []string, name string, args ...string) *session {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	errOut := &program{}
	cmd.Stderr = errOut
	in, out := binary.Start(t, cmd)
	s := &session{t: t, in: in, out: bufio.NewReader(out), errOut: errOut, wait: sync.OnceValue(cmd.Wait), kill: func() { _ = cmd.Process.Kill() }}
	t.Cleanup(func() {
		_ = in.Close()
		timer := time.AfterFunc(10*time.Second, s.kill)
		_ = s.wait()
		timer.Stop()
		if t.Failed() {
			t.Logf("%s said on stderr:\n%s", filepath.Base(name), errOut.String())
		}
	})
	return s
}

// call sends one request and returns its answer, passing over other messages.
func (s *session) call(method, params string) map[string]any {
	s.t.Helper()
	s.next++
	timer := time.AfterFunc(60*time.Second, s.kill) // the read below then ends
	defer timer.Stop()
	fmt.Fprintf(s.in, `{"jsonrpc":"2.0","id":%d,"method":%q,"params":%s}`+"\n", s.next, method, params)
	for {
		line, err := s.out.ReadString('\n')
		if err != nil {
			s.t.Fatalf("no answer to %s: %v\nstderr: %s", method, err, s.errOut.String())
		}
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			s.t.Fatalf("stdout is not JSON: %q", line)
		}
		if m["id"] == float64(s.next) {
			return m
		}
	}
}

// whoami begins a session and calls the tool; it returns the claims.
func (s *session) whoami() map[string]any {
	s.t.Helper()
	s.call("initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"interop","version":"1"}}`)
	fmt.Fprintln(s.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	return s.again()
}

func (s *session) again() map[string]any {
	s.t.Helper()
	answer := s.call("tools/call", `{"name":"whoami","arguments":{}}`)
	result, _ := answer["result"].(map[string]any)
	claims, ok := result["structuredContent"].(map[string]any)
	if !ok {
		s.t.Fatalf("no claims in %v", answer)
	}
	return claims
}

// end closes stdin and checks that the program ends well.
func (s *session) end() {
	s.t.Helper()
	_ = s.in.Close()
	_, _ = io.Copy(io.Discard, s.out)
	if err := s.wait(); err != nil {
		s.t.Errorf("ended with %v; stderr: %s", err, s.errOut.String())
	}
}

func want(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %s", part, text)
		}
	}
}
