package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// told is what whoami-client.mjs says of one call.
type told struct {
	Server string              `json:"server"`
	Tools  []string            `json:"tools"`
	Claims map[string]any      `json:"claims"`
	Text   string              `json:"text"`
	Error  string              `json:"error"`
	Asked  []map[string]string `json:"asked"` // authorization requests
}

// whoamiClient runs the client of mcp-auth's tutorial, whose browser is this
// binary, and returns what calls a tool.
func whoamiClient(t *testing.T, url string) (call func(tool string) told) {
	t.Helper()
	node := real.NodeModules(t)
	node.Package(t, "@modelcontextprotocol/sdk")
	cmd := exec.Command(node.Path, filepath.Join(filepath.Dir(node.Modules), "peers", "whoami-client.mjs"), url, binary.Self(t), "approve", "alice")
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1")
	said := &program{}
	cmd.Stderr = said
	in, out := binary.Start(t, cmd)
	kill := time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	t.Cleanup(func() {
		_ = in.Close()
		_, _ = io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the client: %v: %s", err, said.String())
		}
		kill.Stop()
	})
	return func(tool string) (o told) {
		t.Helper()
		if _, err := fmt.Fprintln(in, tool); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() {
			t.Fatalf("no word about %s: %s", tool, said.String())
		}
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatalf("%s: %v", lines.Text(), err)
		}
		return o
	}
}

// The flow of mcp-auth's whoami tutorial with whoami-server in the sample's
// place: a client of the TypeScript SDK that knows the URL only finds
// the provider, registers, signs in with PKCE and resource, and is told who it
// is. With a tool that needs a scope of its own it asks for that one as well
// when it is refused, which the sample's challenge does not let it do.
func TestWhoamiClientOfTutorial(t *testing.T) {
	const scope = "whoami:details"
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Registration: true, TokenClaims: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	base := whoami(t, idp.Issuer(), "--details-scope", scope)
	idp.AddResource(devidp.Resource{Indicator: base + "/mcp", Scopes: []string{scope}})
	call := whoamiClient(t, base+"/mcp")

	first := call("whoami")
	if first.Error != "" || first.Server != "whoami" || first.Claims["email"] != "alice@example.test" || len(first.Tools) != 2 {
		t.Fatalf("whoami: %+v", first)
	}
	if len(first.Asked) != 1 || first.Asked[0]["resource"] != base+"/mcp" || first.Asked[0]["code_challenge_method"] != "S256" {
		t.Errorf("the login was asked for with %v", first.Asked)
	}
	if again := call("whoami"); again.Text != first.Text || len(again.Asked) != 0 {
		t.Errorf("the second call: %+v", again)
	}
	details := call("whoami_details")
	if details.Error != "" || len(details.Asked) != 1 || details.Text == "" {
		t.Fatalf("whoami_details: %+v", details)
	}
	if !slices.Contains(strings.Fields(details.Asked[0]["scope"]), scope) {
		t.Errorf("it asked for %q", details.Asked[0]["scope"])
	}
	if s := idp.Stats(); s.Registrations != 1 || s.CodeExchanges != 2 || s.Userinfo != 0 {
		t.Errorf("%d registrations, %d logins, %d userinfo requests", s.Registrations, s.CodeExchanges, s.Userinfo)
	}
}
