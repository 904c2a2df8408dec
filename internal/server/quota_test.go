package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/test/issuer"
)

// A quota keeps both bounds under any order of events, gives back everything,
// and remembers nobody who holds nothing.
func TestQuotaKeepsBothBounds(t *testing.T) {
	q := newQuota(10, 4)
	a, b, c := owner{"i", "a"}, owner{"i", "b"}, owner{"i", "c"}
	for _, step := range []struct {
		o    owner
		n    int
		want error
	}{
		{a, 4, nil}, {a, 1, errOwnerHasTooMuch}, {b, 4, nil}, {c, 3, errAllHaveTooMuch}, {c, 2, nil}, {c, 1, errAllHaveTooMuch}, {b, 5, errOwnerHasTooMuch},
	} {
		if got := q.acquire(step.o, step.n); !errors.Is(got, step.want) {
			t.Errorf("%v takes %d: %v, want %v", step.o, step.n, got, step.want)
		}
	}
	q.release(a, 4)
	q.release(b, 4)
	q.release(c, 2)
	if q.used != 0 || len(q.of) != 0 {
		t.Errorf("left: %d, %v", q.used, q.of)
	}
	var wg sync.WaitGroup
	for k := range 8 {
		wg.Go(func() {
			o := owner{"i", fmt.Sprint(k % 3)}
			for range 10_000 {
				if q.acquire(o, 3) == nil {
					q.release(o, 3)
				}
			}
		})
	}
	wg.Wait()
	if q.used != 0 || len(q.of) != 0 {
		t.Errorf("left after %d goroutines: %d, %v", 8, q.used, q.of)
	}
}

// held is what the server's quotas hold.
func held(s *Server) [3]int {
	var n [3]int
	for k, q := range []*quota{s.limits.bodies, s.limits.calls, s.limits.streams} {
		q.mu.Lock()
		n[k] = q.used
		q.mu.Unlock()
	}
	return n
}

// One user cannot take all places of calls; what he cannot have is 429 with a
// time to come back, and others are served. No header of an earlier revision, and
// none that the message does not bear out, makes a call a stream.
func TestOneUserCannotTakeAllCalls(t *testing.T) { onBothBackends(t, oneUserCannotTakeAllCalls) }

func oneUserCannotTakeAllCalls(t *testing.T, on setUp) {
	i := issuer.Start(t)
	asked, proceed := make(chan struct{}), make(chan struct{})
	l := startServer(t, i, on(func(c *Config) { c.MaxConcurrent, c.MaxCalls, c.MCP = 3, 2, slowTools(asked, proceed) }))
	token := func(user, client string) string {
		return i.Sign(t, issuer.Change{Claims: map[string]any{"aud": l.url + "/mcp", "sub": user, "client_id": client}})
	}
	alice, again, bob := clientWith(t, token("alice", "one")), clientWith(t, token("alice", "two")), clientWith(t, token("bob", "one"))
	stream := openStream(t, l.url, again)
	var wg sync.WaitGroup
	for _, c := range []*http.Client{alice, again} {
		wg.Go(func() {
			if resp := post(t, c, l.url+"/mcp", callSlow); resp.StatusCode != 200 {
				t.Errorf("a call that has its place: %d", resp.StatusCode)
			}
		})
		<-asked
	}
	const listen = "subscriptions/listen"
	modernCall := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow",` + modernMeta + `}}`
	modernListen := `{"jsonrpc":"2.0","id":1,"method":"` + listen + `","params":{"notifications":{"toolsListChanged":true},` + modernMeta + `}}`
	for name, try := range map[string]struct {
		path, body string
		header     []string
	}{
		"plain":                     {"/mcp", pingMessage, nil},
		"legacy with Mcp-Method":    {"/mcp", callSlow, []string{"Mcp-Method", listen}},
		"2025-11-25":                {"/mcp", callSlow, []string{"Mcp-Method", listen, "Mcp-Protocol-Version", "2025-11-25"}},
		"modern header, other body": {"/mcp", callSlow, []string{"Mcp-Method", listen, "Mcp-Protocol-Version", "2026-07-28"}},
		"modern, another method":    {"/mcp", modernCall, []string{"Mcp-Method", listen, "Mcp-Protocol-Version", "2026-07-28"}},
		"listen without a version":  {"/mcp", modernListen, []string{"Mcp-Method", listen}},
		"listen without Mcp-Method": {"/mcp", modernListen, []string{"Mcp-Protocol-Version", "2026-07-28"}},
		"HTTP+SSE":                  {stream.endpoint, callSlow, nil},
		"HTTP+SSE with Mcp-Method":  {stream.endpoint, callSlow, []string{"Mcp-Method", listen, "Mcp-Protocol-Version", "2026-07-28"}},
	} {
		if resp := post(t, again, l.url+try.path, try.body, try.header...); resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d, Retry-After %q", name, resp.StatusCode, resp.Header.Get("Retry-After"))
		}
	}
	if resp := post(t, bob, l.url+"/mcp", pingMessage); resp.StatusCode != 200 {
		t.Errorf("bob: %d", resp.StatusCode)
	}
	close(proceed)
	wg.Wait()
	l.awaitHeld(t, [3]int{0, 0, 1}) // until the handlers have returned
}

