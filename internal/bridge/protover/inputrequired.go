package protover

import (
	"context"
	"crypto/rand"
	"strconv"
	"time"

	"mcp-login/internal/jsonrpc"
)

// takeRequest takes a request of the server. It becomes a question within a request
// of the client, call or the only one that may have caused it; what cannot is
// refused, because the client takes no requests.
func (c *statelessClient) takeRequest(call *pendingCall, m jsonrpc.Message) {
	if call == nil {
		call = c.only(func(call *pendingCall) bool { return mayRequireInput(call.request.Method) })
	}
	switch {
	case m.Method == "ping":
		c.reply(newResult(m.ID, []byte("{}")))
	case call == nil || !mayRequireInput(call.request.Method) || !call.declares(m.Method):
		c.reply(newError(m.ID, jsonrpc.CodeMethodNotFound, "the client cannot be asked this"))
	case !call.addInputRequest(m):
		c.reply(newError(m.ID, jsonrpc.CodeInvalidParams, "too many questions at once"))
	}
}

// reply answers a request of the server.
func (c *statelessClient) reply(answer jsonrpc.Message) {
	c.spawn(func() {
		ctx, stop := context.WithTimeout(c.ctx, farewellTimeout)
		defer stop()
		if err := c.adapter.cfg.Server.Send(ctx, answer, jsonrpc.Discard); err != nil {
			c.adapter.log.Debug("an answer did not reach the server", "error", err)
		}
	})
}

// only returns the one call under way that fits, nil for none or several.
func (c *statelessClient) only(fits func(*pendingCall) bool) *pendingCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *pendingCall
	for call := range c.calls {
		if fits(call) {
			if found != nil {
				return nil
			}
			found = call
		}
	}
	return found
}

// declares reports whether the client's request says that it takes such
// questions.
func (p *pendingCall) declares(method string) bool {
	name := map[string]string{"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}[method]
	return name != "" && p.request.Param("_meta", jsonrpc.MetaCapabilities, name) != nil
}

// suspend makes one result of the server's questions and lets the client go. Its
// requestState is a random handle that is good for one return. call is locked.
func (c *statelessClient) suspend(call *pendingCall) ([]byte, error) {
	call.put, call.inputRequests = call.inputRequests, nil
	var asked []jsonrpc.Edit
	for i, q := range call.put {
		asked = append(asked, jsonrpc.Edit{Name: inputKey(i), Value: newInputRequest(q.Method, q.Params)})
	}
	handle := rand.Text()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.suspended) >= maxSuspended {
		return nil, newFailure("too many requests wait for input", "answer or cancel some of them")
	}
	c.suspended[handle] = call
	call.sink = nil
	call.expiry = time.AfterFunc(inputTimeout, func() {
		if c.takeSuspended(handle) != nil {
			call.end() // an answer that has come meanwhile is nobody's any more
		}
	})
	return jsonrpc.Edited([]byte(`{"resultType":"input_required"}`),
		jsonrpc.Edit{Name: "inputRequests", Value: jsonrpc.Edited([]byte("{}"), asked...)},
		jsonrpc.Edit{Name: "requestState", Value: jsonrpc.Quote(handle)}), nil
}

// inputKey is the key of the i-th question in inputRequests and inputResponses.
func inputKey(i int) string { return "q" + strconv.Itoa(i+1) }

// takeSuspended takes the request that waits under a handle, nil when none does.
func (c *statelessClient) takeSuspended(handle string) *pendingCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	call := c.suspended[handle]
	delete(c.suspended, handle)
	return call
}

// resume brings the client's answers to the server and follows the request on.
func (c *statelessClient) resume(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	handle, _ := jsonrpc.Text(m.Param("requestState"))
	call := c.takeSuspended(handle)
	if call == nil || call.request.Method != m.Method || string(call.request.Param("name")) != string(m.Param("name")) || string(call.request.Param("uri")) != string(m.Param("uri")) {
		if call != nil { // not this request's: it may still come
			c.mu.Lock()
			c.suspended[handle] = call
			c.mu.Unlock()
		}
		sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "the requestState is unknown, was used or has expired"))
		return nil
	}
	call.expiry.Stop()
	responses := map[string][]byte{}
	for key, given := range jsonrpc.Members(m.Param("inputResponses")) {
		responses[key] = given
	}
	var answers []jsonrpc.Message
	call.mu.Lock()
	for i, q := range call.put {
		switch given := responses[inputKey(i)]; {
		case q.Raw == nil: // withdrawn
		case jsonrpc.IsObject(given):
			answers = append(answers, newResult(q.ID, given))
		default: // asked again
			call.inputRequests = append(call.inputRequests, q)
		}
	}
	call.put = nil
	call.sink, call.token = sink, m.Param("_meta", "progressToken")
	for _, n := range call.held {
		call.deliver(n)
	}
	call.held = nil
	call.mu.Unlock()
	for _, answer := range answers {
		if err := c.adapter.cfg.Server.Send(ctx, answer, jsonrpc.Discard); err != nil {
			call.end()
			return err
		}
	}
	return call.follow(ctx, m.ID)
}
