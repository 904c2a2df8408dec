package account

import (
	"sync/atomic"

	"mcp-login/internal/jsonrpc"
)

// clientName is the name that the client program has given itself. The page in the
// browser shows it; nothing is decided by it.
type clientName struct {
	name atomic.Pointer[string]
}

// maxClientName bounds the name in bytes.
const maxClientName = 256

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

// heard takes what the client says about itself, a raw object of MCP (Implementation):
// its title, or its name.
func (c *clientName) heard(info []byte) {
	for _, member := range []string{"title", "name"} {
		if name, ok := jsonrpc.Text(jsonrpc.Member(info, member)); ok {
			c.set(name)
		}
	}
}
