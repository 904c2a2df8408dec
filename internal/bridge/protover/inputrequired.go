package protover

import (
	"context"
	"crypto/rand"
	"time"

	"mcp-login/internal/jsonrpc"
)

// takeRequest takes a request of the server. It becomes a question within a request
// of the client, x or the only one that may have caused it; what cannot is
// refused, because the client takes no requests.
func (c *statelessClient) takeRequest(x *pendingCall, m jsonrpc.Message) {
	if x == nil {
		x = c.only(func(x *pendingCall) bool { return mayRequireInput(x.request.Method) })
	}
	switch {
	case m.Method == "ping":
		c.reply(newResult(m.ID, []byte("{}")))
	case x == nil || !mayRequireInput(x.request.Method) || !x.declares(m.Method):
		c.reply(newError(m.ID, jsonrpc.CodeMethodNotFound, "the client cannot be asked this"))
	case !x.addInputRequest(m):
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

// only returns the one exchange under way that fits, nil for none or several.
func (c *statelessClient) only(fits func(*pendingCall) bool) *pendingCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *pendingCall
	for x := range c.calls {
		if fits(x) {
			if found != nil {
				return nil
			}
			found = x
		}
	}
	return found
}

// declares reports whether the client's request says that it takes such
// questions.
func (x *pendingCall) declares(method string) bool {
	name := map[string]string{"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}[method]
	return name != "" && x.request.Param("_meta", metaCapabilities, name) != nil
}

// suspend makes one result of the server's questions and lets the client go. Its
// requestState is a random handle that is good for one return. x is locked.
func (c *statelessClient) suspend(x *pendingCall) ([]byte, error) {
	x.put, x.inputRequests = x.inputRequests, nil
	var asked []jsonrpc.Edit
	for i, q := range x.put {
		asked = append(asked, jsonrpc.Edit{Name: inputKey(i), Value: newInputRequest(q.Method, q.Params)})
	}
	handle := rand.Text()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.suspended) >= maxSuspended {
		return nil, newFailure("too many requests wait for input", "answer or cancel some of them")
	}
	c.suspended[handle] = x
	x.sink = nil
	x.expiry = time.AfterFunc(inputTimeout, func() {
		if c.takeSuspended(handle) != nil {
			x.end() // an answer that has come meanwhile is nobody's any more
		}
	})
	return jsonrpc.Edited([]byte(`{"resultType":"input_required"}`),
		jsonrpc.Edit{Name: "inputRequests", Value: jsonrpc.Edited([]byte("{}"), asked...)},
		jsonrpc.Edit{Name: "requestState", Value: jsonrpc.Quote(handle)}), nil
}

// inputKey is the key of the i-th question in inputRequests and inputResponses.
func inputKey(i int) string { return "q" + number(i+1) }

// takeSuspended takes the request that waits under a handle, nil when none does.
func (c *statelessClient) takeSuspended(handle string) *pendingCall {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.suspended[handle]
	delete(c.suspended, handle)
	return x
}

// resume brings the client's answers to the server and follows the request on.
func (c *statelessClient) resume(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	handle, _ := jsonrpc.Text(m.Param("requestState"))
	x := c.takeSuspended(handle)
	if x == nil || x.request.Method != m.Method || string(x.request.Param("name")) != string(m.Param("name")) || string(x.request.Param("uri")) != string(m.Param("uri")) {
		if x != nil { // not this request's: it may still come
			c.mu.Lock()
			c.suspended[handle] = x
			c.mu.Unlock()
		}
		sink.Message(newError(m.ID, jsonrpc.CodeInvalidParams, "the requestState is unknown, was used or has expired"))
		return nil
	}
	x.expiry.Stop()
	responses := map[string][]byte{}
	for key, given := range jsonrpc.Members(m.Param("inputResponses")) {
		responses[key] = given
	}
	var answers []jsonrpc.Message
	x.mu.Lock()
	for i, q := range x.put {
		switch given := responses[inputKey(i)]; {
		case q.Raw == nil: // withdrawn
		case jsonrpc.IsObject(given):
			answers = append(answers, newResult(q.ID, given))
		default: // asked again
			x.inputRequests = append(x.inputRequests, q)
		}
	}
	x.put = nil
	x.sink, x.token = sink, m.Param("_meta", "progressToken")
	for _, n := range x.held {
		x.deliver(n)
	}
	x.held = nil
	x.mu.Unlock()
	for _, answer := range answers {
		if err := c.adapter.cfg.Server.Send(ctx, answer, jsonrpc.Discard); err != nil {
			x.end()
			return err
		}
	}
	return x.follow(ctx, m.ID)
}
