package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor URL")
		os.Exit(2)
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 128
	transport.DisableCompression = true
	r := &relay{url: os.Args[1], client: &http.Client{Transport: transport}, out: os.Stdout}
	if err := r.run(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// relay is one session.
type relay struct {
	url    string
	client *http.Client

	mu  sync.Mutex // around out
	out io.Writer

	session, version string // after initialize; written before any other request
	work             sync.WaitGroup
	stop             context.CancelFunc
}

// envelope is what the relay wants to know of a message.
type envelope struct {
	ID     json.RawMessage `json:"id"`
	Method string          `json:"method"`
	Result struct {
		ProtocolVersion string `json:"protocolVersion"`
	} `json:"result"`
}

// run takes lines until they end. Requests run side by side, all else in turn.
func (r *relay) run(in io.Reader) error {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	defer stop()
	lines := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			r.take(ctx, line)
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read: %w", err)
		}
	}
	r.finish()
	return nil
}

func (r *relay) take(ctx context.Context, line []byte) {
	var m envelope
	if json.Unmarshal(line, &m) != nil {
		return
	}
	if m.ID == nil || m.Method == "initialize" {
		r.send(ctx, line, m)
		if m.Method == "notifications/initialized" {
			r.work.Go(func() { r.listen(ctx) })
		}
		return
	}
	r.work.Go(func() { r.send(ctx, line, m) })
}

// finish ends the session at the server.
func (r *relay) finish() {
	r.stop()
	r.work.Wait()
	if r.session == "" {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	if resp, err := r.do(ctx, http.MethodDelete, nil); err == nil {
		_ = resp.Body.Close()
	}
}

func (r *relay) do(ctx context.Context, method string, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, r.url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	if r.session != "" {
		req.Header.Set("Mcp-Session-Id", r.session)
	}
	if r.version != "" {
		req.Header.Set("MCP-Protocol-Version", r.version)
	}
	return r.client.Do(req)
}

// send posts one message and writes what comes back.
func (r *relay) send(ctx context.Context, line []byte, m envelope) {
	resp, err := r.do(ctx, http.MethodPost, line)
	if err != nil {
		r.fail(m.ID, err)
		return
	}
	defer func() { _ = resp.Body.Close() }()
	begin := m.Method == "initialize"
	if begin {
		r.session = resp.Header.Get("Mcp-Session-Id")
	}
	switch kind := resp.Header.Get("Content-Type"); {
	case resp.StatusCode >= 300:
		r.fail(m.ID, errors.New(resp.Status))
	case m.ID == nil:
	case strings.HasPrefix(kind, "text/event-stream"):
		r.events(resp.Body, begin)
	default:
		var body bytes.Buffer
		if resp.ContentLength > 0 {
			body.Grow(int(resp.ContentLength) + bytes.MinRead)
		}
		if _, err := body.ReadFrom(resp.Body); err != nil {
			r.fail(m.ID, err)
			return
		}
		r.write(body.Bytes(), begin)
	}
}

// listen holds the server's own stream open.
func (r *relay) listen(ctx context.Context) {
	resp, err := r.do(ctx, http.MethodGet, nil)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode == http.StatusOK {
		r.events(resp.Body, false)
	}
}

// events writes the data of each event; one line of data per event.
func (r *relay) events(body io.Reader, begin bool) {
	lines := bufio.NewReaderSize(body, 64<<10)
	for {
		line, err := lines.ReadBytes('\n')
		if data, ok := bytes.CutPrefix(line, []byte("data:")); ok && err == nil {
			r.write(bytes.TrimSpace(data), begin)
		}
		if err != nil {
			return
		}
	}
}

// write writes one message as one line.
func (r *relay) write(b []byte, begin bool) {
	if begin {
		var m envelope
		_ = json.Unmarshal(b, &m)
		r.version = m.Result.ProtocolVersion
	}
	if bytes.IndexByte(b, '\n') >= 0 {
		b = bytes.ReplaceAll(b, []byte("\n"), nil)
	}
	b = append(b, '\n')
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.out.Write(b)
}

// fail answers a request whose answer did not come.
func (r *relay) fail(id json.RawMessage, err error) {
	if id != nil {
		r.write(fmt.Appendf(nil, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":%q}}`, id, err), false)
	}
}
