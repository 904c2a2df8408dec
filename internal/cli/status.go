package cli

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/doctor"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

func newStatus(a *app) *cobra.Command {
	var o options
	var asJSON, offline bool
	cmd := &cobra.Command{
		Use:     "status [URL]",
		Short:   "Show the logins kept here, and until when they are valid",
		Long:    "status lists the logins kept here and proves each with a real request, renewing its\ntoken if need be. With a URL it shows that one, and exits with 4 when a person would have\nto sign in. With --offline it asks nobody and says what is on record.",
		Example: "  $ mcp-login status\n  $ mcp-login status --json https://example.com/mcp",
		Args:    a.serverOrNone,
		RunE: func(cmd *cobra.Command, args []string) error {
			server := ""
			if len(args) == 1 {
				server = args[0]
			} else if o.Enterprise != "" {
				o, server = o.aboutCompany()
			} else if err := a.refuseServerFlags(cmd.Flags(), "profile"); err != nil {
				return err
			}
			return a.status(cmd.Context(), o, server, asJSON, offline)
		},
	}
	o.bind(cmd, a, accounts|choices|browsers|servers)
	jsonFlag(cmd, &asJSON, "")
	cmd.Flags().BoolVar(&offline, "offline", false, "ask neither server nor provider")
	return cmd
}

// loginRow is one line of status. Times are RFC 3339 in UTC.
type loginRow struct {
	Server  string `json:"server"`
	Profile string `json:"profile,omitzero"`
	Account string `json:"account,omitzero"`
	Issuer  string `json:"issuer,omitzero"`
	// IssuerFoundAt is where the metadata was found that calls itself Issuer, which
	// somebody has accepted with --accept-issuer; "" where it is the issuer's own.
	IssuerFoundAt string `json:"issuer_found_at,omitzero"`
	// IssuerNamed is what --issuer has named, "" where the server has.
	IssuerNamed string `json:"issuer_named,omitzero"`
	// ClientID is the client at the provider, and Resource what the token was asked
	// for, "" where no resource was.
	ClientID string `json:"client_id,omitzero"`
	Resource string `json:"resource,omitzero"`
	// RequestedScopes were asked for, and Scopes were granted. An empty list means no
	// scopes, not all.
	RequestedScopes []string `json:"requested_scopes"`
	Scopes          []string `json:"scopes"`
	// Flags set the account apart from others of its server, in the words of a shell.
	Flags string `json:"flags,omitzero"`
	// Enterprise is the company's provider that vouches for the person at this server. Where
	// the login is the one there, Server is its issuer, and UsedBy are such servers.
	Enterprise string   `json:"enterprise,omitzero"`
	UsedBy     []string `json:"used_by,omitzero"`

	Store       string     `json:"store"`
	ExpiresAt   *time.Time `json:"expires_at,omitzero"`
	LastUsedAt  *time.Time `json:"last_used_at,omitzero"`
	Refreshable bool       `json:"refreshable"`
	// BoundToKey tells that the tokens are of no use without a key that is kept with them
	// (DPoP).
	BoundToKey bool `json:"bound_to_key,omitzero"`
	NeedsLogin bool `json:"needs_login"`
	// Check is what a real request has shown: works, refused, no answer; "" when
	// none was made.
	Check string `json:"check,omitzero"`
	// Pending is a login that waits for its person right now.
	Pending *pendingRow `json:"pending,omitzero"`
	// Problem says why the login cannot be read or does not work.
	Problem string `json:"problem,omitzero"`
	next    string // what to do about it, "" for a login
}

type pendingRow struct {
	URL      string    `json:"url"`
	Issuer   string    `json:"issuer,omitzero"`
	UserCode string    `json:"user_code,omitzero"`
	Started  time.Time `json:"started"`
}

type statusReport struct {
	SchemaVersion int        `json:"schema_version"`
	Logins        []loginRow `json:"logins"`
}

