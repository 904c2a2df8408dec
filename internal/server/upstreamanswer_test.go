package server

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-login/test/issuer"
)

// Whatever the upstream does, the client gets an answer of the right kind, with the id of
// its message, and nothing that is meant for others.
func TestGatewayHidesWhatIsNotForClients(t *testing.T) {
	i := issuer.Start(t)
	answers := map[string]http.HandlerFunc{}
	base := startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Server", "upstream")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Mcp-Extension", "kept")
		w.Header()["Mcp-Session_Id"] = []string{"theirs"}
		w.Header()["Mcp-Twice"] = []string{"a", "b"}
		answers[r.Header.Get("Mcp-Case")](w, r)
	}))
	l := startGateway(t, i, base, nil)
	alice := l.clientFor(t, i, "alice")
	with := func(status int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for k := 0; k+1 < len(header); k += 2 {
				w.Header().Set(header[k], header[k+1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, `{"said":"by upstream"}`)
		}
	}
	const challenge = "WWW-Authenticate"
	cases := map[string]struct {
		answer http.HandlerFunc
		want   int
		passed bool
	}{
		"good":            {with(200, "Content-Type", "application/json; charset=utf-8", challenge, "Bearer"), 200, true},
		"an error":        {with(400, "Content-Type", "application/json"), 400, true},
		"an unknown page": {with(404, "Content-Type", "text/html"), 404, false},
		"too many":        {with(429, "Content-Type", "application/json", "Retry-After", "7"), 429, true},
		"broken":          {with(500, "Content-Type", "text/plain"), 500, false},
		"forbidden":       {with(403, "Content-Type", "application/json"), 403, true},
		"a challenge":     {with(401, "Content-Type", "application/json", challenge, `Bearer resource_metadata="https://evil.example"`), 502, false},
		"a scope":         {with(403, "Content-Type", "application/json", challenge, `Bearer error="insufficient_scope"`), 502, false},
		"a proxy's":       {with(407, "Proxy-Authenticate", "Basic"), 502, false},
		"a redirect":      {with(307, "Location", "https://evil.example/mcp"), 502, false},
		"choices":         {with(300, "Content-Type", "application/json"), 502, false},
		"not modified":    {with(304, "Content-Type", "application/json"), 502, false},
		"a page":          {with(200, "Content-Type", "text/html"), 502, false},
		"no type":         {with(200, "Content-Type", ""), 502, false},
		"compressed":      {with(200, "Content-Type", "application/json", "Content-Encoding", "br"), 502, false},
		"a bad session":   {with(200, "Content-Type", "application/json", "Mcp-Session-Id", "a b"), 502, false},
		"accepted":        {with(202, "Content-Type", "text/plain"), 202, false},
		"an odd status":   {with(600, "Content-Type", "application/json"), 502, false},
		"coded error":     {with(400, "Content-Type", "application/json", "Content-Encoding", "gzip"), 502, false},
		"cut off at once": {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502, false},
	}
	for name, c := range cases {
		answers[name] = c.answer
	}
	for name, c := range cases {
		resp := post(t, alice, l.url+"/mcp", `{"jsonrpc":"2.0","id":"my id","method":"ping"}`, "Mcp-Case", name)
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode != c.want || err != nil || strings.Contains(string(body), "by upstream") != c.passed {
			t.Errorf("%s: %d %s, %v; want %d", name, resp.StatusCode, body, err, c.want)
		}
		if !c.passed && c.want != 202 && !strings.Contains(string(body), `"id":"my id"`) {
			t.Errorf("%s: the error %s is nobody's", name, body)
		}
		for _, header := range []string{"Set-Cookie", "Server", challenge, "Location", "Content-Encoding", "Access-Control-Allow-Origin", "Mcp-Session-Id", "Mcp-Session_Id", "Mcp-Twice", "Proxy-Authenticate"} {
			if got := resp.Header.Get(header); got != "" {
				t.Errorf("%s: the client got %s: %s", name, header, got)
			}
		}
		if c.passed && (resp.Header.Get("Mcp-Extension") != "kept" || c.want == 429 && resp.Header.Get("Retry-After") != "7") {
			t.Errorf("%s: headers %v", name, resp.Header)
		}
	}
}

// An answer that breaks off does not look like a whole one, nor does one with which the
// upstream does not go on.
func TestGatewayCutsOffWhatWasCutOff(t *testing.T) {
	i := issuer.Start(t)
	l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		kind, silent := strings.CutPrefix(r.Header.Get("Mcp-Case"), "silent ")
		if kind == "" {
			<-r.Context().Done()
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = io.WriteString(w, "data: {\n")
		_ = http.NewResponseController(w).Flush()
		if silent {
			<-r.Context().Done()
		}
		panic(http.ErrAbortHandler)
	})), func(c *Config) { c.Upstream.Timeout = time.Second })
	for _, kind := range []string{"application/json", "text/event-stream", "silent application/json", "silent text/event-stream"} {
		r, err := http.NewRequestWithContext(t.Context(), "POST", l.url+"/mcp", strings.NewReader(pingMessage))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Mcp-Case", kind)
		resp, err := l.clientFor(t, i, "alice").Do(r)
		if err != nil {
			continue // before the client saw anything
		}
		body, err := io.ReadAll(resp.Body)
		if _ = resp.Body.Close(); err == nil {
			t.Errorf("%s: %q ends as if it were whole", kind, body)
		}
	}
	if resp := post(t, l.clientFor(t, i, "alice"), l.url+"/mcp", pingMessage); resp.StatusCode != 504 || l.upstreamUp() {
		t.Errorf("without any answer: %d, up %v", resp.StatusCode, l.upstreamUp())
	}
}

