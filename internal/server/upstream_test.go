package server

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/internal/server/gateway"
	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// startUpstream serves h as the server behind a gateway.
func startUpstream(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// startGateway starts a gateway in front of the server at base.
func startGateway(t *testing.T, i *issuer.Issuer, base string, change func(*Config)) *liveServer {
	t.Helper()
	return startServer(t, i, func(c *Config) {
		c.Upstream = &gateway.Config{Upstream: mustURL(t, base+"/mcp"), Secret: []byte(strings.Repeat("k", gateway.LeastSecret))}
		if change != nil {
			change(c)
		}
	})
}

// sdkUpstream is a server of the go-sdk, with sessions and both transports.
func sdkUpstream() http.Handler {
	s := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "read"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	mux.Handle("/sse", mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return s }, nil))
	return mux
}

// mcpGoUpstream is the same with mcp-go.
func mcpGoUpstream() http.Handler {
	s := mcpserver.NewMCPServer("mcp-go", "1")
	s.AddTool(mcpgo.NewTool("read"), func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		return mcpgo.NewToolResultText("done"), nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcpserver.NewStreamableHTTPServer(s))
	legacy := mcpserver.NewSSEServer(s)
	mux.Handle("/sse", legacy.SSEHandler())
	mux.Handle("/message", legacy.MessageHandler())
	return mux
}

// Servers and clients of both libraries work through the gateway on both transports. The
// upstream learns with every request who calls, and never sees the token.
func TestGatewayBetweenClientsAndServersOfBothLibraries(t *testing.T) {
	i := issuer.Start(t)
	for name, h := range map[string]http.Handler{"go-sdk": sdkUpstream(), "mcp-go": mcpGoUpstream()} {
		headers := make(chan http.Header, 1000)
		l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			headers <- r.Header
			h.ServeHTTP(w, r)
		})), func(c *Config) { c.Upstream.Assertion = "X-Assertion" })
		token := l.tokenFor(t, i, "alice")
		c := clientWith(t, token)
		for how, tr := range map[string]mcp.Transport{
			"go-sdk":           &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: c},
			"go-sdk, HTTP+SSE": &mcp.SSEClientTransport{Endpoint: l.url + "/sse", HTTPClient: c},
		} {
			result, err := connectSDK(t, tr).CallTool(t.Context(), &mcp.CallToolParams{Name: "read"})
			if err != nil || result.Content[0].(*mcp.TextContent).Text != "done" {
				t.Errorf("%s behind, %s: %v, %v", name, how, result, err)
			}
		}
		streamable, err1 := transport.NewStreamableHTTP(l.url+"/mcp", transport.WithHTTPBasicClient(c))
		legacy, err2 := transport.NewSSE(l.url+"/sse", transport.WithHTTPClient(c))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for how, tr := range map[string]transport.Interface{"mcp-go": streamable, "mcp-go, HTTP+SSE": legacy} {
			var r mcpgo.CallToolRequest
			r.Params.Name = "read"
			result, err := connectMCPGo(t, tr, "2025-11-25").CallTool(t.Context(), r)
			if err != nil || result.Content[0].(mcpgo.TextContent).Text != "done" {
				t.Errorf("%s behind, %s: %v, %v", name, how, result, err)
			}
		}
		if len(headers) < 12 {
			t.Errorf("%s got %d requests", name, len(headers))
		}
		for len(headers) > 0 {
			h := <-headers
			if said := fmt.Sprint(h); h.Get("X-Forwarded-User") != "alice" || h.Get("X-Forwarded-Issuer") != i.URL || h.Get("X-Assertion") == "" ||
				strings.Contains(said, token) || strings.Contains(said, "Authorization") {
				t.Errorf("%s was asked with %s", name, said)
			}
		}
	}
}

