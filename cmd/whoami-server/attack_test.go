package main

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// evilSubject has what acts on a terminal, turns the direction of writing, and
// would begin a line of the log.
const evilSubject = "e\x1b[2J\u009b\u202e\u2028\u200b\U000e0041\nlevel=ERROR msg=forged\r{\"level\":\"ERROR\"}\x00\x7f"

// attacked is the built program, and a provider whose users are alice, bob and
// eve.
type attacked struct {
	address, ops, resource string
	idp                    *devidp.Server
	said                   *binary.Output
	process                *os.Process
}

// attackBoth carries an attack out against whoami, and against a gateway.
func attackBoth(t *testing.T, attack func(t *testing.T, args ...string)) {
	t.Helper()
	t.Run("whoami", func(t *testing.T) { attack(t) })
	t.Run("gateway", func(t *testing.T) { attack(t, "--upstream", startUpstream(t)) })
}

// startUpstream starts a server that answers everything, and looks at what it is told.
func startUpstream(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for name, values := range r.Header {
			if text := strings.Join(values, ""); name == "Authorization" || name == "Dpop" || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
				t.Errorf("the upstream got %s: %q", name, text)
			}
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`)
	}))
	t.Cleanup(srv.Close)
	return srv.URL + "/mcp"
}

func attack(t *testing.T, args ...string) *attacked {
	t.Helper()
	a := &attacked{address: real.FreeAddress(t)}
	a.resource = "http://" + a.address + "/mcp"
	var err error
	a.idp, err = devidp.Start(context.Background(), "127.0.0.1:0", devidp.Config{
		Users: []devidp.User{
			{Subject: "1", Username: "alice"}, {Subject: "2", Username: "bob"}, {Subject: evilSubject, Username: "eve"},
		},
		Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.idp.Close() })
	a.idp.AddResource(devidp.Resource{Indicator: a.resource})
	cmd := exec.Command(binary.Build(t, "whoami-server"), append([]string{
		"--issuer", a.idp.Issuer(), "--resource", a.resource,
		"--listen", a.address, "--ops-listen", "127.0.0.1:0",
	}, args...)...)
	a.said = &binary.Output{}
	cmd.Stderr = a.said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	a.process = cmd.Process
	a.ops = a.said.Await(t, `operations on (\S+)\n`)[1]
	a.said.Await(t, ` listening on `)
	return a
}

func (a *attacked) token(t *testing.T, user string) string {
	t.Helper()
	token, err := a.idp.IssueToken(devidp.TokenRequest{Username: user, ClientID: "app", Resource: a.resource})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// measured is a metric of the program.
func (a *attacked) measured(t *testing.T, name string) int64 {
	t.Helper()
	_, text := get(t, "http://"+a.ops+"/metrics")
	m := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` (\S+)$`).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no metric %s", name)
	}
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		t.Fatal(err)
	}
	return int64(n)
}

const ping = `{"jsonrpc":"2.0","id":1,"method":"ping"}`

// head is the beginning of a request with a message of that size.
func (a *attacked) head(path, token string, size int, header ...string) string {
	text := "POST " + path + " HTTP/1.1\r\nHost: " + a.address + "\r\nAuthorization: Bearer " + token +
		"\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n" +
		"Content-Length: " + strconv.Itoa(size) + "\r\n"
	for k := 0; k+1 < len(header); k += 2 {
		text += header[k] + ": " + header[k+1] + "\r\n"
	}
	return text + "\r\n"
}

// call sends one ping with a connection of its own and returns the answer.
func (a *attacked) call(t *testing.T, token string) *http.Response {
	t.Helper()
	resp, err := a.ask(t, a.head("/mcp", token, len(ping))+ping)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp
}

// ask sends a request on a connection of its own.
func (a *attacked) ask(t *testing.T, request string) (*http.Response, error) {
	t.Helper()
	c := a.dial(t)
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	return http.ReadResponse(bufio.NewReader(c), nil)
}

func (a *attacked) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", a.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// hold sends n messages of that size, all but their last byte, to each of paths,
// as far as the server takes them.
func (a *attacked) hold(t *testing.T, token string, n, size int, paths ...string) (statuses map[int]int) {
	t.Helper()
	body := strings.Repeat(" ", size-1)
	var wg sync.WaitGroup
	answers := make(chan int, n)
	slots := make(chan struct{}, 32)
	for k := range n {
		c := a.dial(t)
		head := a.head(paths[k%len(paths)], token, size)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			// Who is refused gets the answer at once, and writes no further.
			if _, err := io.WriteString(c, head+body); err != nil {
				return
			}
		})
		go func() {
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			_ = c.SetWriteDeadline(time.Now())
			if err != nil {
				answers <- 0
				return
			}
			answers <- resp.StatusCode
		}()
	}
	wg.Wait()
	statuses = map[int]int{}
	for {
		select {
		case s := <-answers:
			statuses[s]++
		default:
			return statuses
		}
	}
}

// One user holds 300 bodies of 4 MiB back by their last bytes. The server
// keeps what one user may have under way and no more, and all others are
// answered.
func TestWithheldBodies(t *testing.T) { attackBoth(t, withheldBodies) }

func withheldBodies(t *testing.T, args ...string) {
	a := attack(t, args...)
	alice, bob := a.token(t, "alice"), a.token(t, "bob")
	for _, token := range []string{alice, bob} {
		if resp := a.call(t, token); resp.StatusCode != 200 {
			t.Fatalf("at first: %d", resp.StatusCode)
		}
	}
	before := a.measured(t, "process_resident_memory_bytes")
	statuses := a.hold(t, alice, 300, 4<<20, "/mcp", "/messages?sessionId=x")
	growth := a.measured(t, "process_resident_memory_bytes") - before
	t.Logf("300 bodies of 4 MiB: memory grew by %d MiB, answers seen %v", growth>>20, statuses)
	// 16 MiB of one user, what they grew from, and 300 connections.
	if growth > 96<<20 {
		t.Errorf("memory grew by %d MiB", growth>>20)
	}
	for n := range 50 {
		if resp := a.call(t, bob); resp.StatusCode != 200 {
			t.Fatalf("bob's call %d: %d", n, resp.StatusCode)
		}
	}
	if refused := a.measured(t, `whoami_limited_total{limit="bodies"}`); refused < 290 {
		t.Errorf("%d refused", refused)
	}
}

// One user sends 1,024 bodies of which one byte has come. Nobody else
// notices.
func TestBodiesOfOneByte(t *testing.T) { attackBoth(t, bodiesOfOneByte) }

func bodiesOfOneByte(t *testing.T, args ...string) {
	a := attack(t, args...)
	alice, bob := a.token(t, "alice"), a.token(t, "bob")
	a.call(t, alice)
	for n := range 1024 {
		path := []string{"/mcp", "/messages?sessionId=x"}[n%2]
		if _, err := io.WriteString(a.dial(t), a.head(path, alice, len(ping))+ping[:1]); err != nil {
			t.Fatal(err)
		}
	}
	// All of them have arrived when they are counted; whoever is answered meanwhile proves nothing.
	for deadline := time.Now().Add(20 * time.Second); a.measured(t, "whoami_requests_in_flight") < 1024; {
		if time.Now().After(deadline) {
			t.Fatalf("%d under way", a.measured(t, "whoami_requests_in_flight"))
		}
	}
	for n := range 50 {
		if resp := a.call(t, bob); resp.StatusCode != 200 {
			t.Fatalf("bob's call %d: %d", n, resp.StatusCode)
		}
	}
}

// --dev listens where this machine can reach it and nowhere else, whatever
// is said beside it, and however an address is written.
func TestDevOnThisMachineOnly(t *testing.T) {
	program := binary.Build(t, "whoami-server")
	loopback := []string{"--listen", "127.0.0.1:0", "--dev-listen", "127.0.0.1:0"}
	for name, args := range map[string][]string{
		"listen":                   {"--listen", "0.0.0.0:0"},
		"listen with a resource":   {"--listen", "0.0.0.0:0", "--resource", "http://127.0.0.1:3001/mcp"},
		"listen and public":        {"--listen", "0.0.0.0:0", "--resource", "https://mcp.example.com/mcp"},
		"listen of an empty host":  {"--listen", ":0", "--resource", "http://localhost:3001/mcp"},
		"listen on IPv6":           {"--listen", "[::]:0", "--resource", "http://[::1]:3001/mcp"},
		"listen on a mapped one":   {"--listen", "[::ffff:0.0.0.0]:0", "--resource", "http://[::1]:3001/mcp"},
		"listen on a name":         {"--listen", "whoami.example:0", "--resource", "http://localhost:3001/mcp"},
		"listen on a name like it": {"--listen", "127.0.0.1.example.com:0", "--resource", "http://localhost:3001/mcp"},
		"listen on one number":     {"--listen", "0:0", "--resource", "http://localhost:3001/mcp"},
		"operations":               {"--ops-listen", "0.0.0.0:0"},
		"operations, empty host":   {"--ops-listen", ":0"},
		"operations on IPv6":       {"--ops-listen", "[::]:0"},
		"provider":                 {"--dev-listen", "0.0.0.0:0"},
		"provider, empty host":     {"--dev-listen", ":0"},
		"public resource":          {"--resource", "https://mcp.example.com/mcp"},
		"one of two resources":     {"--resource", "http://localhost:3001/mcp https://mcp.example.com/b/mcp"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		// The last of two counts.
		out, err := exec.CommandContext(ctx, program, append(append([]string{"--dev"}, loopback...), args...)...).CombinedOutput()
		cancel()
		if code := exitCode(err); code != exitUsage || !strings.Contains(string(out), "loopback address") {
			t.Errorf("%s: exit %d, %s", name, code, out)
		}
	}
}

func exitCode(err error) int {
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	return 0
}

// Whatever a claim or a header says, each line of the log is one that this
// program wrote, nothing in it acts on a terminal, and a challenge has the
// parameters that it should have.
func TestTextOfStrangersInLogAndChallenge(t *testing.T) {
	attackBoth(t, textOfStrangersInLogAndChallenge)
}

func textOfStrangersInLogAndChallenge(t *testing.T, args ...string) {
	for _, format := range []string{"text", "json"} {
		a := attack(t, append(args, "--log-format", format, "--log-level", "debug")...)
		get(t, "http://"+a.ops+"/readyz")
		token, err := a.idp.IssueToken(devidp.TokenRequest{Username: "eve", ClientID: "app\u202e", Resource: a.resource, Scopes: []string{evilSubject}})
		if err != nil {
			t.Fatal(err)
		}
		if resp := a.call(t, token); resp.StatusCode != 200 {
			t.Errorf("%s: eve's call: %d", format, resp.StatusCode)
		}
		hidden := "\u202e\u2028\u200b\u009b\u0085"
		for _, request := range []string{
			"GET /mcp HTTP/1.1\r\nHost: " + a.address + "\r\nOrigin: http://" + hidden + "\r\n\r\n",
			"GET /mcp HTTP/1.1\r\nHost: " + a.address + "\r\nAuthorization: Bearer " + hidden + "\", scope=\"all\r\n\r\n",
			"GET /mcp HTTP/1.1\r\nHost: " + a.address + "\r\nX-Forwarded-For: " + hidden + "\r\nX-Request-Id: " + hidden + "\r\nTraceparent: " + hidden + "\r\n\r\n",
			"GET /mcp HTTP/1.1\r\nHost: " + hidden + "\r\n\r\n",
			"GET /" + hidden + " HTTP/1.1\r\nHost: " + a.address + "\r\n\r\n",
			hidden + " / HTTP/1.1\r\nHost: " + a.address + "\r\n\r\n",
			"POST /messages?sessionId=" + hidden + " HTTP/1.1\r\nHost: " + a.address + "\r\nAuthorization: Bearer " + token +
				"\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
			a.head("/mcp", token, len(ping), "Mcp-Session-Id", hidden, "Mcp-Method", hidden, "Mcp-Protocol-Version", hidden) + ping,
		} {
			resp, err := a.ask(t, request)
			if err != nil {
				t.Errorf("%q: %v", request, err)
				continue
			}
			_ = resp.Body.Close()
			for name, values := range resp.Header {
				for _, v := range values {
					if strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
						t.Errorf("%q: header %s is %q", request, name, v)
					}
				}
			}
			if c := resp.Header.Get("Www-Authenticate"); strings.Contains(c, `scope="all`) || strings.Count(c, "scope=") > 1 {
				t.Errorf("%q: challenge %s", request, c)
			}
		}
		text := a.said.String()
		for line := range strings.Lines(text) {
			begins := strings.HasPrefix(line, "time=") || strings.HasPrefix(line, `{"time":`) ||
				strings.HasPrefix(line, "operations on ") || strings.HasPrefix(line, "whoami-server ")
			if !begins || len(line) > 8<<10 {
				t.Errorf("%s: a line of %d bytes: %.200q", format, len(line), line)
			}
		}
		if strings.ContainsFunc(text, func(r rune) bool {
			return r < ' ' && r != '\n' || r >= 0x7f && r < 0xa0 || strings.ContainsRune("\u202e\u2028\u200b\U000e0041", r)
		}) {
			t.Errorf("%s: what acts on a terminal is in %q", format, text)
		}
		if !strings.Contains(text, "forged") { // else the subject never got here
			t.Errorf("%s: eve is not in the log: %s", format, text)
		}
		if _, metrics := get(t, "http://"+a.ops+"/metrics"); strings.ContainsFunc(metrics, func(r rune) bool { return r > '~' }) || strings.Contains(metrics, "forged") {
			t.Errorf("%s: text of a stranger is in the metrics", format)
		}
	}
}

