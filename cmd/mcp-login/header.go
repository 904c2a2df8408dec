package main

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// header parses the headers of flags and files. Values may name variables, so that secrets
// need not stand in a configuration file; CR and LF are refused, they would
// start another header.
func (o *options) header(getenv func(string) string) (http.Header, error) {
	h := http.Header{}
	lines, err := o.headerLines()
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		value = strings.TrimSpace(expand(value, getenv))
		if !ok || !headerName(name) || !headerValue(value) {
			// It may be a secret in the wrong form: none of it is shown.
			return nil, usageError{hint{errors.New("a --header is not of the form 'Name: value'"), "write it as --header 'X-Api-Key: ${MY_KEY}'"}}
		}
		h.Add(name, value)
	}
	return h, nil
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

// expand replaces ${NAME}; a plain $ stays, it is common in keys.
func expand(s string, getenv func(string) string) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "${")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, closed := strings.Cut(rest, "}")
		if !closed {
			b.WriteString("${" + rest)
			return b.String()
		}
		b.WriteString(getenv(name))
		s = after
	}
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
