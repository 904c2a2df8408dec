//go:build unix

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// What --dev prints works as it is printed: the commands in a shell, in their order, the
// entry in a client that starts programs, and the address in a browser.
func TestDevPrintsWhatWorks(t *testing.T) {
	home := t.TempDir()
	for name, value := range map[string]string{
		"PATH": filepath.Dir(binary.Build(t, "mcp-login")) + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME": home, "MCP_LOGIN_DIR": filepath.Join(home, "state"), "MCP_LOGIN_STORE": "file",
		"MCP_LOGIN_BROWSER": binary.Self(t) + " approve alice", "SSH_CONNECTION": "", "SSH_TTY": "", "SSH_CLIENT": "",
	} {
		t.Setenv(name, value)
	}
	address := real.FreeAddress(t)
	for resource, commands := range map[string]int{"http://" + address + "/mcp": 4, "http://" + address + "/a/mcp http://" + address + "/b/mcp": 6} {
		p := start(t, "--dev", "--listen", address, "--dev-listen", "127.0.0.1:0", "--resource", resource)
		worksAsPrinted(t, p, commands)
		p.stop()
	}
}

func worksAsPrinted(t *testing.T, p *program, commands int) {
	t.Helper()
	kinds := map[string]int{}
	for line := range strings.Lines(p.stdout.String()) {
		word, printed := strings.CutPrefix(line, "  ")
		switch word = strings.TrimSuffix(word, "\n"); {
		case !printed:
		case strings.HasPrefix(word, "mcp-login "):
			kinds["command"]++
			pasted(t, word)
		case strings.HasPrefix(word, "{"):
			kinds["entry"]++
			startedBy(t, word)
		case strings.HasPrefix(word, "http"):
			kinds["address"]++
			if resp, text := get(t, word); resp.StatusCode != 200 || !strings.Contains(text, p.resource) {
				t.Errorf("%s: %d", word, resp.StatusCode)
			}
		default:
			t.Errorf("nothing runs %q", word)
		}
	}
	if kinds["command"] != commands || kinds["entry"] != 1 || kinds["address"] != 1 {
		t.Errorf("%v in\n%s", kinds, p.stdout)
	}
}

// pasted runs a line as it is in a shell.
func pasted(t *testing.T, line string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	want := map[string]string{
		"login": "alice@example.test", "tools": "whoami_details", "whoami": "alice@example.test", "whoami_details": "whoami:details",
	}
	words := strings.Fields(line)
	said := want[words[1]]
	if words[1] == "call" {
		said = want[words[len(words)-1]]
	}
	if err != nil || said == "" || !strings.Contains(string(out), said) {
		t.Errorf("%s: %v, %q is missing in\n%s", line, err, said, out)
	}
}

// startedBy starts the server of an entry as a client does, and calls its tool.
func startedBy(t *testing.T, entry string) {
	t.Helper()
	var file struct {
		Servers map[string]struct {
			Command string   `json:"command"`
			Args    []string `json:"args"`
		} `json:"mcpServers"`
	}
	if err := json.Unmarshal([]byte(entry), &file); err != nil || len(file.Servers) != 1 {
		t.Fatalf("%s: %v", entry, err)
	}
	for name, server := range file.Servers {
		claims := callWhoami(t, &mcp.CommandTransport{Command: exec.CommandContext(t.Context(), server.Command, server.Args...)})
		if claims["username"] != "alice" {
			t.Errorf("%s: %v", name, claims)
		}
	}
}
