package cli

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"mcp-login/internal/hint"
	"mcp-login/internal/terminal"
)

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// onPipes is a terminal whose output nobody sees but a test.
func onPipes(out, err io.Writer) *terminal.Terminal {
	return terminal.New(terminal.Config{Out: out, Err: err})
}

func TestAnErrorAndItsHintAreOneLineEach(t *testing.T) {
	var b bytes.Buffer
	a := &app{term: onPipes(io.Discard, &b)}
	a.term.Error(usageError{hint.With(errors.New("one\ntwo"), "do\nthis")})
	if got := b.String(); got != "mcp-login: error: one; two\nmcp-login: hint: do; this\n" {
		t.Errorf("%q", got)
	}
}
