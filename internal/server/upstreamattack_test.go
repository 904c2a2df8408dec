package server

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/leak"
	"mcp-login/test/real"
)

// target is a gateway whose requests are written by hand, and what of them its upstream got.
type target struct {
	*liveServer
	host, token string
	got         chan *http.Request
	bodies      chan string
}

func newTarget(t *testing.T) *target {
	t.Helper()
	i := issuer.Start(t)
	g := &target{got: make(chan *http.Request, 1000), bodies: make(chan string, 1000)}
	g.liveServer = startGateway(t, i, startQuietUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		g.bodies <- string(body)
		g.got <- r
		answerResult(w, r)
	})), func(c *Config) { c.Upstream.Assertion = "X-Assertion" })
	g.host, g.token = strings.TrimPrefix(g.url, "http://"), g.tokenFor(t, i, "alice")
	return g
}

// raw sends what is written there on a connection of its own and returns the statuses of as
// many answers as it gets before the server ends it, or before so many.
func (g *target) raw(t *testing.T, text string, answers int) (statuses []int) {
	t.Helper()
	c, err := net.Dial("tcp", g.host)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(c, text) }()
	r := bufio.NewReader(c)
	for len(statuses) < answers {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			break
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		if resp.StatusCode >= 200 {
			statuses = append(statuses, resp.StatusCode)
		}
	}
	return statuses
}

// request is a request with a ping, with these lines in its header.
func (g *target) request(line string, header ...string) string {
	return line + " HTTP/1.1\r\nHost: " + g.host + "\r\nAuthorization: Bearer " + g.token + "\r\nContent-Type: application/json\r\n" +
		strings.Join(append(header, "Content-Length: "+strconv.Itoa(len(pingMessage)), "", pingMessage), "\r\n")
}

// clean checks what the upstream got: the ping and nothing else, at its own address, from
// alice, and nowhere a part of her token or what somebody has forged.
func (g *target) clean(t *testing.T, name string, want int) {
	t.Helper()
	if len(g.got) != want {
		t.Errorf("%s: the upstream got %d requests, want %d", name, len(g.got), want)
	}
	for len(g.got) > 0 {
		r, body := <-g.got, <-g.bodies
		if r.RequestURI != "/mcp" || r.Method != "POST" || body != pingMessage || len(r.TransferEncoding) != 0 || len(r.Trailer) != 0 {
			t.Errorf("%s: the upstream got %s %s, %q, %v, %v", name, r.Method, r.RequestURI, body, r.TransferEncoding, r.Trailer)
		}
		if !slices.Equal(r.Header["X-Forwarded-User"], []string{"alice"}) || len(r.Header["X-Assertion"]) != 1 || !slices.Equal(r.Header["X-Forwarded-For"], []string{"127.0.0.1"}) {
			t.Errorf("%s: the upstream was told %v", name, r.Header)
		}
		for header, values := range r.Header {
			text := header + ": " + strings.Join(values, " ")
			if strings.Contains(text, "FORGED") || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("%s: the upstream got %q", name, text)
			}
			for part := range strings.SplitSeq(g.token, ".") {
				if strings.Contains(text, part) {
					t.Errorf("%s: the upstream got a part of the token in %s", name, header)
				}
			}
		}
	}
}

