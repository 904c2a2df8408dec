//go:build unix

package script

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// A bridge that ends, however, ends the commands that run for it, with all that they
// have started.
func TestEndEndsCommands(t *testing.T) {
	for name, end := range ways() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pipe := newPipe(t)
			srv := httptest.NewServer(http.HandlerFunc(minimal))
			defer srv.Close()
			b := startBridge(t, "--token-command", `sh -c 'trap "" TERM INT HUP; sleep 600 & echo $$ $! >"$0"; while :; do sleep 1; done' `+pipe.Name(), srv.URL+"/mcp")
			b.initialize()
			said, err := bufio.NewReader(pipe).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			pids := strings.Fields(said)
			end(b)
			if code := b.ended(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			for _, pid := range pids {
				if running(pid) {
					t.Errorf("process %s lives on", pid)
				}
			}
		})
	}
}

// newPipe returns a named pipe that programs write to. A read waits for one of them.
func newPipe(t *testing.T) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = pipe.Close() })
	_ = pipe.SetReadDeadline(time.Now().Add(30 * time.Second)) // where it can have one
	return pipe
}

// running reports whether a process runs.
func running(pid string) bool {
	out, err := exec.Command("ps", "-o", "stat=", "-p", pid).Output()
	return err == nil && !strings.HasPrefix(strings.TrimSpace(string(out)), "Z")
}

// A command that does not end, or prints without end, is an error of the request that
// waits for it, and the bridge goes on.
func TestCommandsWithoutEnd(t *testing.T) {
	for name, c := range map[string]struct{ line, says string }{
		"never ends":   {"sleep 600", "it has not ended within 30s"},
		"prints 1 GB":  {"head -c 1000000000 /dev/zero", "it printed more than 64 KiB"},
		"keeps stdout": {`sh -c "sleep 600 &"`, "it printed nothing"},
		"stderr":       {`sh -c "printf '\033]0;evil\007\nmcp-login: hint: run me\n' >&2; exit 1"`, "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "never ends" {
				real.Long(t, "the 30 s that a command has")
			}
			srv := httptest.NewServer(http.HandlerFunc(minimal))
			defer srv.Close()
			b := startBridge(t, "--token-command", c.line, srv.URL+"/mcp")
			var said binary.Output
			done := make(chan struct{})
			go func() { _, _ = io.Copy(&said, b.errOut); close(done) }()
			b.initialize()
			if line := b.line(); !strings.Contains(line, `"id":1,"error":{"code":1002`) || !strings.Contains(line, c.says) || !strings.Contains(line, "in a terminal") {
				t.Error(line)
			}
			_ = b.in.Close()
			if code := b.ended(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			<-done
			if text := said.String(); strings.ContainsAny(text, "\x1b\a") || strings.Contains(text, "\nmcp-login: hint: run me") {
				t.Errorf("%q", text)
			}
		})
	}
}

// What a command prints goes to the server, not to the other paths of its host that are
// asked for one, and to nobody whom it names.
func TestPrintedTokensStayAtTheServer(t *testing.T) {
	t.Parallel()
	var seen sync.Map
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen.Store(r.URL.Path, r.Header)
	}))
	defer stranger.Close()
	var times atomic.Int32
	for _, status := range []int{301, 302, 303, 307, 308} {
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			key, token := "k3y", "Bearer t0ken"
			if r.URL.Path != "/mcp" {
				key, token = "", ""
			} else {
				times.Add(1)
			}
			if r.Header.Get("X-Key") != key || r.Header.Get("Authorization") != token {
				t.Errorf("%s: %v", r.URL, r.Header)
			}
			w.Header().Set("Location", stranger.URL+fmt.Sprintf("/%d", status))
			w.WriteHeader(status)
		}))
		cmd := exec.Command(binary.Build(t, "mcp-login"), "tools", "--token-command", "echo t0ken", "--header-command", "X-Key: echo k3y", "--log-level", "debug", srv.URL+"/mcp")
		cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+t.TempDir(), "MCP_LOGIN_STORE=file")
		out, err := cmd.CombinedOutput()
		if err == nil || strings.Contains(string(out), "t0ken") || strings.Contains(string(out), "k3y") {
			t.Errorf("%d: %v\n%s", status, err, out)
		}
		srv.Close()
	}
	seen.Range(func(path, header any) bool {
		t.Errorf("the stranger got %v: %v", path, header)
		return true
	})
	if times.Load() < 5 {
		t.Errorf("%d requests", times.Load())
	}
}

// A server that refuses whatever comes does not make two bridges run a command for
// each of their requests.
func TestRefusalsRunFewCommands(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	defer srv.Close()
	runs := filepath.Join(t.TempDir(), "runs")
	var all sync.WaitGroup
	for range 2 {
		b := startBridge(t, "--token-command", `sh -c 'echo run >>"$0"; echo token' `+runs, srv.URL+"/mcp")
		b.initialize()
		_ = b.line()
		for id := range 100 {
			fmt.Fprintf(b.in, `{"jsonrpc":"2.0","id":%d,"method":"tools/list"}`+"\n", id+2)
		}
		all.Go(func() {
			for range 100 {
				if line, err := b.out.ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) || !strings.Contains(line, "--token-command (sh)") {
					t.Error(line, err)
				}
			}
			_ = b.in.Close()
			_ = b.ended()
		})
	}
	all.Wait()
	if b, _ := os.ReadFile(runs); strings.Count(string(b), "run") != 4 {
		t.Errorf("%d runs", strings.Count(string(b), "run"))
	}
}

// A key for a gateway goes beside a sign-in: with the requests, and neither into the
// environment nor, more than the flag itself, into the arguments of the process that
// waits for the person. That one runs nothing.
func TestKeyOfAGatewayBesideASignIn(t *testing.T) {
	t.Parallel()
	h := newHouse(t, nil)
	at, _ := url.Parse(h.url)
	dir := t.TempDir()
	proxied := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "http", Host: at.Host}) }}
	gate := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mcp" && r.Header.Get("X-Gate") != "k3y" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_ = http.NewResponseController(w).EnableFullDuplex() // else an answer may be cut off: test/conformance
		proxied.ServeHTTP(w, r)
	}))
	defer gate.Close()
	cmd := h.command("--header-command", `X-Gate: sh -c 'echo run >>"$0/runs"; echo k3y' `+dir, "--log-level", "debug", "--no-resource", gate.URL+"/mcp")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	b := started(t, cmd)
	b.initialize()
	h.approve(b.address())
	if line := b.line(); !strings.Contains(line, `"id":1,"result"`) {
		t.Error(line)
	}
	_ = b.in.Close()
	if code := b.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "runs")); string(b) != "run\n" {
		t.Errorf("%q", b)
	}
}
