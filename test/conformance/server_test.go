package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// whoami starts whoami-server and, because the suite has no way to send a token,
// a proxy before it that adds one and changes nothing else: Host and Origin, which
// the suite judges as well, pass as they are. It returns the proxy's URL.
func whoami(t *testing.T, args ...string) string {
	t.Helper()
	i := issuer.Start(t)
	proxy := httptest.NewUnstartedServer(nil)
	base := "http://" + proxy.Listener.Addr().String()
	args = append([]string{"--issuer", i.URL, "--resource", base + "/mcp", "--listen", "127.0.0.1:0"}, args...)
	cmd := exec.Command(binary.Build(t, "whoami-server"), args...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	target := ""
	lines := bufio.NewScanner(stderr)
	for target == "" && lines.Scan() {
		if m := regexp.MustCompile(`listening on (\S+),`).FindStringSubmatch(lines.Text()); m != nil {
			target = m[1]
		}
	}
	if target == "" {
		t.Fatal("the server did not start")
	}
	go func() {
		for lines.Scan() { // so that the server can write on
		}
	}()
	token := i.Token(t, "alice", base+"/mcp")
	before := &httputil.ReverseProxy{
		FlushInterval: -1,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: "http", Host: target})
			r.Out.Host = r.In.Host
			r.Out.Header.Set("Authorization", "Bearer "+token)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	proxy.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Otherwise net/http closes the body of r when the answer begins. It has been passed on by
		// then, but the transport may still be about to read that it ends, and would cut the answer off.
		_ = http.NewResponseController(w).EnableFullDuplex()
		before.ServeHTTP(w, r)
	})
	proxy.Start()
	t.Cleanup(func() {
		proxy.CloseClientConnections()
		proxy.Close()
	})
	return base + "/mcp"
}

// check is one verdict of the suite.
type check struct {
	ID     string `json:"id"`
	Status string `json:"status"`
	Error  string `json:"errorMessage"`
}

// judge runs one scenario of the suite in server mode. All checks must succeed,
// but for the expected ones: they must fail, as not testable.
func judge(t *testing.T, url, revision, scenario string, expected ...string) {
	t.Run(scenario, func(t *testing.T) {
		node := real.NodeModules(t)
		script := filepath.Join(node.Package(t, "@modelcontextprotocol/conformance"), "dist", "index.js")
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		dir := t.TempDir()
		cmd := exec.CommandContext(ctx, node.Path, script, "server", "--url", url, "--scenario", scenario,
			"--spec-version", revision, "-o", dir)
		cmd.Env = append(os.Environ(), "NO_COLOR=1")
		out, err := cmd.CombinedOutput()
		files, _ := filepath.Glob(filepath.Join(dir, "*", "checks.json"))
		if len(files) != 1 {
			t.Fatalf("no verdict: %v\n%s", err, lastLines(string(out), 60))
		}
		raw, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		var checks []check
		if err := json.Unmarshal(raw, &checks); err != nil {
			t.Fatal(err)
		}
		passed := 0
		var failed []string
		for _, c := range checks {
			switch {
			case c.Status == "SUCCESS":
				passed++
			case c.Status == "FAILURE" && slices.Contains(expected, c.ID) && strings.HasPrefix(c.Error, "Not testable:"):
				failed = append(failed, c.ID)
			case c.Status == "FAILURE" || c.Status == "WARNING":
				t.Errorf("%s: %s: %s", c.Status, c.ID, c.Error)
			}
		}
		slices.Sort(failed)
		if passed == 0 || !slices.Equal(failed, expected) {
			t.Errorf("%d passed; not testable are %q, expected %q", passed, failed, expected)
		}
		t.Logf("real part: official suite in server mode, %s: %d checks passed, %d not testable", scenario, passed, len(failed))
	})
}

// legacyServer are the scenarios of 2025-11-25 that can judge a server with
// tools of its own.
var legacyServer = []string{"server-initialize", "ping", "tools-list", "dns-rebinding-protection"}

// notTestable are the checks of server-stateless that call tools of the suite's
// own example server.
var notTestable = []string{
	"sep-2575-http-server-no-independent-requests-on-stream",
	"sep-2575-missing-capability-http-400",
	"sep-2575-server-no-log-without-loglevel",
	"sep-2575-server-rejects-undeclared-capability",
}

// The stateless server, as it is by default.
func TestServer(t *testing.T) {
	url := whoami(t)
	for _, scenario := range legacyServer {
		judge(t, url, "2025-11-25", scenario)
	}
	judge(t, url, "2026-07-28", "http-header-validation")
	judge(t, url, "2026-07-28", "server-stateless", notTestable...)
}

// The server with sessions passes the same, and what is about sessions; to
// clients of 2026-07-28 it is as stateless as the other.
func TestStatefulServer(t *testing.T) {
	url := whoami(t, "--stateful")
	for _, scenario := range append([]string{"server-session-lifecycle", "server-sse-multiple-streams"}, legacyServer...) {
		judge(t, url, "2025-11-25", scenario)
	}
	judge(t, url, "2026-07-28", "http-header-validation")
	judge(t, url, "2026-07-28", "server-stateless", notTestable...)
}
