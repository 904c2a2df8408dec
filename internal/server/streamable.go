package server

import (
	"context"
	"crypto/rand"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"

	"mcp-login/bearer"
)

const headerSessionID = "Mcp-Session-Id"

// serveStreamable answers Streamable HTTP. Without sessions, and to clients of
// 2026-07-28 in any case, GET and DELETE are 405 and a session id means nothing.
func (s *whoami) serveStreamable(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	modern := mcp.IsModernProtocol(r.Header.Get(mcp.HeaderProtocolVersion))
	sessions := s.ops.Stateful && !modern
	switch {
	case r.Method == http.MethodPost:
		s.serveStreamablePost(w, r, id, sessions, modern)
	case !sessions:
		methodNotAllowed(w, "POST")
	case r.Method == http.MethodGet:
		s.serveStreamableGet(w, r, id)
	case r.Method == http.MethodDelete:
		s.serveStreamableDelete(w, r, id)
	default:
		methodNotAllowed(w, "GET, POST, DELETE")
	}
}

func (s *whoami) serveStreamablePost(w http.ResponseWriter, r *http.Request, id bearer.Identity, sessions, modern bool) {
	in, ok := s.receive(w, r, id)
	if !ok {
		return
	}
	defer in.release()
	session := r.Header.Get(headerSessionID)
	owner := s.principal(id)
	// mcp-go keeps what is under way by this id and the message's own, which
	// many callers have: under one id, or none, one of them could cancel what
	// another has asked for.
	r.Header.Set(headerSessionID, owner.key()+"."+session)
	r = r.WithContext(s.resource.WithIdentity(r.Context(), id)) // for the tool
	switch {
	case in.Method == string(mcp.MethodNotificationCancelled) && (modern || mcp.IsModernProtocol(in.Version)):
		// In 2026-07-28 who wants no answer closes the stream (transports,
		// cancellation), and mcp-go has one id for all callers there.
		w.WriteHeader(http.StatusAccepted)
	case listens(r, in.Message):
		s.serveListen(w, r, in)
	case !sessions || mcp.IsModernProtocol(in.Version):
		s.streamable.ServeHTTP(w, r)
	case in.Method == string(mcp.MethodInitialize):
		s.beginSession(w, r, owner)
	case s.hasSession(w, r, owner, session):
		s.streamable.ServeHTTP(w, r)
	}
}

// listens reports whether the answer to a message is a stream. It is where the
// message is of 2026-07-28 by its header and by its body, and Mcp-Method says what
// the body says; mcp-go refuses every other one that asks for it. Mcp-Method
// means nothing in earlier revisions.
func listens(r *http.Request, m bearer.Message) bool {
	version := r.Header.Get(mcp.HeaderProtocolVersion)
	return m.Method == string(mcp.MethodSubscriptionsListen) && r.Header.Get(mcp.HeaderMethod) == m.Method &&
		mcp.IsModernProtocol(version) && version == m.Version
}

// maxListenBytes is what a message of subscriptions/listen may hold: it is there for
// as long as its stream is, and counts as part of it.
const maxListenBytes = 32 << 10

// openListen is openStream for subscriptions/listen, which is answered for as long as
// the client likes: it counts as a stream then, and neither as a call nor as a
// message, or a few users could take the room of all messages for good.
func (s *front) openListen(w http.ResponseWriter, in incoming) (done func(), ok bool) {
	if in.bytes > maxListenBytes {
		problem{http.StatusRequestEntityTooLarge, "invalid_request", "The message is too large for one that opens a stream."}.write(w)
		return nil, false
	}
	if done, ok = s.openStream(w, in.owner, "streamable"); ok {
		in.release()
	}
	return done, ok
}

func (s *whoami) serveListen(w http.ResponseWriter, r *http.Request, in incoming) {
	done, ok := s.openListen(w, in)
	if !ok {
		return
	}
	defer done()
	ctx, cancel := endedBy(r.Context(), s.streams)
	defer cancel()
	s.streamable.ServeHTTP(w, watchFirstWrite(r.WithContext(ctx)))
}

