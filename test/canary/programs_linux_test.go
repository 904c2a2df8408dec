package canary

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"mcp-login/test/binary"
)

// A bridge at a terminal, where no program reads its messages, and what it says
// itself on stderr and in its own errors on a pipe.
func TestCanaryThroughBridge(t *testing.T) {
	t.Parallel()
	q := quoted(canary)
	l := newLab(t)
	l.results["initialize"] = `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":` + q + `,"version":` + q + `},"instructions":` + q + `}`
	l.results["tools/list"] = `{"tools":[{"name":` + q + `,"description":` + q + `,"inputSchema":{"type":"object","properties":{"a":{"type":"string","x-mcp-header":` + q + `}}}}]}`
	l.errors["tools/call"] = `{"code":-32000,"message":` + q + `}`
	script := `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"x","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"t"}}
`
	l.look("login", l.url())
	cmd := l.command(l.url())
	cmd.Stdin = strings.NewReader(script)
	seen := onTerminal(t, cmd)
	check(t, "a bridge at a terminal", seen.all(), false)
	shown(t, seen.all(), "CANARY")

	cmd = l.command(l.url())
	cmd.Stdin = strings.NewReader(script)
	piped := onPipes(t, cmd)
	check(t, "stderr of a bridge", piped.err, false)
	if !strings.Contains(piped.out, `"instructions":`+q) {
		t.Errorf("what a server says passes through a bridge unchanged: %q", piped.out)
	}

	// Errors of the bridge itself, which a model reads.
	for _, answer := range []string{
		"HTTP/1.1 500 " + inHeader + "\r\nContent-Type: text/plain\r\nContent-Length: " + fmt.Sprint(len(canary)) + "\r\n\r\n" + canary,
		"HTTP/1.1 200 OK\r\nContent-Type: " + inHeader + "\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:9/" + inAddress + "\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 200 OK\r\n" + canary + "\r\n\r\n",
		"HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer error=\"x\", resource_metadata=\"" + inHeader + "\"\r\nContent-Length: 0\r\n\r\n",
	} {
		l.mu.Lock()
		l.takes = onTheWire(answer)
		l.mu.Unlock()
		cmd := l.command(l.url(), "--no-browser", "--timeout", "1s")
		cmd.Stdin = strings.NewReader(script)
		piped := onPipes(t, cmd)
		check(t, "stderr of a bridge", piped.err, false)
		for line := range strings.Lines(piped.out) {
			var m struct {
				Error struct {
					Message string `json:"message"`
					Data    struct {
						Source string `json:"source"`
						Hint   string `json:"hint"`
					} `json:"data"`
				} `json:"error"`
			}
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Errorf("%q: %v", line, err)
			}
			if m.Error.Data.Source == "mcp-login" {
				check(t, "an error of the bridge", m.Error.Message+m.Error.Data.Hint, false)
				if strings.Contains(m.Error.Message, "\n") || strings.Contains(m.Error.Data.Hint, "\n") {
					t.Errorf("more than one line: %q", m.Error)
				}
			}
		}
	}
}

// A list of tools of 0.25 MB once printed 269 MiB: one long name made every
// row as long.
func TestToolsTableStaysInProportion(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	tools := []string{`{"name":"` + strings.Repeat("n", 1<<17) + `","description":"` + strings.Repeat("d", 1000) + `"}`}
	for i := range 5000 {
		tools = append(tools, fmt.Sprintf(`{"name":"t%d"}`, i))
	}
	list := `{"tools":[` + strings.Join(tools, ",") + `]}`
	l.results["tools/list"] = list
	seen := onTerminal(t, l.command("tools", l.url()))
	piped := onPipes(t, l.command("tools", l.url()))
	t.Logf("%d bytes of tools are %d on a terminal and %d on a pipe", len(list), len(seen.all()), len(piped.out))
	if !strings.Contains(piped.out, "t4999") || len(seen.all()) > 4*len(list) || len(piped.out) > 4*len(list) {
		t.Errorf("%d bytes of tools are %d on a terminal and %d on a pipe", len(list), len(seen.all()), len(piped.out))
	}
}

