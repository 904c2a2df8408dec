package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/oauth"
)

func newLogin(a *app) *cobra.Command {
	var o options
	var again, force, detached, asJSON bool
	cmd := &cobra.Command{
		Use:   "login URL",
		Short: "Sign in to a server now and keep the login",
		Long: "login signs in to a server, unless a kept login still works, and proves the result with\na real request. MCP clients that use mcp-login with the same URL then start signed in.\n" +
			"A server that lets everybody in so far, and wants a sign-in for some of its tools, is signed\n" +
			"in to if it publishes protected-resource metadata (RFC 9728), or with --force.",
		Example: "  $ mcp-login login https://example.com/mcp",
		Args:    serverArgument,
		RunE: func(cmd *cobra.Command, args []string) error {
			if detached {
				return a.detachedLogin(cmd.Context(), o, args[0])
			}
			return a.login(cmd.Context(), o, args[0], again, force, asJSON)
		},
	}
	o.register(cmd.Flags(), a.getenv)
	cmd.Flags().BoolVar(&again, "again", false, "sign in again although a login is kept, for example as somebody else")
	cmd.Flags().BoolVar(&force, "force", false, "sign in although the server asks for no sign-in and publishes nothing about one")
	jsonFlag(cmd, &asJSON, "")
	cmd.Flags().BoolVar(&detached, detachedFlag, false, "")
	_ = cmd.Flags().MarkHidden(detachedFlag)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return o.settle(cmd.Flags()) }
	return cmd
}

// loginReport is the object of login --json. Outcome is signed_in,
// already_signed_in, not_needed or token_given; the rest is of a login.
type loginReport struct {
	SchemaVersion int        `json:"schema_version"`
	Server        string     `json:"server"`
	Outcome       string     `json:"outcome"`
	Profile       string     `json:"profile,omitzero"`
	Account       string     `json:"account,omitzero"`
	Issuer        string     `json:"issuer,omitzero"`
	Scopes        []string   `json:"scopes,omitzero"`
	Store         string     `json:"store,omitzero"`
	ExpiresAt     *time.Time `json:"expires_at,omitzero"`
	Refreshable   bool       `json:"refreshable,omitzero"`
}

func (a *app) login(ctx context.Context, o options, raw string, again, force, asJSON bool) error {
	s, err := a.session(ctx, o, raw, askByPerson)
	if err != nil {
		return err
	}
	defer s.close()
	if instead := s.instead(); instead != "" {
		if err := s.probe(ctx); err != nil {
			return err
		}
		if asJSON {
			return a.term.JSON(loginReport{SchemaVersion: schemaVersion, Server: s.server.String(), Outcome: "token_given"})
		}
		a.term.Print("%s takes %s", s.server, instead)
		return nil
	}
	if again {
		if err := s.client.LogoutToReturn(ctx); err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return err
		}
	}
	if err := s.client.Acted(ctx); err != nil {
		s.log.Warn("earlier sign-ins that led to nothing still count", "error", err)
	}
	before, _ := s.client.Credential(ctx)
	if err := s.demand(ctx, force); err != nil {
		return err
	}
	cred, err := s.client.Credential(ctx)
	switch {
	case errors.Is(err, oauth.ErrNotFound) && asJSON:
		return a.term.JSON(loginReport{SchemaVersion: schemaVersion, Server: s.server.String(), Outcome: "not_needed"})
	case errors.Is(err, oauth.ErrNotFound):
		a.term.Print("%s needs no sign-in; if one of its tools does, add --force", s.server)
		return nil
	case err != nil:
		return err
	}
	verb := "signed in"
	if before.HasToken() && before.ObtainedAt.Equal(cred.ObtainedAt) {
		verb = "already signed in"
	}
	if asJSON {
		return a.term.JSON(loginReport{
			SchemaVersion: schemaVersion, Server: s.server.String(), Outcome: strings.ReplaceAll(verb, " ", "_"),
			Profile: s.key.Profile, Account: cred.Account, Issuer: cred.Issuer, Scopes: cred.GrantedScopes,
			Store: string(s.store.KeptIn(s.key)), ExpiresAt: inUTC(cred.Expiry), Refreshable: !cred.RefreshToken.IsZero(),
		})
	}
	a.term.Print("%s to %s%s", verb, s.server, asAccount(cred))
	a.term.Print("kept in %s", s.store.Describe(ctx, s.key))
	a.term.Print("%s", validity(cred, time.Now()))
	return nil
}

// demand lets the server say whether a login is needed, and whether the token it
// leads to is any good, by a real request. One that lets everybody in so far is
// signed in to if force is set, or it publishes where to sign in.
func (s *session) demand(ctx context.Context, force bool) error {
	if err := s.probe(ctx); err != nil {
		return err
	}
	before, _ := s.client.Credential(ctx)
	if wanted, err := s.client.SignInAhead(ctx, force); err != nil || !wanted {
		return err
	}
	if cred, err := s.client.Credential(ctx); err != nil || cred.ObtainedAt.Equal(before.ObtainedAt) {
		return err
	}
	if err := s.reconnect(); err != nil { // a probe has closed it
		return err
	}
	return s.probe(ctx)
}

func asAccount(cred oauth.Credential) string {
	if cred.Account == "" {
		return ""
	}
	return " as " + cred.Account
}

// validity says until when, and whether that matters.
func validity(cred oauth.Credential, now time.Time) string {
	until := "access token without a known end"
	if !cred.Expiry.IsZero() {
		until = "access token valid for " + roughly(cred.Expiry.Sub(now))
	}
	if cred.RefreshToken.IsZero() {
		return until + ", then you will be asked again (the provider gave no refresh token)"
	}
	return until + ", then renewed without asking"
}

// roughly rounds a duration to what a person wants to read.
func roughly(d time.Duration) string {
	switch {
	case d <= 0:
		return "no time"
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}
