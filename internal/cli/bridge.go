package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge"
	"mcp-login/internal/bridge/signin"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/terminal"
)

// bridge relays until stdin ends. What goes wrong with a request is answered
// to the client there; only what ends the whole run comes back as an error.
func (a *app) bridge(ctx context.Context, o options, raw string) error {
	acc, err := a.open(ctx, o, raw, account.ForRelay)
	if err != nil {
		return err
	}
	defer acc.Close()
	if err := acc.Relay(ctx, a.in, a.term.Protocol(), o.relay()); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	return nil
}

// relay is what the flags say about the relay.
func (o *options) relay() account.RelayOptions {
	r := account.RelayOptions{Patience: signin.PatienceOf, Tools: o.tools(), PingInterval: o.pingInterval, MaxMessage: int(o.maxMessage)}
	switch {
	case !o.changed("login-patience"):
	case o.patience > 0:
		r.Patience = func(string) time.Duration { return o.patience }
	default:
		r.Patience = nil
	}
	return r
}

// answerUnstarted answers a client whose bridge cannot begin, because its command line or
// its store is of no use: each request gets the reason until stdin ends. A person at
// a terminal has read it.
func (a *app) answerUnstarted(ctx context.Context, args []string, code int, reason error) {
	forClient := mayBeMCPRemote(args) && slices.ContainsFunc(args, func(word string) bool { return strings.Contains(word, "://") })
	if stdin, ok := a.in.(*os.File); a.in == nil || ok && terminal.IsTerminal(stdin) || !forClient {
		return
	}
	if code == exitUsage || code == exitStore {
		_ = bridge.Run(ctx, a.in, a.term.Protocol(), bridge.Config{Server: refusingServer{reason}, MaxMessage: defaultMaxMessage})
	}
}

// refusingServer is the server of a bridge that cannot begin.
type refusingServer struct{ reason error }

// Send implements jsonrpc.Stage.
func (r refusingServer) Send(context.Context, jsonrpc.Message, jsonrpc.Sink) error { return r.reason }

// Unasked implements jsonrpc.Stage.
func (refusingServer) Unasked(jsonrpc.Sink) {}

// Close implements jsonrpc.Stage.
func (refusingServer) Close(context.Context) error { return nil }
