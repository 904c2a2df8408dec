package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"mcp-login/internal/hint"
)

// header returns the headers of flags and files, and our own User-Agent unless they
// have one, which then is for the server alone. Values may name variables, so that
// secrets need not stand in a configuration file; CR and LF are refused, they would
// start another header.
func (o *options) header(getenv func(string) string) (http.Header, error) {
	h := http.Header{}
	lines, err := o.headerLines()
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		name, value, ok := headerParts(line)
		if ok {
			if value, err = expand(value, getenv); err != nil {
				return nil, usageError{fmt.Errorf("header %s: %w", name, err)}
			}
			value = strings.TrimSpace(value)
		}
		if !ok || !headerValue(value) {
			// It may be a secret in the wrong form: none of it is shown.
			return nil, usageError{hint.With(errors.New("a --header is not of the form 'Name: value'"), "write it as --header 'X-Api-Key: ${MY_KEY}'")}
		}
		if schemeAlone(name, value) {
			return nil, usageError{hint.With(fmt.Errorf("header %s: nothing stands behind %s", name, value), "the client has put an empty variable there; set it, or leave the header out to sign in")}
		}
		h.Add(name, value)
	}
	if h.Get("User-Agent") == "" && !o.printed("User-Agent") {
		h.Set("User-Agent", o.agent())
	}
	return h, nil
}

// schemeAlone reports whether a header would present nothing.
func schemeAlone(name, value string) bool {
	return strings.EqualFold(name, "Authorization") && (strings.EqualFold(value, "Bearer") || strings.EqualFold(value, "Basic"))
}

// headerParts splits a line behind its name, which holds neither a colon nor an
// equals sign: people write either.
func headerParts(line string) (name, value string, ok bool) {
	end := strings.IndexAny(line, ":=")
	if end < 0 {
		return "", "", false
	}
	name, value = strings.TrimSpace(line[:end]), strings.TrimSpace(line[end+1:])
	return name, value, headerName(name)
}

// placeholder is a header as a hint shows it: what may be a secret is left out.
func placeholder(line string) string {
	name, value, _ := headerParts(line)
	name, secret := strings.TrimSpace(name), strings.TrimPrefix(value, "Bearer ")
	if isVariable := strings.HasPrefix(secret, "${") && strings.IndexByte(secret, '}') == len(secret)-1; !isVariable {
		value = "VALUE"
	}
	return name + ": " + value
}

// headerLines are those of the files, which a client's configuration need not
// hold then, and those of the flags.
func (o *options) headerLines() ([]string, error) {
	var lines []string
	for _, file := range o.headerFiles {
		text, err := readGiven(file)
		if err != nil {
			return nil, usageError{fmt.Errorf("read --header-file: %w", err)}
		}
		for line := range strings.SplitSeq(string(text), "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				lines = append(lines, line)
			}
		}
	}
	return append(lines, o.headers...), nil
}

// expand replaces ${NAME} and ${env:NAME}; a plain $ stays, it is common in keys,
// and so does ${}. A variable that is not set, or empty, is an error: what is left
// without it, such as "Bearer ", says something else than the person meant.
func expand(s string, getenv func(string) string) (string, error) {
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

// unset says that a variable is missing. What does not look like the name of one
// may be a secret in the wrong form, and is not shown.
func unset(name string) error {
	foreigner := func(r rune) bool {
		return r != '_' && r != '-' && r != '.' && r != ':' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}
	if len(name) > 64 || strings.ContainsFunc(name, foreigner) {
		name = "in ${…}"
	}
	return hint.With(fmt.Errorf("the variable %s is not set", name), "set it where this program is started: in the environment, or in \"env\" of the client's entry")
}

// headerName reports whether s is a token (RFC 9110, section 5.6.2).
func headerName(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>@,;:\\\"/[]?={}", c) >= 0 {
			return false
		}
	}
	return s != ""
}

// headerValue refuses control characters (RFC 9110, section 5.5).
func headerValue(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}
