package cli

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
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

// Exit codes, documented in docs/exit-codes.md.
const (
	exitOK          = 0
	exitFailure     = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitLogin       = 4
	exitStore       = 5
	exitInterrupted = 130
)

// errInterrupted is what is said of a verb that was told to stop.
var errInterrupted = errors.New("interrupted")

// usageError is a command line that makes no sense.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// storeError marks what the store could not do, for the exit code.
type storeError struct{ error }

func (e storeError) Unwrap() error { return e.error }

// exitCode is the one place that turns an error into a number.
func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var store storeError
	var remote *upstream.Error
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &usage), errors.Is(err, account.ErrNoHandover):
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.As(err, &store):
		return exitStore
	case errors.Is(err, oauth.ErrLoginRequired), errors.Is(err, grant.ErrDenied), errors.Is(err, grant.ErrLoginTimeout), errors.Is(err, oauth.ErrNotFound):
		return exitLogin
	case errors.Is(err, discovery.ErrUnavailable), errors.Is(err, errFeed), errors.As(err, &remote) && (remote.Reason == upstream.Unreachable || remote.Status == http.StatusServiceUnavailable):
		return exitUnreachable
	}
	return exitFailure
}
