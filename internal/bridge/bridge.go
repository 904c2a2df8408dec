package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"mcp-login/internal/jsonrpc"
)

// Limits of one run.
const (
	// DefaultDrainTimeout is what requests under way get when stdin ends.
	DefaultDrainTimeout = 2 * time.Second
	// farewellTimeout bounds the end of the session at the server.
	farewellTimeout = 2 * time.Second
	// lastWords is how long the client may take to read what is left to say.
	lastWords = time.Second
	// lookInterval is how often a drain looks whether a person is awaited.
	lookInterval = 20 * time.Millisecond
	// maxLooked is how many requests are looked at for what the client is called.
	maxLooked = 4
)

// Config of a run. Server is required.
type Config struct {
	// Server is the first of the stages to the server. Run closes it.
	Server jsonrpc.Stage
	// DrainTimeout is how long requests under way may take after stdin has
	// ended; zero means DefaultDrainTimeout.
	DrainTimeout time.Duration
	// Ended is called once when nothing more comes from the client, before what is
	// under way is waited for. May be nil.
	Ended func()
	// Client is told once what the client says about itself, as a raw object of MCP
	// (Implementation). May be nil.
	Client func(info []byte)
	// SignIn is asked about a login that requests wait for. May be nil.
	SignIn SignIn
	// PingInterval is how often the server gets a ping; zero means never.
	PingInterval time.Duration
	// MaxMessage bounds one message from the client in bytes; 0 is no limit.
	MaxMessage int
	// Log gets what happens; nil discards it.
	Log *slog.Logger
}

// Run relays until in ends, ctx does, or out fails. It returns nil when in
// ended or ctx did, after every request was answered and the session ended, and
// the error of out otherwise. A read from in, or a Write to out, that still
// blocks then is left behind.
func Run(ctx context.Context, in io.Reader, out io.Writer, cfg Config) error {
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = DefaultDrainTimeout
	}
	if cfg.SignIn == nil {
		cfg.SignIn = AwaitedOnly(func() bool { return false })
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errClosing)
	r := &run{cfg: cfg, ctx: ctx, cancel: cancel, done: make(chan struct{}), more: make(chan *message, maxSpare), closed: make(chan struct{})}
	r.state = state{byID: map[string][]*message{}}
	r.out = &output{w: out, failed: func(err error) { cancel(fmt.Errorf("%w: %w", errClientGone, err)) }}
	cfg.Server.Unasked(jsonrpc.SinkFunc(r.unasked))

	stopPings := r.startPings()
	r.read(in)
	if cfg.Ended != nil {
		cfg.Ended()
	}
	cfg.Log.Debug("the client has ended")
	stopPings()
	r.update(func(s *state) { s.ended = true })
	r.drain()
	cancel(errClosing)
	r.finish()
	if cause := context.Cause(ctx); errors.Is(cause, errClientGone) {
		return cause
	}
	return nil
}

// finish waits for the last answers to be written, though not for a client
// that no longer reads, and ends the session.
func (r *run) finish() {
	limit := time.NewTimer(lastWords)
	defer limit.Stop()
	select {
	case <-r.done:
		close(r.closed)
		r.work.Wait()
	case <-limit.C:
		close(r.closed)
		r.cfg.Log.Warn("the client does not read; its last answers are lost")
	}
	farewell, stop := context.WithTimeout(context.WithoutCancel(r.ctx), farewellTimeout)
	defer stop()
	if err := r.cfg.Server.Close(farewell); err != nil {
		r.cfg.Log.Debug("the session was not ended at the server", "error", err)
	}
}

// SignIn is what a bridge has to know about a login; package signin has the real one.
// None of the methods waits.
type SignIn interface {
	// Awaited reports whether requests wait for a person to sign in. They are not
	// waited for after stdin has ended.
	Awaited() bool
	// Provisional reports whether the client got an answer to an initialize that is
	// still under way at the server. What it says then does not wait for that.
	Provisional() bool
	// Keep takes a notification of a client that has no session yet; false says that
	// it is to be sent.
	Keep(m jsonrpc.Message) bool
}

// AwaitedOnly is the SignIn of a run in which nothing answers for the server.
type AwaitedOnly func() bool

// Awaited implements SignIn.
func (f AwaitedOnly) Awaited() bool { return f() }

// Provisional implements SignIn.
func (AwaitedOnly) Provisional() bool { return false }

// Keep implements SignIn.
func (AwaitedOnly) Keep(jsonrpc.Message) bool { return false }

// run is one Run. What is under way is in its state.
type run struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	out    *output
	looked int // requests that were looked at for what the client is called

	mu       sync.Mutex
	state    state
	done     chan struct{} // closed when the client has ended and nothing is under way
	doneOnce sync.Once

	work   sync.WaitGroup // of all goroutines
	more   chan *message  // for those that have carried one
	closed chan struct{}  // there will be no more
}

// read takes lines until they end or ctx does.
func (r *run) read(in io.Reader) {
	lines := r.lines(in)
	for {
		var l line
		select {
		case l = <-lines:
		case <-r.ctx.Done():
			return
		}
		var over *lineTooLongError
		switch {
		case l.err == nil:
			r.take(l.raw)
		case errors.As(l.err, &over):
			r.refuse(over.id, jsonrpc.CodeTooLarge, over.Error())
		case errors.Is(l.err, io.EOF):
			return
		default:
			r.cfg.Log.Warn("reading from the client failed", "error", l.err)
			return
		}
	}
}

// line is one of the client, or says why it is none.
type line struct {
	raw []byte
	err error // of lineReader.next
}

// lines reads in a goroutine of its own, so that the end of ctx is noticed
// while a read blocks.
func (r *run) lines(in io.Reader) <-chan line {
	lines := make(chan line)
	go func() {
		reader := newLineReader(in, r.cfg.MaxMessage)
		for {
			raw, err := reader.next()
			select {
			case lines <- line{raw, err}:
			case <-r.ctx.Done():
				return
			}
			if err != nil && !errors.As(err, new(*lineTooLongError)) {
				return
			}
		}
	}()
	return lines
}

// take handles one line of the client.
func (r *run) take(raw []byte) {
	m, err := jsonrpc.Parse(raw)
	switch {
	case len(m.Raw) == 0: // a blank line
	case errors.Is(err, jsonrpc.ErrSyntax):
		r.refuse(nil, jsonrpc.CodeParseError, "the line is not JSON")
	case err != nil:
		r.refuse(m.ID, jsonrpc.CodeInvalidRequest, "the line is not a JSON-RPC message")
	case m.Kind == jsonrpc.Batch:
		r.batch(m)
	default:
		r.dispatch(m, nil)
	}
}

// refuse answers what is no message.
func (r *run) refuse(id []byte, code int, message string) {
	r.say(nil, refusal(id, code, message))
}

// drain gives what is under way a little time after stdin has ended; a
// person's login is not waited for.
func (r *run) drain() {
	limit := time.NewTimer(r.cfg.DrainTimeout)
	defer limit.Stop()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-r.done:
			return
		case <-limit.C:
			return
		case <-r.ctx.Done():
			return
		case <-look.C:
			if r.cfg.SignIn.Awaited() {
				return
			}
		}
	}
}
