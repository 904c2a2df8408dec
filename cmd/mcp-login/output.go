package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/spf13/cobra"
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

// printJSON writes the one object of --json.
func (a *app) printJSON(v any) error {
	b, err := json.Marshal(v, jsontext.WithIndent("  "), jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true)) // what servers say is shown as it is
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	a.answered = true
	fmt.Fprintf(a.out, "%s\n", b)
	return nil
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
	if a.answered || asked == nil || asked.Value.String() != "true" {
		return
	}
	_ = a.printJSON(errorReport{schemaVersion, oneLine(err.Error()), oneLine(hintOf(err)), code}) // the exit code tells all the same
}

// hintOf is the next step of an error, "" if it has none.
func hintOf(err error) string {
	var hinted interface{ UserHint() string }
	if errors.As(err, &hinted) {
		return hinted.UserHint()
	}
	return ""
}

// inUTC is a time for --json, to the second, nil when it is not known.
func inUTC(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	utc := t.UTC().Truncate(time.Second)
	return &utc
}
