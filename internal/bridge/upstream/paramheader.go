package upstream

import (
	"errors"
	"fmt"
	"strings"

	"mcp-login/internal/jsonrpc"
)

// paramHeader says which argument of a tool goes into which header (MCP 2026-07-28,
// Transports; SEP-2243).
type paramHeader struct {
	header string   // the part after Mcp-Param-
	path   []string // the names of the properties that lead to the argument
}

// Bounds of what is looked at in one schema.
const (
	maxSchemaDepth  = 64
	maxParamHeaders = 256
)

// schemaKeyword names the header of a property.
const schemaKeyword = "x-mcp-header"

// paramHeaders returns the headers that an input schema asks for. An error means that the
// tool must not be offered.
func paramHeaders(schema []byte) ([]paramHeader, error) {
	w := schemaWalk{seen: map[string]bool{}}
	if err := w.schema(schema, nil, true, 0); err != nil {
		return nil, err
	}
	return w.found, nil
}

// schemaWalk collects the headers of one schema.
type schemaWalk struct {
	found []paramHeader
	seen  map[string]bool // header names in lower case
}

// schema reads one schema. chained says that it was reached through properties alone.
func (w *schemaWalk) schema(raw []byte, path []string, chained bool, depth int) error {
	if depth > maxSchemaDepth || !jsonrpc.IsObject(raw) {
		return nil
	}
	for name, value := range jsonrpc.Members(raw) {
		var err error
		switch name {
		case schemaKeyword:
			err = w.add(raw, value, path, chained)
		case "properties":
			for property, sub := range jsonrpc.Members(value) {
				if err == nil {
					err = w.schema(sub, append(path[:len(path):len(path)], property), chained, depth+1)
				}
			}
		case "$defs", "definitions", "patternProperties", "dependentSchemas":
			for _, sub := range jsonrpc.Members(value) {
				if err == nil {
					err = w.schema(sub, nil, false, depth+1)
				}
			}
		case "default", "const", "enum", "examples":
			// data, not schemas
		default:
			err = w.nested(value, depth+1)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nested reads the value of any other keyword: a schema, a list of them, or neither.
func (w *schemaWalk) nested(raw []byte, depth int) error {
	if len(raw) == 0 || depth > maxSchemaDepth {
		return nil
	}
	switch raw[0] {
	case '{':
		return w.schema(raw, nil, false, depth)
	case '[':
		for element := range jsonrpc.Elements(raw) {
			if err := w.nested(element, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *schemaWalk) add(schema, value []byte, path []string, chained bool) error {
	name, ok := jsonrpc.Text(value)
	switch {
	case !ok || !token(name):
		return errors.New("its " + schemaKeyword + " is not a header name")
	case !chained || len(path) == 0:
		return fmt.Errorf("its %s %q is not on a plain property", schemaKeyword, name)
	case !primitive(jsonrpc.Member(schema, "type")):
		return fmt.Errorf("its %s %q is not on a string, integer or boolean", schemaKeyword, name)
	case w.seen[strings.ToLower(name)]:
		return fmt.Errorf("its %s %q stands there twice", schemaKeyword, name)
	case len(w.found) == maxParamHeaders:
		return errors.New("it has too many " + schemaKeyword)
	}
	w.seen[strings.ToLower(name)] = true
	w.found = append(w.found, paramHeader{name, path})
	return nil
}

// primitive reports whether a type is one of the three that fit into a header. It may be
// null as well: a null argument has no header.
func primitive(raw []byte) bool {
	name, _ := jsonrpc.Text(raw)
	if len(raw) > 0 && raw[0] == '[' {
		for element := range jsonrpc.Elements(raw) {
			if string(element) == `"null"` {
				continue
			}
			if name != "" {
				return false
			}
			if name, _ = jsonrpc.Text(element); name == "" {
				return false
			}
		}
	}
	return name == "string" || name == "integer" || name == "boolean"
}

// token reports whether s may name a header (RFC 9110, section 5.6.2).
func token(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(`()<>@,;:\"/[]?={}`, c) >= 0 {
			return false
		}
	}
	return s != ""
}

// eachParamValue calls set with the header and value of each argument in list that has a
// value. The arguments are read once, however many headers there are.
func eachParamValue(list []paramHeader, arguments []byte, set func(header, value string)) {
	inside := map[string][]paramHeader{}
	for _, a := range list {
		inside[a.path[0]] = append(inside[a.path[0]], paramHeader{a.header, a.path[1:]})
	}
	for name, raw := range jsonrpc.Members(arguments) {
		var deeper []paramHeader
		for _, a := range inside[name] {
			if len(a.path) > 0 {
				deeper = append(deeper, a)
			} else if value, ok := argumentValue(raw); ok {
				set(a.header, value)
			}
		}
		if deeper != nil {
			eachParamValue(deeper, raw, set)
		}
	}
}

// argumentValue returns the header value for a raw argument; ok is false for null, and for
// what is no primitive.
func argumentValue(raw []byte) (value string, ok bool) {
	switch c := raw[0]; {
	case c == '"':
		text, ok := jsonrpc.Text(raw)
		return headerValue(text), ok
	case c == 't' || c == 'f':
		return string(raw), true
	case c == '-' || c >= '0' && c <= '9':
		return jsonrpc.Key(raw), true // 42.0 and 4.2e1 are 42
	}
	return "", false
}
