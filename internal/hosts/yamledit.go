package hosts

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// quoteYAML leaves words plain that mean nothing else to YAML 1.1 or 1.2. A
// double-quoted scalar has the escapes of JSON.
func quoteYAML(text string) string {
	for i, c := range []byte(text) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c != '-' && c != '_' && (c < '0' || c > '9')) {
			return quoteYAMLAlways(text)
		}
	}
	if text == "" || slices.Contains([]string{"null", "true", "false", "yes", "no", "on", "off", "y", "n"}, strings.ToLower(text)) {
		return quoteYAMLAlways(text)
	}
	return text
}

// quoteYAMLAlways escapes what YAML does not print: DEL, C1 controls, the line
// ends of Unicode and the byte order mark.
func quoteYAMLAlways(text string) string {
	var b strings.Builder
	for _, r := range quoteJSON(text) {
		if r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// renderYAML writes the lines of fields in block style.
func renderYAML(fields []field, indent, nl string) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(indent + quoteYAML(f.name) + ":")
		list, _ := f.value.([]string)
		fields, isObject := f.value.([]field)
		switch {
		case len(list) > 0:
			b.WriteString(nl)
			for _, x := range list {
				b.WriteString(indent + "  - " + quoteYAML(x) + nl)
			}
		case len(fields) > 0:
			b.WriteString(nl + renderYAML(fields, indent+"  ", nl))
		case isObject:
			b.WriteString(" {}" + nl)
		default:
			b.WriteString(" " + inline(f.value, quoteYAML) + nl)
		}
	}
	return b.String()
}

// renderEntry writes the lines of one server.
func (d *yamlDocument) renderEntry(s Server, indent string) string {
	nl := newline(d.data)
	if !d.host.list {
		return renderYAML([]field{{s.Name, d.host.fields(s)}}, indent, nl)
	}
	body := renderYAML(d.host.fields(s), indent+"  ", nl)
	return indent + "- " + body[len(indent)+2:]
}

func (d *yamlDocument) set(s Server) ([]edit, error) {
	key, servers, _ := d.servers()
	if d.top != nil && d.top.Style&yaml.FlowStyle != 0 {
		return nil, fmt.Errorf("%w: it is written in flow style", ErrLayout)
	}
	if key == nil {
		at := len(d.data)
		text := quoteYAML(d.host.path[0]) + ":" + newline(d.data) + d.renderEntry(s, "  ")
		if at > 0 && d.data[at-1] != '\n' {
			text = newline(d.data) + text
		}
		return []edit{{at, at, text}}, nil
	}
	wrong := yaml.MappingNode
	if d.host.list {
		wrong = yaml.SequenceNode
	}
	switch empty := len(servers.Content) == 0; {
	case empty && (servers.Kind == wrong || servers.Tag == "!!null"):
		return d.setFirst(key, servers, s)
	case servers.Kind != wrong:
		return nil, fmt.Errorf("%w: %q has another form than expected", ErrLayout, d.host.path[0])
	case servers.Style&yaml.FlowStyle != 0:
		return nil, fmt.Errorf("%w: %q is written in flow style", ErrLayout, d.host.path[0])
	}
	for _, item := range d.items {
		if item.name == s.Name {
			return d.replace(item, s)
		}
	}
	last := d.items[len(d.items)-1]
	indent, err := d.indent(last)
	if err != nil {
		return nil, err
	}
	at := d.at(last.end)
	text := d.renderEntry(s, indent)
	if at > 0 && d.data[at-1] != '\n' {
		text = newline(d.data) + strings.TrimSuffix(text, newline(d.data))
	}
	return []edit{{at, at, text}}, nil
}

// No host with such a file needs it.
func (d *yamlDocument) add(entry, field) ([]edit, bool) { return nil, false }

// setFirst writes into "servers:", "servers: {}" and the like.
func (d *yamlDocument) setFirst(key, servers *yaml.Node, s Server) ([]edit, error) {
	line := d.line(key.Line - 1)
	colon := bytes.IndexByte(line, ':')
	if colon < 0 {
		return nil, fmt.Errorf("%w: %q has another form than expected", ErrLayout, d.host.path[0])
	}
	value, comment, _ := strings.Cut(strings.TrimRight(string(line[colon+1:]), "\r\n"), "#")
	switch strings.ReplaceAll(strings.TrimSpace(value), " ", "") {
	case "", "{}", "[]", "null", "~":
	default:
		return nil, fmt.Errorf("%w: %q has another form than expected", ErrLayout, d.host.path[0])
	}
	if comment != "" {
		comment = " #" + comment
	}
	start := d.lines[key.Line-1]
	indent := indentOf(d.data, start) + "  "
	nl := newline(d.data)
	return []edit{{start + colon + 1, start + len(line), comment + nl + d.renderEntry(s, indent)}}, nil
}

// indent is that of an item's first line; a key or dash that does not begin its
// line is not edited.
func (d *yamlDocument) indent(item yamlItem) (string, error) {
	line := d.line(item.line)
	indent := indentOf(d.data, d.lines[item.line])
	isDash := bytes.HasPrefix(line[len(indent):], []byte("- "))
	if item.end == 0 || isDash != d.host.list || strings.Contains(indent, "\t") {
		return "", fmt.Errorf("%w: %q", ErrLayout, item.name)
	}
	return indent, nil
}

// at is the offset of a line; behind the last one, the end.
func (d *yamlDocument) at(line int) int {
	if line < len(d.lines) {
		return d.lines[line]
	}
	return len(d.data)
}

func (d *yamlDocument) replace(item yamlItem, s Server) ([]edit, error) {
	indent, err := d.indent(item)
	if err != nil {
		return nil, err
	}
	text := d.renderEntry(s, indent)
	start, end := d.lines[item.line], d.at(item.end)
	if d.data[end-1] != '\n' {
		text = strings.TrimSuffix(text, newline(d.data))
	}
	return []edit{{start, end, text}}, nil
}

func (d *yamlDocument) remove(name string) ([]edit, error) {
	for _, item := range d.items {
		if item.name != name {
			continue
		}
		if _, err := d.indent(item); err != nil {
			return nil, err
		}
		start, end := d.lines[item.line], d.at(item.end)
		if len(d.items) > 1 {
			return []edit{{start, end, ""}}, nil
		}
		// The last one leaves an empty mapping or list behind the key.
		empty := " {}"
		if d.host.list {
			empty = " []"
		}
		key, _, _ := d.servers()
		line := d.lines[key.Line-1]
		colon := line + bytes.IndexByte(d.line(key.Line-1), ':') + 1
		return []edit{{colon, colon, empty}, {start, end, ""}}, nil
	}
	return nil, ErrNotFound
}
