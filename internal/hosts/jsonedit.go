package hosts

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

func quoteJSON(text string) string {
	quoted, err := jsontext.AppendQuote(nil, text)
	if err != nil { // invalid UTF-8, which Server.valid has refused
		return strconv.QuoteToASCII(text)
	}
	return string(quoted)
}

// style is how a file is laid out.
type style struct {
	newline, unit string
	compact       bool // everything on one line
}

func (d *jsonDocument) style() style {
	s := style{newline: newline(d.data), unit: "  "}
	if len(d.root.members) == 0 {
		return s
	}
	first := d.root.members[0]
	if !bytes.Contains(d.data[d.root.start:first.start], []byte("\n")) {
		s.compact = !bytes.Contains(d.data[d.root.start:d.root.end], []byte("\n"))
		return s
	}
	if unit := strings.TrimPrefix(indentOf(d.data, first.start), indentOf(d.data, d.root.start)); unit != "" {
		s.unit = unit
	}
	return s
}

// render writes a value; indent is that of the line it begins on.
func (s style) render(value any, indent string) string {
	if fields, ok := value.([]field); ok {
		return s.object(fields, indent)
	}
	return inline(value, quoteJSON)
}

func (s style) object(fields []field, indent string) string {
	if len(fields) == 0 {
		return "{}"
	}
	var b strings.Builder
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		if s.compact {
			if i > 0 {
				b.WriteByte(' ')
			}
		} else {
			b.WriteString(s.newline + indent + s.unit)
		}
		b.WriteString(quoteJSON(f.name) + ": " + s.render(f.value, indent+s.unit))
	}
	if !s.compact {
		b.WriteString(s.newline + indent)
	}
	b.WriteByte('}')
	return b.String()
}

func (d *jsonDocument) set(s Server) ([]edit, error) {
	parent, path := d.root, append(slices.Clone(d.host.path), s.Name)
	var value any = d.host.fields(s)
	for {
		m := parent.find(path[0])
		if m == nil {
			break
		}
		if len(path) == 1 {
			text := d.style().render(value, indentOf(d.data, m.start))
			return []edit{{m.value.start, m.value.end, text}}, nil
		}
		if m.value.kind != '{' {
			return nil, fmt.Errorf("%w: %q is no object", ErrLayout, path[0])
		}
		parent, path = m.value, path[1:]
	}
	for len(path) > 1 { // what is missing on the way
		value = []field{{path[len(path)-1], value}}
		path = path[:len(path)-1]
	}
	return d.insert(parent, path[0], value), nil
}

func (d *jsonDocument) add(e entry, f field) ([]edit, bool) {
	return d.insert(e.value, f.name, f.value), true
}

// insert adds a member at the end of an object, in the layout of the others.
func (d *jsonDocument) insert(n *node, name string, value any) []edit {
	s := d.style()
	text := func(indent string) string { return quoteJSON(name) + ": " + s.render(value, indent) }
	if len(n.members) == 0 {
		return d.insertFirst(n, s, text)
	}
	last := n.members[len(n.members)-1]
	behind, comma := last.value.end, ","
	if t := d.trailingComma(last.value.end, n.end); t >= 0 {
		behind, comma = t+1, ""
	}
	if !d.ownLine(last.start) {
		s.compact = true
		if comma == "" {
			return []edit{{behind, behind, " " + text("") + ","}}
		}
		return []edit{{behind, behind, ", " + text("")}}
	}
	indent := indentOf(d.data, last.start)
	line := s.newline + indent + text(indent)
	if comma == "" {
		line += ","
	}
	end := d.restOfLine(behind)
	return []edit{{behind, behind, comma}, {end, end, line}}
}