// A session of the upstream is its owner's: in other hands its id is none, on any method
// and transport, and the upstream's own id is none in any hands. Another replica with the
// same secret knows it.
func TestGatewaySessionBelongsToItsOwner(t *testing.T) {
	i := issuer.Start(t)
	base := startUpstream(t, sdkUpstream())
	l := startGateway(t, i, base, nil)
	replica := startGateway(t, i, base, func(c *Config) { c.Resource = mustURL(t, l.url+"/mcp") })
	alice, mallory := l.clientFor(t, i, "alice"), l.clientFor(t, i, "mallory")
	session := l.begin(t, alice)
	stranger := clientWith(t, i.Sign(t, issuer.Change{Claims: map[string]any{"aud": l.url + "/mcp", "sub": "alice", "client_id": "other"}}))
	direct := post(t, http.DefaultClient, base+"/mcp", initialize).Header.Get("Mcp-Session-Id")
	for name, c := range map[string]struct {
		client  *http.Client
		session string
	}{
		"another user":        {mallory, session},
		"another application": {stranger, session},
		"the upstream's id":   {alice, direct},
		"an invented one":     {alice, "invented"},
	} {
		for _, try := range [][]string{{"POST", pingMessage}, {"GET", ""}, {"GET", "", "Last-Event-ID", "1"}, {"DELETE", ""}} {
			resp := l.send(t, c.client, try[0], try[1], append(try[2:], "Mcp-Session-Id", c.session)...)
			if resp.StatusCode != 404 || resp.Header.Get("Mcp-Session-Id") != "" {
				t.Errorf("%s, %s: %d", name, try[0], resp.StatusCode)
			}
		}
	}
	legacy := openStream(t, l.url, alice)
	for name, c := range map[string]*http.Client{"another user": mallory, "another application": stranger} {
		if resp := post(t, c, l.url+legacy.endpoint, pingMessage); resp.StatusCode != 404 {
			t.Errorf("HTTP+SSE, %s: %d", name, resp.StatusCode)
		}
	}
	for at, message := range map[*liveServer]string{l: pingMessage, replica: strings.Replace(pingMessage, `"id":7`, `"id":8`, 1)} {
		if resp := at.send(t, alice, "POST", pingMessage, "Mcp-Session-Id", session); resp.StatusCode != 200 {
			t.Errorf("the owner: %d", resp.StatusCode)
		}
		if resp := post(t, alice, at.url+legacy.endpoint, message); resp.StatusCode != 202 {
			t.Errorf("the owner, HTTP+SSE: %d", resp.StatusCode)
		}
		if _, data := legacy.next(t); !strings.Contains(data, `"result"`) {
			t.Errorf("the owner, HTTP+SSE: %s", data)
		}
	}
	for _, want := range []int{200, 404} { // the upstream has ended it by then
		if resp := replica.send(t, alice, "DELETE", "", "Mcp-Session-Id", session); resp.StatusCode/100 != want/100 {
			t.Errorf("DELETE: %d, want %d", resp.StatusCode, want)
		}
	}
}

// A user has so many sessions at the upstream and no more. Those that end make room, as does
// what the upstream begins none for; the stream of one that has no room any more ends.
func TestGatewaySessionsOfOneUserAreBounded(t *testing.T) {
	i := issuer.Start(t)
	sdk := sdkUpstream()
	l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Mcp-Case") {
		case "":
			sdk.ServeHTTP(w, r)
		case "no session":
			answerResult(w, r)
		case "an error":
			w.Header().Set("Mcp-Session-Id", "x")
			w.WriteHeader(http.StatusBadRequest)
		case "a stream":
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			panic(http.ErrAbortHandler)
		}
	})), func(c *Config) { c.MaxSessions, c.Heartbeat = 2, time.Second })
	alice := l.clientFor(t, i, "alice")
	first := l.begin(t, alice)
	for name, want := range map[string]int{"no session": 200, "an error": 400, "no answer": 502} {
		for range 2 {
			if resp := post(t, alice, l.url+"/mcp", initialize, "Mcp-Case", name); resp.StatusCode != want {
				t.Errorf("%s: %d, want %d", name, resp.StatusCode, want)
			}
		}
	}
	stream := l.send(t, alice, "GET", "", "Mcp-Session-Id", first, "Mcp-Case", "a stream")
	l.begin(t, alice)
	if resp := post(t, alice, l.url+"/mcp", initialize); resp.StatusCode != 429 {
		t.Errorf("the third: %d", resp.StatusCode)
	}
	l.begin(t, l.clientFor(t, i, "bob"))
	if resp := l.send(t, alice, "DELETE", "", "Mcp-Session-Id", first); resp.StatusCode/100 != 2 {
		t.Errorf("DELETE: %d", resp.StatusCode)
	}
	l.begin(t, alice)
	beats := 0
	for lines := bufio.NewScanner(stream.Body); beats < 10 && lines.Scan(); {
		if lines.Text() == ": still here" {
			beats++
		}
	}
	if stream.StatusCode != 200 || beats == 10 {
		t.Errorf("the stream of the session that has ended: %d, it goes on", stream.StatusCode)
	}
}

// A tool that is misspelt in the configuration is told of once, when a list of the upstream
// has been seen, on however many pages; the log has what the upstream answered.
func TestGatewayTellsOfToolsThatAreNotThere(t *testing.T) {
	i := issuer.Start(t)
	var log binary.Output
	s := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, &mcp.ServerOptions{PageSize: 1})
	for _, name := range []string{"read", "write"} {
		s.AddTool(&mcp.Tool{Name: name, InputSchema: map[string]any{"type": "object"}}, nil)
	}
	base := startUpstream(t, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	l := startGateway(t, i, base, func(c *Config) {
		c.Log = log.Logger()
		c.ToolScopes = map[string][]string{"read": {"a"}, "reed": {"b"}, "write": {"c"}}
	})
	session := connectSDK(t, &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: l.clientFor(t, i, "alice")})
	for range 2 {
		var names []string
		for tool, err := range session.Tools(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, tool.Name)
		}
		if len(names) != 2 {
			t.Errorf("tools %q", names)
		}
	}
	if said := log.String(); strings.Count(said, "tool-scope names") != 1 || !strings.Contains(said, "tools=reed\n") || !strings.Contains(said, "upstream_status=200") {
		t.Errorf("the log says %s", said)
	}
}
