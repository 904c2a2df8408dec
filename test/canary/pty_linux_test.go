package canary

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"mcp-login/test/binary"

	"golang.org/x/sys/unix"
)

// openPTY opens a pseudo-terminal that passes bytes on as they are.
func openPTY(t *testing.T) (master, slave *os.File) {
	t.Helper()
	master, slave = binary.PseudoTerminal(t)
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	settings.Oflag &^= unix.OPOST
	settings.Lflag &^= unix.ECHO
	if err := unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, settings); err != nil {
		t.Fatal(err)
	}
	return master, slave
}

// said is what one run printed: on a terminal both streams together.
type said struct{ out, err string }

func (s said) all() string { return s.out + s.err }

const runTimeout = 30 * time.Second

// onTerminal runs a program with stdout and stderr on one pseudo-terminal.
func onTerminal(t *testing.T, cmd *exec.Cmd) said { t.Helper(); return inWindow(t, cmd, 0) }

// inWindow is onTerminal in a window of so many columns, 0 for one that does not
// tell.
func inWindow(t *testing.T, cmd *exec.Cmd, columns uint16) said {
	t.Helper()
	master, slave := openPTY(t)
	defer master.Close()
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = slave, slave
	var seen bytes.Buffer
	read := make(chan struct{})
	go func() {
		defer close(read)
		_, _ = io.Copy(&seen, master) // ends when nobody has the other side open
	}()
	run(t, cmd)
	_ = slave.Close()
	select {
	case <-read:
	case <-time.After(runTimeout):
		t.Fatal("somebody keeps the terminal open")
	}
	return said{out: seen.String()}
}

// onPipes runs a program as another program would.
func onPipes(t *testing.T, cmd *exec.Cmd) said {
	t.Helper()
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	run(t, cmd)
	return said{out.String(), err.String()}
}

// run waits for a program; how it ends is not looked at here.
func run(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), runTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()
	if !stop() {
		t.Errorf("%q did not end", cmd.Args)
	}
}
