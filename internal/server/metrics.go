package server

import (
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what an operator watches. A nil one counts nothing. No label
// has a value that a client can choose.
type metrics struct {
	requests  *prometheus.CounterVec
	duration  *prometheus.HistogramVec
	inFlight  prometheus.Gauge
	streams   *prometheus.GaugeVec
	limited   *prometheus.CounterVec
	forwards  *prometheus.CounterVec
	draining  prometheus.Gauge
	buildInfo *prometheus.GaugeVec
}

func newMetrics(to prometheus.Registerer, version string, bus Bus) (*metrics, error) {
	if to == nil {
		return nil, nil
	}
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
		forwards: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "whoami_forwarded_total", Help: "Messages handed to the replica that holds their stream.",
		}, []string{"outcome"}),
		draining: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "whoami_draining", Help: "1 once the server has begun to stop.",
		}),
		buildInfo: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "whoami_build_info", Help: "Always 1.",
		}, []string{"version"}),
	}
	all := []prometheus.Collector{
		m.requests, m.duration, m.inFlight, m.streams, m.limited, m.forwards, m.draining, m.buildInfo,
	}
	if bus != nil {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "whoami_bus_up", Help: "1 while the bus between replicas works.",
		}, func() float64 {
			if bus.Healthy() != nil {
				return 0
			}
			return 1
		}))
	}
	for _, c := range all {
		if err := to.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	m.buildInfo.WithLabelValues(version).Set(1)
	for _, transport := range []string{"sse", "streamable"} {
		m.streams.WithLabelValues(transport)
	}
	for _, limit := range []string{limitAddress, limitSubject, limitConcurrency, limitCalls, limitBodies, limitStreams} {
		m.limited.WithLabelValues(limit)
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
)

func (m *metrics) answered(route, method string, status int, took time.Duration, stream bool) {
	if m == nil {
		return
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
	if !stream {
		m.duration.WithLabelValues(route).Observe(took.Seconds())
	}
}

func (m *metrics) underWay(n float64) {
	if m != nil {
		m.inFlight.Add(n)
	}
}

func (m *metrics) streamOpened(transport string) {
	if m != nil {
		m.streams.WithLabelValues(transport).Inc()
	}
}

func (m *metrics) streamClosed(transport string) {
	if m != nil {
		m.streams.WithLabelValues(transport).Dec()
	}
}

func (m *metrics) refused(limit string) {
	if m != nil {
		m.limited.WithLabelValues(limit).Inc()
	}
}

func (m *metrics) forwarded(outcome string) {
	if m != nil {
		m.forwards.WithLabelValues(outcome).Inc()
	}
}

func (m *metrics) drain() {
	if m != nil {
		m.draining.Set(1)
	}
}
