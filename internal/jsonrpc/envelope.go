package jsonrpc

import (
	"slices"
	"strings"
)

// Breaks reports whether line breaks were passed. In what was read without an
// error they stand between tokens, where none is needed.
func (s *Scanner) Breaks() bool { return s.breaks }

// Closed is how many bytes the text had when it was complete, 0 before that.
func (s *Scanner) Closed() int64 { return s.closed }

// Result reports whether the text so far begins an answer with a result, and
// nothing else that a message may be.
func (s *Scanner) Result() bool {
	begun := s.places[memberResult].from > 0
	return s.top == '{' && begun && s.places[memberError] == place{} && s.places[memberParams] == place{} && !s.Ambiguous()
}

// Ambiguous reports whether the text so far may be read as more than one message:
// a member that says which one it is stands there twice, whatever the case of its
// letters, or a method beside a result or an error. Two readers, of which one takes
// the first and the other the last, would not see the same.
func (s *Scanner) Ambiguous() bool {
	return s.doubled || s.seen[memberMethod] && (s.seen[memberResult] || s.seen[memberError])
}

// named sets which member of the envelope name is, if it is spelled exactly; in any case of
// its letters it counts for Ambiguous.
func (s *Scanner) named(name []byte) {
	s.member = memberNone
	at := slices.Index(envelope[:], string(name)) // most often as it should be
	if at >= 0 {
		s.member = slot(at)
	} else {
		at = slices.IndexFunc(envelope[:], func(known string) bool { return strings.EqualFold(known, string(name)) })
	}
	if at > 0 && slot(at) != memberParams {
		s.doubled = s.doubled || s.seen[at]
		s.seen[at] = true
	}
}

// envelope are the names of the members; those but params tell messages apart.
var envelope = [members]string{memberID: "id", memberMethod: "method", memberParams: "params", memberResult: "result", memberError: "error", memberVersion: "jsonrpc"}

// Method reports whether the text so far has a method: then it is a request or a
// notification, whatever else stands there.
func (s *Scanner) Method() bool { return s.top == '{' && s.places[memberMethod] != place{} }

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
