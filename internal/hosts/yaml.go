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
	client Client
	data   []byte
	lines  []int      // offsets of the lines
	root   *yaml.Node // a mapping, or nil in an empty file
	items  []yamlItem
}

// yamlItem is a server with the place of its lines.
type yamlItem struct {
	name  string
	line  int // of its key or dash, from 0
	end   int // the line behind it
	value *yaml.Node
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

func parseYAML(c Client, data []byte) (document, error) {
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
	d := &yamlDocument{client: c, data: data, lines: []int{0}}
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
	d.root = top.Content[0]
	if d.root.Kind == yaml.ScalarNode && d.root.Tag == "!!null" {
		d.root = nil
		return d, nil
	}
	if d.root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%w: it holds no mapping", ErrBroken)
	}
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
			all = append(all, yamlItem{name: key.Value, line: key.Line - 1, value: servers.Content[i+1]})
		}
	case yaml.SequenceNode:
		for _, value := range servers.Content {
			item := yamlItem{line: value.Line - 1, value: value}
			if name := yamlGet(value, "name"); name != nil {
				item.name = name.Value
			}
			all = append(all, item)
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
	if d.root == nil {
		return nil, nil, 0
	}
	after = len(d.lines)
	if d.lines[len(d.lines)-1] == len(d.data) {
		after--
	}
	for i := 0; i+1 < len(d.root.Content); i += 2 {
		if d.root.Content[i].Value != d.client.path[0] {
			continue
		}
		if i+2 < len(d.root.Content) {
			after = d.root.Content[i+2].Line - 1
		}
		return d.root.Content[i], d.root.Content[i+1], after
	}
	return nil, nil, after
}

func yamlGet(n *yaml.Node, name string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

func (d *yamlDocument) entries() []entry {
	all := make([]entry, 0, len(d.items))
	for _, item := range d.items {
		e, ok := serverOf(item.name, nil, yamlView{d, item.value})
		if !ok {
			e = entry{Server: Server{Name: item.name}}
		}
		all = append(all, e)
	}
	return all
}

// yamlView reads a node with the offsets of its words.
type yamlView struct {
	d *yamlDocument
	n *yaml.Node
}

func (v yamlView) member(name string) (view, bool) {
	if n := yamlGet(v.n, name); n != nil {
		return yamlView{v.d, n}, true
	}
	return nil, false
}

func (v yamlView) words() ([]word, bool) {
	switch v.n.Kind {
	case yaml.ScalarNode:
		return []word{v.d.word(v.n, v.n)}, true
	case yaml.SequenceNode:
		all := []word{}
		for _, e := range v.n.Content {
			if e.Kind != yaml.ScalarNode {
				return nil, false
			}
			all = append(all, v.d.word(v.n, e))
		}
		return all, true
	}
	return nil, false
}

// word places a scalar. One whose end is not simple to see gets an empty place
// at a negative offset, which no edit accepts.
func (d *yamlDocument) word(parent, n *yaml.Node) word {
	w := word{text: n.Value, from: -1, start: -1, end: -1}
	start := d.offset(n)
	if start < 0 || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		return w
	}
	rest := d.data[start:lineEnd(d.data, start)]
	end := -1
	switch {
	case n.Style&yaml.DoubleQuotedStyle != 0:
		if i := endOfString(rest, 0); i <= len(rest) && rest[i-1] == '"' {
			end = i
		}
	case n.Style&yaml.SingleQuotedStyle != 0:
		end = len("'" + strings.ReplaceAll(n.Value, "'", "''") + "'")
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0:
		end = len(n.Value)
		if !bytes.HasPrefix(rest, []byte(n.Value)) {
			end = -1
		}
	}
	if end < 0 || end > len(rest) {
		return w
	}
	w.from, w.start, w.end = start, start, start+end
	if parent.Kind == yaml.SequenceNode && parent.Style&yaml.FlowStyle == 0 {
		w.from = lineStart(d.data, start) // with its dash
		if dash := bytes.TrimSpace(d.data[w.from:start]); string(dash) != "-" {
			w.from = -1
		}
	}
	return w
}

// offset turns the line and column of a node, which count characters, into bytes.
func (d *yamlDocument) offset(n *yaml.Node) int {
	if n.Line < 1 || n.Line > len(d.lines) {
		return -1
	}
	at := d.lines[n.Line-1]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(d.data[at:])
		if size == 0 {
			return -1
		}
		at += size
	}
	return at
}

// quote writes a word as YAML, plain where that cannot be misread.
func (d *yamlDocument) quote(text string) string { return quoteYAML(text) }
