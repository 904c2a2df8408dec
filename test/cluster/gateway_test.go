package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
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

// newGateways are two replicas of the gateway behind nginx. Between them is nothing but a
// file with the same secret.
func newGateways(t *testing.T, u *upstream) *cluster {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(strings.Repeat("0123456789abcdef", 3)), 0o600); err != nil {
		t.Fatal(err)
	}
	c := behindNginx(t)
	for _, r := range c.replicas {
		r.args = []string{
			"--issuer", c.URL, "--resource", c.base + "/mcp", "--listen", r.listen, "--ops-listen", r.ops,
			"--upstream", u.URL + "/mcp", "--gateway-secret-file", secret, "--trusted-proxy", "127.0.0.1", "--log-level", "warn",
		}
		r.start(t)
		t.Cleanup(r.kill)
	}
	return c
}

// bridged calls through mcp-login, as a desktop client does.
type bridged struct {
	*user
	in    io.Writer
	out   *bufio.Reader
	again *atomic.Int64
}

func newBridged(t *testing.T, u *user, again *atomic.Int64) *bridged {
	t.Helper()
	cmd := exec.Command(binary.Build(t, "mcp-login"), u.base+"/mcp")
	cmd.Env = append(os.Environ(), "MCP_LOGIN_TOKEN="+u.token, "HOME="+t.TempDir())
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	b := &bridged{u, in, bufio.NewReader(out), again}
	if _, err := b.ask(fmt.Sprintf(initialize, 0), 0); err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(in, `{"jsonrpc":"2.0","method":"notifications/initialized"}`+"\n")
	return b
}

func (b *bridged) ask(line string, id int) (a answer, err error) {
	if _, err = io.WriteString(b.in, line+"\n"); err != nil {
		return a, err
	}
	for {
		text, err := b.out.ReadBytes('\n')
		if err != nil {
			return a, err
		}
		a = answer{ID: -1}
		if err := json.Unmarshal(text, &a); err == nil && a.ID == id {
			return a, nil
		}
	}
}

func (b *bridged) call(_ context.Context, id int) error {
	a, err := b.ask(fmt.Sprintf(whoami, id), id)
	if err != nil {
		return err
	}
	if a.Error != nil && strings.Contains(fmt.Sprint(a.Error), "httpStatus:502") {
		b.again.Add(1)
		return errAgain
	}
	return b.check(a, id)
}
func (b *bridged) restart(context.Context) error { return nil }
func (b *bridged) close()                        {}

// 10,000 calls over two replicas of the gateway, one of which is told to stop in the middle:
// each call is answered, to its own caller, and ran once. The sessions of the replica that
// is gone go on at the other. nginx learns that a replica is gone by an error only: what it
// sends in the moment in which the listener closes is 502, has not run, and is sent again by
// the client.
func TestGatewayReplicaStops(t *testing.T) {
	u := startUpstream(t)
	c := newGateways(t, u)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	var clients []caller
	var again atomic.Int64
	for n := range users {
		p := c.user(t, n)
		session := &stateful{user: p}
		if err := session.restart(ctx); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, session, stateless{p}, stateless{p}, newBridged(t, p, &again))
	}
	const total = 10_000
	var next, done, restarts atomic.Int64
	half := make(chan struct{})
	var wg sync.WaitGroup
	for _, x := range clients {
		wg.Go(func() {
			for {
				id := int(next.Add(1))
				if id > total {
					return
				}
				if err := persist(ctx, x, id, &restarts); err != nil {
					t.Errorf("%T: %v", x, err)
					return
				}
				if done.Add(1) == total/2 {
					close(half)
				}
			}
		})
	}
	select {
	case <-half:
	case <-ctx.Done():
		t.Fatal("too few calls")
	}
	stopped := c.replicas[0]
	_ = stopped.cmd.Process.Signal(syscall.SIGTERM)
	if err := stopped.cmd.Wait(); err != nil {
		t.Errorf("the replica ended with %v", err)
	}
	stopped.cmd = nil
	left := total - done.Load()
	wg.Wait()
	if ran := u.check(t); done.Load() != total || ran != total {
		t.Errorf("%d calls were answered, %d ran", done.Load(), ran)
	}
	if restarts.Load() != 0 {
		t.Errorf("%d sessions were lost", restarts.Load())
	}
	t.Logf("%d calls, %d of them after one replica had gone; no session lost; %d of the bridges' calls met the closing listener and were sent again", done.Load(), left, again.Load())
}

// A replica that crashes takes no more along than the calls that are under way there: each
// ends in one error and is not sent again, and sessions go on at the other replica.
func TestGatewayReplicaDies(t *testing.T) {
	u := startUpstream(t)
	c := newGateways(t, u)
	const atOnce = 24
	var sessions []*stateful
	var streams []*stream
	for n := range users {
		p := c.user(t, n)
		s, e, other := &stateful{user: p}, &stream{user: p}, &stream{user: p} // one stream at each replica
		for _, x := range []caller{s, e, other} {
			if err := x.restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		sessions, streams = append(sessions, s), append(streams, e, other)
	}
	hold := strings.Replace(whoami, `"arguments":{}`, `"arguments":{"hold":true}`, 1)
	var failed, answered atomic.Int64
	var wg sync.WaitGroup
	for k := range atOnce {
		s := sessions[k%users]
		wg.Go(func() {
			resp, err := s.do(t.Context(), "POST", "/mcp", fmt.Sprintf(hold, 1000+k), s.session)
			if err == nil {
				defer resp.Body.Close()
				err = s.read(resp, 1000+k)
			}
			switch {
			case err == nil:
				answered.Add(1)
			case errors.Is(err, errAgain):
				failed.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	for range atOnce {
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
	if failed.Load()+answered.Load() != atOnce || answered.Load() == 0 {
		t.Errorf("%d calls ended in an error, %d were answered, of %d", failed.Load(), answered.Load(), atOnce)
	}
	var restarts atomic.Int64
	for id := range 200 {
		for _, s := range sessions {
			if err := persist(t.Context(), s, id, &restarts); err != nil {
				t.Fatal(err)
			}
		}
	}
	if restarts.Load() != 0 {
		t.Errorf("%d sessions were lost", restarts.Load())
	}
	for id, s := range streams {
		if err := persist(t.Context(), s, 2000+id, &restarts); err != nil {
			t.Error(err)
		}
		s.close()
		if len(s.strange) != 0 {
			t.Errorf("%s: %v", s.name, s.strange)
		}
	}
	if restarts.Load() == 0 {
		t.Error("no stream ended with the replica: this shows nothing")
	}
	u.check(t)
	t.Logf("%d calls under way: %d ended in one error, %d were answered; %d of %d streams were opened anew", atOnce, failed.Load(), answered.Load(), restarts.Load(), len(streams))
}
