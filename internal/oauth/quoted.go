package oauth

import (
	"runtime"
	"strings"
)

// Quoted is a word for the shells of this system: sh and zsh, or cmd.exe and PowerShell.
func Quoted(s string) string { return quoted(s, runtime.GOOS == "windows") }

// quoted leaves a word as it is that means itself in all shells. On Windows both shells
// take "…"; a $, a backtick or a typographic mark in it is PowerShell's, which alone can
// be told not to read it, and so is a " itself.
func quoted(s string, windows bool) string {
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