func (a *app) status(ctx context.Context, o options, raw string, asJSON, offline bool) error {
	o.needsNoSource()
	if err := o.checkSource(); err != nil {
		return err
	}
	st, entries, err := a.kept(ctx, o)
	if err != nil {
		return err
	}
	report := statusReport{SchemaVersion: schemaVersion, Logins: []loginRow{}}
	wanted, said, asked := "", store.Entry{Named: o.Named}, o.withoutVariables()
	if raw != "" {
		server, err := oauth.CanonicalServer(raw, true)
		if err != nil {
			return usageError{err}
		}
		wanted, said.Key = server.String(), o.Key(server)
	}
	failure, kept := "", slices.Clone(entries)
	entries = slices.DeleteFunc(entries, func(e store.Entry) bool {
		if wanted != "" && (e.Key.Server != wanted || !asked.Allows(e) || asked.Grant != e.Key.Grant && e.Key.Grant == oauth.GrantEnterprise) || o.Profile != "" && e.Key.Profile != o.Profile {
			return true
		}
		r := row(e, time.Now())
		r.UsedBy = usedBy(kept, e)
		if p, ok, err := st.Pending(ctx, e.Key); err == nil && ok {
			if p.LocalURL != "" && p.UserCode == "" && p.Here && a.browser(o).Local() {
				p.URL = p.LocalURL
			}
			r.Pending = &pendingRow{URL: p.URL, Issuer: p.Issuer, UserCode: p.UserCode, Started: p.Started.UTC().Truncate(time.Second)}
		}
		if !e.HasToken && !e.Established && e.Problem == "" && r.Pending == nil { // a sign-in that led to nothing
			failure = cmp.Or(e.LastError, failure)
			return true
		}
		report.Logins = append(report.Logins, r)
		return false
	})
	if !offline {
		settings := o.forKept
		if wanted != "" {
			settings = o.forThisServer
		}
		a.verify(ctx, entries, settings, report.Logins)
	}
	if err := a.printStatus(report, asJSON); err != nil {
		return err
	}
	if wanted != "" && !slices.ContainsFunc(report.Logins, func(r loginRow) bool { return !r.NeedsLogin }) {
		if len(entries) == 1 { // kept with what it was signed in with
			said = entries[0]
		}
		err := fmt.Errorf("%s: %w", wanted, oauth.ErrLoginRequired)
		if failure != "" {
			err = fmt.Errorf("%w; the last sign-in failed: %s", err, failure)
		}
		if len(report.Logins) == 1 && report.Logins[0].next != "" {
			return hint.With(err, report.Logins[0].next)
		}
		return hint.With(err, "run: "+oauth.Command("login", said.Key, said.Named, cmp.Or(account.Accepted(said), o.Accepted), o.loginFlags()...))
	}
	return nil
}

func row(e store.Entry, now time.Time) loginRow {
	r := loginRow{
		Server: e.Key.Server, Profile: e.Key.Profile, Account: e.Account, Issuer: e.Issuer, IssuerFoundAt: e.FoundAt, IssuerNamed: cmp.Or(e.Key.Issuer, e.Named),
		ClientID: e.ClientID, Resource: e.Resource, RequestedScopes: append([]string{}, e.Requested...), Scopes: append([]string{}, e.Scopes...),
		Flags: strings.Join(account.Flags(e), " "), Store: string(e.Store), Refreshable: e.Refreshable, BoundToKey: e.Bound,
		Problem: e.Problem, NeedsLogin: e.Problem != "" || !e.HasToken,
		LastUsedAt: inUTC(e.LastUsed), ExpiresAt: inUTC(e.Expiry), Enterprise: e.Key.Enterprise,
	}
	if e.Key.Enterprise != "" { // which renews it
		r.Refreshable = true
	}
	if e.Key.Grant == oauth.GrantEnterprise {
		r.IssuerNamed, r.Resource = "", e.Key.Server
	}
	if r.Problem == "" && !e.HasToken && e.LastError != "" {
		r.Problem = "the last sign-in failed: " + e.LastError
	}
	if !e.Expiry.IsZero() {
		renewable := e.Refreshable || oauth.WithoutPerson(e.Key.Grant)
		r.NeedsLogin = r.NeedsLogin || !renewable && !now.Before(e.Expiry)
	}
	return r
}

