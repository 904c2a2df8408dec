//go:build unix

package script

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-login/test/binary"
)

// feed is where releases are published. The User-Agent of a request says what it answers.
type feed struct {
	*httptest.Server
	asked atomic.Int32
	agent atomic.Value // the last User-Agent
}

func newFeed(t *testing.T) *feed {
	f := &feed{}
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"tag_name": "v9.9.9"}`)
	}))
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.asked.Add(1)
		f.agent.Store(r.UserAgent())
		word, _ := strings.CutPrefix(r.UserAgent(), "case ")
		if r.URL.Path == "/renamed" {
			word = "v1.2.4"
		}
		switch word {
		case "huge":
			_, _ = fmt.Fprint(w, `{"tag_name": "v1.2.4", "body": "`)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 2<<20))
			_, _ = fmt.Fprint(w, `"}`)
		case "slow":
			_, _ = fmt.Fprint(w, `{"tag_name": "v1.2.4"`)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "silent":
			<-r.Context().Done()
		case "busy":
			http.Error(w, "rate limit", http.StatusForbidden)
		case "renamed":
			http.Redirect(w, r, "/renamed", http.StatusMovedPermanently)
		case "loop":
			http.Redirect(w, r, "/loop", http.StatusMovedPermanently)
		case "elsewhere":
			http.Redirect(w, r, elsewhere.URL, http.StatusMovedPermanently)
		case "page":
			_, _ = fmt.Fprint(w, "<html>v1.2.4</html>")
		case "nothing":
			_, _ = fmt.Fprint(w, `{"tag_name": null}`)
		case "control":
			_, _ = fmt.Fprint(w, `{"tag_name": "v1.2.4\u001b[31m", "html_url": "\u001b]8;;https://evil.example\u0007"}`)
		case "long":
			_, _ = fmt.Fprintf(w, `{"tag_name": "v1.2.%s"}`, strings.Repeat("4", 1000))
		default:
			_ = json.NewEncoder(w).Encode(map[string]any{"tag_name": word, "html_url": "https://evil.example/", "assets": make([]int, 1000)})
		}
	}))
	t.Cleanup(elsewhere.Close)
	t.Cleanup(f.Close)
	return f
}

// askFeed runs version --check where the feed answers so.
func askFeed(t *testing.T, program, answer string, more ...string) (code int, stdout, stderr string) {
	t.Helper()
	cmd := exec.Command(program, append([]string{"version", "--check"}, more...)...)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.Env = append(os.Environ(), "MCP_LOGIN_USER_AGENT=case "+answer, "MCP_LOGIN_CHANNEL=npm")
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), said.String()
}

// A program of a release says on request whether there is a newer one, and how to get it by
// its own channel. Whatever the feed answers, no more than a version of it is shown, and
// within its bounds.
func TestVersionCheck(t *testing.T) {
	f := newFeed(t)
	program := binary.Release(t, "v1.2.3", f.URL+"/repos/somebody/mcp-login/releases/latest")
	for answer, want := range map[string]struct {
		code int
		said string
	}{
		"v1.2.4":      {0, "mcp-login v1.2.4 is out; this is v1.2.3\nto update: npm install --global mcp-login@latest\n"},
		"v1.10.0":     {0, "mcp-login v1.10.0 is out"},
		"v1.2.3":      {0, "mcp-login v1.2.3 is the newest release\n"},
		"v1.2.2":      {0, "is newer than the newest release, v1.2.2\n"},
		"v2.0.0-rc.1": {0, "v2.0.0-rc.1 is out for trying"},
		"renamed":     {0, "mcp-login v1.2.4 is out"},
		"elsewhere":   {3, "the newest release is not known: status 301"},
		"loop":        {3, "the newest release is not known: status 301"},
		"busy":        {3, "the newest release is not known: status 403"},
		"huge":        {3, "it is too large"},
		"slow":        {3, "the newest release is not known"},
		"silent":      {3, "the newest release is not known"},
		"page":        {1, "the answer names no version"},
		"nothing":     {1, "the answer names no version"},
		"control":     {1, "the answer names no version"},
		"long":        {1, "the answer names no version"},
	} {
		t.Run(answer, func(t *testing.T) {
			t.Parallel()
			code, stdout, stderr := askFeed(t, program, answer)
			if code != want.code || !strings.Contains(stdout+stderr, want.said) || (code == 0) != (stderr == "") || strings.ContainsAny(stdout+stderr, "\x1b\a") || strings.Contains(stdout+stderr, "evil") {
				t.Errorf("exit %d\n%s%s\nwant %d, %q", code, stdout, stderr, want.code, want.said)
			}
		})
	}
}