// A stream of subscriptions/listen counts as a stream of its user, and neither as a
// call nor as a message, for as long as it is open: a few users could take all room
// from everybody else. A message that is too large to be part of a stream opens none.
func TestListenStreamsAreCounted(t *testing.T) { onBothBackends(t, listenStreamsAreCounted) }

func listenStreamsAreCounted(t *testing.T, on setUp) {
	i := issuer.Start(t)
	l := startServer(t, i, on(func(c *Config) {
		c.MaxStreams, c.MaxCalls = 2, 1
		c.MCP = server.NewMCPServer("changes", "1", server.WithToolCapabilities(true))
		c.MCP.AddTool(mcp.NewTool("x"), nil)
	}))
	alice, bob := l.clientFor(t, i, "alice"), l.clientFor(t, i, "bob")
	for _, tt := range []struct {
		c    *http.Client
		more string
		want int
	}{
		{alice, "", 200},
		{alice, "", 200},
		{alice, "", 429},
		{bob, strings.Repeat(" ", 1<<20), 413},
		{bob, `"x":[0` + strings.Repeat(",0", 3000) + `],`, 413},
		{bob, "", 200},
	} {
		if resp := l.listen(t, tt.c, tt.more); resp.StatusCode != tt.want || tt.want == 429 && resp.Header.Get("Retry-After") == "" {
			t.Errorf("%.20q: %d, want %d", tt.more, resp.StatusCode, tt.want)
		}
	}
	l.awaitHeld(t, [3]int{0, 0, 3})
}

// Bodies under way are bounded in bytes, of one user and of all, and a body
// that is over is refused with the right class whatever its length said.
func TestBodyBytesAreBounded(t *testing.T) { onBothBackends(t, bodyBytesAreBounded) }

