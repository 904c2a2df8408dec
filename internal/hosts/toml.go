package hosts

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// tomlItem is one expression of a file: a table header, or a key with its value.
type tomlItem struct {
	start  int      // of its line
	path   []string // from the top; of a header, what it opens
	header bool
	array  bool // a header of an array of tables
}

// tomlDocument is a file as Codex writes it. Of its servers it edits those that
// have a table of their own, and strings anywhere.
type tomlDocument struct {
	parsed
	items []tomlItem
}

func decodeTOML(data []byte) (any, error) {
	m := map[string]any{}
	if err := toml.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%w: not TOML%s", ErrBroken, tomlLine(err))
	}
	return m, nil
}

// tomlLine says where a fault is, and not what the file holds there.
func tomlLine(err error) string {
	if d, ok := err.(*toml.DecodeError); ok { //nolint:errorlint // the decoder returns it unwrapped
		line, _ := d.Position()
		return fmt.Sprintf(" at line %d", line)
	}
	return ""
}

func parseTOML(h Host, data []byte) (document, error) {
	if _, err := decodeTOML(data); err != nil {
		return nil, err
	}
	t := tomlTree{}
	d := &tomlDocument{parsed: parsed{h, data, &node{kind: '{'}}}
	var p unstable.Parser
	p.Reset(data)
	path, table := []string(nil), d.root
	for p.NextExpression() {
		x := p.Expression()
		keys, at := tomlKeys(x.Key())
		item := tomlItem{start: lineStart(data, at)}
		switch x.Kind {
		case unstable.Table, unstable.ArrayTable:
			path, table = keys, t.object(d.root, keys)
			item.header, item.array, item.path = true, x.Kind == unstable.ArrayTable, keys
		case unstable.KeyValue:
			item.path = append(slices.Clone(path), keys...)
			t.add(table, keys, x.Value())
		default:
			continue
		}
		d.items = append(d.items, item)
	}
	if p.Error() != nil {
		return nil, fmt.Errorf("%w: not TOML", ErrBroken)
	}
	return d, nil
}

// tomlKeys returns the parts of a key and the offset of the first one.
func tomlKeys(it unstable.Iterator) (keys []string, at int) {
	for it.Next() {
		if keys = append(keys, string(it.Node().Data)); len(keys) == 1 {
			at = int(it.Node().Raw.Offset)
		}
	}
	return keys, at
}

// tomlTree finds the objects that keys with dots and headers name, wherever they stand.
type tomlTree map[tomlName]*node

type tomlName struct {
	in   *node
	name string
}

// object is the one at a path below n. What is missing is made; all tables of an array
// are one object.
func (t tomlTree) object(n *node, path []string) *node {
	for _, name := range path {
		child := t[tomlName{n, name}]
		if child == nil {
			child = &node{kind: '{'}
			t[tomlName{n, name}] = child
			n.members = append(n.members, member{name: name, value: child})
		}
		n = child
	}
	return n
}

func (t tomlTree) add(n *node, keys []string, value *unstable.Node) {
	last := len(keys) - 1
	n = t.object(n, keys[:last])
	n.members = append(n.members, member{name: keys[last], value: t.read(value)})
}

func (t tomlTree) read(x *unstable.Node) *node {
	n := &node{}
	switch x.Kind {
	case unstable.String:
		n.kind, n.text = '"', string(x.Data)
		n.start, n.end = int(x.Raw.Offset), int(x.Raw.Offset+x.Raw.Length)
		n.from = n.start
	case unstable.Array:
		n.kind = '['
		for it := x.Children(); it.Next(); {
			if it.Node().Kind != unstable.Comment {
				n.elems = append(n.elems, t.read(it.Node()))
			}
		}
	case unstable.InlineTable:
		n.kind = '{'
		for it := x.Children(); it.Next(); {
			if it.Node().Kind == unstable.KeyValue {
				keys, _ := tomlKeys(it.Node().Key())
				t.add(n, keys, it.Node().Value())
			}
		}
	}
	return n
}

