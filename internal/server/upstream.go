package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/mark3labs/mcp-go/mcp"
	"go.opentelemetry.io/otel/propagation"

	"mcp-login/bearer"
	"mcp-login/internal/server/gateway"
)

// upstream is the [backend] that stands in front of another MCP server. Sessions are
// that server's; this one seals their ids and counts them.
type upstream struct {
	*front
	gateway  *gateway.Gateway
	sessions SessionStore
	requests sync.Map // *openRequests of the streams of HTTP+SSE that are open here, by nonce
	seen     *upstreamMetrics
	tools    *toolNames
	at       string // its address, for the log
	sse      bool   // which is that of HTTP+SSE
}

func newUpstream(f *front, cfg *Config) (*upstream, error) {
	settings := *cfg.Upstream
	settings.Resource = f.layout.resource
	g, err := gateway.New(settings)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(f.life, g.Close)
	u := &upstream{front: f, gateway: g, sessions: newMemorySessions(), tools: newToolNames(cfg.ToolScopes, f.log)}
	if f.ops.Bus != nil {
		u.sessions = f.ops.Bus
		f.ops.Bus.HandleRequests(u.answerReplica)
	}
	u.at, u.sse = gateway.Shown(settings.Upstream), gateway.NamesSSE(settings.Upstream)
	u.seen, err = newUpstreamMetrics(f.ops.Metrics, f.log.With("upstream", u.at))
	return u, err
}

// reach connects to the upstream, and logs if that fails. Nothing else follows: the upstream
// may come later, and whoami_upstream_up is about requests.
func (u *upstream) reach(ctx context.Context) error {
	failure := u.gateway.Reach(ctx)
	if failure == nil {
		return nil
	}
	u.seen.report(failure)
	return failure
}

// serveStreamable passes on what Streamable HTTP has, in all revisions.
func (u *upstream) serveStreamable(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	switch r.Method {
	case http.MethodPost:
		u.post(w, r, id)
	case http.MethodGet:
		u.get(w, r, id)
	case http.MethodDelete:
		u.delete(w, r, id)
	default:
		methodNotAllowed(w, "GET, POST, DELETE")
	}
}

func (u *upstream) post(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	in, ok := u.receive(w, r, id)
	if !ok {
		return
	}
	defer in.release()
	if in.Method == string(mcp.MethodInitialize) {
		u.begin(w, r, id, in)
		return
	}
	s, ok := u.session(w, r, id)
	if !ok {
		return
	}
	switch c := u.call(r, id, s, in.body); {
	// Without a session the upstream knows one caller only, us: what is about an id may be
	// about somebody else's.
	case s.upstream == "" && in.Method == "":
		recordReason(r.Context(), errNoQuestion)
		problem{http.StatusBadRequest, "invalid_request", "An answer is for a question in a session, and this one names none."}.write(w)
	case s.upstream == "" && (in.Method == string(mcp.MethodNotificationCancelled) || in.Method == string(mcp.MethodNotificationProgress)):
		w.WriteHeader(http.StatusAccepted) // who wants no answer ends the request
	case listens(r, in.Message):
		u.subscribe(w, r, in, c)
	case in.Method == string(mcp.MethodToolsList):
		u.pass(w, r, c, s, &gateway.Relay{}, u.tools.watch)
	default:
		u.pass(w, r, c, s, &gateway.Relay{})
	}
}

// call is what goes to the upstream.
func (u *upstream) call(r *http.Request, id bearer.Identity, s upstreamSession, body []byte) gateway.Call {
	record := recordOf(r.Context())
	return gateway.Call{
		Method: r.Method, Caller: id, Header: r.Header, Trace: u.traceOf(r), Address: record.client,
		RequestID: record.Header().Get(requestIDHeader), Session: s.upstream, Body: body,
	}
}

// traceOf names the trace of a request to the upstream.
func (f *front) traceOf(r *http.Request) http.Header {
	var h http.Header
	switch {
	case f.ops.Tracer != nil:
		h = http.Header{}
		propagation.TraceContext{}.Inject(r.Context(), propagation.HeaderCarrier(h))
	case f.ops.TrustTraceparent:
		h = http.Header{}
		for _, name := range []string{"Traceparent", "Tracestate"} {
			if values := r.Header[name]; len(values) == 1 && len(values[0]) <= maxTraceState {
				h[name] = values
			}
		}
	}
	return h
}

