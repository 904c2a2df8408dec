package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/sse"
)

// streamable is the Streamable HTTP transport of 2025-03-26 and later.
type streamable struct {
	u        *Upstream
	accepted func() // called when the server takes a POST

	mu          sync.Mutex
	session     string // Mcp-Session-Id in force
	version     string // negotiated protocol version
	initialize  jsonrpc.Message
	initialized jsonrpc.Message
	listening   bool

	renew sync.Mutex // held while a lost session is replaced
}

func newStreamable(u *Upstream) *streamable { return &streamable{u: u, accepted: func() {}} }

// send posts m. A session that the server has forgotten is replaced once, and
// m sent again (G3).
func (s *streamable) send(ctx context.Context, m jsonrpc.Message, deliver Deliver) error {
	s.remember(m)
	session := s.currentSession()
	err := s.post(ctx, m, deliver)
	if errors.Is(err, errSessionLost) {
		if err = s.replaceSession(ctx, session); err == nil {
			err = s.post(ctx, m, deliver)
		}
		if errors.Is(err, errSessionLost) {
			err = &Error{Reason: Refused, Status: http.StatusNotFound, Err: err, Hint: "restart the client"}
		}
	}
	if err == nil && m.Method == "notifications/initialized" {
		// The client's next message waits a moment for the server's stream:
		// what the server says while it works on it would be lost without.
		_ = until(ctx, s.listen(), streamPatience)
	}
	return err
}

// remember keeps what a replacement session has to begin with.
func (s *streamable) remember(m jsonrpc.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch m.Method {
	case "initialize":
		s.initialize, s.session, s.version = m, "", ""
	case "notifications/initialized":
		s.initialized = m
	}
}

func (s *streamable) currentSession() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

// replaceSession opens a new session with the client's own initialize, unless
// another message has done so since lost was in force.
func (s *streamable) replaceSession(ctx context.Context, lost string) error {
	s.renew.Lock()
	defer s.renew.Unlock()
	s.mu.Lock()
	if s.session != lost {
		s.mu.Unlock()
		return nil
	}
	// The lost session stays in place meanwhile: whoever still sends it meets
	// the same 404 and waits here.
	first, second := s.initialize, s.initialized
	s.mu.Unlock()
	if first.Raw == nil {
		return errSessionLost
	}
	s.u.log.Debug("the server forgot the session; opening another one")
	if err := s.post(ctx, first, func(jsonrpc.Message) {}); err != nil {
		return fmt.Errorf("open a new session: %w", err)
	}
	if second.Raw == nil {
		return nil
	}
	if err := s.post(ctx, second, func(jsonrpc.Message) {}); err != nil {
		return fmt.Errorf("open a new session: %w", err)
	}
	s.listen() // the old session's stream has ended with it
	return nil
}

// request builds a request with the headers of the negotiated revision (G1,
// G2), or those of the message's own one.
func (s *streamable) request(ctx context.Context, method string, m jsonrpc.Message) (req *http.Request, session string, err error) {
	req, err = s.u.newRequest(ctx, method, s.u.cfg.Endpoint, m.Raw)
	if err != nil {
		return nil, "", err
	}
	if version := modernVersion(m); version != "" {
		setModern(req.Header, m, version)
		return req, "", nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.Method == "initialize" {
		return req, "", nil
	}
	if s.version != "" {
		req.Header.Set(headerVersion, s.version)
	}
	if s.session != "" {
		req.Header.Set(headerSession, s.session)
	}
	return req, s.session, nil
}

// post sends m once and follows its answer to the end.
func (s *streamable) post(ctx context.Context, m jsonrpc.Message, deliver Deliver) error {
	req, session, err := s.request(ctx, http.MethodPost, m)
	if err != nil {
		return err
	}
	resp, err := s.u.do(req)
	if err != nil {
		return err
	}
	defer discard(resp)
	switch {
	case resp.StatusCode == http.StatusNotFound && session != "":
		return errSessionLost
	case resp.StatusCode < 200 || resp.StatusCode >= 300:
		return refusal(resp, m, deliver)
	}
	s.accepted()
	if m.Kind != jsonrpc.Request && m.Kind != jsonrpc.Batch {
		return nil // taken; a body has no meaning (G5)
	}
	if m.Method == "initialize" {
		deliver = s.negotiated(m, resp.Header.Get(headerSession), deliver)
	}
	switch mediaType(resp) {
	case typeJSON:
		return s.body(resp, m, deliver)
	case typeSSE:
		return s.stream(ctx, resp, m, deliver)
	}
	if m.Kind == jsonrpc.Batch {
		return nil // notifications and responses only
	}
	return notMCP(resp)
}

func notMCP(resp *http.Response) error {
	what := resp.Header.Get("Content-Type")
	if what == "" {
		what = "no content"
	}
	return &Error{
		Reason: NotMCP, Status: resp.StatusCode,
		Err:  fmt.Errorf("this does not look like an MCP server: it answered a request with %s", excerpt([]byte(what))),
		Hint: "is this the address of an MCP server? It usually ends in /mcp or /sse",
	}
}

// negotiated takes session and version from the answer to initialize before
// the client sees it, so that its next message already carries them.
func (s *streamable) negotiated(m jsonrpc.Message, session string, deliver Deliver) Deliver {
	return func(answer jsonrpc.Message) {
		if answer.Result != nil && answers(answer, m) {
			version, _ := jsonrpc.Text(jsonrpc.Member(answer.Result, "protocolVersion"))
			s.mu.Lock()
			s.version, s.session = version, visibleASCII(session)
			s.mu.Unlock()
		}
		deliver(answer)
	}
}

// visibleASCII returns s if it may be a session id, else "".
func visibleASCII(s string) string {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return ""
		}
	}
	return s
}

