package terminal

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// indent begins the rows below the first one of a wrapped line.
	indent = "    "
	// minColumns is the narrowest window in which lines are broken.
	minColumns = 20
)

// wrap breaks a line at blanks before the window would, and indents the rows below
// the first. Without the indent a stranger could pad his text so that a row of the
// screen begins like a line of this program. Words stay whole, so that addresses can
// be copied. A window of unknown width has 0 columns.
func wrap(line string, columns int) string {
	if columns < minColumns || maxWidth(line) <= columns {
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
		if row > 0 && row+len(blanks)+maxWidth(word) > columns {
			b.WriteString("\n")
			row, blanks = 0, indent
		}
		b.WriteString(blanks + word)
		row += len(blanks) + maxWidth(word)
		blanks = ""
	}
	return b.String()
}

// maxWidth is the most columns that a text can take: terminals differ about the
// width of characters outside ASCII.
func maxWidth(s string) int { return 2*utf8.RuneCountInString(s) - ascii(s) }

func ascii(s string) (n int) {
	for i := range len(s) {
		if s[i] < utf8.RuneSelf {
			n++
		}
	}
	return n
}

// Approximately rounds a duration to what a person wants to read.
func Approximately(d time.Duration) string {
	switch {
	case d <= 0:
		return "no time"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
