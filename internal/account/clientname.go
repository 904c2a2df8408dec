package account

import (
	"context"
	"sync/atomic"

	"mcp-login/internal/bridge"
	"mcp-login/internal/jsonrpc"
)

// clientName is the name that the client program has given itself. The page in the
// browser shows it; nothing is decided by it.
type clientName struct {
	name   atomic.Pointer[string]
	peeked atomic.Int32
}

const (
	// maxClientName bounds the name in bytes.
	maxClientName = 256
	// maxPeeked is how many requests are looked at for a name.
	maxPeeked = 4
)

// set keeps the first name.
func (c *clientName) set(name string) {
	if name != "" && len(name) <= maxClientName {
		c.name.CompareAndSwap(nil, &name)
	}
}

// String returns the name, "" while there is none.
func (c *clientName) String() string {
	if name := c.name.Load(); name != nil {
		return *name
	}
	return ""
}

// nameReader is a Remote that reads the name of the client out of its messages: of
// initialize, or of the _meta of a request of 2026-07-28.
type nameReader struct {
	bridge.Remote
	name *clientName
}

// Send implements bridge.Remote.
func (r nameReader) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if m.Kind == jsonrpc.Request && r.name.name.Load() == nil && r.name.peeked.Add(1) <= maxPeeked {
		info := m.Param("clientInfo")
		if m.Method != "initialize" {
			info = m.Param("_meta", "io.modelcontextprotocol/clientInfo")
		}
		for _, member := range []string{"title", "name"} {
			if name, ok := jsonrpc.Text(jsonrpc.Member(info, member)); ok {
				r.name.set(name)
			}
		}
	}
	return r.Remote.Send(ctx, m, sink)
}
