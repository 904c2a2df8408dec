package protover

import (
	"context"

	"mcp-login/internal/jsonrpc"
)

// sendStateless carries a request of a client of 2026-07-28. Its first
// server/discover is relayed, so that a client of both kinds decides by itself;
// one that goes on without a session, although it was told that the server
// wants one, has one opened for it.
func (a *Adapter) sendStateless(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if s := a.current(); s != nil {
		return a.sendVia(ctx, s, m, sink)
	}
	if a.choosing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	s := a.current()
	if s == nil {
		if m.Method == "server/discover" && !a.warned() {
			defer a.choosing.Release(1)
			return a.relayProbe(ctx, m, sink)
		}
		var err error
		if s, err = a.translatorFor(ctx, m); err != nil {
			a.choosing.Release(1)
			return err
		}
	}
	a.choosing.Release(1)
	return a.sendVia(ctx, s, m, sink)
}

// sendVia sends m, and forgets what the server supports where that proves wrong.
func (a *Adapter) sendVia(ctx context.Context, s translator, m jsonrpc.Message, sink jsonrpc.Sink) error {
	err := s.send(ctx, m, sink)
	if _, plain := s.(passThrough); plain && err != nil && notSupported(err) {
		a.cfg.Memory.Keep(Unknown)
	}
	return err
}

// translatorFor finds out what stands between a stateless client and the server.
func (a *Adapter) translatorFor(ctx context.Context, m jsonrpc.Message) (translator, error) {
	speaks := a.cfg.Memory.Recall()
	if a.warned() {
		speaks = Sessions
	}
	if speaks == Unknown {
		params := jsonrpc.With(nil, "_meta", jsonrpc.Without(m.Param("_meta"), "progressToken"))
		found := a.probe(ctx, jsonrpc.NewRequest(jsonrpc.NewID("discover"), "server/discover", params))
		if found.err != nil {
			return nil, found.err
		}
		if speaks = found.support; speaks == Unknown {
			return passThrough{a}, nil // its own request will tell; nothing is settled
		}
		a.keep(speaks)
	}
	if speaks == Sessions {
		a.log.Debug("the server speaks only revisions before " + jsonrpc.Stateless + "; a session is opened for the client")
		return a.use(newStatelessClient(a)), nil
	}
	return a.use(passThrough{a}), nil
}

// relayProbe puts the client's own server/discover through, and listens.
func (a *Adapter) relayProbe(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	code, answer, err := a.cfg.Server.Probe(ctx, m)
	switch speaks := judge(ctx, code, answer, err).support; speaks {
	case Stateless, Both:
		a.keep(speaks)
		a.use(passThrough{a})
	case Sessions:
		a.keep(speaks)
		a.mu.Lock()
		a.clientWarned = true
		a.mu.Unlock()
	case Unknown:
	}
	if silent(err) && ctx.Err() == nil { // it is the client's to lose patience
		return a.cfg.Server.Send(ctx, m, sink)
	}
	if answer.Raw == nil {
		return err
	}
	sink.Message(answer)
	return nil
}

// warned reports whether the client knows that the server wants a session.
func (a *Adapter) warned() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clientWarned
}
