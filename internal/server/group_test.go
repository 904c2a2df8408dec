package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/bearer"
	"mcp-login/test/issuer"
)

const (
	notesResource = "http://127.0.0.1:3001/notes/mcp"
	tasksResource = "http://127.0.0.1:3001/tasks/mcp"
)

// named is an MCP server with one tool that answers with a name.
func named(name string) *mcpserver.MCPServer {
	m := mcpserver.NewMCPServer(name, "1")
	m.AddTool(mcpgo.NewTool("name"), func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		return mcpgo.NewToolResultText("this is " + name), nil
	})
	return m
}

func newGroup(t *testing.T, configs ...Config) *Group {
	t.Helper()
	g, err := NewGroup(configs...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close(t.Context()) })
	return g
}

const callName = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"name","arguments":{}}}`

// Several resources in one process: each has its own tools, scopes, metadata
// and audience; a token for one is 401 at the other, also when it is known; the
// issuer is visited once for both.
func TestGroupKeepsResourcesApart(t *testing.T) {
	i := issuer.Start(t)
	g := newGroup(t,
		Config{MCP: named("notes"), Config: bearer.Config{Resource: mustURL(t, notesResource), Issuer: i.URL, Scopes: []string{"notes"}, RequiredScopes: []string{"notes"}}},
		Config{MCP: named("tasks"), Config: bearer.Config{Resource: mustURL(t, tasksResource), Issuer: i.URL, Scopes: []string{"tasks"}}},
	)
	token := func(resource, scope string) string {
		return i.Sign(t, issuer.Change{Claims: map[string]any{"aud": resource, "scope": scope}})
	}
	notes, tasks := token(notesResource, "notes"), token(tasksResource, "tasks")
	for range 2 { // the second time from the cache
		for _, tt := range []struct {
			path, token string
			want        int
			text        string
		}{
			{"/notes/mcp", notes, 200, "this is notes"},
			{"/tasks/mcp", tasks, 200, "this is tasks"},
			{"/tasks/mcp", notes, 401, "invalid_token"},
			{"/notes/mcp", tasks, 401, "invalid_token"},
			{"/notes/mcp", token("http://127.0.0.1:3001/notes/sse", "notes"), 200, "this is notes"},
			{"/tasks/mcp", token("http://127.0.0.1:3001/notes/sse", "notes"), 401, "invalid_token"},
			{"/notes/mcp", token(notesResource, "tasks"), 403, "insufficient_scope"},
			{"/tasks/mcp", "", 401, "unauthorized"},
		} {
			resp := call(g, "POST", tt.path, tt.token, callName)
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != tt.want || !strings.Contains(string(body), tt.text) {
				t.Errorf("%s: %d %s, want %d %s", tt.path, resp.StatusCode, body, tt.want, tt.text)
			}
		}
	}
	for path, resource := range map[string]string{"/notes": notesResource, "/tasks": tasksResource} {
		resp := call(g, "GET", metadataPath+path+"/mcp", "", "")
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || !strings.Contains(string(body), `"resource":"`+resource+`"`) {
			t.Errorf("metadata of %s: %d %s", path, resp.StatusCode, body)
		}
		got := issuer.Challenge(t, call(g, "GET", path+"/sse", "", ""))
		if got["resource_metadata"] != "http://127.0.0.1:3001"+metadataPath+path+"/sse" {
			t.Errorf("%s: challenge %v", path, got)
		}
	}
	for path, resource := range map[string]string{"/notes/": notesResource, "/tasks/": tasksResource} {
		resp := call(g, "GET", path, "", "")
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || !strings.Contains(string(body), resource) {
			t.Errorf("page at %s: %d", path, resp.StatusCode)
		}
	}
	for _, path := range []string{"/healthz", "/notes/healthz", "/tasks/healthz"} {
		if resp := call(g, "GET", path, "", ""); resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
	if m, k := i.MetadataCalls.Load(), i.KeyCalls.Load(); m != 1 || k != 1 {
		t.Errorf("%d metadata and %d key visits for both, want 1 and 1", m, k)
	}
}

// Resources of different hosts may have the same path.
func TestGroupServesOnePathOfSeveralHosts(t *testing.T) {
	i := issuer.Start(t)
	g := newGroup(t,
		Config{MCP: named("a"), Config: bearer.Config{Resource: mustURL(t, "https://a.example/mcp"), Issuer: i.URL}},
		Config{MCP: named("b"), Config: bearer.Config{Resource: mustURL(t, "https://b.example/mcp"), Issuer: i.URL}},
	)
	for _, name := range []string{"a", "b"} {
		token := i.Claim(t, "aud", "https://"+name+".example/mcp")
		resp := call(g, "POST", "/mcp", token, callName, "Host", name+".example:443")
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 200 || !strings.Contains(string(body), "this is "+name) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, body)
		}
	}
	if resp := call(g, "POST", "/mcp", i.Claim(t, "aud", "https://a.example/mcp"), callName, "Host", "c.example"); resp.StatusCode != 403 {
		t.Errorf("another host: %d", resp.StatusCode)
	}
}

// A real client on HTTP+SSE below a prefix, and an orderly end.
func TestGroupWorksOverSSE(t *testing.T) {
	i := issuer.Start(t)
	srv := httptest.NewUnstartedServer(nil)
	base := "http://" + srv.Listener.Addr().String()
	g := newGroup(t,
		Config{MCP: named("notes"), Config: bearer.Config{Resource: mustURL(t, base+"/notes/mcp"), Issuer: i.URL}},
		Config{MCP: named("tasks"), Config: bearer.Config{Resource: mustURL(t, base+"/tasks/mcp"), Issuer: i.URL}},
	)
	srv.Config.Handler = g
	srv.Start()
	t.Cleanup(srv.Close)
	for _, name := range []string{"notes", "tasks"} {
		c := clientWith(t, i.Claim(t, "aud", base+"/"+name+"/sse"))
		session := connectSDK(t, &mcp.SSEClientTransport{Endpoint: base + "/" + name + "/sse", HTTPClient: c})
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "name"})
		if err != nil || result.Content[0].(*mcp.TextContent).Text != "this is "+name {
			t.Errorf("%s: %+v, %v", name, result, err)
		}
	}
	g.Reload()
	if err := g.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if resp := call(g, "POST", "/notes/mcp", "x", callName, "Host", strings.TrimPrefix(base, "http://")); resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after Close: %d", resp.StatusCode)
	}
}

// Resources that could not be told apart are refused, with every mistake.
func TestGroupRefusesResourcesThatCannotBeToldApart(t *testing.T) {
	const issuer = "https://id.example"
	config := func(resource string) Config {
		return Config{Config: bearer.Config{Resource: mustURL(t, resource), Issuer: issuer}}
	}
	for name, configs := range map[string][]Config{
		"none":              nil,
		"twice":             {config("https://h.example/mcp"), config("https://h.example/mcp")},
		"one endpoint":      {config("https://h.example"), config("https://H.example:443/mcp")},
		"one HTTP+SSE":      {config("https://h.example/notes"), config("https://h.example/tasks")},
		"one is wrong":      {config("https://h.example/mcp"), config("http://h.example/b/mcp")},
		"an issuer missing": {config("https://h.example/mcp"), {Config: bearer.Config{Resource: mustURL(t, "https://h.example/b/mcp")}}},
	} {
		if g, err := NewGroup(configs...); err == nil {
			_ = g.Close(t.Context())
			t.Errorf("%s: taken", name)
		}
	}
}
