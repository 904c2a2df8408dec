//go:build unix

package script

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
)

// house is a whoami server with its provider, and one state directory for
// everything that a test starts.
type house struct {
	t   *testing.T
	idp *devidp.Server
	url string
	env []string
}

func newHouse(t *testing.T, change func(*devidp.Config)) *house {
	t.Helper()
	srv := httptest.NewUnstartedServer(nil)
	resource := &url.URL{Scheme: "http", Host: srv.Listener.Addr().String(), Path: "/mcp"}
	cfg := devidp.Config{Registration: true, TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource.String()}}}
	if change != nil {
		change(&cfg)
	}
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: idp.Issuer()}})
	if err != nil {
		t.Fatal(err)
	}
	srv.Config.Handler = handler
	srv.Start()
	h := &house{t: t, idp: idp, url: resource.String()}
	h.env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=none", "NO_PROXY=127.0.0.1")
	t.Cleanup(func() {
		// Nothing that was started may outlive the test.
		_ = h.command("logout", h.url).Run()
		_ = handler.Close(context.Background())
		srv.Close()
		_ = idp.Close()
	})
	return h
}

// state is the folder of the store.
func (h *house) state() string {
	for _, variable := range slices.Backward(h.env) {
		if dir, ok := strings.CutPrefix(variable, "MCP_LOGIN_DIR="); ok {
			return dir
		}
	}
	return ""
}

func (h *house) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary.Build(h.t, "mcp-login"), args...)
	cmd.Env = h.env
	return cmd
}

// bridge starts one, as the leader of a process group, like hosts do.
func (h *house) bridge(args ...string) *bridge {
	h.t.Helper()
	return h.started(h.command(append(args, h.url)...))
}

// started starts what is a bridge.
func (h *house) started(cmd *exec.Cmd) *bridge {
	h.t.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	errOut, err3 := cmd.StderrPipe()
	if err1 != nil || err2 != nil || err3 != nil {
		h.t.Fatal(err1, err2, err3)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &bridge{h.t, cmd, in, bufio.NewReader(out), bufio.NewReader(errOut)}
}

// address reads stderr up to the address of the login.
func (b *bridge) address() string {
	b.t.Helper()
	for {
		line, err := b.errOut.ReadString('\n')
		if err != nil {
			b.t.Fatal("no login address on stderr")
		}
		if strings.HasPrefix(line, "http") {
			return strings.TrimSpace(line)
		}
	}
}

// approve plays the person.
func (h *house) approve(address string) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	browser := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if _, err := devidp.Approve(ctx, browser, address, "alice"); err != nil {
		h.t.Fatal(err)
	}
}

