package server

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/mark3labs/mcp-go/mcp"
)

// message is what must be known of a JSON-RPC message before it is passed on.
type message struct {
	method  string
	tool    string // the name of a tools/call; "" otherwise
	version string // of the protocol, as params._meta names it from 2026-07-28 on
}

// maxNameBytes is how long an id and a name may be as the message has it. Answers
// repeat them, and encoding/json writes some characters as six.
const maxNameBytes = 8 << 10

var (
	// errAmbiguous is a message that two parsers may read differently.
	errAmbiguous = errors.New("ambiguous member name")
	errLongName  = errors.New("an id or a name is too long")
)

// readMessage reads a message as strictly as JSON allows: one object, valid
// UTF-8, no member twice at any depth, and no name that differs from a name of
// the protocol in its case only. mcp-go decodes with encoding/json, for which
// METHOD and method are the same and the last of two members counts: what is
// allowed here and what is run there must be the same message.
func readMessage(body []byte) (message, error) {
	var m message
	var name string
	dec := jsontext.NewDecoder(bytes.NewBuffer(body))
	err := eachMember(dec, messageNames(), func(member string) error {
		switch {
		case member == "id":
			_, err := readName(dec)
			return err
		case member == "method":
			var err error
			m.method, err = readName(dec)
			return err
		case member == "params" && dec.PeekKind() == '{':
			return eachMember(dec, paramNames(), func(member string) error {
				if member == "_meta" && dec.PeekKind() == '{' {
					return m.readMeta(dec)
				}
				var err error
				switch member {
				case "name":
					name, err = readName(dec)
				case "uri":
					_, err = readName(dec)
				default:
					err = dec.SkipValue()
				}
				return err
			})
		}
		return dec.SkipValue()
	})
	if err != nil {
		return message{}, fmt.Errorf("read message: %w", err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return message{}, errors.New("read message: something follows it")
	}
	if m.method == "tools/call" {
		m.tool = name
	}
	return m, nil
}

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

func (m *message) readMeta(dec *jsontext.Decoder) error {
	return eachMember(dec, nil, func(member string) error {
		if member != mcp.MetaKeyProtocolVersion || dec.PeekKind() != '"' {
			return dec.SkipValue()
		}
		token, err := dec.ReadToken()
		if err != nil {
			return fmt.Errorf("protocol version: %w", err)
		}
		m.version = token.String()
		return nil
	})
}

func messageNames() []string {
	return []string{"jsonrpc", "id", "method", "params", "result", "error"}
}

// paramNames are the members of params that decide anything before a tool runs.
func paramNames() []string {
	return []string{"name", "arguments", "_meta", "uri", "cursor", "protocolVersion", "capabilities", "clientInfo"}
}

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

// refuseMessage answers a message that cannot be read with JSON-RPC's own
// error. Its id is not known for sure, so null (JSON-RPC 2.0 section 5).
func refuseMessage(w http.ResponseWriter, r *http.Request, err error) {
	recordReason(r.Context(), err)
	code, text := -32700, "Parse error"
	switch {
	case errors.Is(err, errAmbiguous):
		code, text = -32600, "Invalid request: member names must be written exactly as the protocol has them"
	case errors.Is(err, errLongName):
		code, text = -32600, "Invalid request: an id or a name is longer than 8 KiB"
	}
	writeJSON(w, http.StatusBadRequest, map[string]any{
		"jsonrpc": "2.0", "id": nil, "error": map[string]any{
			"code": code, "message": text, "data": map[string]string{"requestId": w.Header().Get(requestIDHeader)},
		},
	})
}
