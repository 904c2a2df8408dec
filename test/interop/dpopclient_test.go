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

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// dpopTold is what dpop-client.mjs says.
type dpopTold struct {
	Thumbprint string         `json:"thumbprint"`
	Claims     map[string]any `json:"claims"`
	Refused    int            `json:"refused"`
	Stolen     int            `json:"stolen"`
}

// dpopClient runs the TypeScript SDK's client, which gets the token of bind, or signs in with that
// browser.
func dpopClient(t *testing.T, url string, bind func(thumbprint string) string, browser ...string) (told dpopTold) {
	t.Helper()
	node := real.NodeModules(t)
	node.Package(t, "@modelcontextprotocol/client")
	cmd := exec.Command(node.Path, append([]string{filepath.Join(filepath.Dir(node.Modules), "peers", "dpop-client.mjs"), url}, browser...)...)
	cmd.Env = append(os.Environ(), "NO_PROXY=127.0.0.1")
	said := &program{}
	cmd.Stderr = said
	in, out := binary.Start(t, cmd)
	defer time.AfterFunc(60*time.Second, func() { _ = cmd.Process.Kill() }).Stop()
	lines := bufio.NewScanner(out)
	next := func() {
		if !lines.Scan() || json.Unmarshal(lines.Bytes(), &told) != nil {
			t.Fatalf("the client: %s, %s", lines.Text(), said.String())
		}
	}
	if next(); bind != nil {
		if _, err := fmt.Fprintln(in, bind(told.Thumbprint)); err != nil {
			t.Fatal(err)
		}
		next()
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	return told
}

// The TypeScript SDK's client calls whoami-server with a token that is bound to its key, where
// nothing else is taken: with proofs of its own, and with the nonce that it is told to use once, as in
// the first minute of a server anyway. The token alone is of no use.
func TestDPoPClientOfTypeScript(t *testing.T) {
	i := issuer.Start(t)
	for _, args := range [][]string{nil, {"--dpop-nonce"}} {
		base := whoami(t, i.URL, append(args, "--dpop", "require")...)
		told := dpopClient(t, base+"/mcp", func(thumbprint string) string {
			return i.Sign(t, issuer.Change{Claims: map[string]any{"aud": base + "/mcp", "cnf": map[string]any{"jkt": thumbprint}}})
		})
		if told.Claims["sub"] != "alice" || told.Refused != 1 || told.Stolen != 401 {
			t.Errorf("%v: %+v", args, told)
		}
	}
}

// It signs in by itself, too: it registers at devidp, whose tokens are bound to its key.
func TestDPoPSignInOfTypeScript(t *testing.T) {
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Registration: true, TokenClaims: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	base := whoami(t, idp.Issuer(), "--dpop", "require", "--dpop-nonce")
	idp.AddResource(devidp.Resource{Indicator: base + "/mcp"})
	told := dpopClient(t, base+"/mcp", nil, binary.Self(t), "approve", "alice")
	if told.Claims["email"] != "alice@example.test" || told.Stolen != 401 {
		t.Errorf("%+v", told)
	}
}

// Both programs of this project: one sign-in, whose token is bound, and with it calls on both
// transports where nothing else is taken and each proof needs a nonce.
func TestDPoPOfBothPrograms(t *testing.T) {
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Registration: true, TokenClaims: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	base := whoami(t, idp.Issuer(), "--dpop", "require", "--dpop-nonce")
	env, program := bridgeEnv(t), binary.Build(t, "mcp-login")
	for _, path := range []string{"/mcp", "/sse"} {
		idp.AddResource(devidp.Resource{Indicator: base + path})
		for range 2 { // the second process has the login, and no nonce
			var claims struct {
				Confirmation map[string]string `json:"cnf"`
				Email        string            `json:"email"`
			}
			said := run(t, env, program, "call", base+path, "whoami")
			if err := json.Unmarshal([]byte(said), &claims); err != nil || claims.Email != "alice@example.test" || len(claims.Confirmation["jkt"]) != 43 {
				t.Errorf("%s: %s", path, said)
			}
		}
	}
}
