package upstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
	"mcp-login/internal/sse"
)

// Pauses before a stream is asked for again. A server's retry replaces the
// first one.
const (
	firstReconnect = time.Second
	maxReconnect   = 30 * time.Second
	// minPause is the least pause, whatever the server says, and quietPause how
	// long it gets while streams bring events but no message.
	minReconnect    = 500 * time.Millisecond
	silentReconnect = 5 * time.Second
	// maxResumes bounds how often in a row a request's own stream is asked
	// for without one event coming.
	maxResumes = 8
)

// pause returns how long to wait before the next attempt. What the server asked
// for is a lower bound, and exact the first time, but for minPause. Only a message
// begins anew: a server that opens streams and says nothing on them gets the same
// patience as one that opens none, in the end.
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

func cleanEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
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

// resume continues a broken stream with GET and Last-Event-ID (G7).
func (s *streamableConn) resume(ctx context.Context, at session, c *cursor) (*http.Response, error) {
	for {
		if c.attempts == maxResumes {
			return nil, interrupted(fmt.Errorf("no event in %d attempts to resume", maxResumes))
		}
		if err := retry.Sleep(ctx, c.pause()); err != nil {
			return nil, err
		}
		c.attempts++
		c.silent++
		resp, err := s.get(ctx, at, c)
		var e *Error
		switch {
		case err != nil && ctx.Err() == nil && errors.As(err, &e) && e.Reason == Unreachable:
			continue
		case err != nil:
			return nil, err
		case resp.StatusCode == http.StatusOK && mediaType(resp) == typeSSE:
			return resp, nil
		case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
			c.retry = max(c.retry, retry.After(resp.Header.Get("Retry-After"), time.Now()))
			foreign.Discard(resp)
		default:
			foreign.Discard(resp)
			return nil, interrupted(fmt.Errorf("the server does not resume it (%d)", resp.StatusCode))
		}
	}
}

// streamPatience is how long the server's own stream may hold up the first
// request.
const streamOpenTimeout = 250 * time.Millisecond

// until waits for done, for the limit, or for ctx.
func until(ctx context.Context, done <-chan struct{}, limit time.Duration) error {
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

// ear is the state of the server's own stream.
type serverStream struct {
	session int // of the session it belongs to, 0 for none
	stop    context.CancelFunc
}

// listen opens the server's own stream (G6), once for each session; it ends
// with the session or with Close. The channel is closed when the server has
// answered, whatever it said.
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

// listenUntil keeps the stream open. A server that offers none (405, or any
// other 4xx) is left alone in this session; a lost session is the next
// request's business. It returns false when something else than the server
// stood in the way, a refused login for example, or one that a request will ask for.
func (s *streamableConn) keepServerStream(ctx context.Context, at session, opened func()) bool {
	var c cursor
	for ctx.Err() == nil {
		resp, err := s.get(ctx, at, &c)
		opened()
		switch {
		case err != nil:
			var e *Error
			if !errors.As(err, &e) {
				s.u.log.Debug("no stream from the server", "error", err)
				return false
			}
		case resp.StatusCode == http.StatusOK && mediaType(resp) == typeSSE:
			_, err = s.read(sse.NewReader(resp.Body, s.u.cfg.MaxMessage), jsonrpc.Message{}, s.u.unaskedSink(), &c)
			_ = resp.Body.Close()
			s.u.log.Debug("the server's stream ended", "error", err)
		case resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests:
			c.retry = max(c.retry, retry.After(resp.Header.Get("Retry-After"), time.Now()))
			foreign.Discard(resp)
		default:
			foreign.Discard(resp)
			return resp.StatusCode != http.StatusUnauthorized
		}
		if retry.Sleep(ctx, c.pause()) != nil {
			return true
		}
		c.attempts++
		c.silent++
	}
	return true
}
