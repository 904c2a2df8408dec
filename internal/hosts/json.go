package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// strictJSON is a text with its comments and trailing commas replaced by blanks.
type strictJSON struct {
	// plain has the length of the text, so that offsets hold for both. It is JSON if the
	// text was JSON with comments.
	plain []byte
	// Offsets of the trailing commas, and of the ends of line comments.
	trailing, lineComments []int
}

// toStrictJSON blanks comments and trailing commas. What else is no JSON stays for the
// parser to refuse.
func toStrictJSON(data []byte) (strictJSON, error) {
	plain := bytes.Clone(data)
	b := strictJSON{plain: plain}
	comma := -1    // the last comma, if only white space and comments have followed
	value := false // the last token may stand in front of a comma
	for i := 0; i < len(plain); {
		switch c := plain[i]; {
		case c == '"':
			comma, value = -1, true
			i = endOfString(plain, i)
		case c == '/':
			end := endOfComment(plain, i)
			if end < 0 {
				return b, fmt.Errorf("%w: a comment does not end", ErrBroken)
			}
			if plain[min(i+1, len(plain)-1)] == '/' {
				b.lineComments = append(b.lineComments, end)
			}
			blank(plain[i:end])
			i = end
		case c == ',' && value:
			comma, value = i, false
			i++
		case (c == '}' || c == ']') && comma >= 0:
			plain[comma] = ' '
			b.trailing = append(b.trailing, comma)
			comma, value = -1, true
			i++
		default:
			if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
				comma, value = -1, c != '{' && c != '['
			}
			i++
		}
	}
	return b, nil
}

// endOfString is the offset behind the string that begins at i.
func endOfString(data []byte, i int) int {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(data)
}

// endOfComment is the offset behind the comment that begins at i, without its line end;
// i+1 if there is none, and -1 if it does not end.
func endOfComment(data []byte, i int) int {
	switch {
	case bytes.HasPrefix(data[i:], []byte("//")):
		if n := bytes.IndexByte(data[i:], '\n'); n >= 0 {
			return i + n
		}
		return len(data)
	case bytes.HasPrefix(data[i:], []byte("/*")):
		n := bytes.Index(data[i+2:], []byte("*/"))
		if n < 0 {
			return -1
		}
		return i + 2 + n + 2
	}
	return i + 1
}

// blank overwrites a comment, and leaves a lone slash for the parser to refuse.
func blank(b []byte) {
	if len(b) < 2 {
		return
	}
	for i, c := range b {
		if c != '\n' && c != '\r' {
			b[i] = ' '
		}
	}
}

// readJSON parses strict JSON. Duplicate names and invalid UTF-8 are refused:
// hosts would not agree on what such a file says.
func readJSON(plain []byte) (*node, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(plain))
	root, err := readNode(dec)
	if err == nil {
		if _, err = dec.ReadToken(); errors.Is(err, io.EOF) {
			return root, nil
		}
	}
	line := 1 + bytes.Count(plain[:min(int(dec.InputOffset()), len(plain))], []byte("\n"))
	return nil, fmt.Errorf("%w: not JSON at line %d or soon after", ErrBroken, line)
}

func readNode(dec *jsontext.Decoder) (*node, error) {
	kind := dec.PeekKind()
	if kind != '{' && kind != '[' {
		raw, err := dec.ReadValue()
		if err != nil {
			return nil, err
		}
		end := int(dec.InputOffset())
		n := &node{from: end - len(raw), start: end - len(raw), end: end, kind: kind, text: string(raw)}
		if kind == '"' {
			text, err := jsontext.AppendUnquote(nil, raw)
			if err != nil {
				return nil, err
			}
			n.text = string(text)
		}
		return n, nil
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	n := &node{start: int(dec.InputOffset()) - 1, kind: kind}
	for dec.PeekKind() != kind+2 { // '{'+2 is '}', '['+2 is ']'
		var m member
		if kind == '{' {
			name, err := readNode(dec)
			if err != nil {
				return nil, err
			}
			m = member{name: name.text, start: name.start}
		}
		value, err := readNode(dec)
		if err != nil {
			return nil, err
		}
		if m.value = value; kind == '{' {
			n.members = append(n.members, m)
		} else {
			n.elems = append(n.elems, value)
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, err
	}
	n.end = int(dec.InputOffset())
	return n, nil
}

// decode makes maps, slices and strings of a value; other scalars keep their
// spelling, so that 1 and 1.0 differ.
func (n *node) decode() any {
	type spelling string
	switch n.kind {
	case '{':
		m := map[string]any{}
		for _, x := range n.members {
			m[x.name] = x.value.decode()
		}
		return m
	case '[':
		list := []any{}
		for _, e := range n.elems {
			list = append(list, e.decode())
		}
		return list
	case '"':
		return n.text
	}
	return spelling(n.text)
}

func decodeJSON(data []byte) (any, error) {
	d, err := parseJSON(Host{}, data)
	if err != nil {
		return nil, err
	}
	return d.root.decode(), nil
}

// jsonDocument is a file of JSON with comments.
type jsonDocument struct {
	strictJSON
	parsed
}

func parseJSON(h Host, data []byte) (*jsonDocument, error) {
	b, err := toStrictJSON(data)
	if err != nil {
		return nil, err
	}
	root, err := readJSON(b.plain)
	if err != nil {
		return nil, err
	}
	if root.kind != '{' {
		return nil, fmt.Errorf("%w: it holds no object", ErrBroken)
	}
	return &jsonDocument{b, parsed{h, data, root}}, nil
}

func (d *jsonDocument) quote(text string) string { return quoteJSON(text) }
