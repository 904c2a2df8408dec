package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/oauth"
)

func newLogout(a *app) *cobra.Command {
	var o options
	var all bool
	var with ending
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
				return a.logoutAll(cmd.Context(), o, with)
			}
			return a.logout(cmd.Context(), o, args[0], with)
		},
	}
	o.register(cmd.Flags(), a.getenv)
	cmd.Flags().BoolVar(&all, "all", false, "every login kept here")
	cmd.Flags().BoolVar(&with.session, "end-session", false, "also end the session at the provider, in the browser")
	cmd.Flags().BoolVar(&with.registration, "delete-registration", false, "also delete the client that registered itself at the provider for this login")
	cmd.PreRun = func(cmd *cobra.Command, _ []string) { o.scopeList(cmd.Flags()) }
	return cmd
}

func (a *app) logout(ctx context.Context, o options, raw string, with ending) error {
	s, err := a.session(o, raw, askNobody)
	if err != nil {
		return err
	}
	defer s.close()
	ended, err := s.endLogin(ctx)
	if err != nil {
		return storeError{err}
	}
	before, err := s.client.Credential(ctx)
	if err == nil && with.session {
		defer a.endSession(o, s, before)
	}
	switch err := s.client.Logout(ctx, with.registration); {
	case errors.Is(err, oauth.ErrNotFound) && ended:
		fmt.Fprintf(a.out, "ended the sign-in to %s\n", s.server)
		return nil
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

// ending says what else a logout ends.
type ending struct{ session, registration bool }

// endTimeout is how long another process may take to give up its login.
const endTimeout = 5 * time.Second

// endLogin ends a login that another process waits for.
func (s *session) endLogin(ctx context.Context) (ended bool, err error) {
	if !s.store.LoginUnderWay(ctx, s.key) {
		return false, nil
	}
	if err := s.store.EndLogin(ctx, s.key); err != nil {
		return false, err
	}
	ctx, cancel := context.WithTimeout(ctx, endTimeout)
	defer cancel()
	unlock, err := s.store.LockLogin(ctx, s.key)
	if err != nil {
		return false, fmt.Errorf("wait for the login in progress to end: %w", err)
	}
	unlock()
	return true, nil
}

// logoutAll goes on after a failure and reports all of them.
func (a *app) logoutAll(ctx context.Context, o options, with ending) error {
	_, entries, err := a.kept(ctx, o)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		fmt.Fprintln(a.out, "no logins kept")
	}
	var failures []error
	for _, e := range entries {
		failures = append(failures, a.logout(ctx, o.forKey(e.Key), e.Key.Server, with))
	}
	return errors.Join(failures...)
}
