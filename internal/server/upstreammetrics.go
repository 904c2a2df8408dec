package server

import (
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/server/gateway"
)

// upstreamMetrics counts how the upstream answers, and logs when it ceases to and when it
// begins again.
type upstreamMetrics struct {
	requests map[string]prometheus.Counter // by outcome
	duration prometheus.Observer
	down     atomic.Bool
	outage   foreign.Outage
}

func newUpstreamMetrics(to prometheus.Registerer, log *slog.Logger) (*upstreamMetrics, error) {
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "whoami_upstream_requests_total", Help: "Requests to the server behind the gateway.",
	}, []string{"outcome"})
	duration := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "whoami_upstream_duration_seconds", Help: "Time until the answer of the server behind the gateway begins.",
		Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60},
	})
	m := &upstreamMetrics{requests: make(map[string]prometheus.Counter), duration: duration, outage: foreign.Outage{Peer: "the server behind the gateway", Log: log}}
	for _, outcome := range []string{
		"2xx", "4xx", "5xx", string(gateway.Unreachable), string(gateway.Broken), string(gateway.Timeout), string(gateway.Refused),
		string(gateway.Garbage), string(gateway.Cancelled), string(gateway.NotSent), outcomeCut,
	} {
		m.requests[outcome] = requests.WithLabelValues(outcome)
	}
	return m, register(to, []prometheus.Collector{
		requests, duration,
		gaugeOf("whoami_upstream_up", "1 unless the last request to the server behind the gateway was not answered.", m.up),
	})
}

// answered counts a request.
func (m *upstreamMetrics) answered(outcome string, took time.Duration) {
	if counter := m.requests[outcome]; counter != nil { // there are statuses beyond 5xx
		counter.Inc()
	}
	m.duration.Observe(took.Seconds())
	switch gateway.Outcome(outcome) {
	case gateway.Unreachable, gateway.Broken, gateway.Timeout:
		m.down.Store(true)
	case gateway.Cancelled, gateway.NotSent: // they say nothing about it
	default:
		m.down.Store(false)
	}
}

// outcomeCut is an answer that broke off, beside what it was counted as when it began.
const outcomeCut = "cut"

func (m *upstreamMetrics) cut() { m.requests[outcomeCut].Inc() }

// report logs an upstream that gives no usable answer, and when that is over; nil is an answer.
func (m *upstreamMetrics) report(f *gateway.Failure) {
	switch {
	case f == nil:
		m.outage.Report(nil)
	case f.Outcome != gateway.Cancelled && f.Outcome != gateway.NotSent:
		attrs := []any{"outcome", string(f.Outcome)}
		if next := hint.Of(f); next != "" {
			attrs = append(attrs, "hint", next)
		}
		m.outage.Report(f, attrs...)
	}
}

func (m *upstreamMetrics) up() bool { return !m.down.Load() }
