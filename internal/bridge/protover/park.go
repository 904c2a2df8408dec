package protover

import (
	"cmp"
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"mcp-login/internal/jsonrpc"
)

// asked takes a request of the server. It becomes a question within a request
// of the client, x or the only one that may have caused it; what cannot is
// refused, because the client takes no requests (B22, B23).
func (c *statelessClient) asked(x *exchange, m jsonrpc.Message) {
	if x == nil {
		x = c.only(func(x *exchange) bool { return takesRounds(x.request.Method) })
	}
	switch {
	case m.Method == "ping":
		c.reply(result(m.ID, []byte("{}")))
	case x == nil || !takesRounds(x.request.Method) || !x.declares(m.Method):
		c.reply(refusal(m.ID, jsonrpc.CodeMethodNotFound, "the client cannot be asked this"))
	case !x.question(m):
		c.reply(refusal(m.ID, jsonrpc.CodeInvalidParams, "too many questions at once"))
	}
}

// reply answers a request of the server.
func (c *statelessClient) reply(answer jsonrpc.Message) {
	c.spawn(func() {
		ctx, stop := context.WithTimeout(c.ctx, goodbye)
		defer stop()
		if err := c.l.cfg.Server.Send(ctx, answer, jsonrpc.Discard); err != nil {
			c.l.log.Debug("an answer did not reach the server", "error", err)
		}
	})
}

// only returns the one exchange under way that fits, nil for none or several.
func (c *statelessClient) only(fits func(*exchange) bool) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	var found *exchange
	for x := range c.exchanges {
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
func (x *exchange) declares(method string) bool {
	name := map[string]string{"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}[method]
	return name != "" && x.request.Param("_meta", metaCapabilities, name) != nil
}

// park makes one result of the server's questions and lets the client go. Its
// requestState is a random handle that is good for one return. x is locked.
func (c *statelessClient) park(x *exchange) ([]byte, error) {
	for _, q := range x.questions {
		key := "q" + number(len(x.shown)+1)
		x.shown[key] = q
	}
	x.questions = nil
	var asked []jsonrpc.Edit
	for i := range len(x.shown) {
		key := "q" + number(i+1)
		if q, ok := x.shown[key]; ok {
			asked = append(asked, jsonrpc.Edit{Name: key, Value: asQuestion(q.Method, q.Params)})
		}
	}
	handle := rand.Text()
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.parked) >= maxParked {
		return nil, &Error{Text: "too many requests wait for input", Hint: "answer or cancel some of them"}
	}
	c.parked[handle] = x
	x.sink = nil
	x.expiry = time.AfterFunc(parkTime, func() {
		if c.unpark(handle) != nil {
			x.end() // an answer that has come meanwhile is nobody's any more
		}
	})
	return jsonrpc.Edited([]byte(`{"resultType":"input_required"}`),
		jsonrpc.Edit{Name: "inputRequests", Value: jsonrpc.Edited([]byte("{}"), asked...)},
		jsonrpc.Edit{Name: "requestState", Value: jsonrpc.Quote(handle)}), nil
}

// byNumber puts q2 before q10.
func byNumber(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

// unpark takes the request that waits under a handle, nil when none does.
func (c *statelessClient) unpark(handle string) *exchange {
	c.mu.Lock()
	defer c.mu.Unlock()
	x := c.parked[handle]
	delete(c.parked, handle)
	return x
}

// resume brings the client's answers to the server and follows the request on.
func (c *statelessClient) resume(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	handle, _ := jsonrpc.Text(m.Param("requestState"))
	x := c.unpark(handle)
	if x == nil || x.request.Method != m.Method || string(x.request.Param("name")) != string(m.Param("name")) || string(x.request.Param("uri")) != string(m.Param("uri")) {
		if x != nil { // not this request's: it may still come
			c.mu.Lock()
			c.parked[handle] = x
			c.mu.Unlock()
		}
		sink.Message(refusal(m.ID, jsonrpc.CodeInvalidParams, "the requestState is unknown, was used or has expired"))
		return nil
	}
	x.expiry.Stop()
	responses := map[string][]byte{}
	for key, given := range jsonrpc.Members(m.Param("inputResponses")) {
		responses[key] = given
	}
	var answers []jsonrpc.Message
	x.mu.Lock()
	for _, key := range slices.SortedFunc(maps.Keys(x.shown), byNumber) {
		q := x.shown[key]
		if given := responses[key]; isObject(given) {
			answers = append(answers, result(q.ID, given))
		} else { // asked again
			x.questions = append(x.questions, q)
		}
	}
	clear(x.shown)
	x.sink, x.token = sink, m.Param("_meta", "progressToken")
	for _, n := range x.heard {
		x.pass(n)
	}
	x.heard = nil
	x.mu.Unlock()
	for _, answer := range answers {
		if err := c.l.cfg.Server.Send(ctx, answer, jsonrpc.Discard); err != nil {
			x.end()
			return err
		}
	}
	return x.follow(ctx, m.ID)
}
