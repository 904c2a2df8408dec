package bridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/jsonrpc"
)

// Limits of one run.
const (
	// DefaultDrainTimeout is what requests under way get when stdin ends.
	DefaultDrainTimeout = 2 * time.Second
	// farewellTimeout bounds the end of the session at the server.
	farewellTimeout = 2 * time.Second
	// maxInFlight is how many requests run side by side; further ones wait
	// in stdin.
	maxInFlight = 1024
	// maxQueued is how many notifications wait for those before them.
	maxQueued = 256
)

// Config of a run. Upstream is required.
type Config struct {
	// Upstream is the remote server. Run closes it.
	Upstream *upstream.Upstream
	// DrainTimeout is how long requests under way may take after stdin has
	// ended; zero means DefaultDrainTimeout.
	DrainTimeout time.Duration
	// AwaitingPerson reports that requests wait for a person to sign in. They
	// are not waited for after stdin has ended. May be nil.
	AwaitingPerson func() bool
	// MaxMessage bounds one message from the client in bytes; 0 is no limit.
	MaxMessage int
	// Log gets what happens; nil discards it.
	Log *slog.Logger
}

// Run relays until in ends, ctx does, or out fails. It returns nil when in
// ended or ctx did, after every request was answered and the session ended.
// A read from in that blocks after ctx has ended is left behind.
func Run(ctx context.Context, in io.Reader, out io.Writer, cfg Config) error {
	if cfg.DrainTimeout == 0 {
		cfg.DrainTimeout = DefaultDrainTimeout
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(errClosing)
	r := &run{cfg: cfg, ctx: ctx, cancel: cancel, calls: newCalls(), slots: make(chan struct{}, maxInFlight), lane: make(chan queued, maxQueued)}
	r.out = &output{w: out, failed: func(err error) { cancel(fmt.Errorf("write to the client: %w", err)) }}
	cfg.Upstream.Unasked(func(m jsonrpc.Message) { r.fromServer(nil, m) })
	r.laneDone.Go(r.drive)

	err := r.read(in)
	if err == nil {
		r.drain()
	}
	cancel(errClosing)
	close(r.lane)
	r.laneDone.Wait()
	r.work.Wait()
	farewell, stop := context.WithTimeout(context.WithoutCancel(ctx), farewellTimeout)
	defer stop()
	if closeErr := cfg.Upstream.Close(farewell); closeErr != nil {
		cfg.Log.Debug("the session was not ended at the server", "error", closeErr)
	}
	return err
}

// run is the state of one Run. Its methods up to dispatch belong to the
// goroutine that reads.
type run struct {
	cfg    Config
	ctx    context.Context
	cancel context.CancelCauseFunc
	out    *output
	calls  *calls
	slots  chan struct{} // one for each request under way
	work   sync.WaitGroup

	lane     chan queued // notifications and responses, in order
	laneDone sync.WaitGroup

	gate <-chan struct{} // what the next message waits for; nil is nothing
}

// queued is a message in the lane.
type queued struct {
	m     jsonrpc.Message
	gate  <-chan struct{}
	after func()
}

// read takes lines until they end. It returns nil at the end of in and when
// ctx ends, an error when the client can no longer be written to.
func (r *run) read(in io.Reader) error {
	lines, failure := r.lines(in)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				if err := <-failure; err != nil {
					r.cfg.Log.Warn("reading from the client failed", "error", err)
				}
				return r.writeError()
			}
			r.take(line)
		case <-r.ctx.Done():
			return r.writeError()
		}
	}
}

func (r *run) writeError() error {
	r.out.mu.Lock()
	defer r.out.mu.Unlock()
	if r.out.err != nil {
		return fmt.Errorf("write to the client: %w", r.out.err)
	}
	return nil
}

// lines reads in a goroutine of its own, so that the end of ctx is noticed
// while a read blocks. A nil line stands for one that was too long.
func (r *run) lines(in io.Reader) (<-chan []byte, <-chan error) {
	lines, failure := make(chan []byte), make(chan error, 1)
	go func() {
		defer close(lines)
		reader := newLineReader(in, r.cfg.MaxMessage)
		for {
			line, err := reader.next()
			if err != nil && !errors.Is(err, errLineTooLong) {
				if errors.Is(err, io.EOF) {
					err = nil
				}
				failure <- err
				return
			}
			select {
			case lines <- line:
			case <-r.ctx.Done():
				failure <- nil
				return
			}
		}
	}()
	return lines, failure
}

// take handles one line of the client.
func (r *run) take(line []byte) {
	if line == nil {
		r.out.line(jsonrpc.ErrorResponse(nil, CodeTooLarge, errLineTooLong.Error(), errorData{Source: "mcp-login"}))
		return
	}
	m, err := jsonrpc.Parse(line)
	switch {
	case len(m.Raw) == 0: // a blank line
	case errors.Is(err, jsonrpc.ErrSyntax):
		r.out.line(jsonrpc.ErrorResponse(nil, jsonrpc.CodeParseError, "the line is not JSON", errorData{Source: "mcp-login"}))
	case err != nil:
		r.out.line(jsonrpc.ErrorResponse(m.ID, jsonrpc.CodeInvalidRequest, "the line is not a JSON-RPC message", errorData{Source: "mcp-login"}))
	default:
		r.dispatch(m)
	}
}

// drain gives requests under way a little time after stdin has ended; a
// person's login is not waited for.
func (r *run) drain() {
	limit := time.NewTimer(r.cfg.DrainTimeout)
	defer limit.Stop()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-r.calls.idle():
			return
		case <-limit.C:
			return
		case <-r.ctx.Done():
			return
		case <-look.C:
			if r.cfg.AwaitingPerson != nil && r.cfg.AwaitingPerson() {
				return
			}
		}
	}
}
