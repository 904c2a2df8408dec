package server

import (
	stdjson "encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/test/real"
)

// claimsOf checks that the text and the structured content say the same, and
// returns it.
func claimsOf(t *testing.T, structured any, text string) map[string]any {
	t.Helper()
	raw, err := stdjson.Marshal(structured)
	if err != nil {
		t.Fatal(err)
	}
	var a, b map[string]any
	if err := stdjson.Unmarshal(raw, &a); err != nil {
		t.Fatalf("structured content %s: %v", raw, err)
	}
	if err := stdjson.Unmarshal([]byte(text), &b); err != nil {
		t.Fatalf("text %s: %v", text, err)
	}
	if !reflect.DeepEqual(a, b) {
		t.Errorf("structured content %v, text %v", a, b)
	}
	return a
}

func checkTool(t *testing.T, name string, readOnly bool, schema any) {
	t.Helper()
	raw, err := stdjson.Marshal(schema)
	if err != nil {
		t.Fatal(err)
	}
	if name != "whoami" || !readOnly || !strings.Contains(string(raw), `"type":"object"`) {
		t.Errorf("tool %q, read only %t, output schema %s", name, readOnly, raw)
	}
}

// The go-sdk's client, over both transports, with a JWT and an opaque token.
func TestInteropGoSDK(t *testing.T) {
	i := newTestIssuer(t)
	i.userinfo = answer(200, logtoClaims)
	l := startServer(t, i, nil)
	for tokenKind, token := range map[string]string{"jwt": l.tokenFor(t, i, "alice"), "opaque": "opaque-token"} {
		want := map[string]string{"jwt": "alice", "opaque": "u1"}[tokenKind]
		c := clientWith(t, token)
		for name, tr := range map[string]mcp.Transport{
			"streamable": &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: c},
			"sse":        &mcp.SSEClientTransport{Endpoint: l.url + "/sse", HTTPClient: c},
		} {
			t.Run(tokenKind+" "+name, func(t *testing.T) {
				session := connectSDK(t, tr)
				tools, err := session.ListTools(t.Context(), nil)
				if err != nil || len(tools.Tools) != 1 {
					t.Fatalf("tools: %+v, %v", tools, err)
				}
				checkTool(t, tools.Tools[0].Name, tools.Tools[0].Annotations.ReadOnlyHint, tools.Tools[0].OutputSchema)
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
				if err != nil || result.IsError {
					t.Fatalf("call: %+v, %v", result, err)
				}
				claims := claimsOf(t, result.StructuredContent, result.Content[0].(*mcp.TextContent).Text)
				if claims["sub"] != want {
					t.Errorf("sub %v, want %s", claims["sub"], want)
				}
			})
		}
	}
}

// mcp-go's client, over both transports.
func TestInteropMCPGo(t *testing.T) {
	i := newTestIssuer(t)
	i.userinfo = answer(200, logtoClaims)
	l := startServer(t, i, nil)
	for tokenKind, token := range map[string]string{"jwt": l.tokenFor(t, i, "alice"), "opaque": "opaque-token"} {
		want := map[string]string{"jwt": "alice", "opaque": "u1"}[tokenKind]
		c := clientWith(t, token)
		streamable, err := transport.NewStreamableHTTP(l.url+"/mcp", transport.WithHTTPBasicClient(c))
		if err != nil {
			t.Fatal(err)
		}
		legacy, err := transport.NewSSE(l.url+"/sse", transport.WithHTTPClient(c))
		if err != nil {
			t.Fatal(err)
		}
		for name, tr := range map[string]transport.Interface{"streamable": streamable, "sse": legacy} {
			t.Run(tokenKind+" "+name, func(t *testing.T) {
				c := connectMCPGo(t, tr)
				tools, err := c.ListTools(t.Context(), mcpgo.ListToolsRequest{})
				if err != nil || len(tools.Tools) != 1 {
					t.Fatalf("tools: %+v, %v", tools, err)
				}
				checkTool(t, tools.Tools[0].Name, *tools.Tools[0].Annotations.ReadOnlyHint, tools.Tools[0].OutputSchema)
				var req mcpgo.CallToolRequest
				req.Params.Name = "whoami"
				result, err := c.CallTool(t.Context(), req)
				if err != nil || result.IsError {
					t.Fatalf("call: %+v, %v", result, err)
				}
				claims := claimsOf(t, result.StructuredContent, result.Content[0].(mcpgo.TextContent).Text)
				if claims["sub"] != want {
					t.Errorf("sub %v, want %s", claims["sub"], want)
				}
			})
		}
	}
}

// Both eras on one endpoint, and bad input of a tool as a tool
// result. Raw messages, so that no client helps.
func TestBothErasOnOneEndpoint(t *testing.T) {
	i := newTestIssuer(t)
	l := startServer(t, i, nil)
	c := l.clientFor(t, i, "alice")
	read := func(resp *http.Response) (int, string) {
		if resp.Header.Get("Mcp-Session-Id") != "" {
			t.Error("a session id was given out")
		}
		out, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(out)
	}
	for _, version := range []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"} {
		status, out := read(post(t, c, l.url+"/mcp", strings.Replace(initialize, "2025-11-25", version, 1)))
		if status != 200 || !strings.Contains(out, `"protocolVersion":"`+version+`"`) {
			t.Errorf("initialize %s: %d %s", version, status, out)
		}
	}
	status, out := read(l.callModern(t, c, "server/discover", ""))
	if status != 200 || !strings.Contains(out, `"2026-07-28"`) || !strings.Contains(out, `"cacheScope":"private"`) ||
		!strings.Contains(out, `"ttlMs":300000`) {
		t.Errorf("discover: %d %s", status, out)
	}
	status, out = read(l.callModern(t, c, "tools/call", `"name":"whoami","arguments":{},`, "Mcp-Name", "whoami"))
	if status != 200 || !strings.Contains(out, `"sub":"alice"`) {
		t.Errorf("modern call: %d %s", status, out)
	}
	status, out = read(post(t, c, l.url+"/mcp", strings.Replace(callWhoami, "{}", `{"who":"bob"}`, 1)))
	if status != 200 || !strings.Contains(out, `"isError":true`) {
		t.Errorf("unknown argument: %d %s", status, out)
	}
}

// 50 clients at once, 10,000 calls with equal request ids, on both
// transports: each sees its own subject and nobody else's.
func TestParallelClientsSeeThemselves(t *testing.T) {
	real.Long(t, "10,000 calls")
	i := newTestIssuer(t)
	l := startServer(t, i, nil)
	const clients, calls = 50, 200
	sessions := make([]*mcp.ClientSession, clients)
	for n := range clients {
		c := clientWith(t, l.tokenFor(t, i, fmt.Sprintf("user-%d", n)))
		var tr mcp.Transport = &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: c}
		if n%5 == 0 {
			tr = &mcp.SSEClientTransport{Endpoint: l.url + "/sse", HTTPClient: c}
		}
		sessions[n] = connectSDK(t, tr)
	}
	var wg sync.WaitGroup
	for n, session := range sessions {
		wg.Go(func() {
			want := fmt.Sprintf("user-%d", n)
			for range calls {
				result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
				if err != nil {
					t.Errorf("%s: %v", want, err)
					return
				}
				claims, _ := result.StructuredContent.(map[string]any)
				if claims["sub"] != want {
					t.Errorf("%s saw %v", want, claims["sub"])
					return
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d clients, %d calls with equal ids, no answer to the wrong one", clients, clients*calls)
}