func (a *app) printStatus(report statusReport, asJSON bool) error {
	if asJSON {
		return a.term.JSON(report)
	}
	if len(report.Logins) == 0 {
		a.term.Note("no login kept")
		return nil
	}
	var rows [][]string
	for _, r := range report.Logins {
		name := r.Account
		if r.Profile != "" {
			name = strings.TrimSpace(name + " [" + r.Profile + "]")
		}
		rows = append(rows, []string{
			foreign.Address(r.Server), name, foreign.Address(r.Issuer), r.ClientID, r.resource(), r.scopes(),
			r.tokenState(time.Now()), r.Store, r.used(time.Now()), r.Check, r.Flags,
		})
	}
	a.term.Table([]string{"SERVER", "ACCOUNT", "ISSUER", "CLIENT", "RESOURCE", "SCOPES", "ACCESS TOKEN", "STORE", "USED", "CHECK", "FLAGS"}, rows)
	for _, r := range report.Logins {
		if r.UsedBy != nil {
			a.term.Note("%s: the login at the company's provider, used for %s", r.Server, cmp.Or(foreign.Line(strings.Join(r.UsedBy, ", ")), "no server yet"))
		}
		if r.IssuerNamed != "" {
			a.term.Note("%s: signs in at %s, which was named with --issuer, whatever the server lists", r.Server, foreign.ShortAddress(r.IssuerNamed))
		}
		if r.IssuerFoundAt != "" {
			a.term.Note("%s: the metadata of %s calls itself %s, which was accepted for this account (--accept-issuer)", r.Server, foreign.ShortAddress(r.IssuerFoundAt), foreign.Line(r.Issuer))
		}
		if r.BoundToKey {
			a.term.Note("%s: the tokens are bound to a key that is kept with them (DPoP)", r.Server)
		}
		switch {
		case r.Pending != nil:
			a.term.Note("%s waits for a sign-in at %s since %s:", r.Server, foreign.ShortAddress(r.Pending.Issuer), r.Pending.Started.Local().Format(time.TimeOnly))
			a.term.Address(r.Pending.URL)
			if r.Pending.UserCode != "" {
				a.term.Note("with the code:")
				a.term.Address(r.Pending.UserCode)
			}
		case r.Problem != "":
			a.term.Note("%s: %s", cmp.Or(r.Server, "-"), r.Problem)
		}
	}
	return nil
}

func (r loginRow) tokenState(now time.Time) string {
	switch {
	case r.NeedsLogin:
		return "unusable; sign in again"
	case r.ExpiresAt == nil:
		return "no known end"
	case now.Before(*r.ExpiresAt):
		return "for " + terminal.Approximately(r.ExpiresAt.Sub(now))
	}
	return "renewed at next use"
}

// used says how long ago the login was used.
func (r loginRow) used(now time.Time) string {
	if r.LastUsedAt == nil {
		return "-"
	}
	if ago := now.Sub(*r.LastUsedAt); ago >= time.Minute {
		return terminal.Approximately(ago) + " ago"
	}
	return "just now"
}

// resource is what the token was asked for, where that is not the server itself.
func (r loginRow) resource() string {
	switch {
	case r.NeedsLogin && r.Resource == "", r.Resource == r.Server:
		return ""
	case r.Resource == "":
		return oauth.NoResource
	}
	return foreign.Address(r.Resource)
}

// scopes are the granted ones, and those that were asked for where they are others.
func (r loginRow) scopes() string {
	granted := cmp.Or(strings.Join(r.Scopes, " "), "none")
	if slices.Equal(slices.Sorted(slices.Values(r.Scopes)), slices.Sorted(slices.Values(r.RequestedScopes))) {
		return granted
	}
	return granted + " (asked for: " + cmp.Or(strings.Join(r.RequestedScopes, " "), "none") + ")"
}

// maxVerified is how many logins are verified at the same time.
const maxVerified = 8

// verify checks kept logins with a real request each, and writes into the rows of status
// what came of it.
func (a *app) verify(ctx context.Context, entries []store.Entry, settings func(store.Entry) options, rows []loginRow) {
	var all sync.WaitGroup
	slots := make(chan struct{}, maxVerified)
	for i, e := range entries {
		r := &rows[i]
		if !e.HasToken || r.Problem != "" {
			continue
		}
		all.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			verdict, problem, next := doctor.Verify(ctx, func(ctx context.Context) (*account.Account, error) {
				return a.open(ctx, settings(e), e.Key.Server, account.ForInspect)
			})
			r.Check, r.Problem, r.next = string(verdict), problem, next
			r.NeedsLogin = r.NeedsLogin || verdict == doctor.Refused
		})
	}
	all.Wait()
}
