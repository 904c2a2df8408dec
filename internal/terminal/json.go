package terminal

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
)

// JSON prints v as the one object of --json on stdout. Raw values in it are shown
// as they are, but for what is not seen, which is escaped.
func (t *Terminal) JSON(v any) error {
	b, err := json.Marshal(v, jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	t.answered.Store(true)
	t.write(t.stdout(), string(foreign.JSON(b))+"\n")
	return nil
}

// Answered reports whether --json has had its object.
func (t *Terminal) Answered() bool { return t.answered.Load() }
