package server

import (
	"crypto/sha256"
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/bearer"
)

// verdicts counts the checks of tokens, of which one may serve many requests, and the
// requests that were answered without one.
type verdicts struct {
	known                  prometheus.Counter // answered from memory
	keptDespiteAnOutage    prometheus.Counter // answered by the last verdict
	good, bad, unavailable prometheus.Counter // checks, by their verdict
	checks                 *prometheus.CounterVec

	bus Bus // nil: there are no replicas
}

func newVerdicts(bus Bus) *verdicts {
	checks := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "whoami_token_checks_total", Help: "Tokens that were checked, because nothing was known of them any more.",
	}, []string{"verdict"})
	return &verdicts{
		known: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "whoami_tokens_known_total", Help: "Requests whose token was known.",
		}),
		keptDespiteAnOutage: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "whoami_tokens_kept_total", Help: "Requests with a token that was good before the issuer could not be asked.",
		}),
		checks: checks, good: checks.WithLabelValues("good"), bad: checks.WithLabelValues("bad"), unavailable: checks.WithLabelValues("unknown"),
		bus: bus,
	}
}

// observe counts a verdict. A token that is found revoked is forgotten by all replicas,
// so that its revocation takes effect everywhere with the first one that checks it
// again. Only the token's hash travels, and all that somebody who forges such a message
// can cause is a check.
func (v *verdicts) observe(e bearer.Event) {
	switch {
	case e.Kept:
		v.keptDespiteAnOutage.Inc()
	case !e.Checked:
		v.known.Inc()
	case e.Err == nil:
		v.good.Inc()
	case errors.Is(e.Err, bearer.ErrInvalidToken), errors.As(e.Err, new(*bearer.InsufficientScopeError)):
		v.bad.Inc()
	default:
		v.unavailable.Inc()
	}
	if e.Revoked && v.bus != nil {
		v.bus.Broadcast(e.Token[:])
	}
}

// measureVerification registers what an operator watches about tokens, and lets other
// replicas have a token forgotten. With a verifier that is not the built-in one there
// is nothing to do.
func (f *front) measureVerification(cfg *Config) error {
	if cfg.Verify != nil {
		return nil
	}
	if f.ops.Bus != nil {
		f.ops.Bus.HandleBroadcasts(func(message []byte) {
			if len(message) == sha256.Size {
				f.resource.Forget([sha256.Size]byte(message))
			}
		})
	}
	remembered := func(verdict string, size func(bearer.Stats) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "whoami_tokens_remembered", Help: "Tokens whose verdict is known.", ConstLabels: prometheus.Labels{"verdict": verdict},
		}, func() float64 { return float64(size(f.resource.Stats())) })
	}
	v := f.verdicts
	all := []prometheus.Collector{
		v.known, v.keptDespiteAnOutage, v.checks,
		remembered("good", func(s bearer.Stats) int { return s.Good }),
		remembered("bad", func(s bearer.Stats) int { return s.Refused }),
	}
	if f.resource.Stats().AsksIssuer {
		all = append(all, gaugeOf("whoami_issuer_left_alone", "1 while the issuer is not asked about tokens because it has failed repeatedly.",
			func() bool { return f.resource.Stats().IssuerLeftAlone }))
	}
	return register(f.ops.Metrics, all)
}
