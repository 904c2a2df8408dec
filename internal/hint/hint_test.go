package hint_test

import (
	"errors"
	"fmt"
	"testing"

	"mcp-login/internal/hint"
)

// The outermost hint is the one to follow, however deep it is wrapped, and the
// error reads and unwraps as its cause.
func TestTheOutermostHintCounts(t *testing.T) {
	cause := errors.New("no route")
	inner := &hint.Error{Op: "ask the server", Err: cause, Hint: "check the address"}
	for _, c := range []struct {
		err        error
		text, next string
	}{
		{cause, "no route", ""},
		{inner, "ask the server: no route", "check the address"},
		{fmt.Errorf("sign in: %w", inner), "sign in: ask the server: no route", "check the address"},
		{hint.With(inner, "use a proxy"), "ask the server: no route", "use a proxy"},
		{hint.With(inner, ""), "ask the server: no route", "check the address"}, // one that says nothing is not the outermost
		{&hint.Error{Op: "sign in", Err: fmt.Errorf("again: %w", inner)}, "sign in: again: ask the server: no route", "check the address"},
		{errors.Join(cause, inner), "no route\nask the server: no route", "check the address"},
		{errors.Join(&hint.Error{Err: cause}, inner), "no route\nask the server: no route", "check the address"}, // nor is one beside it
		{errors.Join(fmt.Errorf("at first: %w", &hint.Error{Err: cause}), inner, hint.With(cause, "wait")), "at first: no route\nask the server: no route\nno route", "check the address"},
	} {
		if c.err.Error() != c.text || hint.Of(c.err) != c.next || !errors.Is(c.err, cause) {
			t.Errorf("%q with the hint %q, want %q with %q", c.err, hint.Of(c.err), c.text, c.next)
		}
	}
	if hint.Of(nil) != "" || hint.With(nil, "") != nil {
		t.Error("no error has a hint")
	}
}