// What a release asks with names the project of its publisher.
func TestRequestsNameTheProject(t *testing.T) {
	f := newFeed(t)
	cmd := exec.Command(binary.Release(t, "v1.2.3", f.URL+"/repos/somebody/mcp-login/releases/latest"), "version", "--check")
	if out, err := cmd.CombinedOutput(); err == nil || f.agent.Load() != "mcp-login/v1.2.3 (+https://github.com/somebody/mcp-login)" {
		t.Errorf("%v\n%s", f.agent.Load(), out)
	}
}

// Programs read the same, and the reason if nothing is known.
func TestVersionCheckForPrograms(t *testing.T) {
	f := newFeed(t)
	program := binary.Release(t, "v1.2.3", f.URL)
	for answer, want := range map[string]string{
		"v1.2.4": `"status": "newer",` + "\n" + `  "update": "npm install --global mcp-login@latest"`, "v1.2.3": `"status": "same"`, "v1.0.0": `"status": "older"`,
		"v2.0.0-rc.1": `"status": "prerelease"`, "page": `"exit_code": 1`, "busy": `"exit_code": 3`,
	} {
		if _, stdout, stderr := askFeed(t, program, answer, "--json"); !json.Valid([]byte(stdout)) || !strings.Contains(stdout, want) {
			t.Errorf("%s: %s%s", answer, stdout, stderr)
		}
	}
	f.Close()
	if code, _, stderr := askFeed(t, program, "v1.2.4"); code != 3 || !strings.Contains(stderr, "the newest release is not known: nothing listens at") {
		t.Errorf("offline: exit %d, %s", code, stderr)
	}
}

// What is no release asks nobody and says how to update; and neither does a release without a
// publisher.
func TestVersionCheckWithoutAnAddress(t *testing.T) {
	if code, _, stderr := askFeed(t, binary.Build(t, "mcp-login"), "v1.2.4"); code != 1 || !strings.Contains(stderr, "hint: to update it, run: git pull && go install ./cmd/mcp-login") {
		t.Errorf("exit %d, %s", code, stderr)
	}
	program := binary.Release(t, "v1.2.3", noFeed)
	if code, _, stderr := askFeed(t, program, "v1.2.4"); code != 1 || !strings.Contains(stderr, "nobody has published this program yet") {
		t.Errorf("exit %d, %s", code, stderr)
	}
}

// Nothing but version --check asks: not the bridge, not a sign-in, not doctor.
func TestNothingElseAsksForTheNewestRelease(t *testing.T) {
	f := newFeed(t)
	home := t.TempDir()

	program := binary.Release(t, "v1.2.3", f.URL)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	for _, args := range [][]string{
		{server.URL},
		{"login", server.URL, "--no-browser"},
		{"status"},
		{"doctor", server.URL},
		{"tools", server.URL},
		{"version"},
		{"version", "--json"},
		{"config", "cursor", server.URL, "--write"},
		{"config", "--list"},
		{"logout", "--all"},
		{"help"},
	} {
		cmd := exec.Command(program, args...)
		cmd.Env = append(os.Environ(), "HOME="+home, "MCP_LOGIN_DIR="+filepath.Join(home, "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_USER_AGENT=v1.2.4")
		cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}` + "\n")
		_ = cmd.Run() // it may fail; that nobody is asked is what counts
	}
	if n := f.asked.Load(); n != 0 {
		t.Errorf("the feed was asked %d times", n)
	}
	if askFeed(t, program, "v1.2.4"); f.asked.Load() != 1 {
		t.Errorf("version --check asked %d times", f.asked.Load())
	}
}
