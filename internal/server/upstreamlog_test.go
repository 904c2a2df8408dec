package server

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// What is wrong with an upstream, or with the secret of replicas, is in the log by its cure.
func TestGatewayLogLeadsToTheCure(t *testing.T) {
	i := issuer.Start(t)
	var log binary.Output
	metrics := prometheus.NewRegistry()
	h := http.NotFound
	base := startUpstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(w, r) }))
	l := startGateway(t, i, base, func(c *Config) { c.Log, c.Metrics = log.Logger(), metrics })
	c := l.clientFor(t, i, "alice")
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
	h = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	send("", "gives no usable answer")
	h = func(w http.ResponseWriter, _ *http.Request) { // half an answer
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "1000")
		_, _ = io.WriteString(w, "{")
	}
	send("", "reason")
	if said := log.String(); strings.Count(said, "gives no usable answer") != 1 || !strings.Contains(said, "upstream="+base+"/mcp") {
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
