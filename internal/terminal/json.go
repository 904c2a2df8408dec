package terminal

import (
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
)

// JSON prints v on stdout as the one object of --json. Invisible characters and
// control characters are escaped, also inside raw JSON values.
func (t *Terminal) JSON(v any) error {
	b, err := json.Marshal(v, jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	t.wroteJSON.Store(true)
	t.write(t.stdout(), string(foreign.JSON(b))+"\n")
	return nil
}

// WroteJSON reports whether [Terminal.JSON] has printed.
func (t *Terminal) WroteJSON() bool { return t.wroteJSON.Load() }
