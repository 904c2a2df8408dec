package interop

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// inspector returns the command line of the MCP Inspector's --cli mode.
func inspector(t *testing.T) (node real.Node, args []string) {
	t.Helper()
	node = real.NodeModules(t)
	node.Package(t, "@modelcontextprotocol/inspector")
	return node, []string{filepath.Join(node.Modules, ".bin", "mcp-inspector"), "--cli"}
}

// The official Inspector as a local client, with mcp-login as its command.
func TestInspectorThroughBridge(t *testing.T) {
	node, cli := inspector(t)
	_, base := lab(t, nil)
	for _, pair := range bridgeEnv(t) { // it hands on only what it is told to
		cli = append(cli, "-e", pair)
	}
	cli = append(cli, binary.Build(t, "mcp-login"), base+"/mcp")
	want(t, run(t, nil, node.Path, append(cli, "--method", "tools/list")...), `"name": "whoami"`)
	want(t, run(t, nil, node.Path, append(cli, "--method", "tools/call", "--tool-name", "whoami")...), "alice@example.test")
}

// The Inspector directly against whoami-server, with a bearer header, over both
// transports: the tutorial this project grew from.
func TestInspectorDirect(t *testing.T) {
	node, cli := inspector(t)
	idp, base := lab(t, nil)
	header := "Authorization: Bearer " + bearerFor(t, idp, base)
	for path, wire := range map[string]string{"/mcp": "http", "/sse": "sse"} {
		args := append(append([]string{}, cli...), base+path, "--transport", wire, "--header", header)
		want(t, run(t, bridgeEnv(t), node.Path, append(args, "--method", "tools/list")...), `"name": "whoami"`)
		want(t, run(t, bridgeEnv(t), node.Path, append(args, "--method", "tools/call", "--tool-name", "whoami")...), "alice@example.test")
	}
}

// npm mcp-remote signs in at whoami-server: the issuer's metadata relayed there
// for clients of 2025-03-26 does not confuse a newer client.
func TestMCPRemoteIsNotConfused(t *testing.T) {
	node := real.NodeModules(t)
	dir := node.Package(t, "mcp-remote")
	idp, base := lab(t, nil)
	env := bridgeEnv(t)
	client, err := json.Marshal(map[string]string{"client_id": "mcp-remote"})
	if err != nil {
		t.Fatal(err)
	}
	idp.AddClient(devidp.Client{ID: "mcp-remote", RedirectURIs: []string{"http://127.0.0.1/oauth/callback", "http://localhost/oauth/callback"}})
	// It opens the address with xdg-open, which is this test binary here.
	env = append(append(env, openerEnv(t)...), "MCP_REMOTE_CONFIG_DIR="+t.TempDir())
	s := open(t, env, node.Path, filepath.Join(dir, "dist", "proxy.js"), base+"/mcp", "--static-oauth-client-info", string(client))
	if claims := s.whoami(); claims["email"] != "alice@example.test" {
		t.Errorf("claims %v", claims)
	}
}
