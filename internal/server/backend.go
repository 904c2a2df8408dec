package server

import (
	"net/http"

	"mcp-login/bearer"
)

// backend answers requests whose caller is verified, within its rate, and known to
// the log: whoami's own tools, or an upstream. Messages are
// read with [front.receive], which bounds, judges and counts them, and streams are
// counted with [front.openStream]. A request ends by its context when the server does.
type backend interface {
	serveStreamable(w http.ResponseWriter, r *http.Request, id bearer.Identity)
	// serveSSE answers a GET, whose stream is counted, and serveMessage a POST whose message
	// was received; it releases what in holds.
	serveSSE(w http.ResponseWriter, r *http.Request, id bearer.Identity)
	serveMessage(w http.ResponseWriter, r *http.Request, id bearer.Identity, in incoming)
}

// serveSSE opens a stream of HTTP+SSE (MCP 2024-11-05, transports).
func (s *Server) serveSSE(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	if r.Method != http.MethodGet {
		methodNotAllowed(w, "GET")
		return
	}
	if done, ok := s.openStream(w, ownerOf(id), "sse"); ok {
		defer done()
		s.backend.serveSSE(w, r, id)
	}
}

// serveMessages takes a message of HTTP+SSE.
func (s *Server) serveMessages(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	if r.Method != http.MethodPost {
		methodNotAllowed(w, "POST")
		return
	}
	if in, ok := s.receive(w, r, id); ok {
		s.backend.serveMessage(w, r, id, in)
	}
}
