package terminal

import (
	"io"
	"os"
	"sync"
	"sync/atomic"

	"mcp-login/internal/foreign"
)

// Config says where output goes.
type Config struct {
	// Out gets results, Err all else.
	Out, Err io.Writer
	// OutIsTerminal and ErrIsTerminal tell that a person looks at it.
	OutIsTerminal, ErrIsTerminal bool
	// Plain is output without colours and without a live line (NO_COLOR).
	Plain bool
	// Columns returns how wide the window is at the moment, 0 if that is not known.
	// nil is a window of no known width.
	Columns func() int
}

// Terminal prints for people. Its methods may be used by several goroutines.
type Terminal struct {
	config             Config
	mu                 sync.Mutex // of everything written, and of drawn
	drawn              bool       // a live line stands there
	answered           atomic.Bool
	out, err, protocol io.Writer
}

// New returns a Terminal.
func New(c Config) *Terminal {
	t := &Terminal{config: c}
	t.out, t.err = foreign.TextWriter(t.stdout()), foreign.TextWriter(t.stderr())
	if t.protocol = c.Out; c.OutIsTerminal {
		t.protocol = foreign.JSONWriter(t.stdout())
	}
	return t
}

// HandOn returns the process's own output, for a program that is started in its place.
func HandOn() (stdout, stderr *os.File) { return os.Stdout, os.Stderr }

// System returns the Terminal of this process.
func System(plain bool) *Terminal {
	return New(Config{Out: os.Stdout, Err: os.Stderr, OutIsTerminal: IsTerminal(os.Stdout), ErrIsTerminal: IsTerminal(os.Stderr), Plain: plain, Columns: columns})
}

// columns is how wide the window is that shows this process's output.
func columns() int {
	for _, f := range []*os.File{os.Stderr, os.Stdout} {
		if IsTerminal(f) {
			return columnsOf(f)
		}
	}
	return 0
}

// columns is how wide the window is that shows what is printed, 0 if it is not
// known, or there is none.
func (t *Terminal) columns(onTerminal bool) int {
	if !onTerminal || t.config.Columns == nil {
		return 0
	}
	return t.config.Columns()
}

// IsTerminal reports whether f is a character device that is not the null one.
func IsTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// Interactive reports whether notes reach a terminal.
func (t *Terminal) Interactive() bool { return t.config.ErrIsTerminal }

// Out returns a writer to stdout for texts of our own, such as help. What is not
// seen is dropped from them.
func (t *Terminal) Out() io.Writer { return t.out }

// Err returns a writer to stderr for logs and what other programs of ours say. What
// is not seen is dropped from it.
func (t *Terminal) Err() io.Writer { return t.err }

// Protocol returns a writer to stdout for what other programs read, byte for byte:
// messages, one JSON value after the other. On a terminal, where no program reads
// them, what is not seen is escaped.
func (t *Terminal) Protocol() io.Writer { return t.protocol }

func (t *Terminal) stdout() io.Writer { return aboveLine{t, t.config.Out, t.config.OutIsTerminal} }
func (t *Terminal) stderr() io.Writer { return aboveLine{t, t.config.Err, true} }

// aboveLine writes where the live line stood.
type aboveLine struct {
	t       *Terminal
	w       io.Writer
	visible bool // on the terminal with that line
}

// Write implements io.Writer.
func (a aboveLine) Write(p []byte) (int, error) {
	if !a.visible {
		return a.w.Write(p)
	}
	a.t.mu.Lock()
	defer a.t.mu.Unlock()
	a.t.erase()
	return a.w.Write(p)
}
