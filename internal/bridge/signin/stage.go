package signin

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Pending is a login that waits for its person.
type Pending struct {
	// URL is where the person signs in, and UserCode what is to be typed
	// there, "" for nothing.
	URL, UserCode string
	// Issuer is the authorization server that asks, "" when unknown.
	Issuer string
	// Since is when that began, in this process or another one; zero when unknown.
	Since time.Time
}

// Results keeps what servers answered to initialize, by the protocol version
// asked for.
type Results interface {
	// Recall returns the last result, nil when none is known.
	Recall(version string) []byte
	// Remember keeps a result.
	Remember(version string, result []byte)
}

// Config of a Stage. Server and Pending are required.
type Config struct {
	// Server is the stage below.
	Server jsonrpc.Stage
	// Pending returns the login that requests wait for, ok false when there is none.
	Pending func() (login Pending, ok bool)
	// Patience returns how long a client may be kept waiting, by its name in
	// clientInfo, "" when it gives none; zero means for ever, and so does nil. See
	// [PatienceOf].
	Patience func(client string) time.Duration
	// Results keeps servers' answers to initialize. May be nil.
	Results Results
	// Log gets what happens; nil discards it.
	Log *slog.Logger
}

// phase says who answers the client.
type phase int

const (
	passing  phase = iota // the server
	standing              // the stage; initialize is under way at the server
	failed                // the stage; the login came to nothing
)

// Stage is a [jsonrpc.Stage] that answers for the server while a person signs in.
type Stage struct {
	cfg  Config
	ctx  context.Context // ends with Close
	stop context.CancelFunc
	work sync.WaitGroup

	mu          sync.Mutex // held for no call to anywhere
	unasked     jsonrpc.Sink
	since       time.Time // when the client began to wait
	phase       phase
	answered    bool // the stage has answered an initialize in this run
	request     jsonrpc.Message
	told        string           // the version in the stage's answer
	initialized *jsonrpc.Message // the client's notification, kept for the real session
	reason      string           // why the login came to nothing
}

// New returns a Stage.
func New(cfg Config) *Stage {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Stage{cfg: cfg, unasked: jsonrpc.Discard}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// Unasked implements jsonrpc.Stage.
func (s *Stage) Unasked(sink jsonrpc.Sink) {
	s.mu.Lock()
	s.unasked = sink
	s.mu.Unlock()
	s.cfg.Server.Unasked(sink)
}

// Close implements jsonrpc.Stage.
func (s *Stage) Close(ctx context.Context) error {
	s.mu.Lock()
	s.stop() // again begins nothing from now on
	s.mu.Unlock()
	err := s.cfg.Server.Close(ctx)
	// What is under way has ended with the stage below, unless the client does not read.
	return errors.Join(err, retry.Await(ctx, s.work.Wait))
}

// Awaited implements bridge.SignIn: it reports whether a person is to sign in.
func (s *Stage) Awaited() bool {
	_, ok := s.cfg.Pending()
	return ok
}

// Provisional reports whether the client has an answer of the stage to an initialize
// that is still under way at the server.
func (s *Stage) Provisional() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == standing
}

// Skip implements jsonrpc.Skipper: as long as the server answers in time, only what
// begins has to be watched over.
func (s *Stage) Skip(m jsonrpc.Message) jsonrpc.Stage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answered || begins(m) {
		return nil
	}
	return s.cfg.Server
}

func begins(m jsonrpc.Message) bool {
	return m.Kind == jsonrpc.Request && (m.Method == "initialize" || m.Method == "server/discover")
}

// Send implements jsonrpc.Stage.
func (s *Stage) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch {
	case begins(m):
		return s.begin(ctx, m, sink)
	case m.Kind == jsonrpc.Notification && s.Keep(m):
		return nil
	case m.Kind == jsonrpc.Request:
		if answer := s.answer(m); answer != nil {
			sink.Message(jsonrpc.Built(answer))
			return nil
		}
	}
	return jsonrpc.First(s.cfg.Server, m).Send(ctx, m, sink)
}

