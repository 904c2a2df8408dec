package upstream

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcp-login/internal/jsonrpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// call sends a raw request and returns its answer.
func call(t *testing.T, u *Upstream, request []byte) (jsonrpc.Message, error) {
	t.Helper()
	m, err := jsonrpc.Parse(request)
	if err != nil || m.Kind != jsonrpc.Request {
		t.Fatalf("%s is no request: %v", request, err)
	}
	return jsonrpc.Ask(t.Context(), u.Send, m, nil)
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func connect(t *testing.T, wish Transport, handler http.Handler) *Upstream {
	t.Helper()
	srv := httptest.NewServer(handler)
	wire := &http.Transport{}
	u, err := New(Config{Endpoint: mustURL(t, srv.URL+"/mcp"), HTTP: &http.Client{Transport: wire, CheckRedirect: CheckRedirect}, Transport: wish, MaxMessage: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = u.Close(context.Background())
		wire.CloseIdleConnections()
		srv.CloseClientConnections()
		srv.Close()
	})
	return u
}

const request = `{"jsonrpc":"2.0","id":1,"method":"initialize"}`

// roundTrip is a wire in the test's own hand.
type roundTrip func(r *http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

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

func text(s string) io.ReadCloser { return io.NopCloser(strings.NewReader(s)) }

func over(t *testing.T, cfg Config, wire roundTrip) *Upstream {
	t.Helper()
	cfg.Endpoint, cfg.HTTP, cfg.Transport = mustURL(t, "http://server.example/mcp"), &http.Client{Transport: wire}, cmp.Or(cfg.Transport, StreamableHTTP)
	u, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func callOf(method string) []byte {
	return []byte(`{"jsonrpc":"2.0","id":1,"method":"` + method + `"}`)
}

// paper is a sink that writes down what it is told.
type paper struct {
	whole bool // wants no pieces
	lines []string
	began int
	text  bytes.Buffer
	ends  []error
}

func (p *paper) Message(m jsonrpc.Message) { p.lines = append(p.lines, string(m.Raw)) }

func (p *paper) Pieces() jsonrpc.Pieces {
	if p.whole {
		return nil
	}
	p.began++
	return p
}

func (p *paper) Write(b []byte) (int, error) { return p.text.Write(b) }

func (p *paper) End(err error) { p.ends = append(p.ends, err) }

func asking(id string) jsonrpc.Message {
	m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":{"name":"t"}}`))
	if err != nil {
		panic(err)
	}
	return m
}

// anUpstream passes on whatever is large enough.
func anUpstream() *Upstream {
	return &Upstream{cfg: Config{StreamWithin: time.Hour}, log: slog.New(slog.DiscardHandler)}
}
