package secrets

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) {
	binary.Main(m, map[string]binary.Role{"browser": func(args []string) int { return browser(args[0]) }})
}

// browser is this test binary as the person's browser: it writes down its
// environment and follows the address to the end.
func browser(address string) int {
	if record := os.Getenv("BROWSER_RECORD"); record != "" {
		f, err := os.OpenFile(record, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return 1
		}
		defer f.Close()
		fmt.Fprintln(f, os.Args, os.Environ())
		// Of the one that started it, as far as the system shows it.
		for _, name := range []string{"cmdline", "environ"} {
			b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", os.Getppid(), name))
			fmt.Fprintf(f, "%q\n", b)
		}
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return 1
	}
	resp, err := (&http.Client{Jar: jar}).Get(address)
	if err != nil {
		return 1
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return 0
}

// stranger is an HTTP server whose answers are bytes, so that they can be wrong.
type stranger struct {
	url string

	mu       sync.Mutex
	requests []string // method, path, Authorization, body
}

// answer is what a stranger says: the whole of a response on the wire.
type answer func(r *http.Request, body string) string

func newStranger(t *testing.T, speak answer) *stranger {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{url: "http://" + l.Addr().String()}
	var conns sync.Map
	t.Cleanup(func() {
		_ = l.Close()
		conns.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(c, true)
			go s.serve(c, speak)
		}
	}()
	return s
}

func (s *stranger) serve(c net.Conn, speak answer) {
	defer c.Close()
	converse(c, func(heard string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests = append(s.requests, heard)
	}, speak)
}

// converse answers the requests that come over c until nothing is said.
func converse(c net.Conn, keep func(heard string), speak answer) {
	in := bufio.NewReader(c)
	for {
		r, err := http.ReadRequest(in)
		if err != nil {
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		keep(line(r, string(body)))
		said := speak(r, string(body))
		if said == "" {
			return
		}
		if _, err := io.WriteString(c, said); err != nil {
			return
		}
	}
}

// line is a request for a search.
func line(r *http.Request, body string) string {
	return strings.Join([]string{r.Method, r.RequestURI, fmt.Sprint(r.Header), body}, " ")
}

// heard is all that reached it.
func (s *stranger) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.requests, "\n")
}

// jsonAnswer is a correct answer.
func jsonAnswer(body string) string { return response(200, "Content-Type: application/json\r\n", body) }

func response(status int, header, body string) string {
	return fmt.Sprintf("HTTP/1.1 %d %s\r\n%sContent-Length: %d\r\n\r\n%s", status, http.StatusText(status), header, len(body), body)
}

// program is one run of mcp-login.
type program struct {
	t   *testing.T
	env []string
}

// newProgram has a store of its own, no browser, and no variable of ours but
// those given.
func newProgram(t *testing.T, env ...string) *program {
	t.Helper()
	p := &program{t: t}
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MCP_LOGIN_") && !strings.HasPrefix(v, "BROWSER") {
			p.env = append(p.env, v)
		}
	}
	p.env = append(p.env, "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=none", "NO_PROXY=127.0.0.1,localhost")
	p.env = append(p.env, env...)
	return p
}

// run runs it to its end. stdin is empty.
func (p *program) run(args ...string) (stdout, stderr string, code int) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary.Build(p.t, "mcp-login"), args...)
	cmd.Env = p.env
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// self is this test binary as a browser command.
func self(t *testing.T) string {
	t.Helper()
	return binary.Self(t) + " browser"
}

// callback is where an authorization request wants its answer.
func callback(r *http.Request, code string) string {
	q := r.URL.Query()
	to, _ := url.Parse(q.Get("redirect_uri"))
	to.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	return response(302, "Location: "+to.String()+"\r\n", "")
}

// talk runs a bridge that is sent one request and ended when it is answered.
func (p *program) talk(request string, args ...string) (stdout, stderr string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary.Build(p.t, "mcp-login"), args...)
	cmd.Env = p.env
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	var errOut strings.Builder
	cmd.Stderr = &errOut
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		p.t.Fatal(err)
	}
	_, _ = io.WriteString(in, request+"\n")
	answer, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		p.t.Errorf("no answer: %v", err)
	}
	_ = in.Close()
	_ = cmd.Wait()
	return answer, errOut.String()
}
