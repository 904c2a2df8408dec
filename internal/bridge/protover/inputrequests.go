package protover

import (
	"context"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// inputRequest is one thing that the server wants to know from the client.
type inputRequest struct {
	key, method string
	id          []byte // of the request put to the client
	reply       chan jsonrpc.Message
}

// requestInput puts the server's questions to the client and returns the raw object of
// answers. What the client cannot answer is cancelled, or, where
// 2026-07-28 has no word for that, ends the request. Questions that nobody waits for any
// more are taken back.
func (c *sessionClient) requestInput(ctx context.Context, raw []byte, sink jsonrpc.Sink) (given []byte, err error) {
	var list []inputRequest
	answered := 0
	defer func() {
		for i, q := range list {
			c.forget(q)
			if i >= answered {
				sink.Message(jsonrpc.NewNotification("notifications/cancelled", jsonrpc.With(nil, "requestId", q.id)))
			}
		}
	}()
	for key, value := range jsonrpc.Members(raw) {
		q := inputRequest{key: key, id: jsonrpc.NewID("ask"), reply: make(chan jsonrpc.Message, 1)}
		q.method, _ = jsonrpc.Text(jsonrpc.Member(value, "method"))
		if len(list) == maxInputRequests || !c.accepts(q.method) {
			return nil, newFailure("the server asked the client for something that it did not offer", "ask the server's operator")
		}
		c.remember(q)
		list = append(list, q)
		sink.Message(jsonrpc.NewRequest(q.id, q.method, c.inputParams(q.method, jsonrpc.Member(value, "params"))))
	}
	edits := make([]jsonrpc.Edit, len(list))
	for i, q := range list {
		select {
		case reply := <-q.reply:
			answered++
			answer, err := inputResponse(q.method, reply)
			if err != nil {
				return nil, err
			}
			edits[i] = jsonrpc.Edit{Name: q.key, Value: answer}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-c.ctx.Done():
			return nil, context.Cause(c.ctx)
		}
	}
	return jsonrpc.Edited([]byte("{}"), edits...), nil
}

// accepts reports whether the client has said that it takes such requests. A
// server must not ask for anything else.
func (c *sessionClient) accepts(method string) bool {
	switch method {
	case "elicitation/create":
		return jsonrpc.Member(c.capabilities, "elicitation") != nil
	case "sampling/createMessage":
		return jsonrpc.Member(c.capabilities, "sampling") != nil
	case "roots/list":
		return jsonrpc.Member(c.capabilities, "roots") != nil
	}
	return false
}

// inputParams are the params of a question as the client's revision has them: an
// elicitation by URL needs an id there.
func (c *sessionClient) inputParams(method string, params []byte) []byte {
	params = orEmpty(params)
	mode, _ := jsonrpc.Text(jsonrpc.Member(params, "mode"))
	if method == "elicitation/create" && mode == "url" && jsonrpc.Member(params, "elicitationId") == nil {
		params = jsonrpc.With(params, "elicitationId", jsonrpc.NewID("elicitation"))
	}
	return params
}

// inputResponse is the client's answer to a question, as the server gets it.
func inputResponse(method string, reply jsonrpc.Message) ([]byte, error) {
	switch {
	case reply.Result != nil:
		return reply.Result, nil
	case method == "elicitation/create":
		return []byte(`{"action":"cancel"}`), nil
	}
	text, _ := jsonrpc.Text(jsonrpc.Member(reply.Error, "message"))
	return nil, newFailure("the client did not answer the server's "+method+": "+foreign.Line(text), "")
}

func (c *sessionClient) remember(q inputRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.awaiting[jsonrpc.Key(q.id)] = q.reply
}

func (c *sessionClient) forget(q inputRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.awaiting, jsonrpc.Key(q.id))
}

// takeResponse takes the client's answer to a question. A second one, and one to a
// question nobody asked, is dropped: the server takes no answers.
func (c *sessionClient) takeResponse(m jsonrpc.Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	key := jsonrpc.Key(m.ID)
	if reply := c.awaiting[key]; reply != nil {
		delete(c.awaiting, key)
		reply <- m
	}
}
