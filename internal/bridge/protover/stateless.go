package protover

import (
	"context"

	"mcp-login/internal/jsonrpc"
)

// stateless carries a request of a client of 2026-07-28. Its first
// server/discover is relayed, so that a client of both kinds decides by itself;
// one that goes on without a session, although it was told that the server
// wants one, has one opened for it (section 1.6).
func (l *Link) stateless(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if s := l.current(); s != nil {
		return l.carry(ctx, s, m, sink)
	}
	if err := l.choose.take(ctx); err != nil {
		return err
	}
	s := l.current()
	if s == nil {
		if m.Method == "server/discover" && !l.warned() {
			defer l.choose.give()
			return l.relayProbe(ctx, m, sink)
		}
		var err error
		if s, err = l.sideFor(ctx, m); err != nil {
			l.choose.give()
			return err
		}
	}
	l.choose.give()
	return l.carry(ctx, s, m, sink)
}

// carry sends m, and forgets the verdict where it proves wrong.
func (l *Link) carry(ctx context.Context, s side, m jsonrpc.Message, sink jsonrpc.Sink) error {
	err := s.send(ctx, m, sink)
	if _, plain := s.(relay); plain && err != nil && unsupported(err) {
		l.cfg.Verdicts.Keep(Unknown)
	}
	return err
}

// sideFor finds out what stands between a stateless client and the server.
func (l *Link) sideFor(ctx context.Context, m jsonrpc.Message) (side, error) {
	speaks := l.cfg.Verdicts.Recall()
	if l.warned() {
		speaks = Sessions
	}
	if speaks == Unknown {
		params := jsonrpc.With(nil, "_meta", jsonrpc.Without(m.Param("_meta"), "progressToken"))
		found := l.find(ctx, jsonrpc.NewRequest(jsonrpc.NewID("discover"), "server/discover", params))
		if found.err != nil {
			return nil, found.err
		}
		if speaks = found.speaks; speaks == Unknown {
			return relay{l}, nil // its own request will tell; nothing is settled
		}
		l.keep(speaks)
	}
	if speaks == Sessions {
		l.log.Debug("the server speaks only revisions before " + jsonrpc.Stateless + "; a session is opened for the client")
		return l.settle(newStatelessClient(l)), nil
	}
	return l.settle(relay{l}), nil
}

// relayProbe puts the client's own server/discover through, and listens.
func (l *Link) relayProbe(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	code, answer, err := l.cfg.Server.Probe(ctx, m)
	switch speaks := l.judge(ctx, code, answer, err).speaks; speaks {
	case Stateless, Both:
		l.keep(speaks)
		l.settle(relay{l})
	case Sessions:
		l.keep(speaks)
		l.mu.Lock()
		l.told = true
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
func (l *Link) warned() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.told
}
