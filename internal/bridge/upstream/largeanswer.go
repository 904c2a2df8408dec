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
	spillSize = 256 << 10
	// wholeTo is up to which size an answer whose size is known is read at once:
	// nothing would be passed on earlier.
	maxWhole = streamSize
	// pieceSize is that of one piece.
	pieceSize = 1 << 20
	// streamFrom and DefaultStreamWithin say when an answer is passed on while
	// it is still coming: so much of it came in so short a time. The client
	// hears nothing else meanwhile, so that a slow answer is collected first.
	streamSize          = 4 << 20
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
type largeAnswer struct {
	u    *Upstream
	m    jsonrpc.Message
	sink jsonrpc.Sink

	scan    jsonrpc.Scanner
	started time.Time
	size    int64
	pieces  [][]byte
	err     error // why this is no answer; nothing is kept from then on

	cancel context.CancelCauseFunc // ends the response
	stall  *time.Timer             // does that when nothing comes; nil before it is passed on

	pieceSize  int            // bytes of one
	streamFrom int64          // the size from which it is passed on
	keepWhole  bool           // it must not be passed on before it is complete
	out        jsonrpc.Pieces // the sink's, once it is on its way
	passed     int64          // bytes that went there
}

// newLarge returns a large answer to m, whose id is not longer than maxStreamedID.
// resumable says that what breaks off could be had again: then it must be whole
// before the client sees any of it. cut ends the response.
func (u *Upstream) newLargeAnswer(m jsonrpc.Message, sink jsonrpc.Sink, resumable bool, cut context.CancelCauseFunc) *largeAnswer {
	l := &largeAnswer{u: u, m: m, sink: sink, cancel: cut, started: time.Now(), pieceSize: pieceSize, streamFrom: streamSize, keepWhole: resumable}
	l.scan.KeepID(maxStreamedID)
	return l
}

// Write takes the next part. It does not fail: what is wrong is said by finish.
func (l *largeAnswer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && l.err == nil; {
		n := copy(l.space(), rest)
		l.advance(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// adopt takes the first part, which belongs to l from now on.
func (l *largeAnswer) adopt(p []byte) {
	l.pieces = append(l.pieces, p[:0:len(p)])
	l.advance(len(p))
}

// room is where the next part may be put.
func (l *largeAnswer) space() []byte {
	if last := len(l.pieces) - 1; last >= 0 {
		if free := l.pieces[last][len(l.pieces[last]):cap(l.pieces[last])]; len(free) > 0 {
			return free
		}
		if l.out != nil {
			l.pieces[0] = l.pieces[0][:0] // passed on
			return l.pieces[0][:cap(l.pieces[0])]
		}
	}
	l.pieces = append(l.pieces, l.newPiece())
	return l.pieces[len(l.pieces)-1][:l.pieceSize]
}

// pieces are those of answers that have passed.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

// another is an empty piece.
func (l *largeAnswer) newPiece() []byte {
	if l.pieceSize != pieceSize {
		return make([]byte, 0, l.pieceSize)
	}
	return pieces.Get().(*[pieceSize]byte)[:0]
}

// release gives the pieces back.
func (l *largeAnswer) release() {
	for _, piece := range l.pieces {
		if cap(piece) == pieceSize {
			pieces.Put((*[pieceSize]byte)(piece[:pieceSize]))
		}
	}
	l.pieces = nil
}

// took says that n bytes were put into room.
func (l *largeAnswer) advance(n int) {
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
	case l.out != nil && l.scan.Ambiguous():
		l.fail(errNotAnswer)
	case l.out != nil:
		l.write(part)
	case l.size >= l.streamFrom && !l.keepWhole:
		l.tryStream()
	}
}

// stream begins to pass on, or decides against it. The id has to be known: of an
// answer that names it behind its result, nobody can tell yet whose it is.
func (l *largeAnswer) tryStream() {
	l.keepWhole = true
	if time.Since(l.started) > l.u.cfg.StreamWithin || !l.scan.Result() || !l.isAnswer() {
		return
	}
	if !l.startPieces() {
		return
	}
	kept := l.pieces[0]
	l.pieces = l.pieces[1:]
	l.release()
	l.pieces = [][]byte{kept}
}

// begin passes on what there is, unless the sink wants it whole.
func (l *largeAnswer) startPieces() bool {
	if l.out = l.sink.Pieces(); l.out == nil {
		return false
	}
	l.stall = time.AfterFunc(stallTimeout, func() { l.cancel(fmt.Errorf("%w for %v", errIdle, stallTimeout)) })
	for _, piece := range l.pieces {
		l.write(piece)
	}
	return true
}

// pass hands on a part without its line breaks, and without what closes the text.
func (l *largeAnswer) write(part []byte) {
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
	_, _ = l.out.Write(part)
	l.stall.Reset(stallTimeout)
}

// ours reports whether the text, as far as it was read, names m.
func (l *largeAnswer) isAnswer() bool {
	id, ok := l.scan.ID()
	return ok && jsonrpc.Key(id) == jsonrpc.Key(l.m.ID)
}

func (l *largeAnswer) fail(err error) {
	l.err = err
	l.release()
}

// finish says that the text is complete. answered tells whether m was answered;
// an error is for m when it was not.
func (l *largeAnswer) finish() (answered bool, err error) {
	defer l.release()
	if l.err == nil {
		l.err = l.scan.End()
	}
	if l.out != nil {
		l.closePieces()
		return true, nil
	}
	if l.err != nil {
		return false, l.err
	}
	if l.scan.Result() && l.isAnswer() {
		if l.startPieces() {
			l.closePieces()
			return true, nil
		}
	}
	return l.u.deliver(bytes.Join(l.pieces, nil), l.m, l.sink)
}

// breakOff says that no more will come because of err. begun tells whether a part
// was passed on; then the sink hears of it when it is finished.
func (l *largeAnswer) interrupt(err error) (begun bool) {
	if l.err == nil {
		l.fail(fmt.Errorf("the answer broke off: %w", err))
	}
	return l.out != nil
}

// end closes the text and tells the sink that the answer is complete, or why what
// was passed on is none: then it stays open.
func (l *largeAnswer) closePieces() {
	l.stall.Stop()
	err := l.err
	if err == nil {
		_, _ = l.out.Write([]byte("}"))
	} else if !errors.As(err, new(*Error)) {
		err = &Error{Reason: Interrupted, Err: err, Hint: doneHint}
	}
	l.out.End(err)
}
