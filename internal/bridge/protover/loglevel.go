package protover

import (
	"context"
	"slices"

	"mcp-login/internal/jsonrpc"
)

// setLevel sets the server's log level to the most talkative that any request
// has asked for. Which request gets which log is decided when it comes.
func (c *statelessClient) setLevel(ctx context.Context, m jsonrpc.Message) error {
	wanted, _ := jsonrpc.Text(m.Param("_meta", metaLogLevel))
	rank := slices.Index(levels, wanted)
	if rank < 0 || c.serverCan("logging") == nil {
		return nil
	}
	if c.subscribing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer c.subscribing.Release(1)
	c.mu.Lock()
	now := slices.Index(levels, c.level)
	c.mu.Unlock()
	if now >= 0 && now <= rank {
		return nil
	}
	if _, err := c.request(ctx, "logging/setLevel", "level", wanted); err != nil {
		return err
	}
	c.mu.Lock()
	c.level = wanted
	c.mu.Unlock()
	return nil
}

// wantsLog reports whether the request has asked for such a log message.
func (p *pendingCall) wantsLog(m jsonrpc.Message) bool {
	wanted, _ := jsonrpc.Text(p.request.Param("_meta", metaLogLevel))
	level, _ := jsonrpc.Text(m.Param("level"))
	rank := slices.Index(levels, wanted)
	return rank >= 0 && slices.Index(levels, level) >= rank
}