// However a request is framed and spelled, the upstream gets each message that was judged
// once, and no request that was not.
func TestGatewayIsNoWayForSmuggling(t *testing.T) {
	g := newTarget(t)
	n := strconv.Itoa(len(pingMessage))
	head := "POST /mcp HTTP/1.1\r\nHost: " + g.host + "\r\nAuthorization: Bearer " + g.token + "\r\nContent-Type: application/json\r\n"
	chunked := strconv.FormatInt(int64(len(pingMessage)), 16) + "\r\n" + pingMessage + "\r\n0\r\n"
	behind := "POST /mcp HTTP/1.1\r\nHost: " + g.host + "\r\nX-Forwarded-User: FORGED\r\nContent-Type: application/json\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage
	for name, c := range map[string]struct {
		text string
		want []int
	}{
		"a length beside chunks":       {head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + "\r\n", []int{200}},
		"chunks beside a longer one":   {head + "Transfer-Encoding: chunked\r\nContent-Length: 999\r\n\r\n" + chunked + "\r\n" + behind, []int{200, 401}},
		"two lengths":                  {head + "Content-Length: " + n + "\r\nContent-Length: 3\r\n\r\n" + pingMessage, []int{400}},
		"two lengths in one":           {head + "Content-Length: " + n + ", 3\r\n\r\n" + pingMessage, []int{400}},
		"a length with a sign":         {head + "Content-Length: +" + n + "\r\n\r\n" + pingMessage, []int{400}},
		"chunks with a blank before":   {head + "Transfer-Encoding : chunked\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"chunks twice":                 {head + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + "\r\n", []int{501}},
		"chunks and another coding":    {head + "Transfer-Encoding: chunked, identity\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{501}},
		"nearly chunks":                {head + "Transfer-Encoding: xchunked\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{501}},
		"chunks behind a tab":          {head + "Transfer-Encoding: \x0bchunked\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"chunks in HTTP/1.0":           {strings.Replace(head, "/1.1", "/1.0", 1) + "Transfer-Encoding: chunked\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{200}},
		"a trailer":                    {head + "Trailer: X-Forwarded-User\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked + "X-Forwarded-User: FORGED\r\nMcp-Name: FORGED\r\nAuthorization: FORGED\r\n\r\n", []int{200}},
		"a size with an extension":     {head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Replace(chunked, "\r\n", ";X-Forwarded-User=FORGED\r\n", 1) + "\r\n", []int{200}},
		"a request behind the length":  {head + "Content-Length: " + n + "\r\n\r\n" + pingMessage + behind, []int{200, 401}},
		"a line that goes on":          {head + "X-Anything: x\r\n X-Forwarded-User: FORGED\r\n\tMcp-Name: FORGED\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{200}},
		"CR alone":                     {head + "X-Anything: x\rX-Forwarded-User: FORGED\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"NUL":                          {head + "Mcp-Anything: x\x00FORGED\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"a name with NUL":              {head + "Mcp-\x00: FORGED\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"no name":                      {head + ": FORGED\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"two hosts":                    {head + "Host: evil.example\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"two tokens":                   {head + "Authorization: Bearer x\r\nContent-Length: " + n + "\r\n\r\n" + pingMessage, []int{400}},
		"an absolute address":          {g.request("POST http://" + g.host + "/mcp"), []int{200}},
		"an absolute one of elsewhere": {g.request("POST http://evil.example/mcp"), []int{403}},
		"the name of elsewhere":        {strings.Replace(g.request("POST http://"+g.host+"/mcp"), "Host: ", "Host: evil.example ", 1), []int{400}},
		"another protocol":             {g.request("POST /mcp", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"), []int{200}},
		"a websocket":                  {g.request("POST /mcp", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: x"), []int{200}},
		"a query":                      {g.request("POST /mcp?x=FORGED"), []int{200}},
		"a token in the query":         {g.request("POST /mcp?access_token=" + g.token), []int{400}},
	} {
		if got := g.raw(t, c.text, len(c.want)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
		g.clean(t, name, count(c.want, 200))
	}
	for _, path := range []string{
		"//mcp", "/mcp/", "/mcp%2f", "/mcp%2F..%2fmcp", "/mcp/../mcp", "/mcp/..", "/./mcp", "/x/../mcp", "/mcp;x", "/mcp%00", "/mcp%20", "/%6dcp", "/MCP", "/mcp%3fx",
		"/mcp%23", "/sse/../mcp", `/\mcp`, "/mcp.", "http://" + g.host + "//mcp", "*", "mcp",
	} {
		if got := g.raw(t, g.request("POST "+path), 1); len(got) != 1 || got[0] != 404 && got[0] != 400 {
			t.Errorf("%s: %v", path, got)
		}
		g.clean(t, path, 0)
	}
	for method, want := range map[string]int{"PUT": 405, "PATCH": 405, "TRACE": 405, "OPTIONS": 405, "CONNECT": 405, "post": 405, "PROPFIND": 405, "SEARCH": 405} {
		if got := g.raw(t, g.request(method+" /mcp"), 1); !slices.Equal(got, []int{want}) && !slices.Equal(got, []int{400}) {
			t.Errorf("%s: %v, want %d", method, got, want)
		}
		g.clean(t, method, 0)
	}
}

func count(statuses []int, status int) (n int) {
	for _, s := range statuses {
		if s == status {
			n++
		}
	}
	return n
}

// Under no spelling and by no way of header does a client tell the upstream who calls, or
// does the token get there.
func TestGatewayTakesNoIdentityFromClients(t *testing.T) {
	g := newTarget(t)
	var names []string
	for _, name := range []string{"X-Forwarded-User", "X-Forwarded-Issuer", "X-Assertion", "X-Forwarded-For", "Mcp-Session-Id"} {
		names = append(names, name, strings.ToLower(name), strings.ToUpper(name), strings.ReplaceAll(name, "-", "_"), strings.Replace(name, "-", "_", 1),
			strings.ReplaceAll(name, "-", "."), strings.ReplaceAll(name, "-", ""), name+"_", "_"+name, name+"~", name+"'")
	}
	names = append(names, "X-Forwarded-Email", "X-Forwarded-Access-Token", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Uri", "Forwarded", "X-Real-Ip",
		"Remote-User", "REMOTE_USER", "X-Remote-User", "X-Remote-Group", "X-Auth-Request-User", "X-Webauth-User", "X-User", "X-Authenticated-User", "X-Amzn-Oidc-Data",
		"X-Goog-Authenticated-User-Email", "Cf-Access-Jwt-Assertion", "X-Ms-Client-Principal", "Ssl-Client-Verify", "X-Ssl-Client-S-Dn", "Client-Ip", "True-Client-Ip",
		"X-Original-Url", "X-Rewrite-Url", "X-Http-Method-Override", "X-Method-Override", "Cookie", "Cookie2", "Proxy", "Proxy-Authorization", "X-Authorization", "X-Api-Key",
		"Referer", "Origin-Agent", "Sec-Websocket-Protocol", "Traceparent", "Tracestate", "Baggage", "Idempotency-Key", "Range", "If-None-Match", "If-Modified-Since",
		"Te", "Trailer", "Keep-Alive", "Proxy-Connection", "Max-Forwards", "Via", "Content-Language", "Content-Location", "X-Request-Id", "Mcp_Name", "Mcp-Method_", "Mcp.Name")
	for _, name := range names {
		for how, lines := range map[string][]string{
			"once":          {name + ": FORGED"},
			"twice":         {name + ": FORGED", name + ": FORGED"},
			"the token":     {name + ": Bearer " + g.token},
			"in Connection": {"Connection: " + name + ", X-Forwarded-User", "Connection: X-Assertion, X-Forwarded-For", name + ": FORGED"},
		} {
			if strings.EqualFold(name, "Mcp-Session-Id") && how != "in Connection" || name == "Trailer" {
				continue // a session, which is somebody's or nobody's, or no name of a header
			}
			want := 1
			if got := g.raw(t, g.request("POST /mcp", lines...), 1); len(got) != 1 || got[0] >= 500 {
				t.Errorf("%s %s: %v", name, how, got)
			} else if got[0] != 200 {
				want = 0
			}
			g.clean(t, name+" "+how, want)
		}
	}
}

// scripted is an upstream that writes what it is told to each request, however wrong it is.
func scripted(t *testing.T, script func(io.Writer) error) string {
	t.Helper()
	return "http://" + real.Listen(t, func(c net.Conn) {
		if _, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
			_ = script(c)
		}
	})
}

// said is a script of one text, and endless one of a text that is repeated for ever.
func said(text string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, text)
		return err
	}
}

func endless(start, again string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, start)
		for piece := strings.Repeat(again, 1+4096/len(again)); err == nil; {
			_, err = io.WriteString(w, piece)
		}
		return err
	}
}

// Whatever an upstream answers, a client gets one answer of the right kind, in bounded
// memory and time, without what would bind it to the upstream or be kept for others.
func TestGatewayBeforeHostileUpstreams(t *testing.T) {
	i := issuer.Start(t)
	const result = `{"jsonrpc":"2.0","id":7,"result":{}}`
	good := "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(result)) + "\r\n"
	evil := "Set-Cookie: a=EVIL\r\nClear-Site-Data: \"*\"\r\nAlt-Svc: h2=\"evil.example:443\"\r\nLink: <https://evil.example>; rel=preload\r\nRefresh: 0;url=//evil.example\r\n" +
		"Strict-Transport-Security: max-age=1\r\nAccess-Control-Allow-Origin: *\r\nAccess-Control-Allow-Credentials: true\r\nX-Accel-Redirect: /evil\r\nX-Sendfile: /evil\r\n" +
		"X-Accel-Buffering: yes\r\nCache-Control: public, max-age=9999\r\nExpires: Thu, 01 Jan 2099 00:00:00 GMT\r\nEtag: \"evil\"\r\nAge: 1\r\nVary: evil\r\nContent-Location: /evil\r\n" +
		"Content-Disposition: attachment; filename=evil\r\nWww-Authenticate: Basic realm=evil\r\nServer: evil\r\nVia: evil\r\nReport-To: evil\r\nNel: evil\r\nTrailer: Set-Cookie\r\n" +
		"Connection: Mcp-Kept\r\nX-Request-Id: evil\r\nSourcemap: evil\r\nX-Forwarded-User: evil\r\n"
	for name, c := range map[string]struct {
		script func(io.Writer) error
		want   int
	}{
		"everything that binds":  {said("HTTP/1.1 200 OK\r\n" + evil + good + "\r\n" + result), 200},
		"an error that binds":    {said("HTTP/1.1 400 OK\r\n" + strings.Replace(evil, "Www-Authenticate", "X-Other", 1) + good + "\r\n" + result), 400},
		"103 that binds":         {said("HTTP/1.1 103 Early Hints\r\n" + evil + "\r\nHTTP/1.1 200 OK\r\n" + good + "\r\n" + result), 200},
		"100":                    {said("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n" + good + "\r\n" + result), 200},
		"103 for ever":           {endless("", "HTTP/1.1 103 Early Hints\r\nLink: evil\r\n\r\n"), 502},
		"101":                    {said("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: evil\r\n\r\nevil"), 502},
		"101 and no end":         {endless("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: evil\r\n\r\n", "evil"), 502},
		"a trailer":              {said("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTrailer: Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n" + result + "\r\n0\r\nSet-Cookie: evil\r\n\r\n"), 200},
		"a length beside chunks": {said("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n24\r\n" + result + "\r\n0\r\n\r\n"), 200},
		"two lengths":            {said("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n" + good + "\r\n" + result), 502},
		"two types":              {said("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n" + good + "\r\n" + result), 502},
		"two sessions":           {said("HTTP/1.1 200 OK\r\nMcp-Session-Id: a\r\nMcp-Session-Id: b\r\n" + good + "\r\n" + result), 502},
		"a session of 3 KiB":     {said("HTTP/1.1 200 OK\r\nMcp-Session-Id: " + strings.Repeat("a", 3<<10) + "\r\n" + good + "\r\n" + result), 502},
		"a header of 1 MiB":      {said("HTTP/1.1 200 OK\r\nMcp-X: " + strings.Repeat("a", 1<<20) + "\r\n" + good + "\r\n" + result), 502},
		"a header for ever":      {endless("HTTP/1.1 200 OK\r\n", "Mcp-X: a\r\n"), 502},
		"a line that goes on":    {said("HTTP/1.1 200 OK\r\nMcp-X: a\r\n Set-Cookie: evil\r\n" + good + "\r\n" + result), 200},
		"no HTTP":                {said("evil\r\n\r\n"), 502},
		"nothing":                {said(""), 502},
		"silence":                {func(w io.Writer) error { _, err := io.Copy(w, w.(net.Conn)); return err }, 504},
		"half a header": {func(w io.Writer) error {
			_ = said("HTTP/1.1 200 OK\r\nMcp-X: ")(w)
			_, err := io.Copy(io.Discard, w.(net.Conn))
			return err
		}, 504},
		"coded":           {said("HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + good + "\r\n" + result), 502},
		"coded twice":     {said("HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Encoding: gzip\r\n" + good + "\r\n" + result), 502},
		"a coded error":   {said("HTTP/1.1 400 OK\r\nContent-Encoding: gzip\r\n" + good + "\r\nEVIL" + result[4:]), 502},
		"a page":          {said("HTTP/1.1 404 OK\r\nContent-Type: text/html\r\nContent-Length: 20\r\n\r\n<script>EVIL</script"), 404},
		"999":             {said("HTTP/1.1 999 Evil\r\n" + good + "\r\n" + result), 502},
		"099":             {said("HTTP/1.1 099 Evil\r\n" + good + "\r\n" + result), 502},
		"a page for ever": {endless("HTTP/1.1 500 OK\r\nContent-Type: text/html\r\n\r\n", "EVIL"), 500},
	} {
		var log binary.Output
		l := startGateway(t, i, scripted(t, c.script), func(cfg *Config) {
			if c.want == http.StatusGatewayTimeout {
				cfg.Upstream.Timeout = 200 * time.Millisecond
			}
			cfg.Log = log.Logger()
		})
		resp := post(t, l.clientFor(t, i, "alice"), l.url+"/mcp", pingMessage)
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode != c.want || err != nil || strings.Contains(string(body), "EVIL") || !strings.Contains(string(body), `"id":7`) {
			t.Errorf("%s: %d %.100q, %v; want %d", name, resp.StatusCode, body, err, c.want)
		}
		for header, values := range resp.Header {
			allowed := []string{"Content-Type", "Content-Length", "Date", "Cache-Control", "X-Accel-Buffering", "X-Request-Id", "X-Content-Type-Options", "Retry-After", "Vary", "Mcp-X"}
			if text := strings.ToLower(strings.Join(values, " ")); len(values) != 1 || !slices.Contains(allowed, header) ||
				strings.Contains(text, "evil") && header != "Mcp-X" {
				t.Errorf("%s: the client got %s: %q", name, header, values)
			}
		}
		if resp.Header.Get("Cache-Control") != "no-store" || resp.Header.Get("X-Accel-Buffering") != "no" || len(resp.Trailer) != 0 {
			t.Errorf("%s: the client got %v and %v", name, resp.Header, resp.Trailer)
		}
		if text := log.String(); len(text) > 4<<10 {
			t.Errorf("%s: %d bytes of log", name, len(text))
		}
	}
}

// An answer without an end costs the gateway no memory, and ends with its client.
func TestGatewayHoldsNothingOfEndlessAnswers(t *testing.T) {
	i := issuer.Start(t)
	for name, script := range map[string]func(io.Writer) error{
		"JSON":        endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", "[0,"),
		"one event":   endless("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: ", "x"),
		"events":      endless("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "data: {}\n\n"),
		"no lines":    endless("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "\r"),
		"no events":   endless("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n", "\xff\x00:"),
		"a tool list": endless("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"+`{"tools":[`, `{"name":"a"},`),
	} {
		ended := make(chan struct{}, 10)
		l := startGateway(t, i, scripted(t, func(w io.Writer) error {
			defer func() { ended <- struct{}{} }()
			return script(w)
		}), func(c *Config) { c.ToolScopes = map[string][]string{"a": {"b"}} })
		alice := l.clientFor(t, i, "alice")
		growth := leak.Heap(func() {
			for range 4 {
				resp := post(t, alice, l.url+"/mcp", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
				if n, err := io.CopyN(io.Discard, resp.Body, 4<<20); err != nil {
					t.Errorf("%s: %d bytes came, %v", name, n, err)
				}
				_ = resp.Body.Close()
				<-ended
			}
		})
		if growth > maxGrowth {
			t.Errorf("%s: the heap grew by %d KiB", name, growth>>10)
		}
		for held(l.Server) != [3]int{} {
			runtime.Gosched()
		}
	}
}

// What an upstream says when it ends a session is no answer of MCP.
func TestGatewayPassesNoPageWhenASessionEnds(t *testing.T) {
	i := issuer.Start(t)
	for _, header := range []string{"Content-Type: text/html", "Content-Type: application/json\r\nContent-Encoding: gzip", "Content-Type: application/json"} {
		l := startGateway(t, i, scripted(t, said("HTTP/1.1 200 OK\r\n"+header+"\r\nContent-Length: 11\r\n\r\n<b>EVIL</b>")), nil)
		resp := l.send(t, l.clientFor(t, i, "alice"), "DELETE", "")
		if body, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || err != nil || len(body) != 0 {
			t.Errorf("%s: %d %q, %v", header, resp.StatusCode, body, err)
		}
	}
}
