package cli

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"mcp-login/internal/account"
	"mcp-login/internal/command"
	"mcp-login/internal/foreign"
	"mcp-login/internal/header"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/grant"
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
		for _, part := range append(strings.FieldsFunc(value, func(r rune) bool { return strings.ContainsRune(" ;,=", r) }), value) {
			foreign.Withhold(part) // as long as the program runs
		}
	}
	if h.Get("User-Agent") == "" && !o.printed("User-Agent") {
		h.Set("User-Agent", agent(o.userAgent, o.version))
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
		text, err := o.files.read(file)
		if err != nil {
			return nil, usageError{fmt.Errorf("read --header-file: %w", err)}
		}
		for _, line := range header.Lines(text) {
			lines = append(lines, line)
		}
	}
	return append(lines, o.headers...), nil
}

// readCommands reads --header-command and --token-command. Nothing is run.
func (o *options) readCommands() error {
	o.commandHeaders = nil
	for _, line := range o.headerCommands {
		name, line, ok := header.Split(line)
		if !ok {
			// It may hold a secret: none of it is shown.
			return usageError{hint.With(errors.New("a --header-command is not of the form 'Name: PROGRAM ARGUMENT…'"), "write it as --header-command 'X-Api-Key: op read op://vault/item/key'")}
		}
		run, err := command.Parse("--header-command "+name, line)
		if err != nil {
			return usageError{err}
		}
		o.commandHeaders = append(o.commandHeaders, command.Header{Name: name, Command: run, Check: forHeader(name)})
	}
	if o.tokenCommand != "" {
		run, err := command.Parse("--token-command", o.tokenCommand)
		if err != nil {
			return usageError{err}
		}
		o.commandHeaders = append(o.commandHeaders, command.Header{Name: "Authorization", Scheme: "Bearer ", Command: run, Check: checkPrinted})
	}
	return o.checkCommands()
}

// checkCommands refuses two sources of one header, and flags of a sign-in beside a
// command that prints the token.
func (o *options) checkCommands() error {
	seen := map[string]bool{}
	for _, h := range o.commandHeaders {
		name := http.CanonicalHeaderKey(h.Name)
		if seen[name] {
			return usageError{fmt.Errorf("two commands print the header %s", name)}
		}
		seen[name] = true
	}
	for flag, given := range map[string]bool{"--client-credentials": o.clientCredentials, "--assertion": o.assertion != "", "--device": o.Device, "--id-token": o.IDToken} {
		if given && seen["Authorization"] {
			return usageError{hint.With(fmt.Errorf("%s is about a sign-in, and with a command that prints the token there is none", flag), "leave out one of them")}
		}
	}
	return nil
}

// printed reports whether a command prints a header.
func (o *options) printed(name string) bool {
	return slices.ContainsFunc(o.commandHeaders, func(h command.Header) bool { return http.CanonicalHeaderKey(h.Name) == name })
}

// forHeader accepts what a header may have, by the rules of --header.
func forHeader(name string) func(grant.Secret) error {
	return func(value grant.Secret) error {
		switch {
		case !header.ValidValue(value.Reveal()):
			return errors.New("what it printed holds characters that no header may have")
		case schemeAlone(name, value.Reveal()):
			return errors.New("it printed the name of a scheme and no token")
		}
		return nil
	}
}

// checkPrinted accepts a bearer token (RFC 6750, section 2.1). Quotes and
// braces are in none: a program that prints them has printed a whole JSON answer, or a
// string with its quotes.
func checkPrinted(token grant.Secret) error {
	if err := grant.CheckToken(token); err != nil || strings.ContainsAny(token.Reveal(), "\"{}'`") {
		return hint.With(errors.New("what it printed is no token"), "let it print the bare token, without the word Bearer and without quotes; with az that is -o tsv, with gcloud --format='value(token)'")
	}
	return nil
}

// commands returns the set of the commands of o. It is made once in a run.
func (o *options) commands(header http.Header, getenv func(string) string, log *slog.Logger) (*command.Set, error) {
	token := getenv(account.TokenVariable)
	for _, h := range o.commandHeaders {
		name := http.CanonicalHeaderKey(h.Name)
		switch {
		case len(header.Values(name)) > 0:
			return nil, usageError{hint.With(fmt.Errorf("both a --header and %s give the header %s", h.Command, name), "leave out one of them")}
		case token != "" && name == "Authorization":
			return nil, usageError{hint.With(fmt.Errorf("both %s and %s give the token", account.TokenVariable, h.Command), "leave out the flag, or unset the variable")}
		}
	}
	if len(o.commandHeaders) == 0 {
		return nil, nil
	}
	if o.commandSet == nil {
		o.commandSet = command.NewSet(o.commandHeaders, getenv("PATH"), log)
	}
	return o.commandSet, nil
}
