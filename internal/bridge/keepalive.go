package bridge

import (
	"context"
	"time"

	"mcp-login/internal/jsonrpc"
)

// pingTimeout bounds one ping of ours.
const pingTimeout = 30 * time.Second

// startPings begins to keep the session alive, if that is wanted.
func (r *run) startPings() (stop func()) {
	if r.cfg.PingInterval <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.keepAlive(ctx)
	}()
	return func() { cancel(); <-done }
}

// keepAlive sends the server a ping now and then, for those on the way who hang
// up on a quiet connection. The answers are for nobody; the ids cannot be the
// client's. It begins with notifications/initialized and ends with the client's input;
// while a person signs in, package signin answers.
func (r *run) keepAlive(ctx context.Context) {
	tick := time.NewTicker(r.cfg.PingInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		var standing bool
		if r.update(func(s *state) { standing = s.standing }); !standing {
			continue
		}
		m := jsonrpc.NewRequest(jsonrpc.NewID("ping"), "ping", nil)
		limited, stop := context.WithTimeout(ctx, pingTimeout)
		if err := jsonrpc.First(r.cfg.Server, m).Send(limited, m, jsonrpc.Discard); err != nil {
			r.cfg.Log.Debug("a ping was not answered", "error", err)
		}
		stop()
	}
}
