package cli

import (
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// The rules of output: results go to stdout, all else to stderr with the
// program's name in front. --json prints exactly one object with schema_version,
// members in snake_case and times as RFC 3339 in UTC, also when the command
// fails; no secret is in it but for token --json. A bridge writes nothing but the
// protocol to stdout.

// schemaVersion is that of all objects of --json; testdata/schemas.golden pins
// them. Adding a member does not change it.
const schemaVersion = 1

// jsonFlag adds --json to a verb; detail follows "print one JSON object".
func jsonFlag(cmd *cobra.Command, to *bool, detail string) {
	cmd.Flags().BoolVar(to, "json", false, "print one JSON object"+detail)
}

// errorReport is what --json prints when there is no result.
type errorReport struct {
	SchemaVersion int    `json:"schema_version"`
	Error         string `json:"error"`
	Hint          string `json:"hint,omitzero"`
	ExitCode      int    `json:"exit_code"`
}

// reportJSON gives a failure to the program that asked for JSON and has no
// answer yet; people read the same on stderr.
func (a *app) reportJSON(cmd *cobra.Command, err error, code int) {
	asked := cmd.Flags().Lookup("json")
	if a.term.WroteJSON() || asked == nil || asked.Value.String() != "true" {
		return
	}
	_ = a.term.JSON(errorReport{schemaVersion, foreign.Message(err.Error()), foreign.Message(hint.Of(err)), code}) // a failure of stdout changes nothing: the exit code is as it is
}

// inUTC is a time for --json, to the second, nil when it is not known.
func inUTC(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC().Truncate(time.Second)
	return &utc
}