// The log of whoami-server, in both forms, and its errors at the start.
func TestCanaryInServerLog(t *testing.T) {
	for _, form := range []string{"text", "json"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.idp.SetFaults(l.faults)
			var log binary.Output
			cmd := exec.Command(binary.Build(t, "whoami-server"), "--listen", "127.0.0.1:0", "--issuer", l.idp.Issuer(), "--log-format", form, "--log-level", "debug")
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NO_PROXY=127.0.0.1"}
			cmd.Stdout, cmd.Stderr = &log, &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			base := "http://" + log.Await(t, `listening on (?:http://)?([^, /]+)`)[1]
			for _, set := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Origin", inHeader) },
				func(r *http.Request) { r.Host = "CANARY" + "\u202e\u200b\ufe0f" },
				func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+inHeader) },
				func(r *http.Request) { r.Header.Set("Mcp-Session-Id", inHeader) },
				func(r *http.Request) { r.Header.Set("X-Request-Id", inHeader); r.Header.Set("User-Agent", inHeader) },
				func(r *http.Request) {
					r.Header.Set("Mcp-Protocol-Version", inHeader)
					r.Header.Set("Traceparent", inHeader)
				},
			} {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":`+quoted(canary)+`}`))
				if err != nil {
					t.Fatalf("%v: %s", err, log.String())
				}
				set(req)
				if resp, err := http.DefaultClient.Do(req); err == nil {
					_ = resp.Body.Close()
				}
			}
			_ = cmd.Process.Signal(syscall.SIGTERM)
			_ = cmd.Wait()
			check(t, "the log", log.String(), false)
			shown(t, log.String(), "request")
		})
	}
	l := newLab(t)
	for _, args := range [][]string{
		{"--issuer", canary}, {"--issuer", l.idp.Issuer(), "--scopes", canary}, {"--" + canary}, {canary}, {"--config", canary}, {"--log-level", canary},
	} {
		cmd := exec.Command(binary.Build(t, "whoami-server"), append(args, "--listen", "127.0.0.1:0")...)
		cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
		check(t, strings.Join(args, " "), onTerminal(t, cmd).all(), true) // the operator's own words
	}
}

// A user code is short and made of letters and digits, and the page for it is
// https or on this machine; of others nothing is shown.
func TestOddDeviceCodesAreNotShown(t *testing.T) {
	t.Parallel()
	for _, member := range []map[string]any{
		{"user_code": "CALL 555-1234 AND TELL THEM YOUR PASSWORD"},
		{"user_code": "CALL-555-1234-AND-ASK-FOR-BOB"},
		{"user_code": "CALL\u202e"},
		{"verification_uri": "http://as.example/CALL"},
		{"verification_uri": "javascript:CALL"},
		{"verification_uri": "https://login.example@as.example/CALL"},
	} {
		l := newLab(t)
		l.faults.DeviceMembers = member
		if text := l.look("login", "--device", l.url()); strings.Contains(text, "CALL") || !strings.Contains(text, "begin the login by device: ") {
			t.Errorf("%v: %q", member, text)
		}
	}
}

// 36,500 scopes once made an address of 180 kB.
func TestManyScopesMakeNoLongAddress(t *testing.T) {
	t.Parallel()
	var scopes []string
	for i := range 36_500 {
		scopes = append(scopes, fmt.Sprintf("%x", i))
	}
	l := newLab(t)
	l.resource["scopes_supported"] = scopes
	if text := l.look("login", l.url()); len(text) > 10_000 || !strings.Contains(text, "choose the scopes that are needed with --scope") {
		t.Errorf("%d bytes: %q", len(text), text[:min(len(text), 3000)])
	}
	if text := l.look("login", "--scope", "openid", l.url()); !strings.Contains(text, "signed in to") {
		t.Errorf("%q", text)
	}
}
