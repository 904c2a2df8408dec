package jsonrpc

import (
	"bytes"
	"context"
	"io"
)

// Outlet takes the answer to one request in pieces, so that a large one need
// not be held in one. Its methods are called from one goroutine.
type Outlet interface {
	// Ready waits while too much is already waiting for the client to read
	// it, and release says that the answer has been said. Who waits holds
	// nothing of the answer yet. It returns early when ctx ends.
	Ready(ctx context.Context) (release func())
	// Begin claims the one answer. Nothing else is said to the client between
	// Begin and End. ok is false, and End is not called, when the answer is
	// not wanted any more.
	Begin() (w io.Writer, ok bool)
	// End says that the answer is complete, or, with an error, that what was
	// written is none: the request is then answered with the error.
	End(err error)
}

// ParseLine is Parse for a text that may be spread over several lines, as
// pretty-printed ones are: the message's Raw is one line.
func ParseLine(raw []byte) (Message, error) {
	raw = bytes.Trim(raw, space)
	var scan Scanner
	if scan.Feed(raw) != nil || scan.End() != nil {
		return Message{Raw: raw}, ErrSyntax
	}
	if scan.Breaks() {
		return Parse(Squeeze(raw))
	}
	return scan.message(raw)
}

// Breaks reports whether line breaks were passed. In what was read without an
// error they stand between tokens, where none is needed.
func (s *Scanner) Breaks() bool { return s.breaks }

// Result reports whether the text so far begins an answer with a result, and
// nothing else that a message may be.
func (s *Scanner) Result() bool {
	begun := s.places[memberResult].from > 0
	return s.top == '{' && begun && s.places[memberMethod] == place{} && s.places[memberError] == place{} && s.places[memberParams] == place{}
}

// KeepID makes the scanner keep a copy of the id, up to so many bytes. It is
// called before the first Feed.
func (s *Scanner) KeepID(limit int) { s.keep = limit }

// ID returns the raw id, if a complete one of at most the bytes of KeepID was
// read.
func (s *Scanner) ID() (id []byte, ok bool) {
	return s.kept, s.places[memberID].found() && len(s.kept) <= s.keep
}

// keepID copies the part of the id that stands in p, whose first byte is at
// base.
func (s *Scanner) keepID(p []byte, base int64) {
	at := s.places[memberID]
	if at.from == 0 || at.found() && at.to <= base {
		return // none, or a piece before
	}
	if at.from >= base {
		s.kept = s.kept[:0]
	}
	end := int64(len(p))
	if at.found() {
		end = at.to - base
	}
	if len(s.kept) <= s.keep {
		s.kept = append(s.kept, p[max(at.from-base, 0):end]...)
	}
}
