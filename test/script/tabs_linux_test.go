package script

import (
	"fmt"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pseudoTerminal returns the end of a pseudo-terminal that programs get.
func pseudoTerminal(t *testing.T) *os.File {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = control.Close() })
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	end, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = end.Close() })
	return end
}

// After three tabs that nobody answered a verb in a script opens none; the same
// verb at a terminal is a person's, and opens one.
func TestA4TabBudgetAtATerminal(t *testing.T) {
	h := newHostile(t)
	h.silent = true
	for range 3 {
		c := h.bridge("--timeout", "1s")
		c.tool(1)
		c.end()
		h.later(time.Hour)
	}
	h.set(func() { h.silent = false })
	if out, err := h.command("call", h.URL+"/mcp", "x").CombinedOutput(); err == nil || h.opened() != 3 {
		t.Fatalf("in a script: %d tabs, %v: %s", h.opened(), err, out)
	}
	cmd := h.command("call", h.URL+"/mcp", "x")
	cmd.Stderr = pseudoTerminal(t)
	_ = cmd.Run() // the server has no tools
	if h.opened() != 4 {
		t.Errorf("at a terminal: %d tabs", h.opened())
	}
}
