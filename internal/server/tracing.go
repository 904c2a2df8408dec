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

// maxTraceState is the length of a tracestate that is passed on: what W3C Trace
// Context section 3.3.1.5 asks for at least.
const maxTraceState = 512

// startSpan begins a span for r: of a trace of its own, since a request is
// anybody's until its token is verified, and who chooses the trace decides what
// is kept and where it shows. With [Operations.TrustTraceparent] it belongs to
// the trace that the sender's traceparent names. As in the log there is no URL
// and no other header: a token may have got there by mistake. Without a tracer it
// does nothing.
func (s *front) startSpan(r *http.Request, route, method, requestID string) (*http.Request, trace.Span) {
	if s.ops.Tracer == nil {
		return r, trace.SpanFromContext(r.Context())
	}
	ctx := r.Context()
	if s.ops.TrustTraceparent {
		ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(r.Header))
		if sender := trace.SpanContextFromContext(ctx); len(sender.TraceState().String()) > maxTraceState {
			ctx = trace.ContextWithRemoteSpanContext(ctx, sender.WithTraceState(trace.TraceState{}))
		}
	}
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
	if !span.IsRecording() {
		return
	}
	span.SetAttributes(attribute.Int("http.response.status_code", status))
	if status >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
