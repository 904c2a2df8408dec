package server

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/foreign"
)

// requestIDHeader carries the correlation id of a request to its sender, who
// can quote it to the operator. An id in the request is ignored, so that
// nobody can write into the log.
const requestIDHeader = "X-Request-Id"

type requestRecordKey struct{}

// requestRecord is what is logged about one request. It is written only by the
// goroutine that serves the request.
type requestRecord struct {
	http.ResponseWriter
	client string // address, see [clientAddress]
	host   string // of the client, as limits count it
	status int
	// upstream is the status of the upstream's answer; 0 without one.
	upstream int
	subject  string
	reason   error
	// resource is what the token was checked for; nil until it was.
	resource *bearer.Resource
	written  func() // called with the first bytes of the answer; nil: nobody asks
}

func (r *requestRecord) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *requestRecord) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	if r.written != nil {
		defer r.written()
	}
	return r.ResponseWriter.Write(b)
}

// Flush implements http.Flusher, which mcp-go looks for before it streams.
func (r *requestRecord) Flush() {
	if f, ok := r.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (r *requestRecord) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// recordOf is the record of the request that ctx belongs to; where there is none,
// one that nobody reads.
func recordOf(ctx context.Context) *requestRecord {
	if e, ok := ctx.Value(requestRecordKey{}).(*requestRecord); ok {
		return e
	}
	return &requestRecord{}
}

// recordReason records why a request was refused, for the log only.
func recordReason(ctx context.Context, err error) {
	if err != nil {
		recordOf(ctx).reason = err
	}
}

// clientOf is the host that the request came from, as limits count it.
func clientOf(ctx context.Context) string { return recordOf(ctx).host }

// logged runs serve with a correlation id and writes one line afterwards. The
// line has the name of the route and never the URL, since a token may have
// been put into the query or the path by mistake.
func (s *front) logged(w http.ResponseWriter, r *http.Request, name string,
	serve func(http.ResponseWriter, *http.Request),
) {
	start := time.Now()
	id := rand.Text()
	w.Header().Set(requestIDHeader, id)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	method := knownMethod(r.Method)
	r, span := s.startSpan(r, name, method, id)
	e := &requestRecord{ResponseWriter: w}
	e.client, e.host = clientAddress(r, s.ops.TrustedProxies)
	r = r.WithContext(context.WithValue(r.Context(), requestRecordKey{}, e))
	returned := false
	defer func() {
		took := time.Since(start)
		switch {
		case e.status != 0:
		case returned:
			e.status = http.StatusOK // what net/http sends then
		default: // a panic; net/http cuts the connection
			e.status = http.StatusInternalServerError
		}
		endSpan(span, e.status)
		stream := strings.HasPrefix(w.Header().Get("Content-Type"), "text/event-stream")
		s.metrics.answered(name, method, e.status, took, stream)
		level := slog.LevelInfo
		if name == routeHealth {
			level = slog.LevelDebug
		}
		if !s.log.Enabled(r.Context(), level) {
			return
		}
		attrs := make([]slog.Attr, 0, 10)
		attrs = append(attrs, slog.String("request_id", id), slog.String("method", method),
			slog.String("route", name), slog.Int("status", e.status),
			slog.Float64("duration_ms", float64(took.Microseconds())/1000), slog.String("client", e.client))
		if span.SpanContext().IsSampled() {
			attrs = append(attrs, slog.String("trace_id", span.SpanContext().TraceID().String()))
		}
		if e.upstream != 0 {
			attrs = append(attrs, slog.Int("upstream_status", e.upstream))
		}
		if e.subject != "" {
			attrs = append(attrs, slog.String("subject", e.subject))
		}
		if e.reason != nil {
			attrs = append(attrs, slog.String("reason", foreign.Message(e.reason.Error())))
		}
		s.log.LogAttrs(r.Context(), level, "request", attrs...)
	}()
	serve(e, r)
	returned = true
}

// knownMethod keeps what a client invents out of the log.
func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}
