package bearer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"unicode"

	"github.com/go-json-experiment/json/jsontext"
)

// Message is what must be known of a JSON-RPC message of MCP before it is passed on.
type Message struct {
	Method string
	// Tool is the name of a tools/call; "" otherwise.
	Tool string
	// Name is params.name, of a tool or a prompt, and URI params.uri, of a resource;
	// "" where there is none.
	Name, URI string
	// Version is that of the protocol, as params._meta names it from 2026-07-28 on.
	Version string

	task string // params.taskId
}

// maxNameBytes is how long an id and a name may be as the message has it. Answers
// repeat them, and encoding/json writes some characters as six.
const maxNameBytes = 8 << 10

// metaVersion is the member of _meta that names the protocol version.
const metaVersion = "io.modelcontextprotocol/protocolVersion"

var (
	// errAmbiguous is a message that two parsers may read differently.
	errAmbiguous = errors.New("ambiguous member name")
	errLongName  = errors.New("an id or a name is too long")
	// errTwoKinds is a request for one reader, and an answer for another.
	errTwoKinds = errors.New("a method beside a result or an error")
	// errNoName is a method or a tool without a name in plain text. Scopes would be asked
	// of no tool, and JavaScript makes "admin" of ["admin"]; others end a text at U+0000.
	errNoName = errors.New("a method or the name of a tool is no plain string")
)

// ReadMessage reads the message of a request as strictly as JSON allows: one object, valid
// UTF-8, no member twice at any depth, no name that differs from a name of
// the protocol in its case only, and no __proto__ beside those names, which
// JavaScript may take for more of them. Libraries decode with encoding/json, for which
// METHOD and method are the same and the last of two members counts: what is
// allowed here and what is run there must be the same message. A method must be a string,
// a tools/call must name its tool by one, and what has a method has no result and no error,
// or it would be a request and an answer. The header must say that the body is
// application/json, in UTF-8 if it says a charset, without a content coding, and its
// Mcp-Method, Mcp-Name and Mcp-Protocol-Version what the message says (MCP 2026-07-28,
// transports, standard headers); none of all these may be there twice. The error is for [Resource.Refuse].
func ReadMessage(h http.Header, body []byte) (Message, error) {
	if !plainJSON(h) {
		return Message{}, &problem{
			status: http.StatusUnsupportedMediaType, code: "invalid_request",
			text: "The message must be application/json in UTF-8, without a content coding.",
		}
	}
	m, err := readMessage(body)
	if err != nil {
		return Message{}, unreadable(err)
	}
	if err := m.checkHeader(h); err != nil {
		return Message{}, err
	}
	return m, nil
}

func readMessage(body []byte) (m Message, err error) {
	asks, answers := false, false // it has a method; it has a result or an error
	dec := decoders.Get().(*jsontext.Decoder)
	defer func() {
		dec.Reset(bytes.NewBuffer(nil)) // keeps nothing of the message
		decoders.Put(dec)
	}()
	dec.Reset(bytes.NewBuffer(body))
	err = eachMember(dec, messageNames, func(member string) error {
		switch {
		case member == "id":
			_, err := readName(dec)
			return err
		case member == "method":
			var err error
			asks = true
			m.Method, err = readName(dec)
			return err
		case member == "result" || member == "error":
			answers = true
		case member == "params" && dec.PeekKind() == '{':
			return eachMember(dec, paramNames, func(member string) error {
				if member == "_meta" && dec.PeekKind() == '{' {
					return m.readMeta(dec)
				}
				var err error
				switch member {
				case "name":
					m.Name, err = readName(dec)
				case "uri":
					m.URI, err = readName(dec)
				case "taskId":
					m.task, err = readName(dec)
				default:
					err = dec.SkipValue()
				}
				return err
			})
		}
		return dec.SkipValue()
	})
	if err != nil {
		return m, err
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return m, errors.New("something follows it")
	}
	if asks && answers {
		return m, errTwoKinds
	}
	if m.Method == "tools/call" {
		m.Tool = m.Name
	}
	if asks && !plainText(m.Method) || m.Method == "tools/call" && !plainText(m.Tool) {
		return m, errNoName
	}
	return m, nil
}

// plainText reports whether a name is there and has no control characters.
func plainText(name string) bool { return name != "" && !strings.ContainsFunc(name, unicode.IsControl) }

// readName reads a value that answers repeat, and returns its text; "" if it is
// no string.
func readName(dec *jsontext.Decoder) (string, error) {
	isString := dec.PeekKind() == '"'
	value, err := dec.ReadValue()
	switch {
	case err != nil:
		return "", fmt.Errorf("name: %w", err)
	case len(value) > maxNameBytes:
		return "", errLongName
	case !isString:
		return "", nil
	}
	name, err := jsontext.AppendUnquote(nil, value)
	if err != nil {
		return "", fmt.Errorf("name: %w", err)
	}
	return string(name), nil
}

func (m *Message) readMeta(dec *jsontext.Decoder) error {
	return eachMember(dec, nil, func(member string) error {
		if member != metaVersion || dec.PeekKind() != '"' {
			return dec.SkipValue()
		}
		token, err := dec.ReadToken()
		if err != nil {
			return fmt.Errorf("protocol version: %w", err)
		}
		m.Version = token.String()
		return nil
	})
}

// decoders are used again for what they remember of the nesting.
var decoders = sync.Pool{New: func() any { return new(jsontext.Decoder) }}

// messageNames are the members of a message, and paramNames those of params, that decide
// anything before a tool runs.
var (
	messageNames = []string{"jsonrpc", "id", "method", "params", "result", "error"}
	paramNames   = []string{"name", "arguments", "_meta", "uri", "taskId", "cursor", "protocolVersion", "capabilities", "clientInfo"}
)

// eachMember calls read for each member of the object that comes next; it must
// read the value. A name that only looks like one of known is refused.
func eachMember(dec *jsontext.Decoder, known []string, read func(name string) error) error {
	open, err := dec.ReadToken()
	if err != nil {
		return fmt.Errorf("object: %w", err)
	}
	if open.Kind() != '{' {
		return errors.New("not an object")
	}
	for dec.PeekKind() != '}' {
		token, err := dec.ReadToken()
		if err != nil {
			return fmt.Errorf("member: %w", err)
		}
		name := token.String()
		for _, k := range known {
			if name != k && strings.EqualFold(name, k) {
				return errAmbiguous
			}
		}
		if name == "__proto__" {
			return errAmbiguous
		}
		if err := read(name); err != nil {
			return err
		}
	}
	_, err = dec.ReadToken()
	if err != nil {
		return fmt.Errorf("end of object: %w", err)
	}
	return nil
}

// unreadable is the answer to a message that cannot be read: JSON-RPC's own error.
func unreadable(err error) error {
	p := &problem{
		status: http.StatusBadRequest, rpc: -32700, text: "Parse error",
		cause: fmt.Errorf("read message: %w", err),
	}
	switch {
	case errors.Is(err, errAmbiguous):
		p.rpc, p.text = -32600, "Invalid request: member names must be written exactly as the protocol has them"
	case errors.Is(err, errLongName):
		p.rpc, p.text = -32600, "Invalid request: an id or a name is longer than 8 KiB"
	case errors.Is(err, errTwoKinds):
		p.rpc, p.text = -32600, "Invalid request: a message has a method, or a result or an error, and not both"
	case errors.Is(err, errNoName):
		p.rpc, p.text = -32600, "Invalid request: a method and the name of a tool must be strings without control characters"
	}
	return p
}
