package bridge

import (
	"strings"
	"unicode"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// only returns the raw value of a member. clear is false when the object has none,
// or another one that some reader could take for it: doubled, in another case, or
// with characters that are not seen. What is no object has no members.
func only(raw []byte, name string) (value []byte, clear bool) {
	value, found := readings(raw, name)
	return value, found == 1 && value != nil
}

// readings returns the value of a member, nil for none, and how many members some
// reader could take for it.
func readings(raw []byte, name string) (value []byte, found int) {
	for other, v := range jsonrpc.AllMembers(raw) {
		if other == name {
			value = v
		}
		if spelled(other, name) {
			found++
		}
	}
	return value, found
}

// spelled reports whether some reader could take s for name: in another case, or
// with blanks or characters that are not seen.
func spelled(s, name string) bool {
	return s == name || strings.EqualFold(strings.Map(seen, s), name)
}

func seen(r rune) rune {
	if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) {
		return -1
	}
	return r
}

// plain reports whether the name of a tool is the same for all readers: without
// blanks at its ends, and without what is not seen or is no text.
func plain(name string) bool {
	return name == strings.TrimSpace(name) && name == foreign.LineOf(name, len(name)+1) && !strings.ContainsRune(name, unicode.ReplacementChar)
}
