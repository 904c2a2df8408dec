package interop

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	"github.com/mark3labs/mcp-go/mcp"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// mcp-go's client starts the bridge, over both transports of the server.
func TestMCPGoClientThroughBridge(t *testing.T) {
	idp, base := lab(t, nil)
	env := bridgeEnv(t)
	for _, path := range []string{"/mcp", "/sse", "/mcp"} { // the third with what the first stored
		c, err := mcpclient.NewStdioMCPClient(binary.Build(t, "mcp-login"), env, base+path)
		if err != nil {
			t.Fatal(err)
		}
		callMCPGo(t, c)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := idp.Stats().CodeExchanges; n != 2 {
		t.Errorf("%d logins", n)
	}
}

func callMCPGo(t *testing.T, c *mcpclient.Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "interop", Version: "1"}
	if _, err := c.Initialize(ctx, init); err != nil {
		t.Fatal(err)
	}
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil || len(tools.Tools) == 0 {
		t.Fatalf("tools %v, %v", tools, err)
	}
	call := mcp.CallToolRequest{}
	call.Params.Name = "whoami"
	result, err := c.CallTool(ctx, call)
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := result.StructuredContent.(map[string]any)
	if claims["email"] != "alice@example.test" {
		t.Errorf("claims %v", claims)
	}
}

// go-sdk's client does the same.
func TestGoSDKClientThroughBridge(t *testing.T) {
	_, base := lab(t, nil)
	env := bridgeEnv(t)
	for _, path := range []string{"/mcp", "/sse"} {
		cmd := exec.Command(binary.Build(t, "mcp-login"), base+path)
		cmd.Env = append(os.Environ(), env...)
		callGoSDK(t, &gosdk.CommandTransport{Command: cmd})
	}
}

func callGoSDK(t *testing.T, wire gosdk.Transport) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	session, err := gosdk.NewClient(&gosdk.Implementation{Name: "interop", Version: "1"}, nil).Connect(ctx, wire, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	result, err := session.CallTool(ctx, &gosdk.CallToolParams{Name: "whoami"})
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := result.StructuredContent.(map[string]any)
	if claims["email"] != "alice@example.test" {
		t.Errorf("claims %v", claims)
	}
}

// Both libraries directly against whoami-server, with a bearer, over HTTP and
// SSE.
func TestLibrariesDirect(t *testing.T) {
	idp, base := lab(t, nil)
	token := bearerFor(t, idp, base)
	t.Run("mcp-go http", func(t *testing.T) {
		c, err := mcpclient.NewStreamableHttpClient(base+"/mcp", transport.WithHTTPHeaders(map[string]string{"Authorization": "Bearer " + token}))
		directMCPGo(t, c, err)
	})
	t.Run("mcp-go sse", func(t *testing.T) {
		c, err := mcpclient.NewSSEMCPClient(base+"/sse", transport.WithHeaders(map[string]string{"Authorization": "Bearer " + token}))
		directMCPGo(t, c, err)
	})
	client := &http.Client{Transport: signed(token)}
	t.Run("go-sdk http", func(t *testing.T) {
		callGoSDK(t, &gosdk.StreamableClientTransport{Endpoint: base + "/mcp", HTTPClient: client})
	})
	t.Run("go-sdk sse", func(t *testing.T) {
		callGoSDK(t, &gosdk.SSEClientTransport{Endpoint: base + "/sse", HTTPClient: client})
	})
}

func directMCPGo(t *testing.T, c *mcpclient.Client, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// An SSE stream lives as long as the context it was started with.
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	callMCPGo(t, c)
}

func bearerFor(t *testing.T, idp *devidp.Server, base string) string {
	t.Helper()
	token, err := idp.IssueToken(devidp.TokenRequest{Username: "alice", ClientID: "interop", Resource: base + "/mcp"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

type signed string

func (b signed) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(r)
}

// An opaque token works through the issuer's userinfo endpoint (Logto without
// an API resource: --resource none).
func TestOpaqueTokenThroughBridge(t *testing.T) {
	idp, base := lab(t, nil)
	s := open(t, bridgeEnv(t), binary.Build(t, "mcp-login"), "--resource", "none", base+"/mcp")
	claims := s.whoami()
	if claims["email"] != "alice@example.test" || claims["username"] != "alice" {
		t.Errorf("claims %v", claims)
	}
	if idp.Stats().Userinfo == 0 {
		t.Error("userinfo was not asked")
	}
	s.end()
	if strings.Contains(s.errOut.String(), "WARN") {
		t.Errorf("stderr: %s", s.errOut.String())
	}
}