// A host kills the bridge and its whole process group in the middle of a login:
// its stderr is closed at once, the login goes on, the next start takes it over
// without another tab, and the person's one sign-in serves it.
func TestLoginSurvivesAKilledBridge(t *testing.T) {
	h := newHouse(t, nil)
	first := h.bridge()
	first.initialize()
	address := first.address()
	if err := syscall.Kill(-first.cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	// Ends only when nobody holds the pipe any more.
	_, _ = io.Copy(io.Discard, first.errOut)
	_, _ = io.Copy(io.Discard, first.out)
	_ = first.cmd.Wait()

	status, _ := h.command("status", "--offline", h.url).CombinedOutput()
	if !strings.Contains(string(status), address) {
		t.Errorf("status does not show the login: %s", status)
	}
	second := h.bridge()
	second.initialize()
	if again := second.address(); again != address {
		t.Errorf("another login was begun:\n%s\n%s", address, again)
	}
	h.approve(address)
	if line := second.line(); !strings.Contains(line, `"id":1,"result"`) {
		t.Error(line)
	}
	if s := h.idp.Stats(); s.Registrations != 1 || s.CodeExchanges != 1 || s.Authorizations != 1 {
		t.Errorf("%+v", s)
	}
	_ = second.in.Close()
	if code := second.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// A client that would not wait: initialize is answered after the patience, one
// tool says where to sign in, and after the login the server's own tools are
// there.
func TestPatienceThroughTheBinary(t *testing.T) {
	h := newHouse(t, nil)
	b := h.bridge("--login-patience", "1ms")
	b.initialize()
	if line := b.line(); !strings.Contains(line, `"name":"mcp-login"`) || !strings.Contains(line, `"listChanged":true`) {
		t.Fatal(line)
	}
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`)
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	address := b.address()
	if line := b.line(); !strings.Contains(line, "mcp_login_sign_in") || !strings.Contains(line, address) {
		t.Fatal(line)
	}
	h.approve(address)
	for _, list := range []string{"tools", "prompts", "resources"} {
		if line := b.line(); !strings.Contains(line, "notifications/"+list+"/list_changed") {
			t.Error(line)
		}
	}
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":3,"method":"tools/list"}`)
	if line := b.line(); !strings.Contains(line, `"whoami"`) || strings.Contains(line, "mcp_login_sign_in") {
		t.Error(line)
	}
	// The next time that a login takes long the server is known. (Its login is
	// forgotten here, not at the provider.)
	_ = b.in.Close()
	b.ended()
}

// A host that probes in one process and works in another waits once: the time that
// the login has been pending already counts.
func TestPatienceOfASecondProcess(t *testing.T) {
	h := newHouse(t, nil)
	probe := h.bridge("--login-patience", "1ms")
	probe.initialize()
	address := probe.address()
	if line := probe.line(); !strings.Contains(line, `"name":"mcp-login"`) {
		t.Fatal(line)
	}
	_ = probe.in.Close()
	probe.ended()
	h.pendingFor(20 * time.Minute)
	worker := h.bridge("--login-patience", "10m")
	worker.initialize()
	if line := worker.line(); !strings.Contains(line, `"name":"mcp-login"`) {
		t.Fatal(line)
	}
	if again := worker.address(); again != address {
		t.Errorf("another login: %s", again)
	}
	h.approve(address)
	for _, list := range []string{"tools", "prompts", "resources"} {
		if line := worker.line(); !strings.Contains(line, "notifications/"+list+"/list_changed") {
			t.Error(line)
		}
	}
}

// pendingFor makes the login that is under way one that began long ago.
func (h *house) pendingFor(age time.Duration) {
	h.t.Helper()
	files, err := filepath.Glob(filepath.Join(h.state(), "*.pending"))
	if err != nil || len(files) != 1 {
		h.t.Fatal(files, err)
	}
	record, err := os.ReadFile(files[0])
	if err != nil {
		h.t.Fatal(err)
	}
	started := regexp.MustCompile(`"started":"[^"]*"`).ReplaceAll(record, fmt.Appendf(nil, `"started":%q`, time.Now().Add(-age).Format(time.RFC3339)))
	if err := os.WriteFile(files[0], started, 0o600); err != nil {
		h.t.Fatal(err)
	}
}

// In bridge mode a person who declines is told so by the error of every bridge
// that waits, and a restart within minutes opens no second tab; the verb login
// does.
func TestDeclinedLoginIsNotAskedAgain(t *testing.T) {
	h := newHouse(t, nil)
	h.env = append(h.env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve nobody")
	for range 3 {
		b := h.bridge()
		b.initialize()
		if line := b.line(); !strings.Contains(line, `"code":1002`) || !strings.Contains(line, "access_denied") {
			t.Error(line)
		}
		_ = b.in.Close()
		b.ended()
	}
	if n := h.idp.Stats().Authorizations; n != 1 {
		t.Errorf("the person was asked %d times", n)
	}
	h.env = append(h.env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
	if out, err := h.command("login", h.url).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// On a machine without a browser the address at which another machine's browser
// ended is pasted; a wrong one is refused and the login goes on. The same works
// for a login that a bridge has begun.
func TestPastedAddress(t *testing.T) {
	for _, begun := range []string{"at the terminal", "by a bridge"} {
		t.Run(begun, func(t *testing.T) {
			h := newHouse(t, nil)
			if begun == "by a bridge" {
				waiting := h.bridge()
				waiting.initialize()
				waiting.address()
			}
			b := h.verb("login", h.url)
			address := b.address()
			last := h.approveElsewhere(address)
			fmt.Fprintln(b.in, "http://127.0.0.1/callback?code=stolen&state=wrong")
			fmt.Fprintln(b.in, "what?")
			fmt.Fprintln(b.in, last)
			out, _ := io.ReadAll(b.out)
			said, _ := io.ReadAll(b.errOut)
			if err := b.cmd.Wait(); err != nil || !strings.Contains(string(out), "signed in") {
				t.Errorf("%v: %s%s", err, out, said)
			}
			if !strings.Contains(string(said), "another sign-in") || !strings.Contains(string(said), "copy all of it") {
				t.Errorf("stderr: %s", said)
			}
		})
	}
}

// verb starts a verb with pipes.
func (h *house) verb(args ...string) *bridge {
	h.t.Helper()
	cmd := h.command(args...)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	errOut, err3 := cmd.StderrPipe()
	if err1 != nil || err2 != nil || err3 != nil {
		h.t.Fatal(err1, err2, err3)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return &bridge{h.t, cmd, in, bufio.NewReader(out), bufio.NewReader(errOut)}
}

// approveElsewhere signs in with a browser that cannot reach this machine's
// loopback, and returns the address at which it ends.
func (h *house) approveElsewhere(address string) string {
	h.t.Helper()
	last := ""
	redirect, err := url.Parse(address)
	if err != nil {
		h.t.Fatal(err)
	}
	callback := redirect.Query().Get("redirect_uri")
	browser := &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		if strings.HasPrefix(r.URL.String(), callback) {
			last = r.URL.String()
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
		}
		return (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	})}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if _, err := devidp.Approve(ctx, browser, address, "alice"); err != nil || last == "" {
		h.t.Fatal(err)
	}
	return last
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
