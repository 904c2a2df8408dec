package server

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what an operator watches. No label has a value that a client can
// choose.
type metrics struct {
	requests *prometheus.CounterVec   // by route, method and status
	duration *prometheus.HistogramVec // by route
	inFlight prometheus.Gauge
	streams  *prometheus.GaugeVec   // by transport
	limited  *prometheus.CounterVec // by limit
	proofs   *prometheus.CounterVec // by reason
	forwards *prometheus.CounterVec // by outcome
	draining prometheus.Gauge
}

// newMetrics returns metrics that are registered with to; with nil nobody reads them.
func newMetrics(to prometheus.Registerer, version string, bus Bus) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whoami_requests_total", Help: "Requests answered.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "whoami_request_duration_seconds", Help: "Time to answer a request; streams are left out.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "whoami_requests_in_flight", Help: "Protected requests under way, open streams included.",
		}),
		streams: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "whoami_streams", Help: "Open event streams.",
		}, []string{"transport"}),
		limited: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whoami_limited_total", Help: "Requests refused by a limit.",
		}, []string{"limit"}),
		proofs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whoami_proofs_refused_total", Help: "Requests refused for their DPoP proof.",
		}, []string{"reason"}),
		forwards: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whoami_forwarded_total", Help: "Messages handed to the replica that holds their stream.",
		}, []string{"outcome"}),
		draining: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "whoami_draining", Help: "1 once the server has begun to stop.",
		}),
	}
	all := []prometheus.Collector{
		m.requests, m.duration, m.inFlight, m.streams, m.limited, m.proofs, m.forwards, m.draining,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "whoami_build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version},
		}, func() float64 { return 1 }),
	}
	if bus != nil {
		all = append(all, gaugeOf("whoami_bus_up", "1 while the bus between replicas works.", func() bool { return bus.Healthy() == nil }))
	}
	if err := register(to, all); err != nil {
		return nil, err
	}
	for _, transport := range []string{"sse", "streamable"} {
		m.streams.WithLabelValues(transport)
	}
	for _, limit := range []string{limitAddress, limitSubject, limitConcurrency, limitCalls, limitBodies, limitStreams, limitProofs} {
		m.limited.WithLabelValues(limit)
	}
	for _, reason := range []string{"nonce", "proof", "replay", "unavailable"} {
		m.proofs.WithLabelValues(reason)
	}
	return m, nil
}

// The limits that whoami_limited_total knows.
const (
	limitAddress     = "address"
	limitSubject     = "subject"
	limitConcurrency = "concurrency" // calls of all
	limitCalls       = "calls"       // of one user
	limitBodies      = "bodies"
	limitStreams     = "streams"
	limitProofs      = "proofs" // remembered
)

// refusedProof counts a request that was refused for its DPoP proof, see [bearer.DPoP].
func (m *metrics) refusedProof(reason string) {
	if reason == "full" {
		m.limited.WithLabelValues(limitProofs).Inc()
		return
	}
	m.proofs.WithLabelValues(reason).Inc()
}

// answered counts a request that was answered.
func (m *metrics) answered(route, method string, status int, took time.Duration, stream bool) {
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	if !stream {
		m.duration.WithLabelValues(route).Observe(took.Seconds())
	}
}

// gaugeOf is 1 while is returns true.
func gaugeOf(name, help string, is func() bool) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		if is() {
			return 1
		}
		return 0
	})
}

// register registers all with to, if there is one.
func register(to prometheus.Registerer, all []prometheus.Collector) error {
	if to == nil {
		return nil
	}
	for _, c := range all {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
	}
	return nil
}
