package lazy

import (
	"bytes"
	"cmp"
	"context"

	"mcp-login/internal/jsonrpc"
)

// tap is a sink that keeps a copy of the answer to a request while it passes. It takes it
// whole.
type tap struct {
	request     jsonrpc.Message
	sink        jsonrpc.Sink
	provisional func() bool
	standIn     func(answer jsonrpc.Message) // called with one that is not the server's
	answer      jsonrpc.Message              // the server's
}

func (t *tap) Message(m jsonrpc.Message) {
	if m.Answers(t.request) && t.answer.Raw == nil {
		if copied := jsonrpc.Built(bytes.Clone(m.Raw)); t.provisional() {
			t.standIn(copied)
		} else {
			t.answer = copied
		}
	}
	t.sink.Message(m)
}

func (*tap) Pieces() jsonrpc.Pieces { return nil }

// observe carries a request to the server, and learns from the answer what is kept.
func (s *Stage) observe(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	if _, listed := listOf(m); !listed && !opens(m) {
		return s.pass(ctx, m, sink)
	}
	t := &tap{request: m, sink: sink, provisional: s.cfg.Provisional, standIn: func(jsonrpc.Message) { s.forget() }}
	err := s.pass(ctx, m, t)
	s.learn(m, t.answer)
	s.saveLater()
	return err
}

// learn keeps the server's answer to a request; the zero Message is none.
func (s *Stage) learn(m, answer jsonrpc.Message) {
	l, listed := listOf(m)
	switch {
	case opens(m):
		s.describe(m, answer)
	case listed && answer.Error != nil:
		s.keep(l, m, outcome{Error: answer.Error})
	case listed && answer.Result != nil:
		if whole := s.wholeList(l, m, answer.Result); whole != nil {
			s.keep(l, m, outcome{Result: whole})
		}
	}
}

// describe takes a server's description of itself. Another one than is kept is that of another
// version of the server, or is said to another person: what was kept with it is dropped.
func (s *Stage) describe(m, answer jsonrpc.Message) {
	owner, who := s.cfg.Memory.Owner(), hello(m)
	s.mu.Lock()
	before := s.record
	s.owner, s.record = owner, record{}
	switch {
	case answer.Result != nil:
		s.record = record{Owner: owner, Client: who, Refused: s.refused, Opening: answer.Result}
		same := before.Opening == nil || bytes.Equal(before.Opening, answer.Result)
		if same && before.Owner == owner && before.Client == who {
			s.record.Refused, s.record.Lists = cmp.Or(s.refused, before.Refused), before.Lists
		}
	case m.Method == "server/discover" && unheardOf(answer.Error):
		s.refused = who
	}
	if len(s.record.Opening) > maxRecord {
		s.record.Opening = nil
	}
	if m.Method == "initialize" {
		s.client = who
	}
	s.mu.Unlock()
	if owner == "" && answer.Result != nil {
		s.unowned.Do(func() {
			s.cfg.Log.Warn("what the server says is not kept for a lazy start: it is not known who has signed in")
		})
	}
}

// wholeList joins the pages of a list that the client requests one after the other; nil while
// there are more.
func (s *Stage) wholeList(l list, m jsonrpc.Message, page []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.partial[l.method]
	delete(s.partial, l.method)
	cursor, _ := jsonrpc.Text(m.Param("cursor"))
	switch {
	case m.Param("cursor") == nil:
		before = nil
	case before == nil || cursor != nextPage(before):
		return nil
	}
	whole := l.join(before, page)
	if nextPage(whole) == "" {
		return whole
	}
	if len(whole) <= maxRecord {
		s.partial[l.method] = whole
	}
	return nil
}

// keep keeps a list that the server has just told the client that says m, unless it was
// somebody else to whom it said what is kept.
func (s *Stage) keep(l list, m jsonrpc.Message, o outcome) {
	if o.Error != nil && !lasting(o.Error) {
		return
	}
	owner := s.cfg.Memory.Owner()
	s.mu.Lock()
	if owner == s.record.Owner && s.record.Client == s.who(m) {
		s.record.keep(l, o)
	}
	s.mu.Unlock()
}

// saveLater keeps the record while the client goes on; Close waits for it.
func (s *Stage) saveLater() {
	s.mu.Lock()
	ended := s.ctx.Err() != nil
	if !ended {
		s.work.Go(s.save)
	}
	s.mu.Unlock()
	if ended {
		s.save()
	}
}

// save keeps the record, if it has changed.
func (s *Stage) save() {
	s.saving.Lock()
	defer s.saving.Unlock()
	s.mu.Lock()
	raw, name := s.record.encode(), s.name
	changed := s.record.Owner != "" && string(raw) != s.saved
	if changed {
		s.saved = string(raw)
	}
	s.mu.Unlock()
	if changed {
		s.cfg.Memory.Keep(name, raw)
	}
}
