package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	mcpclient "github.com/mark3labs/mcp-go/client"
	mcptransport "github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// revisions are the rows of the matrix.
var revisions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28"}

// Every client with every server, without a flag.
func TestEveryCell(t *testing.T) {
	for _, p := range append(peers(t), typeScriptPeers(t)...) {
		for _, revision := range revisions {
			t.Run(revision+" to "+p.name, func(t *testing.T) {
				c := start(t, revision, p.url)
				c.begin()
				if list := c.must("tools/list", ""); !strings.Contains(string(list.Result), `"progress"`) {
					t.Fatalf("tools %s", list.Result)
				}
				c.progress(p)
				apart := p.noSession && !c.modern()
				if p.asks && !apart {
					c.question("ask", `{"action":"accept","content":{"colour":"red"}}`, "accept red")
				}
				if p.samples && !apart {
					c.question("sample", sample, "m hello")
					c.question("roots", roots, "file:///r")
				}
				if p.changing && !apart {
					c.changes(p)
				}
				if p.asks && !apart || p.name == "all (mcp-go)" {
					c.cancel(p)
				}
				c.must("tools/call", `"name":"progress","arguments":{}`) // all is well afterwards
			})
		}
	}
}

// begin is the way each era begins. A client of 2026-07-28 alone goes on after a
// refused probe.
func (c *client) begin() {
	c.t.Helper()
	if c.modern() {
		c.ask("server/discover", "")
		return
	}
	m := c.must("initialize", `"protocolVersion":"`+c.revision+`","capabilities":`+c.offers+`,"clientInfo":{"name":"t","version":"1"}`)
	var result struct {
		ProtocolVersion string `json:"protocolVersion"`
	}
	if err := json.Unmarshal(m.Result, &result); err != nil || result.ProtocolVersion == "" || result.ProtocolVersion == "2026-07-28" {
		c.t.Fatalf("initialize: %s", m.Result)
	}
	c.write(`{"jsonrpc":"2.0","method":"notifications/initialized"}`)
}

// progress is a call whose notifications all come: before its answer, or, where the peer
// may send them by another stream, whenever they come.
func (c *client) progress(p *peer) {
	c.t.Helper()
	m := c.must("tools/call", `"name":"progress","arguments":{}`)
	if !strings.Contains(string(m.Result), "done") {
		c.t.Fatalf("%s", m.Result)
	}
	n := 0
	for i := 0; p.otherStream && i < 3; i++ {
		c.heard("notifications/progress", fmt.Sprintf(`"progress":%d,`, i))
		n++
	}
	for _, k := range c.kept {
		if k.Method == "notifications/progress" {
			n++
		}
	}
	if c.kept = nil; n != 3 {
		c.t.Errorf("%d notifications of progress", n)
	}
}

// question is a call in which the server asks the client: by a request, or by a
// result in 2026-07-28. Before 2025-06-18 clients cannot be asked for data.
func (c *client) question(tool, answer, want string) {
	c.t.Helper()
	if c.revision < "2025-06-18" && tool == "ask" {
		return
	}
	call := `"name":"` + tool + `","arguments":{}`
	before := c.asked
	m := c.must("tools/call", call)
	if c.modern() {
		var asked struct {
			Requests map[string]json.RawMessage `json:"inputRequests"`
			State    *string                    `json:"requestState"`
		}
		if err := json.Unmarshal(m.Result, &asked); err != nil || len(asked.Requests) != 1 {
			c.t.Fatalf("%s: %s", tool, m.Result)
		}
		state := ""
		if asked.State != nil {
			state = `,"requestState":"` + *asked.State + `"`
		}
		for key := range asked.Requests {
			m = c.must("tools/call", call+state+`,"inputResponses":{"`+key+`":`+answer+`}`)
		}
	} else if c.asked != before+1 {
		c.t.Errorf("%s: asked %d times", tool, c.asked-before)
	}
	if !strings.Contains(string(m.Result), want) {
		c.t.Errorf("%s: %s", tool, m.Result)
	}
}

// changes subscribes, and hears of a changed list and a changed resource.
func (c *client) changes(p *peer) {
	c.t.Helper()
	if c.modern() {
		c.send("subscriptions/listen", `"notifications":{"toolsListChanged":true,"resourceSubscriptions":["a:1"]}`)
		c.heard("notifications/subscriptions/acknowledged", "a:1")
	} else {
		c.must("resources/subscribe", `"uri":"a:1"`)
	}
	p.changes()
	c.heard("notifications/tools/list_changed", "")
	c.heard("notifications/resources/updated", "a:1")
}

// cancel ends a call that the server is carrying out; the server hears of it.
func (c *client) cancel(p *peer) {
	c.t.Helper()
	id := c.send("tools/call", `"name":"slow","arguments":{}`)
	c.heard("notifications/progress", id)
	c.write(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":` + id + `}}`)
	select {
	case <-p.cancelled:
	case <-time.After(20 * time.Second):
		c.t.Error("the server did not hear of the cancel")
	}
}

// Clients of both eras decide by their own probe: those of both libraries.
func TestDualClients(t *testing.T) {
	for _, p := range append(peers(t), typeScriptPeers(t)...) {
		t.Run("go-sdk to "+p.name, func(t *testing.T) { dualGoSDK(t, p) })
		t.Run("mcp-go to "+p.name, func(t *testing.T) { dualMCPGo(t, p) })
	}
}

func dualGoSDK(t *testing.T, p *peer) {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	asked := 0
	c := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, &mcp.ClientOptions{
		ElicitationHandler: func(context.Context, *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
			asked++
			return &mcp.ElicitResult{Action: "accept", Content: map[string]any{"colour": "red"}}, nil
		},
	})
	session, err := c.Connect(ctx, &mcp.CommandTransport{Command: bridgeCommand(t, p.url)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	if list, err := session.ListTools(ctx, nil); err != nil || len(list.Tools) == 0 {
		t.Fatal(list, err)
	}
	if _, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "progress"}); err != nil {
		t.Fatal(err)
	}
	if !p.asks {
		return
	}
	result, err := session.CallTool(ctx, &mcp.CallToolParams{Name: "ask"})
	if err != nil || len(result.Content) != 1 || result.Content[0].(*mcp.TextContent).Text != "accept red" || asked != 1 {
		t.Errorf("%+v, %v, asked %d times", result, err, asked)
	}
}

func dualMCPGo(t *testing.T, p *peer) {
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	cmd := bridgeCommand(t, p.url)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err1 != nil || err2 != nil || cmd.Start() != nil {
		t.Fatal("the bridge does not start")
	}
	defer func() { _ = cmd.Wait() }()
	c := mcpclient.NewClient(mcptransport.NewIO(out, in, io.NopCloser(strings.NewReader(""))))
	if err := c.Start(ctx); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Initialize(ctx, mcpgo.InitializeRequest{Params: mcpgo.InitializeParams{ProtocolVersion: mcpgo.LATEST_PROTOCOL_VERSION, ClientInfo: mcpgo.Implementation{Name: "t", Version: "1"}}}); err != nil {
		t.Fatal(err)
	}
	if list, err := c.ListTools(ctx, mcpgo.ListToolsRequest{}); err != nil || len(list.Tools) == 0 {
		t.Fatal(list, err)
	}
	call := mcpgo.CallToolRequest{}
	call.Params.Name = "progress"
	if _, err := c.CallTool(ctx, call); err != nil {
		t.Fatal(err)
	}
}
