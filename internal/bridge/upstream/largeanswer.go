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
	// spillSize is the size from which an answer of unknown size is held in pieces:
	// growing one buffer costs more.
	spillSize = 256 << 10
	// pieceSize is the size of one piece.
	pieceSize = 1 << 20
	// streamSize and DefaultStreamWithin say when an answer is passed on while it is
	// still coming: when so much of it came in so short a time. The client hears
	// nothing else meanwhile, so a slow answer is collected first.
	streamSize          = 4 << 20
	DefaultStreamWithin = 150 * time.Millisecond
	// maxWhole is the size up to which an answer of known size is read at once: none of
	// it would be passed on earlier.
	maxWhole = streamSize
	// stallTimeout is how long an answer that is being passed on may stand still.
	stallTimeout = 30 * time.Second
	// maxStreamedID bounds the ids of answers in pieces, which are kept for comparison.
	maxStreamedID = 64 << 10
)

// errNotAnswer is a text that turns out to be no answer after a part of it was passed on.
var errNotAnswer = errors.New("what the server sent is not the answer")

// largeAnswer is an answer to m that is too large for one buffer. What is written to it is
// checked and collected in pieces. An answer that comes fast, and names m before its
// result begins, is passed on to the sink while it comes: all but its last byte, which
// follows only when the whole is known to be one message.
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
	stall  *time.Timer             // cancels an answer that stands still; nil before it is passed on

	pieceSize  int
	streamFrom int64          // the size from which it is passed on
	keepWhole  bool           // it is not passed on before it is complete
	out        jsonrpc.Pieces // of the sink, once it is being passed on
	passed     int64          // bytes written to out
}

// newLargeAnswer returns a large answer to m, whose id is at most maxStreamedID long.
// resumable says that the stream is resumed where it breaks: then the client must see
// nothing of the answer before it is complete. cancel ends the response.
func (u *Upstream) newLargeAnswer(m jsonrpc.Message, sink jsonrpc.Sink, resumable bool, cancel context.CancelCauseFunc) *largeAnswer {
	l := &largeAnswer{u: u, m: m, sink: sink, cancel: cancel, started: time.Now(), pieceSize: pieceSize, streamFrom: streamSize, keepWhole: resumable}
	l.scan.KeepID(maxStreamedID)
	return l
}

// Write takes the next part. It does not fail: finish returns the error.
func (l *largeAnswer) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0 && l.err == nil; {
		n := copy(l.space(), rest)
		l.advance(n)
		rest = rest[n:]
	}
	return len(p), nil
}

// adopt takes the first part without copying it.
func (l *largeAnswer) adopt(p []byte) {
	l.pieces = append(l.pieces, p[:0:len(p)])
	l.advance(len(p))
}

// space returns where the next part may be written, for advance.
func (l *largeAnswer) space() []byte {
	if last := len(l.pieces) - 1; last >= 0 {
		if free := l.pieces[last][len(l.pieces[last]):cap(l.pieces[last])]; len(free) > 0 {
			return free
		}
		if l.out != nil {
			l.pieces[0] = l.pieces[0][:0] // it was passed on
			return l.pieces[0][:cap(l.pieces[0])]
		}
	}
	l.pieces = append(l.pieces, l.newPiece())
	return l.pieces[len(l.pieces)-1][:l.pieceSize]
}

// pieces are reused from one answer to the next.
var pieces = sync.Pool{New: func() any { return new([pieceSize]byte) }}

func (l *largeAnswer) newPiece() []byte {
	if l.pieceSize != pieceSize { // in a test
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

// advance takes the next n bytes, which were written to space.
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
		l.pass(part)
	case l.size >= l.streamFrom && !l.keepWhole:
		l.tryStream()
	}
}

// tryStream decides once whether the answer is passed on while it comes. Its id has to be
// known: while the id stands behind the result, nobody can tell whose answer it is.
func (l *largeAnswer) tryStream() {
	l.keepWhole = true
	if time.Since(l.started) > l.u.cfg.StreamWithin || !l.isAnswer() || !l.startPieces() {
		return
	}
	kept := l.pieces[0]
	l.pieces = l.pieces[1:]
	l.release()
	l.pieces = [][]byte{kept}
}

// startPieces passes on what there is, unless the sink wants the answer whole.
func (l *largeAnswer) startPieces() bool {
	if l.out = l.sink.Pieces(); l.out == nil {
		return false
	}
	l.stall = time.AfterFunc(stallTimeout, func() { l.cancel(fmt.Errorf("%w for %v", errIdle, stallTimeout)) })
	for _, piece := range l.pieces {
		l.pass(piece)
	}
	return true
}

// pass passes on a part, without line breaks and without the last byte of the answer.
func (l *largeAnswer) pass(part []byte) {
	before := l.passed
	l.passed += int64(len(part))
	if closed := l.scan.Closed(); closed > 0 {
		part = part[:max(0, min(int64(len(part)), closed-1-before))]
	}
	if l.scan.Breaks() {
		part = jsonrpc.WithoutBreaks(part)
	}
	l.stall.Stop() // the time that the client takes does not count
	_, _ = l.out.Write(part)
	l.stall.Reset(stallTimeout)
}

// isAnswer reports whether the text so far is an answer to m with a result.
func (l *largeAnswer) isAnswer() bool {
	id, ok := l.scan.ID()
	return ok && l.scan.Result() && jsonrpc.Key(id) == jsonrpc.Key(l.m.ID)
}

func (l *largeAnswer) fail(err error) {
	l.err = err
	l.release()
}

// finish says that the text is complete. answered reports whether m was answered; else an
// error says why the text is no message.
func (l *largeAnswer) finish() (answered bool, err error) {
	defer l.release()
	if l.err == nil {
		l.err = l.scan.End()
	}
	switch {
	case l.out == nil && l.err != nil:
		return false, l.err
	case l.out == nil && (!l.isAnswer() || !l.startPieces()):
		return l.u.deliver(bytes.Join(l.pieces, nil), l.m, l.sink)
	}
	l.endPieces()
	return true, nil
}

// interrupt says that the connection ended with err before the text was complete. begun
// reports whether a part was passed on: then finish tells the sink.
func (l *largeAnswer) interrupt(err error) (begun bool) {
	if l.err == nil {
		l.fail(fmt.Errorf("the answer broke off: %w", err))
	}
	return l.out != nil
}

// endPieces writes the last byte and tells the sink that the answer is complete. For a
// text that is no answer it writes nothing, so that no reader takes what was passed on for
// a message, and tells the sink the error.
func (l *largeAnswer) endPieces() {
	l.stall.Stop()
	err := l.err
	if err == nil {
		_, _ = l.out.Write([]byte("}"))
	} else if !errors.As(err, new(*Error)) {
		err = &Error{Reason: Interrupted, Err: err, Hint: doneHint}
	}
	l.out.End(err)
}

// discardedMessage reads a message that is too large to be kept, to find out which
// request it answers.
type discardedMessage struct{ scan jsonrpc.Scanner }

func newDiscardedMessage() *discardedMessage {
	d := new(discardedMessage)
	d.scan.KeepID(maxStreamedID)
	return d
}

// Write implements io.Writer. It does not fail.
func (d *discardedMessage) Write(p []byte) (int, error) {
	_ = d.scan.Feed(p)
	return len(p), nil
}

// answeredID returns the raw id of the request that the message answers.
func (d *discardedMessage) answeredID() (id []byte, ok bool) {
	if d.scan.End() != nil || d.scan.Method() {
		return nil, false
	}
	return d.scan.ID()
}
