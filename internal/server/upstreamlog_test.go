package server

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/internal/foreign"
	"mcp-login/internal/server/gateway"
	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// What is wrong with an upstream, or with the secret of replicas, is in the log by its cure.
func TestGatewayLogLeadsToTheCure(t *testing.T) {
	i := issuer.Start(t)
	var log binary.Output
	metrics := prometheus.NewRegistry()
	var answer atomic.Value // of http.HandlerFunc
	answer.Store(http.HandlerFunc(http.NotFound))
	base := startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answer.Load().(http.HandlerFunc)(w, r) }))
	l := startGateway(t, i, base, func(c *Config) { c.Log, c.Metrics = log.Logger(), metrics })
	c := l.clientFor(t, i, "alice")
	legacy := startGateway(t, i, base, func(c *Config) {
		c.Log, c.Upstream = log.Logger(), &gateway.Config{Upstream: mustURL(t, base+"/sse")}
	})
	if resp := post(t, legacy.clientFor(t, i, "alice"), legacy.url+"/mcp", initialize); resp.StatusCode != 404 {
		t.Errorf("HTTP+SSE alone: %d", resp.StatusCode)
	}
	if want := "no Streamable HTTP at /mcp beside " + base + "/sse; where there is HTTP+SSE only, clients use /sse beside --resource"; !strings.Contains(log.String(), want) {
		t.Errorf("%s is not in %s", want, log.String())
	}
	send := func(session, want string) {
		t.Helper()
		before := len(log.String())
		message := initialize
		if session != "" {
			message = pingMessage
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, l.url+"/mcp", strings.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		if session != "" {
			req.Header.Set("Mcp-Session-Id", session)
		}
		if resp, err := c.Do(req); err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if said := log.String()[before:]; !strings.Contains(said, want) {
			t.Errorf("%s is not in %s", want, said)
		}
	}
	send("", "upstream: no MCP endpoint at "+base+"/mcp; write its path into --upstream")
	send("of-another-secret", "replicas need the same")
	if resp := post(t, c, l.url+"/mcp", `{"jsonrpc":"2.0","id":1,"result":{}}`); resp.StatusCode != 400 || !strings.Contains(log.String(), "an answer without a session") {
		t.Errorf("an answer: %d, the log has %s", resp.StatusCode, &log)
	}
	answer.Store(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	send("", "gives no usable answer")
	answer.Store(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { // half an answer
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "{")
	}))
	send("", "reason")
	if said := log.String(); strings.Count(said, "gives no usable answer") != 1 || strings.Count(said, "answers again") != 1 || !strings.Contains(said, "upstream="+base+"/mcp") {
		t.Errorf("not one warning that names the upstream: %s", said)
	}
	families, err := metrics.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var cut float64
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == "whoami_upstream_requests_total" && m.GetLabel()[0].GetValue() == "cut" {
				cut = m.GetCounter().GetValue()
			}
		}
	}
	if cut != 1 {
		t.Errorf("%v answers broke off", cut)
	}
}

// What says nothing about the upstream is no outage, and does not end one.
func TestOnlyTheUpstreamsOwnFailuresAreAnOutage(t *testing.T) {
	g, err := gateway.New(gateway.Config{Upstream: mustURL(t, "http://unix:"+t.TempDir()+"/nothing:/mcp")})
	if err != nil {
		t.Fatal(err)
	}
	var log binary.Output
	m := &upstreamMetrics{outage: foreign.Outage{Log: log.Logger()}}
	down := g.Reach(t.Context())
	for _, f := range []*gateway.Failure{{Outcome: gateway.Cancelled}, down, {Outcome: gateway.NotSent}, {Outcome: gateway.Cancelled}, down, nil} {
		m.report(f)
	}
	if got := log.String(); strings.Count(got, "level=") != 2 || !strings.Contains(got, "outcome=unreachable failures=1 ") || !strings.Contains(got, "failures=2 duration_ms=") {
		t.Error(got)
	}
}

// An upstream that is protected already is named as that, whose cure is another address.
func TestGatewayBeforeAnotherGateway(t *testing.T) {
	i := issuer.Start(t)
	var log binary.Output
	inner := startGateway(t, i, startUpstream(t, sdkUpstream()), nil)
	outer := startGateway(t, i, inner.url, func(c *Config) { c.Log = log.Logger() })
	if resp := post(t, outer.clientFor(t, i, "alice"), outer.url+"/mcp", initialize); resp.StatusCode != 502 {
		t.Errorf("%d", resp.StatusCode)
	}
	if said := log.String(); !strings.Contains(said, "write the address of the server behind that gateway into --upstream") {
		t.Errorf("the log says %s", said)
	}
}
