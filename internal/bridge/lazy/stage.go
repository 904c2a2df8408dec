package lazy

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Memory keeps records from run to run. It is safe for concurrent use.
type Memory interface {
	// Owner recognizes whose answers the server gives at this moment: who has signed in,
	// and whatever else it may go by. "" is nobody for whom anything may be kept.
	Owner() string
	// Recall returns what was kept under a name, nil for nothing.
	Recall(name string) []byte
	// Keep replaces it. What it cannot keep it forgets, so that nothing old is told for ever.
	Keep(name string, record []byte)
}

// Config of a Stage. Server and Memory are required.
type Config struct {
	// Server is the stage below.
	Server jsonrpc.Stage
	// Memory keeps what the server says.
	Memory Memory
	// Provisional reports whether an answer to initialize is not the server's, at the moment
	// at which it comes. nil: every answer is the server's.
	Provisional func() bool
	// Log gets what happens; nil discards it.
	Log *slog.Logger
}

// phase says who answers the client.
type phase int

const (
	starting phase = iota // nobody yet
	standing              // the stage, with what is kept
	passing               // the server
)

// told is a list that the client was told here.
type told struct {
	request jsonrpc.Message
	outcome
}

// Stage is a [jsonrpc.Stage] that answers a client's start with what is kept.
type Stage struct {
	cfg     Config
	ctx     context.Context // ends with Close
	stop    context.CancelFunc
	work    sync.WaitGroup
	recall  sync.Once
	saving  sync.Mutex // held while a record is kept
	unowned sync.Once  // the warning that nobody is known for whom anything is kept

	mu      sync.Mutex // held for no call to anywhere
	unasked jsonrpc.Sink
	phase   phase
	name    string // of the record
	owner   string // the one who is answered
	record  record
	saved   string // the record as it is kept
	refused string // the hello of a server/discover of this run that led to no result
	client  string // the hello of the session

	opening     jsonrpc.Message  // an initialize that was answered here
	description []byte           // the result that it got
	initialized *jsonrpc.Message // the client's notification, for the real session
	told        map[string]told  // by method
	connecting  *retry.Call[jsonrpc.Message]

	partial map[string][]byte // lists of which the client has asked for some pages, by method
}

// New returns a Stage.
func New(cfg Config) *Stage {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Provisional == nil {
		cfg.Provisional = func() bool { return false }
	}
	s := &Stage{cfg: cfg, unasked: jsonrpc.Discard, told: map[string]told{}, partial: map[string][]byte{}}
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
	s.stop() // nothing is begun from now on
	s.mu.Unlock()
	err := s.cfg.Server.Close(ctx)
	return errors.Join(err, retry.Await(ctx, s.work.Wait))
}

// Skip implements jsonrpc.Skipper: when the server answers, only what is kept has to be
// looked at.
func (s *Stage) Skip(m jsonrpc.Message) jsonrpc.Stage {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, listed := listOf(m); s.phase != passing || opens(m) || listed {
		return nil
	}
	return s.cfg.Server
}

// Send implements jsonrpc.Stage.
func (s *Stage) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	switch {
	case m.Kind == jsonrpc.Notification && s.hold(m):
		return nil
	case m.Kind != jsonrpc.Request:
		return s.pass(ctx, m, sink)
	}
	answer, connect := s.answer(m)
	if (answer != nil || connect) && !s.owned() {
		answer, connect = s.answer(m)
	}
	switch {
	case answer != nil:
		sink.Message(jsonrpc.Built(answer))
		return nil
	case connect:
		opened, err := s.connect(ctx)
		switch {
		case err != nil:
			return err
		case opened.Error != nil:
			sink.Message(jsonrpc.Built(jsonrpc.WithError(m.ID, opened.Error)))
			return nil
		case opened.Result == nil: // no answer to initialize, and so none to this
			return nil
		}
	}
	return s.observe(ctx, m, sink)
}

// owned reports whether it is still the same one whose answers are kept. When somebody else has
// signed in since the client began, or nobody is signed in any more, what is kept is dropped, and
// whatever the client was told has changed.
func (s *Stage) owned() bool {
	owner := s.cfg.Memory.Owner()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.owner == owner {
		return true
	}
	s.owner, s.record = owner, record{}
	for method, was := range s.told {
		s.told[method] = told{request: was.request}
	}
	return false
}

// forget drops what is kept and what the client was told: what it hears from now on is not the
// server's.
func (s *Stage) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.record, s.told, s.refused = record{}, map[string]told{}, ""
}

// pass carries a message to the server.
func (s *Stage) pass(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	return jsonrpc.First(s.cfg.Server, m).Send(ctx, m, sink)
}

// tell gives the client what the server says beside an answer.
func (s *Stage) tell(m jsonrpc.Message) {
	s.mu.Lock()
	unasked := s.unasked
	s.mu.Unlock()
	unasked.Message(m)
}

// hold takes a notification of a client of which the server does not know.
// notifications/initialized is sent on later; whatever else is said is about nothing that the
// server has seen.
func (s *Stage) hold(m jsonrpc.Message) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != standing {
		return false
	}
	if m.Method == "notifications/initialized" {
		s.initialized = &m
	}
	return true
}

// answer answers a request with what is kept, nil for nothing. connect says that there has to
// be a session before the request can be sent.
func (s *Stage) answer(m jsonrpc.Message) (answer []byte, connect bool) {
	if m.Method == "initialize" || m.Stateless() {
		s.recall.Do(func() { s.remember(m) })
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase == passing {
		return nil, false
	}
	who := s.who(m)
	answer = s.record.answer(m, who)
	l, listed := listOf(m)
	switch {
	case who == "": // before anything has begun
		return nil, false
	case m.Method == "initialize" && answer != nil:
		s.cfg.Log.Debug("a client's start is answered with what the server has said the last time")
		s.phase, s.client, s.opening, s.description = standing, who, m, s.record.Opening
	case answer != nil && listed:
		s.phase, s.told[l.method] = standing, told{m, s.record.Lists[l.method]}
	case answer != nil:
		s.phase = standing
	case m.Method == "ping" && !m.Stateless():
		return jsonrpc.Result(m.ID, "{}"), false
	case m.Method != "initialize" && s.opening.Raw != nil:
		return nil, true
	default: // nothing is kept of it, or it needs no session
		if m.Method == "initialize" {
			s.told = map[string]told{} // in another session
		} else if s.record.Client != who {
			s.record = record{Owner: s.owner, Client: who}
		}
		s.begin()
	}
	return answer, false
}

// who is the hello that holds for a request: its own, or that of the session.
func (s *Stage) who(m jsonrpc.Message) string {
	if m.Method == "initialize" || m.Stateless() {
		return hello(m)
	}
	return s.client
}

// begin leaves the client to the server. Lists that it was told are kept again when the server
// has said the same, or what it says now. The caller holds mu.
func (s *Stage) begin() {
	before := s.told
	s.phase, s.told = passing, map[string]told{}
	for method := range before {
		delete(s.record.Lists, method)
	}
	if s.ctx.Err() == nil && (len(before) > 0 || s.opening.Raw != nil) {
		s.work.Go(func() { s.compare(before) })
	}
}

// remember reads what is kept for the client that says m.
func (s *Stage) remember(m jsonrpc.Message) {
	owner, name := s.cfg.Memory.Owner(), nameOf(m)
	raw := s.cfg.Memory.Recall(name)
	kept := decode(raw)
	if kept.Owner != owner {
		kept = record{}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.name, s.owner, s.record, s.saved = name, owner, kept, string(raw)
}
