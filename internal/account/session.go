package account

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/bridge/protover"
	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/oauth"
)

// programName is what mcp-login calls itself as an MCP client.
const programName = "mcp-login"

// Session is an MCP session in which mcp-login itself is the client. It offers nothing
// that a server could ask for. Its methods are for one goroutine.
type Session struct {
	a      *Account
	remote *protover.Adapter
	notify func(m jsonrpc.Message)
	lastID int
}

// ServerError is an error that the server answered with (JSON-RPC 2.0, section 5.1).
type ServerError struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

func (e *ServerError) Error() string { return fmt.Sprintf("%s (%d)", foreign.Quote(e.Message), e.Code) }

// closeTimeout bounds what is said to a server at the end.
const closeTimeout = 2 * time.Second

// Start begins a session, signing in on the way if the server asks. notify gets the
// server's notifications, from any goroutine; may be nil. Close the session in the end.
func (a *Account) Start(ctx context.Context, notify func(m jsonrpc.Message)) (*Session, error) {
	remote, err := a.connect()
	if err != nil {
		return nil, err
	}
	s := &Session{a: a, remote: remote, notify: notify}
	remote.Unasked(jsonrpc.SinkFunc(func(m jsonrpc.Message) { s.take(ctx, m) }))
	_, err = s.Request(ctx, "initialize", initializeParams(a.Version))
	if err == nil {
		err = s.send(ctx, jsonrpc.NewNotification("notifications/initialized", nil))
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close ends the session at the server, also when the person has just pressed Ctrl-C.
func (s *Session) Close() { s.a.closeRemote(s.remote) }

// closeRemote ends a session, whatever has become of the context of the command.
func (a *Account) closeRemote(remote *protover.Adapter) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	if err := remote.Close(ctx); err != nil {
		a.Log.Debug("the session was not ended at the server", "error", err)
	}
}

// take handles what the server says by itself: what asks for something that was
// not offered is refused.
func (s *Session) take(ctx context.Context, m jsonrpc.Message) {
	switch {
	case m.Kind == jsonrpc.Notification && s.notify != nil:
		s.notify(m)
	case m.Kind == jsonrpc.Request && m.Method == "ping":
		_ = s.send(ctx, jsonrpc.Built(jsonrpc.Result(m.ID, "{}")))
	case m.Kind == jsonrpc.Request:
		_ = s.send(ctx, jsonrpc.Built(jsonrpc.ErrorResponse(m.ID, jsonrpc.CodeMethodNotFound, "not offered", nil)))
	}
}

// send sends what asks for no answer.
func (s *Session) send(ctx context.Context, m jsonrpc.Message) error {
	return s.a.remoteError(s.remote.Send(ctx, m, jsonrpc.Discard))
}

// Request sends a request and returns the raw result. Its id is its progress token.
// When ctx ends the server is told to stop.
func (s *Session) Request(ctx context.Context, method string, params map[string]any) (jsontext.Value, error) {
	s.lastID++
	id := strconv.Itoa(s.lastID)
	if method != "initialize" {
		params["_meta"] = map[string]int{"progressToken": s.lastID}
	}
	raw, err := json.Marshal(params, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("build %s: %w", method, err)
	}
	request := jsonrpc.NewRequest([]byte(id), method, raw)
	answer, err := jsonrpc.Ask(ctx, s.remote.Send, request, func(m jsonrpc.Message) { s.take(ctx, m) })
	switch {
	case ctx.Err() != nil && method != "initialize":
		s.cancel(id)
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, s.a.remoteError(err)
	case answer.Error != nil:
		refused := &ServerError{}
		if json.Unmarshal(answer.Error, refused) != nil {
			refused.Message = "an error without a message"
		}
		return nil, fmt.Errorf("%s refused %s: %w", s.a.Server.Host, method, refused)
	}
	return jsontext.Value(answer.Result), nil
}

func (s *Session) cancel(id string) {
	ctx, stop := context.WithTimeout(context.Background(), closeTimeout)
	defer stop()
	_ = s.send(ctx, jsonrpc.NewNotification("notifications/cancelled", []byte(`{"requestId":`+id+`}`)))
}

// remoteError says which server an error is about.
func (a *Account) remoteError(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("ask %s: %w", a.Server.Host, err)
}

// initializeParams begin an MCP session of this program, in its version.
func initializeParams(version string) map[string]any {
	return map[string]any{"protocolVersion": jsonrpc.LatestSession, "capabilities": struct{}{}, "clientInfo": map[string]string{"name": programName, "version": version}}
}

// InitializeRequest is the smallest request that begins an MCP session.
func InitializeRequest(version string) jsonrpc.Message {
	params, _ := json.Marshal(initializeParams(version), json.Deterministic(true)) // text alone
	return jsonrpc.NewRequest([]byte("1"), "initialize", params)
}

// Initialize begins a session with the smallest real request, signing in on the way if
// the server asks, and ends it again. It returns what the server has answered.
func (a *Account) Initialize(ctx context.Context) (jsonrpc.Message, error) {
	remote, err := a.connect()
	if err != nil {
		return jsonrpc.Message{}, err
	}
	defer a.closeRemote(remote)
	return jsonrpc.Ask(ctx, remote.Send, InitializeRequest(a.Version), nil)
}

// Probe proves that the server accepts us, signing in on the way if it asks.
func (a *Account) Probe(ctx context.Context) error {
	if a.Key.Grant == oauth.GrantEnterprise { // no MCP server
		_, err := a.OAuth.Token(ctx)
		return err
	}
	answer, err := a.Initialize(ctx)
	if err != nil {
		return a.remoteError(err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s answered with an error: %s", a.Server.Host, foreign.Quote(string(answer.Error)))
	}
	return nil
}
