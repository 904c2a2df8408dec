package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/mark3labs/mcp-go/client/transport"
	mcpgo "github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/internal/server/gateway"
)

// startUpstream serves h as the server behind a gateway.
func startUpstream(t *testing.T, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

// startGateway starts a gateway in front of the server at base.
func startGateway(t *testing.T, i *testIssuer, base string, change func(*Config)) *liveServer {
	t.Helper()
	return startServer(t, i, func(c *Config) {
		c.Upstream = &gateway.Config{Upstream: mustURL(t, base+"/mcp"), Secret: []byte(strings.Repeat("k", gateway.LeastSecret))}
		if change != nil {
			change(c)
		}
	})
}

// sdkUpstream is a server of the go-sdk, with sessions and both transports.
func sdkUpstream() http.Handler {
	s := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "read"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil, nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	mux.Handle("/sse", mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return s }, nil))
	return mux
}

// mcpGoUpstream is the same with mcp-go.
func mcpGoUpstream() http.Handler {
	s := mcpserver.NewMCPServer("mcp-go", "1")
	s.AddTool(mcpgo.NewTool("read"), func(context.Context, mcpgo.CallToolRequest) (*mcpgo.CallToolResult, error) {
		return mcpgo.NewToolResultText("done"), nil
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcpserver.NewStreamableHTTPServer(s))
	legacy := mcpserver.NewSSEServer(s)
	mux.Handle("/sse", legacy.SSEHandler())
	mux.Handle("/message", legacy.MessageHandler())
	return mux
}

// Servers and clients of both libraries work through the gateway on both transports. The
// upstream learns with every request who calls, and never sees the token.
func TestGatewayBetweenClientsAndServersOfBothLibraries(t *testing.T) {
	i := newTestIssuer(t)
	for name, h := range map[string]http.Handler{"go-sdk": sdkUpstream(), "mcp-go": mcpGoUpstream()} {
		headers := make(chan http.Header, 1000)
		l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			headers <- r.Header
			h.ServeHTTP(w, r)
		})), func(c *Config) { c.Upstream.Assertion = "X-Assertion" })
		token := l.tokenFor(t, i, "alice")
		c := clientWith(t, token)
		for how, tr := range map[string]mcp.Transport{
			"go-sdk":           &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: c},
			"go-sdk, HTTP+SSE": &mcp.SSEClientTransport{Endpoint: l.url + "/sse", HTTPClient: c},
		} {
			result, err := connectSDK(t, tr).CallTool(t.Context(), &mcp.CallToolParams{Name: "read"})
			if err != nil || result.Content[0].(*mcp.TextContent).Text != "done" {
				t.Errorf("%s behind, %s: %v, %v", name, how, result, err)
			}
		}
		streamable, err1 := transport.NewStreamableHTTP(l.url+"/mcp", transport.WithHTTPBasicClient(c))
		legacy, err2 := transport.NewSSE(l.url+"/sse", transport.WithHTTPClient(c))
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		for how, tr := range map[string]transport.Interface{"mcp-go": streamable, "mcp-go, HTTP+SSE": legacy} {
			var r mcpgo.CallToolRequest
			r.Params.Name = "read"
			result, err := connectMCPGo(t, tr, "2025-11-25").CallTool(t.Context(), r)
			if err != nil || result.Content[0].(mcpgo.TextContent).Text != "done" {
				t.Errorf("%s behind, %s: %v, %v", name, how, result, err)
			}
		}
		if len(headers) < 12 {
			t.Errorf("%s got %d requests", name, len(headers))
		}
		for len(headers) > 0 {
			h := <-headers
			if said := fmt.Sprint(h); h.Get("X-Forwarded-User") != "alice" || h.Get("X-Forwarded-Issuer") != i.url || h.Get("X-Assertion") == "" ||
				strings.Contains(said, token) || strings.Contains(said, "Authorization") {
				t.Errorf("%s was asked with %s", name, said)
			}
		}
	}
}

