package script

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/store"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// A login whose process stood still, as on a machine that sleeps, goes on if there is
// time left: the address that was shown works.
func TestLoginGoesOnAfterAStop(t *testing.T) {
	h := newHostile(t)
	p := newPerson(t)
	h.env = append(h.env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve-after "+p.URL)
	c := h.bridge()
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	<-p.tab
	login := h.login()
	for _, signal := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		if err := syscall.Kill(login.PID, signal); err != nil {
			t.Fatal(err)
		}
	}
	close(p.ready)
	if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"result"`) || p.tabs.Load() != 1 {
		t.Errorf("%d tabs, %s, %v", p.tabs.Load(), line, err)
	}
}

// One whose time passed meanwhile ends when it goes on, with words that say so, and
// leaves neither a record nor a lock.
func TestLoginEndsAfterAStopThatWasTooLong(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent = true
	c := h.bridge("--timeout", brief)
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	h.awaitTab()
	login := h.login()
	if err := syscall.Kill(login.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	<-time.After(time.Until(login.Deadline))
	if err := syscall.Kill(login.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, "not finished in time") {
		t.Error(line, err)
	}
	if p, underWay := h.pending(); underWay || p.PID != 0 {
		t.Errorf("left: %+v, under way: %v", p.PID, underWay)
	}
}

// A login whose process was stopped for good is taken for one that died: by a logout at
// once, and the next start has a tab of its own that works.
func TestLogoutOfAStoppedLogin(t *testing.T) {
	t.Parallel()
	h := newHostile(t)
	h.silent = true
	c := h.bridge()
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	h.awaitTab()
	login := h.login()
	if err := syscall.Kill(login.PID, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(login.PID, syscall.SIGKILL) })
	if out, err := h.command("logout", h.URL+"/mcp").CombinedOutput(); err != nil || !strings.Contains(string(out), "ended the sign-in") {
		t.Errorf("%v: %s", err, out)
	}
	if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) {
		t.Error(line, err)
	}
	h.set(func() { h.silent = false })
	if got := h.bridge().tool(1); !strings.Contains(got, `"result"`) || h.opened() != 2 {
		t.Errorf("%d tabs, %s", h.opened(), got)
	}
	if err := syscall.Kill(login.PID, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	binary.Until(t, "the end of the process", func() bool { return !running(strconv.Itoa(login.PID)) })
}

// Whatever hangs, the process of a login ends with its time, and leaves neither a
// record nor a lock: the next one is asked.
func TestLoginEndsWhateverHangs(t *testing.T) {
	for name, hang := range map[string]func(t *testing.T, h *hostile) (shown func(store.Pending)){
		"the provider, before anybody is asked": func(t *testing.T, h *hostile) func(store.Pending) {
			h.reading, h.goOn = make(chan struct{}), make(chan struct{})
			t.Cleanup(func() { close(h.goOn) })
			return nil
		},
		"the provider, when the person is through": func(t *testing.T, h *hostile) func(store.Pending) {
			h.tokenHeld = make(chan struct{})
			t.Cleanup(func() { close(h.tokenHeld) })
			return func(store.Pending) {}
		},
		"browsers that send a byte and no more, and read nothing": func(t *testing.T, h *hostile) func(store.Pending) {
			h.silent = true
			return func(p store.Pending) {
				to, err := url.Parse(p.RedirectURI)
				if err != nil {
					t.Fatal(err)
				}
				for i := range 50 {
					conn, err := net.Dial("tcp", to.Host)
					if err != nil {
						t.Fatal(err)
					}
					t.Cleanup(func() { _ = conn.Close() })
					fmt.Fprint(conn, []string{"G", "GET / HTTP/1.1\r\nHost: " + to.Host + "\r\n\r\n"}[i%2])
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHostile(t)
			shown := hang(t, h)
			c := h.bridge("--timeout", "2s", "--log-level", "debug")
			fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
			pid, err := strconv.Atoi(c.log.Await(t, `process of its own" pid=(\d+)`)[1])
			if err != nil {
				t.Fatal(err)
			}
			if shown != nil {
				h.awaitTab()
				p, _ := h.pending()
				shown(p)
			}
			if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) || !strings.Contains(line, "not finished in time") {
				t.Error(line, err)
			}
			if p, underWay := h.pending(); underWay || p.PID != 0 {
				t.Errorf("left: a record of %d, under way: %v", p.PID, underWay)
			}
			binary.Until(t, "the end of the process", func() bool { return !running(strconv.Itoa(pid)) })
		})
	}
}

// Where the bridge is the first process of a container, all end with it: the login
// runs inside, and one that was cut off is asked again, once.
func TestLoginOfTheFirstProcess(t *testing.T) {
	h := newHostile(t)
	h.silent = true
	first := func() *client {
		cmd := h.command("--log-level", "debug", h.URL+"/mcp")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
		if uid := os.Getuid(); uid != 0 {
			cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: uid, HostID: uid, Size: 1}}
		}
		c, err := h.start(cmd)
		if err != nil {
			real.Missing(t, "namespaces of processes ("+err.Error()+")", "run it as root, or allow namespaces of users")
		}
		return c
	}
	c := first()
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	h.awaitTab()
	if p, underWay := h.pending(); p.PID != 1 || !underWay {
		t.Errorf("the login runs in process %d", p.PID)
	}
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
	h.set(func() { h.silent = false })
	if got := first().tool(1); !strings.Contains(got, `"result"`) || h.opened() != 2 {
		t.Errorf("%d tabs, %s", h.opened(), got)
	}
}
