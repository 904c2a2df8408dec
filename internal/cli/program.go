package cli

import (
	"context"
	"sync/atomic"

	"mcp-login/internal/bridge"
	"mcp-login/internal/jsonrpc"
)

// program is the client program that a login is for, by the name that it gave
// itself; the page in the browser shows it, nothing is decided by it.
type program struct {
	name   atomic.Pointer[string]
	peeked atomic.Int32
}

const (
	// maxProgram bounds the name in bytes.
	maxProgram = 256
	// maxPeeked is how many requests are looked at for a name.
	maxPeeked = 4
)

// set keeps the first name.
func (p *program) set(name string) {
	if name != "" && len(name) <= maxProgram {
		p.name.CompareAndSwap(nil, &name)
	}
}

// String returns the name, "" while there is none.
func (p *program) String() string {
	if name := p.name.Load(); name != nil {
		return *name
	}
	return ""
}

// witness is a Remote that hears the client introduce itself: in initialize, or
// in the _meta of a request of 2026-07-28.
type witness struct {
	bridge.Remote
	program *program
}

// Send implements bridge.Remote.
func (w witness) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Kind == jsonrpc.Request && w.program.name.Load() == nil && w.program.peeked.Add(1) <= maxPeeked {
		info := m.Param("clientInfo")
		if m.Method != "initialize" {
			info = m.Param("_meta", "io.modelcontextprotocol/clientInfo")
		}
		for _, member := range []string{"title", "name"} {
			if name, ok := jsonrpc.Text(jsonrpc.Member(info, member)); ok {
				w.program.set(name)
			}
		}
	}
	return w.Remote.Send(ctx, m, sink)
}
