package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/sse"
)

// response is the response to one POST. When its event stream breaks and is resumed, the
// next responses continue it.
type response struct {
	s       *streamableConn
	session *session // that m belongs to; the answer to initialize fills it
	m       jsonrpc.Message
	sink    jsonrpc.Sink
	cancel  context.CancelCauseFunc // ends the response

	resp   *http.Response // the latest
	events *sse.Reader
	open   bool // answered, and the stream has not ended
	atEnd  bool // the body was read to its end
	cursor cursor

	sniffed  bool // its media type says nothing
	answered bool // and its body was the answer
}

// follow gives the sink everything up to the answer.
func (r *response) follow(ctx context.Context) error {
	sessionKnown := r.session.id != "" && !r.session.retried
	switch {
	case r.resp.StatusCode == http.StatusNotFound && sessionKnown:
		return errSessionLost
	case mayMeanSessionLost(r.resp) && sessionKnown:
		return &sessionRefusedError{r.resp, errorBody(r.resp)}
	case r.resp.StatusCode < 200 || r.resp.StatusCode >= 300:
		return r.s.rejected(r.resp, r.m, r.sink)
	}
	r.s.onAccepted()
	if r.m.Kind != jsonrpc.Request {
		return nil // accepted: a body would mean nothing (MCP 2025-11-25, Transports, "Sending Messages to the Server")
	}
	if r.m.Method == "initialize" && !r.m.Stateless() {
		r.learnSession()
	}
	switch mediaType(r.resp) {
	case typeJSON:
		return r.readJSON(ctx)
	case typeSSE:
		return r.readEvents(ctx)
	case "", "text/plain", "application/octet-stream", "binary/octet-stream":
		return r.sniff(ctx)
	}
	return notMCP(r.resp, false)
}

