package gateway

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"
)

const (
	// shortID is how many bytes of an id are kept as they are; of a longer one it is the hash.
	shortID = 64
	// longestID bounds that of an answer: bearer.ReadMessage takes an eighth of it.
	longestID = 64 << 10
)

// RequestID returns the id of a message that was judged, or with notifications/cancelled that
// of the request that it is about, in one spelling (RFC 8785); "" if there is none.
func RequestID(body []byte, method string) string {
	id := memberOf(body, "id")
	if method == "notifications/cancelled" {
		id = memberOf(memberOf(body, "params"), "requestId")
	}
	return canonicalID(id)
}

func canonicalID(id jsontext.Value) string {
	if kind := id.Kind(); kind != '"' && kind != '0' || id.Canonicalize() != nil {
		return ""
	}
	if len(id) > shortID {
		return fmt.Sprintf("%x", sha256.Sum256(id))
	}
	return string(id)
}

// memberOf returns a copy of the value of a member of an object; nil if there is none.
func memberOf(object []byte, member string) jsontext.Value {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			break
		}
		found := name.String() == member
		value, err := dec.ReadValue()
		if err != nil {
			break
		}
		if found {
			return value.Clone()
		}
	}
	return nil
}

// answerScan reads a JSON-RPC message as it passes, however long it is, and keeps of it
// whether it is an answer, and to what.
type answerScan struct {
	depth         int
	text, escaped bool
	value         bool // of a member of the message, not of its name
	asks          bool // it has a method
	name, id      []byte
}

func (s *answerScan) read(piece []byte) {
	for _, c := range piece {
		within := s.text
		switch {
		case s.escaped:
			s.escaped = false
		case within && c == '\\':
			s.escaped = true
		case c == '"':
			s.text = !within
		case within:
		case c == '{' || c == '[':
			s.depth++
			continue
		case c == '}' || c == ']':
			s.depth--
			continue
		case c <= ' ':
			continue
		case s.depth == 1 && c == ':':
			s.value = true
			continue
		case s.depth == 1 && c == ',':
			s.value, s.name = false, s.name[:0]
			continue
		}
		if s.depth == 1 {
			s.keep(c)
		}
	}
}

// keep keeps a byte of a name, or of the id.
func (s *answerScan) keep(c byte) {
	switch {
	case !s.value && len(s.name) <= len(`"method"`):
		s.name = append(s.name, c)
	case s.value && string(s.name) == `"method"`:
		s.asks = true
	case s.value && string(s.name) == `"id"` && len(s.id) <= longestID:
		s.id = append(s.id, c)
	}
}

// end returns the id of the request that the message has answered, "" for none, and is
// ready for the next message.
func (s *answerScan) end() (id string) {
	if !s.asks {
		id = canonicalID(s.id)
	}
	*s = answerScan{name: s.name[:0], id: s.id[:0]}
	return id
}
