package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2"

	"mcp-login/test/real"
)

// notesServer is an MCP server with one tool, on both transports.
func notesServer() http.Handler {
	s := mcp.NewServer(&mcp.Implementation{Name: "notes", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "read"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "a note"}}}, nil, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	mux.Handle("/sse", mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return s }, nil))
	return mux
}

// sessions connects a client on each transport, or on those named.
func (a *attacked) sessions(t *testing.T, user string, only ...string) map[string]*mcp.ClientSession {
	t.Helper()
	client := oauth2.NewClient(t.Context(), oauth2.StaticTokenSource(&oauth2.Token{AccessToken: a.token(t, user)}))
	all := map[string]*mcp.ClientSession{}
	for name, tr := range map[string]mcp.Transport{
		"Streamable HTTP": &mcp.StreamableClientTransport{Endpoint: "http://" + a.address + "/mcp", HTTPClient: client},
		"HTTP+SSE":        &mcp.SSEClientTransport{Endpoint: "http://" + a.address + "/sse", HTTPClient: client},
	} {
		if len(only) > 0 && !slices.Contains(only, name) {
			continue
		}
		session, err := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil).Connect(t.Context(), tr, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		t.Cleanup(func() { _ = session.Close() })
		all[name] = session
	}
	return all
}

// readNote calls the tool of notesServer in each session.
func readNote(t *testing.T, all map[string]*mcp.ClientSession) {
	t.Helper()
	for name, session := range all {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "read"})
		if err != nil || len(result.Content) != 1 || result.Content[0].(*mcp.TextContent).Text != "a note" {
			t.Errorf("%s: %v, %v", name, result, err)
		}
	}
}

// A server of HTTP+SSE alone serves the clients that use /sse beside the resource; why those that
// do not get 404 is in the log.
func TestUpstreamOfHTTPWithSSEAlone(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/sse", notesServer())
	upstream := httptest.NewServer(mux)
	t.Cleanup(upstream.Close)
	a := attack(t, "--upstream", upstream.URL+"/sse")
	readNote(t, a.sessions(t, "alice", "HTTP+SSE"))
	if resp := a.call(t, a.token(t, "alice")); resp.StatusCode != http.StatusNotFound {
		t.Errorf("/mcp: %d", resp.StatusCode)
	}
	a.said.Await(t, `reason="upstream: no Streamable HTTP at /mcp beside `+upstream.URL+`/sse; where there is HTTP\+SSE only, clients use /sse beside --resource"`)
}

func pemOf(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}

// An https upstream is believed by the authorities that are given, and by no others. What is
// wrong is said at the start, and calls are 502.
func TestUpstreamIsBelievedByItsAuthority(t *testing.T) {
	upstream := httptest.NewTLSServer(notesServer())
	t.Cleanup(upstream.Close)
	right := write(t, pemOf(upstream.Certificate()))
	wrong := filepath.Join(t.TempDir(), "cert")
	keyPair(t, 1, wrong, filepath.Join(t.TempDir(), "key"))

	a := attack(t, "--upstream", upstream.URL+"/mcp", "--upstream-ca", right)
	readNote(t, a.sessions(t, "alice"))
	if said := a.said.String(); strings.Contains(said, "no usable answer") {
		t.Errorf("with the right authority it says\n%s", said)
	}
	for name, args := range map[string][]string{"another one": {"--upstream-ca", wrong}, "the system's": nil} {
		a := attack(t, append(args, "--upstream", upstream.URL+"/mcp")...)
		a.said.Await(t, `level=WARN .*no usable answer.*upstream=`+upstream.URL+`/mcp .*hint=".* --upstream-ca ca.pem" .*certificate signed by unknown authority`)
		if resp := a.call(t, a.token(t, "alice")); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
}

// The query of an upstream may hold a secret: no line has it.
func TestTheQueryOfAnUpstreamIsNotShown(t *testing.T) {
	gone := "http://" + real.FreeAddress(t) + "/mcp"
	a := attack(t, "--upstream", gone+"?token=s3cret")
	a.said.Await(t, `level=WARN .*no usable answer.*upstream=`+gone+` `)
	a.said.Await(t, `listening on .*, upstream `+gone+`\n`)
	said := a.said.String()
	for _, args := range []string{"check --dev --upstream " + gone, "--dev --upstream http://u@h.example/mcp", "--dev --upstream h.example/mcp"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(args+"?token=s3cret"), noEnv, &stdout, &stderr); code == exitOK {
			t.Errorf("%s: exit %d", args, code)
		}
		said += stdout.String() + stderr.String()
	}
	if strings.Contains(said, "s3cret") {
		t.Error(said)
	}
}