// learnSession takes the session id and the protocol version from the answer to
// initialize before it is delivered.
func (r *response) learnSession() {
	r.session.id = visibleASCII(r.resp.Header.Get(headerSession))
	sink := r.sink
	r.sink = jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Answers(r.m) {
			version, _ := jsonrpc.Text(jsonrpc.Member(reply.Result, "protocolVersion"))
			r.session.version = visibleASCII(version)
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

// readJSON delivers a JSON body.
func (r *response) readJSON(ctx context.Context) error {
	release, err := r.s.u.backlog.admit(ctx, r.resp)
	if err != nil {
		return err
	}
	defer release()
	answered, err := r.deliverBody()
	switch {
	case errors.As(err, new(*Error)):
		return err
	case err != nil:
		return &Error{Reason: NotMCP, Status: r.resp.StatusCode, Err: fmt.Errorf("the server's answer is not JSON-RPC: %w", err), Hint: AddressHint}
	case r.sniffed && !r.answered:
		return notMCP(r.resp, false)
	case !answered:
		return noAnswer(r.resp.StatusCode)
	}
	return nil
}

// release closes the response. What little is left of its body is read before, so that the
// connection can be used again.
func (r *response) release() {
	if r.atEnd {
		_ = r.resp.Body.Close()
		return
	}
	foreign.Discard(r.resp)
}

// deliverBody delivers a JSON body: a small one when all of it is there, a large one
// through a largeAnswer.
func (r *response) deliverBody() (answered bool, err error) {
	u, body := r.s.u, r.resp.Body
	limit, size := u.cfg.MaxMessage, r.resp.ContentLength
	if limit > 0 && size > limit {
		return false, u.tooLarge()
	}
	if size >= 0 && size <= maxWhole || len(r.m.ID) > maxStreamedID {
		raw, err := u.readAll(r.resp)
		if err != nil {
			return false, err
		}
		r.atEnd = r.resp.ProtoMajor == 1 // HTTP/2 may say later that this was all
		return u.deliver(raw, r.m, r.sink)
	}
	l := u.newLargeAnswer(r.m, r.sink, false, r.cancel)
	if size < 0 { // most bodies of unknown size are small
		start, err := readUpTo(body, spillSize)
		switch {
		case errors.Is(err, io.EOF) && limit > 0 && int64(len(start)) > limit:
			return false, u.tooLarge()
		case errors.Is(err, io.EOF):
			r.atEnd = true
			return u.deliver(start, r.m, r.sink)
		case err != nil:
			return false, brokenBody(r.resp, err)
		}
		l.adopt(start)
	}
	for l.err == nil {
		n, err := body.Read(l.space())
		if n > 0 {
			l.advance(n)
		}
		switch {
		case errors.Is(err, io.EOF):
			return l.finish()
		case err != nil && !l.interrupt(err):
			return false, brokenBody(r.resp, err)
		}
	}
	return l.finish()
}

// readEvents delivers an event stream until the answer has come. Where it breaks it is
// resumed if the server gave event ids (MCP 2025-11-25, Transports, "Resumability and
// Redelivery").
func (r *response) readEvents(ctx context.Context) error {
	for {
		r.events = sse.NewReader(r.resp.Body, r.s.u.cfg.MaxMessage)
		r.events.SpillAt, r.events.Spill = spillSize, r.spill
		answered, err := r.s.u.readStream(r.events, r.m, r.sink, &r.cursor)
		switch {
		case answered && r.sniffed && !r.answered:
			return notMCP(r.resp, false)
		case answered:
			r.open = true
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.As(err, new(*Error)):
			return err // not the connection is at fault, but what came over it
		case r.sniffed && err == nil:
			return notMCP(r.resp, false)
		case r.sniffed, r.cursor.lastID == "", r.m.Stateless():
			return interrupted(err)
		}
		_ = r.resp.Body.Close()
		resp, err := r.s.resume(ctx, *r.session, &r.cursor) //nolint:bodyclose // by whoever reads the stream
		if err != nil {
			return err
		}
		r.resp = resp
	}
}

// spill returns what takes the data of a large event, nil to leave it in the event.
func (r *response) spill(e *sse.Event) io.Writer {
	if r.open || e.Type != sse.DefaultType || len(r.m.ID) > maxStreamedID {
		return nil
	}
	resumable := (r.cursor.lastID != "" || e.LastID != "") && !r.m.Stateless()
	return r.s.u.newLargeAnswer(r.m, r.sink, resumable, r.cancel)
}

// drainTimeout is how long an answered stream may stay open. Most end at once, and their
// connection can be used again.
const drainTimeout = 2 * time.Second

// drain reads an answered stream to its end. What still comes belongs to no request.
func (r *response) drain() {
	shut := func() { _ = r.resp.Body.Close() }
	limit := time.AfterFunc(drainTimeout, shut)
	defer limit.Stop()
	defer shut()
	defer context.AfterFunc(r.s.u.ctx, shut)()
	for {
		if _, err := r.s.u.readStream(r.events, jsonrpc.Message{}, r.s.u.unaskedSink(), &r.cursor); err != nil || r.cursor.ended {
			return
		}
	}
}

// cursor is how far a stream was read, over all the responses that it came in.
type cursor struct {
	lastID   string
	retry    time.Duration // as the server wants it, 0 when it has not said
	attempts int           // to resume since the last event
	silent   int           // attempts since the last message
	ended    bool
}

func (c *cursor) record(e sse.Event) {
	if e.LastID != "" {
		c.lastID = e.LastID
	}
	if e.HasRetry {
		c.retry = e.Retry
	}
	c.attempts = 0
}

// readStream delivers the events of one response up to the answer to m, or to the end. A
// clean end is no error.
func (u *Upstream) readStream(events *sse.Reader, m jsonrpc.Message, sink jsonrpc.Sink, c *cursor) (answered bool, err error) {
	for !answered && err == nil {
		e, end := events.Next()
		if end != nil {
			c.ended = true
			return u.deliverLast(e, end, m, sink)
		}
		c.record(e)
		switch large, _ := e.SpilledTo.(*largeAnswer); {
		case large != nil:
			answered, err = u.finishLarge(large, e.Type)
		case e.TooLarge:
			err = u.tooLarge()
		case len(e.Data) > 0 && e.Type == sse.DefaultType:
			var bad error
			if answered, bad = u.deliver(e.Data, m, sink); bad != nil {
				u.warnDropped(int64(len(e.Data)))
				answered = false
			} else {
				c.silent = 0
			}
		}
	}
	return answered, err
}

func (u *Upstream) warnDropped(size int64) {
	u.log.Warn("dropped an event that is no JSON-RPC message", "bytes", size)
}

// finishLarge ends a large event whose data is complete.
func (u *Upstream) finishLarge(l *largeAnswer, eventType string) (answered bool, err error) {
	if eventType != sse.DefaultType && l.out == nil { // the type stood behind the data
		l.release()
		return false, nil
	}
	answered, err = l.finish()
	switch {
	case answered:
		return true, nil
	case err != nil && !errors.As(err, new(*Error)):
		u.warnDropped(l.size)
		err = nil
	}
	return false, err
}

// deliverLast delivers the event in the middle of which a stream ended, if its data is
// complete, which JSON tells, and answers m. Anything else may come again when the stream
// is resumed.
func (u *Upstream) deliverLast(e sse.Event, end error, m jsonrpc.Message, sink jsonrpc.Sink) (answered bool, err error) {
	if e.SpilledTo == nil && len(e.Data) == 0 { // the stream ended after an event
		return false, unlessEOF(end)
	}
	clean := errors.Is(end, io.EOF) && e.Type == sse.DefaultType
	sink = filterSink{sink, func(one jsonrpc.Message) bool { return !one.Answers(m) }}
	large, _ := e.SpilledTo.(*largeAnswer)
	switch {
	case large != nil && clean && large.scan.End() == nil:
		large.sink = sink
		answered, err = large.finish()
	case large != nil && large.interrupt(end):
		return large.finish()
	case large == nil && clean:
		answered, err = u.deliver(e.Data, m, sink)
	}
	if answered || errors.As(err, new(*Error)) {
		return answered, err
	}
	return false, unlessEOF(end)
}

// unlessEOF returns nil for the clean end of a stream, else err.
func unlessEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
