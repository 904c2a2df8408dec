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
	"mcp-login/internal/retry"
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
	a := &Adapter{cfg: cfg, log: cfg.Log, choosing: semaphore.NewWeighted(1), toClient: jsonrpc.Discard}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.cfg.Memory == nil {
		a.cfg.Memory = &memoryOfRun{}
	}
	cfg.Server.Unasked(jsonrpc.SinkFunc(a.takeUnasked))
	return a
}

// Unasked implements jsonrpc.Stage.
func (a *Adapter) Unasked(sink jsonrpc.Sink) {
	a.mu.Lock()
	a.toClient = sink
	a.mu.Unlock()
}

// Skip implements jsonrpc.Skipper: when client and server keep a session, the adapter has
// to see what begins another one, and requests of 2026-07-28.
func (a *Adapter) Skip(m jsonrpc.Message) jsonrpc.Stage {
	if !a.done.Load() || m.Method == "initialize" || m.Revision() != "" {
		return nil
	}
	return a.cfg.Server
}

// leave ends the part of the adapter: client and server keep a session.
func (a *Adapter) leave() {
	a.use(passThrough{a})
	a.done.Store(true)
}

// tellClient hands a message to the client that belongs to no request.
func (a *Adapter) tellClient(m jsonrpc.Message) {
	a.mu.Lock()
	sink := a.toClient
	a.mu.Unlock()
	sink.Message(m)
}

// takeUnasked takes what the server says by itself.
func (a *Adapter) takeUnasked(m jsonrpc.Message) {
	if s := a.current(); s != nil {
		s.unasked(m)
		return
	}
	a.tellClient(m)
}

func (a *Adapter) current() translator {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.translator
}

// use puts a translator in place of the one before; after Close none.
func (a *Adapter) use(s translator) translator {
	a.mu.Lock()
	before, closed := a.translator, a.closed
	if !closed {
		a.translator = s
	}
	a.mu.Unlock()
	if before != nil && before != s {
		before.close()
	}
	if closed {
		s.close()
	}
	return s
}

// forget gives up a translator and what was known of the server; the client's next
// request finds out anew.
func (a *Adapter) forget(s translator) {
	a.cfg.Memory.Keep(Unknown)
	a.mu.Lock()
	if a.translator == s {
		a.translator, a.clientWarned = nil, false
	}
	a.mu.Unlock()
	s.close()
}

// keep keeps a Support that is new.
func (a *Adapter) keep(s Support) {
	if a.cfg.Memory.Recall() != s {
		a.cfg.Memory.Keep(s)
	}
}

// Close ends the session and everything that is under way. ctx bounds the wait
// for whoever still delivers a message.
func (a *Adapter) Close(ctx context.Context) error {
	a.mu.Lock()
	s := a.translator
	a.closed = true
	a.mu.Unlock()
	if s == nil {
		return a.cfg.Server.Close(ctx)
	}
	s.close()
	err := a.cfg.Server.Close(ctx)
	return errors.Join(err, retry.Await(ctx, s.wait))
}

// Send carries one message of the client. For a request it returns when the
// answer was delivered. The first message decides: initialize is a client with
// sessions, a revision inside _meta one of 2026-07-28 or of both kinds.
func (a *Adapter) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch {
	case m.Kind == jsonrpc.Request && m.Method == "initialize":
		return a.initialize(ctx, m, sink)
	case m.Kind == jsonrpc.Request && m.Param("_meta", jsonrpc.MetaRevision) != nil:
		return a.sendStateless(ctx, m, sink)
	}
	if s := a.current(); s != nil {
		return s.send(ctx, m, sink)
	}
	return a.cfg.Server.Send(ctx, m, sink)
}

// initialize opens a session for a client that asks for one. Where the server knows
// none, it is emulated.
func (a *Adapter) initialize(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if a.choosing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer a.choosing.Release(1)
	a.done.Store(false)
	if a.cfg.Memory.Recall().includes(Sessions) {
		wrong, err := a.trySession(ctx, m, sink)
		if !wrong {
			return err
		}
		a.cfg.Memory.Keep(Unknown) // it no longer is what it was
	}
	client := newSessionClient(a, m)
	found := a.probe(ctx, client.discover())
	if found.support == Unknown && found.err == nil {
		// The server may have been slow. If it refuses this too, it is awake
		// now, and worth a second look.
		wrong, err := a.trySession(ctx, m, sink)
		if !wrong {
			return err
		}
		found = a.probe(ctx, client.discover())
	}
	switch {
	case found.err != nil:
		return found.err
	case found.support == Stateless && a.offerSession(ctx, client.offer(), sink):
		return nil
	case found.support == Stateless:
		a.emulateSession(client, m, found.answer, sink)
		return nil
	}
	opened := false
	err := a.cfg.Server.Send(ctx, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		opened = opened || reply.Answers(m) && reply.Result != nil
		sink.Message(reply)
	}))
	if err == nil && opened {
		a.keep(found.support)
		a.leave()
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
func (a *Adapter) offerSession(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) (taken bool) {
	ctx, stop := context.WithTimeout(ctx, offerTimeout)
	defer stop()
	var opened jsonrpc.Message
	var said []jsonrpc.Message
	err := a.cfg.Server.Send(ctx, m, jsonrpc.SinkFunc(func(one jsonrpc.Message) {
		said = append(said, one)
		if one.Answers(m) {
			opened = one
		}
	}))
	version, _ := jsonrpc.Text(jsonrpc.Member(opened.Result, "protocolVersion"))
	if err != nil || !jsonrpc.KeepsSession(version) {
		return false
	}
	a.keep(Both)
	a.leave()
	for _, one := range said {
		sink.Message(one)
	}
	return true
}

// emulateSession answers initialize out of the server's answer to the probe, and stands
// for the session from then on.
func (a *Adapter) emulateSession(client *sessionClient, m, discovered jsonrpc.Message, sink jsonrpc.Sink) {
	a.keep(Stateless)
	if discovered.Result == nil {
		sink.Message(jsonrpc.Built(jsonrpc.WithError(m.ID, discovered.Error)))
		return
	}
	a.log.Debug("the server speaks only " + jsonrpc.Stateless + "; a session is emulated for the client")
	answer := client.begin(discovered)
	a.use(client)
	sink.Message(answer)
}

// trySession sends initialize to a server that should know sessions. wrong is an
// answer that a server without them may give; then nothing was delivered.
func (a *Adapter) trySession(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) (wrong bool, err error) {
	a.use(passThrough{a})
	var refused jsonrpc.Message
	opened := false
	err = a.cfg.Server.Send(ctx, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Answers(m) && reply.Error != nil {
			refused = reply
			return
		}
		opened = opened || reply.Answers(m)
		sink.Message(reply)
	}))
	switch {
	case opened:
		a.leave()
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
type passThrough struct{ *Adapter }

func (r passThrough) send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	return r.cfg.Server.Send(ctx, m, sink)
}

func (r passThrough) unasked(m jsonrpc.Message) { r.tellClient(m) }

func (passThrough) close() {}

func (passThrough) wait() {}
