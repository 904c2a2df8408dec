package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"mcp-login/internal/oauth"
)

func newToken(a *app) *cobra.Command {
	var o options
	var asHeader bool
	cmd := &cobra.Command{
		Use:     "token URL",
		Short:   "Print a valid access token, renewing it if need be",
		Long:    "token prints the access token of a kept login, renewing it first when it is near its end.\nIt never opens a browser: exit code 4 says that a sign-in is needed.",
		Example: "  $ curl -H \"$(mcp-login token --header-line https://example.com/mcp)\" https://example.com/mcp",
		Args:    serverArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.token(cmd.Context(), o, args[0], asHeader)
		},
	}
	o.register(cmd.Flags(), a.getenv)
	cmd.Flags().BoolVar(&asHeader, "header-line", false, "print the whole Authorization header line")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { o.scopeList(cmd.Flags()) }
	return cmd
}

func (a *app) token(ctx context.Context, o options, raw string, asHeader bool) error {
	s, err := a.session(o, raw, askNobody)
	if err != nil {
		return err
	}
	defer s.close()
	token, err := s.token(ctx)
	if err != nil {
		return err
	}
	line := token.Reveal()
	if asHeader {
		line = "Authorization: Bearer " + line
	}
	fmt.Fprintln(a.out, line)
	return nil
}

// token returns what is put on requests.
func (s *session) token(ctx context.Context) (oauth.Secret, error) {
	if !s.given.IsZero() {
		return s.given, nil
	}
	cred, err := s.client.Token(ctx)
	if err != nil {
		return oauth.Secret{}, err
	}
	return s.client.Bearer(cred), nil
}