// begin sends what a client begins with, and watches over it.
func (s *Stage) begin(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	patience := s.patience(m)
	switch {
	case patience <= 0:
		return s.cfg.Server.Send(ctx, m, sink)
	case m.Method == "initialize":
		return s.initialize(ctx, m, sink, patience)
	}
	return s.discover(ctx, m, sink, patience)
}

// firstAnswer is a sink that takes one answer to the request. It takes it whole.
type firstAnswer struct {
	request jsonrpc.Message
	sink    jsonrpc.Sink
	taken   atomic.Bool
	real    jsonrpc.Message // the server's
}

// take takes the right to the answer; only the first one succeeds.
func (f *firstAnswer) take() bool { return f.taken.CompareAndSwap(false, true) }

func (f *firstAnswer) Message(m jsonrpc.Message) {
	if !m.Answers(f.request) {
		f.sink.Message(m)
		return
	}
	f.real = m
	if f.take() {
		f.sink.Message(m)
	}
}

func (*firstAnswer) Pieces() jsonrpc.Pieces { return nil }

// initialize sends the client's initialize, and answers it when patience is over and a
// person is awaited. It returns when the server has answered too, and has taken over.
func (s *Stage) initialize(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink, patience time.Duration) error {
	if s.Provisional() { // the same session, for a client that begins again
		result, _ := s.provisional(m)
		sink.Message(jsonrpc.Built(jsonrpc.Result(m.ID, string(result))))
		return nil
	}
	s.mu.Lock()
	s.phase, s.request = passing, m
	s.mu.Unlock()
	first := &firstAnswer{request: m, sink: sink}
	here := false
	err := s.watch(ctx, first, patience, func() { here = s.answerInitialize(first) })
	s.remember(m, first.real)
	if !here {
		return err
	}
	s.arrived(ctx, first.real, err)
	return nil
}

// answerInitialize answers initialize, unless the server has done so.
func (s *Stage) answerInitialize(first *firstAnswer) bool {
	result, told := s.provisional(first.request)
	if !first.take() {
		return false
	}
	s.mu.Lock()
	s.phase, s.answered, s.told = standing, true, told
	s.mu.Unlock()
	first.sink.Message(jsonrpc.Built(jsonrpc.Result(first.request.ID, string(result))))
	return true
}

// provisional is the result for an initialize, and the version in it.
func (s *Stage) provisional(m jsonrpc.Message) (result []byte, version string) {
	asked, _ := jsonrpc.Text(m.Param("protocolVersion"))
	var known []byte
	if s.cfg.Results != nil {
		known = s.cfg.Results.Recall(asked)
	}
	login, _ := s.pending()
	result = provisionalResult(asked, known, login)
	version, _ = jsonrpc.Text(jsonrpc.Member(result, "protocolVersion"))
	return result, version
}

// remember keeps a server's answer to initialize for the next login.
func (s *Stage) remember(m, answer jsonrpc.Message) {
	if answer.Result != nil && s.cfg.Results != nil {
		version, _ := jsonrpc.Text(m.Param("protocolVersion"))
		s.cfg.Results.Remember(version, answer.Result)
	}
}

// discover sends the server/discover of a client that can do with or without sessions.
// While a person signs in there is nothing true to answer; so when patience is over the
// client hears that the method is not known here, begins a session, and has the
// provisional answer.
func (s *Stage) discover(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink, patience time.Duration) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	first := &firstAnswer{request: m, sink: sink}
	return s.watch(ctx, first, patience, func() {
		if first.take() {
			sink.Message(jsonrpc.Built(jsonrpc.Refusal(m.ID, jsonrpc.CodeMethodNotFound, "not known while a person signs in; begin with initialize", "")))
			cancel(context.Canceled)
		}
	})
}

// watch sends a request and returns when the server is done with it. late is called when
// patience is over before that, and a person is awaited.
func (s *Stage) watch(ctx context.Context, first *firstAnswer, patience time.Duration, late func()) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = s.cfg.Server.Send(ctx, first.request, first)
	}()
	if s.overdue(done, patience) {
		late()
	}
	<-done
	return err
}

