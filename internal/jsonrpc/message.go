package jsonrpc

import (
	"bytes"
	"errors"
	"iter"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// Kind tells messages apart by their members.
type Kind uint8

// The kinds of messages.
const (
	// Invalid is JSON, but no JSON-RPC message.
	Invalid Kind = iota
	// Request has a method and an id.
	Request
	// Notification has a method and no id.
	Notification
	// Response has an id and a result or an error.
	Response
	// Batch is an array, of messages as 2025-03-26 had it.
	Batch
)

// Errors of Parse. ErrSyntax calls for code -32700, ErrInvalid for -32600.
var (
	ErrSyntax  = errors.New("not a JSON text")
	ErrInvalid = errors.New("not a JSON-RPC message")
)

// Message is one message as it was received.
type Message struct {
	// Raw is the whole JSON text. The other byte slices are parts of it.
	Raw  []byte
	Kind Kind
	// ID is the raw id, nil when there is none.
	ID []byte
	// Method is "" in responses and batches.
	Method string
	// Params, Result and Error are raw values, nil when absent.
	Params, Result, Error []byte
}

// space is the white space of JSON (RFC 8259, section 2); other kinds are errors.
const space = " \t\r\n"

// lenient is how relayed text is read: syntax is checked, but what the two
// ends may disagree about (duplicate names, broken UTF-8) is theirs to judge.
var lenient = []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}

func decoder(raw []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(raw), lenient...)
}

// Parse reads the envelope of one message in a single pass over raw. raw must
// be one JSON text; nesting is bounded at 10,000 levels. The message refers to
// raw, which must not be changed afterwards. With ErrInvalid the ID is set when
// one was found, so that the refusal can name it.
func Parse(raw []byte) (Message, error) {
	raw = bytes.Trim(raw, space)
	var scan Scanner
	if scan.Feed(raw) != nil || scan.End() != nil {
		return Message{Raw: raw}, ErrSyntax
	}
	return scan.message(raw)
}

// ParseLine is Parse for what a server sends. A text may be spread over several
// lines, as pretty-printed ones are: the message's Raw is one line. What may be read
// as more than one message is none; see [Scanner.Ambiguous].
func ParseLine(raw []byte) (Message, error) {
	raw = bytes.Trim(raw, space)
	var scan Scanner
	switch {
	case scan.Feed(raw) != nil || scan.End() != nil:
		return Message{Raw: raw}, ErrSyntax
	case scan.Ambiguous():
		return Message{Raw: raw}, ErrInvalid
	case scan.Breaks():
		return Parse(squeeze(raw))
	}
	return scan.message(raw)
}

// message cuts raw, the whole text that was scanned, into the parts of a
// message.
func (s *Scanner) message(raw []byte) (Message, error) {
	m := Message{Raw: raw}
	switch s.top {
	case '[':
		m.Kind = Batch
		return m, nil
	case '{':
	default:
		return m, ErrInvalid
	}
	m.ID, m.Params = s.part(raw, memberID), s.part(raw, memberParams)
	m.Result, m.Error = s.part(raw, memberResult), s.part(raw, memberError)
	method, hasMethod := Text(s.part(raw, memberMethod))
	m.Method = method
	return m, m.classify(hasMethod)
}

// part is the value of a member, nil when there was none.
func (s *Scanner) part(raw []byte, of slot) []byte {
	p := s.places[of]
	if !p.found() {
		return nil
	}
	return raw[p.from:p.to:p.to]
}

// rawValue passes over the next value and returns the part of raw it stands in.
func rawValue(d *jsontext.Decoder, raw []byte) ([]byte, error) {
	value, err := d.ReadValue()
	if err != nil {
		return nil, err
	}
	// The decoder may reuse what it returned; the same bytes stand in raw.
	end := int(d.InputOffset())
	return raw[end-len(value) : end : end], nil
}

func (m *Message) classify(hasMethod bool) error {
	switch {
	case m.ID != nil && !validID(m.ID) && (hasMethod || m.Error == nil):
		// null is the id of an error answer to what had none, nothing else.
		m.ID = nil
		return ErrInvalid
	case hasMethod && m.ID == nil:
		m.Kind = Notification
	case hasMethod:
		m.Kind = Request
	case !hasMethod && m.Method == "" && m.ID != nil && (m.Result != nil || m.Error != nil):
		m.Kind = Response
	default:
		return ErrInvalid
	}
	return nil
}

// validID accepts strings and numbers (MCP forbids null, JSON-RPC the rest).
func validID(id []byte) bool {
	return id[0] == '"' || id[0] == '-' || id[0] >= '0' && id[0] <= '9'
}

