package server

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	mcpgo "github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/bearer"
	"mcp-login/test/issuer"
)

const callDetails = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami_details","arguments":{}}}`

func withToolScopes(c *Config) {
	c.Scopes = []string{"openid", "whoami:read"}
	c.ToolScopes = map[string][]string{"whoami": {"whoami:read"}, "whoami_details": {"whoami:details", "whoami:audit"}}
}

// Each tool needs its own scopes. The challenge names all that the
// client should have then: the server's, the tool's, and what it has already, or the
// next token would lack that.
func TestToolsNeedTheirScopes(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, withToolScopes)
	all := "openid whoami:read whoami:details whoami:audit"
	tests := map[string]struct {
		scope, message string
		want           string // in the challenge; "" for 200
	}{
		"whoami without":        {"", callWhoami, "openid whoami:read"},
		"whoami with":           {"whoami:read", callWhoami, ""},
		"whoami with another":   {"whoami:details", callWhoami, "openid whoami:read whoami:details"},
		"details without":       {"whoami:read", callDetails, all},
		"details with one":      {"whoami:read whoami:audit other", callDetails, all + " other"},
		"details with similar":  {"whoami:details2 whoami:audit", callDetails, all + " whoami:details2"},
		"details with both":     {"whoami:audit whoami:details", callDetails, ""},
		"listing needs nothing": {"", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`, ""},
		"another tool":          {"", strings.Replace(callWhoami, "whoami", "who", 1), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			token := i.Claim(t, "scope", tt.scope)
			resp := call(s, "POST", "/mcp", token, tt.message)
			if tt.want == "" {
				if resp.StatusCode == 403 {
					t.Errorf("403, %v", resp.Header)
				}
				return
			}
			if resp.StatusCode != 403 {
				t.Fatalf("status %d", resp.StatusCode)
			}
			got := issuer.Challenge(t, resp)
			if got["error"] != "insufficient_scope" || got["scope"] != tt.want || got["error_description"] == "" ||
				got["resource_metadata"] != "http://127.0.0.1:3001/.well-known/oauth-protected-resource/mcp" {
				t.Errorf("challenge %v", got)
			}
			if code := issuer.ErrorCode(t, resp); code != "insufficient_scope" {
				t.Errorf("body %s", code)
			}
		})
	}
	// Who begins is told to ask for little.
	if got := issuer.Challenge(t, call(s, "POST", "/mcp", "", callDetails))["scope"]; got != "openid whoami:read" {
		t.Errorf("401 names %q", got)
	}
	// Opaque tokens by userinfo tell no scopes, so they have none.
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 403 {
		t.Errorf("opaque: %d", resp.StatusCode)
	}
}

// The same on HTTP+SSE: the message that is posted gets the challenge.
func TestToolScopesOnLegacySSE(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, withToolScopes)
	token := i.Sign(t, issuer.Change{Claims: map[string]any{"aud": l.url + "/mcp", "scope": "whoami:read"}})
	c := clientWith(t, token)
	s := openStream(t, l.url, c)
	resp := post(t, c, l.url+s.endpoint, callDetails)
	if resp.StatusCode != 403 {
		t.Fatalf("status %d", resp.StatusCode)
	}
	if got := issuer.Challenge(t, resp)["resource_metadata"]; got != l.url+"/.well-known/oauth-protected-resource/sse" {
		t.Errorf("metadata %s", got)
	}
	if resp := post(t, c, l.url+s.endpoint, callWhoami); resp.StatusCode != 202 {
		t.Errorf("whoami: %d", resp.StatusCode)
	}
}

// A tool's name that is misspelt in the configuration does not leave the tool
// without protection.
func TestToolScopesOfAToolThatIsNotThere(t *testing.T) {
	for name, cfg := range map[string]Config{
		"whoami's own": {Config: bearer.Config{ToolScopes: map[string][]string{"whoani": {"x"}}}},
		"one's own":    {MCP: named("x"), Config: bearer.Config{ToolScopes: map[string][]string{"name": {"x"}, "whoami": {"x"}}}},
	} {
		cfg.Resource, cfg.Issuer = mustURL(t, issuer.Resource), "https://id.example"
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), "there is no tool") || strings.Contains(err.Error(), `"name"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The second tool: there only if it has a scope, and it tells how the call is
// authorized.
func TestDetailsToolIsThereOnlyWithAScope(t *testing.T) {
	i := issuer.Start(t)
	l := startServer(t, i, withToolScopes)
	token := i.Sign(t, issuer.Change{Claims: map[string]any{
		"aud": l.url + "/mcp", "scope": "whoami:details whoami:audit", "exp": 1999999999,
	}})
	session := connectSDK(t, &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: clientWith(t, token)})
	tools, err := session.ListTools(t.Context(), nil)
	if err != nil || len(tools.Tools) != 2 {
		t.Fatalf("tools %+v, %v", tools, err)
	}
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: toolDetails})
	if err != nil || result.IsError {
		t.Fatalf("%+v, %v", result, err)
	}
	got := claimsOf(t, result.StructuredContent, result.Content[0].(*mcp.TextContent).Text)
	if got["sub"] != "alice" || got["iss"] != i.URL || got["client_id"] != "app" || got["resource"] != l.url+"/mcp" ||
		got["expires"] != "2033-05-18T03:33:19Z" || fmt.Sprint(got["scopes"]) != "[whoami:details whoami:audit]" {
		t.Errorf("%v", got)
	}
	if strings.Contains(result.Content[0].(*mcp.TextContent).Text, token[len(token)-20:]) {
		t.Error("the token is in the answer")
	}
}