// beginSession answers initialize and names the caller's new session.
func (s *whoami) beginSession(w http.ResponseWriter, r *http.Request, owner principal) {
	session := rand.Text()
	ok, err := s.sessions.Begin(r.Context(), owner.user(), owner.session(session), s.ops.MaxSessions, s.ops.SessionIdle)
	switch {
	case err != nil:
		s.storeFailed(w, r, err)
		return
	case !ok:
		tooMany(w, 60, "too_many_sessions", "Too many sessions. End those that are not used.")
		return
	}
	w.Header().Set(headerSessionID, session)
	s.streamable.ServeHTTP(w, r)
	if recordOf(r.Context()).status >= http.StatusBadRequest {
		_, err := s.sessions.End(r.Context(), owner.user(), owner.session(session))
		recordReason(r.Context(), err)
	}
}

// hasSession checks that the session is the caller's, or answers itself and
// returns false (MCP 2025-11-25, transports, session management).
func (s *whoami) hasSession(w http.ResponseWriter, r *http.Request, owner principal, session string) bool {
	if session == "" {
		problem{
			http.StatusBadRequest, "invalid_request",
			"An Mcp-Session-Id header is required. A session begins with initialize.",
		}.write(w)
		return false
	}
	ok, err := s.sessions.Touch(r.Context(), owner.user(), owner.session(session), s.ops.SessionIdle)
	switch {
	case err != nil:
		s.storeFailed(w, r, err)
		return false
	case !ok:
		noSession(w)
		return false
	}
	return true
}

func (s *whoami) storeFailed(w http.ResponseWriter, r *http.Request, err error) {
	recordReason(r.Context(), err)
	retryLater(w, "The session cannot be looked up at present. Try again.")
}

// serveStreamableGet holds a stream open for the session. This server never
// speaks first, so there are heartbeats only, and no event has an id that a
// Last-Event-ID could name: what a client resumes is the session.
func (s *whoami) serveStreamableGet(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	if a := r.Header.Get("Accept"); a != "" && !strings.Contains(a, "text/event-stream") && !strings.Contains(a, "*/*") {
		problem{http.StatusNotAcceptable, "invalid_request", "GET answers with text/event-stream."}.write(w)
		return
	}
	done, ok := s.openStream(w, ownerOf(id), "streamable")
	if !ok {
		return
	}
	defer done()
	owner, session := s.principal(id), r.Header.Get(headerSessionID)
	if !s.hasSession(w, r, owner, session) {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer s.watchers.add(session, cancel)()
	recordReason(ctx, s.keepAlive(ctx, newEventStream(w), owner.user(), owner.session(session)))
}

// keepAlive writes heartbeats until the stream, its session or the server ends.
func (s *whoami) keepAlive(ctx context.Context, stream eventStream, owner, session string) error {
	if err := stream.open(); err != nil {
		return err
	}
	beat := time.NewTicker(s.ops.Heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.streams.Done():
			return stream.farewell()
		case <-beat.C:
			// A store that does not answer is no reason to end a stream.
			if ok, err := s.sessions.Touch(ctx, owner, session, s.ops.SessionIdle); err == nil && !ok {
				return nil
			}
			if err := stream.heartbeat(); err != nil {
				return err
			}
		}
	}
}

// serveStreamableDelete ends the caller's session, and its streams: those of
// other replicas at their next heartbeat.
func (s *whoami) serveStreamableDelete(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	held := &reservation{limits: s.limits, owner: ownerOf(id)}
	defer held.release()
	if !s.reserveCall(w, held) {
		return
	}
	owner, session := s.principal(id), r.Header.Get(headerSessionID)
	if !s.hasSession(w, r, owner, session) {
		return
	}
	if _, err := s.sessions.End(r.Context(), owner.user(), owner.session(session)); err != nil {
		s.storeFailed(w, r, err)
		return
	}
	s.watchers.end(session)
	w.WriteHeader(http.StatusOK)
}

// watchers are the open streams of sessions, to be ended with them.
type watchers struct {
	mu sync.Mutex
	of map[string]map[int]context.CancelFunc
	n  int
}

func (w *watchers) add(session string, cancel context.CancelFunc) (remove func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of[session] == nil {
		w.of[session] = make(map[int]context.CancelFunc)
	}
	w.n++
	n := w.n
	w.of[session][n] = cancel
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if delete(w.of[session], n); len(w.of[session]) == 0 {
			delete(w.of, session)
		}
	}
}

func (w *watchers) end(session string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, cancel := range w.of[session] {
		cancel()
	}
}