func (d *jsonDocument) insertFirst(n *node, s style, text func(string) string) []edit {
	if s.compact {
		return []edit{{n.end - 1, n.end - 1, text("")}}
	}
	outer := indentOf(d.data, n.start)
	line := s.newline + outer + s.unit + text(outer+s.unit)
	inside := d.data[n.start+1 : n.end-1]
	kept := bytes.TrimRight(inside, " \t\r\n")
	if len(kept) == 0 {
		return []edit{{n.start + 1, n.end - 1, line + s.newline + outer}}
	}
	// There are comments: they stay above.
	if !bytes.Contains(inside[len(kept):], []byte("\n")) {
		line += s.newline + outer
	}
	at := n.start + 1 + len(kept)
	return []edit{{at, at, line}}
}

func (d *jsonDocument) remove(name string) ([]edit, error) {
	n := d.root
	for _, step := range d.host.path {
		m := n.find(step)
		if m == nil {
			return nil, ErrNotFound
		}
		n = m.value
	}
	i := slices.IndexFunc(n.members, func(m member) bool { return m.name == name })
	if i < 0 {
		return nil, ErrNotFound
	}
	m := n.members[i]
	isLast := i == len(n.members)-1
	end := m.value.end
	if !isLast {
		end += bytes.IndexByte(d.plain[end:], ',') + 1
	} else if t := d.trailingComma(end, n.end); t >= 0 {
		end = t + 1
	}
	var edits []edit
	if isLast && i > 0 && end == m.value.end { // the separator in front goes as well
		before := n.members[i-1].value.end
		comma := before + bytes.IndexByte(d.plain[before:], ',')
		edits = append(edits, edit{comma, comma + 1, ""})
	}
	switch start := lineStart(d.data, m.start); {
	case d.ownLine(m.start):
		// From the end of the line above to the end of the entry's last line.
		if start--; start > 0 && d.data[start-1] == '\r' {
			start--
		}
		rest := d.restOfLine(end)
		if d.commentEnds(start) && !d.lineEnds(rest) {
			start = m.start // what follows must not become part of the comment
		}
		edits = append(edits, edit{start, rest, ""})
	case !isLast:
		edits = append(edits, edit{m.start, n.members[i+1].start, ""})
	case len(edits) > 0:
		edits = []edit{{edits[0].start, end, ""}}
	default:
		for start = m.start; d.data[start-1] == ' ' || d.data[start-1] == '\t'; {
			start--
		}
		edits = append(edits, edit{start, end, ""})
	}
	return edits, nil
}

// ownLine reports whether nothing but white space stands on the line in front.
func (d *jsonDocument) ownLine(at int) bool {
	start := lineStart(d.data, at)
	return start > 0 && len(bytes.TrimLeft(d.data[start:at], " \t")) == 0
}

// commentEnds reports whether a line comment ends at a line end.
func (d *jsonDocument) commentEnds(at int) bool {
	i, _ := slices.BinarySearch(d.lineComments, at)
	return i < len(d.lineComments) && d.lineComments[i] <= at+1 // with a carriage return
}

// lineEnds reports whether only white space is left on the line.
func (d *jsonDocument) lineEnds(at int) bool {
	return len(bytes.TrimSpace(d.data[at:lineEnd(d.data, at)])) == 0
}

// restOfLine is the offset behind the comments that follow on the same line; at
// itself if there are none, or if something else follows.
func (d *jsonDocument) restOfLine(at int) int {
	end := at
	for i := at; i < len(d.data); {
		switch d.data[i] {
		case ' ', '\t':
			i++
		case '/':
			next := endOfComment(d.data, i)
			if next < 0 || bytes.Contains(d.data[i:next], []byte("\n")) {
				return end
			}
			if next > i && d.data[next-1] == '\r' {
				next--
			}
			i, end = next, next
		case '\r', '\n':
			return end
		default:
			return at
		}
	}
	return end
}

// trailingComma is the offset of the trailing comma between two offsets, or -1.
func (d *jsonDocument) trailingComma(from, to int) int {
	i, _ := slices.BinarySearch(d.trailing, from)
	if i < len(d.trailing) && d.trailing[i] < to {
		return d.trailing[i]
	}
	return -1
}
