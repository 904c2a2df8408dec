package main

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Issue 7, item 5: a request's span belongs to the trace that its traceparent
// names, arrives at the collector at the latest when the server stops, and has
// nothing of the URL or a header in it. What the caller does not want kept is not.
func TestTraces(t *testing.T) {
	var mu sync.Mutex
	var got collectorpb.ExportTraceServiceRequest
	var raw []byte
	sink := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var part collectorpb.ExportTraceServiceRequest
		// The official definition decides whether the encoding is right.
		if err := decodeOTLP(body, &part); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		mu.Lock()
		defer mu.Unlock()
		raw = append(raw, body...)
		proto.Merge(&got, &part)
	}))
	t.Cleanup(sink.Close)
	p := start(t, "--issuer", someIssuer, "--listen", "127.0.0.1:0", "--otlp-endpoint", sink.URL, "--trace-ratio", "0", "--log-format", "json")
	const trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	get(t, "http://"+p.address+"/mcp?access_token=SECRET", "Authorization", "Bearer SECRET", "Traceparent", "00-"+trace+"-"+parent+"-01")
	get(t, "http://"+p.address+"/healthz", "Traceparent", "00-1af7651916cd43dd8448eb211c80319c-"+parent+"-00")
	get(t, "http://"+p.address+"/healthz")
	if code := p.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(got.ResourceSpans) != 1 || len(got.ResourceSpans[0].ScopeSpans) != 1 || len(got.ResourceSpans[0].ScopeSpans[0].Spans) != 1 {
		t.Fatalf("spans: %v", &got)
	}
	span := got.ResourceSpans[0].ScopeSpans[0].Spans[0]
	if hex.EncodeToString(span.TraceId) != trace || hex.EncodeToString(span.ParentSpanId) != parent || span.Name != "GET mcp" ||
		span.Kind != tracepb.Span_SPAN_KIND_SERVER || span.EndTimeUnixNano < span.StartTimeUnixNano {
		t.Errorf("span %v", span)
	}
	if strings.Contains(string(raw), "SECRET") || !strings.Contains(string(raw), "http.response.status_code") {
		t.Error("a secret is in the span, or the status is not")
	}
	if !strings.Contains(p.stderr.String(), `"trace_id":"`+trace+`"`) {
		t.Error("the trace is not in the log")
	}
}

// decodeOTLP reads OTLP's JSON, in which ids are hexadecimal and not base64 as
// in all other messages (OTLP, JSON Protobuf Encoding).
func decodeOTLP(body []byte, to *collectorpb.ExportTraceServiceRequest) error {
	id := regexp.MustCompile(`"(traceId|spanId|parentSpanId)":"([0-9a-f]+)"`)
	return protojson.Unmarshal(id.ReplaceAllFunc(body, func(m []byte) []byte {
		parts := id.FindSubmatch(m)
		raw, _ := hex.DecodeString(string(parts[2]))
		return []byte(`"` + string(parts[1]) + `":"` + base64.StdEncoding.EncodeToString(raw) + `"`)
	}), to)
}

// A collector that is down costs nothing but its spans.
func TestCollectorDown(t *testing.T) {
	p := start(t, "--issuer", someIssuer, "--listen", "127.0.0.1:0", "--otlp-endpoint", "http://127.0.0.1:1/")
	if resp, _ := get(t, "http://"+p.address+"/healthz"); resp.StatusCode != 200 {
		t.Errorf("health: %d", resp.StatusCode)
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	for _, bad := range []string{"collector:4318", "127.0.0.1", "grpc://h:1"} {
		if err := checkCollector(bad); err == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}