// A session of the upstream is its owner's: in other hands its id is none, on any method
// and transport, and the upstream's own id is none in any hands. Another replica with the
// same secret knows it.
func TestGatewaySessionBelongsToItsOwner(t *testing.T) {
	i := newTestIssuer(t)
	base := startUpstream(t, sdkUpstream())
	l := startGateway(t, i, base, nil)
	replica := startGateway(t, i, base, func(c *Config) { c.Resource = mustURL(t, l.url+"/mcp") })
	alice, mallory := l.clientFor(t, i, "alice"), l.clientFor(t, i, "mallory")
	session := l.begin(t, alice)
	stranger := clientWith(t, i.token(t, tokenParts{claims: map[string]any{"aud": l.url + "/mcp", "sub": "alice", "client_id": "other"}}))
	direct := post(t, http.DefaultClient, base+"/mcp", initialize).Header.Get("Mcp-Session-Id")
	for name, c := range map[string]struct {
		client  *http.Client
		session string
	}{
		"another user":        {mallory, session},
		"another application": {stranger, session},
		"the upstream's id":   {alice, direct},
		"an invented one":     {alice, "invented"},
	} {
		for _, try := range [][]string{{"POST", pingMessage}, {"GET", ""}, {"GET", "", "Last-Event-ID", "1"}, {"DELETE", ""}} {
			resp := l.send(t, c.client, try[0], try[1], append(try[2:], "Mcp-Session-Id", c.session)...)
			if resp.StatusCode != 404 || resp.Header.Get("Mcp-Session-Id") != "" {
				t.Errorf("%s, %s: %d", name, try[0], resp.StatusCode)
			}
		}
	}
	legacy := openStream(t, l.url, alice)
	for name, c := range map[string]*http.Client{"another user": mallory, "another application": stranger} {
		if resp := post(t, c, l.url+legacy.endpoint, pingMessage); resp.StatusCode != 404 {
			t.Errorf("HTTP+SSE, %s: %d", name, resp.StatusCode)
		}
	}
	for at, message := range map[*liveServer]string{l: pingMessage, replica: strings.Replace(pingMessage, `"id":7`, `"id":8`, 1)} {
		if resp := at.send(t, alice, "POST", pingMessage, "Mcp-Session-Id", session); resp.StatusCode != 200 {
			t.Errorf("the owner: %d", resp.StatusCode)
		}
		if resp := post(t, alice, at.url+legacy.endpoint, message); resp.StatusCode != 202 {
			t.Errorf("the owner, HTTP+SSE: %d", resp.StatusCode)
		}
		if _, data := legacy.next(t); !strings.Contains(data, `"result"`) {
			t.Errorf("the owner, HTTP+SSE: %s", data)
		}
	}
	for _, want := range []int{200, 404} { // the upstream has ended it by then
		if resp := replica.send(t, alice, "DELETE", "", "Mcp-Session-Id", session); resp.StatusCode/100 != want/100 {
			t.Errorf("DELETE: %d, want %d", resp.StatusCode, want)
		}
	}
}

// A user has so many sessions at the upstream and no more, and those that end make room.
func TestGatewaySessionsOfOneUserAreBounded(t *testing.T) {
	i := newTestIssuer(t)
	l := startGateway(t, i, startUpstream(t, sdkUpstream()), func(c *Config) { c.MaxSessions = 2 })
	alice := l.clientFor(t, i, "alice")
	first := l.begin(t, alice)
	l.begin(t, alice)
	if resp := post(t, alice, l.url+"/mcp", initialize); resp.StatusCode != 429 {
		t.Errorf("the third: %d", resp.StatusCode)
	}
	l.begin(t, l.clientFor(t, i, "bob"))
	if resp := l.send(t, alice, "DELETE", "", "Mcp-Session-Id", first); resp.StatusCode/100 != 2 {
		t.Errorf("DELETE: %d", resp.StatusCode)
	}
	l.begin(t, alice)
}

// recorder is an upstream that keeps what it gets.
type recorder struct {
	bodies  chan string
	headers chan http.Header
	answer  http.HandlerFunc
}

func newRecorder(answer http.HandlerFunc) *recorder {
	return &recorder{bodies: make(chan string, 100), headers: make(chan http.Header, 100), answer: answer}
}

