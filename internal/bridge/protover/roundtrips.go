package protover

import (
	"context"
	"strconv"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// Bounds of one request that takes several rounds.
const (
	// maxRoundTrips is how often a server may ask for more.
	maxRoundTrips = 64
	// maxInputRequests is how much it may ask at once.
	maxInputRequests = 64
	// firstWait and maxWait are the pauses before a request is repeated that
	// the server only puts off.
	firstWait = 250 * time.Millisecond
	maxWait   = 10 * time.Second
)

// roundTrips sends a request and, as long as the server wants input, puts its
// questions to the client as ordinary requests and repeats the request with the
// answers, under a new id (MCP 2026-07-28, Multi Round-Trip Requests; SEP-2322). The client
// sees one request and one answer.
func (c *sessionClient) roundTrips(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	params := c.withMeta(m.Params)
	id, waits := m.ID, 0
	for range maxRoundTrips {
		reply, err := jsonrpc.Ask(ctx, c.adapter.cfg.Server.Send, jsonrpc.Built(jsonrpc.With(jsonrpc.With(m.Raw, "id", id), "params", params)), func(other jsonrpc.Message) {
			if other.Kind == jsonrpc.Notification {
				sink.Message(other)
			}
		})
		if err != nil || reply.Raw == nil {
			return err
		}
		if kind, _ := jsonrpc.Text(jsonrpc.Member(reply.Result, "resultType")); kind != "input_required" {
			sink.Message(c.compatible(m, reply.WithID(m.ID)))
			return nil
		}
		questions, state := jsonrpc.Member(reply.Result, "inputRequests"), jsonrpc.Member(reply.Result, "requestState")
		params = jsonrpc.Without(params, "inputResponses", "requestState")
		if jsonrpc.IsObject(questions) {
			given, err := c.requestInput(ctx, questions, sink)
			if err != nil {
				return err
			}
			params = jsonrpc.With(params, "inputResponses", given)
		} else if err := retry.Sleep(ctx, retry.Backoff(waits, firstWait, maxWait)); err != nil {
			return err
		} else {
			waits++
		}
		if state != nil {
			params = jsonrpc.With(params, "requestState", state)
		}
		id = jsonrpc.NewID("round")
	}
	return newFailure("the server asked for more input "+strconv.Itoa(maxRoundTrips)+" times and gave no answer", "ask the server's operator")
}
