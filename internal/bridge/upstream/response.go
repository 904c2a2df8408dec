package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/sse"
)

// answer is the response to one POST, and what follows it.
type response struct {
	s       *streamableConn
	session *session
	m       jsonrpc.Message
	sink    jsonrpc.Sink
	cut     context.CancelCauseFunc // ends the response

	resp   *http.Response // the latest, when the stream was resumed
	events *sse.Reader
	open   bool // answered, but the stream has not ended
	cursor cursor

	sniffed  bool // what it is was seen by its body alone
	answered bool // and it was the answer
}

// follow gives the sink everything up to the answer.
func (a *response) follow(ctx context.Context) error {
	switch {
	case a.resp.StatusCode == http.StatusNotFound && a.session.id != "" && !a.session.retried:
		return errSessionLost
	case mayMeanSessionLost(a.resp) && a.session.id != "" && !a.session.retried:
		return &sessionRefusal{a.resp, errorBody(a.resp)}
	case a.resp.StatusCode < 200 || a.resp.StatusCode >= 300:
		return a.s.rejected(a.resp, a.m, a.sink)
	}
	a.s.onAccepted()
	if a.m.Kind != jsonrpc.Request {
		return nil // taken; a body has no meaning (G5)
	}
	if a.m.Method == "initialize" && !a.m.Stateless() {
		a.initializeSession()
	}
	switch mediaType(a.resp) {
	case typeJSON:
		return a.readJSON(ctx)
	case typeSSE:
		return a.readEvents(ctx)
	case "", "text/plain", "application/octet-stream", "binary/octet-stream":
		return a.sniff(ctx)
	}
	return notMCP(a.resp)
}

// negotiate takes session and version from the answer to initialize before it
// is delivered.
func (a *response) initializeSession() {
	a.session.id = visibleASCII(a.resp.Header.Get(headerSession))
	sink := a.sink
	a.sink = jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Answers(a.m) {
			a.session.version, _ = jsonrpc.Text(jsonrpc.Member(reply.Result, "protocolVersion"))
			a.session.version = visibleASCII(a.session.version)
		}
		sink.Message(reply)
	})
}

// visibleASCII returns s if a header can carry it as it is, else "".
func visibleASCII(s string) string {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7e {
			return ""
		}
	}
	return s
}

// body delivers a JSON answer.
func (a *response) readJSON(ctx context.Context) error {
	release, err := a.s.u.backlog.admit(ctx, a.resp)
	if err != nil {
		return err
	}
	defer release()
	raw, rest, err := a.s.u.readAnswer(a.resp, a.m, a.sink, a.cut)
	if err != nil {
		return err
	}
	var answered bool
	if rest != nil {
		answered, err = rest.finish()
	} else {
		answered, err = a.s.u.deliver(raw, a.m, a.sink)
	}
	var told *Error
	switch {
	case errors.As(err, &told):
		return err
	case err != nil:
		return &Error{Reason: NotMCP, Status: a.resp.StatusCode, Err: fmt.Errorf("the server's answer is no JSON-RPC: %w", err), Hint: AddressHint}
	case a.sniffed && !a.answered:
		return notMCP(a.resp)
	case !answered:
		return noAnswer(a.resp.StatusCode)
	}
	return nil
}

func noAnswer(status int) error {
	return &Error{Reason: Interrupted, Status: status, Err: errors.New("the server's reply does not hold the answer"), Hint: doneHint}
}

