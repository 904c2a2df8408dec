package server

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// Operations is the part of [Config] about load, sessions and replicas. The zero
// value is good: no sessions on Streamable HTTP, no rate limits, one process.
type Operations struct {
	// Stateful gives clients of revisions before 2026-07-28 a session on
	// Streamable HTTP, bound to the caller that began it. Later revisions have
	// none.
	Stateful bool
	// SessionIdle ends a session that was not used for so long; zero means 30
	// minutes. An open stream is a use.
	SessionIdle time.Duration
	// MaxSessions, MaxStreams and MaxCalls bound what one user may hold at a
	// time, whatever application asks: sessions over all replicas, and at this
	// one open streams, and calls that are being answered. Zero means 256.
	// Beyond it is 429.
	MaxSessions, MaxStreams, MaxCalls int
	// TotalStreams bounds the open streams of all users, zero means 50,000, and
	// MaxConcurrent their calls that are being answered, zero means 1,024. A
	// call takes its place once its body was read. Beyond it is 503.
	TotalStreams, MaxConcurrent int
	// MaxBodyBytes and TotalBodyBytes bound the bytes of messages, from when
	// they come in until they are answered: of one user, zero means 16 MiB,
	// beyond it is 429, and of all, zero means 64 MiB, beyond it is 503. Each
	// counts with the memory it takes, of which 192 bytes are for each of its
	// values. Neither may be less than the largest message takes, 16 MiB.
	MaxBodyBytes, TotalBodyBytes int
	// AddressRate and SubjectRate are requests a second, of one client address
	// before its token is looked at, and of one subject afterwards; zero means
	// no limit. Bursts may be ten times as large. Beyond it is 429.
	AddressRate, SubjectRate float64
	// TrustedProxies are the addresses whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix
	// Heartbeat is the pause between signs of life on an idle stream; zero
	// means 25 seconds, which is below what proxies usually allow.
	Heartbeat time.Duration
	// Bus connects this server with its replicas; nil means that there are none.
	Bus Bus
	// Metrics takes what is counted; nil means that nothing is.
	Metrics prometheus.Registerer
	// Tracer takes a span for each request; nil means that there are none.
	Tracer trace.TracerProvider
	// TrustTraceparent makes a span part of the trace that the request's
	// traceparent names, and kept or dropped as that says. Set it only where a
	// proxy removes or replaces what callers send: it is believed without a
	// token.
	TrustTraceparent bool
}

func (o *Operations) checkOperations() error {
	var errs []error
	for _, n := range []struct {
		name  string
		value int
	}{
		{"max sessions", o.MaxSessions},
		{"max streams", o.MaxStreams},
		{"total streams", o.TotalStreams},
		{"max concurrent", o.MaxConcurrent},
		{"max calls", o.MaxCalls},
	} {
		if n.value < 0 {
			errs = append(errs, fmt.Errorf("%s %d: must not be negative", n.name, n.value))
		}
	}
	for _, n := range []int{o.MaxBodyBytes, o.TotalBodyBytes} {
		if n != 0 && n < largestMessage {
			errs = append(errs, fmt.Errorf("body bytes %d: must not be less than the largest message takes, %d", n, largestMessage))
		}
	}
	if !(o.AddressRate >= 0) || !(o.SubjectRate >= 0) || o.AddressRate > maxRate || o.SubjectRate > maxRate {
		errs = append(errs, fmt.Errorf("rate: must be between 0 and %d requests a second", int(maxRate)))
	}
	if o.SessionIdle < 0 || o.SessionIdle > 0 && o.SessionIdle < time.Second {
		errs = append(errs, fmt.Errorf("session idle %s: must be a second or more", o.SessionIdle))
	}
	if o.Heartbeat < 0 || o.Heartbeat > 0 && o.Heartbeat < time.Second {
		errs = append(errs, fmt.Errorf("heartbeat %s: must be a second or more", o.Heartbeat))
	}
	return errors.Join(errs...)
}

// withDefaults returns o with every zero replaced by what it means.
func (o Operations) withDefaults() Operations {
	o.MaxSessions = cmp.Or(o.MaxSessions, 256)
	o.MaxStreams = cmp.Or(o.MaxStreams, 256)
	o.TotalStreams = cmp.Or(o.TotalStreams, 50_000)
	o.MaxConcurrent = cmp.Or(o.MaxConcurrent, 1024)
	o.MaxCalls = cmp.Or(o.MaxCalls, 256)
	o.MaxBodyBytes = cmp.Or(o.MaxBodyBytes, largestMessage)
	o.TotalBodyBytes = cmp.Or(o.TotalBodyBytes, 64<<20)
	o.SessionIdle = cmp.Or(o.SessionIdle, 30*time.Minute)
	o.Heartbeat = cmp.Or(o.Heartbeat, 25*time.Second)
	return o
}
