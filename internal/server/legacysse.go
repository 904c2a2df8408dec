package server

import (
	"context"
	"crypto/rand"
	stdjson "encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
)

const (
	// maxInFlight bounds the messages of one HTTP+SSE session that are being
	// answered at a time.
	maxInFlight = 64
)

// legacySession is an open HTTP+SSE stream (MCP 2024-11-05, transports). What is
// posted to the session is answered on it.
type legacySession struct {
	id     string
	owner  string
	ctx    context.Context // ends with the stream
	events chan []byte
	underWay
}

// The session is a [server.ClientSession] of mcp-go for its id only: what is under
// way is kept by it, so that nobody can cancel what others have asked for. It
// takes no notifications.
var _ server.ClientSession = (*legacySession)(nil)

func (l *legacySession) SessionID() string { return l.id }

func (l *legacySession) Initialize() {}

func (l *legacySession) Initialized() bool { return false }

func (l *legacySession) NotificationChannel() chan<- mcp.JSONRPCNotification { return nil }

// acceptance is what became of a message posted to an HTTP+SSE session.
type acceptance string

const (
	accepted       acceptance = "accepted"
	noSuchSession  acceptance = "unknown"
	tooManyAtATime acceptance = "busy"
)

// acceptanceOf is what became of a message by whether it may begin: the stream of a session
// that is closed is about to end.
func acceptanceOf(err error) acceptance {
	switch {
	case err == nil:
		return accepted
	case errors.Is(err, errTooManyAtATime):
		return tooManyAtATime
	}
	return noSuchSession
}

// legacySessions are the HTTP+SSE sessions whose stream this process holds.
type legacySessions struct {
	mu   sync.Mutex
	open map[string]*legacySession
}

func (l *legacySessions) add(s *legacySession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[s.id] = s
}

func (l *legacySessions) remove(s *legacySession) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, s.id)
}

// of returns the session if it exists and is owner's.
func (l *legacySessions) of(owner, id string) (*legacySession, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s, ok := l.open[id]
	return s, ok && s.owner == owner
}

// newSessionID returns an id with 130 random bits. Before them stands the
// replica that holds the stream, so that every other one knows whom to ask.
func (s *whoami) newSessionID() string {
	if s.ops.Bus == nil {
		return rand.Text()
	}
	return s.ops.Bus.Self() + "." + rand.Text()
}

// serveSSE opens an HTTP+SSE stream for the caller and writes to it until the
// client leaves or the server stops.
func (s *whoami) serveSSE(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	session := &legacySession{
		id: s.newSessionID(), owner: s.principal(id).key(), ctx: ctx,
		events: make(chan []byte), underWay: underWay{limit: maxInFlight},
	}
	stream := newEventStream(w)
	if err := stream.open(); err != nil {
		recordReason(ctx, err)
		return
	}
	s.legacy.add(session)
	defer s.legacy.remove(session)
	endpoint := s.layout.prefix + pathMessages + "?sessionId=" + session.id
	if err := stream.event("endpoint", []byte(endpoint)); err != nil {
		recordReason(ctx, err)
		return
	}
	recordReason(ctx, s.pump(session, stream))
}

// pump writes answers and heartbeats until the stream ends. Its error says why,
// if the client did not simply leave.
func (s *whoami) pump(session *legacySession, stream eventStream) error {
	beat := time.NewTicker(s.ops.Heartbeat)
	defer beat.Stop()
	hangUp := s.streams.Done()
	var idle <-chan struct{}
	for {
		var err error
		select {
		case data := <-session.events:
			err = stream.event("message", data)
		case <-beat.C:
			err = stream.heartbeat()
		case <-hangUp:
			// What is being answered is waited for, nothing new is taken.
			hangUp = nil
			idle, _ = session.close()
		case <-idle:
			return stream.farewell()
		case <-session.ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// serveMessage takes a client's message on an HTTP+SSE session. A session of
// somebody else is answered like one that does not exist.
func (s *whoami) serveMessage(w http.ResponseWriter, r *http.Request, id bearer.Identity, in incoming) {
	session := r.URL.Query().Get("sessionId")
	outcome, err := s.deliver(r.Context(), session, id, in)
	if err != nil {
		recordReason(r.Context(), err)
		retryLater(w, "The session cannot be reached at present. Try again.")
		return
	}
	if outcome != accepted {
		refuseMessage(w, r, outcome)
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// refuseMessage answers a message that was not accepted.
func refuseMessage(w http.ResponseWriter, r *http.Request, outcome acceptance) {
	recordReason(r.Context(), fmt.Errorf("message of a session: %s", outcome))
	if outcome == tooManyAtATime {
		tooMany(w, 1, "too_many_messages", "Too many messages of this session are being answered.")
		return
	}
	noSession(w)
}

// deliver hands a message to the process that holds the session's stream.
func (s *whoami) deliver(ctx context.Context, session string, id bearer.Identity, in incoming) (acceptance, error) {
	replica, _, named := strings.Cut(session, ".")
	if s.ops.Bus == nil || !named || replica == s.ops.Bus.Self() {
		return s.acceptMessage(session, id, in.body, in.reservation), nil
	}
	defer in.release()
	return s.forward(ctx, replica, forwarded{
		Resource: s.layout.resource, Session: session, Identity: id, Message: in.body,
	})
}

// acceptMessage starts to answer a message on a stream that this process holds. The
// answer is written there; how long it takes does not hold up the client's next
// message, but what the message holds is released only then: a client that reads
// slowly must not have any number of answers waiting.
func (s *whoami) acceptMessage(session string, id bearer.Identity, message []byte, held *reservation) acceptance {
	l, ok := s.legacy.of(s.principal(id).key(), session)
	if !ok {
		held.release()
		return noSuchSession
	}
	if outcome := acceptanceOf(l.enter()); outcome != accepted {
		held.release()
		return outcome
	}
	go func() {
		defer l.exit()
		defer held.release()
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("panic while answering", slog.String("panic", fmt.Sprintf("%T", p)))
			}
		}()
		answer := s.mcp.HandleMessage(s.mcp.WithContext(s.legacyResource.WithIdentity(l.ctx, id), l), message)
		if answer == nil {
			return // a notification, or an answer to a request of ours
		}
		data, err := stdjson.Marshal(answer)
		if err != nil {
			s.log.Error("encode answer", slog.Any("error", err))
			return
		}
		select {
		case l.events <- data:
		case <-l.ctx.Done():
		}
	}()
	return accepted
}

// openStream counts a new stream of owner, or answers itself and returns false.
// A stream is written to for as long as it is open.
func (s *front) openStream(w http.ResponseWriter, o owner, transport string) (done func(), ok bool) {
	switch err := s.limits.streams.acquire(o, 1); {
	case errors.Is(err, errOwnerHasTooMuch):
		s.refuseMore(w, limitStreams, int(s.ops.Heartbeat.Seconds()), "too_many_streams", "Too many open streams.")
		return nil, false
	case err != nil:
		s.metrics.limited.WithLabelValues(limitStreams).Inc()
		retryLater(w, "The server has too many open streams.")
		return nil, false
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	s.metrics.streams.WithLabelValues(transport).Inc()
	return func() {
		s.limits.streams.release(o, 1)
		s.metrics.streams.WithLabelValues(transport).Dec()
	}, true
}
