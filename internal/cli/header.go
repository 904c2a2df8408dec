package cli

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"mcp-login/internal/header"
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
		name, value, ok := header.Split(line)
		if ok {
			if value, err = header.Expand(value, getenv); err != nil {
				return nil, usageError{fmt.Errorf("header %s: %w", name, err)}
			}
			value = strings.TrimSpace(value)
		}
		if !ok || !header.ValidValue(value) {
			// It may be a secret in the wrong form: none of it is shown.
			return nil, usageError{hint.With(errors.New("a --header is not of the form 'Name: value'"), "write it as --header 'X-Api-Key: ${MY_KEY}'")}
		}
		if schemeAlone(name, value) {
			return nil, usageError{hint.With(fmt.Errorf("header %s: nothing stands behind %s", name, value), "the client has put an empty variable there; set it, or leave the header out to sign in")}
		}
		h.Add(name, value)
	}
	if h.Get("User-Agent") == "" && !o.printed("User-Agent") {
		h.Set("User-Agent", agent(o.userAgent))
	}
	return h, nil
}

// schemeAlone reports whether a header would present nothing.
func schemeAlone(name, value string) bool {
	return strings.EqualFold(name, "Authorization") && (strings.EqualFold(value, "Bearer") || strings.EqualFold(value, "Basic"))
}

// headerLines are those of the files, which a client's configuration need not
// hold then, and those of the flags.
func (o *options) headerLines() ([]string, error) {
	var lines []string
	for _, file := range o.headerFiles {
		text, err := readFlagFile(file)
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