// A secret that is missing or too short ends the start, and the file is named.
func TestGatewaySecretThatIsNone(t *testing.T) {
	folder := t.TempDir()
	for path, want := range map[string]string{
		filepath.Join(folder, "gone"):          "no such file",
		folder:                                 "directory",
		write(t, ""):                           "is empty",
		write(t, strings.Repeat("x", 31)+"\n"): "less than 32 bytes",
		write(t, strings.Repeat("x", 17<<10)+"\n"): "more than 16384 bytes",
	} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"--issuer", someIssuer, "--upstream", "http://127.0.0.1:8000/mcp", "--gateway-secret-file", path}, noEnv, &stdout, &stderr)
		said := stderr.String()
		if code != exitUsage || !strings.HasPrefix(said, "error: gateway-secret-file: ") || !strings.Contains(said, path) || !strings.Contains(said, want) ||
			!strings.Contains(said, "hint: make one, which whoami-server may read: openssl rand -base64 48 > gateway-secret\n") || strings.Contains(said, "xxx") || strings.Count(said, "error:") != 1 {
			t.Errorf("%s: exit %d, %s", path, code, said)
		}
	}
}

// An answer, an event or a line of 200 MiB, and 10,000 small events, come to the client whole
// and are at no time held as a whole, also where the client stops reading for a while.
func TestLargeAnswersAreNotHeld(t *testing.T) {
	const size = 200 << 20
	many := strings.Repeat("data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/x\"}\n\n", 10_000)
	piece := strings.Repeat("x", 1<<20)
	write := func(w http.ResponseWriter, kind, before, after string) {
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, before)
		for range size / len(piece) {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, after)
	}
	const events, endpoint = "text/event-stream", "event: endpoint\ndata: /messages\n\n"
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.URL.Path == "/sse":
			write(w, events, endpoint+"data: \"", "\"\n\n")
		case strings.Contains(string(body), "events"):
			w.Header().Set("Content-Type", events)
			for event := range strings.SplitAfterSeq(many, "\n\n") {
				_, _ = io.WriteString(w, event)
				_ = http.NewResponseController(w).Flush()
			}
		case strings.Contains(string(body), "event"):
			write(w, events, "data: \"", "\"\n\n")
		default:
			write(w, "application/json", `{"jsonrpc":"2.0","id":1,"result":"`, `"}`)
		}
	}))
	t.Cleanup(upstream.Close)
	a := attack(t, "--upstream", upstream.URL+"/mcp")
	token := a.token(t, "alice")
	before := a.measured(t, "process_resident_memory_bytes")
	for name, tt := range map[string]struct {
		method, path string
		want         int
	}{
		"answer": {"POST", "/mcp", size}, "event": {"POST", "/mcp", size}, "events": {"POST", "/mcp", len(many)}, "HTTP+SSE": {"GET", "/sse", size},
	} {
		req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+a.address+tt.path, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"`+name+`"}`))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		half, err := io.CopyN(io.Discard, resp.Body, int64(tt.want)/2)
		within := a.measured(t, "process_resident_memory_bytes") - before
		rest, failed := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		growth := a.measured(t, "process_resident_memory_bytes") - before
		t.Logf("%s: %d MiB came, memory grew by %d MiB, and by %d MiB at the end", name, (half+rest)>>20, within>>20, growth>>20)
		if err != nil || failed != nil || half+rest < int64(tt.want) || max(within, growth) > 32<<20 {
			t.Errorf("%s: %d bytes of %d, %v, %v", name, half+rest, tt.want, err, failed)
		}
	}
}
