package server

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// verdicts counts how requests with a token ended.
type verdicts struct {
	known               atomic.Uint64 // answered from memory
	good, bad, untold   atomic.Uint64 // checks
	keptDespiteAnOutage atomic.Uint64
}

func (v *verdicts) checked(err error) {
	var scope *InsufficientScopeError
	switch {
	case err == nil:
		v.good.Add(1)
	case errors.Is(err, ErrInvalidToken), errors.As(err, &scope):
		v.bad.Add(1)
	default:
		v.untold.Add(1)
	}
}

// measureVerification registers what an operator watches about tokens. With a
// verifier that is not the built-in one there is nothing to register.
func (s *Server) measureVerification(to prometheus.Registerer) error {
	if to == nil || s.results == nil {
		return nil
	}
	counter := func(name, help, label, value string, n *atomic.Uint64) prometheus.Collector {
		opts := prometheus.CounterOpts{Name: name, Help: help}
		if label != "" {
			opts.ConstLabels = prometheus.Labels{label: value}
		}
		return prometheus.NewCounterFunc(opts, func() float64 { return float64(n.Load()) })
	}
	remembered := func(verdict string, size func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "whoami_tokens_remembered", Help: "Tokens whose verdict is known.", ConstLabels: prometheus.Labels{"verdict": verdict},
		}, func() float64 { return float64(size()) })
	}
	const checks, checksHelp = "whoami_token_checks_total", "Tokens that were checked, because nothing was known of them any more."
	v := &s.results.verdicts
	all := []prometheus.Collector{
		counter("whoami_tokens_known_total", "Requests whose token was known.", "", "", &v.known),
		counter("whoami_tokens_kept_total", "Requests with a token that was good before the issuer could not be asked.", "", "", &v.keptDespiteAnOutage),
		counter(checks, checksHelp, "verdict", "good", &v.good),
		counter(checks, checksHelp, "verdict", "bad", &v.bad),
		counter(checks, checksHelp, "verdict", "unknown", &v.untold),
		remembered("good", func() int { good, _, _ := s.results.size(); return good }),
		remembered("bad", func() int { _, bad, _ := s.results.size(); return bad }),
	}
	if s.opaque != nil {
		all = append(all, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "whoami_issuer_left_alone", Help: "1 while the issuer is not asked about tokens because it has failed repeatedly.",
		}, func() float64 {
			if s.opaque.breaker.isOpen() {
				return 1
			}
			return 0
		}))
	}
	for _, c := range all {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("register metrics of tokens: %w", err)
		}
	}
	return nil
}