func (u *recorder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	u.bodies <- string(body)
	u.headers <- r.Header
	u.answer(w, r)
}

func answerResult(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
}

// Exactly the bytes that were judged go on, and what two readers could read in two ways does
// not go on at all.
func TestGatewayForwardsExactlyWhatItHasJudged(t *testing.T) {
	i := newTestIssuer(t)
	up := newRecorder(answerResult)
	l := startGateway(t, i, startUpstream(t, up), func(c *Config) {
		c.ToolScopes = map[string][]string{"delete": {"notes:write"}}
	})
	alice := l.clientFor(t, i, "alice")
	const odd = "\n{ \"id\" : 1.0e0, \"params\" : {\"name\":\"re\\u0061d\", \"arguments\":{\"a\":1e400}} ,\"method\":\"tools\\/call\",\"jsonrpc\":\"2.0\" }\r\n"
	if resp := post(t, alice, l.url+"/mcp", odd, "Mcp-Name", "read"); resp.StatusCode != 200 {
		t.Fatalf("an odd message: %d", resp.StatusCode)
	}
	if got := <-up.bodies; got != odd {
		t.Errorf("%q came as %q", odd, got)
	}
	const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"delete"}}`
	for name, c := range map[string]struct {
		body   string
		header []string
		want   int
	}{
		"no scope":           {call, nil, 403},
		"no scope, escaped":  {strings.Replace(call, "delete", `del\u0065te`, 1), nil, 403},
		"doubled":            {`{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call","params":{"name":"delete"}}`, nil, 400},
		"doubled inside":     {`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","name":"delete"}}`, nil, 400},
		"another case":       {`{"jsonrpc":"2.0","id":1,"Method":"tools/call","method":"ping","params":{"name":"delete"}}`, nil, 400},
		"a batch":            {"[" + call + "]", nil, 400},
		"two messages":       {call + call, nil, 400},
		"compressed":         {pingMessage, []string{"Content-Encoding", "gzip"}, 415},
		"another charset":    {pingMessage, []string{"Content-Type", "application/json; charset=utf-16"}, 415},
		"a form":             {pingMessage, []string{"Content-Type", "text/plain"}, 415},
		"another Mcp-Method": {pingMessage, []string{"Mcp-Method", "tools/call"}, 400},
		"another Mcp-Name":   {strings.Replace(call, "delete", "read", 1), []string{"Mcp-Name", "delete"}, 400},
	} {
		if resp := post(t, alice, l.url+"/mcp", c.body, c.header...); resp.StatusCode != c.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, c.want)
		}
	}
	if len(up.bodies) != 0 {
		t.Errorf("%d of these reached the upstream, such as %s", len(up.bodies), <-up.bodies)
	}
	writer := clientWith(t, i.token(t, tokenParts{claims: map[string]any{"aud": l.url + "/mcp", "sub": "alice", "scope": "notes:write"}}))
	if resp := post(t, writer, l.url+"/mcp", call); resp.StatusCode != 200 || <-up.bodies != call {
		t.Errorf("with the scope: %d", resp.StatusCode)
	}
}

// Whatever the upstream does, the client gets an answer of the right kind, with the id of
// its message, and nothing that is meant for others.
func TestGatewayHidesWhatIsNotForClients(t *testing.T) {
	i := newTestIssuer(t)
	answers := map[string]http.HandlerFunc{}
	base := startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Set-Cookie", "a=b")
		w.Header().Set("Server", "upstream")
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Mcp-Extension", "kept")
		w.Header()["Mcp-Session_Id"] = []string{"theirs"}
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
		for _, header := range []string{"Set-Cookie", "Server", challenge, "Location", "Content-Encoding", "Access-Control-Allow-Origin", "Mcp-Session-Id", "Mcp-Session_Id", "Proxy-Authenticate"} {
			if got := resp.Header.Get(header); got != "" {
				t.Errorf("%s: the client got %s: %s", name, header, got)
			}
		}
		if c.passed && (resp.Header.Get("Mcp-Extension") != "kept" || c.want == 429 && resp.Header.Get("Retry-After") != "7") {
			t.Errorf("%s: headers %v", name, resp.Header)
		}
	}
}

