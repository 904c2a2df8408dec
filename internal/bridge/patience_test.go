package bridge

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// Clients that are known get an answer before they give up, by the name that they
// send; what they send is in docs/clients.md.
func TestPatienceOf(t *testing.T) {
	for name, gives := range map[string]time.Duration{
		"@cline/core": 3 * time.Second, "stdio: mcp-login": 5 * time.Second, "opencode": 5 * time.Second,
		"codex-mcp-client": 10 * time.Second, "crush": 10 * time.Second, "qwen-cli-mcp-client-example": 30 * time.Second,
	} {
		if p := PatienceOf(name); p <= 0 || p >= gives {
			t.Errorf("%s gives up after %v, and is answered after %v", name, gives, p)
		}
	}
	for _, name := range []string{"", "unknown", "opencode-like", "stdio", "my @cline/core"} {
		if p := PatienceOf(name); p != DefaultPatience {
			t.Errorf("%q: %v", name, p)
		}
	}
}

// wait runs a bridge in front of a server that answers nothing, and sends it a line.
func wait(t *testing.T, first string, cfg Config) (out *bufio.Reader, end func()) {
	t.Helper()
	inR, in := io.Pipe()
	outR, outW := io.Pipe()
	cfg.Upstream = silentRemote{}
	done := make(chan error, 1)
	go func() { done <- Run(t.Context(), inR, outW, cfg) }()
	if _, err := io.WriteString(in, first+"\n"); err != nil {
		t.Fatal(err)
	}
	return bufio.NewReader(outR), func() {
		_ = in.Close()
		go func() { _, _ = io.Copy(io.Discard, outR) }()
		if err := <-done; err != nil {
			t.Error(err)
		}
		_ = outW.Close()
	}
}

// silentRemote is a server that answers nothing.
type silentRemote struct{}

func (silentRemote) Send(ctx context.Context, _ jsonrpc.Message, _ jsonrpc.Sink) error {
	<-ctx.Done()
	return ctx.Err()
}
func (silentRemote) Unasked(jsonrpc.Sink)        {}
func (silentRemote) Close(context.Context) error { return nil }

const (
	initializeAs = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":%q,"title":"A title","version":"1"}}}`
	discoverAs   = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":%q,"version":"1"}}}}`
)

// How long a client waits goes by its name, in both eras; what the login has been
// pending already counts, so that a second process of a host does not wait again.
func TestPatienceByNameAndAge(t *testing.T) {
	for name, c := range map[string]struct {
		first, client string
		since, want   time.Duration
		patience      func(string) time.Duration
	}{
		"unknown":              {initializeAs, "t", 0, DefaultPatience, PatienceOf},
		"known":                {initializeAs, "@cline/core", 0, 2 * time.Second, PatienceOf},
		"known, of 2026-07-28": {discoverAs, "stdio: npx", 0, 4 * time.Second, PatienceOf},
		"said":                 {initializeAs, "@cline/core", 0, time.Minute, func(string) time.Duration { return time.Minute }},
		"pending for a while":  {initializeAs, "t", 10 * time.Second, 5 * time.Second, PatienceOf},
		"pending for long":     {initializeAs, "t", time.Hour, 0, PatienceOf},
		"probed, and for long": {discoverAs, "t", time.Hour, 0, PatienceOf},
		"a clock that was set": {initializeAs, "t", -time.Hour, DefaultPatience, PatienceOf},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				out, end := wait(t, fmt.Sprintf(c.first, c.client), Config{Patience: c.patience, SignIn: func() (SignIn, bool) {
					return SignIn{URL: "https://login.example/", Since: began.Add(-c.since)}, true
				}})
				line, err := out.ReadString('\n')
				got := time.Since(began)
				if err != nil {
					t.Fatal(err)
				}
				end()
				if got < c.want || got > c.want+2*lookInterval || !strings.Contains(line, `"id":1`) {
					t.Errorf("after %v: %s", got, line)
				}
			})
		})
	}
}

// 0 never answers for the server.
func TestPatienceForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		out, end := wait(t, fmt.Sprintf(initializeAs, "t"), Config{
			Patience: func(string) time.Duration { return 0 }, SignIn: func() (SignIn, bool) { return SignIn{URL: "https://login.example/"}, true },
		})
		answered := make(chan string, 1)
		go func() {
			line, _ := out.ReadString('\n')
			answered <- line
		}()
		time.Sleep(24 * time.Hour)
		if len(answered) != 0 {
			t.Error(<-answered)
		}
		end()
	})
}

// What is read in place of the server's tools is true for clients that list them once:
// it promises nothing, and says what helps.
func TestStandInWords(t *testing.T) {
	s := &standIn{cfg: &Config{SignIn: func() (SignIn, bool) { return SignIn{URL: "https://login.example/"}, true }}, phase: standing}
	list, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	if err != nil {
		t.Fatal(err)
	}
	call, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"` + SignInTool + `"}}`))
	if err != nil {
		t.Fatal(err)
	}
	other, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{"instructions": string(provisionalResult("2025-06-18", nil, SignIn{URL: "https://login.example/"}))}
	for phase, name := range map[phase]string{standing: "pending", failed: "failed"} {
		s.phase, s.reason = phase, "no answer"
		for what, m := range map[string]jsonrpc.Message{"the tool's description": list, "its result": call, "the error of another tool": other} {
			answer, _ := s.response(m)
			said[name+", "+what] = string(answer)
		}
	}
	s.phase, s.given = real, true
	said["called again afterwards"] = string(s.late(call))
	s.cfg, s.phase = &Config{}, standing
	said["before the address is known"] = s.sentence()
	for what, text := range said {
		if !strings.Contains(text, "start a new session") || strings.Contains(text, "by themselves") {
			t.Errorf("%s: %s", what, text)
		}
	}
}
