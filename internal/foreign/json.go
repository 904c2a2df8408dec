package foreign

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON returns encoded JSON in which what the other filters drop is written as \u
// escapes (RFC 8259, section 7), so that a terminal shows it and a program reads
// the same values. Newlines between values stay, other control characters there
// become blanks; bytes that are no UTF-8 become \ufffd. Text that is no JSON comes
// out as safe. b itself is returned if there is nothing to change.
func JSON(b []byte) []byte {
	var e escaper
	return e.escape(b)
}

// escaper does it for JSON that comes in pieces.
type escaper struct{ inString, afterBackslash bool }

func (e *escaper) escape(b []byte) []byte {
	var out []byte
	clean := 0 // b[clean:i] needs no change and is not written yet
	for i := 0; i < len(b); {
		r, size := rune(b[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(b[i:])
		}
		bad := unseen(r) && (r != '\n' || e.inString) || r == utf8.RuneError && size == 1
		if bad {
			out = append(out, b[clean:i]...)
			if clean = i + size; e.inString || r >= utf8.RuneSelf {
				out = appendEscaped(out, r)
			} else {
				out = append(out, ' ')
			}
		}
		if r == '"' && !e.afterBackslash {
			e.inString = !e.inString
		}
		e.afterBackslash = r == '\\' && e.inString && !e.afterBackslash
		i += size
	}
	if clean == 0 {
		return b
	}
	return append(out, b[clean:]...)
}

// appendEscaped appends r as \u escapes, beyond U+FFFF as a surrogate pair.
func appendEscaped(b []byte, r rune) []byte {
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(b, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}
