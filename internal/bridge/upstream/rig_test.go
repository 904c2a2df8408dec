package upstream

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/test/leak"
)

func TestMain(m *testing.M) { leak.Main(m) }

// call sends a raw request and returns its answer.
func call(t *testing.T, u *Upstream, request []byte) (jsonrpc.Message, error) {
	t.Helper()
	m, err := jsonrpc.Parse(request)
	if err != nil || m.Kind != jsonrpc.Request {
		t.Fatalf("%s is no request: %v", request, err)
	}
	return jsonrpc.Ask(t.Context(), u.Send, m, nil)
}

// reasonOf returns the reason of an *Error in err, 0 for none.
func reasonOf(err error) Reason {
	if e := new(Error); errors.As(err, &e) {
		return e.Reason
	}
	return 0
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// newUpstream returns an Upstream for cfg that sends through transport, and is closed when
// the test ends.
func newUpstream(t testing.TB, endpoint string, transport http.RoundTripper, cfg Config) *Upstream {
	t.Helper()
	to, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	cfg.Endpoint, cfg.HTTP = to, &http.Client{Transport: transport}
	u, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = u.Close(context.Background()) })
	return u
}

// overHTTP returns an Upstream for a server on this machine.
func overHTTP(t *testing.T, wish Transport, handler http.Handler) *Upstream {
	t.Helper()
	srv := httptest.NewServer(handler)
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		srv.CloseClientConnections()
		srv.Close()
	})
	return newUpstream(t, srv.URL+"/mcp", transport, Config{Transport: wish, MaxMessage: 1 << 20})
}

const initializeRequest = `{"jsonrpc":"2.0","id":1,"method":"initialize"}`

// roundTripFunc is a function as a RoundTripper.
type roundTripFunc func(r *http.Request) (*http.Response, error)

func (f roundTripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func httpResponse(status int, header http.Header, body io.ReadCloser) *http.Response {
	if header == nil {
		header = http.Header{}
	}
	if header.Get("Content-Type") == "" {
		header.Set("Content-Type", "application/json")
	}
	return &http.Response{StatusCode: status, Header: header, Body: body, ContentLength: -1}
}

const anAnswer = `{"jsonrpc":"2.0","id":1,"result":{}}`

func bodyOf(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

// withTransport returns an Upstream, by Streamable HTTP unless cfg says otherwise, whose
// requests the test answers.
func withTransport(t *testing.T, cfg Config, transport roundTripFunc) *Upstream {
	t.Helper()
	cfg.Transport = cmp.Or(cfg.Transport, StreamableHTTP)
	return newUpstream(t, "http://server.example/mcp", transport, cfg)
}

func rawCall(method string) []byte {
	return []byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
}

// recorder is a sink that keeps what it gets.
type recorder struct {
	wantsWhole bool // wants no pieces
	lines      []string
	began      int
	text       bytes.Buffer
	ends       []error
}

func (p *recorder) Message(m jsonrpc.Message) { p.lines = append(p.lines, string(m.Raw)) }

func (p *recorder) Pieces() jsonrpc.Pieces {
	if p.wantsWhole {
		return nil
	}
	p.began++
	return p
}

func (p *recorder) Write(b []byte) (int, error) { return p.text.Write(b) }

func (p *recorder) End(err error) { p.ends = append(p.ends, err) }

func requestWithID(id string) jsonrpc.Message {
	return jsonrpc.Built([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t"}}`))
}

// streamingUpstream passes on every answer that is large enough, however slow.
func streamingUpstream() *Upstream {
	return &Upstream{cfg: Config{StreamWithin: time.Hour}, log: slog.New(slog.DiscardHandler)}
}