// An answer that breaks off does not look like a whole one.
func TestGatewayCutsOffWhatWasCutOff(t *testing.T) {
	i := newTestIssuer(t)
	l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Mcp-Case"))
		_, _ = io.WriteString(w, "data: {\n")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})), nil)
	for _, kind := range []string{"application/json", "text/event-stream"} {
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
}

// A message runs once, whatever the upstream and the client do. A connection that was
// closed while it was idle costs nothing.
func TestGatewayNeverSendsAMessageTwice(t *testing.T) {
	i := newTestIssuer(t)
	up := newRecorder(answerResult)
	cut := make(chan bool, 1)
	up.answer = func(w http.ResponseWriter, r *http.Request) {
		if <-cut {
			conn, _, _ := http.NewResponseController(w).Hijack()
			_ = conn.Close()
			return
		}
		answerResult(w, r)
	}
	srv := httptest.NewServer(up)
	t.Cleanup(srv.Close)
	l := startGateway(t, i, srv.URL, nil)
	alice := l.clientFor(t, i, "alice")
	for k, want := range []int{200, 502, 200, 200, 502} {
		cut <- want == 502
		body := fmt.Sprintf(`{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"pay"}}`, k)
		if resp := post(t, alice, l.url+"/mcp", body, "Idempotency-Key", "1", "X-Idempotency-Key", "1"); resp.StatusCode != want {
			t.Errorf("call %d: %d, want %d", k, resp.StatusCode, want)
		}
		if got := <-up.bodies; got != body || len(up.bodies) != 0 {
			t.Errorf("call %d: %q, and %d more", k, got, len(up.bodies))
		}
		if want == 200 && k == 2 {
			srv.CloseClientConnections()
		}
	}
	srv.Close()
	resp := post(t, alice, l.url+"/mcp", pingMessage)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || l.upstreamUp() {
		t.Errorf("without an upstream: %d, up %v", resp.StatusCode, l.upstreamUp())
	}
}

// A call ends at the upstream when its client leaves, and the other way round.
func TestGatewayEndsWithItsClient(t *testing.T) {
	i := newTestIssuer(t)
	begun, ended := make(chan struct{}), make(chan struct{})
	l := startGateway(t, i, startUpstream(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		close(begun)
		<-r.Context().Done()
		close(ended)
	})), nil)
	ctx, leave := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, "POST", l.url+"/mcp", strings.NewReader(pingMessage))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	go func() {
		<-begun
		leave()
	}()
	if resp, err := l.clientFor(t, i, "alice").Do(req); err == nil {
		_ = resp.Body.Close()
	}
	<-ended
}

// A stop tells idle streams to come back, between two events, and waits for calls.
func TestGatewayStopsStreamsBetweenEvents(t *testing.T) {
	i := newTestIssuer(t)
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
	i := newTestIssuer(t)
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
		{strings.Repeat(": padding\n", 10_000), 502},
		{strings.Repeat("x", 10_000), 502},
		{"", 502},
	}
	const first = "event: endpoint\ndata: /messages\n\n"
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

// A tool that is misspelt in the configuration is told of once, when a list of the upstream
// has been seen; the log has what the upstream answered.
func TestGatewayTellsOfToolsThatAreNotThere(t *testing.T) {
	i := newTestIssuer(t)
	var log syncBuffer
	l := startGateway(t, i, startUpstream(t, sdkUpstream()), func(c *Config) {
		c.Log = log.logger()
		c.ToolScopes = map[string][]string{"read": {"a"}, "reed": {"b"}}
	})
	session := connectSDK(t, &mcp.StreamableClientTransport{Endpoint: l.url + "/mcp", HTTPClient: l.clientFor(t, i, "alice")})
	for range 2 {
		if list, err := session.ListTools(t.Context(), nil); err != nil || len(list.Tools) != 1 {
			t.Fatal(list, err)
		}
	}
	if said := log.String(); strings.Count(said, "tool-scope names") != 1 || !strings.Contains(said, "tools=reed") || !strings.Contains(said, "upstream_status=200") {
		t.Errorf("the log says %s", said)
	}
}
