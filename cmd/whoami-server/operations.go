package main

import (
	"errors"
	"flag"
	"fmt"
	"net/netip"

	"mcp-login/internal/server/bus"
)

// operationFlags are those about load, sessions, replicas and the way it is run.
func (o *options) operationFlags(fs *flag.FlagSet) {
	c := &o.config.Operations
	setting(o, fs, &c.Stateful, boolean, "stateful", "false", "give clients of revisions before 2026-07-28 a session")
	setting(o, fs, &c.TrustTraceparent, boolean, "trust-traceparent", "false", "let the traceparent of a request name its trace and decide whether it is kept; only behind a proxy that writes it")
	setting(o, fs, &c.SessionIdle, period, "session-idle", "30m", "`time` after which an unused session ends")
	setting(o, fs, &c.Heartbeat, period, "heartbeat", "25s", "`time` between signs of life on an idle stream")
	setting(o, fs, &c.MaxSessions, count, "max-sessions", "256", "`number` of sessions of one user")
	setting(o, fs, &c.MaxStreams, count, "max-streams", "256", "`number` of open streams of one user")
	setting(o, fs, &c.TotalStreams, count, "total-streams", "50000", "`number` of open streams of all users")
	setting(o, fs, &c.MaxCalls, count, "max-calls", "256", "`number` of other requests of one user that are being answered")
	setting(o, fs, &c.MaxConcurrent, count, "max-concurrent", "1024", "`number` of other requests of all users that are being answered")
	setting(o, fs, &c.MaxBodyBytes, count, "max-body-bytes", "16777216", "`bytes` of messages of one user that are under way together")
	setting(o, fs, &c.TotalBodyBytes, count, "total-body-bytes", "67108864", "`bytes` of messages of all users that are under way together")
	setting(o, fs, &c.AddressRate, rate, "rate-per-address", "0", "`requests` a second of one client address; 0 is no limit")
	setting(o, fs, &c.SubjectRate, rate, "rate-per-subject", "0", "`requests` a second of one user; 0 is no limit")
	text(fs, &o.trustedProxy, "trusted-proxy", "", "`addresses` or networks whose X-Forwarded-For is believed, separated by spaces")
	o.settings = append(o.settings, o.parseProxies)
	setting(o, fs, &o.drain, period, "drain-delay", "0s", "`time` to go on serving, not ready any more, before it stops")
	text(fs, &o.opsListen, "ops-listen", "", "`address` for /healthz, /readyz and /metrics, which clients must not reach")
	text(fs, &o.logFormat, "log-format", "text", "`format` of the log: text or json")
	text(fs, &o.busURL, "bus", "", "redis:// or rediss:// `URL` that connects the replicas")
	text(fs, &o.collector, "otlp-endpoint", "", "`URL` of an OpenTelemetry collector that takes traces, e.g. http://127.0.0.1:4318")
	setting(o, fs, &o.ratio, rate, "trace-ratio", "1", "`share` of the traces to keep, 0 to 1")
	text(fs, &o.tlsCert, "tls-cert", "", "`file` with the certificate chain, read again when it changes")
	text(fs, &o.tlsKey, "tls-key", "", "`file` with the private key of --tls-cert")
}

func (o *options) parseProxies(wrong func(string, error)) {
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
		o.config.TrustedProxies = append(o.config.TrustedProxies, p.Masked())
	}
}

// parseOperations judges what was said as text.
func (o *options) parseOperations(wrong func(string, error)) {
	if o.opsListen != "" {
		_, err := checkAddress("ops-listen", o.opsListen, "9464")
		wrong("", err)
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
	if o.ratio > 1 {
		wrong("write a share, e.g. 0.1", fmt.Errorf("trace-ratio: %v is more than all", o.ratio))
	}
	if (o.tlsCert == "") != (o.tlsKey == "") {
		wrong("give both, or neither behind a proxy that terminates TLS", errors.New("tls-cert and tls-key: only one is given"))
	} else if o.tlsCert != "" {
		_, err := newCertificate(o.tlsCert, o.tlsKey, nil)
		wrong("both must be PEM files that belong together", err)
	}
}