func bodyBytesAreBounded(t *testing.T, on setUp) {
	i := issuer.Start(t)
	l := startServer(t, i, on(nil))
	l.limits.bodies = newQuota(8<<20+4<<10, 5<<20)
	open := func(user string, size int) net.Conn {
		t.Helper()
		c, err := net.Dial("tcp", strings.TrimPrefix(l.url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		head := "POST /mcp HTTP/1.1\r\nHost: " + strings.TrimPrefix(l.url, "http://") + "\r\nAuthorization: Bearer " + l.tokenFor(t, i, user) +
			"\r\nContent-Type: application/json\r\nContent-Length: 4194304\r\n\r\n"
		if _, err := io.WriteString(c, head+strings.Repeat(" ", size)); err != nil {
			t.Fatal(err)
		}
		return c
	}
	status := func(c net.Conn) (int, string) {
		t.Helper()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, resp.Header.Get("Retry-After")
	}
	awaitBytes := func(n int) {
		t.Helper()
		for held(l.Server)[0] != n {
			runtime.Gosched()
		}
	}
	// An announced length takes nothing; what has come does.
	first := open("alice", 1)
	awaitBytes(leastBody)
	if _, err := io.WriteString(first, strings.Repeat(" ", 3<<20)); err != nil {
		t.Fatal(err)
	}
	awaitBytes(4 << 20)
	second := open("alice", 1)
	awaitBytes(4<<20 + leastBody)
	_, _ = io.WriteString(second, strings.Repeat(" ", 2<<20)) // refused before it has come
	if code, after := status(second); code != 429 || after == "" {
		t.Errorf("alice's second: %d, Retry-After %q", code, after)
	}
	third := open("bob", 1)
	_, _ = io.WriteString(third, strings.Repeat(" ", 3<<20))
	awaitBytes(8 << 20)
	fourth := open("carol", 1)
	if code, after := status(fourth); code != 503 || after == "" {
		t.Errorf("more than all may have: %d, Retry-After %q", code, after)
	}
	// Those who were let in are answered, and then there is room again.
	rest := strings.Repeat(" ", 1<<20-1-len(pingMessage)) + pingMessage
	for _, c := range []net.Conn{first, third} {
		if _, err := io.WriteString(c, rest); err != nil {
			t.Fatal(err)
		}
		if code, _ := status(c); code != 200 {
			t.Errorf("who was let in: %d", code)
		}
	}
	awaitBytes(0)
	// A user who goes away in the middle holds nothing.
	gone := open("alice", 1<<20+1)
	awaitBytes(2 << 20) // room for what may come next
	_ = gone.Close()
	awaitBytes(0)
}

// A client of HTTP+SSE that reads nothing cannot have any number of answers
// waiting: each keeps its place until it is written.
func TestAnswersThatNobodyReadsAreBounded(t *testing.T) {
	i := issuer.Start(t)
	large := strings.Repeat("x", 1<<20)
	l := startServer(t, i, func(c *Config) {
		c.MaxCalls = 4
		c.MCP = server.NewMCPServer("large", "1")
		c.MCP.AddTool(mcp.NewTool("slow"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return mcp.NewToolResultText(large), nil
		})
	})
	c := l.clientFor(t, i, "alice")
	s := openStream(t, l.url, c)
	taken, refused := 0, 0
	for refused == 0 && taken < 200 {
		switch resp := post(t, c, l.url+s.endpoint, callSlow); resp.StatusCode {
		case 202:
			taken++
		case 429:
			refused++
		default:
			t.Fatalf("after %d: %d", taken, resp.StatusCode)
		}
	}
	t.Logf("%d answers of 1 MiB were taken, the next was refused", taken)
	if refused == 0 {
		t.Error("none was refused")
	}
	if resp := post(t, l.clientFor(t, i, "bob"), l.url+"/mcp", pingMessage); resp.StatusCode != 200 {
		t.Errorf("bob: %d", resp.StatusCode)
	}
	_ = s.resp.Body.Close()
	l.awaitHeld(t, [3]int{})
}

// Values are counted outside of strings, and never fewer than a decoder makes.
func TestNoFewerValuesAreCountedThanADecoderMakes(t *testing.T) {
	onBothBackends(t, noFewerValuesAreCountedThanADecoderMakes)
}

func noFewerValuesAreCountedThanADecoderMakes(t *testing.T, on setUp) {
	for text, want := range map[string]int{
		"": 0, `{}`: 1, `[]`: 1, `[0,0,0]`: 3, `{"a":1,"b":[2]}`: 5, `"[,{:"`: 0, `["\",[",1]`: 2, `["\\",[]]`: 3, `"`: 0, `"\`: 0, `[[[`: 3,
	} {
		if got := countValues([]byte(text)); got != want {
			t.Errorf("%s: %d, want %d", text, got, want)
		}
	}
	i := issuer.Start(t)
	s := newServer(t, i, on(nil))
	token := i.Sign(t, issuer.Change{})
	args := func(list string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{"a":` + list + `}}}`
	}
	for name, tt := range map[string]struct {
		body string
		want int
	}{
		"a long text with commas": {args(`"` + strings.Repeat(",[{:", 1<<19) + `"`), 200},
		"many values":             {args("[" + strings.Repeat("0,", 60_000) + "0]"), 200},
		"too many":                {args("[" + strings.Repeat("0,", 70_000) + "0]"), 413},
		"too many, and no JSON":   {strings.Repeat("[{", 70_000), 400},
	} {
		if resp := call(s, "POST", "/mcp", token, tt.body); resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, tt.want)
		}
	}
	if held(s) != [3]int{} {
		t.Errorf("held afterwards: %v", held(s))
	}
}

// Nobody cancels what somebody else has asked for, whatever the id, revision and
// transport: each caller's ids are its own.
func TestNobodyCancelsCallsOfOthers(t *testing.T) {
	i := issuer.Start(t)
	asked, ended, proceed := make(chan struct{}), make(chan struct{}, 8), make(chan struct{})
	m := server.NewMCPServer("slow", "1")
	m.AddTool(mcp.NewTool("slow"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		asked <- struct{}{}
		select {
		case <-ctx.Done():
			ended <- struct{}{}
		case <-proceed:
		}
		return mcp.NewToolResultText("done"), nil
	})
	l := startServer(t, i, func(c *Config) { c.MCP = m })
	alice, bob := l.clientFor(t, i, "alice"), l.clientFor(t, i, "bob")
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
	mine, others := openStream(t, l.url, alice), openStream(t, l.url, bob)
	var wg sync.WaitGroup
	for _, call := range []func(){
		func() { post(t, alice, l.url+"/mcp", callSlow) },
		func() { post(t, alice, l.url+mine.endpoint, callSlow) },
		func() {
			l.callModern(t, alice, "tools/call", `"name":"slow",`, "Mcp-Name", "slow")
		},
	} {
		wg.Go(call)
		<-asked
	}
	for name, try := range map[string]func() *http.Response{
		"Streamable HTTP": func() *http.Response { return post(t, bob, l.url+"/mcp", cancel) },
		"with the session of another": func() *http.Response {
			return post(t, bob, l.url+"/mcp", cancel, "Mcp-Session-Id", mine.sessionID(t))
		},
		"HTTP+SSE": func() *http.Response { return post(t, bob, l.url+others.endpoint, cancel) },
		"2026-07-28": func() *http.Response {
			return post(t, bob, l.url+"/mcp", `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1,`+modernMeta+`}}`,
				"Mcp-Protocol-Version", "2026-07-28", "Mcp-Method", "notifications/cancelled")
		},
	} {
		if resp := try(); resp.StatusCode != 202 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	defer wg.Wait()
	defer close(proceed)
	for held(l.Server)[1] > 3 { // until the cancels have been taken
		runtime.Gosched()
	}
	select {
	case <-ended:
		t.Error("a call of somebody else was cancelled")
		return
	default:
	}
	// Her own cancel reaches her call.
	post(t, alice, l.url+"/mcp", cancel)
	<-ended
	post(t, alice, l.url+mine.endpoint, cancel)
	<-ended
}
