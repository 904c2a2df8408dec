package header

import (
	"fmt"
	"iter"
	"strings"

	"mcp-login/internal/hint"
)

// Split takes a line apart at the first colon or equals sign: people write either, and
// no name holds one (RFC 9110, section 5.1). ok is false if the name is not valid; the
// value is not judged.
func Split(line string) (name, value string, ok bool) {
	end := strings.IndexAny(line, ":=")
	if end < 0 {
		return "", "", false
	}
	name, value = strings.TrimSpace(line[:end]), strings.TrimSpace(line[end+1:])
	return name, value, validName(name)
}

// Lines are the header lines of a file, trimmed, with their numbers from 1: without
// blank lines, and without comments, which begin with #.
func Lines(data []byte) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		number := 0
		for line := range strings.SplitSeq(string(data), "\n") {
			number++
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' && !yield(number, line) {
				return
			}
		}
	}
}

// Placeholder is a line as a hint shows it: a value that is not a variable may be a
// secret, and is left out.
func Placeholder(line string) string {
	name, value, _ := Split(line)
	secret := strings.TrimPrefix(value, "Bearer ")
	if isVariable := strings.HasPrefix(secret, "${") && strings.IndexByte(secret, '}') == len(secret)-1; !isVariable {
		value = "VALUE"
	}
	return name + ": " + value
}

// Expand replaces ${NAME} and ${env:NAME} in s. A $ without a brace stays, because keys
// hold it, and so does ${}. A variable that is not set, or blank, is an error: what is
// left without it, such as "Bearer ", is not what the person meant.
func Expand(s string, getenv func(string) string) (string, error) {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		name, after, closed := strings.Cut(rest, "}")
		name = strings.TrimSpace(name)
		switch value := getenv(strings.TrimPrefix(name, "env:")); {
		case !closed:
			b.WriteString("${" + rest)
			return b.String(), nil
		case name == "":
			b.WriteString("${}")
		case strings.TrimSpace(value) == "":
			return "", unset(strings.TrimPrefix(name, "env:"))
		default:
			b.WriteString(value)
		}
		s = after
	}
}

// unset says that a variable is not set. A name that does not look like one may be a
// secret in the wrong place, and is not shown.
func unset(name string) error {
	unusual := func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && r != ':' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if len(name) > 64 || strings.ContainsFunc(name, unusual) {
		name = "in ${…}"
	}
	return hint.With(fmt.Errorf("the variable %s is not set", name), "set it where this program is started: in the environment, or in \"env\" of the client's entry")
}

// validName reports whether s can be the name of a header: a token (RFC 9110, section
// 5.6.2).
func validName(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// ValidValue reports whether s can be the value of a header. Control characters cannot
// be in it (RFC 9110, section 5.5): CR and LF would begin another header.
func ValidValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
