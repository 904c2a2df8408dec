package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"mcp-login/internal/jsonrpc"
)

// How large answers are treated.
const (
	// largeFrom is the size from which an answer is held in pieces, if nobody has
	// said how large it is: outgrowing one room after the other costs more.
	largeFrom = 256 << 10
	// wholeTo is up to which size an answer whose size is known is read at once:
	// nothing would be passed on earlier.
	wholeTo = streamFrom
	// pieceSize is that of one piece.
	pieceSize = 1 << 20
	// streamFrom and DefaultStreamWithin say when an answer is passed on while
	// it is still coming: so much of it came in so short a time. The client
	// hears nothing else meanwhile, so that a slow answer is collected first.
	streamFrom          = 4 << 20
	DefaultStreamWithin = 150 * time.Millisecond
	// maxStreamedID bounds the ids of answers in pieces; they are compared
	// when they pass.
	maxStreamedID = 64 << 10
)

// large is an answer to m that is too large to be held in one piece. What is
// written to it is checked on its way: first collected in pieces, then, if it
// comes fast, passed on to the client's outlet.
type large struct {
	u       *Upstream
	m       jsonrpc.Message
	deliver Deliver

	scan   jsonrpc.Scanner
	begun  time.Time
	size   int64
	pieces [][]byte
	err    error // why this is no answer; nothing is kept from then on

	piece int       // bytes of one
	from  int64     // the size from which it is passed on
	whole bool      // it must not be passed on before it is complete
	to    io.Writer // the outlet's, once it is on its way
	ended bool      // the outlet was told the end
}

// piecewise reports whether m's answer may be taken in pieces.
func piecewise(m jsonrpc.Message) bool {
	return m.Kind == jsonrpc.Request && m.Out != nil && len(m.ID) <= maxStreamedID
}

// newLarge returns nil when m's answer cannot be taken in pieces. resumable
// says that what breaks off could be had again: then it must be whole before
// the client sees any of it.
func (u *Upstream) newLarge(m jsonrpc.Message, deliver Deliver, resumable bool) *large {
	if !piecewise(m) {
		return nil
	}
	l := &large{u: u, m: m, deliver: deliver, begun: time.Now(), piece: pieceSize, from: streamFrom, whole: resumable}
	l.scan.KeepID(maxStreamedID)
	return l
}

// Write takes the next part. It does not fail: what is wrong is said by finish.
func (l *large) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && l.err == nil; {
		n := copy(l.room(), rest)
		l.took(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// adopt takes the first part, which belongs to l from now on.
func (l *large) adopt(p []byte) {
	l.pieces = append(l.pieces, p[:0:len(p)])
	l.took(len(p))
}

// room is where the next part may be put.
func (l *large) room() []byte {
	if last := len(l.pieces) - 1; last >= 0 {
		if free := l.pieces[last][len(l.pieces[last]):cap(l.pieces[last])]; len(free) > 0 {
			return free
		}
		if l.to != nil {
			l.pieces[0] = l.pieces[0][:0] // passed on
			return l.pieces[0][:cap(l.pieces[0])]
		}
	}
	l.pieces = append(l.pieces, l.another())
	return l.pieces[len(l.pieces)-1][:l.piece]
}

// pieces are those of answers that have passed.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// another is an empty piece.
func (l *large) another() []byte {
	if l.piece != pieceSize {
		return make([]byte, 0, l.piece)
	}
	return pieces.Get().(*[pieceSize]byte)[:0]
}

// release gives the pieces back.
func (l *large) release() {
	for _, piece := range l.pieces {
		if cap(piece) == pieceSize {
			pieces.Put((*[pieceSize]byte)(piece[:pieceSize]))
		}
	}
	l.pieces = nil
}

// took says that n bytes were put into room.
func (l *large) took(n int) {
	last := len(l.pieces) - 1
	piece := l.pieces[last]
	part := piece[len(piece) : len(piece)+n]
	l.pieces[last] = piece[:len(piece)+n]
	if l.size += int64(n); l.u.cfg.MaxMessage > 0 && l.size > l.u.cfg.MaxMessage {
		l.fail(l.u.tooLarge())
		return
	}
	if err := l.scan.Feed(part); err != nil {
		l.fail(err)
		return
	}
	switch {
	case l.to != nil:
		l.pass(part)
	case l.size >= l.from && !l.whole:
		l.stream()
	}
}

// stream begins to pass on, or decides against it.
func (l *large) stream() {
	l.whole = true
	if _, named := l.scan.ID(); time.Since(l.begun) > l.u.cfg.StreamWithin || !l.scan.Result() || named && !l.ours() {
		return
	}
	out, ok := l.m.Out.Begin()
	if !ok { // nobody waits for it any more
		out = io.Discard
		l.m.Out = noOutlet{}
	}
	l.to = out
	for _, piece := range l.pieces {
		l.pass(piece)
	}
	kept := l.pieces[0]
	l.pieces = l.pieces[1:]
	l.release()
	l.pieces = [][]byte{kept}
}

// pass writes a part without its line breaks.
func (l *large) pass(part []byte) {
	if l.scan.Breaks() {
		part = jsonrpc.WithoutBreaks(part)
	}
	// A client that does not take it any more ends the whole relay; the
	// outlet sees to that.
	_, _ = l.to.Write(part)
}

// ours reports whether the text, as far as it was read, names m.
func (l *large) ours() bool {
	id, ok := l.scan.ID()
	return ok && jsonrpc.Key(id) == jsonrpc.Key(l.m.ID)
}

func (l *large) fail(err error) {
	l.err = err
	l.release()
}

// finish says that the text is complete. answered tells whether m was answered;
// an error is for m when it was not.
func (l *large) finish() (answered bool, err error) {
	defer l.release()
	if l.err == nil {
		l.err = l.scan.End()
	}
	if l.to != nil {
		if l.err == nil && (!l.scan.Result() || !l.ours()) {
			l.err = errors.New("what the server sent is not the answer")
		}
		l.end()
		return true, nil
	}
	if l.err != nil {
		return false, l.err
	}
	if l.scan.Result() && l.ours() {
		if out, ok := l.m.Out.Begin(); ok {
			l.to = out
			for _, piece := range l.pieces {
				l.pass(piece)
			}
			l.m.Out.End(nil)
		}
		return true, nil
	}
	return deliverAll(bytes.Join(l.pieces, nil), l.m, l.deliver)
}

// abandon says that no more will come because of err. passed tells whether the
// client was told.
func (l *large) abandon(err error) (passed bool) {
	defer l.release()
	if l.to == nil {
		return false
	}
	if l.err == nil {
		l.err = fmt.Errorf("the answer broke off: %w", err)
	}
	l.end()
	return true
}

// end tells the outlet, once, that the answer is complete, or why what was
// passed on is none.
func (l *large) end() {
	err := l.err
	if err != nil && !errors.As(err, new(*Error)) {
		err = &Error{Reason: Interrupted, Err: err, Hint: "the server may have done what it was asked"}
	}
	if !l.ended {
		l.ended = true
		l.m.Out.End(err)
	}
}

// noOutlet ends what nobody waited for.
type noOutlet struct{}

func (noOutlet) Ready(context.Context) func() { return func() {} }
func (noOutlet) Begin() (io.Writer, bool)     { return nil, false }
func (noOutlet) End(error)                    {}
