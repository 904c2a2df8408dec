package signin

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/jsonrpc"
)

// Clients that are known get an answer before they give up, by the name that they
// send; what they send is in docs/clients.md.
func TestKnownClientsAreAnsweredBeforeTheyGiveUp(t *testing.T) {
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

// silent is a server that answers nothing.
type silent struct{}

func (silent) Send(ctx context.Context, _ jsonrpc.Message, _ jsonrpc.Sink) error {
	<-ctx.Done()
	return context.Cause(ctx)
}
func (silent) Unasked(jsonrpc.Sink)        {}
func (silent) Close(context.Context) error { return nil }

const (
	initializeAs = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","clientInfo":{"name":%q,"title":"A title","version":"1"}}}`
	discoverAs   = `{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":%q,"version":"1"}}}}`
)

// How long a client waits goes by its name, with sessions or without; what the login has been
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
				r := newRig(t, Config{Server: silent{}, Patience: c.patience, Pending: func() (Pending, bool) {
					return Pending{URL: "https://login.example/", Since: began.Add(-c.since)}, true
				}})
				r.send(fmt.Sprintf(c.first, c.client))
				line := r.line()
				got := time.Since(began)
				if got < c.want || got > c.want+2*lookInterval || !strings.Contains(line, `"id":1`) {
					t.Errorf("after %v: %s", got, line)
				}
			})
		})
	}
}

// 0 never answers for the server.
func TestServerIsNeverSpokenForWithoutALimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, Config{
			Server:   silent{},
			Patience: func(string) time.Duration { return 0 },
			Pending:  func() (Pending, bool) { return Pending{URL: "https://login.example/"}, true },
		})
		r.send(fmt.Sprintf(initializeAs, "t"))
		answered := make(chan string, 1)
		go func() {
			line, _ := r.out.ReadString('\n')
			answered <- line
		}()
		time.Sleep(24 * time.Hour)
		if len(answered) != 0 {
			t.Error(<-answered)
		}
		_ = r.in.Close()
		<-answered
	})
}
