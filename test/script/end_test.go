package script

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
)

// bridge is a running mcp-login.
type bridge struct {
	t      *testing.T
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	errOut *bufio.Reader
}

func startBridge(t *testing.T, args ...string) *bridge {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command(binary.Build(t, "mcp-login"), args...)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(dir, "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=none")
	return started(t, cmd)
}

// started starts a bridge by its command.
func started(t *testing.T, cmd *exec.Cmd) *bridge {
	t.Helper()
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	errOut, err3 := cmd.StderrPipe()
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &bridge{t, cmd, in, bufio.NewReader(out), bufio.NewReader(errOut)}
}

func (b *bridge) initialize() {
	b.t.Helper()
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`)
}

// line returns the next line on stdout.
func (b *bridge) line() string {
	b.t.Helper()
	line, err := b.out.ReadString('\n')
	if err != nil {
		b.t.Fatal("no line on stdout:", err)
	}
	return line
}

// ended waits for the process and returns its exit code; it fails the test when
// that takes longer than a hung process would be given.
func (b *bridge) ended() int {
	b.t.Helper()
	timer := time.AfterFunc(20*time.Second, func() { _ = b.cmd.Process.Kill() })
	_, _ = io.Copy(io.Discard, b.out)
	_, _ = io.Copy(io.Discard, b.errOut)
	_ = b.cmd.Wait()
	if !timer.Stop() {
		b.t.Error("the bridge did not end")
	}
	return b.cmd.ProcessState.ExitCode()
}

// ways are how a client can end its bridge.
func ways() map[string]func(*bridge) {
	all := map[string]func(*bridge){"stdin closed": func(b *bridge) { _ = b.in.Close() }}
	if runtime.GOOS != "windows" {
		for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
			all[s.String()] = func(b *bridge) { _ = b.cmd.Process.Signal(s) }
		}
	}
	return all
}

// However the client ends it, the session is deleted at
// the server and the exit code is 0.
func TestEndDeletesTheSession(t *testing.T) {
	for name, end := range ways() {
		t.Run(name, func(t *testing.T) {
			var deleted atomic.Value
			deleted.Store("")
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch r.Method {
				case http.MethodPost:
					w.Header().Set("Mcp-Session-Id", "s-17")
					w.Header().Set("Content-Type", "application/json")
					fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}`)
				case http.MethodDelete:
					deleted.Store(r.Header.Get("Mcp-Session-Id") + " " + r.Header.Get("X-Key"))
				default:
					w.WriteHeader(http.StatusMethodNotAllowed)
				}
			}))
			defer srv.Close()
			b := startBridge(t, "--header", "X-Key: k", srv.URL+"/mcp")
			b.initialize()
			if line, err := b.out.ReadString('\n'); err != nil || !strings.Contains(line, "result") {
				t.Fatal(line, err)
			}
			end(b)
			if code := b.ended(); code != 0 || deleted.Load() != "s-17 k" {
				t.Errorf("exit code %d, DELETE of %q", code, deleted.Load())
			}
		})
	}
}

// In the middle of a login the bridge ends as well and answers the request
// that waits for it. A login of its own (--no-detach) ends with it and gives its
// port back.
func TestEndDuringLogin(t *testing.T) {
	for name, end := range ways() {
		t.Run(name, func(t *testing.T) {
			b := startBridge(t, "--no-detach", protected(t))
			b.initialize()
			address := ""
			for !strings.HasPrefix(address, "http") {
				line, err := b.errOut.ReadString('\n')
				if err != nil {
					t.Fatal("no login address")
				}
				address = strings.TrimSpace(line)
			}
			end(b)
			line, err := b.out.ReadString('\n')
			if err != nil || !strings.Contains(line, `"id":1,"error"`) {
				t.Errorf("the request got %q, %v", line, err)
			}
			if code := b.ended(); code != 0 {
				t.Errorf("exit code %d", code)
			}
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			callback, err := url.Parse(u.Query().Get("redirect_uri"))
			if err != nil || callback.Host == "" {
				t.Fatal("no redirect URI in the address")
			}
			if conn, err := net.Dial("tcp", callback.Host); err == nil {
				_ = conn.Close()
				t.Error("the callback port is still open")
			}
		})
	}
}

// protected is the address of a whoami server with a provider of its own.
func protected(t *testing.T) string {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	resource := &url.URL{Scheme: "http", Host: srv.Listener.Addr().String(), Path: "/mcp"}
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", devidp.Config{Registration: true, Resources: []devidp.Resource{{Indicator: resource.String()}}})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: idp.Issuer()}})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = handler
	srv.Start()
	t.Cleanup(func() {
		_ = handler.Close(context.Background())
		srv.Close()
		_ = idp.Close()
	})
	return resource.String()
}
