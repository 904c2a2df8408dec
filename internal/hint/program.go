package hint

import (
	"regexp"
	"strings"
	"sync/atomic"
)

// spelling is how lines to copy are spelled, nil for as they are written.
var spelling atomic.Pointer[struct {
	line    *regexp.Regexp
	program string
}]

// StartedBy makes lines to copy begin with words instead of the name of the program, for one
// that is not on the PATH. verbs are what stands behind the name in a line; a bridge has a flag or
// an address there.
func StartedBy(program, words string, verbs []string) {
	spelling.Store(&struct {
		line    *regexp.Regexp
		program string
	}{regexp.MustCompile(`(^|[\s(])` + regexp.QuoteMeta(program) + ` (` + strings.Join(verbs, `\b|`) + `\b|--|https?://)`), `${1}` + words + ` ${2}`})
}

// Spell returns a text whose lines to copy begin as [StartedBy] says.
func Spell(text string) string {
	if s := spelling.Load(); s != nil {
		return s.line.ReplaceAllString(text, s.program)
	}
	return text
}
