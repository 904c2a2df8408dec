package terminal

import (
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	// indent begins the rows below the first one of a wrapped line.
	indent = "    "
	// minColumns is the narrowest window in which lines are broken.
	minColumns = 20
)

// wrap breaks a line at blanks before the window would, and begins the rows below the
// first with an indent. Without it a stranger could pad his text so that a row of the
// screen begins like a line of this program. Words stay whole, so that addresses can be
// copied, and one that is too long has a row of its own; so has a command, if the line has
// to be broken at all. A window of unknown width has 0 columns.
func wrap(line string, columns int) string { return hang(line, columns, indent) }

// hang is wrap with another indent.
func hang(line string, columns int, indent string) string {
	if columns < minColumns || maxWidth(line) <= columns {
		return strings.ReplaceAll(line, kept, " ")
	}
	var b strings.Builder
	row, blanks, alone := 0, "", false
	for i, word := range strings.Split(line, " ") {
		if i > 0 {
			blanks += " "
		}
		if word == "" {
			continue
		}
		command := strings.HasPrefix(word, commandWord+kept)
		if command {
			word = strings.TrimSuffix(word, ";")
		}
		if row > 0 && (command || alone || row+len(blanks)+maxWidth(word) > columns) {
			b.WriteString("\n")
			row, blanks = 0, indent
		}
		b.WriteString(blanks + word)
		row += len(blanks) + maxWidth(word)
		blanks, alone = "", command
	}
	return strings.ReplaceAll(b.String(), kept, " ")
}

// commandWord begins the commands in our texts.
const commandWord = "mcp-login"

// keepWhole marks what a person copies out of a hint, so that it is not broken: commands,
// which stand behind a colon or a semicolon and end with a semicolon, and what is quoted. A
// stranger may have put it there: what holds the beginning of our lines is broken.
func keepWhole(text string) string {
	return whole().ReplaceAllStringFunc(text, func(found string) string {
		if strings.Contains(found, program) {
			return found
		}
		copied := strings.TrimLeft(found, ":; ")
		return found[:len(found)-len(copied)] + strings.ReplaceAll(copied, " ", kept)
	})
}

var whole = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?:^|[:;] )` + commandWord + ` (?:'[^']*'|"[^"]*"|[^;'"]|;\S)+|(?:^| )(?:'[^']{1,48}'|"[^"]{1,48}")`)
})

// maxWidth is the most columns that a text can take: terminals differ about the
// width of characters outside ASCII.
func maxWidth(s string) int {
	if strings.Contains(s, "\x1b") {
		s = sequence().ReplaceAllString(s, "")
	}
	return 2*utf8.RuneCountInString(s) - ascii(s)
}

// sequence matches the escape sequences of this package, which take no columns.
var sequence = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile("\x1b\\[[0-9;]*m") })

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