// stream delivers an event stream until the answer has come, resuming it where
// it broke off if the server gave event ids (G7, G8).
func (a *response) readEvents(ctx context.Context) error {
	for {
		a.events = sse.NewReader(a.resp.Body, a.s.u.cfg.MaxMessage)
		a.events.SpillAt, a.events.Spill = spillSize, a.spill
		answered, err := a.s.read(a.events, a.m, a.sink, &a.cursor)
		if answered && a.sniffed && !a.answered {
			return notMCP(a.resp)
		}
		if answered {
			a.open = true
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		var told *Error
		if errors.As(err, &told) {
			return err // not the line, but what came over it
		}
		switch {
		case a.sniffed && err == nil:
			return notMCP(a.resp)
		case a.sniffed, a.cursor.lastID == "", a.m.Stateless():
			return interrupted(err)
		}
		_ = a.resp.Body.Close()
		resp, err := a.s.resume(ctx, *a.session, &a.cursor) //nolint:bodyclose // by whoever reads the stream
		if err != nil {
			return err
		}
		a.resp = resp
	}
}

// spill decides who takes the data of a large event.
func (a *response) spill(e *sse.Event) io.Writer {
	if a.open || e.Type != sse.DefaultType || len(a.m.ID) > maxStreamedID {
		return nil
	}
	resumable := (a.cursor.lastID != "" || e.LastID != "") && !a.m.Stateless()
	return a.s.u.newLargeAnswer(a.m, a.sink, resumable, a.cut)
}

func interrupted(cause error) error {
	text := errors.New("the server ended the stream before the answer")
	if cause != nil {
		text = fmt.Errorf("the stream broke before the answer: %w", cause)
	}
	return &Error{Reason: Interrupted, Err: text, Hint: doneHint}
}

// afterAnswer is how long an answered stream may stay open; most end at once,
// and the connection can be used again.
const drainTimeout = 2 * time.Second

// linger reads an answered stream to its end. What comes now belongs to no
// request any more.
func (a *response) drain() {
	shut := func() { _ = a.resp.Body.Close() }
	limit := time.AfterFunc(drainTimeout, shut)
	defer limit.Stop()
	defer shut()
	defer context.AfterFunc(a.s.u.ctx, shut)()
	for {
		if _, err := a.s.read(a.events, jsonrpc.Message{}, a.s.u.unaskedSink(), &a.cursor); err != nil || a.cursor.ended {
			return
		}
	}
}

// cursor is how far a stream was read.
type cursor struct {
	lastID   string
	retry    time.Duration
	attempts int // attempts since the last event
	silent   int // attempts since the last message
	ended    bool
}

func (c *cursor) note(e sse.Event) {
	if e.LastID != "" {
		c.lastID = e.LastID
	}
	if e.HasRetry {
		c.retry = e.Retry
	}
	c.attempts = 0
}

// read delivers the events of one response up to the answer to m, or to the
// end. A broken stream gives the error, a clean end none.
func (s *streamableConn) read(events *sse.Reader, m jsonrpc.Message, sink jsonrpc.Sink, c *cursor) (answered bool, err error) {
	for {
		e, err := events.Next()
		if err != nil {
			if c.ended = true; e.Taken == nil && len(e.Data) == 0 { // most often
				return false, cleanEnd(err)
			}
			return s.u.deliverUnfinished(e, err, m, sink)
		}
		c.note(e)
		if taken, _ := e.Taken.(*largeAnswer); taken != nil {
			if e.Type != sse.DefaultType && taken.out == nil { // its type came last
				taken.release()
				continue
			}
			switch answered, err := taken.finish(); {
			case answered:
				return true, nil
			case errors.As(err, new(*Error)):
				return false, err
			case err != nil:
				s.u.log.Warn("dropped an event that is no JSON-RPC message", "bytes", taken.size)
			}
			continue
		}
		if e.TooLarge {
			return false, s.u.tooLarge()
		}
		if len(e.Data) == 0 || e.Type != sse.DefaultType {
			continue
		}
		answered, err := s.u.deliver(e.Data, m, sink)
		if err != nil {
			s.u.log.Warn("dropped an event that is no JSON-RPC message", "bytes", len(e.Data))
			continue
		}
		if c.silent = 0; answered {
			return true, nil
		}
	}
}

// last judges the event that a stream ended with, without its blank line. It
// counts if it is whole, which JSON tells, and answers m; anything else may come
// again when the stream is resumed.
func (u *Upstream) deliverUnfinished(e sse.Event, end error, m jsonrpc.Message, sink jsonrpc.Sink) (answered bool, err error) {
	clean := errors.Is(end, io.EOF) && e.Type == sse.DefaultType
	sink = filterSink{sink, func(one jsonrpc.Message) bool { return !one.Answers(m) }}
	taken, _ := e.Taken.(*largeAnswer)
	switch {
	case taken != nil && clean && taken.scan.End() == nil:
		taken.sink = sink
		answered, err = taken.finish()
	case taken != nil && taken.interrupt(end):
		return taken.finish()
	case taken == nil && clean:
		answered, err = u.deliver(e.Data, m, sink)
	}
	if answered || errors.As(err, new(*Error)) {
		return answered, err
	}
	return false, cleanEnd(end)
}
