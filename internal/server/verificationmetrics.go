package server

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

// verdicts counts the checks of tokens, of which one may serve many requests, and the
// requests that were answered without one.
type verdicts struct {
	known                  prometheus.Counter // answered from memory
	keptDespiteAnOutage    prometheus.Counter // answered by the last verdict
	good, bad, unavailable prometheus.Counter // checks, by their verdict
	checks                 *prometheus.CounterVec
}

func newVerdicts() verdicts {
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "whoami_token_checks_total", Help: "Tokens that were checked, because nothing was known of them any more.",
	}, []string{"verdict"})
	return verdicts{
		known: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "whoami_tokens_known_total", Help: "Requests whose token was known.",
		}),
		keptDespiteAnOutage: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "whoami_tokens_kept_total", Help: "Requests with a token that was good before the issuer could not be asked.",
		}),
		checks: checks, good: checks.WithLabelValues("good"), bad: checks.WithLabelValues("bad"), unavailable: checks.WithLabelValues("unknown"),
	}
}

func (v *verdicts) checked(err error) {
	var scope *InsufficientScopeError
	switch {
	case err == nil:
		v.good.Inc()
	case errors.Is(err, ErrInvalidToken), errors.As(err, &scope):
		v.bad.Inc()
	default:
		v.unavailable.Inc()
	}
}

// measureVerification registers what an operator watches about tokens. With a
// verifier that is not the built-in one there is nothing to register.
func (s *Server) measureVerification(to prometheus.Registerer) error {
	if s.results == nil {
		return nil
	}
	remembered := func(verdict string, size func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "whoami_tokens_remembered", Help: "Tokens whose verdict is known.", ConstLabels: prometheus.Labels{"verdict": verdict},
		}, func() float64 { return float64(size()) })
	}
	v := &s.results.verdicts
	all := []prometheus.Collector{
		v.known, v.keptDespiteAnOutage, v.checks,
		remembered("good", func() int { good, _, _ := s.results.size(); return good }),
		remembered("bad", func() int { _, bad, _ := s.results.size(); return bad }),
	}
	if s.opaque != nil {
		all = append(all, gaugeOf("whoami_issuer_left_alone", "1 while the issuer is not asked about tokens because it has failed repeatedly.", s.opaque.breaker.isOpen))
	}
	return register(to, all)
}
