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

// signIn is what the stand-in's tool is called.
const signIn = "mcp_login_sign_in"

// person signs in as alice at the address in a text of the stand-in.
func person(t *testing.T, text string) {
	t.Helper()
	start := strings.Index(text, "http")
	if start < 0 {
		t.Fatalf("no address in %q", text)
	}
	address, _, _ := strings.Cut(text[start:], " ")
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if _, err := devidp.Approve(ctx, http.DefaultClient, address, "alice"); err != nil {
		t.Fatal(err)
	}
}

// go-sdk's client meets a login that outlasts its patience: its session stands,
// the one tool says where to sign in, and when it hears that the tools have
// changed it finds those of the server.
func TestPatienceWithGoSDK(t *testing.T) {
	_, base := lab(t, nil)
	changed := make(chan struct{}, 8)
	client := gosdk.NewClient(&gosdk.Implementation{Name: "interop", Version: "1"}, &gosdk.ClientOptions{
		ToolListChangedHandler: func(context.Context, *gosdk.ToolListChangedRequest) { changed <- struct{}{} },
	})
	cmd := exec.Command(binary.Build(t, "mcp-login"), "--login-patience", "1ms", base+"/mcp")
	cmd.Env = append(os.Environ(), append(bridgeEnv(t), "MCP_LOGIN_BROWSER=none")...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	session, err := client.Connect(ctx, &gosdk.CommandTransport{Command: cmd}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	tools, err := session.ListTools(ctx, nil)
	if err != nil || len(tools.Tools) != 1 || tools.Tools[0].Name != signIn {
		t.Fatalf("%+v, %v", tools, err)
	}
	result, err := session.CallTool(ctx, &gosdk.CallToolParams{Name: signIn})
	if err != nil {
		t.Fatal(err)
	}
	person(t, result.Content[0].(*gosdk.TextContent).Text)
	select {
	case <-changed:
	case <-ctx.Done():
		t.Fatal("nothing says that the tools have changed")
	}
	if tools, err = session.ListTools(ctx, nil); err != nil || len(tools.Tools) == 0 || tools.Tools[0].Name == signIn {
		t.Fatalf("%+v, %v", tools, err)
	}
	result, err = session.CallTool(ctx, &gosdk.CallToolParams{Name: "whoami"})
	if err != nil || !strings.Contains(result.Content[0].(*gosdk.TextContent).Text, "alice@example.test") {
		t.Errorf("%+v, %v", result, err)
	}
}

// mcp-go's client, which asks for the newest revision, does the same.
func TestPatienceWithMCPGo(t *testing.T) {
	_, base := lab(t, nil)
	c := mcpclient.NewClient(transport.NewStdio(binary.Build(t, "mcp-login"), append(bridgeEnv(t), "MCP_LOGIN_BROWSER=none"), "--login-patience", "1ms", base+"/mcp"))
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	changed := make(chan struct{}, 8)
	c.OnNotification(func(n mcp.JSONRPCNotification) {
		if n.Method == "notifications/tools/list_changed" {
			changed <- struct{}{}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	init := mcp.InitializeRequest{}
	init.Params.ProtocolVersion = mcp.LATEST_PROTOCOL_VERSION
	init.Params.ClientInfo = mcp.Implementation{Name: "interop", Version: "1"}
	if _, err := c.Initialize(ctx, init); err != nil {
		t.Fatal(err)
	}
	tools, err := c.ListTools(ctx, mcp.ListToolsRequest{})
	if err != nil || len(tools.Tools) != 1 || tools.Tools[0].Name != signIn {
		t.Fatalf("%+v, %v", tools, err)
	}
	person(t, tools.Tools[0].Description)
	select {
	case <-changed:
	case <-ctx.Done():
		t.Fatal("nothing says that the tools have changed")
	}
	if tools, err = c.ListTools(ctx, mcp.ListToolsRequest{}); err != nil || len(tools.Tools) == 0 || tools.Tools[0].Name == signIn {
		t.Fatalf("%+v, %v", tools, err)
	}
}
