package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"mcp-login/internal/bridge"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/terminal"
)

// bridge relays until stdin ends. What goes wrong with a request is answered
// to the client there; only what ends the whole run comes back as an error.
func (a *app) bridge(ctx context.Context, o options, raw string) error {
	s, err := a.session(ctx, o, raw, askForClient)
	if err != nil {
		return err
	}
	defer s.close()
	defer context.AfterFunc(ctx, s.client.AskNobody)()
	cfg := bridge.Config{Upstream: witness{s.link(), &s.program}, Ended: s.client.AskNobody, SignIn: s.awaited, Patience: o.patienceOf, Results: results{ctx, s}, Tools: o.wire.filter(), PingInterval: o.wire.pingInterval, MaxMessage: int(o.wire.maxMessage), Log: s.log}
	if err := bridge.Run(ctx, a.in, a.term.Protocol(), cfg); err != nil {
		return fmt.Errorf("relay: %w", err)
	}
	return nil
}

// unstarted answers a client whose bridge cannot begin, because its command line or
// its store is of no use: each request gets the reason until stdin ends. A person at
// a terminal has read it.
func (a *app) unstarted(ctx context.Context, args []string, code int, reason error) {
	forClient := mayBeMCPRemote(args) && slices.ContainsFunc(args, func(word string) bool { return strings.Contains(word, "://") })
	if stdin, ok := a.in.(*os.File); a.in == nil || ok && terminal.IsTerminal(stdin) || !forClient {
		return
	}
	if code == exitUsage || code == exitStore {
		_ = bridge.Run(ctx, a.in, a.term.Protocol(), bridge.Config{Upstream: noServer{reason}, MaxMessage: defaultMaxMessage})
	}
}

// noServer is the server of a bridge that cannot begin.
type noServer struct{ reason error }

// Send implements bridge.Remote.
func (n noServer) Send(context.Context, jsonrpc.Message, jsonrpc.Sink) error { return n.reason }

// Unasked implements bridge.Remote.
func (noServer) Unasked(jsonrpc.Sink) {}

// Close implements bridge.Remote.
func (noServer) Close(context.Context) error { return nil }

// results keeps what the server answered to initialize, for the next time that
// a login takes long.
type results struct {
	ctx context.Context
	s   *session
}

// maxKeptResult bounds what is kept of a server's answer in bytes.
const maxKeptResult = 64 << 10

func noteName(version string) string {
	return "initialize-" + strings.ToLower(version)
}

// Recall implements bridge.Results.
func (r results) Recall(version string) []byte {
	b, err := r.s.store.LoadCache(r.ctx, r.s.key, noteName(version))
	if err != nil {
		r.s.log.Debug("what the server answered the last time is not known", "reason", err)
	}
	return b
}

// Remember implements bridge.Results. Only a server that a person signs in to
// can make anybody wait, so that of others nothing is kept.
func (r results) Remember(version string, result []byte) {
	if _, err := r.s.client.Credential(r.ctx); err != nil || len(result) > maxKeptResult {
		return
	}
	if err := r.s.store.SaveCache(r.ctx, r.s.key, noteName(version), result); err != nil {
		r.s.log.Debug("the server's answer to initialize is not kept", "reason", err)
	}
}
