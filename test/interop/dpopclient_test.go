package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// The TypeScript SDK's client calls whoami-server with a token that is bound to its key, where
// nothing else is taken: with proofs of its own, and with the nonce that it is told to use once.
func TestDPoPClientOfTypeScript(t *testing.T) {
	i := issuer.Start(t)
	for refused, args := range map[int][]string{0: nil, 1: {"--dpop-nonce"}} {
		base := whoami(t, i.URL, append(args, "--dpop", "require")...)
		node := real.NodeModules(t)
		node.Package(t, "@modelcontextprotocol/client")
		cmd := exec.Command(node.Path, filepath.Join(filepath.Dir(node.Modules), "peers", "dpop-client.mjs"), base+"/mcp")
		cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1")
		said := &program{}
		cmd.Stderr = said
		in, out := binary.Start(t, cmd)
		kill := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
		lines := bufio.NewScanner(out)
		var client struct {
			Thumbprint string         `json:"thumbprint"`
			Claims     map[string]any `json:"claims"`
			Requests   int            `json:"requests"`
			Refused    int            `json:"refused"`
			Stolen     int            `json:"stolen"`
		}
		next := func() {
			if !lines.Scan() || json.Unmarshal(lines.Bytes(), &client) != nil {
				t.Fatalf("the client: %s, %s", lines.Text(), said.String())
			}
		}
		next()
		token := i.Sign(t, issuer.Change{Claims: map[string]any{"aud": base + "/mcp", "cnf": map[string]any{"jkt": client.Thumbprint}}})
		if _, err := fmt.Fprintln(in, token); err != nil {
			t.Fatal(err)
		}
		next()
		if err := cmd.Wait(); err != nil || client.Claims["sub"] != "alice" || client.Requests < 3 || client.Refused != refused || client.Stolen != 401 {
			t.Errorf("%v: %+v, %v, %s", args, client, err, said.String())
		}
		kill.Stop()
	}
}
