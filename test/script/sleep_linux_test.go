package script

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/real"
)

// A login whose process stood still, as on a machine that sleeps, goes on if there is
// time left: the address that was shown works.
func TestLoginGoesOnAfterAStop(t *testing.T) {
	h := newHostile(t)
	p := newPerson(t)
	h.env = append(h.env, "MCP_LOGIN_BROWSER="+self(t)+" approve-after "+p.URL)
	c := h.bridge()
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	<-p.tab
	login, _ := h.pending()
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
	h := newHostile(t)
	h.silent = true
	c := h.bridge("--timeout", "2s")
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	h.awaitTab()
	login, _ := h.pending()
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
