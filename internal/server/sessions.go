package server

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"sync"
)

// maxStreams bounds the open HTTP+SSE streams of one principal. Each holds a
// connection and some goroutines for as long as the client likes.
const maxStreams = 256

// principal is whom a session belongs to. The application counts as well: a
// token that another application holds for the same person is another caller.
type principal struct{ issuer, subject, client string }

func principalOf(id Identity) principal { return principal{id.Issuer, id.Subject, id.ClientID} }

// sessions binds each HTTP+SSE session to the principal that opened it (S11).
// mcp-go takes any existing session id from anyone with any token, and would
// put the answer on the stream of the session's owner.
type sessions struct {
	mu     sync.Mutex
	owners map[string]principal
	open   map[principal]int
}

func newSessions() *sessions {
	return &sessions{owners: make(map[string]principal), open: make(map[principal]int)}
}

// begin registers a new session for p and returns its id, which has 130 random
// bits; false means that p has too many.
func (s *sessions) begin(p principal) (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[p] >= maxStreams {
		return "", false
	}
	id := rand.Text()
	s.owners[id] = p
	s.open[p]++
	return id, true
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.owners[id]
	delete(s.owners, id)
	if s.open[p]--; s.open[p] <= 0 {
		delete(s.open, p)
	}
}

// belongs reports whether session id exists and is p's.
func (s *sessions) belongs(id string, p principal) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	owner, ok := s.owners[id]
	return ok && owner == p
}

type sessionIDKey struct{}

// sessionIDFrom is mcp-go's source of ids for HTTP+SSE sessions: the one that
// serveSSE registered.
func sessionIDFrom(ctx context.Context, _ *http.Request) (string, error) {
	id, ok := ctx.Value(sessionIDKey{}).(string)
	if !ok {
		return "", errors.New("no session id in context")
	}
	return id, nil
}

// serveSSE opens an HTTP+SSE stream (MCP 2024-11-05) for the caller.
func (s *Server) serveSSE(w http.ResponseWriter, r *http.Request, id Identity) {
	if r.Method != http.MethodGet {
		methodNotAllowed(w, "GET")
		return
	}
	session, ok := s.sessions.begin(principalOf(id))
	if !ok {
		problem{http.StatusTooManyRequests, "too_many_streams", "Too many open streams."}.write(w)
		return
	}
	defer s.sessions.end(session)
	ctx := context.WithValue(r.Context(), sessionIDKey{}, session)
	s.sse.SSEHandler().ServeHTTP(w, r.WithContext(ctx))
}

// serveMessages takes a client's message on an HTTP+SSE session. A session of
// somebody else is answered like one that does not exist.
func (s *Server) serveMessages(w http.ResponseWriter, r *http.Request, id Identity) {
	if r.Method != http.MethodPost {
		methodNotAllowed(w, "POST")
		return
	}
	if !readBody(w, r) {
		return
	}
	if !s.sessions.belongs(r.URL.Query().Get("sessionId"), principalOf(id)) {
		problem{http.StatusNotFound, "not_found", "There is no such session."}.write(w)
		return
	}
	s.sse.MessageHandler().ServeHTTP(w, r)
}
