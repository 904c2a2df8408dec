package script

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/test/binary"
)

// tree returns a process and all below it, from parent to child, as hosts find them
// (pgrep -P).
func tree(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children(all[i])...)
	}
	return all
}

func children(pid int) (list []int) {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// The name stands in parentheses and may hold anything (proc_pid_stat(5)).
		fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// endTree ends a bridge and all below it, again and again until it is gone, with the
// children first or last.
func endTree(b *bridge, signal syscall.Signal, childrenFirst bool) {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_ = b.ended()
	}()
	for {
		all := tree(b.cmd.Process.Pid)
		if childrenFirst {
			slices.Reverse(all)
		}
		for _, pid := range all {
			_ = syscall.Kill(pid, signal)
		}
		select {
		case <-gone:
			return
		default:
		}
	}
}

// person is one who takes the time that a test takes: each browser that is opened
// waits until she is ready.
type person struct {
	*httptest.Server
	tabs  atomic.Int32
	tab   chan struct{} // of the first tab
	ready chan struct{}
}

func newPerson(t *testing.T) *person {
	t.Helper()
	p := &person{tab: make(chan struct{}), ready: make(chan struct{})}
	p.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if p.tabs.Add(1) == 1 {
			close(p.tab)
		}
		select {
		case <-p.ready:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		p.CloseClientConnections()
		p.Close()
	})
	return p
}

// A host that ends the bridge and all processes below it, by their parents and over
// and over, ends no login: the one tab stays good, and so does its address, and a
// later bridge is signed in.
func TestLoginSurvivesTheEndOfTheTree(t *testing.T) {
	for name, c := range map[string]struct {
		signal        syscall.Signal
		childrenFirst bool
	}{
		"SIGTERM, children first": {syscall.SIGTERM, true}, "SIGKILL, children first": {syscall.SIGKILL, true},
		"SIGTERM, parent first": {syscall.SIGTERM, false}, "SIGKILL, parent first": {syscall.SIGKILL, false},
	} {
		t.Run(name, func(t *testing.T) {
			h, p := newHouse(t, nil), newPerson(t)
			h.env = append(h.env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve-after "+p.URL)
			first := h.bridge("--login-patience", "1ms")
			first.initialize()
			if line := first.line(); !strings.Contains(line, `"id":1,"result"`) {
				t.Fatal(line)
			}
			<-p.tab
			if all := tree(first.cmd.Process.Pid); len(all) != 1 {
				t.Errorf("below the bridge: %v", all[1:])
			}
			endTree(first, c.signal, c.childrenFirst)
			second := h.bridge()
			second.initialize()
			close(p.ready)
			if line := second.line(); !strings.Contains(line, `"id":1,"result"`) {
				t.Error(line)
			}
			if s := h.idp.Stats(); p.tabs.Load() != 1 || s.Registrations != 1 || s.CodeExchanges != 1 {
				t.Errorf("%d tabs, %+v", p.tabs.Load(), s)
			}
			_ = second.in.Close()
			second.ended()
		})
	}
}

// pending opens the record of the login that is under way for h.
func (h *hostile) pending() (p store.Pending, underWay bool) {
	h.t.Helper()
	st, err := store.Open(store.Options{Dir: h.state, Kind: store.KindFile})
	if err != nil {
		h.t.Fatal(err)
	}
	key := oauth.Key{Server: h.URL + "/mcp"}
	if p, _, err = st.Pending(h.t.Context(), key); err != nil {
		h.t.Fatal(err)
	}
	return p, st.LoginUnderWay(h.t.Context(), key)
}

// login is the login under way. Its process is there: a signal to process 0 would be one
// to all of ours.
func (h *hostile) login() store.Pending {
	h.t.Helper()
	p, _ := h.pending()
	if p.PID == 0 {
		h.t.Fatal("no record of the login")
	}
	return p
}

// ends are how a host ends a bridge.
func ends() map[string]func(c *client) {
	all := map[string]func(*client){"stdin": func(c *client) { _ = c.in.Close() }}
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGINT} {
		all[s.String()] = func(c *client) { _ = c.cmd.Process.Signal(s) }
	}
	return all
}

