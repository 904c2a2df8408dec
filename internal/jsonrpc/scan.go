package jsonrpc

// maxDepth bounds nesting; deeper texts are refused like broken ones.
const maxDepth = 10_000

// Scanner checks one JSON text (RFC 8259) in a single pass, in pieces of any
// size, and notes where the members of a message's envelope stand. It keeps
// nothing of the text but the name it is reading. Doubled names and broken
// UTF-8 are accepted: they are for the two ends to judge. The zero value is
// ready.
type Scanner struct {
	state   state
	inKey   bool  // the string being read is a name
	word    uint8 // which of words is being read, and
	letters uint8 // how many of its letters were
	hex     int   // digits left of a \u escape
	depth   int
	array   bool                    // what is open innermost
	arrays  [maxDepth/64 + 1]uint64 // bit i: what is open at depth i+1 is an array, no object
	offset  int64                   // bytes read
	broken  bool

	top    byte // first byte of the text
	breaks bool // CR or LF was passed, which can only stand between tokens

	name   [maxName]byte // of the member of the top-level object being read, quoted
	length int           // of name; maxName stands for too long
	member slot          // whose value is being read
	places [members]place

	seen    [members]bool // names of the envelope, in any case
	doubled bool          // one of them stands there twice
	closed  int64         // offset behind the text, 0 before

	keep int    // bytes of the id to keep, 0 for none
	kept []byte // it
}

// slot is a member of the envelope, memberNone for any other one.
type slot int

const (
	memberNone slot = iota
	memberID
	memberMethod
	memberParams
	memberResult
	memberError
	memberVersion
	members
)

// place is where a value stands: from, and to once it is complete.
type place struct{ from, to int64 }

func (p place) found() bool { return p.to > 0 }

type state uint8

const (
	atValue        state = iota // a value must follow
	atFirstElement              // a value, or the end of the array
	atFirstName                 // a name, or the end of the object
	atName
	atColon
	atComma // a comma or the end of what is open
	inString
	inEscape
	inHex
	inWord
	afterMinus
	afterZero
	inInteger
	afterPoint
	inFraction
	afterE
	afterESign
	inExponent
	done // nothing but white space may follow
)

// maxName bounds the names that are looked at; those of the envelope have six
// letters at most, each of which may be spelled in six.
const maxName = 48

// Feed reads the next piece. It returns ErrSyntax as soon as the text cannot be
// JSON any more, and for ever after.
func (s *Scanner) Feed(p []byte) error {
	base := s.offset
	for i := 0; i < len(p) && !s.broken; {
		switch s.state {
		case inString:
			i += s.str(p[i:])
		case inEscape:
			s.escape(p[i])
			i++
		case inHex:
			s.hexDigit(p[i])
			i++
		case inWord:
			s.letter(p[i])
			i++
		case inInteger, inFraction, inExponent:
			i += s.digits(p[i:])
			if i < len(p) {
				i += s.number(p[i])
			}
		case afterMinus, afterZero, afterPoint, afterE, afterESign:
			i += s.number(p[i])
		default:
			i += s.structure(p[i:])
		}
	}
	if s.broken {
		return ErrSyntax
	}
	if s.keep > 0 {
		s.keepID(p, base)
	}
	return nil
}

// End says that nothing follows. It returns ErrSyntax when the text is not
// complete.
func (s *Scanner) End() error {
	switch s.state {
	case afterZero, inInteger, inFraction, inExponent:
		s.valueEnds()
	}
	if s.broken || s.state != done {
		return ErrSyntax
	}
	return nil
}

// structure reads what stands between values, and values as far as they are
// simple: it returns at the first byte that another state has to judge.
func (s *Scanner) structure(p []byte) int {
	base := s.offset
	for n := 0; n < len(p); {
		c := p[n]
		s.offset = base + int64(n)
		n++
		switch c {
		case ' ', '\t':
		case '\n', '\r':
			s.breaks = true
		case ',':
			s.comma()
		case ':':
			s.broken = s.broken || s.state != atColon
			s.state = atValue
		case '{', '[':
			s.opens(c)
		case '}', ']':
			s.closes(c)
		case '"':
			s.offset++
			s.quote()
			if n += s.str(p[n:]); s.state != atColon && s.state != atComma {
				return n
			}
		default:
			s.scalar(c)
			s.offset++
			if s.state != inInteger {
				return n
			}
			if n += s.digits(p[n:]); s.state == inInteger {
				return n
			}
		}
		if s.broken {
			return n
		}
	}
	s.offset = base + int64(len(p))
	return len(p)
}

func (s *Scanner) comma() {
	switch {
	case s.state != atComma:
		s.broken = true
	case s.array:
		s.state = atValue
	default:
		s.state = atName
	}
}

// value notes that one begins, if one may.
func (s *Scanner) value(c byte) {
	if s.state != atValue && s.state != atFirstElement {
		s.broken = true
	}
	switch s.depth {
	case 0:
		s.top = c
	case 1:
		s.places[s.member] = place{from: s.offset}
	}
}

func (s *Scanner) opens(c byte) {
	s.value(c)
	if s.depth == maxDepth {
		s.broken = true
		return
	}
	bit := uint64(1) << (s.depth % 64)
	if s.array = c == '['; s.array {
		s.state = atFirstElement
		s.arrays[s.depth/64] |= bit
	} else {
		s.state = atFirstName
		s.arrays[s.depth/64] &^= bit
	}
	s.depth++
}

func (s *Scanner) closes(c byte) {
	first := atFirstName
	if s.array {
		first = atFirstElement
	}
	if s.state != atComma && s.state != first || s.array != (c == ']') {
		s.broken = true
		return
	}
	s.offset++
	s.depth--
	if s.depth > 0 {
		outer := s.depth - 1
		s.array = s.arrays[outer/64]>>(outer%64)&1 == 1
	}
	s.valueEnds()
}

// quote begins a name or a string.
func (s *Scanner) quote() {
	if s.state == atFirstName || s.state == atName {
		s.inKey = true
		s.name[0], s.length = '"', 1
	} else {
		s.offset--
		s.value('"')
		s.offset++
	}
	s.state = inString
}

// scalar begins a number or a word.
func (s *Scanner) scalar(c byte) {
	s.value(c)
	switch {
	case c == '-':
		s.state = afterMinus
	case c == '0':
		s.state = afterZero
	case c >= '1' && c <= '9':
		s.state = inInteger
	case c == 't':
		s.state, s.word, s.letters = inWord, 0, 1
	case c == 'f':
		s.state, s.word, s.letters = inWord, 1, 1
	case c == 'n':
		s.state, s.word, s.letters = inWord, 2, 1
	default:
		s.broken = true
	}
}

// valueEnds goes on behind a value, offset being its end.
func (s *Scanner) valueEnds() {
	s.state = atComma
	switch s.depth {
	case 0:
		s.state, s.closed = done, s.offset
	case 1:
		s.places[s.member].to = s.offset
	}
}
