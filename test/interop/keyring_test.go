package interop

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// A whole login with a real Secret Service: the credential is sealed on disk by
// a key that only the keyring has, and the next start finds it.
func TestSecretServiceLogin(t *testing.T) {
	if !real.SecretService(t) {
		return
	}
	idp, base := lab(t, nil)
	env := append(bridgeEnv(t), "MCP_LOGIN_STORE=keyring")
	state := ""
	for _, pair := range env {
		if dir, ok := strings.CutPrefix(pair, "MCP_LOGIN_DIR="); ok {
			state = dir
		}
	}
	for range 2 {
		s := open(t, env, binary.Build(t, "mcp-login"), base+"/mcp")
		if claims := s.whoami(); claims["email"] != "alice@example.test" {
			t.Errorf("claims %v", claims)
		}
		s.end()
	}
	if n := idp.Stats().CodeExchanges; n != 1 {
		t.Errorf("%d logins", n)
	}
	want(t, run(t, env, binary.Build(t, "mcp-login"), "status"), "alice@example.test", "keyring")
	token := strings.TrimSpace(run(t, env, binary.Build(t, "mcp-login"), "token", base+"/mcp"))
	files, err := filepath.Glob(filepath.Join(state, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing in %s: %v", state, err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			continue // a folder
		}
		if strings.Contains(string(content), token) || strings.Contains(string(content), "access_token") {
			t.Errorf("%s holds a token in the clear", filepath.Base(file))
		}
	}
	want(t, run(t, env, binary.Build(t, "mcp-login"), "logout", base+"/mcp"), "signed out")
}
