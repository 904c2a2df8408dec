package server

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/internal/foreign"
	"mcp-login/internal/server/gateway"
	"mcp-login/test/issuer"
	"mcp-login/test/real"
)

// BenchmarkCallFromCache is a whole tools/call with a known token, without the
// network.
func BenchmarkCallFromCache(b *testing.B) {
	i := issuer.Start(b)
	s := newServer(b, i, nil)
	token := i.Sign(b, issuer.Change{})
	b.ReportAllocs()
	for b.Loop() {
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 200 {
			b.Fatal(resp.StatusCode)
		}
	}
}

// callThroughGateway returns a tools/call with a known token in a session, by way of a
// gateway as it is by default and with tool scopes, to an upstream that costs nothing.
func callThroughGateway(tb testing.TB) func() {
	i := issuer.Start(tb)
	answer := `{"jsonrpc":"2.0","id":1,"result":{"content":[]}}`
	address := cannedUpstream(tb, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nMcp-Session-Id: one\r\nContent-Length: "+
		strconv.Itoa(len(answer))+"\r\n\r\n"+answer)
	s := newServer(tb, i, func(c *Config) {
		c.Upstream = &gateway.Config{Upstream: mustURL(tb, "http://"+address+"/mcp")}
		c.ToolScopes = map[string][]string{"whoami": {"mcp:read"}}
		c.Log = slog.New(slog.NewTextHandler(foreign.TextWriter(io.Discard), nil))
		c.Metrics = prometheus.NewRegistry()
	})
	token := i.Sign(tb, issuer.Change{Claims: map[string]any{"scope": "mcp:read"}})
	session := call(s, "POST", "/mcp", token, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}`).Header.Get(headerSessionID)
	r := request("POST", "/mcp", token, strings.NewReader(callWhoami), headerSessionID, session)
	return func() {
		w := unhurried{httptest.NewRecorder()}
		r.Body = io.NopCloser(strings.NewReader(callWhoami))
		if s.ServeHTTP(w, r); w.Code != 200 || session == "" {
			tb.Fatal(w.Code, w.Body, session)
		}
	}
}

// unhurried can have deadlines, as a connection can, and forgets them.
type unhurried struct{ *httptest.ResponseRecorder }

func (unhurried) SetReadDeadline(time.Time) error  { return nil }
func (unhurried) SetWriteDeadline(time.Time) error { return nil }

// cannedUpstream gives each request one answer.
func cannedUpstream(tb testing.TB, answer string) string {
	tb.Helper()
	return real.Listen(tb, func(c net.Conn) {
		for buf, said := make([]byte, 16<<10), []byte(answer); ; {
			n, err := c.Read(buf)
			if err != nil {
				return
			}
			for range bytes.Count(buf[:n], []byte("POST ")) {
				_, _ = c.Write(said)
			}
		}
	})
}

// BenchmarkCallThroughGateway has the connection to the upstream, not that of the client.
func BenchmarkCallThroughGateway(b *testing.B) {
	call := callThroughGateway(b)
	b.ReportAllocs()
	for b.Loop() {
		call()
	}
}

// What a call through the gateway allocates decides what it costs: most of its time beyond
// the network is that of the collector.
func TestCallThroughGatewayAllocatesLittle(t *testing.T) {
	const most = 160
	if n := testing.AllocsPerRun(1000, callThroughGateway(t)); n > most {
		t.Errorf("%.0f allocations for a call, and not at most %d", n, most)
	} else {
		t.Logf("%.0f allocations", n)
	}
}
