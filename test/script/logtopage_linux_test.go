package script

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/reader"
	"mcp-login/test/real"
)

// Each command of the tutorial does what the page says, as it stands there and in its
// order, and prints what stands below it. Those of the Inspector need Node.js.
func TestLogtoPage(t *testing.T) {
	real.Program(t, "curl", "apt-get install curl")
	page, err := os.ReadFile("../../docs/logto.md")
	if err != nil {
		t.Fatal(err)
	}
	all, err := reader.Commands(string(page))
	if err != nil {
		t.Fatalf("docs/logto.md: %v", err)
	}
	values := map[string]string{}
	for _, c := range all {
		maps.Copy(values, c.Variables())
	}
	shell := tenant(t, values)
	ran := 0
	for _, c := range all {
		if c.NotRun != "" {
			t.Logf("line %d is not run: %s", c.Line, c.NotRun)
			continue
		}
		ran++
		t.Run(fmt.Sprintf("line %d", c.Line), func(t *testing.T) {
			env := []string{"MCP_LOGIN_BROWSER=" + binary.Self(t) + " " + personOf(c)}
			if strings.HasPrefix(c.Text, "npx ") {
				env = append(env, npx(t, shell.Dir)...)
			}
			shell.Run(t, c, env...)
		})
	}
	if ran < 25 {
		t.Errorf("only %d commands were run", ran)
	}
}

// personOf is who signs in when a command opens the browser.
func personOf(c reader.Command) string {
	switch {
	case strings.Contains(c.Text, "--profile bob"):
		return "approve bob"
	case strings.Contains(c.Text, "--device"):
		return "approve-device alice"
	}
	return "approve alice"
}

// npx makes npx find the Inspector among the packages of the tests.
func npx(t *testing.T, dir string) (env []string) {
	t.Helper()
	node := real.NodeModules(t)
	node.Package(t, "@modelcontextprotocol/inspector")
	if err := os.Symlink(node.Modules, filepath.Join(dir, "node_modules")); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	path := []string{filepath.Dir(binary.Build(t, "mcp-login")), filepath.Dir(node.Path), os.Getenv("PATH")}
	return []string{"PATH=" + strings.Join(path, ":"), "npm_config_offline=true", "npm_config_update_notifier=false"}
}

// tenant sets up devidp as the page says: the applications, users and roles under the ids
// that stand there. It returns the shell of a reader with an empty home.
func tenant(t *testing.T, values map[string]string) *reader.Shell {
	t.Helper()
	listen := fmt.Sprintf("127.0.0.1:%d", real.FreePort(t))
	server := "http://" + listen + "/mcp"
	callback := fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", real.FreePort(t))
	organizations := []string{values["ORG_ID"]}
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{
		TokenClaims: true,
		Users: []devidp.User{
			{Subject: "alice0000001", Username: "alice", Name: "Alice Example", Email: "alice@example.test", Organizations: organizations, AccessTokens: []string{"pat_alice"}},
			{Subject: "bob000000001", Username: "bob", Name: "Bob Example", Email: "bob@example.test", Lacks: []string{"whoami:details"}},
		},
		Clients: []devidp.Client{
			{ID: values["APP_ID"], RedirectURIs: []string{"http://127.0.0.1/callback"}, GrantTypes: []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:token-exchange"}},
			{ID: values["READER_ID"], ApplicationType: "web", Secret: "s3cret", GrantTypes: []string{"client_credentials"}, Management: true},
			{ID: values["SPA_ID"], ApplicationType: "web", RedirectURIs: []string{callback}},
			{ID: values["DEVICE_ID"], DeviceFlow: true},
			{ID: values["M2M_ID"], ApplicationType: "web", Secret: "s3cret", GrantTypes: []string{"client_credentials"}, Organizations: organizations},
		},
		Resources: []devidp.Resource{{Indicator: server, Scopes: []string{"whoami:details"}}},
		Faults:    devidp.Faults{DeviceInterval: 1},
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	browser := filepath.Join(dir, "browser") // the Inspector's
	for name, text := range map[string]string{browser: "#!/bin/sh\nexec '" + binary.Self(t) + "' approve alice \"$1\"\n", filepath.Join(dir, "m2m-secret"): "s3cret\n", filepath.Join(dir, "reader-secret"): "s3cret\n", filepath.Join(dir, "pat"): "pat_alice"} {
		if err := os.WriteFile(name, []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	provider := strings.TrimSuffix(idp.Issuer(), "/oidc")
	shell := &reader.Shell{Dir: dir, Shown: strings.NewReplacer(provider, "https://TENANT.logto.app", listen, "127.0.0.1:3001", "\r", "")}
	t.Cleanup(func() {
		shell.Stop(t)
		_ = idp.Close()
	})
	binary.Build(t, "whoami-server")
	for name, value := range values {
		shell.Env = append(shell.Env, name+"="+value)
	}
	shell.Env = append(shell.Env, "ISSUER="+idp.Issuer(), "LOGTO="+provider, "URL="+server,
		"HOME="+filepath.Join(dir, "home"), "PATH="+filepath.Dir(binary.Build(t, "mcp-login"))+":"+os.Getenv("PATH"), "TMPDIR="+t.TempDir(), "NO_PROXY=127.0.0.1",
		"WHOAMI_LISTEN="+listen, "BROWSER="+browser, "MCP_AUTO_OPEN_ENABLED=true", "MCP_OAUTH_CALLBACK_URL="+callback)
	return shell
}
