package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"mcp-login/internal/hint"
	"mcp-login/internal/terminal"
)

const exitInterrupted = 130 // as by mcp-login

const usage = `usage: go run ./examples/whoami [-auto]

  -auto   sign in as alice without asking anybody
`

func main() {
	auto := flag.Bool("auto", false, "")
	flag.Usage = func() { _, _ = io.WriteString(flag.CommandLine.Output(), usage) }
	flag.Parse()
	if flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	parent := os.Getppid()
	code := perform(*auto)
	removeBuild(parent)
	os.Exit(code)
}

// errGone ends a demo at whose terminal nobody is any more: it was closed, which a write
// may find out before a read or SIGHUP does, or somebody has typed Ctrl-D.
var errGone = errors.New("nobody is at the terminal")

// errUnread ends a demo whose output, a pipe, nobody reads any more.
var errUnread = errors.New("nobody reads the output")

// perform plays the demo to its end, or until it is stopped, and returns the exit code.
func perform(auto bool) int {
	// A reader that has gone is an error of Write, not the end of the process: there is
	// something to clean up.
	signal.Ignore(syscall.SIGPIPE)
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // else it runs under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	stopped, restore := signal.NotifyContext(context.Background(), signals...)
	defer restore()
	ctx, cancel := context.WithCancelCause(stopped)
	defer cancel(nil)
	config := terminal.SystemConfig(os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb")
	lost := errUnread
	if terminal.IsTerminal(os.Stdout) {
		lost = errGone
	}
	config.Out = watchedWriter{config.Out, func() { cancel(lost) }}
	t := terminal.New(config)
	d := &demo{show: &show{terminal: t, window: config.Columns}, auto: auto}
	if !auto && terminal.IsTerminal(os.Stdin) {
		d.enter = linesOf(os.Stdin, func() { cancel(errGone) })
	}
	err, left := d.play(ctx), d.close()
	switch {
	case errors.Is(context.Cause(ctx), errUnread):
		return 1
	case left != nil:
		err = errors.Join(err, fmt.Errorf("clean up: %w", left))
	case err == nil:
		return 0
	case stopped.Err() != nil, errors.Is(context.Cause(ctx), errGone):
		d.show.stopped()
		return exitInterrupted
	}
	fmt.Fprintf(t.Err(), "demo: error: %v\n", err)
	if next := hint.Of(err); next != "" {
		fmt.Fprintf(t.Err(), "demo: hint: %s\n", next)
	}
	return 1
}

// watchedWriter calls lost when what it writes to takes no more.
type watchedWriter struct {
	io.Writer
	lost func()
}

func (w watchedWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	if err != nil {
		w.lost()
	}
	return n, err
}
