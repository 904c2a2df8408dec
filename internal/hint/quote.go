package hint

import (
	"runtime"
	"strings"
)

// Quote returns s as one word for the shells of this system: sh and zsh, or cmd.exe and
// PowerShell. A word that means itself in all of them stays as it is.
func Quote(s string) string { return quote(s, runtime.GOOS == "windows") }

// quote quotes for Windows with "…", which both shells take. A word with a $, a backtick,
// a typographic mark or a " gets the single quotes of PowerShell, which would read them
// otherwise; cmd.exe has no such quotes.
func quote(s string, windows bool) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._:/@%+=", r) && (!windows || r != '%' && r != '@')
	}
	special := func(r rune) bool { return !plain(r) }
	switch {
	case s != "" && s[0] != '=' && !strings.ContainsFunc(s, special): // =word is a program of zsh
		return s
	case !windows:
		return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
	case strings.ContainsAny(s, "$`\"\u201c\u201d\u201e"):
		return "'" + strings.ReplaceAll(s, "'", "''") + "'"
	}
	return `"` + s + `"`
}
