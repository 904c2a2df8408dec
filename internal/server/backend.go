package server

import (
	"net/http"

	"mcp-login/bearer"
)

// backend answers requests whose caller is verified, within its rate, and known to
// the log: whoami's own tools, or an upstream. It reads a message with
// [front.receive], which bounds, judges and counts it, and counts a stream with
// [front.openStream]. A request ends by its context when the server does.
type backend interface {
	serveStreamable(w http.ResponseWriter, r *http.Request, id bearer.Identity)
	serveSSE(w http.ResponseWriter, r *http.Request, id bearer.Identity)
	serveMessages(w http.ResponseWriter, r *http.Request, id bearer.Identity)
}