// body delivers a JSON answer.
func (s *streamable) body(resp *http.Response, m jsonrpc.Message, deliver Deliver) error {
	raw, err := s.u.read(resp)
	if err != nil {
		return err
	}
	answered, err := deliverAll(raw, m, deliver)
	switch {
	case err != nil:
		return &Error{Reason: NotMCP, Status: resp.StatusCode, Err: fmt.Errorf("the server's answer is no JSON-RPC: %w", err)}
	case !answered:
		return noAnswer(resp.StatusCode)
	}
	return nil
}

func noAnswer(status int) error {
	return &Error{Reason: Interrupted, Status: status, Err: errors.New("the server's reply does not hold the answer"), Hint: "the server may have done what it was asked"}
}

// deliverAll delivers one text from the server: a message, or a batch of them
// (G10), each as one line. answered tells whether m was answered.
func deliverAll(raw []byte, m jsonrpc.Message, deliver Deliver) (answered bool, err error) {
	one, err := jsonrpc.Parse(jsonrpc.Squeeze(raw))
	if err != nil {
		return false, err
	}
	if one.Kind != jsonrpc.Batch || m.Kind == jsonrpc.Batch {
		deliver(one)
		return answers(one, m), nil
	}
	for _, element := range jsonrpc.Elements(one.Raw) {
		part, err := jsonrpc.Parse(element)
		if err != nil {
			return answered, err
		}
		answered = answered || answers(part, m)
		deliver(part)
	}
	return answered, nil
}

func answers(reply, m jsonrpc.Message) bool {
	if m.Kind != jsonrpc.Request {
		return true
	}
	return reply.Kind == jsonrpc.Response && jsonrpc.Key(reply.ID) == jsonrpc.Key(m.ID)
}

// stream delivers an event stream until the answer has come, resuming it where
// it broke off if the server gave event ids (G7, G8).
func (s *streamable) stream(ctx context.Context, resp *http.Response, m jsonrpc.Message, deliver Deliver) error {
	c := cursor{}
	for {
		answered, err := s.events(resp, m, deliver, &c)
		if answered {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if m.Kind == jsonrpc.Batch && err == nil {
			return nil // whether each of its requests was answered is for the caller to see
		}
		var told *Error
		if errors.As(err, &told) {
			return err // not the line, but what came over it
		}
		if c.lastID == "" || modernVersion(m) != "" {
			return interrupted(err)
		}
		if resp, err = s.resume(ctx, &c); err != nil {
			return err
		}
	}
}

func interrupted(cause error) error {
	text := errors.New("the server ended the stream before the answer")
	if cause != nil {
		text = fmt.Errorf("the stream broke before the answer: %w", cause)
	}
	return &Error{Reason: Interrupted, Err: text, Hint: "the server may have done what it was asked; look before you repeat it"}
}

// cursor is how far a stream was read.
type cursor struct {
	lastID   string
	retry    time.Duration
	failures int
}

// afterAnswer is how long an answered stream may stay open; most end at once,
// and the connection can be used again.
const afterAnswer = 2 * time.Second

// events reads one response to its end. A broken stream gives the error, a
// clean end none.
func (s *streamable) events(resp *http.Response, m jsonrpc.Message, deliver Deliver, c *cursor) (answered bool, err error) {
	defer func() { _ = resp.Body.Close() }()
	var expire *time.Timer
	defer func() {
		if expire != nil {
			expire.Stop()
		}
	}()
	r := sse.NewReader(resp.Body, s.u.cfg.MaxMessage)
	for {
		e, err := r.Next()
		if err != nil {
			return answered, cleanEnd(err)
		}
		c.note(e)
		if e.TooLarge {
			return answered, s.u.tooLarge()
		}
		if len(e.Data) == 0 || e.Type != sse.DefaultType {
			continue
		}
		done, parseErr := deliverAll(e.Data, m, deliver)
		if parseErr != nil {
			s.u.log.Warn("dropped an event that is no JSON-RPC message", "bytes", len(e.Data))
			continue
		}
		if done && !answered && m.Kind == jsonrpc.Request {
			answered = true
			expire = time.AfterFunc(afterAnswer, func() { _ = resp.Body.Close() })
		}
	}
}

func (c *cursor) note(e sse.Event) {
	if e.LastID != "" {
		c.lastID = e.LastID
	}
	if e.HasRetry {
		c.retry = e.Retry
	}
	c.failures = 0
}

// close ends the session at the server (G4); 405 says that it does not mind.
func (s *streamable) close(ctx context.Context) error {
	s.mu.Lock()
	session := s.session
	s.mu.Unlock()
	if session == "" {
		return nil
	}
	req, _, err := s.request(ctx, http.MethodDelete, jsonrpc.Message{})
	if err != nil {
		return err
	}
	resp, err := s.u.do(req)
	if err != nil {
		return fmt.Errorf("end the session: %w", err)
	}
	discard(resp)
	s.mu.Lock()
	s.session = ""
	s.mu.Unlock()
	return nil
}
