package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
	"mcp-login/internal/sse"
)

// Pauses before a stream is asked for again.
const (
	// firstReconnect is the first pause where the server's retry field names none, or 0.
	// Later ones double, up to maxReconnect.
	firstReconnect = time.Second
	maxReconnect   = 30 * time.Second
	// minReconnect is the least pause, whatever the server says, and silentReconnect
	// how long it gets while streams bring events but no message.
	minReconnect    = 500 * time.Millisecond
	silentReconnect = 5 * time.Second
	// maxResumes bounds how often in a row the stream of a request is asked for without
	// one event coming.
	maxResumes = 8
)

// pause returns how long to wait before the next attempt: right after a message as long as
// the server's retry says, or firstReconnect where that says nothing or 0, but at least
// minReconnect. While no message comes, the pauses grow: in the end a server that opens
// streams and says nothing on them is asked as seldom as one that opens none.
func (c *cursor) pause() time.Duration {
	base := firstReconnect
	if c.retry > 0 {
		base = c.retry
	}
	wait := max(base, minReconnect)
	if c.attempts > 0 {
		wait = max(retry.Backoff(c.attempts, base, maxReconnect), minReconnect)
	}
	if c.silent > 0 {
		wait = max(wait, retry.Backoff(c.silent, minReconnect, silentReconnect))
	}
	return wait
}

// wait sleeps before the next attempt, and counts it.
func (c *cursor) wait(ctx context.Context) error {
	if err := retry.Sleep(ctx, c.pause()); err != nil {
		return err
	}
	c.attempts++
	c.silent++
	return nil
}

// busy reports whether resp asks to come back later, and keeps when.
func (c *cursor) busy(resp *http.Response) bool {
	if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests {
		return false
	}
	c.retry = max(c.retry, retry.After(resp.Header.Get("Retry-After"), time.Now()))
	return true
}

// get asks for a stream of a session, from where c says.
func (s *streamableConn) get(ctx context.Context, at session, c *cursor) (*http.Response, error) {
	req, err := s.request(ctx, http.MethodGet, at, jsonrpc.Message{})
	if err != nil {
		return nil, err
	}
	if c.lastID != "" {
		req.Header.Set("Last-Event-ID", c.lastID)
	}
	return s.u.do(req)
}

// isStream reports whether resp is an event stream.
func isStream(resp *http.Response) bool {
	return resp.StatusCode == http.StatusOK && mediaType(resp) == typeSSE
}

// resume continues the broken stream of a request with GET and Last-Event-ID.
func (s *streamableConn) resume(ctx context.Context, at session, c *cursor) (*http.Response, error) {
	for {
		if c.attempts == maxResumes {
			return nil, interrupted(fmt.Errorf("no event in %d attempts to resume", maxResumes))
		}
		if err := c.wait(ctx); err != nil {
			return nil, err
		}
		resp, err := s.get(ctx, at, c)
		var e *Error
		switch {
		case err != nil && ctx.Err() == nil && errors.As(err, &e) && e.Reason == Unreachable:
			continue
		case err != nil:
			return nil, err
		case isStream(resp):
			return resp, nil
		}
		foreign.Discard(resp)
		if !c.busy(resp) {
			return nil, interrupted(fmt.Errorf("the server does not resume it (%d)", resp.StatusCode))
		}
	}
}

// streamOpenTimeout is how long the server's own stream may hold up the client's first
// request.
const streamOpenTimeout = 250 * time.Millisecond

// serverStream is the GET stream on which the server speaks by itself (MCP 2025-11-25,
// Transports, "Listening for Messages from the Server").
type serverStream struct {
	session int // the number of its session, 0 for none
	stop    context.CancelFunc
}

// openServerStream opens the stream of the current session, once for each session. The
// channel is closed when the server has answered, whatever it said.
func (s *streamableConn) openServerStream() <-chan struct{} {
	opened := make(chan struct{})
	answered := sync.OnceFunc(func() { close(opened) })
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.current
	if s.stream.session == at.number && s.stream.stop != nil || s.u.ctx.Err() != nil {
		answered()
		return opened
	}
	if s.stream.stop != nil {
		s.stream.stop()
	}
	ctx, stop := context.WithCancel(s.u.ctx)
	s.stream = serverStream{at.number, stop}
	started := s.u.spawn(func() {
		defer stop()
		defer answered()
		if s.keepServerStream(ctx, at, answered) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.stream.session == at.number {
			s.stream = serverStream{} // the next message that gets through tries again
		}
	})
	if !started {
		stop()
		answered()
	}
	return opened
}

// keepServerStream keeps the stream open until ctx ends. A server that offers none (405,
// or another 4xx) is not asked again in this session; a lost session is found out by the
// next request. It returns false when the sign-in was in the way, so that it is worth to
// try again later.
func (s *streamableConn) keepServerStream(ctx context.Context, at session, opened func()) bool {
	var c cursor
	for ctx.Err() == nil {
		resp, err := s.get(ctx, at, &c)
		opened()
		switch {
		case err != nil:
			if !errors.As(err, new(*Error)) {
				s.u.log.Debug("no stream from the server", "error", err)
				return false
			}
		case isStream(resp):
			_, err = s.u.readStream(sse.NewReader(resp.Body, s.u.cfg.MaxMessage), jsonrpc.Message{}, s.u.unaskedSink(), &c)
			_ = resp.Body.Close()
			s.u.log.Debug("the server's stream ended", "error", err)
		default:
			foreign.Discard(resp)
			if !c.busy(resp) {
				return resp.StatusCode != http.StatusUnauthorized
			}
		}
		if c.wait(ctx) != nil {
			return true
		}
	}
	return true
}