// Half an answer does not look like a whole one either where a stop has no time left for the rest.
func TestGatewayCutsOffWhatItsEndCutsOff(t *testing.T) {
	i := issuer.Start(t)
	for _, kind := range []string{"application/json", "text/event-stream"} {
		l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, "data: "+strings.Repeat("x", 64<<10)) // more than is held back
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		})), nil)
		resp := post(t, l.clientFor(t, i, "alice"), l.url+"/mcp", pingMessage)
		if _, err := io.CopyN(io.Discard, resp.Body, 1); err != nil {
			t.Fatal(kind, err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		if err := l.Close(over); err == nil {
			t.Errorf("%s: the answer was not under way", kind)
		}
		if n, err := io.Copy(io.Discard, resp.Body); err == nil {
			t.Errorf("%s: %d bytes end as if they were whole", kind, n)
		}
	}
}

// A stop tells idle streams to come back, between two events, and waits for calls.
func TestGatewayStopsStreamsBetweenEvents(t *testing.T) {
	i := issuer.Start(t)
	half, rest, call := make(chan struct{}), make(chan struct{}), make(chan struct{})
	l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if r.Method == "POST" {
			<-call
			_, _ = io.WriteString(w, "data: {}\n\n")
			return
		}
		_, _ = io.WriteString(w, "data: one\n\ndata: two")
		_ = http.NewResponseController(w).Flush()
		close(half)
		<-rest
		_, _ = io.WriteString(w, "!\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})), nil)
	alice := l.clientFor(t, i, "alice")
	resp := l.send(t, alice, "GET", "")
	stream := bufio.NewReader(resp.Body)
	<-half
	for line := ""; !strings.HasPrefix(line, "data: one"); {
		var err error
		if line, err = stream.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	answered := make(chan string, 1)
	go func() {
		body, _ := io.ReadAll(post(t, alice, l.url+"/mcp", pingMessage).Body)
		answered <- string(body)
	}()
	call <- struct{}{}
	if got := <-answered; got != "data: {}\n\n" {
		t.Errorf("the call: %q", got)
	}
	closed := make(chan error, 1)
	go func() { closed <- l.Close(t.Context()) }()
	<-l.streams.Done()
	close(rest)
	left, err := io.ReadAll(stream)
	if text := string(left); err != nil || !strings.HasPrefix(text, "\ndata: two!\n\nretry: 1000\n") {
		t.Errorf("the stream ended with %q, %v", left, err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// The first event of HTTP+SSE may name the upstream's own addresses only, and no later one
// may name any.
func TestGatewayTakesEndpointsOfTheUpstreamOnly(t *testing.T) {
	i := issuer.Start(t)
	const first = "event: endpoint\ndata: /messages\n\n"
	cases := []struct {
		events string
		want   int
	}{
		{"event: endpoint\ndata: /messages?x=1\n\ndata: {}\n\n", 200},
		{": hello\n\nid: 1\nevent:endpoint\r\ndata:messages?x=1\r\n\r\ndata: {}\n\n", 200},
		{"event: endpoint\ndata: https://evil.example/messages\n\n", 502},
		{"event: endpoint\ndata: //evil.example/messages\n\n", 502},
		{"event: endpoint\ndata: /m?" + strings.Repeat("x", 3000) + "\n\n", 502},
		{"data: {}\n\n", 502},
		{"event: endpoint\ndata: /messages", 502},
		{"data: a\revent: endpoint\rdata: https://evil.example\r\r", 502},
		{strings.Repeat(": padding\n", 1_600) + first + "data: {}\n\n", 200},
		{strings.Repeat(": padding\n", 1_700) + first + "data: {}\n\n", 502},
		{strings.Repeat("x", 10_000), 502},
		{"", 502},
	}
	later := []string{
		"event: endpoint\ndata: https://evil.example\n\n", "event:endpoint\r\ndata: /x\r\n\r\n", "data: a\revent: endpoint\rdata: /x\r\r",
		"data: " + strings.Repeat("x", 4<<10) + "\r" + "event: endpoint\ndata: /x\n\n",
		"data: " + strings.Repeat("x", 4<<10-7) + "\r" + "event: endpoint\ndata: /x\n\n", // the CR ends a piece of the reader
	}
	for _, events := range later {
		cases = append(cases, struct {
			events string
			want   int
		}{first + "data: {}\n\n" + events, 200})
	}
	l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		k, _ := strconv.Atoi(r.Header.Get("Mcp-Case"))
		_, _ = io.WriteString(w, cases[k].events)
	})), nil)
	alice := l.clientFor(t, i, "alice")
	for k, c := range cases {
		resp := send(t, alice, "GET", l.url+"/sse", "", "Mcp-Case", strconv.Itoa(k))
		body, _ := io.ReadAll(resp.Body)
		if resp.StatusCode != c.want {
			t.Errorf("%.80q: %d %s, want %d", c.events, resp.StatusCode, body, c.want)
		}
		text := string(body)
		if c.want == 200 && (!strings.HasPrefix(text, "event: endpoint\ndata: /messages?sessionId=") || !strings.Contains(text, "data: {}\n\n") ||
			strings.Count(text, "endpoint") != 1 || strings.Contains(text, "evil")) {
			t.Errorf("%.80q: the client got %.200q", c.events, text)
		}
	}
}
