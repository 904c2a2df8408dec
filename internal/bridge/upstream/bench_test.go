package upstream

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"mcp-login/internal/jsonrpc"
)

// canned answers every request with the same result, without a network: what is
// measured is ours and net/http's client alone.
type canned struct {
	events bool
	result string
}

// RoundTrip implements http.RoundTripper.
func (c canned) RoundTrip(r *http.Request) (*http.Response, error) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	m, err := jsonrpc.Parse(b)
	if err != nil {
		return nil, err
	}
	answer := fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":%s}`, m.ID, c.result)
	resp := &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {typeJSON}}, ContentLength: int64(len(answer))}
	if c.events {
		answer = "event: message\ndata: " + answer + "\n\n"
		resp.Header, resp.ContentLength = http.Header{"Content-Type": {typeSSE}}, -1
	}
	resp.Body = io.NopCloser(strings.NewReader(answer))
	return resp, nil
}

// BenchmarkSend carries one request and its answer, per size of the answer and
// way it comes. Large answers are measured in package bridge, which takes them
// in pieces.
func BenchmarkSend(b *testing.B) {
	for _, events := range []bool{false, true} {
		for _, size := range []int{50, 64 << 10} {
			name := map[bool]string{false: "json", true: "events"}[events] + "/" + strconv.Itoa(size)
			b.Run(name, func(b *testing.B) { benchmarkSend(b, events, size) })
		}
	}
}

func benchmarkSend(b *testing.B, events bool, size int) {
	result := `{"content":[{"type":"text","text":"` + strings.Repeat("lorem ipsum ", size/12) + `"}]}`
	u := newUpstream(b, "https://mcp.example.com/mcp", canned{events, result}, Config{Transport: StreamableHTTP})
	line := []byte(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"echo","arguments":{"text":"hello"}}}`)
	b.SetBytes(int64(len(result)))
	b.ReportAllocs()
	for b.Loop() {
		m, err := jsonrpc.Parse(bytes.Clone(line))
		if err != nil {
			b.Fatal(err)
		}
		length := 0
		if err := u.Send(b.Context(), m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) { length += len(reply.Raw) })); err != nil {
			b.Fatal(err)
		}
		if length < len(result) {
			b.Fatalf("%d bytes of %d came", length, len(result))
		}
	}
}

// BenchmarkNotifications carries one request with 1,000 notifications before
// its answer, all in one stream.
func BenchmarkNotifications(b *testing.B) {
	var stream strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&stream, "event: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{\"progressToken\":\"t\",\"progress\":%d}}\n\n", i)
	}
	stream.WriteString("event: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":12,\"result\":{}}\n\n")
	text := stream.String()
	wire := roundTripFunc(func(r *http.Request) (*http.Response, error) {
		_ = r.Body.Close()
		return &http.Response{StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r, Header: http.Header{"Content-Type": {typeSSE}}, ContentLength: -1, Body: io.NopCloser(strings.NewReader(text))}, nil
	})
	u := newUpstream(b, "https://mcp.example.com/mcp", wire, Config{Transport: StreamableHTTP})
	m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":12,"method":"tools/call","params":{"name":"notify"}}`))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		if err := u.Send(b.Context(), m, jsonrpc.SinkFunc(func(jsonrpc.Message) { n++ })); err != nil {
			b.Fatal(err)
		}
		if n != 1001 {
			b.Fatalf("%d messages of 1001 came", n)
		}
	}
}
