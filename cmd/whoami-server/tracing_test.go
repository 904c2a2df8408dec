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

// collected is a collector of traces; what it returns is called once the program
// has stopped.
func collected(t *testing.T) (url string, spans func() ([]*tracepb.Span, string)) {
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
	return sink.URL, func() (all []*tracepb.Span, text string) {
		mu.Lock()
		defer mu.Unlock()
		for _, r := range got.ResourceSpans {
			for _, s := range r.ScopeSpans {
				all = append(all, s.Spans...)
			}
		}
		return all, string(raw)
	}
}

const someTrace, someParent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"

// With a traceparent that is trusted, a request's span belongs
// to the trace that it names, arrives at the collector at the latest when the
// server stops, and has nothing of the URL or a header in it. What the caller does
// not want kept is not.
func TestTraces(t *testing.T) {
	sink, spans := collected(t)
	p := start(t, "--issuer", someIssuer, "--listen", "127.0.0.1:0", "--otlp-endpoint", sink, "--trace-ratio", "0", "--trust-traceparent", "--log-format", "json")
	get(t, "http://"+p.address+"/mcp?access_token=SECRET", "Authorization", "Bearer SECRET", "Traceparent", "00-"+someTrace+"-"+someParent+"-01",
		"Tracestate", "vendor="+strings.Repeat("x", 200)+",other="+strings.Repeat("y", 250)+",third="+strings.Repeat("z", 250))
	get(t, "http://"+p.address+"/healthz", "Traceparent", "00-1af7651916cd43dd8448eb211c80319c-"+someParent+"-00")
	get(t, "http://"+p.address+"/healthz")
	if code := p.stop(); code != exitOK {
		t.Errorf("exit %d", code)
	}
	got, raw := spans()
	if len(got) != 1 {
		t.Fatalf("spans: %v", got)
	}
	span := got[0]
	if hex.EncodeToString(span.TraceId) != someTrace || hex.EncodeToString(span.ParentSpanId) != someParent || span.Name != "GET mcp" ||
		span.Kind != tracepb.Span_SPAN_KIND_SERVER || span.EndTimeUnixNano < span.StartTimeUnixNano || len(span.TraceState) > 512 {
		t.Errorf("span %v", span)
	}
	if strings.Contains(raw, "SECRET") || !strings.Contains(raw, "http.response.status_code") {
		t.Error("a secret is in the span, or the status is not")
	}
	if !strings.Contains(p.stderr.String(), `"trace_id":"`+someTrace+`"`) {
		t.Error("the trace is not in the log")
	}
}

// A caller, who may have no token, neither has a trace kept nor chooses its
// name, and stores nothing in it.
func TestCallersChooseNoTrace(t *testing.T) {
	for ratio, want := range map[string]int{"0": 0, "1": 3} {
		sink, spans := collected(t)
		p := start(t, "--issuer", someIssuer, "--listen", "127.0.0.1:0", "--otlp-endpoint", sink, "--trace-ratio", ratio, "--log-format", "json")
		for _, flags := range []string{"00", "01", "03"} {
			get(t, "http://"+p.address+"/mcp", "Traceparent", "00-"+someTrace+"-"+someParent+"-"+flags, "Tracestate", "vendor=MARK")
		}
		if code := p.stop(); code != exitOK {
			t.Errorf("exit %d", code)
		}
		got, raw := spans()
		if len(got) != want {
			t.Errorf("ratio %s: %d spans, want %d", ratio, len(got), want)
		}
		for _, text := range []string{raw, p.stderr.String()} {
			for _, of := range []string{someTrace, someParent, "MARK"} {
				if strings.Contains(text, of) {
					t.Errorf("ratio %s: %s of the caller is in %s", ratio, of, text)
				}
			}
		}
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
