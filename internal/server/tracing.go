package server

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// tracerName names this package in traces.
const tracerName = "mcp-login/internal/server"

// startSpan begins a span for r, as part of the trace that the sender's
// traceparent names (W3C Trace Context), if it has one. As in the log there is no
// URL and no header: a token may have got there by mistake. Without a tracer it
// does nothing.
func (s *Server) startSpan(r *http.Request, route, method, requestID string) (*http.Request, trace.Span) {
	if s.ops.Tracer == nil {
		return r, trace.SpanFromContext(r.Context())
	}
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := s.ops.Tracer.Tracer(tracerName, trace.WithInstrumentationVersion(s.version)).Start(ctx, method+" "+route,
		trace.WithSpanKind(trace.SpanKindServer),
		trace.WithAttributes(
			attribute.String("http.request.method", method), attribute.String("http.route", route),
			attribute.String("request_id", requestID),
		))
	return r.WithContext(ctx), span
}

// endSpan ends the span with what was answered.
func endSpan(span trace.Span, status int) {
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
