package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
	"mcp-login/internal/server"
	"mcp-login/internal/server/gateway"
)

// listeners are where the server is reached.
type listeners struct {
	clients net.Listener
	ops     net.Listener // nil without --ops-listen
	// certificate is nil where a proxy terminates TLS.
	certificate *certificate
}

// bind opens the listeners, or takes those that systemd has opened.
func bind(ctx context.Context, o *options, getenv func(string) string, log *slog.Logger) (l *listeners, err error) {
	l = &listeners{}
	if l.clients, l.ops, err = passedListeners(getenv); err != nil {
		return nil, hint.With(err, "see whoami-server.socket in deploy/systemd")
	}
	if l.clients == nil {
		if l.clients, err = listen(ctx, "listen", o.listen); err != nil {
			return nil, err
		}
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.ops == nil && o.opsListen != "" {
		if l.ops, err = listen(ctx, "ops-listen", o.opsListen); err != nil {
			return l, err
		}
	}
	if o.dev {
		if err = l.onThisMachine(); err != nil {
			return l, err
		}
	}
	if o.tlsCert != "" {
		l.certificate, err = newCertificate(o.tlsCert, o.tlsKey, log)
	}
	return l, err
}

// onThisMachine reports a listener of --dev that others can reach: a name may
// stand for any address, and what a service manager has opened is nothing that
// was written here.
func (l *listeners) onThisMachine() error {
	for _, each := range []net.Listener{l.clients, l.ops} {
		if each == nil {
			continue
		}
		if !origin.LoopbackAddr(each.Addr()) {
			return hint.With(fmt.Errorf("dev: listening on %s, which is not a loopback address", each.Addr()), devHint)
		}
	}
	return nil
}

func listen(ctx context.Context, name, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, hint.With(fmt.Errorf("%s: %w", name, err), "choose another --"+name+", or stop what is using that one")
	}
	return l, nil
}

func (l *listeners) close() {
	_ = l.clients.Close()
	if l.ops != nil {
		_ = l.ops.Close()
	}
}

// resourcesOf names the resources.
func resourcesOf(configs []server.Config) string {
	var all []string
	for _, c := range configs {
		all = append(all, c.Resource.String())
	}
	return strings.Join(all, " ")
}

// behind names the upstream, if there is one.
func behind(cfg server.Config) string {
	if cfg.Upstream == nil {
		return ""
	}
	return ", upstream " + gateway.Shown(cfg.Upstream.Upstream)
}
