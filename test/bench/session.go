package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// session is one client's way to the server: a bridge's process, or HTTP
// without one.
type session interface {
	// post sends one line and does not wait.
	post(line []byte) error
	// inbox brings what comes back.
	inbox() *inbox
	// close ends it; the time until the process had gone is in its usage.
	close() (usage, error)
	// pid is that of the bridge, 0 when there is none.
	pid() int
}

// slots is how many requests may be under way at once.
const slots = 1024

// shown is how much of a long answer is kept.
const shown = 200

// inbox sorts what a bridge says.
type inbox struct {
	replies [slots]chan reply
	// note gets each notification; nil drops them.
	note  func(line []byte)
	ended chan struct{} // closed when nothing more comes
}

// reply is the answer to one request.
type reply struct {
	head   []byte // its beginning, or all of it
	length int
	intact bool // a long one held the payload of its size, byte for byte
}

func newInbox() *inbox {
	b := &inbox{ended: make(chan struct{})}
	for i := range b.replies {
		b.replies[i] = make(chan reply, 1)
	}
	return b
}

// read takes lines until they end.
func (b *inbox) read(r io.Reader) {
	defer close(b.ended)
	lines := newLineSource(r)
	for {
		line, err := lines.next()
		if err != nil {
			return
		}
		b.take(line)
	}
}

// take sorts one line, which it does not keep.
func (b *inbox) take(line []byte) {
	if bytes.Contains(line[:min(len(line), shown)], []byte(`"method":`)) && !bytes.Contains(line[:min(len(line), shown)], []byte(`"result":`)) {
		if b.note != nil {
			b.note(line)
		}
		return
	}
	id, ok := idOf(line)
	if !ok {
		return
	}
	r := reply{length: len(line), head: bytes.Clone(line[:min(len(line), 2*shown)])}
	if len(line) > 2*shown {
		r.intact = holdsPayload(line)
	}
	select {
	case b.replies[id%slots] <- r:
	default: // nobody asked for it twice
	}
}

// holdsPayload reports whether line has a large result as the target sent it.
func holdsPayload(line []byte) bool {
	from := bytes.Index(line, []byte(bigHead[len(bigHead)-8:])) // "text":"
	if from < 0 {
		return false
	}
	text := line[from+8:]
	to := bytes.LastIndex(text[max(0, len(text)-shown):], []byte(bigTail))
	if to < 0 {
		return false
	}
	text = text[:max(0, len(text)-shown)+to]
	return bytes.Equal(text, payload(len(text)))
}

// idOf finds the id of an answer at its beginning or at its end.
func idOf(line []byte) (int, bool) {
	if id, ok := idIn(line[:min(len(line), shown)]); ok {
		return id, true
	}
	return idIn(line[max(0, len(line)-shown):])
}

func idIn(part []byte) (int, bool) {
	i := bytes.LastIndex(part, []byte(`"id":`))
	if i < 0 {
		return 0, false
	}
	digits := part[i+len(`"id":`):]
	n := 0
	for n < len(digits) && digits[n] >= '0' && digits[n] <= '9' {
		n++
	}
	id, err := strconv.Atoi(string(digits[:n]))
	return id, err == nil
}

// lineSource reads lines of any length into one buffer.
type lineSource struct {
	r   *bufio.Reader
	buf []byte
}

func newLineSource(r io.Reader) *lineSource { return &lineSource{r: bufio.NewReaderSize(r, 256<<10)} }

// next returns the next line without its end, valid until the next call.
func (l *lineSource) next() ([]byte, error) {
	l.buf = l.buf[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		if err == nil && len(l.buf) == 0 {
			return bytes.TrimRight(part, "\r\n"), nil
		}
		l.buf = append(l.buf, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return nil, err
		default:
			return bytes.TrimRight(l.buf, "\r\n"), nil
		}
	}
}

var errEnded = errors.New("the bridge has ended, or closed its output")

// call sends the request with a number and waits for its answer. No two calls
// whose numbers agree modulo slots may be under way at once.
func call(ctx context.Context, s session, id int, method, params string) (reply, error) {
	box := s.inbox()
	select {
	case <-box.replies[id%slots]: // a late answer to nobody
	default:
	}
	if err := s.post(fmt.Appendf(nil, "{\"jsonrpc\":\"2.0\",\"id\":%d,\"method\":%q,\"params\":%s}\n", id, method, params)); err != nil {
		return reply{}, fmt.Errorf("%s: %w", method, err)
	}
	select {
	case r := <-box.replies[id%slots]:
		return r, nil
	case <-box.ended:
		select {
		case r := <-box.replies[id%slots]:
			return r, nil
		default:
			return reply{}, fmt.Errorf("%s: %w", method, errEnded)
		}
	case <-ctx.Done():
		return reply{}, fmt.Errorf("%s: no answer: %w", method, context.Cause(ctx))
	}
}

const initializeParams = `{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}`

// begin opens the session of the protocol.
func begin(ctx context.Context, s session) error {
	r, err := call(ctx, s, 0, "initialize", initializeParams)
	if err != nil {
		return err
	}
	if !bytes.Contains(r.head, []byte(`"protocolVersion"`)) {
		return fmt.Errorf("initialize was answered by %s", r.head)
	}
	return nil
}

// begun tells the server that the client is there.
func begun(s session) error {
	return s.post([]byte(`{"jsonrpc":"2.0","method":"notifications/initialized"}` + "\n"))
}

// echo makes one short call.
func echo(ctx context.Context, s session, id int) error {
	r, err := call(ctx, s, id, "tools/call", `{"name":"echo","arguments":{"text":"the quick brown fox"}}`)
	if err == nil && !bytes.Contains(r.head, []byte("the lazy dog")) {
		err = fmt.Errorf("a call was answered by %s", r.head)
	}
	return err
}
