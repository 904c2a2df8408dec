package jsonrpc

import (
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// span is where one member of an object stands.
type span struct {
	name              string
	start, value, end int // of the name, of the value, after the value
}

// spans lists the members of an object; ok is false for anything else.
func spans(raw []byte) (list []span, ok bool) {
	if len(raw) == 0 || raw[0] != '{' {
		return nil, false
	}
	d := decoder(raw)
	if _, err := d.ReadToken(); err != nil {
		return nil, false
	}
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		start := int(d.InputOffset()) - len(name)
		text, _ := Text(name)
		value, err := d.ReadValue()
		if err != nil {
			return nil, false
		}
		end := int(d.InputOffset())
		list = append(list, span{text, start, end - len(value), end})
	}
	return list, true
}

// Members yields the names and raw values of an object's members in their
// order; of doubled ones only the last. Anything else has none.
func Members(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		list, _ := spans(raw)
		last := make(map[string]int, len(list))
		for i, s := range list {
			last[s.name] = i
		}
		for i, s := range list {
			if last[s.name] == i && !yield(s.name, raw[s.value:s.end:s.end]) {
				return
			}
		}
	}
}

// With returns a copy of the object raw in which the member has the given raw
// value: in its old place, or else at the end. All other bytes stay as they
// are. What is no object becomes one with that member alone; of a doubled
// member one is left.
func With(raw []byte, name string, value []byte) []byte {
	raw = withoutDoubles(raw, name)
	list, ok := spans(raw)
	if !ok {
		raw = []byte("{}")
	}
	for _, s := range list {
		if s.name == name {
			return splice(raw, s.value, s.end, value)
		}
	}
	quoted, _ := jsontext.AppendQuote(nil, name)
	member := append(append(quoted, ':'), value...)
	if len(list) > 0 {
		member = append([]byte{','}, member...)
		return splice(raw, list[len(list)-1].end, list[len(list)-1].end, member)
	}
	return splice(raw, 1, 1, member)
}

// withoutDoubles leaves one member of that name, the last.
func withoutDoubles(raw []byte, name string) []byte {
	for {
		list, _ := spans(raw)
		var found []int
		for i, s := range list {
			if s.name == name {
				found = append(found, i)
			}
		}
		if len(found) < 2 {
			return raw
		}
		raw = cut(raw, list, found[0])
	}
}

// Without returns a copy of the object raw without the member, or raw itself
// when there is none.
func Without(raw []byte, name string) []byte {
	for {
		list, _ := spans(raw)
		found := -1
		for i, s := range list {
			if s.name == name {
				found = i
			}
		}
		if found < 0 {
			return raw
		}
		raw = cut(raw, list, found)
	}
}

// cut takes out one member and the comma that is then too many.
func cut(raw []byte, list []span, i int) []byte {
	switch {
	case i+1 < len(list):
		return splice(raw, list[i].start, list[i+1].start, nil)
	case i > 0:
		return splice(raw, list[i-1].end, list[i].end, nil)
	}
	return splice(raw, list[i].start, list[i].end, nil)
}

func splice(raw []byte, from, to int, with []byte) []byte {
	out := make([]byte, 0, len(raw)-(to-from)+len(with)+1) // and a line end
	out = append(append(out, raw[:from]...), with...)
	return append(out, raw[to:]...)
}

// Quote returns s as a JSON string; broken UTF-8 is replaced.
func Quote(s string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, s)
	return quoted
}

// Array returns the raw values as one array.
func Array(elements [][]byte) []byte {
	out := []byte{'['}
	for i, e := range elements {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, e...)
	}
	return append(out, ']')
}
