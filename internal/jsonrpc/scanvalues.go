package jsonrpc

import (
	"bytes"
	"encoding/binary"
)

// str reads the inside of a string.
func (s *Scanner) str(p []byte) int {
	n := plain(p)
	if s.inKey && s.depth == 1 {
		s.length += copy(s.name[s.length:], p[:min(n+1, len(p))])
	}
	s.offset += int64(n)
	if n == len(p) {
		return n
	}
	s.offset++
	switch {
	case p[n] == '"' && s.inKey:
		s.inKey, s.state = false, atColon
		if s.depth == 1 {
			s.nameEnds()
		}
	case p[n] == '"':
		s.valueEnds()
	case p[n] == '\\':
		s.state = inEscape
	default:
		s.broken = true // a control character
	}
	return n + 1
}

// plain counts the bytes in front of the next quote, backslash or control
// character, eight at a time.
func plain(p []byte) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; n+8 <= len(p); n += 8 {
		v := binary.LittleEndian.Uint64(p[n:])
		quote, backslash := v^(ones*'"'), v^(ones*'\\')
		if ((v-ones*' ')&^v|(quote-ones)&^quote|(backslash-ones)&^backslash)&high != 0 {
			break
		}
	}
	for n < len(p) && p[n] >= ' ' && p[n] != '"' && p[n] != '\\' {
		n++
	}
	return n
}

// nameEnds finds out which member follows. The last of several of one name counts, as
// in most parsers.
func (s *Scanner) nameEnds() {
	if s.length == maxName {
		s.member = memberNone
		return
	}
	name := s.name[:s.length]
	if bytes.IndexByte(name, '\\') >= 0 {
		text, _ := Text(name)
		name = Quote(text)
	}
	s.named(name[1 : len(name)-1])
}

func (s *Scanner) escape(c byte) {
	s.inName(c)
	s.offset++
	s.state = inString
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
	case 'u':
		s.state, s.hex = inHex, 4
	default:
		s.broken = true
	}
}

func (s *Scanner) hexDigit(c byte) {
	s.inName(c)
	s.offset++
	switch {
	case c >= '0' && c <= '9', c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
	default:
		s.broken = true
	}
	if s.hex--; s.hex == 0 {
		s.state = inString
	}
}

// inName keeps one byte of an escape in a name.
func (s *Scanner) inName(c byte) {
	if s.inKey && s.depth == 1 {
		s.length += copy(s.name[s.length:], []byte{c})
	}
}

// words are the values that have a name.
var words = [...]string{"true", "false", "null"}

func (s *Scanner) letter(c byte) {
	s.offset++
	word := words[s.word]
	s.broken = c != word[s.letters]
	if s.letters++; int(s.letters) == len(word) {
		s.valueEnds()
	}
}

// digits reads some, and ends an integer in front of what ends most.
func (s *Scanner) digits(p []byte) int {
	n := 0
	for n < len(p) && p[n]-'0' <= 9 {
		n++
	}
	s.offset += int64(n)
	if n < len(p) && s.state == inInteger && (p[n] == ',' || p[n] == '}' || p[n] == ']') {
		s.valueEnds()
	}
	return n
}

// number reads one byte of a number, or none when the number has ended.
func (s *Scanner) number(c byte) int {
	digit := c >= '0' && c <= '9'
	next := done // not a part of the number, so far
	switch s.state {
	case afterMinus:
		if next = inInteger; c == '0' {
			next = afterZero
		}
		s.broken = !digit
	case afterPoint:
		next, s.broken = inFraction, !digit
	case afterESign:
		next, s.broken = inExponent, !digit
	case afterE:
		if next = inExponent; c == '+' || c == '-' {
			next = afterESign
		} else {
			s.broken = !digit
		}
	case inInteger, inFraction, inExponent:
		if digit {
			next = s.state
		}
	}
	if next == done && (c == 'e' || c == 'E') && s.state != inExponent {
		next = afterE
	}
	if next == done && c == '.' && (s.state == inInteger || s.state == afterZero) {
		next = afterPoint
	}
	if next == done {
		s.valueEnds()
		return 0
	}
	s.state = next
	s.offset++
	return 1
}