// Key makes an id comparable: two spellings of one string or one number are
// one key, because a server that keeps ids as numbers answers 1 to what was
// asked as 1.0. Digits are compared as text, so that none is rounded. "" stands
// for no id.
func Key(id []byte) string {
	if s, ok := Text(id); ok {
		return `"` + s
	}
	if bytes.ContainsAny(id, ".eE") || string(id) == "-0" {
		return plainNumber(string(id))
	}
	return string(id)
}

// maxZeros bounds how long a plain spelling gets by an exponent.
const maxZeros = 64

// plainNumber spells a JSON number without fraction and exponent where it has
// a plain spelling, and otherwise as digits and a power of ten.
func plainNumber(s string) string {
	rest, negative := strings.CutPrefix(s, "-")
	mantissa, power, _ := strings.Cut(strings.ReplaceAll(rest, "E", "e"), "e")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	exponent := 0
	if power != "" {
		var err error
		if exponent, err = strconv.Atoi(power); err != nil || exponent > math.MaxInt32 || exponent < math.MinInt32 {
			return s
		}
	}
	exponent -= len(fraction)
	digits := strings.TrimLeft(whole+fraction, "0")
	short := strings.TrimRight(digits, "0")
	exponent += len(digits) - len(short)
	switch {
	case short == "":
		return "0"
	case exponent < 0 || exponent > maxZeros:
		short += "e" + strconv.Itoa(exponent)
	default:
		short += strings.Repeat("0", exponent)
	}
	if negative {
		return "-" + short
	}
	return short
}

// Text returns the value of a raw JSON string; ok is false for anything else.
func Text(raw []byte) (s string, ok bool) {
	if len(raw) == 0 || raw[0] != '"' {
		return "", false
	}
	if inside, ok := unescaped(raw); ok {
		return string(inside), true
	}
	b, err := jsontext.AppendUnquote(nil, raw)
	if err != nil && !bytes.Contains(b, []byte("\ufffd")) {
		return "", false
	}
	return string(b), true
}

// unescaped returns the text of a raw string without escapes and with valid UTF-8, as
// most are; ok is false for others.
func unescaped(raw []byte) (inside []byte, ok bool) {
	last := len(raw) - 1
	if last < 1 || raw[last] != '"' {
		return nil, false
	}
	inside = raw[1:last]
	return inside, plain(inside) == len(inside) && utf8.Valid(inside)
}

// Param returns a raw value inside the parameters, by the path of member
// names, nil when it is not there.
func (m Message) Param(path ...string) []byte { return Member(m.Params, path...) }

// Member returns a raw value inside raw by the path of member names, nil when
// it is not there.
func Member(raw []byte, path ...string) []byte {
	if len(path) > 0 && absent(raw, path[len(path)-1]) {
		return nil
	}
	for _, name := range path {
		if raw = member(raw, name); raw == nil {
			return nil
		}
	}
	return raw
}

// absent reports whether a name cannot stand in raw, without reading it:
// messages are looked into several times, most often for what is not there. A
// name stands there as it is, unless it is spelled with escapes, which need one
// of two beginnings and more room.
func absent(raw []byte, name string) bool {
	if len(raw) < len(name)+len(`{"":0}`) {
		return true
	}
	var room [64]byte // for all the names that are asked for
	if bytes.Contains(raw, append(room[:0], name...)) || bytes.Contains(raw, []byte(`\u`)) || bytes.Contains(raw, []byte(`\/`)) {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' || r == utf8.RuneError })
}

// member is the value of the last member of that name.
func member(raw []byte, name string) (value []byte) {
	for s := range spans(raw) {
		if s.is(name) {
			value = s.value
		}
	}
	return value
}

// Elements yields the raw elements of an array, one after the other: a list of them
// would take many times the room of an array of small ones. Anything else has none.
func Elements(raw []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		d := decoder(raw)
		if tok, err := d.ReadToken(); err != nil || tok.Kind() != jsontext.KindBeginArray {
			return
		}
		for d.PeekKind() != jsontext.KindEndArray {
			value, err := rawValue(d, raw)
			if err != nil || !yield(value) {
				return
			}
		}
	}
}

// squeeze returns the message without line breaks, and without white space
// around it. raw is returned itself when there is nothing to do.
func squeeze(raw []byte) []byte { return WithoutBreaks(bytes.Trim(raw, space)) }

// WithoutBreaks returns a part of a JSON text without line breaks. They stand
// only between tokens, where none is needed, and never raw inside a string.
func WithoutBreaks(raw []byte) []byte {
	if bytes.IndexByte(raw, '\n') < 0 && bytes.IndexByte(raw, '\r') < 0 {
		return raw
	}
	out := make([]byte, 0, len(raw))
	for _, b := range raw {
		if b != '\n' && b != '\r' {
			out = append(out, b)
		}
	}
	return out
}
