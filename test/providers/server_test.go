package providers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// server is where an MCP server differs from a plain one.
type server struct {
	// challenge is its WWW-Authenticate; "" is Bearer alone, "-" sends none.
	challenge string
	// open are methods that need no sign-in, "*" for all of them but the closed.
	open, closed []string
	// refuse answers a request whose token is missing or bad; nil is the plain 401.
	refuse func(*world, *request) *answer
	// before answers in the place of the server, nil goes on.
	before func(*world, *call) *answer
	// answered replaces the answer to a request.
	answered func(*world, *call, string) *answer
}

// served is what a server remembers.
type served struct {
	sessions map[string]bool
	made     int
	runs     map[string]int         // how often a tools/call was carried out, by its argument
	streams  map[string]chan string // of HTTP+SSE
	called   map[string]int         // how often each method came with a good token
}

// call is one message that has passed the door.
type call struct {
	*request
	method, session string
	id              json.RawMessage
	argument        string
	n               int // how many of this method came before
}

// mcp is the plain server: Streamable HTTP with sessions, of 2025-06-18.
func (w *world) mcp(rw http.ResponseWriter, r *request) {
	method, _ := r.json["method"].(string)
	if !w.admitted(r, method) {
		a := changed(w.refuse, w, r)
		if a == nil {
			a = w.challenged()
		}
		a.write(rw)
		return
	}
	switch {
	case r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/sse"):
		w.legacy(rw, r)
		return
	case r.Method == http.MethodDelete:
		w.mu.Lock()
		delete(w.sessions, r.Header.Get("Mcp-Session-Id"))
		w.mu.Unlock()
		rw.WriteHeader(http.StatusOK)
		return
	case r.Method == http.MethodPost && !strings.HasSuffix(r.URL.Path, "/sse"):
	default:
		answer{status: 405, header: map[string]string{"Allow": "POST, DELETE"}}.write(rw)
		return
	}
	c := &call{request: r, method: method, session: r.Header.Get("Mcp-Session-Id")}
	c.id, _ = json.Marshal(r.json["id"])
	if params, ok := r.json["params"].(map[string]any); ok {
		if arguments, ok := params["arguments"].(map[string]any); ok {
			c.argument, _ = arguments["text"].(string)
		}
	}
	w.mu.Lock()
	if w.called == nil {
		w.called = map[string]int{}
	}
	c.n = w.called[method]
	w.called[method]++
	w.mu.Unlock()
	if w.before != nil {
		if a := w.before(w, c); a != nil {
			a.write(rw)
			return
		}
	}
	if strings.HasSuffix(r.URL.Path, "/messages") {
		if a := w.result(c); a.body != nil {
			w.mu.Lock()
			out := w.streams[r.query.Get("s")]
			w.mu.Unlock()
			out <- fmt.Sprint(a.body)
		}
		rw.WriteHeader(http.StatusAccepted)
		return
	}
	w.result(c).write(rw)
}

// legacy is the stream of HTTP+SSE (2024-11-05): it tells where to post, and
// brings the answers.
func (w *world) legacy(rw http.ResponseWriter, r *request) {
	out := make(chan string, 16)
	w.mu.Lock()
	name := fmt.Sprintf("s%d", len(w.streams)+1)
	if w.streams == nil {
		w.streams = map[string]chan string{}
	}
	w.streams[name] = out
	w.mu.Unlock()
	rw.Header().Set("Content-Type", "text/event-stream")
	fmt.Fprintf(rw, "event: endpoint\ndata: /messages?s=%s\n\n", name)
	for {
		rw.(http.Flusher).Flush() //nolint:forcetypeassert // net/http's own
		select {
		case message := <-out:
			fmt.Fprintf(rw, "event: message\ndata: %s\n\n", message)
		case <-r.Context().Done():
			return
		}
	}
}

// admitted looks at the token.
func (w *world) admitted(r *request, method string) bool {
	if method == "" { // a stream, or the end of a session
		method = "initialize"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !slices.Contains(w.closed, method) && (slices.Contains(w.open, "*") || slices.Contains(w.open, method)) {
		return true
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && w.access[token]
}

func (w *world) challenged() *answer {
	a := &answer{status: 401, body: doc{"error": "invalid_token"}}
	switch w.challenge {
	case "":
		a.header = map[string]string{"WWW-Authenticate": "Bearer"}
	case "-":
	default:
		a.header = map[string]string{"WWW-Authenticate": w.challenge}
	}
	return a
}

// rpcError is an answer with an error of the server.
func rpcError(status, code int, message string) *answer {
	return &answer{status: status, body: doc{"jsonrpc": "2.0", "id": nil, "error": doc{"code": code, "message": message}}}
}

// lost reports whether a message belongs to no session that there is.
func (w *world) lost(c *call) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return c.method != "initialize" && !w.sessions[c.session] && !strings.HasSuffix(c.URL.Path, "/messages")
}

// forgetSessions is a server that was restarted.
func (w *world) forgetSessions() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.sessions)
}

// result carries a message out.
func (w *world) result(c *call) answer {
	if len(c.id) == 0 || string(c.id) == "null" {
		return answer{status: 202}
	}
	if w.lost(c) {
		return *rpcError(404, -32001, "Session not found")
	}
	header := map[string]string{}
	var result any
	switch c.method {
	case "initialize":
		w.mu.Lock()
		w.made++
		id := fmt.Sprintf("session-%d", w.made)
		w.sessions[id] = true
		w.mu.Unlock()
		header["Mcp-Session-Id"] = id
		result = doc{"protocolVersion": "2025-06-18", "capabilities": doc{"tools": doc{}}, "serverInfo": doc{"name": "zoo", "version": "1"}}
	case "tools/list":
		result = doc{"tools": []doc{{"name": "echo", "inputSchema": doc{"type": "object", "properties": doc{"text": doc{"type": "string"}}}}}}
	case "tools/call":
		w.mu.Lock()
		w.runs[c.argument]++
		w.mu.Unlock()
		result = doc{"content": []doc{{"type": "text", "text": "echo " + c.argument}}}
	case "ping":
		result = doc{}
	default:
		return answer{body: doc{"jsonrpc": "2.0", "id": c.id, "error": doc{"code": -32601, "message": "Method not found"}}}
	}
	message, _ := json.Marshal(doc{"jsonrpc": "2.0", "id": c.id, "result": result})
	a := answer{body: string(message)}
	if w.answered != nil {
		if own := w.answered(w, c, string(message)); own != nil {
			a = *own
		}
	}
	if a.header == nil {
		a.header = map[string]string{}
	}
	for name, value := range header {
		a.header[name] = value
	}
	return a
}
