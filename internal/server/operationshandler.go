package server

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// maxScrapes is how often the metrics are collected at a time.
const maxScrapes = 4

// OperationsHandler serves what an operator's machines ask for: /healthz, which
// says that the process answers, /readyz, which is 503 once the server has begun
// to stop, and with a gatherer /metrics. It needs no token and checks no Host, so
// it belongs on a listener that clients do not reach.
//
// A provider, a bus or an upstream that is down does not make a server unready: known tokens
// and stateless requests still work, and every replica would be taken away at
// the same time. What is down is named in the answer and in the metrics.
func (s *front) OperationsHandler(metrics prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc(pathHealth, onlyGET(serveHealth))
	mux.HandleFunc("/readyz", onlyGET(s.serveReady))
	if s.keySet != nil {
		mux.HandleFunc(pathKeySet, s.keySet)
	}
	if metrics != nil {
		scrape, scrapes := promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}), newQuota(maxScrapes, maxScrapes)
		mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
			if scrapes.acquire(owner{}, 1) != nil {
				retryLater(w, "The metrics are being read too often.")
				return
			}
			defer scrapes.release(owner{}, 1)
			scrape.ServeHTTP(w, r)
		})
	}
	return mux
}

func (s *front) serveReady(w http.ResponseWriter, _ *http.Request) {
	answer := map[string]string{"status": "ready"}
	if s.ops.Bus != nil {
		answer["bus"] = "up"
		if s.ops.Bus.Healthy() != nil {
			answer["bus"] = "down"
		}
	}
	if s.upstreamUp != nil {
		answer["upstream"] = "up"
		if !s.upstreamUp() {
			answer["upstream"] = "down"
		}
	}
	status := http.StatusOK
	if s.Ready() != nil {
		answer["status"], status = "stopping", http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "1")
	}
	writeJSON(w, status, answer)
}
