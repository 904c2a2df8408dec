package jsonrpc

import (
	"bytes"
	"iter"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// span is where one member of an object stands.
type span struct {
	name       []byte // raw
	value      []byte // raw
	start, end int    // of the name, and after the value
}

// is reports whether the member has a name.
func (s span) is(name string) bool {
	if inside, ok := unescaped(s.name); ok {
		return string(inside) == name
	}
	text, _ := Text(s.name)
	return text == name
}

// spans yields the members of an object in their order. It yields none of
// anything else, and stops where the text is broken.
func spans(raw []byte) iter.Seq[span] {
	return func(yield func(span) bool) {
		if !IsObject(raw) {
			return
		}
		d := decoder(raw)
		if _, err := d.ReadToken(); err != nil {
			return
		}
		for d.PeekKind() != jsontext.KindEndObject {
			name, err := rawValue(d, raw)
			if err != nil {
				return
			}
			start := int(d.InputOffset()) - len(name)
			value, err := rawValue(d, raw)
			if err != nil || !yield(span{name, value, start, int(d.InputOffset())}) {
				return
			}
		}
	}
}

// Members yields the names and raw values of an object's members in their
// order; of doubled ones only the last. Anything else has none.
func Members(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		last := map[string]int{}
		for s := range spans(raw) {
			name, _ := Text(s.name)
			last[name] = s.start
		}
		for s := range spans(raw) {
			if name, _ := Text(s.name); last[name] == s.start && !yield(name, s.value) {
				return
			}
		}
	}
}

// AllMembers yields the names and raw values of all members of an object in their
// order, doubled ones too. Anything else has none.
func AllMembers(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		for s := range spans(raw) {
			if name, _ := Text(s.name); !yield(name, s.value) {
				return
			}
		}
	}
}

// Edit is one change of an object's member.
type Edit struct {
	Name string
	// Value is the new raw value; nil takes the member out.
	Value []byte
}

// With returns a copy of the object raw in which the member has the given raw
// value; see [Edited].
func With(raw []byte, name string, value []byte) []byte {
	return Edited(raw, Edit{name, value})
}

// Without returns a copy of the object raw without the member, or raw itself
// when there is none.
func Without(raw []byte, names ...string) []byte {
	edits := make([]Edit, len(names))
	for i, name := range names {
		edits[i].Name = name
	}
	return Edited(raw, edits...)
}

// Edited returns a copy of the object raw with some members changed: in their
// old places, or else at the end, in the order of the edits. All other bytes stay
// as they are. Of a doubled member the last is left, of two edits of one name the
// last counts. What is no object becomes one with the new members alone. raw
// itself is returned when it has none of those to take out, and gets none.
//
// The work grows with the length of raw and of the edits, whatever stands there:
// raw is read twice, and each byte is copied once.
func Edited(raw []byte, edits ...Edit) []byte {
	e := editor{raw: raw, edits: edits, at: make(map[string]int, len(edits))}
	for i, edit := range edits {
		e.at[edit.Name] = i
	}
	if !e.find() {
		return raw
	}
	return e.write()
}

// editor makes the edits of one object.
type editor struct {
	raw   []byte
	edits []Edit
	at    map[string]int // which edit a name has
	last  []int          // by edit: where the last member of its name begins, -1 for none
}

// edit returns the edit of a member.
func (e *editor) edit(s span) (i int, ok bool) {
	name, _ := Text(s.name)
	i, ok = e.at[name]
	return i, ok
}

// find looks where the edits' members stand. It reports whether there is
// anything to do.
func (e *editor) find() (some bool) {
	e.last = make([]int, len(e.edits))
	for i, edit := range e.edits {
		e.last[i] = -1
		some = some || edit.Value != nil
	}
	for s := range spans(e.raw) {
		if i, ok := e.edit(s); ok {
			e.last[i], some = s.start, true
		}
	}
	return some
}

// write copies what stays, each member with what stands between it and the next
// one, and puts new members behind.
func (e *editor) write() []byte {
	if !IsObject(e.raw) {
		e.raw = []byte("{}")
	}
	out := e.room()
	tail := 1 // what stands behind the last member begins here
	var between []byte
	kept, before := 0, false // members, and whether the one before was
	for s := range spans(e.raw) {
		switch {
		case tail == 1:
			out = append(out, e.raw[:s.start]...)
		case before:
			between = e.raw[tail:s.start]
		}
		tail = s.end
		value := s.value
		if i, ok := e.edit(s); ok && e.last[i] == s.start {
			value = e.edits[i].Value
		} else if ok {
			value = nil
		}
		if before = value != nil; !before {
			continue
		}
		if kept++; kept > 1 {
			out = append(out, between...)
		}
		out = append(append(out, e.raw[s.start:s.end-len(s.value)]...), value...)
	}
	if tail == 1 {
		out = append(out, '{')
	}
	for i, edit := range e.edits {
		if edit.Value == nil || e.last[i] >= 0 || e.at[edit.Name] != i {
			continue
		}
		if kept++; kept > 1 {
			out = append(out, ',')
		}
		out, _ = jsontext.AppendQuote(out, edit.Name)
		out = append(append(out, ':'), edit.Value...)
	}
	return append(out, e.raw[tail:]...)
}

// room is enough for the object and its new values, and a line end.
func (e *editor) room() []byte {
	size := len(e.raw) + 1
	for _, edit := range e.edits {
		if edit.Value != nil {
			size += len(edit.Name) + len(edit.Value) + len(`,"":`)
		}
	}
	return make([]byte, 0, size)
}

// EditElements returns a copy of the array raw in which each element is what change
// makes of it, nil for none, or raw itself when all of them stay as they are. What is
// no array has no elements, and stays.
func EditElements(raw []byte, change func(element []byte) []byte) []byte {
	var out []byte // from the first one on that does not stay
	add := func(element []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, element...)
	}
	same := 0
	for element := range Elements(raw) {
		changed := change(element)
		if out == nil && bytes.Equal(changed, element) {
			same++
			continue
		}
		if out == nil {
			out = append(make([]byte, 0, len(raw)), '[')
			for before := range Elements(raw) {
				if same--; same < 0 {
					break
				}
				add(before)
			}
		}
		if changed != nil {
			add(changed)
		}
	}
	if out == nil {
		return raw
	}
	return append(out, ']')
}

// IsObject reports whether a raw value is an object.
func IsObject(raw []byte) bool { return len(raw) > 0 && raw[0] == '{' }

// Quote returns s as a JSON string; broken UTF-8 is replaced.
func Quote(s string) []byte {
	quoted, _ := jsontext.AppendQuote(nil, s)
	return quoted
}

// QuoteAll returns a list as a JSON array of strings; broken UTF-8 is replaced.
func QuoteAll(list []string) []byte {
	raw, _ := json.Marshal(list, jsontext.AllowInvalidUTF8(true)) // cannot fail
	return raw
}
