package lazy

import (
	"bytes"
	"context"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// connect opens the session that the client believes to have, once for all who wait for it,
// and returns the answer to its initialize. The work goes on when one of them gives up.
func (s *Stage) connect(ctx context.Context) (opened jsonrpc.Message, err error) {
	s.mu.Lock()
	call := s.connecting
	switch {
	case s.phase == passing: // the session is there by now
		s.mu.Unlock()
		return jsonrpc.Message{Result: []byte("{}")}, nil
	case s.ctx.Err() != nil:
		s.mu.Unlock()
		return opened, context.Cause(s.ctx)
	case call == nil:
		call = retry.NewCall[jsonrpc.Message]()
		s.connecting = call
		s.work.Go(func() { call.End(s.open()) })
	}
	s.mu.Unlock()
	if err := call.Wait(ctx); err != nil {
		return opened, err
	}
	return call.Result()
}

// open sends the client's own initialize, and what followed it. When the session is there the
// client is left to the server; else the next request tries again.
func (s *Stage) open() (opened jsonrpc.Message, err error) {
	s.mu.Lock()
	m, told := s.opening, s.description
	s.mu.Unlock()
	standIn, sent := make(chan jsonrpc.Message, 1), make(chan error, 1)
	t := &tap{request: m, provisional: s.cfg.Provisional, standIn: func(answer jsonrpc.Message) { standIn <- answer }}
	t.sink = jsonrpc.SinkFunc(func(got jsonrpc.Message) {
		if !got.Answers(m) {
			s.tell(got)
		}
	})
	s.work.Go(func() { sent <- s.pass(s.ctx, m, t) })
	select {
	case opened = <-standIn: // a person signs in, which is not waited for here
		s.forget()
		s.enter()
		s.announce(func(string) bool { return true }) // there is one tool now, see package signin
		return opened, nil
	case err = <-sent:
	}
	if t.answer.Result == nil {
		s.mu.Lock()
		s.connecting = nil
		s.mu.Unlock()
		return t.answer, err
	}
	was, is := jsonrpc.Member(told, "protocolVersion"), jsonrpc.Member(t.answer.Result, "protocolVersion")
	if !bytes.Equal(was, is) {
		s.cfg.Log.Warn("the client was told another protocol version", "told", string(was), "server", string(is))
	}
	s.describe(m, t.answer)
	s.enter()
	return t.answer, nil
}

// takeTimeout is how long the server may take over a notification, as in package bridge.
const takeTimeout = 15 * time.Second

// enter brings the server the client's notification that it is ready, if that has come, and
// leaves the client to the server.
func (s *Stage) enter() {
	s.mu.Lock()
	ready := s.initialized
	s.mu.Unlock()
	if ready != nil {
		ctx, stop := context.WithTimeout(s.ctx, takeTimeout)
		defer stop()
		if err := s.pass(ctx, *ready, jsonrpc.Discard); err != nil && s.ctx.Err() == nil {
			s.cfg.Log.Warn("a message of the client did not reach the server", "method", ready.Method, "error", err)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begin()
}

// compare requests the lists that the client was told again, and declares changed what is
// another one now, or cannot be compared.
func (s *Stage) compare(before map[string]told) {
	changed := map[string]bool{}
	for _, l := range lists {
		was, ok := before[l.method]
		if !ok {
			continue
		}
		now, ok := s.fetch(l, was.request)
		if ok {
			s.keep(l, was.request, now)
		}
		changed[l.kind] = changed[l.kind] || !ok || !now.same(was.outcome, l)
	}
	if s.ctx.Err() == nil {
		s.announce(func(kind string) bool { return changed[kind] })
	}
	s.save()
}

// maxPages bounds the pages of one list.
const maxPages = 100

// fetch requests a whole list as the client has done. ok is false where the server does not
// say.
func (s *Stage) fetch(l list, request jsonrpc.Message) (o outcome, ok bool) {
	params := request.Params
	if meta := request.Param("_meta"); meta != nil {
		params = jsonrpc.With(params, "_meta", jsonrpc.Without(meta, "progressToken"))
	}
	for range maxPages {
		page, err := jsonrpc.Ask(s.ctx, s.pass, jsonrpc.NewRequest(jsonrpc.NewID("list"), l.method, params), s.tell)
		if err != nil || page.Result == nil {
			return outcome{Error: page.Error}, err == nil && lasting(page.Error)
		}
		o.Result = l.join(o.Result, page.Result)
		next := nextPage(o.Result)
		if next == "" || len(o.Result) > maxRecord {
			return o, next == ""
		}
		params = jsonrpc.With(params, "cursor", jsonrpc.Quote(next))
	}
	return o, false
}

// announce declares lists changed, of those that the client was told the server has. A client
// without a session hears of changes only where it subscribes to them.
func (s *Stage) announce(changed func(kind string) bool) {
	s.mu.Lock()
	capabilities := jsonrpc.Member(s.description, "capabilities")
	s.mu.Unlock()
	for _, kind := range []string{"tools", "prompts", "resources"} {
		if changed(kind) && jsonrpc.IsObject(jsonrpc.Member(capabilities, kind)) {
			s.tell(jsonrpc.NewNotification("notifications/"+kind+"/list_changed", nil))
		}
	}
}
