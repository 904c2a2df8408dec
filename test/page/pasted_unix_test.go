//go:build unix

package page

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// lab is whoami-server at a provider at which nobody can register, with what its page
// offers to copy, by the id of what stands above it.
func lab(t *testing.T) (base string, copies map[string]string) {
	t.Helper()
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{
		TokenClaims: true,
		Clients:     []devidp.Client{{ID: "sb-app!t1", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	base = serve(t, "--issuer", idp.Issuer(), "--public-client", "sb-app!t1")
	idp.AddResource(devidp.Resource{Indicator: base + "/mcp"})
	resp, err := http.Get(base + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	copies = map[string]string{}
	for _, m := range regexp.MustCompile(`(?s)<figcaption><span id="(\w+)">.*?<code>(.*?)</code>`).FindAllStringSubmatch(string(body), -1) {
		copies[m[1]] = html.UnescapeString(strings.NewReplacer("<span>", "", "</span>", "").Replace(m[2]))
	}
	return base, copies
}

// home makes an empty home for the lines that run, and a person who signs in as alice.
func home(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, value := range map[string]string{
		"PATH": filepath.Dir(binary.Build(t, "mcp-login")) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME": dir, "XDG_CONFIG_HOME": "", "MCP_LOGIN_DIR": filepath.Join(dir, "state"), "MCP_LOGIN_STORE": "file",
		"MCP_LOGIN_BROWSER": binary.Self(t) + " approve alice", "SSH_CONNECTION": "", "SSH_TTY": "", "SSH_CLIENT": "",
	} {
		t.Setenv(name, value)
	}
	return dir
}

// paste runs a line as it is.
func paste(t *testing.T, line string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	if err != nil {
		t.Errorf("%s: %v\n%s", line, err, out)
	}
	return string(out)
}

// What the page offers to copy for mcp-login works as it is, at a provider that knows only
// the client that the operator has named: the sign-in, the call, and the entry, written by
// config or by hand, which are the same.
func TestCopiedLinesWork(t *testing.T) {
	base, copies := lab(t)
	dir := home(t)
	if out := paste(t, copies["login"]); !strings.Contains(out, "alice@example.test") {
		t.Errorf("%s: %s", copies["login"], out)
	}
	if out := paste(t, copies["call"]); !strings.Contains(out, "alice@example.test") {
		t.Errorf("%s: %s", copies["call"], out)
	}
	paste(t, copies["config"])
	written, err := os.ReadFile(filepath.Join(dir, ".cursor", "mcp.json"))
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string][]string{}
	for from, text := range map[string]string{"config": string(written), "entry": copies["entry"]} {
		var file struct {
			Servers map[string]struct{ Args []string } `json:"mcpServers"`
		}
		if err := json.Unmarshal([]byte(text), &file); err != nil || len(file.Servers) != 1 {
			t.Fatalf("%s: %v", text, err)
		}
		for _, server := range file.Servers {
			entries[from] = server.Args
		}
	}
	for from, args := range entries {
		if strings.Count(strings.Join(args, " "), "--client-id sb-app!t1") != 1 || !strings.Contains(strings.Join(args, " "), base+"/mcp") {
			t.Errorf("%s: %q", from, args)
		}
		started(t, args)
	}
}

// started starts mcp-login as a client does and calls the tool, without another sign-in.
func started(t *testing.T, args []string) {
	t.Helper()
	t.Setenv("MCP_LOGIN_BROWSER", "false")
	cmd := exec.CommandContext(t.Context(), "mcp-login", args...)
	client := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	defer func() { _ = session.Close() }()
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
	if err != nil {
		t.Fatalf("%q: %v", args, err)
	}
	if claims, _ := result.StructuredContent.(map[string]any); claims["email"] != "alice@example.test" {
		t.Errorf("%q: %v", args, claims)
	}
}

// The line for Claude Code is one that it takes, and brings both address and client id.
func TestCopiedLineForClaudeCode(t *testing.T) {
	program := real.NodeModules(t).Package(t, "@anthropic-ai/claude-code-linux-x64")
	base, copies := lab(t)
	dir := home(t)
	t.Setenv("PATH", program+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("CLAUDE_CONFIG_DIR", dir)
	paste(t, copies["claude"])
	written, err := os.ReadFile(filepath.Join(dir, ".claude.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{base + "/mcp", "sb-app!t1"} {
		if !strings.Contains(string(written), want) {
			t.Errorf("%q is missing in %s", want, written)
		}
	}
}
