package bridge

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/jsonrpc"
)

// canned answers every request with the same result, without a network: what is
// measured is the relay and net/http's client alone.
type canned struct {
	events bool
	result string
}

// RoundTrip implements http.RoundTripper.
func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: http.StatusAccepted, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{}, Body: http.NoBody}
	if r.Method != http.MethodPost {
		resp.StatusCode = http.StatusMethodNotAllowed
		return resp, nil
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	m, err := jsonrpc.Parse(b)
	if err != nil || m.ID == nil {
		return resp, err
	}
	head, foot, kind := `{"jsonrpc":"2.0","id":`+string(m.ID)+`,"result":`, "}", "application/json"
	if c.events {
		head, foot, kind = "event: message\ndata: "+head, "}\n\n", "text/event-stream"
	}
	resp.StatusCode, resp.ContentLength = http.StatusOK, -1
	resp.Header.Set("Content-Type", kind)
	resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(head), strings.NewReader(c.result), strings.NewReader(foot)))
	return resp, nil
}

// BenchmarkRelay carries requests from a client's line to the line of the
// answer, some number of them under way at once. An answer's bytes count.
func BenchmarkRelay(b *testing.B) {
	for _, events := range []bool{false, true} {
		kind := map[bool]string{false: "json", true: "events"}[events]
		for _, flight := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%s/%d in flight", kind, flight), func(b *testing.B) { benchmarkRelay(b, canned{events, `{"content":[]}`}, flight) })
		}
		for _, size := range []int{1, 16} {
			result := `{"content":[{"type":"text","text":"` + strings.Repeat("lorem ipsum \\n", size<<20/14) + `"}]}`
			b.Run(fmt.Sprintf("%s/%d MiB", kind, size), func(b *testing.B) { benchmarkRelay(b, canned{events, result}, 1) })
		}
	}
}

func benchmarkRelay(b *testing.B, server canned, flight int) {
	endpoint, _ := url.Parse("https://mcp.example.com/mcp")
	remote, err := upstream.New(upstream.Config{Endpoint: endpoint, Transport: upstream.StreamableHTTP, HTTP: &http.Client{Transport: server}})
	if err != nil {
		b.Fatal(err)
	}
	in, client := io.Pipe()
	answers, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Run(context.Background(), in, out, Config{Server: remote}) }()
	lines := bufio.NewReaderSize(answers, 256<<10)
	ask := func(id int) {
		if _, err := fmt.Fprintf(client, `{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"echo"}}`+"\n", id); err != nil {
			b.Error(err)
		}
	}
	b.SetBytes(int64(len(server.result)))
	b.ReportAllocs()
	under, id := 0, 0
	for b.Loop() {
		for ; under < flight; under++ {
			id++
			ask(id)
		}
		if length := passLine(b, lines); length < len(server.result) {
			b.Fatalf("an answer of %d bytes", length)
		}
		under--
	}
	for ; under > 0; under-- {
		passLine(b, lines)
	}
	_ = client.Close()
	if err := <-ended; err != nil {
		b.Fatal(err)
	}
}

// passLine reads a line, does not keep it, and returns its length.
func passLine(b *testing.B, lines *bufio.Reader) (length int) {
	b.Helper()
	for {
		part, err := lines.ReadSlice('\n')
		if length == 0 && !bytes.HasPrefix(part, []byte(`{"jsonrpc":"2.0","id":`)) {
			b.Fatalf("%.100q", part)
		}
		length += len(part)
		if err == nil {
			return length
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			b.Fatal(err)
		}
	}
}
