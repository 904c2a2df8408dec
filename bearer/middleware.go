package bearer

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"mcp-login/internal/foreign"
)

const (
	// maxMessageBytes is the largest message that is read for its tool's name, 4 MiB.
	maxMessageBytes = 4 << 20
	// messageTimeout is how long a client may take to send it.
	messageTimeout = 30 * time.Second
)

// Middleware lets only requests with a good token through to next, which finds the
// caller with [IdentityFrom]. All others are answered as [Resource.Refuse] says. The
// metadata of the resource are answered here too, so that next may be all of a host.
//
// With [Config.ToolScopes] each POST, and each request with a body, must be one JSON-RPC message, which is read
// whole, at most 4 MiB of it, before next gets the same bytes: a client asks for more
// scopes because of a 403, not because of an error in JSON-RPC. A message that two
// readers could read differently is 400 or 415, see [ReadMessage], and so is the header of a
// request without one, see [CheckHeader].
//
// A browser's preflight has no token by design and is answered for every page (Fetch
// standard, CORS): no browser sends a bearer token by itself. Whether Host and Origin
// are those of the server is for whoever serves on a loopback address or without a
// proxy to check (MCP transports, DNS rebinding). The token stays in the request's
// header: a handler that passes requests on must remove it.
func (p *Resource) Middleware(next http.Handler) http.Handler {
	metadata := p.Metadata()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.answersMetadata(r.URL.EscapedPath()) {
			metadata.ServeHTTP(w, r)
			return
		}
		if allowPages(w, r) {
			return
		}
		id, err := p.Authenticate(r)
		if err == nil {
			p.RenewNonce(w.Header(), r)
			r = r.WithContext(p.WithIdentity(r.Context(), id))
			err = p.readForTool(w, r, id)
		}
		if err != nil {
			p.cfg.Log.InfoContext(r.Context(), "request refused", slog.String("reason", foreign.Message(err.Error())))
			p.Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// allowPages lets pages read the answer, unless something outside has decided that
// already, and answers a preflight, in which case it returns true.
func allowPages(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	if r.Header.Get("Origin") == "" || h.Get("Access-Control-Allow-Origin") != "" {
		return false
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Expose-Headers", "WWW-Authenticate, DPoP-Nonce, Retry-After, Mcp-Session-Id")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, PATCH, DELETE")
	if names := r.Header.Get("Access-Control-Request-Headers"); names != "" { // * does not cover Authorization
		h.Set("Access-Control-Allow-Headers", names)
		h.Add("Vary", "Access-Control-Request-Headers")
	}
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
	return true
}

// readForTool reads the message of a request, if tools have scopes, and returns why its
// sender may not send it. r gets the bytes that were read.
func (p *Resource) readForTool(w http.ResponseWriter, r *http.Request, id Identity) error {
	switch {
	case len(p.cfg.ToolScopes) == 0:
		return nil
	case r.Method != http.MethodPost && r.ContentLength == 0:
		return CheckHeader(r.Header)
	}
	body, err := readWhole(w, r)
	if err != nil {
		return err
	}
	m, err := ReadMessage(r.Header, body)
	if err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return p.MayCall(id, m.Tool)
}

// readWhole reads a body within the bounds of a message. Not every ResponseWriter can
// set a deadline; then the time is the server's to bound.
func readWhole(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	conn := http.NewResponseController(w)
	_ = conn.SetReadDeadline(time.Now().Add(messageTimeout))
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxMessageBytes))
	switch {
	case err == nil:
		_ = conn.SetReadDeadline(time.Time{}) // a stream may follow
		return body, nil
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "invalid_request", text: "The message is larger than 4 MiB."}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &problem{status: http.StatusRequestTimeout, code: "invalid_request", text: "The message came too slowly."}
	}
	return nil, &problem{status: http.StatusBadRequest, code: "invalid_request", text: "The message could not be read.", cause: err}
}
