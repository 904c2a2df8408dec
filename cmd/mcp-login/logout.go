package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"mcp-login/internal/oauth"
)

func newLogout(a *app) *cobra.Command {
	var o options
	var all bool
	cmd := &cobra.Command{
		Use:     "logout URL",
		Short:   "Revoke a login at its provider and forget it here",
		Example: "  $ mcp-login logout https://example.com/mcp\n  $ mcp-login logout --all",
		Args: func(cmd *cobra.Command, args []string) error {
			if all && len(args) == 0 {
				return nil
			}
			return serverArgument(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.logoutAll(cmd.Context(), o)
			}
			return a.logout(cmd.Context(), o, args[0])
		},
	}
	o.register(cmd.Flags(), a.getenv)
	cmd.Flags().BoolVar(&all, "all", false, "every login kept here")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { o.scopeList(cmd.Flags()) }
	return cmd
}

func (a *app) logout(ctx context.Context, o options, raw string) error {
	s, err := a.session(o, raw, false)
	if err != nil {
		return err
	}
	defer s.close()
	switch err := s.client.Logout(ctx); {
	case errors.Is(err, oauth.ErrNotFound):
		fmt.Fprintf(a.out, "no login kept for %s\n", s.server)
		return nil
	case errors.Is(err, oauth.ErrUnavailable):
		fmt.Fprintf(a.out, "forgot the login for %s\n", s.server)
		a.note("the provider could not be told: %s; its tokens stay valid there until they expire", oneLine(err.Error()))
		return nil
	case err != nil:
		return err
	}
	fmt.Fprintf(a.out, "signed out of %s\n", s.server)
	return nil
}

// logoutAll goes on after a failure and reports all of them.
func (a *app) logoutAll(ctx context.Context, o options) error {
	_, entries, err := a.kept(ctx, o)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		fmt.Fprintln(a.out, "no logins kept")
	}
	var failures []error
	for _, e := range entries {
		one := o
		one.profile, one.clientID, one.resource, one.allowHTTP = e.Key.Profile, e.Key.ClientID, e.Key.Resource, true
		one.setScopes(e.Key.Scopes)
		failures = append(failures, a.logout(ctx, one, e.Key.Server))
	}
	return errors.Join(failures...)
}