// below returns what of a path lies below the host's servers.
func (d *tomlDocument) below(path []string) ([]string, bool) {
	n := len(d.host.path)
	if len(path) <= n || !slices.Equal(path[:n], d.host.path) {
		return nil, false
	}
	return path[n:], true
}

// A TOML basic string has the escapes of JSON, and no bare DEL.
func (d *tomlDocument) quote(text string) string {
	return strings.ReplaceAll(quoteJSON(text), "\x7f", `\u007f`)
}

// sections are the byte ranges of an entry's tables. What is not a table of its
// own is not edited.
func (d *tomlDocument) sections(name string) (all []edit, err error) {
	for i, item := range d.items {
		rest, ok := d.below(item.path)
		if !ok || rest[0] != name {
			continue
		}
		if item.header && !item.array {
			end := d.end(i)
			all = append(all, edit{item.start, end, ""})
		} else if len(all) == 0 || item.start >= all[len(all)-1].end || item.array {
			return nil, fmt.Errorf("%w: %q has no table of its own", ErrLayout, name)
		}
	}
	return all, nil
}

// end is where the section that an item opens ends: behind its last line, before
// the comments and blank lines in front of the next header.
func (d *tomlDocument) end(i int) int {
	limit := len(d.data)
	for _, next := range d.items[i+1:] {
		if next.header {
			limit = next.start
			break
		}
	}
	for end := limit; end > d.items[i].start; {
		start := lineStart(d.data, end-1)
		line := bytes.TrimSpace(d.data[start:end])
		if len(line) > 0 && line[0] != '#' {
			return end
		}
		end = start
	}
	return limit
}

func (d *tomlDocument) set(s Server) ([]edit, error) {
	old, err := d.sections(s.Name)
	if err != nil {
		return nil, err
	}
	text := d.render(s)
	if len(old) > 0 {
		if !bytes.HasSuffix(d.data[:old[0].end], []byte("\n")) {
			text = strings.TrimRight(text, "\r\n")
		}
		old[0].text = text
		return old, nil
	}
	at, nl := len(d.data), newline(d.data)
	for i, item := range d.items { // behind the other servers, else at the end
		if _, ok := d.below(item.path); ok && item.header {
			at = d.end(i)
		}
	}
	if at > 0 {
		if d.data[at-1] != '\n' {
			text = nl + text
		}
		if len(bytes.TrimSpace(d.data[:at])) > 0 {
			text = nl + text
		}
	}
	return []edit{{at, at, text}}, nil
}

func (d *tomlDocument) add(e entry, f field) ([]edit, bool) {
	for i, item := range d.items {
		if rest, ok := d.below(item.path); !ok || !item.header || item.array || !slices.Equal(rest, []string{e.Name}) {
			continue
		}
		at, nl := d.end(i), newline(d.data)
		text := f.name + " = " + inline(f.value, d.quote)
		if d.data[at-1] == '\n' {
			return []edit{{at, at, text + nl}}, true
		}
		return []edit{{at, at, nl + text}}, true
	}
	return nil, false // an inline table
}

func (d *tomlDocument) render(s Server) string {
	nl := newline(d.data)
	path := make([]string, 0, 3)
	for _, key := range append(slices.Clone(d.host.path), s.Name) {
		path = append(path, d.key(key))
	}
	text := "[" + strings.Join(path, ".") + "]" + nl
	for _, f := range d.host.fields(s) {
		text += f.name + " = " + inline(f.value, d.quote) + nl
	}
	return text
}

// key writes a bare key where it may be one.
func (d *tomlDocument) key(name string) string {
	for _, c := range []byte(name) {
		if c != '_' && c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return d.quote(name)
		}
	}
	return name
}

func (d *tomlDocument) remove(name string) ([]edit, error) {
	all, err := d.sections(name)
	if err != nil || len(all) == 0 {
		return all, err
	}
	// The blank line that set it off from what stands above goes as well.
	above := d.data[:all[0].start]
	if nl := newline(d.data); bytes.HasSuffix(above, []byte(nl+nl)) {
		all[0].start -= len(nl)
	}
	return all, nil
}
