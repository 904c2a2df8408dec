//go:build unix

package script

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// hosted is what packaging/client-metadata prints for a publisher whose document is at this
// address.
func hosted(t *testing.T, address string) []byte {
	t.Helper()
	clone := t.TempDir()
	for _, name := range []string{"packaging/publisher", "packaging/client-metadata", "docs/client-metadata.json"} {
		text, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if name == "packaging/publisher" {
			text = []byte(strings.Replace(string(text), "\nCLIENT_DOCUMENT=\n", "\nCLIENT_DOCUMENT="+address+"\n", 1))
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(clone, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(clone, name), text, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("bash", filepath.Join(clone, "packaging", "client-metadata")).Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A release whose publisher hosts the document signs in with it: nothing is registered, and
// status names the document as the client. Another build registers itself.
func TestProjectsDocumentOfARelease(t *testing.T) {
	var document []byte
	host := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	}))
	defer host.Close()
	address := host.URL + "/client-metadata.json"
	document = hosted(t, address)
	for _, release := range []bool{true, false} {
		program, client, registrations := binary.Build(t, "mcp-login"), "", 1
		if release {
			program, client, registrations = binary.ReleaseWithDocument(t, address), address, 0
		}
		h := newHouse(t, func(c *devidp.Config) { c.MetadataDocuments = true })
		for _, words := range [][]string{{"login", h.url}, {"status", "--json", h.url}} {
			cmd := exec.Command(program, words...)
			cmd.Env = append(h.env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
			out, err := cmd.CombinedOutput()
			if err != nil || words[0] == "status" && !strings.Contains(string(out), `"client_id":"`+client) && !strings.Contains(string(out), `"client_id": "`+client) {
				t.Errorf("%s: %v\n%s", words[0], err, out)
			}
		}
		if n := h.idp.Stats().Registrations; n != registrations {
			t.Errorf("release: %v; %d registrations", release, n)
		}
	}
}
