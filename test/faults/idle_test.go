//go:build linux

package faults

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// While nothing is asked of it, the bridge listens on no port
// and has no children.
func TestIdleBridgeHasNoPortsAndNoChildren(t *testing.T) {
	s := newServer(t)
	c := start(t, s.URL+"/mcp")
	c.ask("ping", `{}`)
	own := map[string]bool{}
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", c.cmd.Process.Pid))
	if err != nil || len(fds) == 0 {
		t.Skip("the system does not show what the process has open")
	}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil {
			if inode, ok := strings.CutPrefix(to, "socket:["); ok {
				own[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	if len(own) == 0 {
		t.Error("the bridge has no connection to its server: the test looks at the wrong process")
	}
	for _, table := range []string{"tcp", "tcp6"} {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", c.cmd.Process.Pid, table))
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && own[f[9]] { // LISTEN
				t.Error("the bridge listens:", f[1])
			}
		}
	}
	children, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", c.cmd.Process.Pid))
	for _, file := range children {
		if b, _ := os.ReadFile(file); len(strings.TrimSpace(string(b))) > 0 {
			t.Errorf("children: %s", b)
		}
	}
	c.end()
	c.balance()
}
