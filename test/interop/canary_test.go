package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// canaries collects every secret that passes a provider.
type canaries struct {
	provider http.Handler

	mu    sync.Mutex
	found map[string]string // value to what it is
}

// secretNames are the parameters and members that nobody else may see.
var secretNames = []string{
	"code", "code_verifier", "refresh_token", "access_token", "id_token", "client_secret", "token", "registration_access_token",
}

func (c *canaries) add(name, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(value) >= 8 {
		c.found[value] = name
	}
}

func (c *canaries) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	if user, password, ok := r.BasicAuth(); ok && user != "" {
		c.add("client_secret", password)
	}
	answer := httptest.NewRecorder()
	c.provider.ServeHTTP(answer, r)
	var members map[string]any
	_ = json.Unmarshal(answer.Body.Bytes(), &members)
	location, _ := url.Parse(answer.Header().Get("Location"))
	for _, name := range secretNames {
		c.add(name, form.Get(name))
		if text, ok := members[name].(string); ok {
			c.add(name, text)
		}
		if location != nil {
			c.add(name, location.Query().Get(name))
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// watch is this test binary in the role of a curious browser: it writes down
// what it and the process that started it were given, then lets alice in.
func watch(address string) int {
	f, err := os.OpenFile(os.Getenv("CANARY_RECORD"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	defer f.Close()
	fmt.Fprintln(f, os.Args, os.Environ())
	for _, pid := range []int{os.Getpid(), os.Getppid()} {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		fmt.Fprintf(f, "%q\n", line)
	}
	return binary.Browse("approve", "alice", address)
}

// A login, a refresh, an ID token in use, and a logout with
// revocation, all at the most verbose level: no token, code, verifier or client
// secret on stderr, in the log, in a file of the store but the one that is chosen
// to hold them, in an argument list, or in the environment of a child.
func TestNoSecretOutsideTheStoreFile(t *testing.T) { canary(t, "file", ".plain") }

// With the keyring no file at all holds one.
func TestNoSecretInFilesWithAKeyring(t *testing.T) {
	real.Long(t, "a desktop session")
	if real.SecretService(t) {
		canary(t, "keyring", "")
	}
}

func canary(t *testing.T, kind, allowed string) {
	c := &canaries{found: map[string]string{}}
	front := httptest.NewServer(c)
	t.Cleanup(front.Close)
	const given = "canary-of-a-client-secret-0123456789"
	provider, err := devidp.New(front.URL+"/oidc", devidp.Config{
		TokenClaims: true,
		Clients:     []devidp.Client{{ID: "confidential", Secret: given, ApplicationType: "native", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.provider = provider
	c.add("client_secret", given)
	base := whoami(t, provider.Issuer())
	provider.AddResource(devidp.Resource{Indicator: base + "/mcp"})

	env := bridgeEnv(t)
	dir := t.TempDir()
	record := filepath.Join(dir, "record")
	env = append(env, "MCP_LOGIN_STORE="+kind, "MCP_LOGIN_LOG=debug", "MCP_LOGIN_CLIENT_SECRET="+given, "MCP_LOGIN_CLIENT_ID=confidential",
		"MCP_LOGIN_BROWSER="+binary.Self(t)+" watch", "CANARY_RECORD="+record)
	state := ""
	for _, pair := range env {
		if value, ok := strings.CutPrefix(pair, "MCP_LOGIN_DIR="); ok {
			state = value
		}
	}
	var said bytes.Buffer
	for _, detach := range []string{"", "--no-detach"} {
		args := []string{base + "/mcp"}
		if detach != "" {
			args = append(args, detach)
		}
		s := open(t, env, binary.Build(t, "mcp-login"), args...)
		s.whoami()
		provider.RevokeAccessTokens()
		s.end()
		said.WriteString(s.errOut.String())
		for _, verb := range [][]string{{"status"}, {"status", "--json"}, {"logout", base + "/mcp"}} {
			cmd := exec.Command(binary.Build(t, "mcp-login"), verb...)
			cmd.Env = append(os.Environ(), env...)
			cmd.Stdout, cmd.Stderr = &said, &said
			if verb[0] == "logout" {
				searchFiles(t, c, state, allowed)
			}
			if err := cmd.Run(); err != nil {
				t.Errorf("%v: %v", verb, err)
			}
		}
	}
	search(t, c, "what was printed and logged", said.String())
	seen, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "linux" && !strings.Contains(string(seen), "detached-login") {
		t.Error("the argument list of the detached process was not seen")
	}
	search(t, c, "arguments and environment of children", string(seen))
	if len(c.found) < 8 {
		t.Errorf("only %d secrets passed: the test does not see them", len(c.found))
	}
	if !strings.Contains(said.String(), "level=DEBUG") {
		t.Error("nothing was logged")
	}
}

func search(t *testing.T, c *canaries, where, text string) {
	t.Helper()
	for value, name := range c.found {
		if strings.Contains(text, value) {
			t.Errorf("%s hold a %s", where, name)
		}
	}
}

func searchFiles(t *testing.T, c *canaries, dir, allowed string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing in the store: %v", err)
	}
	for _, file := range files {
		if content, err := os.ReadFile(file); err == nil && (allowed == "" || !strings.HasSuffix(file, allowed)) {
			search(t, c, "the file "+filepath.Base(file)+" may not", string(content))
		}
	}
}
