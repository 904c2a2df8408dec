package server

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	mcpclient "github.com/mark3labs/mcp-go/client"
	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/test/issuer"
)

// liveServer is a whoami server on a loopback port that is also its resource.
type liveServer struct {
	*Server
	url  string
	http *httptest.Server
}

func startServer(t *testing.T, i *issuer.Issuer, change func(*Config)) *liveServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + listener.Addr().String()
	s := newServer(t, i, func(c *Config) {
		c.Resource = mustURL(t, base+"/mcp")
		if change != nil {
			change(c)
		}
	})
	srv := &httptest.Server{Listener: listener, Config: &http.Server{Handler: s}}
	srv.Start()
	t.Cleanup(func() {
		_ = s.Close(context.Background())
		srv.Close()
	})
	return &liveServer{Server: s, url: base, http: srv}
}

// tokenFor issues a token of subject for this server.
func (l *liveServer) tokenFor(t *testing.T, i *issuer.Issuer, subject string) string {
	t.Helper()
	return i.Sign(t, issuer.Change{Claims: map[string]any{"aud": l.url + "/mcp", "sub": subject}})
}

// signedBy adds a token to every request, on a transport of its own.
type signedBy struct {
	token string
	base  *http.Transport
}

func (b signedBy) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+b.token)
	return b.base.RoundTrip(r)
}

func clientWith(t *testing.T, token string) *http.Client {
	t.Helper()
	base := &http.Transport{}
	t.Cleanup(base.CloseIdleConnections)
	return &http.Client{Transport: signedBy{token, base}}
}

// connectSDK returns a session of the go-sdk's client.
func connectSDK(t *testing.T, tr mcp.Transport) *mcp.ClientSession {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := c.Connect(t.Context(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	return session
}

// connectMCPGo returns a connected client of mcp-go. version is its newest one, or an older.
func connectMCPGo(t *testing.T, tr transport.Interface, version ...string) *mcpclient.Client {
	t.Helper()
	c := mcpclient.NewClient(tr)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	var req mcpgo.InitializeRequest
	req.Params.ProtocolVersion = append(version, mcpgo.LATEST_PROTOCOL_VERSION)[0]
	req.Params.ClientInfo = mcpgo.Implementation{Name: "test", Version: "1"}
	if _, err := c.Initialize(t.Context(), req); err != nil {
		t.Fatal(err)
	}
	return c
}

// stream is an HTTP+SSE stream read by hand.
type stream struct {
	resp   *http.Response
	reader *bufio.Reader
	// endpoint is the path and query the server named for messages.
	endpoint string
}

func openStream(t *testing.T, base string, c *http.Client) *stream {
	t.Helper()
	resp := send(t, c, "GET", base+"/sse", "")
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("GET /sse: %d %s", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	s := &stream{resp: resp, reader: bufio.NewReader(resp.Body)}
	event, data := s.next(t)
	if event != "endpoint" {
		t.Fatalf("first event is %q", event)
	}
	s.endpoint = data
	return s
}

// next reads one event.
func (s *stream) next(t *testing.T) (event, data string) {
	t.Helper()
	for {
		line, err := s.reader.ReadString('\n')
		if err != nil {
			t.Fatalf("read stream: %v", err)
		}
		switch line = strings.TrimRight(line, "\r\n"); {
		case strings.HasPrefix(line, "event:"):
			event = strings.TrimSpace(line[len("event:"):])
		case strings.HasPrefix(line, "data:"):
			data = strings.TrimSpace(line[len("data:"):])
		case line == "" && data != "":
			return event, data
		}
	}
}

func (s *stream) sessionID(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(s.endpoint)
	if err != nil || u.Query().Get("sessionId") == "" {
		t.Fatalf("endpoint %q: %v", s.endpoint, err)
	}
	return u.Query().Get("sessionId")
}

// send sends one request over the network.
func send(t *testing.T, c *http.Client, method, target, body string, header ...string) *http.Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json, text/event-stream")
	for k := 0; k+1 < len(header); k += 2 {
		req.Header.Set(header[k], header[k+1])
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

func post(t *testing.T, c *http.Client, target, body string, header ...string) *http.Response {
	t.Helper()
	return send(t, c, "POST", target, body, header...)
}

// modernMeta is what params of 2026-07-28 have, and callModern sends a message of
// that revision.
const modernMeta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"x","version":"1"},` +
	`"io.modelcontextprotocol/clientCapabilities":{}}`

func (l *liveServer) callModern(t *testing.T, c *http.Client, method, params string, header ...string) *http.Response {
	t.Helper()
	return post(t, c, l.url+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"`+method+`","params":{`+params+modernMeta+`}}`,
		append(header, "Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", method)...)
}

// listen opens a stream of subscriptions/listen, and returns once it is open.
func (l *liveServer) listen(t *testing.T, c *http.Client, more string) *http.Response {
	t.Helper()
	resp := l.callModern(t, c, "subscriptions/listen", `"notifications":{"toolsListChanged":true},`+more)
	if resp.StatusCode == 200 {
		if line, err := bufio.NewReader(resp.Body).ReadString('\n'); err != nil {
			t.Errorf("%q, %v", line, err)
		}
	}
	return resp
}

// clientFor is a client with a token of subject for this server.
func (l *liveServer) clientFor(t *testing.T, i *issuer.Issuer, subject string) *http.Client {
	t.Helper()
	return clientWith(t, l.tokenFor(t, i, subject))
}
