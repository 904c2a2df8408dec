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
	// Plain turns colours and the live line off (NO_COLOR).
	Plain bool
	// Columns returns the current width of the window, 0 if it is not known; nil means
	// never known.
	Columns func() int
}

// Terminal prints for people. Its methods may be used by several goroutines.
type Terminal struct {
	config             Config
	mu                 sync.Mutex // guards what is on the screen, and drawn
	drawn              bool       // the live line is on the screen
	wroteJSON          atomic.Bool
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

// Files returns the stdout and stderr of this process, for a child that inherits them.
func Files() (stdout, stderr *os.File) { return os.Stdout, os.Stderr }

// SystemConfig is the Config of this process's output.
func SystemConfig(plain bool) Config {
	return Config{Out: os.Stdout, Err: os.Stderr, OutIsTerminal: IsTerminal(os.Stdout), ErrIsTerminal: IsTerminal(os.Stderr), Plain: plain, Columns: columns}
}

// System returns the Terminal of this process.
func System(plain bool) *Terminal { return New(SystemConfig(plain)) }

// columns is the width of the window that shows this process's output, 0 if there is
// none or it is not known.
func columns() int {
	for _, f := range []*os.File{os.Stderr, os.Stdout} {
		if IsTerminal(f) {
			return columnsOf(f)
		}
	}
	return 0
}

// columns is the width to wrap at, 0 for output that is not wrapped.
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

// Out returns a writer to stdout for help and other texts of this program. Invisible
// and control characters are dropped.
func (t *Terminal) Out() io.Writer { return t.out }

// Err returns a writer to stderr for logs and the output of child processes. Invisible
// and control characters are dropped.
func (t *Terminal) Err() io.Writer { return t.err }

// Protocol returns a writer to stdout for JSON-RPC messages. A pipe gets them byte for
// byte; on a terminal, where no program reads them, invisible and control characters
// are escaped.
func (t *Terminal) Protocol() io.Writer { return t.protocol }

func (t *Terminal) stdout() io.Writer { return screenWriter{t, t.config.Out, t.config.OutIsTerminal} }
func (t *Terminal) stderr() io.Writer { return screenWriter{t, t.config.Err, true} }

// screenWriter erases the live line before it writes.
type screenWriter struct {
	t       *Terminal
	w       io.Writer
	visible bool // w is the terminal with the live line
}

// Write implements io.Writer.
func (w screenWriter) Write(p []byte) (int, error) {
	if !w.visible {
		return w.w.Write(p)
	}
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	w.t.erase()
	return w.w.Write(p)
}
