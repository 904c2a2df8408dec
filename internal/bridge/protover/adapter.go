package protover

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/jsonrpc"
)

// Server is the remote side; package upstream has the real one.
type Server interface {
	jsonrpc.Stage
	// Probe sends one request of 2026-07-28 and returns the HTTP status (0 for
	// none) and the answer in JSON-RPC, if there was one; otherwise an error.
	Probe(ctx context.Context, m jsonrpc.Message) (status int, answer jsonrpc.Message, err error)
}

// Config of an Adapter. Server is required.
type Config struct {
	// Server is the remote side.
	Server Server
	// Memory keeps what is known of the server; nil keeps it for this run
	// only.
	Memory Memory
	// Name is what the server is called where it does not say: its host.
	Name string
	// Log gets the decisions; nil discards them.
	Log *slog.Logger
}

// translator speaks to the server for one kind of client.
type translator interface {
	// send carries a message of the client.
	send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error
	// unasked takes what the server says by itself.
	unasked(m jsonrpc.Message)
	// close ends what is under way; wait waits for it.
	close()
	wait()
}

// Adapter is the [jsonrpc.Stage] between a client and a server that may be of
// different revisions.
type Adapter struct {
	cfg      Config
	log      *slog.Logger
	choosing *semaphore.Weighted // a mutex: held while it is found out what the server speaks

	// done says that client and server keep a session with each other: nothing is left
	// to translate.
	done atomic.Bool

	mu           sync.Mutex
	toClient     jsonrpc.Sink
	translator   translator // nil until it is known
	clientWarned bool       // the client's probe was answered with "sessions only"
	closed       bool
}

// New returns an Adapter. Nothing is sent yet.
func New(cfg Config) *Adapter {
	l := &Adapter{cfg: cfg, log: cfg.Log, choosing: semaphore.NewWeighted(1), toClient: jsonrpc.Discard}
	if l.log == nil {
		l.log = slog.New(slog.DiscardHandler)
	}
	if l.cfg.Memory == nil {
		l.cfg.Memory = &memoryOfRun{}
	}
	cfg.Server.Unasked(jsonrpc.SinkFunc(l.takeUnasked))
	return l
}

// Unasked implements jsonrpc.Stage.
func (l *Adapter) Unasked(sink jsonrpc.Sink) {
	l.mu.Lock()
	l.toClient = sink
	l.mu.Unlock()
}

// Skip implements jsonrpc.Skipper: when client and server keep a session, the adapter has
// to see what begins another one, and requests of 2026-07-28.
func (l *Adapter) Skip(m jsonrpc.Message) jsonrpc.Stage {
	if !l.done.Load() || m.Method == "initialize" || m.Revision() != "" {
		return nil
	}
	return l.cfg.Server
}

// leave ends the part of the adapter: client and server keep a session.
func (l *Adapter) leave() {
	l.use(passThrough{l})
	l.mu.Lock()
	client := l.toClient
	l.mu.Unlock()
	l.cfg.Server.Unasked(client)
	l.done.Store(true)
}

// enter begins it again.
func (l *Adapter) enter() {
	if l.done.Swap(false) {
		l.cfg.Server.Unasked(jsonrpc.SinkFunc(l.takeUnasked))
	}
}

// tellClient hands a message to the client that belongs to no request.
func (l *Adapter) tellClient(m jsonrpc.Message) {
	l.mu.Lock()
	sink := l.toClient
	l.mu.Unlock()
	sink.Message(m)
}

// takeUnasked takes what the server says by itself.
func (l *Adapter) takeUnasked(m jsonrpc.Message) {
	if s := l.current(); s != nil {
		s.unasked(m)
		return
	}
	l.tellClient(m)
}

func (l *Adapter) current() translator {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.translator
}

// use puts a translator in place of the one before; after Close none.
func (l *Adapter) use(s translator) translator {
	l.mu.Lock()
	before, closed := l.translator, l.closed
	if !closed {
		l.translator = s
	}
	l.mu.Unlock()
	if before != nil && before != s {
		before.close()
	}
	if closed {
		s.close()
	}
	return s
}

// forget gives up a side and the verdict that led to it; the client's next
// request finds out anew.
func (l *Adapter) forget(s translator) {
	l.cfg.Memory.Keep(Unknown)
	l.mu.Lock()
	if l.translator == s {
		l.translator, l.clientWarned = nil, false
	}
	l.mu.Unlock()
	s.close()
}

// keep keeps a verdict that is new.
func (l *Adapter) keep(s Support) {
	if l.cfg.Memory.Recall() != s {
		l.cfg.Memory.Keep(s)
	}
}

