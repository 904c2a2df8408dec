package upstream

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"mcp-login/internal/jsonrpc"
	"mcp-login/internal/retry"
)

// holding bounds what is held of answers while our own client does not read: once
// that is much, only a few bodies are read, and the rest stays in the network.
type backlog struct {
	bytes   atomic.Int64  // of messages that a sink has not taken yet
	reading atomic.Int64  // that are read without a turn
	slots   chan struct{} // one for each body that is read while that is much
}

// How much may wait for a sink before bodies are left to the network, how many are
// read then, and how often it is looked whether it is still so.
const (
	maxBacklog   = 4 << 20
	likelySize   = 32 << 10 // of a body that is being read
	maxSlots     = 32
	slotInterval = 100 * time.Millisecond
)

func newBacklog() backlog { return backlog{slots: make(chan struct{}, maxSlots)} }

// wait returns when the body of resp may be read. release says that what was in it
// has been said. Who waits holds nothing of the body yet, and waits only once the
// body has begun: a server that is slow takes no turn from those who are not.
func (h *backlog) admit(ctx context.Context, resp *http.Response) (release func(), err error) {
	if err := awaitBody(resp); err != nil {
		return nil, err
	}
	if h.bytes.Load()+h.reading.Add(1)*likelySize < maxBacklog {
		return func() { h.reading.Add(-1) }, nil
	}
	h.reading.Add(-1)
	select {
	case h.slots <- struct{}{}:
		return h.slot(), nil
	case <-ctx.Done(): // the read that follows says so
		return func() {}, nil
	}
}

// bodyBegun waits for the beginning of a body, which stays in it but for a byte order
// mark.
func awaitBody(resp *http.Response) error {
	first := make([]byte, 1, len(byteOrderMark))
	n, err := io.ReadFull(resp.Body, first)
	if n == 1 && first[0] == byteOrderMark[0] {
		n, err = io.ReadFull(resp.Body, first[1:cap(first)])
		first, n = first[:1+n], 1+n
	}
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return brokenAnswer(resp, err)
	}
	first = first[:n]
	if bytes.Equal(first, byteOrderMark) {
		first = nil
		if resp.ContentLength > 0 {
			resp.ContentLength -= int64(n)
		}
	}
	resp.Body = &prefixedBody{ReadCloser: resp.Body, prefix: first}
	return nil
}

// turn returns what ends a turn. A body that comes slowly does not keep it from the
// others once the client reads again.
func (h *backlog) slot() (end func()) {
	give := sync.OnceFunc(func() { <-h.slots })
	stop := retry.Every(slotInterval, func() bool {
		much := h.bytes.Load() >= maxBacklog
		if !much {
			give()
		}
		return much
	})
	return func() {
		stop()
		give()
	}
}

// give hands a message to a sink.
func (h *backlog) deliver(sink jsonrpc.Sink, m jsonrpc.Message) {
	h.bytes.Add(int64(len(m.Raw)))
	defer h.bytes.Add(-int64(len(m.Raw)))
	sink.Message(m)
}

// deliver gives one text from the server to the sink of the request m. answered tells
// whether m was answered; what follows in the same text is no second answer.
func (u *Upstream) deliver(raw []byte, m jsonrpc.Message, sink jsonrpc.Sink) (answered bool, err error) {
	err = messages(raw, func(one jsonrpc.Message) {
		if answered {
			m = jsonrpc.Message{}
		}
		answered = u.deliverOne(one, m, sink) || answered
	})
	return answered, err
}

// messages yields what stands in one text from the server: a message, or those of a
// batch (MCP 2025-03-26, Base Protocol), each as one line. A batch within a batch is
// none: the client would get it as one message, whatever is in it.
func messages(raw []byte, yield func(jsonrpc.Message)) error {
	one, err := jsonrpc.ParseLine(raw)
	switch {
	case err != nil:
		return err
	case one.Kind != jsonrpc.Batch:
		yield(one)
		return nil
	}
	for element := range jsonrpc.Elements(one.Raw) {
		part, err := jsonrpc.ParseLine(element)
		if err == nil && part.Kind == jsonrpc.Batch {
			err = jsonrpc.ErrInvalid
		}
		if err != nil {
			return err
		}
		yield(part)
	}
	return nil
}

// pass gives one message to the sink of m. An answer to another request does not
// belong where it came: each has its own way back (MCP 2025-06-18, Transports,
// "Sending Messages to the Server").
func (u *Upstream) deliverOne(one, m jsonrpc.Message, sink jsonrpc.Sink) (answered bool) {
	answered = one.Answers(m)
	if one.Kind == jsonrpc.Response && !answered {
		u.log.Warn("dropped an answer that was not asked for there", "bytes", len(one.Raw))
		return false
	}
	u.backlog.deliver(sink, one)
	return answered
}
