package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// awaitHeld waits until the quotas hold so much, in bytes, calls and streams.
func (l *liveServer) awaitHeld(t *testing.T, want [3]int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); held(l.Server) != want; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("held: %v, want %v", held(l.Server), want)
		}
	}
}

// Whatever a client does with one connection, the server holds nothing of it
// afterwards, and answers each request once.
func TestNothingIsHeldAfterwards(t *testing.T) { onBothBackends(t, nothingIsHeldAfterwards) }

func nothingIsHeldAfterwards(t *testing.T, on setUp) {
	i := issuer.Start(t)
	m := server.NewMCPServer("t", "1")
	m.AddTool(mcp.NewTool("waits"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	l := startServer(t, i, on(func(c *Config) { c.MCP = m }))
	host, token := strings.TrimPrefix(l.url, "http://"), l.tokenFor(t, i, "alice")
	head := func(more ...string) string {
		return "POST /mcp HTTP/1.1\r\nHost: " + host + "\r\nAuthorization: Bearer " + token + "\r\nContent-Type: application/json\r\n" +
			strings.Join(more, "\r\n") + "\r\n\r\n"
	}
	sized := func(body string) string { return head("Content-Length: "+strconv.Itoa(len(body))) + body }
	chunked := head("Transfer-Encoding: chunked")
	oneByteChunks := ""
	for _, c := range pingMessage {
		oneByteChunks += "1;x=y\r\n" + string(c) + "\r\n"
	}
	for name, tt := range map[string]struct {
		send string
		want []int // statuses of the answers; none: the connection just ends
	}{
		"gone while a tool works":      {sized(strings.Replace(callWhoami, "whoami", "waits", 1)), nil},
		"chunks of one byte":           {chunked + oneByteChunks + "0\r\n\r\n", []int{200}},
		"chunks and a trailer":         {chunked + oneByteChunks + "0\r\nAuthorization: Bearer x\r\n\r\n", []int{200}},
		"gone in a chunk":              {chunked + "fffff\r\n{", nil},
		"a chunk of no size":           {chunked + "zz\r\n{", []int{400}},
		"a chunk of more than 64 bits": {chunked + "1" + strings.Repeat("0", 17) + "\r\n{", []int{400}},
		"more than announced, chunked": {chunked + "400000\r\n" + strings.Repeat(" ", 4<<20) + "\r\n1\r\n \r\n0\r\n\r\n", []int{413}},
		"expects to be asked":          {head("Content-Length: 40", "Expect: 100-continue") + pingMessage, []int{200}},
		"expects what nobody knows":    {head("Content-Length: 40", "Expect: 200-ok") + pingMessage, []int{417}},
		"too large, waits to be asked": {head("Content-Length: 4194305", "Expect: 100-continue"), []int{413}},
		"two lengths":                  {head("Content-Length: 40", "Content-Length: 41") + pingMessage, []int{400}},
		"a length and chunks":          {head("Content-Length: 4", "Transfer-Encoding: chunked") + "28\r\n" + pingMessage + "\r\n0\r\n\r\n", []int{200}},
		"a coding nobody knows":        {head("Transfer-Encoding: gzip"), []int{501}},
		"gzip":                         {head("Content-Length: 40", "Content-Encoding: gzip") + "\x1f\x8b" + strings.Repeat("\x00", 38), []int{415}},
		"three in a row":               {sized(pingMessage) + sized(pingMessage) + sized(pingMessage), []int{200, 200, 200}},
		"a second behind a bad one":    {sized("{") + sized(pingMessage), []int{400, 200}},
		"a second behind a large one":  {head("Content-Length: 9999999") + sized(pingMessage), []int{413}},
		"deep nesting":                 {sized(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}}`), []int{400}},
		"a number beyond all":          {sized(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":1e999999999}}`), []int{200}},
		"an id beyond all":             {sized(`{"jsonrpc":"2.0","id":1e999999999,"method":"ping"}`), []int{200}},
		"an id that is a list":         {sized(`{"jsonrpc":"2.0","id":[1],"method":"ping"}`), []int{200}},
		"a cancel of an object":        {sized(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":{"a":[1]}}}`), []int{202}},
		"nothing":                      {head("Content-Length: 0"), []int{400}},
		"a byte order mark":            {sized("\xef\xbb\xbf" + pingMessage), []int{400}},
		"a lone surrogate":             {sized(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":"\ud800"}}`), []int{400}},
		"NUL behind it":                {sized(pingMessage + "\x00"), []int{400}},
	} {
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.WriteString(c, tt.send) }()
		r := bufio.NewReader(c)
		for n, want := range tt.want {
			resp, err := http.ReadResponse(r, nil)
			for err == nil && resp.StatusCode == 100 {
				resp, err = http.ReadResponse(r, nil)
			}
			if err != nil {
				t.Errorf("%s, answer %d: %v", name, n, err)
				break
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			if resp.StatusCode != want {
				t.Errorf("%s, answer %d: %d, want %d", name, n, resp.StatusCode, want)
			}
		}
		if strings.HasPrefix(name, "gone") {
			for held(l.Server) == [3]int{} {
				runtime.Gosched()
			}
		}
		_ = c.Close()
		l.awaitHeld(t, [3]int{})
	}
}

// A tool that panics ends the connection of its caller. It is no success, and on HTTP+SSE
// it ends neither stream nor server.
func TestPanicOfATool(t *testing.T) {
	i := issuer.Start(t)
	m := server.NewMCPServer("t", "1")
	m.AddTool(mcp.NewTool("panics"), func(context.Context, mcp.CallToolRequest) (*mcp.CallToolResult, error) { panic("tool") })
	var log binary.Output
	l := startServer(t, i, func(c *Config) { c.MCP, c.Log = m, log.Logger() })
	alice := l.clientFor(t, i, "alice")
	body := strings.Replace(callWhoami, "whoami", "panics", 1)
	r, err := http.NewRequestWithContext(t.Context(), "POST", l.url+"/mcp", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if resp, err := alice.Do(r); err == nil {
		t.Errorf("answered: %d", resp.StatusCode)
		_ = resp.Body.Close()
	}
	l.awaitHeld(t, [3]int{})
	if text := log.String(); strings.Count(text, "status=500") != 1 {
		t.Errorf("the log of a panic: %s", text)
	}
	s := openStream(t, l.url, alice)
	for _, body := range []string{body, pingMessage} {
		if resp := post(t, alice, l.url+s.endpoint, body); resp.StatusCode != 202 {
			t.Errorf("HTTP+SSE: %d", resp.StatusCode)
		}
	}
	if _, data := s.next(t); !strings.Contains(data, `"result":{}`) {
		t.Errorf("HTTP+SSE: %s", data)
	}
	l.awaitHeld(t, [3]int{0, 0, 1})
}

// A proxy may bring the requests of many users on one connection of HTTP/2. What
// is refused to one of them ends nobody else's connection, and a body that is held
// back on one stream holds up no other.
func TestOneConnectionForManyUsers(t *testing.T) { onBothBackends(t, oneConnectionForManyUsers) }

func oneConnectionForManyUsers(t *testing.T, on setUp) {
	i := issuer.Start(t)
	l := startServer(t, i, on(func(c *Config) { c.MaxBodyBytes = largestMessage }))
	front := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host = strings.TrimPrefix(l.url, "http://")
		l.ServeHTTP(w, r)
	}))
	front.EnableHTTP2 = true
	front.StartTLS()
	t.Cleanup(front.Close)
	proxy := front.Client().Transport.(*http.Transport)
	proxy.TLSClientConfig = &tls.Config{RootCAs: proxy.TLSClientConfig.RootCAs}
	alice, bob := l.tokenFor(t, i, "alice"), l.tokenFor(t, i, "bob")
	connections := map[string]bool{}
	ask := func(token string, body io.Reader) *http.Request {
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
			GotConn: func(info httptrace.GotConnInfo) { connections[info.Conn.LocalAddr().String()] = true },
		})
		r, err := http.NewRequestWithContext(ctx, "POST", front.URL+"/mcp", body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		return r
	}
	status := func(r *http.Request) int {
		resp, err := proxy.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.ProtoMajor != 2 {
			t.Errorf("%s: %v", resp.Proto, err)
		}
		return resp.StatusCode
	}
	if got := status(ask(bob, strings.NewReader(pingMessage))); got != 200 {
		t.Fatalf("bob at first: %d", got)
	}
	// Alice holds three bodies back.
	var open []*io.PipeWriter
	answers := make(chan int, 3)
	for range cap(answers) {
		body, w := io.Pipe()
		open = append(open, w)
		r := ask(alice, body)
		go func() { answers <- status(r) }()
		if _, err := io.WriteString(w, pingMessage[:1]); err != nil {
			t.Fatal(err)
		}
	}
	l.awaitHeld(t, [3]int{3 * leastBody, 0, 0})
	for name, tt := range map[string]struct {
		token, body string
		want        int
	}{
		"too large":       {alice, strings.Repeat(" ", maxBodyBytes+1), 413},
		"too many values": {alice, "[" + strings.Repeat("0,", maxValues) + "0]", 413},
		"no token":        {"x.y.z", pingMessage, 401},
	} {
		if got := status(ask(tt.token, strings.NewReader(tt.body))); got != tt.want {
			t.Errorf("%s: %d, want %d", name, got, tt.want)
		}
		if got := status(ask(bob, strings.NewReader(pingMessage))); got != 200 {
			t.Errorf("bob after %s: %d", name, got)
		}
	}
	for _, w := range open {
		_, _ = io.WriteString(w, pingMessage[1:])
		_ = w.Close()
		if got := <-answers; got != 200 {
			t.Errorf("alice's own: %d", got)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections, what one user was refused ended that of all", len(connections))
	}
	l.awaitHeld(t, [3]int{})
}

// Who owns a session is told by length-prefixed parts, so that no choice of
// issuer, subject and application makes two callers one; an id that somebody
// chose before anybody began a session is nobody's.
func TestOwnersThatLookAlike(t *testing.T) { onBothBackends(t, ownersThatLookAlike) }

func ownersThatLookAlike(t *testing.T, on setUp) {
	i := issuer.Start(t)
	l := startServer(t, i, on(func(c *Config) { c.Stateful, c.MaxSessions, c.MaxStreams = true, 1, 1 }))
	client := func(subject, application string) *http.Client {
		return clientWith(t, i.Sign(t, issuer.Change{Claims: map[string]any{"aud": l.url + "/mcp", "sub": subject, "client_id": application}}))
	}
	alice := client("alice", "app")
	session := l.begin(t, alice)
	hash := (principal{l.layout.resource, i.URL, "alice", "app"}).key()
	for name, try := range map[string]struct {
		c  *http.Client
		id string
	}{
		"subject with the application in it": {client("aliceapp", ""), session},
		"application with the subject in it": {client("", "aliceapp"), session},
		"blank behind the subject":           {client("alice ", "app"), session},
		"another case":                       {client("Alice", "app"), session},
		"NUL behind it":                      {client("alice\x00", "app"), session},
		"another application":                {client("alice", "app2"), session},
		"the store's name of it":             {client("alice", "app2"), session + "." + hashed("app")},
		"the name that mcp-go has for it":    {client("bob", "app"), hash + "." + session},
		"an id chosen beforehand":            {client("bob", "app"), "FIXED"},
	} {
		for _, method := range []string{"POST", "GET", "DELETE"} {
			body := ""
			if method == "POST" {
				body = callWhoami
			}
			resp := l.send(t, try.c, method, body, "Mcp-Session-Id", try.id)
			want := 404
			if name == "application with the subject in it" {
				want = 401 // a token without a subject is none
			}
			if resp.StatusCode != want {
				t.Errorf("%s, %s: %d", name, method, resp.StatusCode)
			}
		}
	}
	// Who begins with an id of his own choice gets another one.
	resp := l.send(t, client("bob", "app"), "POST", initialize, "Mcp-Session-Id", "FIXED")
	if id := resp.Header.Get("Mcp-Session-Id"); resp.StatusCode != 200 || id == "FIXED" || len(resp.Header.Values("Mcp-Session-Id")) != 1 {
		t.Errorf("begun with an id: %d, %q", resp.StatusCode, resp.Header.Values("Mcp-Session-Id"))
	}
	if resp := l.send(t, alice, "POST", callWhoami, "Mcp-Session-Id", session); resp.StatusCode != 200 {
		t.Errorf("alice's own: %d", resp.StatusCode)
	}
	l.awaitHeld(t, [3]int{})
}