// lookInterval is how often it is looked whether a person is awaited.
const lookInterval = 20 * time.Millisecond

// overdue waits until done, or until a person is awaited and patience is over: then it
// returns true. Patience begins with the first request of the client that
// cannot be answered, or with the login if that is older: a host may have waited for
// it before, with another process.
func (s *Stage) overdue(done <-chan struct{}, patience time.Duration) bool {
	since := s.waitsSince()
	look := time.NewTicker(lookInterval)
	defer look.Stop()
	for {
		select {
		case <-done:
			return false
		case <-look.C:
		}
		login, ok := s.cfg.Pending()
		if !login.Since.IsZero() && login.Since.Before(since) {
			since = login.Since
		}
		if ok && time.Since(since) >= patience {
			return true
		}
	}
}

// waitsSince is when the client began to wait.
func (s *Stage) waitsSince() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.since.IsZero() {
		s.since = time.Now()
	}
	return s.since
}

// arrived takes the server's answer to an initialize that was answered here, or why
// there is none. When the session is there it takes over: the server hears what the
// client has said meanwhile, and the client that the lists have changed.
func (s *Stage) arrived(ctx context.Context, answer jsonrpc.Message, err error) {
	if answer.Result == nil {
		s.fail(answer, err)
		return
	}
	s.forward(ctx, s.takeInitialized(standing))
	s.forward(ctx, s.takeInitialized(passing))
	s.mu.Lock()
	told, unasked := s.told, s.unasked
	s.mu.Unlock()
	if spoken, _ := jsonrpc.Text(jsonrpc.Member(answer.Result, "protocolVersion")); told != spoken {
		s.cfg.Log.Warn("the server speaks another protocol version than the client was told during the sign-in", "told", told, "server", spoken)
	}
	for _, list := range []string{"tools", "prompts", "resources"} {
		unasked.Message(jsonrpc.NewNotification("notifications/"+list+"/list_changed", nil))
	}
}

// takeInitialized returns the client's notification if it has come, and goes on to the
// next phase.
func (s *Stage) takeInitialized(next phase) *jsonrpc.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.initialized
	s.initialized, s.phase = nil, next
	return m
}

// fail notes why the login came to nothing.
func (s *Stage) fail(answer jsonrpc.Message, err error) {
	reason, _ := jsonrpc.Text(jsonrpc.Member(answer.Error, "message"))
	if answer.Error == nil {
		if err == nil {
			err = errors.New("the server's response does not contain the answer")
		}
		reason, _ = jsonrpc.Words(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.phase, s.reason = failed, foreign.Message(reason)
}

// forward sends the server what asks for no answer; nil is nothing.
func (s *Stage) forward(ctx context.Context, m *jsonrpc.Message) {
	if m == nil {
		return
	}
	if err := s.cfg.Server.Send(ctx, *m, jsonrpc.Discard); err != nil && ctx.Err() == nil {
		s.cfg.Log.Warn("a message of the client did not reach the server", "method", m.Method, "error", err)
	}
}

// again repeats initialize for a client that has had its answer.
func (s *Stage) again(m jsonrpc.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return
	}
	s.work.Go(func() {
		answer, err := jsonrpc.Ask(s.ctx, s.cfg.Server.Send, m, s.pass)
		s.remember(m, answer)
		s.arrived(s.ctx, answer, err)
	})
}

// pass gives the client what the server says.
func (s *Stage) pass(m jsonrpc.Message) {
	s.mu.Lock()
	unasked := s.unasked
	s.mu.Unlock()
	unasked.Message(m)
}

// pending is Config.Pending, fit to be shown.
func (s *Stage) pending() (Pending, bool) {
	login, ok := s.cfg.Pending()
	login.URL, login.UserCode = foreign.Address(login.URL), foreign.Line(login.UserCode)
	return login, ok
}