// Close ends the session and everything that is under way. ctx bounds the wait
// for whoever still delivers a message.
func (l *Adapter) Close(ctx context.Context) error {
	l.mu.Lock()
	s := l.translator
	l.closed = true
	l.mu.Unlock()
	if s == nil {
		return l.cfg.Server.Close(ctx)
	}
	s.close()
	err := l.cfg.Server.Close(ctx)
	done := make(chan struct{})
	go func() { s.wait(); close(done) }()
	select {
	case <-done:
		return err
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// Send carries one message of the client. For a request it returns when the
// answer was delivered. The first message decides: initialize is a client with
// sessions, a revision inside _meta one of 2026-07-28 or of both kinds.
func (l *Adapter) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch {
	case m.Kind == jsonrpc.Request && m.Method == "initialize":
		return l.initialize(ctx, m, sink)
	case m.Kind == jsonrpc.Request && m.Param("_meta", jsonrpc.MetaRevision) != nil:
		return l.sendStateless(ctx, m, sink)
	}
	if s := l.current(); s != nil {
		return s.send(ctx, m, sink)
	}
	return l.cfg.Server.Send(ctx, m, sink)
}

// initialize opens a session for a client that asks for one. Where the server knows
// none, it is emulated.
func (l *Adapter) initialize(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if l.choosing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer l.choosing.Release(1)
	l.enter()
	if l.cfg.Memory.Recall().includes(Sessions) {
		wrong, err := l.trySession(ctx, m, sink)
		if !wrong {
			return err
		}
		l.cfg.Memory.Keep(Unknown) // it no longer is what it was
	}
	played := newSessionClient(l, m)
	found := l.probe(ctx, played.discover())
	if found.support == Unknown && found.err == nil {
		// The server may have been slow. If it refuses this too, it is awake
		// now, and worth a second look.
		wrong, err := l.trySession(ctx, m, sink)
		if !wrong {
			return err
		}
		found = l.probe(ctx, played.discover())
	}
	switch {
	case found.err != nil:
		return found.err
	case found.support == Stateless && l.offerSession(ctx, played.offer(), sink):
		return nil
	case found.support == Stateless:
		l.emulateSession(played, m, found.answer, sink)
		return nil
	}
	opened := false
	err := l.cfg.Server.Send(ctx, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		opened = opened || reply.Answers(m) && reply.Result != nil
		sink.Message(reply)
	}))
	if err == nil && opened {
		l.keep(found.support)
		l.leave()
	}
	return err
}

// offerTimeout is how long a server that lists no revision with sessions may take
// over initialize.
const offerTimeout = 10 * time.Second

// offerSession sends the initialize m to a server that lists only revisions without sessions.
// Servers of both kinds made with version 2 of the TypeScript SDK do so: what begins
// with initialize is not listed there. taken says that a session was opened, and the
// answer delivered behind what the server has said before it; any other answer is
// nobody's.
func (l *Adapter) offerSession(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) (taken bool) {
	ctx, stop := context.WithTimeout(ctx, offerTimeout)
	defer stop()
	var opened jsonrpc.Message
	var said []jsonrpc.Message
	err := l.cfg.Server.Send(ctx, m, jsonrpc.SinkFunc(func(one jsonrpc.Message) {
		said = append(said, one)
		if one.Answers(m) {
			opened = one
		}
	}))
	version, _ := jsonrpc.Text(jsonrpc.Member(opened.Result, "protocolVersion"))
	if err != nil || !jsonrpc.KeepsSession(version) {
		return false
	}
	l.keep(Both)
	l.leave()
	for _, one := range said {
		sink.Message(one)
	}
	return true
}

// emulateSession answers initialize out of the server's answer to the probe, and stands
// for the session from then on.
func (l *Adapter) emulateSession(played *sessionClient, m, discovered jsonrpc.Message, sink jsonrpc.Sink) {
	l.keep(Stateless)
	if discovered.Result == nil {
		sink.Message(jsonrpc.Built(jsonrpc.WithError(m.ID, discovered.Error)))
		return
	}
	l.log.Debug("the server speaks only " + jsonrpc.Stateless + "; sessions are played for the client")
	answer := played.begin(discovered)
	l.use(played)
	sink.Message(answer)
}

// trySession sends initialize to a server that should know sessions. wrong is an
// answer that a server without them may give; then nothing was delivered.
func (l *Adapter) trySession(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) (wrong bool, err error) {
	l.use(passThrough{l})
	var refused jsonrpc.Message
	opened := false
	err = l.cfg.Server.Send(ctx, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Answers(m) && reply.Error != nil {
			refused = reply
			return
		}
		opened = opened || reply.Answers(m)
		sink.Message(reply)
	}))
	switch {
	case opened:
		l.leave()
	case refused.Raw != nil && (fromStatelessServer(refused.Error) || errorCode(refused.Error) == jsonrpc.CodeMethodNotFound || errorCode(refused.Error) == jsonrpc.CodeInvalidParams):
		return true, nil
	case refused.Raw != nil:
		sink.Message(refused)
	case err != nil && notSupported(err):
		return true, nil
	}
	return false, err
}

// statusError is an error that knows the HTTP status.
type statusError interface{ HTTPStatus() int }

// status returns the HTTP status of an error, 0 for none.
func status(err error) int {
	var known statusError
	if errors.As(err, &known) {
		return known.HTTPStatus()
	}
	return 0
}

// notSupported reports whether an HTTP refusal says that what was sent is not
// known there; logins, outages and broken lines say nothing.
func notSupported(err error) bool {
	switch status(err) {
	case 400, 404, 405, 406, 415, 422:
		return true
	}
	return false
}

// passThrough carries messages as they are.
type passThrough struct{ l *Adapter }

func (r passThrough) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	return r.l.cfg.Server.Send(ctx, m, sink)
}

func (r passThrough) unasked(m jsonrpc.Message) { r.l.tellClient(m) }

func (passThrough) close() {}

func (passThrough) wait() {}
