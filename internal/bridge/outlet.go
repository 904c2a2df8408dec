package bridge

import (
	"context"
	"io"

	"mcp-login/internal/jsonrpc"
)

// outlet writes the answer to one call in pieces. The client hears nothing else
// until it is complete, so that lines stay lines (P6).
type outlet struct {
	r *run
	c *call
}

// outletFor returns what takes a large answer to m, nil when it has to be whole:
// in a batch, and where the bridge looks into it.
func outletFor(m jsonrpc.Message, c *call) jsonrpc.Outlet {
	o, ok := m.Out.(*outlet)
	if !ok {
		return nil
	}
	switch m.Method {
	case "initialize", "server/discover", "tools/list":
		return nil
	}
	o.c = c
	return o
}

// Ready implements jsonrpc.Outlet. While the client reads nothing, only a few
// answers are taken from the network; the rest stays where it is.
func (o *outlet) Ready(ctx context.Context) (release func()) {
	if o.r.out.waiting.Load() < crowded {
		return func() {}
	}
	select {
	case o.r.out.turns <- struct{}{}:
		return func() { <-o.r.out.turns }
	case <-ctx.Done():
		return func() {}
	}
}

// Begin implements jsonrpc.Outlet.
func (o *outlet) Begin() (io.Writer, bool) {
	if !o.c.finish() {
		return nil, false
	}
	o.r.out.mu.Lock()
	return parts{o.r.out}, true
}

// End implements jsonrpc.Outlet. What cannot be completed is a line that no
// client can read, and then the answer that the call gets instead.
func (o *outlet) End(err error) {
	out := o.r.out
	out.write([]byte("\n"))
	if err != nil {
		o.r.cfg.Log.Warn("an answer broke off while it was passed on", "error", err)
		out.write(append(answerFor(o.c.id, err), '\n'))
	}
	out.mu.Unlock()
	o.r.calls.remove(o.c)
}

// parts writes to an output whose lock is held.
type parts struct{ o *output }

// Write implements io.Writer.
func (p parts) Write(b []byte) (int, error) {
	p.o.write(b)
	return len(b), nil
}
