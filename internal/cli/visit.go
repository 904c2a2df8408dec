package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/bridge/protover"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// visit is a session of a person at a terminal with a server: mcp-login is the
// client itself. It offers nothing that a server could ask for.
type visit struct {
	s    *session
	link *protover.Link
	next int
	// heard gets the server's notifications; may be nil.
	heard func(m jsonrpc.Message)
}

// serverError is an error that the server answered with (JSON-RPC 2.0, section
// 5.1).
type serverError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *serverError) Error() string { return fmt.Sprintf("%s (%d)", foreign.Line(e.Message), e.Code) }

// farewell bounds what is said to a server at the end.
const farewell = 2 * time.Second

// visit begins a session, signing in on the way if the server asks.
func (a *app) visit(ctx context.Context, o options, raw string) (*visit, error) {
	s, err := a.session(ctx, o, raw, askByVerb)
	if err != nil {
		return nil, err
	}
	v := &visit{s: s, link: s.link()}
	v.link.Unasked(jsonrpc.SinkFunc(func(m jsonrpc.Message) { v.take(ctx, m) }))
	_, err = v.ask(ctx, "initialize", map[string]any{"protocolVersion": "2025-11-25", "capabilities": struct{}{}, "clientInfo": map[string]string{"name": "mcp-login", "version": programVersion()}})
	if err == nil {
		err = v.send(ctx, []byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}`))
	}
	if err != nil {
		v.end()
		return nil, err
	}
	return v, nil
}

// end says goodbye, also when the person has just pressed Ctrl-C.
func (v *visit) end() {
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if err := v.link.Close(ctx); err != nil {
		v.s.log.Debug("the session was not ended at the server", "error", err)
	}
	v.s.close()
}

// take handles what the server says by itself: what asks for something that was
// not offered is refused.
func (v *visit) take(ctx context.Context, m jsonrpc.Message) {
	switch {
	case m.Kind == jsonrpc.Notification && v.heard != nil:
		v.heard(m)
	case m.Kind == jsonrpc.Request && m.Method == "ping":
		_ = v.send(ctx, jsonrpc.Result(m.ID, "{}"))
	case m.Kind == jsonrpc.Request:
		_ = v.send(ctx, jsonrpc.ErrorResponse(m.ID, jsonrpc.CodeMethodNotFound, "not offered", nil))
	}
}

// send sends what asks for no answer.
func (v *visit) send(ctx context.Context, raw []byte) error {
	m, err := jsonrpc.Parse(raw)
	if err != nil {
		return fmt.Errorf("build a message: %w", err)
	}
	return v.remote(v.link.Send(ctx, m, jsonrpc.Discard))
}

// ask sends a request and returns the raw result. Its id is its progress token.
// When ctx ends the server is told to stop.
func (v *visit) ask(ctx context.Context, method string, params map[string]any) (jsontext.Value, error) {
	v.next++
	id := strconv.Itoa(v.next)
	if method != "initialize" {
		params["_meta"] = map[string]int{"progressToken": v.next}
	}
	raw, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": v.next, "method": method, "params": params}, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", method, err)
	}
	m, err := jsonrpc.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", method, err)
	}
	var answer jsonrpc.Message
	err = v.link.Send(ctx, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		if reply.Kind == jsonrpc.Response && string(reply.ID) == id {
			answer = reply
			return
		}
		v.take(ctx, reply)
	}))
	switch {
	case ctx.Err() != nil && method != "initialize":
		v.cancel(id)
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, v.remote(err)
	case answer.Error != nil:
		told := &serverError{}
		if json.Unmarshal(answer.Error, told) != nil {
			told.Message = "an error without a message"
		}
		return nil, fmt.Errorf("%s refused %s: %w", v.s.server.Host, method, told)
	}
	return jsontext.Value(answer.Result), nil
}

func (v *visit) cancel(id string) {
	ctx, stop := context.WithTimeout(context.Background(), farewell)
	defer stop()
	_ = v.send(ctx, []byte(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":`+id+`}}`))
}

// remote says which server an error is about, and which of them mean that it
// cannot be reached.
func (v *visit) remote(err error) error {
	if err == nil {
		return nil
	}
	return v.s.remoteError(err)
}

// remoteError names the server and marks what means that it cannot be reached.
func (s *session) remoteError(err error) error {
	var remote *upstream.Error
	if errors.As(err, &remote) && remote.Reason == upstream.Unreachable {
		err = unreachableError{err}
	}
	return fmt.Errorf("ask %s: %w", s.server.Host, err)
}