// pass sends a call, and its answer back, at which others may look.
func (u *upstream) pass(w http.ResponseWriter, r *http.Request, c gateway.Call, s upstreamSession, l *gateway.Relay, look ...func(*http.Response)) {
	resp, ok := u.send(w, r, c.Body, func() (*http.Response, error) { return u.gateway.Streamable(r.Context(), c) }) //nolint:bodyclose // relay closes it
	if !ok {
		return
	}
	for _, f := range look {
		f(resp)
	}
	if resp.StatusCode == http.StatusNotFound || r.Method == http.MethodDelete && resp.StatusCode < 300 {
		u.forget(r, s)
	}
	if resp.Header.Get(headerSessionID) != "" && s.sealed != "" {
		w.Header().Set(headerSessionID, s.sealed)
	}
	u.misplaced(r, c, resp)
	u.relay(w, r, c, l, resp)
}

// misplaced says in the log what a 404 means without a session: there is no MCP.
func (u *upstream) misplaced(r *http.Request, c gateway.Call, resp *http.Response) {
	switch {
	case resp.StatusCode != http.StatusNotFound || c.Session != "":
	case u.sse:
		recordReason(r.Context(), fmt.Errorf("upstream: no Streamable HTTP at /mcp beside %s; where there is HTTP+SSE only, clients use /sse beside --resource", u.at))
	default:
		recordReason(r.Context(), fmt.Errorf("upstream: no MCP endpoint at %s; write its path into --upstream", u.at))
	}
}

// send asks the upstream, or answers itself and returns false. The time is that until the
// answer begins.
func (u *upstream) send(w http.ResponseWriter, r *http.Request, body []byte, ask func() (*http.Response, error)) (*http.Response, bool) {
	// The upstream has its own time; HTTP/2 ends a stream whose deadline passes meanwhile.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{})
	start := time.Now()
	resp, err := ask()
	took := time.Since(start)
	if err == nil {
		recordOf(r.Context()).upstream = resp.StatusCode
		u.seen.answered(strconv.Itoa(resp.StatusCode/100)+"xx", took)
		u.seen.report(nil)
		return resp, true
	}
	failure := &gateway.Failure{Outcome: gateway.Broken, Status: http.StatusBadGateway}
	errors.As(err, &failure)
	u.seen.answered(string(failure.Outcome), took)
	u.seen.report(failure)
	recordReason(r.Context(), err)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(streamWriteTimeout))
	if failure.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "1")
	}
	gateway.WriteError(w, failure.Status, body, failure.Text)
	return nil, false
}

// relay writes an answer. One that breaks off ends with the connection, as it did on the
// other side: it must not look like a whole one.
func (u *upstream) relay(w http.ResponseWriter, r *http.Request, c gateway.Call, l *gateway.Relay, resp *http.Response) {
	l.Heartbeat, l.Timeout, l.Body = u.ops.Heartbeat, u.gateway.Timeout(), c.Body
	if err := l.Write(w, resp); err != nil {
		if r.Context().Err() == nil { // else the client has ended it, or this server's own end
			recordReason(r.Context(), err)
			u.seen.cut()
		}
		panic(http.ErrAbortHandler)
	}
}

// get holds the upstream's own stream of a session open.
func (u *upstream) get(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	done, ok := u.openStream(w, ownerOf(id), "streamable")
	if !ok {
		return
	}
	defer done()
	s, ok := u.session(w, r, id)
	if !ok {
		return
	}
	u.pass(w, r, u.call(r, id, s, nil), s, &gateway.Relay{
		First: ": welcome\n\n", Stop: u.streams, Alive: func() bool {
			ok, _ := u.count(r.Context(), s)
			return ok
		},
	})
}

// subscribe answers subscriptions/listen.
func (u *upstream) subscribe(w http.ResponseWriter, r *http.Request, in incoming, c gateway.Call) {
	done, ok := u.openListen(w, in)
	if !ok {
		return
	}
	defer done()
	u.pass(w, r, c, upstreamSession{}, &gateway.Relay{Stop: u.streams})
}

func (u *upstream) delete(w http.ResponseWriter, r *http.Request, id bearer.Identity) {
	held := &reservation{limits: u.limits, owner: ownerOf(id)}
	defer held.release()
	if !u.reserveCall(w, held) {
		return
	}
	if s, ok := u.session(w, r, id); ok {
		u.pass(w, r, u.call(r, id, s, nil), s, &gateway.Relay{})
	}
}

// serveKeySet publishes the keys that assertions are checked by.
func (u *upstream) serveKeySet(w http.ResponseWriter, r *http.Request) {
	document, err := u.gateway.KeySet()
	if err != nil {
		recordReason(r.Context(), err)
		problem{http.StatusInternalServerError, "server_error", "The request could not be handled."}.write(w)
		return
	}
	onlyGET(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(document)
	})(w, r)
}
