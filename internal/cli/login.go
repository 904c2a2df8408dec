package cli

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/hint"
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
			"in to if it publishes protected-resource metadata (RFC 9728), or with --force.\n" +
			"With --enterprise and without a URL it signs in at the company's provider alone.",
		Example: "  $ mcp-login login https://example.com/mcp",
		Args:    a.serverOrCompany,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && o.idTokenFile != "" {
				return usageError{hint.With(errors.New("--enterprise-id-token-file is for where nobody signs in at the company's provider"), "leave it out, or add the URL of a server to use it for")}
			}
			if len(args) == 0 {
				company, address := o.aboutCompany()
				return a.login(cmd.Context(), company, address, again, force, asJSON)
			}
			if detached {
				return a.detachedLogin(cmd.Context(), o, args[0])
			}
			return a.login(cmd.Context(), o, args[0], again, force, asJSON)
		},
	}
	o.bind(cmd, a, ^(filters | relays))
	cmd.Flags().BoolVar(&again, "again", false, "sign in again although a login is kept, for example as somebody else")
	cmd.Flags().BoolVar(&force, "force", false, "sign in although the server asks for no sign-in and publishes nothing about one")
	jsonFlag(cmd, &asJSON, "")
	cmd.Flags().BoolVar(&detached, account.DetachedFlag, false, "")
	_ = cmd.Flags().MarkHidden(account.DetachedFlag)
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
	acc, err := a.open(ctx, o, raw, account.ForLogin)
	if err != nil {
		return err
	}
	defer acc.Close()
	if instead := acc.TokenSource(); instead != "" {
		if err := acc.Probe(ctx); err != nil {
			return err
		}
		if asJSON {
			return a.term.JSON(loginReport{SchemaVersion: schemaVersion, Server: acc.Server.String(), Outcome: "token_given"})
		}
		a.term.Print("%s takes %s", acc.Server, instead)
		return nil
	}
	if again {
		if err := acc.OAuth.LogoutForNewLogin(ctx); err != nil && !errors.Is(err, oauth.ErrNotFound) {
			return err
		}
	}
	if err := acc.OAuth.PersonActed(ctx); err != nil {
		acc.Log.Warn("earlier sign-ins that led to nothing still count", "error", err)
	}
	before, _ := acc.OAuth.Credential(ctx)
	if err := acc.SignIn(ctx, force); err != nil {
		return err
	}
	cred, err := acc.OAuth.Credential(ctx)
	switch {
	case errors.Is(err, oauth.ErrNotFound) && asJSON:
		return a.term.JSON(loginReport{SchemaVersion: schemaVersion, Server: acc.Server.String(), Outcome: "not_needed"})
	case errors.Is(err, oauth.ErrNotFound):
		a.term.Print("%s needs no sign-in; if one of its tools does, add --force", acc.Server)
		return nil
	case err != nil:
		return err
	}
	kind := acc.Store.KeptIn(acc.Key)
	if kind == "" {
		return storeError{hint.With(errors.New("signed in for this program alone, which ends now: the login could not be kept"), "to find out why, run: mcp-login doctor")}
	}
	verb := "signed in"
	if before.HasToken() && before.ObtainedAt.Equal(cred.ObtainedAt) {
		verb = "already signed in"
	}
	if asJSON {
		return a.term.JSON(loginReport{
			SchemaVersion: schemaVersion, Server: acc.Server.String(), Outcome: strings.ReplaceAll(verb, " ", "_"),
			Profile: acc.Key.Profile, Account: cred.Account, Issuer: cred.Issuer, Scopes: cred.GrantedScopes,
			Store: string(kind), ExpiresAt: inUTC(cred.Expiry), Refreshable: !cred.RefreshToken.IsZero(),
		})
	}
	a.term.Print("%s to %s%s", verb, acc.Server, account.AsAccount(cred))
	a.term.Print("kept in %s", acc.Store.Describe(acc.Key))
	a.term.Print("%s", account.Validity(acc.Key, cred, time.Now()))
	return nil
}

// detachedLogin is the process that signs in for another one.
func (a *app) detachedLogin(ctx context.Context, o options, raw string) error {
	said := o.timeout
	if !o.changed("timeout") {
		said = 0
	}
	o.timeout = account.DetachedTimeout(said)
	return account.RunDetached(ctx, a.handover, o.timeout, a.term.Protocol(), func(ctx context.Context) (*account.Account, error) {
		return a.open(ctx, o, raw, account.ForRelay)
	})
}