// A message of 4 MiB that is nothing but values takes many times its size once it
// is decoded. What one user may have under way is bounded all the same.
func TestMessagesOfManyValues(t *testing.T) { attackBoth(t, messagesOfManyValues) }

func messagesOfManyValues(t *testing.T, args ...string) {
	a := attack(t, args...)
	alice, bob := a.token(t, "alice"), a.token(t, "bob")
	a.call(t, alice)
	before := a.measured(t, "process_resident_memory_bytes")
	for name, part := range map[string]string{"numbers": "0,", "objects": "{},", "arrays": "[],", "members": ""} {
		head := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{"a":[`
		body := head + strings.Repeat(part, (4<<20-200)/max(1, len(part))) + `0]}}}`
		if part == "" {
			var b strings.Builder
			b.WriteString(strings.TrimSuffix(head, `"a":[`))
			for n := 0; b.Len() < 4<<20-200; n++ {
				b.WriteString(`"` + strconv.FormatInt(int64(n), 36) + `":0,`)
			}
			body = b.String() + `"z!":0}}}`
		}
		var wg sync.WaitGroup
		var codes [8]int
		for k := range codes {
			c := a.dial(t)
			wg.Go(func() {
				_, _ = io.WriteString(c, a.head("/mcp", alice, len(body))+body)
				if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
					codes[k] = resp.StatusCode
				}
			})
		}
		wg.Wait()
		if resp := a.call(t, bob); resp.StatusCode != 200 {
			t.Errorf("bob: %d", resp.StatusCode)
		}
		growth := a.measured(t, "process_resident_memory_bytes") - before
		t.Logf("%s: memory grew by %d MiB, %v", name, growth>>20, codes)
		if growth > 96<<20 {
			t.Errorf("%s: memory grew by %d MiB", name, growth>>20)
		}
	}
}

// What an answer repeats of a message is bounded, or a user whose messages are
// bounded makes answers that are not: encoding/json writes "<" as six characters,
// and mcp-go names what it does not know.
func TestAnswersAreBounded(t *testing.T) {
	a := attack(t)
	alice := a.token(t, "alice")
	long := strings.Repeat("<", 1<<20)
	call := func(params string) string {
		return `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":` + params + `}`
	}
	for name, body := range map[string]string{
		"id":                  `{"jsonrpc":"2.0","id":"` + long + `","method":"ping"}`,
		"id that is none":     `{"jsonrpc":"2.0","id":{"a":"` + long + `"},"method":"ping"}`,
		"id of many digits":   `{"jsonrpc":"2.0","id":` + strings.Repeat("9", 1<<20) + `,"method":"ping"}`,
		"id of an answer":     `{"jsonrpc":"2.0","id":"` + long + `","result":{"a":1}}`,
		"method":              `{"jsonrpc":"2.0","id":1,"method":"` + long + `"}`,
		"revision of JSONRPC": `{"jsonrpc":"` + long + `","id":1,"method":"ping"}`,
		"tool":                call(`{"name":"` + long + `"}`),
		"name of an argument": call(`{"name":"whoami","arguments":{"` + long + `":1}}`),
		"names of arguments":  call(`{"name":"whoami","arguments":{` + manyMembers(30_000) + `"z":0}}`),
		"text for arguments":  call(`{"name":"whoami","arguments":"` + long + `"}`),
		"text for params":     call(`"` + long + `"`),
		"resource":            `{"jsonrpc":"2.0","id":1,"method":"resources/read","params":{"uri":"` + long + `"}}`,
		"cursor":              `{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"` + long + `"}}`,
		"revision of MCP":     `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"` + long + `","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}`,
		"later revision":      `{"jsonrpc":"2.0","id":1,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"9` + long + `"}}}`,
		"level":               `{"jsonrpc":"2.0","id":1,"method":"logging/setLevel","params":{"level":"` + long + `"}}`,
		"task":                `{"jsonrpc":"2.0","id":1,"method":"tasks/get","params":{"taskId":"` + long + `"}}`,
	} {
		resp, err := a.ask(t, a.head("/mcp", alice, len(body))+body)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if n, err := io.Copy(io.Discard, resp.Body); n > 64<<10 || err != nil {
			t.Errorf("%s: an answer of %d bytes, %v", name, n, err)
		}
	}
	if text := a.said.String(); len(text) > 64<<10 {
		t.Errorf("%d bytes of log", len(text))
	}
}

