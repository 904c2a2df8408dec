package cli

import (
	"context"
	"fmt"
)

// probeRequest is the smallest real request of an MCP session.
const probeRequest = `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"mcp-login","version":"1"}}}`

// probe proves that the server accepts us, signing in on the way if it asks.
func (s *session) probe(ctx context.Context) error {
	link := s.link()
	answer, err := link.Call(ctx, []byte(probeRequest))
	if err != nil {
		return s.remoteError(err)
	}
	if err := link.Close(ctx); err != nil {
		s.log.Debug("the session was not ended at the server", "error", err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s answered with an error: %s", s.server.Host, answer.Error)
	}
	return nil
}
