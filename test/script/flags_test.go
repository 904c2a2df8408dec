package script

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// seen keeps what requests looked like.
type seen struct {
	mu  sync.Mutex
	all []string
}

func (s *seen) add(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, what)
}

func (s *seen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.all, ";")
}

// conversation initializes and sends two calls, one after the other; it returns
// the three answers.
func conversation(t *testing.T, args ...string) string {
	t.Helper()
	b := startBridge(t, args...)
	var all strings.Builder
	for i, line := range []string{"", `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"a"}}`, `{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"b"}}`} {
		if i == 0 {
			b.initialize()
		} else {
			fmt.Fprintln(b.in, line)
		}
		answer, err := b.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		all.WriteString(answer)
	}
	_ = b.in.Close()
	b.ended()
	return all.String()
}

// answers is a server that answers everything, after before has looked at it.
func answers(before func(w http.ResponseWriter, r *http.Request, body string)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body := string(b)
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		before(w, r, body)
		w.Header().Set("Content-Type", "application/json")
		for i, result := range []string{`"protocolVersion":"2025-06-18"`, `"content":[]`, `"content":[]`} {
			if strings.Contains(body, fmt.Sprintf(`"id":%d,"method":"%s`, i+1, map[bool]string{true: "initialize", false: "tools/call"}[i == 0])) {
				fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%d,"result":{%s}}`, i+1, result)
				return
			}
		}
		w.WriteHeader(http.StatusNotFound)
	}
}

// Cookies of the server, by which load balancers find their
// way, come back to it and to nobody else; --no-cookies keeps none.
func TestCookies(t *testing.T) {
	for flag, want := range map[string]string{"--log-level=warn": "a=1", "--no-cookies": ""} {
		var last seen
		srv := httptest.NewServer(answers(func(w http.ResponseWriter, r *http.Request, body string) {
			if strings.Contains(body, `"id":3`) {
				last.add(r.Header.Get("Cookie"))
			}
			w.Header().Add("Set-Cookie", "a=1; Path=/")
			w.Header().Add("Set-Cookie", "b=2; Path=/; Domain=elsewhere.example")
		}))
		conversation(t, flag, srv.URL+"/mcp")
		srv.Close()
		if last.String() != want {
			t.Errorf("%s: cookies %q, want %q", flag, last.String(), want)
		}
	}
}

// HTTP_PROXY is honoured without a flag, NO_PROXY as well.
func TestProxyVariables(t *testing.T) {
	var asked seen
	proxy := httptest.NewServer(answers(func(_ http.ResponseWriter, r *http.Request, _ string) { asked.add(r.URL.Host) }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("NO_PROXY", "")
	if got := conversation(t, "--allow-http", "http://mcp.example/mcp"); !strings.Contains(got, `"id":3,"result"`) || !strings.HasPrefix(asked.String(), "mcp.example;mcp.example") {
		t.Errorf("by the proxy %q: %s", asked.String(), got)
	}
	before := asked.String()
	t.Setenv("NO_PROXY", "mcp.example")
	b := startBridge(t, "--allow-http", "--connect-timeout", "50ms", "http://mcp.example:1/mcp")
	_ = b.in.Close()
	b.ended()
	if asked.String() != before {
		t.Errorf("the proxy was asked for what NO_PROXY names: %s", asked.String())
	}
}

// With --ipv4 a server at ::1 is not reached, and without it
// is.
func TestIPv4(t *testing.T) {
	six, err := net.Listen("tcp6", "[::1]:0")
	if err != nil {
		t.Skip("a machine without IPv6")
	}
	var asked seen
	srv := &http.Server{Handler: answers(func(_ http.ResponseWriter, r *http.Request, _ string) { asked.add(r.Host) }), ReadHeaderTimeout: time.Minute}
	go func() { _ = srv.Serve(six) }()
	defer srv.Close()
	address := "http://" + six.Addr().String() + "/mcp"
	if got := conversation(t, address); !strings.Contains(got, `"id":3,"result"`) {
		t.Fatal(got)
	}
	before := asked.String()
	b := startBridge(t, "--ipv4", address)
	b.initialize()
	_ = b.in.Close()
	line, _ := b.out.ReadString('\n')
	b.ended()
	if asked.String() != before || !strings.Contains(line, `"id":1,"error"`) {
		t.Errorf("reached by IPv6: %q, %s", asked.String(), line)
	}
}

// The limits on the header and on silence within an answer, each
// with a server that would let it wait for ever.
func TestTimeLimits(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			w.Header().Set("Content-Type", "text/event-stream")
			fmt.Fprint(w, ": here I am\n\n")
			_ = http.NewResponseController(w).Flush()
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer srv.Close()
	defer close(release)
	for name, args := range map[string][]string{
		"headers": {"--headers-timeout", "200ms", srv.URL + "/headers"},
		"body":    {"--body-timeout", "200ms", "--transport", "http", srv.URL + "/body"},
	} {
		b := startBridge(t, args...)
		b.initialize()
		timer := time.AfterFunc(30*time.Second, func() { _ = b.cmd.Process.Kill() })
		line, err := b.out.ReadString('\n')
		timer.Stop()
		if err != nil || !strings.Contains(line, `"id":1,"error"`) {
			t.Errorf("%s: %v, %s", name, err, line)
		}
		_ = b.in.Close()
		b.ended()
	}
}

// Resource in the authorization request is the server's, the
// one given, or left out.
func TestResourceParameter(t *testing.T) {
	server := protected(t)
	for name, tc := range map[string]struct {
		args []string
		want []string
	}{
		"sent":     {nil, []string{server}},
		"set":      {[]string{"--resource", "https://other.example/mcp"}, []string{"https://other.example/mcp"}},
		"removed":  {[]string{"--resource", "none"}, nil},
		"the same": {[]string{"--no-resource"}, nil},
	} {
		b := startBridge(t, append(append(tc.args, "--no-detach"), server)...)
		b.initialize()
		address := ""
		for lines := bufio.NewScanner(b.errOut); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "http") {
				address = lines.Text()
				break
			}
		}
		_ = b.in.Close()
		b.ended()
		u, err := url.Parse(address)
		if err != nil || address == "" {
			t.Fatalf("%s: no address", name)
		}
		if got := u.Query()["resource"]; strings.Join(got, " ") != strings.Join(tc.want, " ") {
			t.Errorf("%s: resource %q, want %q", name, got, tc.want)
		}
	}
}
