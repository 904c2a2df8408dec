package interop

import (
	"context"
	"io"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

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

// npm mcp-remote signs in at whoami-server --dev with nothing but its URL and a port, over
// both transports: the issuer's metadata relayed there for clients of 2025-03-26
// does not confuse a newer client. Confused, it would register at the server or
// ask for a token without a resource, whose answer has no audience.
func TestMCPRemoteIsNotConfused(t *testing.T) {
	node := real.NodeModules(t)
	dir := node.Package(t, "mcp-remote")
	base := whoami(t, "", "--dev", "--dev-listen", "127.0.0.1:0")
	issuer := relayedIssuer(t, base)
	if issuer == "" || strings.HasPrefix(issuer, base) {
		t.Fatalf("the relayed metadata names the issuer %q", issuer)
	}
	for _, endpoint := range []string{"mcp", "sse"} {
		t.Run(endpoint, func(t *testing.T) {
			// It opens the address with xdg-open, which is this test binary here.
			env := append(append(bridgeEnv(t), openerEnv(t)...), "MCP_REMOTE_CONFIG_DIR="+t.TempDir())
			s := open(t, env, node.Path, filepath.Join(dir, "dist", "proxy.js"), base+"/"+endpoint, strconv.Itoa(real.FreePort(t)))
			claims := s.whoami()
			if claims["email"] != "alice@example.test" || claims["iss"] != issuer || claims["aud"] != base+"/"+endpoint {
				t.Errorf("claims %v", claims)
			}
		})
	}
}

// relayedIssuer reads the issuer in the metadata that the server relays.
func relayedIssuer(t *testing.T, base string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/.well-known/oauth-authorization-server", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var metadata struct {
		Issuer string `json:"issuer"`
	}
	if err := json.UnmarshalRead(io.LimitReader(resp.Body, 1<<20), &metadata); err != nil {
		t.Fatal(err)
	}
	return metadata.Issuer
}
