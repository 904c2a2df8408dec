package era

import (
	"context"

	"mcp-login/internal/jsonrpc"
)

type statelessClient struct{ l *Link }

func newStatelessClient(l *Link) *statelessClient { return &statelessClient{l} }

func (c *statelessClient) send(ctx context.Context, m jsonrpc.Message, deliver Deliver) error {
	return nil
}
func (c *statelessClient) unasked(m jsonrpc.Message) {}
func (c *statelessClient) wait()                     {}
func (c *statelessClient) close()                    {}