// manyMembers is n members of a JSON object, with a comma after each.
func manyMembers(n int) string {
	var b strings.Builder
	for k := range n {
		b.WriteString(`"<<<<<<<<<<<<<<<<` + strconv.FormatInt(int64(k), 36) + `":0,`)
	}
	return b.String()
}

// What an upstream sends beyond its answer reaches neither the log, to which net/http writes
// it by itself, nor the answer to somebody else.
func TestUpstreamThatSaysMore(t *testing.T) {
	const mark = "SeCrEtMaRk"
	answer := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 36\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"result":{}}`
	address := real.Listen(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			request, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, request.Body)
			if _, err := io.WriteString(c, answer+mark+answer+mark); err != nil {
				return
			}
		}
	})
	a := attack(t, "--upstream", "http://"+address+"/mcp", "--log-level", "debug")
	alice := a.token(t, "alice")
	for n := range 20 {
		resp, err := a.ask(t, a.head("/mcp", alice, len(ping), "Connection", "close")+ping)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); resp.StatusCode == 200 && (err != nil || strings.Contains(string(body), mark)) {
			t.Errorf("call %d: %d %s, %v", n, resp.StatusCode, body, err)
		}
	}
	if text := a.said.String(); strings.Contains(text, mark) || strings.Contains(text, "Unsolicited") {
		t.Errorf("the log has %s", text)
	}
}
