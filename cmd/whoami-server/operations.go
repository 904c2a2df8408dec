package main

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"mcp-login/internal/server"
	"mcp-login/internal/server/bus"
)

// operationOptions are those about load, sessions, replicas and the way it is
// run, as text until parse.
type operationOptions struct {
	opsListen, drainDelay, logFormat, tlsCert, tlsKey         string
	sessionIdle, maxSessions, maxStreams, totalStreams        string
	maxCalls, maxConcurrent, maxBodyBytes, totalBodyBytes     string
	addressRate, subjectRate, trustedProxy, heartbeat, busURL string
	collector, traceRatio                                     string
	stateful, trustTraceparent                                boolText

	drain time.Duration
	ratio float64
}

func (o *operationOptions) flags(text func(p *string, name, def, usage string),
	boolean func(p *boolText, name, def, usage string),
) {
	text(&o.opsListen, "ops-listen", "", "`address` for /healthz, /readyz and /metrics, which clients must not reach")
	text(&o.drainDelay, "drain-delay", "0s", "`time` to go on serving, not ready any more, before it stops")
	text(&o.logFormat, "log-format", "text", "text or json")
	text(&o.tlsCert, "tls-cert", "", "`file` with the certificate chain, read again when it changes")
	text(&o.tlsKey, "tls-key", "", "`file` with the private key of --tls-cert")
	boolean(&o.stateful, "stateful", "false", "give clients of revisions before 2026-07-28 a session")
	text(&o.sessionIdle, "session-idle", "30m", "`time` after which an unused session ends")
	text(&o.maxSessions, "max-sessions", "256", "`number` of sessions of one user")
	text(&o.maxStreams, "max-streams", "256", "`number` of open streams of one user")
	text(&o.totalStreams, "total-streams", "50000", "`number` of open streams of all users")
	text(&o.maxCalls, "max-calls", "256", "`number` of other requests of one user that are being answered")
	text(&o.maxConcurrent, "max-concurrent", "1024", "`number` of other requests of all users that are being answered")
	text(&o.maxBodyBytes, "max-body-bytes", "16777216", "`bytes` of messages of one user that are under way together")
	text(&o.totalBodyBytes, "total-body-bytes", "67108864", "`bytes` of messages of all users that are under way together")
	text(&o.addressRate, "rate-per-address", "0", "`requests` a second of one client address; 0 is no limit")
	text(&o.subjectRate, "rate-per-subject", "0", "`requests` a second of one user; 0 is no limit")
	text(&o.trustedProxy, "trusted-proxy", "", "`addresses` or networks whose X-Forwarded-For is believed, separated by spaces")
	text(&o.heartbeat, "heartbeat", "25s", "`time` between signs of life on an idle stream")
	text(&o.collector, "otlp-endpoint", "", "`URL` of an OpenTelemetry collector that takes traces, e.g. http://127.0.0.1:4318")
	text(&o.traceRatio, "trace-ratio", "1", "`share` of the traces to keep, 0 to 1")
	boolean(&o.trustTraceparent, "trust-traceparent", "false", "let the traceparent of a request name its trace and decide whether it is kept; only\nbehind a proxy that writes it")
	text(&o.busURL, "bus", "", "redis:// or rediss:// `URL` that connects the replicas")
}

// parse turns the text into to, and reports every mistake.
func (o *operationOptions) parse(to *server.Operations, yes func(string, boolText) bool, wrong func(string, error)) {
	duration := func(name, text string) time.Duration {
		d, err := time.ParseDuration(text)
		if err != nil || d < 0 {
			wrong("write a time like 90s or 30m", fmt.Errorf("%s: %q is not a time", name, text))
		}
		return d
	}
	count := func(name, text string) int {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			wrong("write a whole number from 1 on", fmt.Errorf("%s: %q is not a number from 1 on", name, text))
		}
		return max(n, 0)
	}
	rate := func(name, text string) float64 {
		r, err := strconv.ParseFloat(text, 64)
		if err != nil || !(r >= 0) {
			wrong("write requests a second, e.g. 20 or 0.5; 0 is no limit", fmt.Errorf("%s: %q is not a rate", name, text))
			return 0
		}
		return r
	}
	*to = server.Operations{
		Stateful: yes("stateful", o.stateful), TrustTraceparent: yes("trust-traceparent", o.trustTraceparent),
		SessionIdle: duration("session-idle", o.sessionIdle), Heartbeat: duration("heartbeat", o.heartbeat),
		MaxSessions: count("max-sessions", o.maxSessions), MaxStreams: count("max-streams", o.maxStreams),
		TotalStreams: count("total-streams", o.totalStreams),
		MaxCalls:     count("max-calls", o.maxCalls), MaxConcurrent: count("max-concurrent", o.maxConcurrent),
		MaxBodyBytes: count("max-body-bytes", o.maxBodyBytes), TotalBodyBytes: count("total-body-bytes", o.totalBodyBytes),
		AddressRate: rate("rate-per-address", o.addressRate), SubjectRate: rate("rate-per-subject", o.subjectRate),
	}
	for _, word := range words(o.trustedProxy) {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			var addr netip.Addr
			if addr, err = netip.ParseAddr(word); err == nil {
				p = netip.PrefixFrom(addr, addr.BitLen())
			}
		}
		if err != nil {
			wrong("write addresses or networks like 10.0.0.0/8", fmt.Errorf("trusted-proxy: %q is neither", word))
		}
		to.TrustedProxies = append(to.TrustedProxies, p.Masked())
	}
	o.drain = duration("drain-delay", o.drainDelay)
	if o.opsListen != "" {
		_, err := checkAddress("ops-listen", o.opsListen)
		wrong("write host:port, e.g. 127.0.0.1:9464", err)
	}
	if o.logFormat != "text" && o.logFormat != "json" {
		wrong("write text or json", fmt.Errorf("log-format: %q is neither text nor json", o.logFormat))
	}
	if o.busURL != "" {
		wrong("e.g. redis://:PASSWORD@redis:6379, best in WHOAMI_BUS or the file", bus.Check(o.busURL))
	}
	if o.collector != "" {
		wrong("e.g. http://127.0.0.1:4318", checkCollector(o.collector))
	}
	if o.ratio = rate("trace-ratio", o.traceRatio); o.ratio > 1 {
		wrong("write a share, e.g. 0.1", fmt.Errorf("trace-ratio: %s is more than all", o.traceRatio))
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		wrong("give both, or neither behind a proxy that terminates TLS", errors.New("tls-cert and tls-key: only one is given"))
	} else if o.tlsCert != "" {
		_, err := newCertificate(o.tlsCert, o.tlsKey, nil)
		wrong("both must be PEM files that belong together", err)
	}
}
