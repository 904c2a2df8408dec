package upstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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
	// stallTimeout is how long an answer that is passed on may stand still: the
	// client hears nothing else meanwhile.
	stallTimeout = 30 * time.Second
	// maxStreamedID bounds the ids of answers in pieces; they are compared
	// when they pass.
	maxStreamedID = 64 << 10
)

// errNotAnswer is a text of which a part was passed on before it was seen that it
// is no answer.
var errNotAnswer = errors.New("what the server sent is not the answer")

// large is an answer to m that is too large to be held in one piece. What is
// written to it is checked on its way and collected in pieces. If it comes fast,
// and is known to be m's before its result begins, it is passed on to the sink
// while it comes, all but its last byte, which closes it: that one only when the
// whole is known to be one message.
type large struct {
	u    *Upstream
	m    jsonrpc.Message
	sink jsonrpc.Sink

	scan   jsonrpc.Scanner
	begun  time.Time
	size   int64
	pieces [][]byte
	err    error // why this is no answer; nothing is kept from then on

	cut   context.CancelCauseFunc // ends the response
	stall *time.Timer             // does that when nothing comes; nil before it is passed on

	piece  int            // bytes of one
	from   int64          // the size from which it is passed on
	whole  bool           // it must not be passed on before it is complete
	to     jsonrpc.Pieces // the sink's, once it is on its way
	passed int64          // bytes that went there
}

// newLarge returns a large answer to m, whose id is not longer than maxStreamedID.
// resumable says that what breaks off could be had again: then it must be whole
// before the client sees any of it. cut ends the response.
func (u *Upstream) newLarge(m jsonrpc.Message, sink jsonrpc.Sink, resumable bool, cut context.CancelCauseFunc) *large {
	l := &large{u: u, m: m, sink: sink, cut: cut, begun: time.Now(), piece: pieceSize, from: streamFrom, whole: resumable}
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
	case l.to != nil && l.scan.Ambiguous():
		l.fail(errNotAnswer)
	case l.to != nil:
		l.pass(part)
	case l.size >= l.from && !l.whole:
		l.stream()
	}
}

// stream begins to pass on, or decides against it. The id has to be known: of an
// answer that names it behind its result, nobody can tell yet whose it is.
func (l *large) stream() {
	l.whole = true
	if time.Since(l.begun) > l.u.cfg.StreamWithin || !l.scan.Result() || !l.ours() {
		return
	}
	if !l.begin() {
		return
	}
	kept := l.pieces[0]
	l.pieces = l.pieces[1:]
	l.release()
	l.pieces = [][]byte{kept}
}

// begin passes on what there is, unless the sink wants it whole.
func (l *large) begin() bool {
	if l.to = l.sink.Pieces(); l.to == nil {
		return false
	}
	l.stall = time.AfterFunc(stallTimeout, func() { l.cut(fmt.Errorf("%w for %v", errIdle, stallTimeout)) })
	for _, piece := range l.pieces {
		l.pass(piece)
	}
	return true
}

// pass hands on a part without its line breaks, and without what closes the text.
func (l *large) pass(part []byte) {
	before := l.passed
	l.passed += int64(len(part))
	if closed := l.scan.Closed(); closed > 0 {
		part = part[:max(0, min(int64(len(part)), closed-1-before))]
	}
	if l.scan.Breaks() {
		part = jsonrpc.WithoutBreaks(part)
	}
	// A client that does not take it any more ends the whole relay; the sink
	// sees to that.
	l.stall.Stop() // the time that the client takes does not count
	_, _ = l.to.Write(part)
	l.stall.Reset(stallTimeout)
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
		l.end()
		return true, nil
	}
	if l.err != nil {
		return false, l.err
	}
	if l.scan.Result() && l.ours() {
		if l.begin() {
			l.end()
			return true, nil
		}
	}
	return l.u.deliver(bytes.Join(l.pieces, nil), l.m, l.sink)
}

// breakOff says that no more will come because of err. begun tells whether a part
// was passed on; then the sink hears of it when it is finished.
func (l *large) breakOff(err error) (begun bool) {
	if l.err == nil {
		l.fail(fmt.Errorf("the answer broke off: %w", err))
	}
	return l.to != nil
}

// end closes the text and tells the sink that the answer is complete, or why what
// was passed on is none: then it stays open.
func (l *large) end() {
	l.stall.Stop()
	err := l.err
	if err == nil {
		_, _ = l.to.Write([]byte("}"))
	} else if !errors.As(err, new(*Error)) {
		err = &Error{Reason: Interrupted, Err: err, Hint: doneHint}
	}
	l.to.End(err)
}
