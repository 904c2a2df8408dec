package terminal

import (
	"strings"
	"unicode/utf8"
)

const (
	// indent stands in front of what continues a line below it.
	indent = "    "
	// minColumns is the narrowest window in which lines are broken.
	minColumns = 20
)

// hang breaks a line at blanks where the window would break it, and sets in what
// follows: at the edge of a window a stranger's words would begin a row that looks
// like a line of ours. A word stays whole, so that addresses can be copied. Windows
// of no known width are 0 columns wide.
func hang(line string, columns int) string {
	if columns < minColumns || atMost(line) <= columns {
		return line
	}
	var b strings.Builder
	row, blanks := 0, ""
	for i, word := range strings.Split(line, " ") {
		if i > 0 {
			blanks += " "
		}
		if word == "" {
			continue
		}
		if row > 0 && row+len(blanks)+atMost(word) > columns {
			b.WriteString("\n")
			row, blanks = 0, indent
		}
		b.WriteString(blanks + word)
		row += len(blanks) + atMost(word)
		blanks = ""
	}
	return b.String()
}

// atMost is how many columns a text may take: terminals differ about what is not
// ASCII.
func atMost(s string) int { return 2*utf8.RuneCountInString(s) - ascii(s) }

func ascii(s string) (n int) {
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			n++
		}
	}
	return n
}
