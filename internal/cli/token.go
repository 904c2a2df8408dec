package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/hint"
)

func newToken(a *app) *cobra.Command {
	var o options
	var asHeader, asJSON bool
	cmd := &cobra.Command{
		Use:     "token URL",
		Short:   "Print a valid access token, renewing it if need be",
		Long:    "token prints the access token of a kept login, renewing it first when it is near its end,\nor the one that --token-command prints.\nIt never opens a browser: exit code 4 says that a sign-in is needed.\nA token that is bound to the key of its login (DPoP) is of no use to another program:\nit is printed with --json alone; without, the exit code is 1.",
		Example: "  $ curl -H \"$(mcp-login token --header-line https://example.com/mcp)\" \\\n      https://example.com/mcp",
		Args:    a.serverArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.token(cmd.Context(), o, args[0], asHeader, asJSON)
		},
	}
	o.bind(cmd, a, accounts|choices|programs)
	cmd.Flags().BoolVar(&asHeader, "header-line", false, "print the whole Authorization header line")
	jsonFlag(cmd, &asJSON, "")
	return cmd
}

// tokenReport is the only object of --json with a secret in it.
type tokenReport struct {
	SchemaVersion int        `json:"schema_version"`
	Server        string     `json:"server"`
	TokenType     string     `json:"token_type"`
	Token         string     `json:"token"`
	ExpiresAt     *time.Time `json:"expires_at,omitzero"`
}

func (a *app) token(ctx context.Context, o options, raw string, asHeader, asJSON bool) error {
	if asHeader && asJSON {
		return usageError{errors.New("--json and --header-line contradict each other")}
	}
	o.allowHTTP = true // nothing is sent to the server
	acc, err := a.open(ctx, o, raw, account.ForInspect)
	if err != nil {
		return err
	}
	defer acc.Close()
	token, err := acc.Token(ctx)
	if err != nil {
		return err
	}
	kind := "Bearer"
	if token.Bound {
		kind = "DPoP"
	}
	switch {
	case asJSON:
		return a.term.JSON(tokenReport{schemaVersion, acc.Server.String(), kind, token.Reveal(), inUTC(token.Expiry)})
	case token.Bound:
		return &hint.Error{
			Op: "print the token", Err: errors.New("it is bound to the key of this login (DPoP), and of no use to another program"),
			Hint: "let mcp-login send the requests, as " + acc.CommandFor("tools") + " does; to look at the token, add --json",
		}
	}
	line := token.Reveal()
	if asHeader {
		line = "Authorization: Bearer " + line
	}
	a.term.Result(line)
	return nil
}
