package cli

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/command"
	"mcp-login/internal/doctor"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

func newDoctor(a *app) *cobra.Command {
	var o options
	var with doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor [URL]",
		Short: "Find out why something does not work",
		Long: "doctor checks what a connection needs, in its order: this machine first and, with a URL,\n" +
			"the way to the server, what it asks for, its provider, the kept login and a live session.\n" +
			"A check passes (PASS), warns (WARN), fails (FAIL) or is skipped because of one before it\n" +
			"(SKIP). The line below it says what to do. Nobody is asked to sign in, and nothing is\n" +
			"registered. --fix first mends what is safe to mend: permissions, what programs that died have\n" +
			"left, and entries of clients whose program is gone. --json is made for bug reports: it holds\n" +
			"no secret.",
		Example: "  $ mcp-login doctor https://example.com/mcp\n  $ mcp-login doctor --fix",
		Args:    a.serverOrNone,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doctor(cmd.Context(), o, strings.Join(args, ""), with)
		},
	}
	o.bind(cmd, a, ^(signIns | filters | relays))
	cmd.Flags().BoolVar(&with.fix, "fix", false, "first mend what is safe to mend on this machine; each change is shown, and asked for")
	cmd.Flags().BoolVar(&with.yes, "yes", false, "with --fix: do not ask")
	jsonFlag(cmd, &with.json, "")
	return cmd
}

// doctorOptions are the flags of doctor alone.
type doctorOptions struct{ fix, yes, json bool }

type doctorReport struct {
	SchemaVersion int              `json:"schema_version"`
	Server        string           `json:"server,omitzero"`
	Healthy       bool             `json:"healthy"`
	Summary       doctorSummary    `json:"summary"`
	Repairs       []repairRow      `json:"repairs,omitzero"`
	Checks        []doctor.Finding `json:"checks"`
}

// doctorSummary counts the checks by their outcome.
type doctorSummary struct {
	Passed   int `json:"passed"`
	Warnings int `json:"warnings"`
	Failed   int `json:"failed"`
	Skipped  int `json:"skipped"`
	// First is what to do first, after the name of its check.
	First string `json:"first,omitzero"`
}

// unhealthyError names the checks that have failed.
type unhealthyError []string

func (e unhealthyError) Error() string { return "failed: " + strings.Join(e, ", ") }

func (a *app) doctor(ctx context.Context, o options, raw string, with doctorOptions) error {
	if with.yes && !with.fix {
		return usageError{hint.With(errors.New("--yes without --fix"), "add --fix, or leave it out")}
	}
	if err := o.check(); err != nil {
		return err
	}
	report := doctorReport{SchemaVersion: schemaVersion, Checks: []doctor.Finding{}}
	var server *url.URL
	if raw != "" {
		var err error
		if server, err = oauth.CanonicalServer(raw, true); err != nil {
			return usageError{err}
		}
		report.Server = server.Redacted()
	}
	if with.fix {
		var err error
		if report.Repairs, err = a.fix(ctx, o, with); err != nil {
			return err
		}
	}
	for f := range doctor.Examine(ctx, a.subject(o, server)) {
		report.Checks = append(report.Checks, f)
		if !with.json {
			a.printFinding(f)
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var failures unhealthyError
	report.Summary, failures = summarize(report.Checks)
	report.Healthy = len(failures) == 0
	if !with.json {
		a.printSummary(report.Summary)
	} else if err := a.term.JSON(report); err != nil {
		return err
	}
	if !report.Healthy {
		return failures
	}
	return nil
}

// summarize counts the checks, and names those that have failed. What has failed is done
// before what is only better done.
func summarize(checks []doctor.Finding) (s doctorSummary, failures unhealthyError) {
	first := map[doctor.Outcome]string{}
	count := map[doctor.Outcome]int{}
	for _, f := range checks {
		count[f.Outcome]++
		if f.Outcome == doctor.Failed {
			failures = append(failures, f.Check)
		}
		if f.Next != "" && first[f.Outcome] == "" && (f.Outcome != doctor.Skipped || f.Check == "session") {
			first[f.Outcome] = f.Check + ": " + f.Next
		}
	}
	return doctorSummary{
		count[doctor.Passed], count[doctor.Warned], count[doctor.Failed], count[doctor.Skipped],
		cmp.Or(first[doctor.Failed], first[doctor.Warned], first[doctor.Skipped]), // to sign in is what is left
	}, failures
}

// subject is what doctor examines: the account of server that o is about, or nothing but
// this machine.
func (a *app) subject(o options, server *url.URL) doctor.Subject {
	s := doctor.Subject{
		Program: a.program(), Server: server, AllowHTTP: o.allowHTTP, Settings: o.Settings, Browser: a.browser(o),
		CallbackBind: o.callbackBind, Connection: o.conn, Getenv: a.getenv, Judge: a.judgeArguments,
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
	line := func(verb string, e store.Entry, more ...string) string {
		switch {
		case e.Key.Server == "" && o.choice != nil:
			return oauth.Command(verb, o.choice.Key, o.Named, o.Accepted, append(more, o.loginFlags()...)...)
		case e.Key.Server == "":
			return oauth.Command(verb, o.Key(server), o.Named, o.Accepted, append(more, o.loginFlags()...)...)
		case server != nil && e.Key.Server == server.String():
			more = append(more, o.connectionWords()...)
		default:
			more = append(more, o.storeWords()...)
		}
		return oauth.Command(verb, e.Key, e.Named, account.Accepted(e), more...)
	}
	fix := strings.Join(append([]string{"mcp-login doctor --fix"}, o.storeWords()...), " ")
	return doctor.Kept{Store: st, Entries: entries, Settings: o.Settings, AllowHTTP: o.allowHTTP, Open: open, Fix: fix, Command: line}, err
}

// colours are those of the outcomes.
var colours = map[doctor.Outcome]string{
	doctor.Passed: terminal.Green, doctor.Warned: terminal.Yellow, doctor.Failed: terminal.Red, doctor.Skipped: terminal.Dim,
}

// Where details and advice begin.
const (
	detailColumn = 4 + 2 + 17 + 2
	adviceColumn = 8
)

// printFinding writes one finding, and the next step below it.
func (a *app) printFinding(f doctor.Finding) {
	a.term.PrintIndented(detailColumn, "%s  %-17s  %s", a.term.Colour(colours[f.Outcome], strings.ToUpper(string(f.Outcome))), f.Check, f.Detail)
	if f.Next != "" {
		a.term.PrintIndented(adviceColumn, "      → %s", terminal.Advice(f.Next))
	}
}

// printSummary counts the checks, and says what to do first.
func (a *app) printSummary(s doctorSummary) {
	warnings := "warnings"
	if s.Warnings == 1 {
		warnings = "warning"
	}
	all := s.Passed + s.Warnings + s.Failed + s.Skipped
	a.term.Print("%d checks: %d passed, %d %s, %d failed, %d skipped", all, s.Passed, s.Warnings, warnings, s.Failed, s.Skipped)
	if s.First != "" {
		a.term.Print("first: %s", terminal.Advice(s.First))
	}
}