// ambiguous are messages that some parser reads as honest does and another does
// not.
func ambiguous(honest string) []string {
	return []string{
		strings.Replace(honest, "method", "Method", 1),
		strings.Replace(honest, "method", "METHOD", 1),
		strings.Replace(honest, "params", "Params", 1),
		strings.Replace(honest, "params", "paramſ", 1), // long s folds to s
		strings.Replace(honest, "params", `param\u017f`, 1),
		strings.Replace(honest, `"name"`, `"Name"`, 1),
		strings.Replace(honest, `"name"`, `"NAME"`, 1),
		strings.Replace(honest, `"name"`, `"NAME":"secret","name":"other","x"`, 1),
		strings.Replace(honest, `"arguments"`, `"argumentſ"`, 1),
		strings.Replace(honest, `"jsonrpc"`, `"JSONRPC"`, 1),
		`{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"secret"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"secret"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami"},"params":{"name":"secret"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","name":"secret"}}`,
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","\u006eame":"secret"}}`,
		honest + honest,
		"[" + honest + "]",
		"\xef\xbb\xbf" + honest,
		strings.Replace(honest, "{}", "{\"a\":\"\xff\"}", 1),
		strings.Replace(honest, "{}", `{"a":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+"}", 1),
		strings.Replace(honest, "{}", `{"a":1,"a":2}`, 1),
		strings.Replace(honest, "{}", "{,}", 1),
	}
}

// Incident go-sdk CVE-2026-27896 and GO-2026-4770: a message that two JSON
// parsers read differently could be allowed as one thing and run as another.
// Every such message is refused, and the tool does not run.
func TestIncidentAmbiguousMessagesDoNotGetPastTheScopes(t *testing.T) {
	i := issuer.Start(t)
	var ran atomic.Int64
	m := mcpserver.NewMCPServer("test", "1")
	m.AddTool(mcpgo.NewTool("secret"), func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		ran.Add(1)
		return mcpgo.NewToolResultText("ran"), nil
	})
	s := newServer(t, i, func(c *Config) {
		c.MCP, c.ToolScopes = m, map[string][]string{"secret": {"secret:run"}}
	})
	token := i.Sign(t, issuer.Change{})
	const honest = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret","arguments":{}}}`
	if resp := call(s, "POST", "/mcp", token, honest); resp.StatusCode != 403 {
		t.Fatalf("honest message: %d", resp.StatusCode)
	}
	bodies := ambiguous(honest)
	for _, body := range bodies {
		resp := call(s, "POST", "/mcp", token, body)
		answer, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != 400 || !strings.Contains(string(answer), `"code":-32`) || !strings.Contains(string(answer), `"id":null`) {
			t.Errorf("%.90s: %d %s", body, resp.StatusCode, answer)
		}
	}
	// Names that are merely other names reach nothing either.
	for _, body := range []string{
		strings.Replace(honest, `"method"`, `"method\u0000"`, 1),
		strings.Replace(honest, `"name"`, `"name\u0000"`, 1),
		strings.Replace(honest, `"secret"`, `"secret\u0000"`, 1),
		strings.Replace(honest, `"secret"`, `"Secret"`, 1),
		strings.Replace(honest, "tools/call", "Tools/Call", 1),
		strings.Replace(honest, `"secret"`, `["secret"]`, 1),
		strings.Replace(honest, `"secret"`, `"\u017fecret"`, 1), // long s folds to s
		strings.Replace(honest, `"secret"`, `"\u0073ecret"`, 1),
		strings.Replace(honest, `"name"`, `"n\u0061me"`, 1),
		strings.Replace(honest, "params", `par\u0061ms`, 1),
		strings.Replace(strings.Replace(honest, "secret", "other", 1), "{}", `{"name":"secret"}`, 1),
		`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[{"name":"secret"}]}`,
	} {
		if resp := call(s, "POST", "/mcp", token, body); resp.StatusCode >= 500 {
			t.Errorf("%s: %d", body, resp.StatusCode)
		}
	}
	if resp := call(s, "POST", "/mcp", token, strings.Replace(honest, "tools/call", `tools\/call`, 1)); resp.StatusCode != 403 {
		t.Errorf("escaped slash: %d", resp.StatusCode)
	}
	// Headers decide nothing.
	call(s, "POST", "/mcp", token, honest, "Mcp-Method", "ping", "Mcp-Name", "other", "Mcp-Protocol-Version", "2026-07-28")
	t.Logf("%d ambiguous messages refused, the tool ran %d times", len(bodies), ran.Load())
	if ran.Load() != 0 {
		t.Errorf("the tool ran %d times", ran.Load())
	}
	// The check around the tool itself, without the one in front of it.
	ctx := s.resource.WithIdentity(t.Context(), bearer.Identity{Subject: "alice"})
	if out := fmt.Sprintf("%+v", m.HandleMessage(ctx, []byte(honest))); ran.Load() != 0 || !strings.Contains(out, "insufficient scope") {
		t.Errorf("without the first check: %s", out)
	}
	good := i.Claim(t, "scope", "secret:run")
	if resp := call(s, "POST", "/mcp", good, honest); resp.StatusCode != 200 || ran.Load() != 1 {
		t.Errorf("with the scope: %d, ran %d times", resp.StatusCode, ran.Load())
	}
}
