package main

import (
	"crypto/rand"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"sync"
	"time"
)

func main() {
	beat := flag.Duration("beat", 5*time.Second, "pause between signs of life on a stream")
	flag.Parse()
	if err := run(*beat, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(beat time.Duration, args []string) error {
	var handler http.Handler = server(beat)
	if len(args) > 0 {
		to, err := url.Parse(args[0])
		if err != nil {
			return err
		}
		handler = proxy(to)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "listening on", l.Addr())
	return (&http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}).Serve(l)
}

const bufferSize = 32 << 10

// pool spares ReverseProxy a new buffer for each answer.
type pool struct{ sync.Pool }

// Get implements httputil.BufferPool.
func (p *pool) Get() []byte { return p.Pool.Get().(*[bufferSize]byte)[:] }

// Put implements httputil.BufferPool.
func (p *pool) Put(b []byte) { p.Pool.Put((*[bufferSize]byte)(b)) }

// proxy is a ReverseProxy that keeps its connections: the transport of net/http keeps two.
func proxy(to *url.URL) http.Handler {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost, transport.DisableCompression = 0, 1024, true
	proxy := &httputil.ReverseProxy{
		Transport: transport, BufferPool: &pool{sync.Pool{New: func() any { return new([bufferSize]byte) }}},
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.SetXForwarded() },
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex() // else an answer may be cut off: test/conformance
		proxy.ServeHTTP(w, r)
	})
}

// maxMessage is the largest message of the server.
const maxMessage = 1 << 20

// server is the MCP server, by the pause between signs of life on its streams. It answers
// each request with a result of some 200 bytes.
type server time.Duration

// ServeHTTP implements http.Handler.
func (s server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.hold(w, r)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessage))
	if err != nil {
		return
	}
	var m struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
	}
	if json.Unmarshal(body, &m) != nil || m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if m.Method == "initialize" {
		w.Header().Set("Mcp-Session-Id", rand.Text())
	}
	_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[{"type":"text","text":"{\"sub\":\"floor\",\"text\":\"`+
		`As long as the answers of many a tool are, which is longer than this sentence.\"}"}],"isError":false}}`, m.ID)
}

// hold holds a stream open.
func (s server) hold(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	ticker := time.NewTicker(time.Duration(s))
	defer ticker.Stop()
	for comment := ": welcome\n\n"; ; comment = ": still here\n\n" {
		if _, err := io.WriteString(w, comment); err != nil {
			return
		}
		if http.NewResponseController(w).Flush() != nil {
			return
		}
		select {
		case <-ticker.C:
		case <-r.Context().Done():
			return
		}
	}
}
