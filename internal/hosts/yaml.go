package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// yamlDocument is a file as Goose and Continue have it: servers in a block
// mapping, or in a block sequence with names.
type yamlDocument struct {
	parsed
	lines []int      // offsets of the lines
	top   *yaml.Node // a mapping, or nil in an empty file
	items []yamlItem
	// The character that offset has found last: its line and column, from 1, and its
	// place in bytes.
	foundLine, foundColumn, found int
}

// yamlItem is a server with the place of its lines.
type yamlItem struct {
	name string
	line int // of its key or dash, from 0
	end  int // the line behind it
}

func decodeYAML(data []byte) (any, error) {
	var v any
	if err := yaml.Unmarshal(data, &v); err != nil {
		return nil, fmt.Errorf("%w: not YAML", ErrBroken)
	}
	if v == nil {
		v = map[string]any{}
	}
	return v, nil
}

func parseYAML(h Host, data []byte) (document, error) {
	if _, err := decodeYAML(data); err != nil { // duplicate keys among others
		return nil, err
	}
	if bytes.IndexByte(data, '\r') >= 0 && bytes.Count(data, []byte("\r")) != bytes.Count(data, []byte("\r\n")) {
		return nil, fmt.Errorf("%w: lines end with a carriage return alone", ErrLayout)
	}
	for _, other := range []string{"\u0085", "\u2028", "\u2029"} { // line ends of YAML 1.1
		if bytes.Contains(data, []byte(other)) {
			return nil, fmt.Errorf("%w: uncommon line ends", ErrLayout)
		}
	}
	d := &yamlDocument{parsed: parsed{h, data, &node{kind: '{'}}, lines: []int{0}}
	for i, b := range data {
		if b == '\n' {
			d.lines = append(d.lines, i+1)
		}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var top, second yaml.Node
	switch err := dec.Decode(&top); {
	case errors.Is(err, io.EOF):
		return d, nil
	case err != nil:
		return nil, fmt.Errorf("%w: not YAML", ErrBroken)
	}
	if !errors.Is(dec.Decode(&second), io.EOF) {
		return nil, fmt.Errorf("%w: several documents in one file", ErrLayout)
	}
	root := top.Content[0]
	if root.Kind == yaml.ScalarNode && root.Tag == "!!null" {
		return d, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%w: it holds no mapping", ErrBroken)
	}
	d.top, d.root = root, d.read(root, root)
	d.items = d.find()
	return d, nil
}

// find lists the servers. Their lines are counted only in block style; flow
// style ones have no end and are refused when they are to be replaced.
func (d *yamlDocument) find() (all []yamlItem) {
	_, servers, after := d.servers()
	if servers == nil {
		return nil
	}
	block := servers.Style&yaml.FlowStyle == 0
	switch servers.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(servers.Content); i += 2 {
			key := servers.Content[i]
			all = append(all, yamlItem{name: key.Value, line: key.Line - 1})
		}
	case yaml.SequenceNode:
		for i, value := range servers.Content {
			all = append(all, yamlItem{name: d.root.member(d.host.path[0]).elems[i].name(), line: value.Line - 1})
		}
	}
	for i := range all {
		if !block {
			continue
		}
		next := after
		if i+1 < len(all) {
			next = all[i+1].line
		}
		all[i].end = d.trim(all[i].line, next)
	}
	return all
}

// trim is the line behind the last one before end that is neither blank nor a
// comment.
func (d *yamlDocument) trim(start, end int) int {
	for end > start+1 {
		line := bytes.TrimSpace(d.line(end - 1))
		if len(line) > 0 && line[0] != '#' {
			break
		}
		end--
	}
	return end
}

func (d *yamlDocument) line(i int) []byte {
	return d.data[d.lines[i]:lineEnd(d.data, d.lines[i])]
}

// servers returns the key and the value of the servers, and the line of what
// follows them.
func (d *yamlDocument) servers() (key, value *yaml.Node, after int) {
	if d.top == nil {
		return nil, nil, 0
	}
	after = len(d.lines)
	if d.lines[len(d.lines)-1] == len(d.data) {
		after--
	}
	for i := 0; i+1 < len(d.top.Content); i += 2 {
		if d.top.Content[i].Value != d.host.path[0] {
			continue
		}
		if i+2 < len(d.top.Content) {
			after = d.top.Content[i+2].Line - 1
		}
		return d.top.Content[i], d.top.Content[i+1], after
	}
	return nil, nil, after
}

// read makes a node of one of YAML, in the order of the file. What an alias stands for is
// not looked at.
func (d *yamlDocument) read(parent, n *yaml.Node) *node {
	value := &node{}
	switch n.Kind {
	case yaml.ScalarNode:
		value.kind, value.text = '"', n.Value
		value.from, value.start, value.end = d.place(parent, n)
	case yaml.SequenceNode:
		value.kind = '['
		for _, e := range n.Content {
			value.elems = append(value.elems, d.read(n, e))
		}
	case yaml.MappingNode:
		value.kind = '{'
		for i := 0; i+1 < len(n.Content); i += 2 {
			value.members = append(value.members, member{name: n.Content[i].Value, value: d.read(n.Content[i+1], n.Content[i+1])})
		}
	}
	return value
}

// place is where a scalar stands. One whose end is not simple to see has an empty place
// at a negative offset.
func (d *yamlDocument) place(parent, n *yaml.Node) (from, start, end int) {
	start = d.offset(n)
	if start < 0 || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		return -1, -1, -1
	}
	end = d.at(n.Line)
	if start > end {
		return -1, -1, -1 // a column behind the line
	}
	rest, length := d.data[start:end], -1
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		if i := endOfString(rest, 0); i > 0 && rest[i-1] == '"' {
			length = i
		}
	case n.Style&yaml.SingleQuotedStyle != 0:
		length = len("'" + strings.ReplaceAll(n.Value, "'", "''") + "'")
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0 && bytes.HasPrefix(rest, []byte(n.Value)):
		length = len(n.Value)
	}
	if length < 0 || length > len(rest) {
		return -1, -1, -1
	}
	from = start
	if parent.Kind == yaml.SequenceNode && parent.Style&yaml.FlowStyle == 0 {
		from = d.lines[n.Line-1] // with its dash
		if dash := bytes.TrimSpace(d.data[from:start]); string(dash) != "-" {
			from = -1
		}
	}
	return from, start, start + length
}

// offset turns the line and column of a node, which count characters, into bytes. Nodes
// are asked about in their order, so that no line is read twice.
func (d *yamlDocument) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.lines) {
		return -1
	}
	if n.Line != d.foundLine || n.Column < d.foundColumn {
		d.foundLine, d.foundColumn, d.found = n.Line, 1, d.lines[n.Line-1]
	}
	for ; d.foundColumn < n.Column; d.foundColumn++ {
		_, size := utf8.DecodeRune(d.data[d.found:])
		if size == 0 {
			return -1
		}
		d.found += size
	}
	return d.found
}

// quote writes a word as YAML, plain where that cannot be misread.
func (d *yamlDocument) quote(text string) string { return quoteYAML(text) }
