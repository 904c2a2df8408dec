package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

func newLogout(a *app) *cobra.Command {
	var o options
	var all, asJSON bool
	var with logoutOptions
	cmd := &cobra.Command{
		Use:     "logout URL",
		Short:   "Revoke a login at its provider and forget it here",
		Example: "  $ mcp-login logout https://example.com/mcp\n  $ mcp-login logout --all",
		Args: func(cmd *cobra.Command, args []string) error {
			if all && len(args) == 0 {
				return nil
			}
			return a.serverOrCompany(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			with.quiet = asJSON
			if len(args) == 0 && !all {
				return a.logoutCompany(cmd.Context(), o, with)
			}
			if len(args) == 0 {
				if err := a.refuseServerFlags(cmd.Flags()); err != nil {
					return err
				}
				return a.logoutAll(cmd.Context(), o, with)
			}
			_, before, err := a.kept(cmd.Context(), o)
			if err != nil {
				return err
			}
			one, err := a.logout(cmd.Context(), o, args[0], with)
			if err != nil {
				return err
			}
			rows, err := a.forgetFailed(cmd.Context(), o, one, before, with)
			if err == nil && with.quiet {
				return a.term.JSON(logoutReport{schemaVersion, append([]logoutRow{one}, rows...)})
			}
			return err
		},
	}
	o.bind(cmd, a, accounts|browsers)
	cmd.Flags().BoolVar(&all, "all", false, "every login kept here")
	cmd.Flags().BoolVar(&with.session, "end-session", false, "also end the session at the provider, in the browser")
	cmd.Flags().BoolVar(&with.registration, "delete-registration", false, "also delete the client that registered itself at the provider for this login")
	jsonFlag(cmd, &asJSON, "")
	return cmd
}

// logoutReport is the object of logout --json.
type logoutReport struct {
	SchemaVersion int         `json:"schema_version"`
	Logouts       []logoutRow `json:"logouts"`
}

// Outcomes of a logout, in --json as they are.
const (
	logoutDone      = "signed_out"
	logoutForgotten = "forgotten" // here; the provider could not be told
	logoutEnded     = "sign_in_ended"
	logoutFailed    = "failed_sign_in_forgotten"
	logoutNone      = "no_login"
)

type logoutRow struct {
	Server  string `json:"server"`
	Profile string `json:"profile,omitzero"`
	// Flags set the account apart from others of its server.
	Flags   string `json:"flags,omitzero"`
	Outcome string `json:"outcome"`
	Problem string `json:"problem,omitzero"`
	// What has become of the tokens: none, revoked, valid or unknown. Until is when an
	// access token ends that can still be used by whoever has a copy.
	RefreshToken oauth.TokenStatus `json:"refresh_token,omitzero"`
	AccessToken  oauth.TokenStatus `json:"access_token,omitzero"`
	Until        *time.Time        `json:"access_token_usable_until,omitzero"`
}

// addLeftover adds what has become of the tokens, and returns what a person should know of
// that, "" for nothing.
func (r *logoutRow) addLeftover(left oauth.LogoutResult, now time.Time) string {
	r.RefreshToken, r.AccessToken = left.RefreshToken, left.AccessToken
	var said []string
	if left.RefreshToken == oauth.StillValid {
		said = append(said, "the provider has no way to revoke the refresh token, which stays valid there until it expires")
	}
	if left.Lives(now) {
		what := "the access token"
		if left.SelfContained {
			what = "the access token is a JWT, which most servers check without asking the provider: it"
		}
		until := "until it expires"
		if !left.Expiry.IsZero() {
			r.Until = inUTC(left.Expiry)
			until = fmt.Sprintf("until %s (%s)", left.Expiry.Local().Format("15:04 on 2006-01-02"), terminal.Approximately(left.Expiry.Sub(now)))
		}
		said = append(said, what+" can be used by whoever has a copy "+until+"; it is forgotten here")
	}
	return strings.Join(said, "; ")
}

// logout ends one login, and says so unless the caller does.
func (a *app) logout(ctx context.Context, o options, raw string, with logoutOptions) (logoutRow, error) {
	o.allowHTTP, o.serverAlone = true, true // nothing is sent to the server
	o.needsNoSource()
	acc, err := a.open(ctx, o, raw, account.ForInspect)
	if err != nil {
		return logoutRow{}, err
	}
	defer acc.Close()
	row := logoutRow{Server: acc.Server.String(), Profile: acc.Key.Profile, Flags: strings.Join(oauth.AccountFlags(acc.Key, "", ""), " ")}
	var ended bool
	if with.failed {
		release, still := acc.HoldFailed(ctx)
		if !still {
			return row, nil
		}
		defer release()
	} else if ended, err = acc.EndLogin(ctx); err != nil {
		return row, storeError{err}
	}
	before, err := acc.OAuth.Credential(ctx)
	if err == nil && with.session {
		defer a.endSession(ctx, acc, before, with.quiet)
	}
	var text string
	result, err := acc.OAuth.Logout(ctx, with.registration)
	switch {
	case errors.Is(err, oauth.ErrNotFound) && with.failed:
		row.Outcome = logoutFailed
	case errors.Is(err, oauth.ErrNotFound) && ended:
		row.Outcome, text = logoutEnded, "ended the sign-in to"
	case errors.Is(err, oauth.ErrNotFound) && o.narrowedByVariables():
		o.Settings = o.withoutVariables()
		return a.logout(ctx, o, raw, with)
	case errors.Is(err, oauth.ErrNotFound):
		row.Outcome, text = logoutNone, "no login kept for"
	case errors.Is(err, discovery.ErrUnavailable):
		row.Outcome, text = logoutForgotten, "forgot the login for"
		row.Problem = "the provider could not be told: " + foreign.Message(err.Error()) + "; its tokens stay valid there until they expire"
	case err != nil:
		return row, err
	default:
		row.Outcome, text = logoutDone, "signed out of"
	}
	lives := row.addLeftover(result, time.Now())
	if !with.quiet {
		of := ""
		if with.several {
			of = " " + row.Flags
		}
		a.term.Print("%s %s%s", text, acc.Server, of)
	}
	if lives != "" && row.Problem == "" {
		a.term.Note("%s", lives)
	}
	if row.Problem != "" {
		a.term.Note("%s", row.Problem)
	}
	return row, nil
}

// logoutOptions says what else a logout ends, whether it says so on stdout, whether that
// names the account among several of its server, and whether only a sign-in that led to
// nothing is forgotten.
type logoutOptions struct{ session, registration, quiet, several, failed bool }

// endSession prints where the person's session at the provider can be ended, and opens
// it.
func (a *app) endSession(ctx context.Context, acc *account.Account, cred oauth.Credential, quiet bool) {
	address, err := acc.EndSessionURL(ctx, cred)
	switch {
	case err != nil:
		a.term.Note("the session in the browser is not ended: %v", err)
		return
	case address == "":
		a.term.Note("%s publishes no address to end the session in the browser", cred.Issuer)
		return
	case quiet:
		a.term.Note("end the session in the browser:")
		a.term.Address(address)
	default:
		a.term.Print("end the session in the browser:")
		a.term.ResultAddress(address)
	}
	if err := acc.Browser.Open(address); err != nil {
		acc.Log.Debug("no browser was opened", "reason", err)
	}
}

// forgetFailed forgets the sign-ins to the server of done that led to nothing, whatever other
// flags they had, except those of another profile. before is what was kept at first.
func (a *app) forgetFailed(ctx context.Context, o options, done logoutRow, before []store.Entry, with logoutOptions) (rows []logoutRow, err error) {
	for _, e := range before {
		if e.Key.Server != done.Server || e.Key.Profile != done.Profile || e.HasToken || e.Established || e.UnderWay || e.Problem != "" {
			continue
		}
		row, failure := a.logout(ctx, o.forKept(e), e.Key.Server, logoutOptions{failed: true, registration: with.registration, quiet: true})
		if err = errors.Join(err, failure); failure == nil && row.Outcome != "" {
			rows = append(rows, row)
		}
	}
	if len(rows) > 0 && !with.quiet {
		a.term.Print("forgot sign-ins to %s that led to nothing: %d", done.Server, len(rows))
	}
	return rows, err
}

// logoutAll goes on after a failure and reports all of them.
func (a *app) logoutAll(ctx context.Context, o options, with logoutOptions) error {
	st, entries, err := a.kept(ctx, o)
	if err != nil {
		return err
	}
	if len(entries) == 0 && !with.quiet {
		a.term.Print("no logins kept")
	}
	report := logoutReport{schemaVersion, []logoutRow{}}
	var failures []error
	for _, e := range entries {
		if e.Key.Server == "" {
			failures = append(failures, storeError{hint.With(fmt.Errorf("forget a login of a server that is not known: %s", e.Problem), "remove the files "+st.Files(e.ID))})
			continue
		}
		one := with
		one.quiet = with.quiet || !e.HasToken && !e.Established // a sign-in that led to nothing is no login
		one.several = slices.ContainsFunc(entries, func(other store.Entry) bool {
			return other.HasToken && other.Key.Server == e.Key.Server && other.ID != e.ID
		})
		row, err := a.logout(ctx, o.forKept(e), e.Key.Server, one)
		if err == nil && row.Outcome != logoutNone {
			report.Logouts = append(report.Logouts, row)
		}
		failures = append(failures, err)
	}
	if err := st.ForgetServers(ctx); err != nil { // that need no login
		failures = append(failures, storeError{err})
	}
	err = errors.Join(failures...)
	if err == nil && with.quiet {
		return a.term.JSON(report)
	}
	return err
}
