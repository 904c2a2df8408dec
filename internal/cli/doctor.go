package cli

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/command"
	"mcp-login/internal/doctor"
	"mcp-login/internal/oauth"
	"mcp-login/internal/terminal"
)

func newDoctor(a *app) *cobra.Command {
	var o options
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor [URL]",
		Short: "Find out why something does not work",
		Long: "doctor checks what a connection needs, in its order: this machine first and, with a URL,\n" +
			"the way to the server, what it asks for, its provider, the kept login and a live session.\n" +
			"Each check passes, fails with a next step, or is skipped because of one before it. Nobody\n" +
			"is asked to sign in, and nothing is registered. --json is made for bug reports: it holds\n" +
			"no secret.",
		Example: "  $ mcp-login doctor https://example.com/mcp",
		Args:    a.serverOrNone,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doctor(cmd.Context(), o, strings.Join(args, ""), asJSON)
		},
	}
	o.bind(cmd, a, ^(signIns | filters | relays))
	jsonFlag(cmd, &asJSON, "")
	return cmd
}

type doctorReport struct {
	SchemaVersion int              `json:"schema_version"`
	Server        string           `json:"server,omitzero"`
	Healthy       bool             `json:"healthy"`
	Checks        []doctor.Finding `json:"checks"`
}

// errUnhealthy says that a check has failed.
var errUnhealthy = errors.New("something is wrong; see above")

func (a *app) doctor(ctx context.Context, o options, raw string, asJSON bool) error {
	if err := o.check(); err != nil {
		return err
	}
	report := doctorReport{SchemaVersion: schemaVersion, Healthy: true, Checks: []doctor.Finding{}}
	var server *url.URL
	if raw != "" {
		var err error
		if server, err = oauth.CanonicalServer(raw, true); err != nil {
			return usageError{err}
		}
		report.Server = server.Redacted()
	}
	for f := range doctor.Examine(ctx, a.subject(o, server)) {
		report.Checks = append(report.Checks, f)
		report.Healthy = report.Healthy && f.Outcome != doctor.Failed
		if !asJSON {
			a.printFinding(f)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if asJSON {
		if err := a.term.JSON(report); err != nil {
			return err
		}
	}
	if !report.Healthy {
		return errUnhealthy
	}
	return nil
}

// subject is what doctor examines: the account of server that o is about, or nothing but
// this machine.
func (a *app) subject(o options, server *url.URL) doctor.Subject {
	s := doctor.Subject{
		Version: a.version, Server: server, AllowHTTP: o.allowHTTP, Settings: o.Settings, Browser: a.browser(o),
		CallbackBind: o.callbackBind, Connection: o.conn, Getenv: a.getenv,
		Header: func() (http.Header, error) { return o.header(a.variables(o)) },
		Load:   func(ctx context.Context) (doctor.Kept, error) { return a.keptFor(ctx, o, server) },
	}
	if len(o.commandHeaders) > 0 {
		s.Commands = func(header http.Header) (*command.Set, error) {
			log, err := a.logger(o.logLevel)
			if err != nil {
				return nil, err
			}
			return o.commands(header, a.variables(o), log)
		}
	}
	return s
}

// keptFor is what doctor learns of the store, and how it opens the account of server that
// o is about.
func (a *app) keptFor(ctx context.Context, o options, server *url.URL) (doctor.Kept, error) {
	st, entries, err := a.kept(ctx, o)
	if err == nil && server != nil {
		var c account.Choice
		if c, err = a.find(ctx, st, entries, o, server, account.ForInspect); err == nil {
			o.choice, o.Settings, o.allowHTTP = &c, c.Settings, o.allowHTTP || c.Kept
		}
	}
	open := func(ctx context.Context, commands *command.Set) (*account.Account, error) {
		o.commandSet = commands
		return a.open(ctx, o, server.String(), account.ForInspect)
	}
	return doctor.Kept{Store: st, Entries: entries, Settings: o.Settings, AllowHTTP: o.allowHTTP, Open: open}, err
}

// printFinding writes one finding, and the next step below it.
func (a *app) printFinding(f doctor.Finding) {
	colour := map[doctor.Outcome]string{doctor.Passed: terminal.Green, doctor.Failed: terminal.Red, doctor.Skipped: terminal.Dim}[f.Outcome]
	word := a.term.Colour(colour, strings.ToUpper(string(f.Outcome)))
	a.term.Print("%s  %-17s  %s", word, f.Check, f.Detail)
	if f.Next != "" {
		a.term.Print("      %-17s  → %s", "", f.Next)
	}
}
