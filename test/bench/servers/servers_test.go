package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"mcp-login/test/bench/kernel"
	"mcp-login/test/leak"
	"mcp-login/test/real"
)

func TestMain(m *testing.M) { leak.Main(m) }

// The whole run without the sample: every call is answered with its own user,
// the provider is asked and a signature verified once for each token, each idle
// stream has its heartbeats and still answers. Every figure is there,
// so the tables in docs/evidence/performance.md cannot lose a line without this test.
func TestQuick(t *testing.T) {
	real.Long(t, "measures")
	lookAtSources(t)
	dir := t.TempDir()
	page, record := filepath.Join(dir, "page.md"), filepath.Join(dir, "r.json")
	if err := os.WriteFile(page, []byte("before\n"+markBegin+"\nold\n"+markEnd+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(t.Context(), []string{"--quick", "--json", record, "--into", page}, io.Discard, t.Output()); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	kernelOnly := map[string]bool{"cpu": true, "idle": true, "peak": true, "rss": true, "each": true}
	want := func(prefix string, list []figure) {
		for _, f := range list {
			if got := r.Values[nameOurs][prefix+f.key]; len(got) != 1 && (kernel.Tells || !kernelOnly[f.key]) {
				t.Errorf("%s%s: %d figures", prefix, f.key, len(got))
			}
		}
	}
	want("opaque.", callFigures)
	want("jwt.", callFigures)
	want("streams.sse.", streamFigures)
	want("streams.streamable.", streamFigures)
	// A dependency that calls methods by name, as html/template does, makes the
	// linker keep all of them, which is nine megabytes at once.
	const most = 18_500_000
	if r.Binary > most && runtime.GOARCH == "amd64" {
		t.Errorf("whoami-server has %d bytes", r.Binary)
	}
	text, _ := os.ReadFile(page)
	for _, line := range []string{"before\n", "| JWTs (ES384), verifications per token | 1 |", "| 200 idle streams, a heartbeat every 1s |", "\nafter\n"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("the page lacks %q:\n%s", line, text)
		}
	}
	if strings.Contains(string(text), "\nold\n") {
		t.Error("the old tables are still in the page")
	}
}

// The gateway beside what is alone and a ReverseProxy: every call is answered, every
// stream lives, every figure is there.
func TestQuickGateway(t *testing.T) {
	real.Long(t, "measures")
	lookAtSources(t)
	var out strings.Builder
	record := filepath.Join(t.TempDir(), "r.json")
	if err := run(t.Context(), []string{"--gateway", "--quick", "--json", record}, &out, t.Output()); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if strings.HasPrefix(line, "| ") && strings.Contains(line, "–") && kernel.Tells {
			t.Errorf("a figure is missing: %s", line)
		}
	}
	for _, want := range []string{"| 256 connections, requests/s |", "| 200 idle streams, a comment every 1s |", "--tool-scope", "| 32: CPU, times ReverseProxy's |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report lacks %q:\n%s", want, &out)
		}
	}
}

