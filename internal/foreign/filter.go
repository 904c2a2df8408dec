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

// MaxMessage bounds what [Message] returns, in characters: two screens of a
// terminal, and more than any message of ours that holds a few strangers' pieces.
const MaxMessage = 4000

// ellipsis stands for what a bound has cut off.
const ellipsis = '…'

// Line returns s as a piece of one line of at most [MaxLine] characters.
func Line(s string) string { return LineOf(s, MaxLine) }

// Message returns a whole message of ours, such as an error that holds pieces of
// several strangers, as one line of at most [MaxMessage] characters.
func Message(s string) string { return LineOf(s, MaxMessage) }

// LineOf returns s as a piece of one line of at most limit characters, the last one
// an ellipsis if there was more. Line breaks become "; ", or nothing at the ends,
// blanks of all kinds one blank, because a row of them would push what follows to
// the beginning of a line. Bytes that are no UTF-8 become the replacement
// character; what is not seen is dropped.
func LineOf(s string, limit int) string {
	if len(s) <= limit && plain(s) && !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	written, between := 0, "" // what stands in front of the next character
	for _, r := range s {
		switch {
		case breaks(r):
			between = "; "
			continue
		case r == '\t' || unicode.Is(unicode.Zs, r) || r == brailleBlank || r == nullNotehead:
			if between == "" {
				between = " "
			}
			continue
		case unseen(r):
			continue
		}
		if written == 0 && between != " " {
			between = ""
		}
		if written+len(between)+1 > limit {
			return cut(b.String(), limit)
		}
		b.WriteString(between)
		b.WriteRune(r)
		written += len(between) + 1
		between = ""
	}
	if between == " " && written < limit {
		b.WriteString(between)
	}
	return b.String()
}

// What is seen as a blank and is none: a pattern of no dots, and a note of no head.
const (
	brailleBlank = 0x2800
	nullNotehead = 0x1d159
)

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
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		if keptInText(r) < 0 || r == utf8.RuneError {
			return s[:i] + strings.Map(keptInText, s[i:])
		}
		i += size
	}
	return s
}

// keptInText maps what Text drops to -1. A byte that is no UTF-8 comes as the
// replacement character.
func keptInText(r rune) rune {
	if unseen(r) && r != '\n' && r != '\t' {
		return -1
	}
	return r
}

// Alphanumeric are the letters and digits of ASCII, which the names and tokens of most
// protocols are made of, together with a few more characters.
const Alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

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
