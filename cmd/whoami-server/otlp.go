package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"mcp-login/internal/foreign"
)

// collector sends spans by OTLP over HTTP in its JSON encoding, which every
// collector takes on the same port as the binary one (OpenTelemetry protocol
// 1.x, "OTLP/HTTP" and "JSON Protobuf Encoding"). OpenTelemetry's own exporter
// would bring gRPC into a program that needs none.
type collector struct {
	url  string
	http *http.Client
}

type otlpValue struct {
	String *string `json:"stringValue,omitempty"`
	Int    *string `json:"intValue,omitempty"` // 64 bits are strings in this encoding
}

type otlpAttribute struct {
	Key   string    `json:"key"`
	Value otlpValue `json:"value"`
}

type otlpStatus struct {
	Code int `json:"code,omitempty"`
}

type otlpSpan struct {
	TraceID      string          `json:"traceId"`
	SpanID       string          `json:"spanId"`
	TraceState   string          `json:"traceState,omitempty"`
	ParentSpanID string          `json:"parentSpanId,omitempty"`
	Name         string          `json:"name"`
	Kind         int             `json:"kind"`
	Start        string          `json:"startTimeUnixNano"`
	End          string          `json:"endTimeUnixNano"`
	Attributes   []otlpAttribute `json:"attributes"`
	Status       otlpStatus      `json:"status"`
}

// otlpServer and otlpError are values of the protocol's enumerations.
const (
	otlpServer = 2
	otlpError  = 2
)

// ExportSpans implements the SDK's SpanExporter.
func (c *collector) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	if len(spans) == 0 {
		return nil
	}
	list := make([]otlpSpan, 0, len(spans))
	for _, s := range spans {
		list = append(list, encodeSpan(s))
	}
	body, err := json.Marshal(map[string]any{"resourceSpans": []any{map[string]any{
		"resource": map[string]any{"attributes": encodeAttributes(spans[0].Resource().Attributes())},
		"scopeSpans": []any{map[string]any{
			"scope": map[string]any{"name": spans[0].InstrumentationScope().Name, "version": spans[0].InstrumentationScope().Version},
			"spans": list,
		}},
	}}})
	if err != nil {
		return fmt.Errorf("encode traces: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("send traces: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req) //nolint:bodyclose // foreign.Discard closes it
	if err != nil {
		return fmt.Errorf("send traces: %w", err)
	}
	foreign.Discard(resp)
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("send traces: the collector answers %s", resp.Status)
	}
	return nil
}

// Shutdown implements the SDK's SpanExporter.
func (c *collector) Shutdown(context.Context) error {
	c.http.CloseIdleConnections()
	return nil
}

func encodeSpan(s sdk.ReadOnlySpan) otlpSpan {
	out := otlpSpan{
		TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
		TraceState: s.SpanContext().TraceState().String(), Name: s.Name(), Kind: otlpServer,
		Start:      strconv.FormatInt(s.StartTime().UnixNano(), 10),
		End:        strconv.FormatInt(s.EndTime().UnixNano(), 10),
		Attributes: encodeAttributes(s.Attributes()),
	}
	if s.Parent().SpanID().IsValid() {
		out.ParentSpanID = s.Parent().SpanID().String()
	}
	if s.Status().Code == codes.Error {
		out.Status.Code = otlpError
	}
	return out
}

// encodeAttributes knows the types that our spans have; of another one it takes
// the text.
func encodeAttributes(list []attribute.KeyValue) []otlpAttribute {
	out := make([]otlpAttribute, 0, len(list))
	for _, kv := range list {
		text := kv.Value.String()
		a := otlpAttribute{Key: string(kv.Key), Value: otlpValue{String: &text}}
		if kv.Value.Type() == attribute.INT64 {
			a.Value = otlpValue{Int: &text}
		}
		out = append(out, a)
	}
	return out
}

var _ sdk.SpanExporter = (*collector)(nil)
