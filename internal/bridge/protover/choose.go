package protover

import (
	"context"

	"mcp-login/internal/jsonrpc"
)

// sendStateless carries a request of a client of 2026-07-28. Its first
// server/discover is relayed, so that a client of both kinds decides by itself;
// one that goes on without a session, although it was told that the server
// wants one, has one opened for it.
func (l *Adapter) sendStateless(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if s := l.current(); s != nil {
		return l.sendVia(ctx, s, m, sink)
	}
	if l.choosing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	s := l.current()
	if s == nil {
		if m.Method == "server/discover" && !l.warned() {
			defer l.choosing.Release(1)
			return l.relayProbe(ctx, m, sink)
		}
		var err error
		if s, err = l.translatorFor(ctx, m); err != nil {
			l.choosing.Release(1)
			return err
		}
	}
	l.choosing.Release(1)
	return l.sendVia(ctx, s, m, sink)
}

// sendVia sends m, and forgets the verdict where it proves wrong.
func (l *Adapter) sendVia(ctx context.Context, s translator, m jsonrpc.Message, sink jsonrpc.Sink) error {
	err := s.send(ctx, m, sink)
	if _, plain := s.(passThrough); plain && err != nil && notSupported(err) {
		l.cfg.Memory.Keep(Unknown)
	}
	return err
}

// translatorFor finds out what stands between a stateless client and the server.
func (l *Adapter) translatorFor(ctx context.Context, m jsonrpc.Message) (translator, error) {
	speaks := l.cfg.Memory.Recall()
	if l.warned() {
		speaks = Sessions
	}
	if speaks == Unknown {
		params := jsonrpc.With(nil, "_meta", jsonrpc.Without(m.Param("_meta"), "progressToken"))
		found := l.probe(ctx, jsonrpc.NewRequest(jsonrpc.NewID("discover"), "server/discover", params))
		if found.err != nil {
			return nil, found.err
		}
		if speaks = found.support; speaks == Unknown {
			return passThrough{l}, nil // its own request will tell; nothing is settled
		}
		l.keep(speaks)
	}
	if speaks == Sessions {
		l.log.Debug("the server speaks only revisions before " + jsonrpc.Stateless + "; a session is opened for the client")
		return l.use(newStatelessClient(l)), nil
	}
	return l.use(passThrough{l}), nil
}

// relayProbe puts the client's own server/discover through, and listens.
func (l *Adapter) relayProbe(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	code, answer, err := l.cfg.Server.Probe(ctx, m)
	switch speaks := judge(ctx, code, answer, err).support; speaks {
	case Stateless, Both:
		l.keep(speaks)
		l.use(passThrough{l})
	case Sessions:
		l.keep(speaks)
		l.mu.Lock()
		l.clientWarned = true
		l.mu.Unlock()
	case Unknown:
	}
	if silent(err) && ctx.Err() == nil { // it is the client's to lose patience
		return l.cfg.Server.Send(ctx, m, sink)
	}
	if answer.Raw == nil {
		return err
	}
	sink.Message(answer)
	return nil
}

// warned reports whether the client knows that the server wants a session.
func (l *Adapter) warned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.clientWarned
}
