package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mcp-login/internal/account"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
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
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return serverArgument(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.doctor(cmd.Context(), o, strings.Join(args, ""), asJSON)
		},
	}
	o.bind(cmd, a.getenv)
	jsonFlag(cmd, &asJSON, "")
	return cmd
}

// Outcomes of a check.
const (
	checkPassed  = "pass"
	checkFailed  = "fail"
	checkSkipped = "skip"
)

// finding is the outcome of one check.
type finding struct {
	Check   string `json:"check"`
	Outcome string `json:"outcome"`
	Detail  string `json:"detail"`
	Next    string `json:"next,omitzero"`
}

func passed(format string, args ...any) finding {
	return finding{Outcome: checkPassed, Detail: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) finding {
	return finding{Outcome: checkSkipped, Detail: fmt.Sprintf(format, args...)}
}

func failed(next, format string, args ...any) finding {
	return finding{Outcome: checkFailed, Detail: fmt.Sprintf(format, args...), Next: next}
}

// failedBy takes the next step out of the error, where it has one.
func failedBy(err error, next string) finding {
	if own := hint.Of(err); own != "" {
		next = own
	}
	return finding{Outcome: checkFailed, Detail: err.Error(), Next: next}
}

// examination is what is known so far; what a check could not find out is nil
// or zero, and what needs it is skipped.
type examination struct {
	a *app
	o options

	server  *url.URL
	session *account.Account
	client  *http.Client // for the provider

	contact   *contact
	challenge discovery.Challenge
	resource  *discovery.ResourceMetadata
	issuer    string
	provider  *discovery.ServerMetadata
	cred      oauth.Credential
	inquiry   oauth.Inquiry
	wrongType bool // the client is of a type that has no such redirect URI
}

// check is one step. It has its own deadline.
type check struct {
	name string
	run  func(x *examination, ctx context.Context) finding
}

// checkTimeout bounds one check.
const checkTimeout = 20 * time.Second

// hereChecks need no server.
var hereChecks = []check{
	{"version", (*examination).version},
	{"store", (*examination).store},
	{"browser", (*examination).browser},
	{"callback port", (*examination).callback},
}

// serverChecks are in the order of a real connection.
var serverChecks = []check{
	{"address", (*examination).address},
	{"proxy", (*examination).proxy},
	{"name", (*examination).resolve},
	{"connection", (*examination).connect},
	{"certificate", (*examination).certificate},
	{"clock", (*examination).clock},
	{"server", (*examination).answer},
	{"challenge", (*examination).challenged},
	{"resource metadata", (*examination).resourceMetadata},
	{"provider", (*examination).providerMetadata},
	{"registration", (*examination).registration},
	{"PKCE", (*examination).pkce},
	{"kept login", (*examination).login},
	{"client", (*examination).asClient},
	{"resource", (*examination).accepted},
	{"session", (*examination).live},
}

type doctorReport struct {
	SchemaVersion int       `json:"schema_version"`
	Server        string    `json:"server,omitzero"`
	Healthy       bool      `json:"healthy"`
	Checks        []finding `json:"checks"`
}

// errUnhealthy is the outcome of a doctor's visit with findings.
var errUnhealthy = errors.New("something is wrong; see above")

func (a *app) doctor(ctx context.Context, o options, raw string, asJSON bool) error {
	if err := o.check(); err != nil {
		return err
	}
	x := &examination{a: a, o: o}
	defer x.close()
	checks := hereChecks
	if raw != "" {
		server, err := oauth.CanonicalServer(raw, true)
		if err != nil {
			return usageError{err}
		}
		x.server = server
		checks = append(append([]check{}, hereChecks...), serverChecks...)
		if len(o.commanded) > 0 {
			checks = slices.Insert(checks, len(hereChecks), check{"commands", (*examination).commands})
		}
	}
	report := doctorReport{SchemaVersion: schemaVersion, Healthy: true, Checks: []finding{}}
	if x.server != nil {
		report.Server = x.server.Redacted()
	}
	for _, c := range checks {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		f := x.one(ctx, c)
		report.Checks = append(report.Checks, f)
		report.Healthy = report.Healthy && f.Outcome != checkFailed
		if !asJSON {
			a.printFinding(f)
		}
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

func (x *examination) one(ctx context.Context, c check) finding {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	f := c.run(x, ctx)
	f.Check, f.Detail, f.Next = c.name, foreign.Message(f.Detail), foreign.Message(f.Next)
	return f
}

func (x *examination) close() {
	if x.session != nil {
		x.session.Close()
	}
	x.o.set.Close()
	if x.contact != nil {
		(&http.Client{Transport: x.contact.transport}).CloseIdleConnections()
	}
}

// printFinding writes one finding, and the next step below it.
func (a *app) printFinding(f finding) {
	colour := map[string]string{checkPassed: terminal.Green, checkFailed: terminal.Red, checkSkipped: terminal.Dim}[f.Outcome]
	word := a.term.Colour(colour, strings.ToUpper(f.Outcome))
	a.term.Print("%s  %-17s  %s", word, f.Check, f.Detail)
	if f.Next != "" {
		a.term.Print("      %-17s  → %s", "", f.Next)
	}
}
