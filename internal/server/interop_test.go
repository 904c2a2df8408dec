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

	"mcp-login/test/issuer"
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

// interop lists the tools and calls whoami with a client of one library, over both
// transports, with a JWT and an opaque token.
func interop(t *testing.T, ask func(t *testing.T, l *liveServer, c *http.Client, sse bool) (tools, structured any, text string)) {
	t.Helper()
	i := issuer.Start(t)
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	l := startServer(t, i, nil)
	for token, want := range map[string]string{l.tokenFor(t, i, "alice"): "alice", "opaque-token": "u1"} {
		for name, sse := range map[string]bool{"streamable": false, "sse": true} {
			t.Run(want+" "+name, func(t *testing.T) {
				tools, structured, text := ask(t, l, clientWith(t, token), sse)
				list, err := stdjson.Marshal(tools)
				if err != nil || strings.Count(string(list), `"annotations"`) != 1 {
					t.Fatalf("tools: %s, %v", list, err)
				}
				for _, want := range []string{`"name":"whoami"`, `"readOnlyHint":true`, `"outputSchema":{`, `"type":"object"`} {
					if !strings.Contains(string(list), want) {
						t.Errorf("no %s in %s", want, list)
					}
				}
				if claims := claimsOf(t, structured, text); claims["sub"] != want {
					t.Errorf("sub %v, want %s", claims["sub"], want)
				}
			})
		}
	}
}

func TestInteropGoSDK(t *testing.T) {
	interop(t, func(t *testing.T, l *liveServer, c *http.Client, sse bool) (tools, structured any, text string) {
		var tr mcp.Transport = &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: c}
		if sse {
			tr = &mcp.SSEClientTransport{Endpoint: l.url + "/sse", HTTPClient: c}
		}
		session := connectSDK(t, tr)
		list, err := session.ListTools(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
		if err != nil || result.IsError {
			t.Fatalf("call: %+v, %v", result, err)
		}
		return list.Tools, result.StructuredContent, result.Content[0].(*mcp.TextContent).Text
	})
}

func TestInteropMCPGo(t *testing.T) {
	interop(t, func(t *testing.T, l *liveServer, c *http.Client, sse bool) (tools, structured any, text string) {
		var tr transport.Interface
		var err error
		if sse {
			tr, err = transport.NewSSE(l.url+"/sse", transport.WithHTTPClient(c))
		} else {
			tr, err = transport.NewStreamableHTTP(l.url+"/mcp", transport.WithHTTPBasicClient(c))
		}
		if err != nil {
			t.Fatal(err)
		}
		client := connectMCPGo(t, tr)
		list, err := client.ListTools(t.Context(), mcpgo.ListToolsRequest{})
		if err != nil {
			t.Fatal(err)
		}
		var req mcpgo.CallToolRequest
		req.Params.Name = "whoami"
		result, err := client.CallTool(t.Context(), req)
		if err != nil || result.IsError {
			t.Fatalf("call: %+v, %v", result, err)
		}
		return list.Tools, result.StructuredContent, result.Content[0].(mcpgo.TextContent).Text
	})
}

// Clients with sessions and without them on one endpoint, and bad input of a tool as a
// tool result. Raw messages, so that no client helps.
func TestAllRevisionsAreServedOnOneEndpoint(t *testing.T) {
	i := issuer.Start(t)
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
func TestParallelClientsSeeThemselves(t *testing.T) { onBothBackends(t, parallelClientsSeeThemselves) }

func parallelClientsSeeThemselves(t *testing.T, on setUp) {
	real.Long(t, "10,000 calls")
	i := issuer.Start(t)
	l := startServer(t, i, on(nil))
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
