package foreign

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxLine bounds what [Line] returns, in characters: about what somebody reads of
// a stranger's sentence inside one of ours. Characters and not bytes, so that all
// scripts have the same room; a character is at most four bytes.
const MaxLine = 300

// ellipsis stands for what a bound has cut off.
const ellipsis = '…'

// Line returns s as a piece of one line of at most [MaxLine] characters.
func Line(s string) string { return LineOf(s, MaxLine) }

// LineOf returns s as a piece of one line of at most limit characters, the last one
// an ellipsis if there was more. Line breaks become "; ", tabs blanks, bytes that
// are no UTF-8 the replacement character; what is not seen is dropped, as are
// blanks and breaks at both ends.
func LineOf(s string, limit int) string {
	if len(s) <= limit && plain(s) {
		return strings.Trim(s, " ")
	}
	var b strings.Builder
	written, broken := 0, false
	blanks := 0 // not written yet: they may be in front of a break, or the last
	for _, r := range s {
		switch {
		case breaks(r):
			broken = true
			continue
		case r == ' ' || r == '\t':
			blanks++
			continue
		case unseen(r):
			continue
		}
		between := ""
		if broken {
			between = "; "
		} else if blanks > 0 {
			between = strings.Repeat(" ", min(blanks, limit-written))
		}
		broken, blanks = false, 0
		if written == 0 {
			between = ""
		}
		if written+len(between)+1 > limit {
			return cut(b.String(), limit)
		}
		b.WriteString(between)
		b.WriteRune(r)
		written += len(between) + 1
	}
	return b.String()
}

// cut makes room for an ellipsis at the end of s, which is too long.
func cut(s string, limit int) string {
	if utf8.RuneCountInString(s) >= limit {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return strings.TrimRight(s, " ") + string(ellipsis)
}

// Text returns s with its lines and tabs, and without what is not seen. It has no
// bound: a person has asked for it.
func Text(s string) string {
	if plain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if unseen(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r // of bytes that are no UTF-8, the replacement character
	}, s)
}

// plain reports whether s is printable ASCII, which no filter changes.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// breaks reports whether r ends a line, for some program that shows it.
func breaks(r rune) bool {
	return r >= '\n' && r <= '\r' || r == 0x85 || r == 0x2028 || r == 0x2029
}

// invisible are the characters that do something and are not seen: the controls,
// those that format (zero-width, direction, tags), separators of lines and
// paragraphs, variation selectors, and the other ones that are drawn as nothing
// (Default_Ignorable_Code_Point of Unicode Standard Annex 44).
var invisible = []*unicode.RangeTable{
	unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point,
}

// unseen reports whether r is one of the invisible. The signs that stand in front
// of Arabic numbers and the like are formats as well, but seen.
func unseen(r rune) bool {
	if r >= ' ' && r <= '~' {
		return false
	}
	return unicode.In(r, invisible...) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}