// lookAtSources opens what whoami-server is built from: the go command remembers
// a test's result until something the test opened has changed.
func lookAtSources(t *testing.T) {
	t.Helper()
	for _, top := range []string{"cmd/whoami-server", "internal", "go.mod"} {
		err := filepath.WalkDir(filepath.Join("..", "..", "..", top), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				_, err = os.Stat(path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

const rightAnswer = `{"jsonrpc":"2.0","id":1000007,"result":{"content":[{"type":"text","text":"{\"sub\":\"alice\"}"}]}}`

// A wrong answer is noticed: of another call, of another user, an error.
func TestCheckAnswer(t *testing.T) {
	for _, body := range []string{rightAnswer, "event: message\ndata: " + rightAnswer + "\n\n"} {
		if err := checkAnswer([]byte(body), 1000007, "alice"); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
	for name, body := range map[string]string{
		"another id":      strings.Replace(rightAnswer, "1000007", "1000008", 1),
		"no id":           strings.Replace(rightAnswer, `"id":1000007,`, "", 1),
		"another user":    strings.Replace(rightAnswer, "alice", "bob", 1),
		"tool error":      strings.Replace(rightAnswer, `"result":{`, `"result":{"isError":true,`, 1),
		"protocol error":  `{"jsonrpc":"2.0","id":1000007,"error":{"code":-32600,"message":"no"}}`,
		"two parts":       strings.Replace(rightAnswer, `"content":[`, `"content":[{"type":"text","text":"{}"},`, 1),
		"nothing":         "",
		"cut":             rightAnswer[:len(rightAnswer)-4],
		"no JSON in text": strings.Replace(rightAnswer, `{\"sub\"`, `\"sub\"`, 1),
	} {
		if checkAnswer([]byte(body), 1000007, "alice") == nil {
			t.Errorf("%s passes", name)
		}
	}
}

// An answer that differs from the known one in anything but its id is looked at
// closely, and the shortcut takes no other for it.
func TestExpected(t *testing.T) {
	c := &connection{subject: "alice", body: []byte(rightAnswer)}
	if c.expected([]byte("1000007")) {
		t.Error("an answer is expected before any is known")
	}
	if err := c.look(1000007); err != nil {
		t.Fatal(err)
	}
	next := strings.Replace(rightAnswer, "1000007", "1000008", 1)
	for body, want := range map[string]bool{
		next: true, rightAnswer: false, strings.Replace(next, "alice", "alicf", 1): false, next + " ": false,
	} {
		c.body = []byte(body)
		if got := c.expected([]byte("1000008")); got != want {
			t.Errorf("%s: expected is %v", body, got)
		}
	}
}

// The small client reads both ways in which HTTP/1.1 frames an answer, one after
// the other on one connection, and takes no broken one.
func TestRead(t *testing.T) {
	wire := "HTTP/1.1 200 OK\r\nContent-LENGTH: 5\r\nX: y\r\n\r\nfirst" +
		"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n3\r\nsec\r\nA\r\nond answer\r\n0\r\n\r\n" +
		"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
	c := &connection{in: bufio.NewReader(strings.NewReader(wire))}
	for _, want := range []struct {
		status int
		body   string
	}{{200, "first"}, {202, "second answer"}, {404, ""}} {
		if status, err := c.read(); err != nil || status != want.status || string(c.body) != want.body {
			t.Errorf("status %d, %q, %v; want %v", status, c.body, err, want)
		}
	}
	for _, broken := range []string{
		"", "HTTP/1.1 200", "HTTP/1.0 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", maxHeader+1) + "\r\n",
	} {
		c.in = bufio.NewReader(strings.NewReader(broken))
		if _, err := c.read(); err == nil {
			t.Errorf("%.60q passes", broken)
		}
	}
}

// Too many visits to the provider or verifications are an error, and so are
// none, which would say that they are not counted.
func TestJudge(t *testing.T) {
	ours, sample := &subject{kind: kindJWT}, &subject{kind: kindOpaque, peer: true}
	opaque := &subject{kind: kindOpaque}
	for _, test := range []struct {
		name string
		s    *subject
		v    visits
		fine bool
	}{
		{"once each", ours, visits{calls: 100, tokens: 8, jwks: 1, checks: 8, terms: 1}, true},
		{"again after the TTL", ours, visits{calls: 100, tokens: 8, jwks: 1, checks: 16, terms: 2}, true},
		{"one verification too many", ours, visits{calls: 100, tokens: 8, jwks: 1, checks: 9, terms: 1}, false},
		{"none", ours, visits{calls: 100, tokens: 8, jwks: 1, terms: 1}, false},
		{"keys asked for twice", ours, visits{calls: 100, tokens: 8, jwks: 2, checks: 8, terms: 1}, false},
		{"userinfo with a JWT", ours, visits{calls: 100, tokens: 8, jwks: 1, checks: 8, userinfo: 1, terms: 1}, false},
		{"userinfo once each", opaque, visits{calls: 100, tokens: 8, userinfo: 8, checks: 8, terms: 1}, true},
		{"one userinfo too many", opaque, visits{calls: 100, tokens: 8, userinfo: 9, checks: 8, terms: 1}, false},
		{"the sample asks always", sample, visits{calls: 100, tokens: 8, userinfo: 100}, true},
		{"the sample does not", sample, visits{calls: 100, tokens: 8, userinfo: 99}, false},
	} {
		if err := test.v.judge(test.s); (err == nil) != test.fine {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}

// Verdicts follow the figures, and ratios are taken inside a round.
func TestAims(t *testing.T) {
	r := &report{Rounds: 3, Streams: 10_000, Servers: map[string]string{nameNode: "Node"}, Values: values{
		nameOurs: {"opaque.rate": {900, 80, 70}, "opaque.p99": {2, 2, 2}, "jwt.peak": {25.1}, "streams.sse.rss": {600}},
		nameNode: {"opaque.rate": {100, 100, 10}, "opaque.p99": {1, 4, 8}},
	}}
	text := r.markdown()
	for _, want := range []string{
		"| opaque tokens: requests/s, times the sample's | ≥ 8 × | 7 × | **missed** |", // 9, 0.8, 7
		"| opaque tokens: p99, of the sample's | ≤ 1 × | 0.50 × | met |",
		"| JWTs (ES384): memory under load | ≤ 25 MiB | 25.1 MiB | **missed** |",
		"| 10,000 idle streams, HTTP+SSE | ≤ 600 MiB | 600 MiB | met |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Contains(text, "Streamable HTTP | ≤") {
		t.Error("a verdict about what was not measured")
	}
	if r.Streams = 200; strings.Contains(r.markdown(), "10,000 idle") {
		t.Error("a verdict about fewer streams")
	}
}

// A stream is read whatever the length of its lines; what a server must not say
// ends it.
func TestStreamLines(t *testing.T) {
	long := strings.Repeat("x", 5000)
	wire := ": welcome\n\nevent: endpoint\ndata: /messages?sessionId=1\n\n: still here\n\nevent: message\ndata: " + long + "\n\n: still here\n\n"
	s := newStream()
	s.in = bufio.NewReaderSize(strings.NewReader(wire), 16)
	s.listen()
	if got := <-s.endpoint; got != "/messages?sessionId=1" {
		t.Errorf("endpoint %q", got)
	}
	if got := <-s.messages; !bytes.Equal(got, []byte(long)) {
		t.Errorf("message of %d bytes", len(got))
	}
	if s.beats.Load() != 2 || !errors.Is(s.err, io.EOF) {
		t.Errorf("%d heartbeats, %v", s.beats.Load(), s.err)
	}
	s = newStream()
	s.in = bufio.NewReader(strings.NewReader("data: what for\n"))
	if s.listen(); s.err == nil || errors.Is(s.err, io.EOF) {
		t.Errorf("data without an event: %v", s.err)
	}
}