// A bridge whose client has gone begins no login, whatever the server answers then.
func TestEndingBridgeBeginsNoLogin(t *testing.T) {
	for name, end := range ends() {
		for _, args := range [][]string{nil, {"--no-detach"}} {
			t.Run(fmt.Sprint(name, args), func(t *testing.T) {
				h := newHostile(t)
				asked, answer := make(chan struct{}), make(chan struct{})
				h.set(func() {
					h.unauthenticated = func() { close(asked); <-answer }
				})
				c := h.bridge(append(args, "--log-level", "debug")...)
				fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
				<-asked
				end(c)
				c.log.Await(t, "the client has ended")
				close(answer)
				line, err := c.out.ReadString('\n')
				if err != nil || !strings.Contains(line, `"id":1,"error"`) {
					t.Error(line, err)
				}
				c.end()
				if _, underWay := h.pending(); h.opened() != 0 || underWay {
					t.Errorf("%d tabs, a login under way: %v", h.opened(), underWay)
				}
			})
		}
	}
}

// Nor does one that is about to ask somebody itself, and still reads the provider's
// metadata.
func TestEndingBridgeShowsNoAddress(t *testing.T) {
	for name, end := range ends() {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			h.reading, h.goOn = make(chan struct{}), make(chan struct{})
			c := h.bridge("--no-detach", "--log-level", "debug")
			fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
			<-h.reading
			end(c)
			c.log.Await(t, "the client has ended")
			close(h.goOn)
			c.end()
			if said := c.log.String(); h.opened() != 0 || strings.Contains(said, "\nhttp") {
				t.Errorf("%d tabs: %s", h.opened(), said)
			}
		})
	}
}

// A host that finds the process of the login, and ends it and the bridge, in
// whichever order, gets no second tab.
func TestEndingBridgeOpensNoSecondTab(t *testing.T) {
	for name, end := range ends() {
		for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
			for _, order := range []string{"login, bridge", "bridge, login", "at once"} {
				t.Run(fmt.Sprintf("%s, %v: %s", name, signal, order), func(t *testing.T) {
					t.Parallel()
					h := newHostile(t)
					h.silent = true
					c := h.bridge("--log-level", "debug")
					fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
					h.awaitTab()
					p, _ := h.pending()
					kill := func() {
						if err := syscall.Kill(p.PID, signal); err != nil {
							t.Error(err)
						}
					}
					switch order {
					case "login, bridge":
						kill()
						c.log.Await(t, "ended without a word")
						end(c)
					case "bridge, login":
						end(c)
						c.log.Await(t, "the client has ended")
						kill()
						if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"id":1,"error":{"code":1007`) {
							t.Error(line, err)
						}
					default:
						kill()
						end(c)
					}
					c.end()
					_, underWay := h.pending()
					for deadline := time.Now().Add(20 * time.Second); underWay && time.Now().Before(deadline); {
						_, underWay = h.pending() // that one may be on its way out
					}
					if h.opened() != 1 || underWay {
						t.Errorf("%d tabs, a login under way: %v", h.opened(), underWay)
					}
				})
			}
		}
	}
}

// What is logged as the process of the login is that, and its words are on our stderr.
func TestDetachedProcessIsNamed(t *testing.T) {
	h := newHostile(t)
	h.silent = true
	c := h.bridge("--log-level", "debug")
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	pid := c.log.Await(t, `process of its own" pid=(\d+)`)[1]
	c.log.Await(t, `(?m)^http`)
	if p, _ := h.pending(); pid != strconv.Itoa(p.PID) {
		t.Errorf("logged: %s, in the store: %d", pid, p.PID)
	}
	command, err := os.ReadFile("/proc/" + pid + "/cmdline")
	if err != nil || !strings.Contains(string(command), "--detached-login") {
		t.Errorf("%q, %v", command, err)
	}
}
