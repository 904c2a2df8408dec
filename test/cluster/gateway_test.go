package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/test/binary"
)

// upstream is an MCP server without any protection: mcp-go's, whose only tool says who calls
// by the header of the gateway. It counts how often each call came.
type upstream struct {
	*httptest.Server

	mu    sync.Mutex
	times map[string]int
	calls int
	bad   []string      // requests that must not be here
	held  chan struct{} // calls of hold begin here, and end when free is closed
	free  chan struct{}
}

func startUpstream(t *testing.T) *upstream {
	u := &upstream{times: make(map[string]int), held: make(chan struct{}, 64), free: make(chan struct{})}
	type caller struct{}
	hooks := &server.Hooks{}
	hooks.AddBeforeCallTool(func(ctx context.Context, id any, _ *mcp.CallToolRequest) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.times[fmt.Sprint(ctx.Value(caller{}), " ", id)]++
		u.calls++
	})
	s := server.NewMCPServer("counted", "1", server.WithToolCapabilities(false), server.WithHooks(hooks))
	s.AddTool(mcp.NewTool("whoami"), func(ctx context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		if r.GetBool("hold", false) {
			u.held <- struct{}{}
			<-u.free
		}
		return mcp.NewToolResultStructuredOnly(map[string]any{"sub": ctx.Value(caller{})}), nil
	})
	who := func(ctx context.Context, r *http.Request) context.Context {
		return context.WithValue(ctx, caller{}, r.Header.Get("X-Forwarded-User"))
	}
	sse := server.NewSSEServer(s, server.WithSSEContextFunc(who))
	mux := http.NewServeMux()
	mux.Handle("/mcp", server.NewStreamableHTTPServer(s, server.WithHTTPContextFunc(who)))
	mux.Handle("/sse", sse.SSEHandler())
	mux.Handle("/message", sse.MessageHandler())
	u.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		u.judge(r)
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		u.CloseClientConnections()
		u.Close()
	})
	return u
}

// judge looks for the token of the caller.
func (u *upstream) judge(r *http.Request) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if r.Header.Get("Authorization") != "" || strings.Contains(r.URL.String(), "eyJ") {
		u.bad = append(u.bad, r.URL.String())
	}
}

// check reports calls that ran more than once, and tokens that got here.
func (u *upstream) check(t *testing.T) (calls int) {
	t.Helper()
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, times := range u.times {
		if times != 1 {
			t.Errorf("call %s ran %d times", id, times)
		}
	}
	if len(u.bad) > 0 {
		t.Errorf("the callers' token came here %d times: %q", len(u.bad), u.bad[0])
	}
	return u.calls
}

// newGateways are two replicas of the gateway. Between them is nothing but a file with the
// same secret, and what options name.
func newGateways(t *testing.T, u *upstream, before balancer, options ...string) *cluster {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("0123456789abcdef", 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := behind(t, before)
	c.start(t, c.base+"/mcp", append(options, "--upstream", u.URL+"/mcp", "--gateway-secret-file", secret)...)
	return c
}

// A replica that crashes takes no more along than the calls that are under way there: each
// ends in one error and is not sent again. Sessions go on at the other replica, and streams
// are opened anew there, by mcp-login without a word to anybody.
func TestGatewayReplicaDies(t *testing.T) {
	u := startUpstream(t)
	c := newGateways(t, u, nginx)
	var clients []caller
	for n := range users {
		p := c.user(t, n)
		s, e, other := &stateful{user: p}, &stream{user: p}, &stream{user: p} // one stream at each replica
		for _, x := range []caller{s, e, other} {
			if err := x.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		clients = append(clients, s, e, other, newBridged(t, p, "/mcp"), newBridged(t, p, "/sse"))
	}
	c.dieWithCalls(t, u, clients)

	var met trouble
	for id := range 50 * len(clients) {
		if err := persist(t.Context(), clients[id%len(clients)], 2000+id, &met); err != nil {
			t.Fatal(err)
		}
	}
	if met.sessions.Load() != 0 {
		t.Errorf("%d sessions were lost", met.sessions.Load())
	}
	for _, x := range clients {
		x.close()
		if s, ok := x.(*stream); ok && len(s.strange) != 0 {
			t.Errorf("%s: %v", s.name, s.strange)
		}
	}
	if met.streams.Load() == 0 {
		t.Error("no stream ended with the replica: this shows nothing")
	}
	u.check(t)
	t.Logf("%d of %d streams were opened anew", met.streams.Load(), 2*users)
}

// dieWithCalls kills a replica while calls with sessions and of bridges are under way.
func (c *cluster) dieWithCalls(t *testing.T, u *upstream, clients []caller) {
	t.Helper()
	hold := strings.Replace(whoami, `"arguments":{}`, `"arguments":{"hold":true}`, 1)
	var begun, failed, answered atomic.Int64
	var wg sync.WaitGroup
	for k, x := range clients {
		call := func(int) error { return nil }
		switch x := x.(type) {
		case *stateful:
			call = func(id int) error {
				resp, err := x.do(t.Context(), "POST", "/mcp", fmt.Sprintf(hold, id), x.session)
				if err != nil {
					return err
				}
				defer resp.Body.Close()
				return x.read(resp, id)
			}
		case *bridged:
			call = func(id int) error { return x.calls(t.Context(), hold, id) }
		default:
			continue
		}
		for n := range 2 {
			begun.Add(1)
			wg.Go(func() {
				switch err := call(1000 + 2*k + n); {
				case err == nil:
					answered.Add(1)
				case errors.Is(err, errAgain), errors.Is(err, errCut):
					failed.Add(1)
				default:
					t.Error(err)
				}
			})
		}
	}
	for range begun.Load() {
		select {
		case <-u.held:
		case <-time.After(answerTimeout):
			t.Fatal("the calls did not begin")
		}
	}
	c.replicas[0].kill()
	binary.Until(t, "an error for the calls of the dead replica", func() bool { return failed.Load() > 0 })
	close(u.free)
	wg.Wait()
	if failed.Load()+answered.Load() != begun.Load() || answered.Load() == 0 {
		t.Errorf("%d calls ended in an error, %d were answered, of %d", failed.Load(), answered.Load(), begun.Load())
	}
	t.Logf("%d calls under way: %d ended in one error, %d were answered", begun.Load(), failed.Load(), answered.Load())
}
