package interop

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/auth"
	gosdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/bearer"
)

// What docs/protect-your-own-server.md says of sessions: those of go-sdk belong to their owner
// when it is told the user as in examples/bearer/gosdk, those of mcp-go to whoever has the id.
// When mcp-go binds them as well, the page can say so.
func TestWhoseSessionsTheLibrariesKeep(t *testing.T) {
	resource := &url.URL{Scheme: "http", Host: "127.0.0.1", Path: "/mcp"}
	protected, err := bearer.New(bearer.Config{Resource: resource, Issuer: "https://id.example", Verify: func(_ context.Context, token string) (bearer.Identity, error) {
		return bearer.Identity{Subject: token, Issuer: "https://id.example"}, nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(protected.Close)
	tools := gosdk.NewServer(&gosdk.Implementation{Name: "notes", Version: "1"}, nil)
	told := auth.RequireBearerToken(func(ctx context.Context, _ string, _ *http.Request) (*auth.TokenInfo, error) {
		id, _ := bearer.IdentityFrom(ctx)
		return &auth.TokenInfo{UserID: id.Issuer + " " + id.Subject}, nil
	}, &auth.RequireBearerTokenOptions{AllowMissingExpiration: true})
	for _, c := range []struct {
		name     string
		handler  http.Handler
		stranger int
	}{
		{"go-sdk", told(gosdk.NewStreamableHTTPHandler(func(*http.Request) *gosdk.Server { return tools }, nil)), http.StatusForbidden},
		{"mcp-go", server.NewStreamableHTTPServer(server.NewMCPServer("notes", "1"), server.WithStateful(true)), http.StatusOK},
	} {
		handler := protected.Middleware(c.handler)
		began := post(handler, "alice", "", initialize)
		id := began.Header().Get("Mcp-Session-Id")
		if began.Code != http.StatusOK || id == "" {
			t.Fatalf("%s: %d, session %q, %s", c.name, began.Code, id, began.Body)
		}
		for user, want := range map[string]int{"alice": http.StatusOK, "bob": c.stranger} {
			if got := post(handler, user, id, `{"jsonrpc":"2.0","id":2,"method":"ping"}`); got.Code != want {
				t.Errorf("%s, %s: %d, want %d: %s", c.name, user, got.Code, want, got.Body)
			}
		}
	}
}

// What the page says of a proxy on the same machine: both libraries refuse a public name there,
// until they are told not to.
func TestTheLibrariesRefuseAPublicNameOnLoopback(t *testing.T) {
	tools, sdk := server.NewMCPServer("notes", "1"), gosdk.NewServer(&gosdk.Implementation{Name: "notes", Version: "1"}, nil)
	get := func(*http.Request) *gosdk.Server { return sdk }
	for name, c := range map[string]struct {
		handler http.Handler
		status  int
	}{
		"mcp-go":      {server.NewStreamableHTTPServer(tools), http.StatusForbidden},
		"mcp-go told": {server.NewStreamableHTTPServer(tools, server.WithDisableLocalhostProtection(true)), http.StatusOK},
		"go-sdk":      {gosdk.NewStreamableHTTPHandler(get, nil), http.StatusForbidden},
		"go-sdk told": {gosdk.NewStreamableHTTPHandler(get, &gosdk.StreamableHTTPOptions{DisableLocalhostProtection: true}), http.StatusOK},
	} {
		s := httptest.NewServer(c.handler)
		r, err := http.NewRequestWithContext(t.Context(), "POST", s.URL+"/mcp", strings.NewReader(initialize))
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "mcp.example.com"
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Accept", "application/json, text/event-stream")
		resp, err := s.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.status)
		}
		s.CloseClientConnections()
		s.Close()
	}
}

const initialize = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"a","version":"1"}}}`

func post(handler http.Handler, token, session, message string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "http://127.0.0.1/mcp", strings.NewReader(message))
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Accept", "application/json, text/event-stream")
	r.Header.Set("Mcp-Protocol-Version", "2025-06-18")
	if session != "" {
		r.Header.Set("Mcp-Session-Id", session)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w
}
