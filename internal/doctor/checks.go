package doctor

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"slices"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/command"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/hosts"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/store"
)

// Subject is what is examined. Browser, Getenv and Load are required, and with a Server
// Header.
type Subject struct {
	// Program is this program, as entries of clients are to start it.
	Program hosts.Program
	// Server is nil where only this machine is examined.
	Server *url.URL
	// AllowHTTP and Settings are what was said. What is kept is added by Load.
	AllowHTTP bool
	Settings  account.Settings

	Browser account.Browser
	// CallbackBind is a further address to await the browser's answer at, "" for none.
	CallbackBind string
	// Connection is how the server is reached, but for Header and Commands.
	Connection account.Connection
	// Getenv returns a variable of the process.
	Getenv func(name string) string
	// Judge says why mcp-login would not start with arguments of mcp-remote, "" if it would.
	Judge func(args []string) string

	// Load opens the store and reads what is kept.
	Load func(ctx context.Context) (Kept, error)
	// Header reads the headers for the server.
	Header func() (http.Header, error)
	// Commands checks the programs that print headers against the others; nil where the
	// person has given none.
	Commands func(http.Header) (*command.Set, error)
}

// Kept is what is kept in the store. With an error of Load only Store, Open and Fix mean
// anything.
type Kept struct {
	// Store may be nil with an error.
	Store   *store.Store
	Entries []store.Entry
	// Settings and AllowHTTP are those of the Subject with what is kept for its server.
	Settings  account.Settings
	AllowHTTP bool
	// Open opens the account of the Server, for looking at it. It takes what Commands has
	// returned.
	Open func(ctx context.Context, commands *command.Set) (*account.Account, error)
	// Fix is the line that mends what can be mended in the Store.
	Fix string
	// Command is a line to copy, for the account of e; without one for that of the Server.
	// It repeats the flags that were given, as far as they are for that server. more are
	// further words.
	Command func(verb string, e store.Entry, more ...string) string
}

// Outcome is that of a check.
type Outcome string

// The outcomes. What a person had better do makes a check Warned; what keeps something
// from working makes it Failed.
const (
	Passed  Outcome = "pass"
	Warned  Outcome = "warn"
	Failed  Outcome = "fail"
	Skipped Outcome = "skip"
	// absent is that of a check that the account has no use for, which is not shown.
	absent Outcome = ""
)

// Finding is what came of one check. Its texts are filtered for people.
type Finding struct {
	Check   string  `json:"check"`
	Outcome Outcome `json:"outcome"`
	Detail  string  `json:"detail"`
	// Next is what to do about it, "" where that is not known. What has passed has none.
	Next string `json:"next,omitzero"`
}

func passed(format string, args ...any) Finding {
	return Finding{Outcome: Passed, Detail: fmt.Sprintf(format, args...)}
}

func skipped(format string, args ...any) Finding {
	return Finding{Outcome: Skipped, Detail: fmt.Sprintf(format, args...)}
}

func warned(next, format string, args ...any) Finding {
	return Finding{Outcome: Warned, Detail: fmt.Sprintf(format, args...), Next: next}
}

// then adds what a person may want to do to a check that was skipped.
func (f Finding) then(next string) Finding {
	f.Next = next
	return f
}

func failed(next, format string, args ...any) Finding {
	return Finding{Outcome: Failed, Detail: fmt.Sprintf(format, args...), Next: next}
}

// failedBy is a failure with the hint of the error, else with next.
func failedBy(err error, next string) Finding {
	if own := hint.Of(err); own != "" {
		next = own
	}
	return Finding{Outcome: Failed, Detail: err.Error(), Next: next}
}

// examination is what is known so far. What a check could not find out is nil or zero.
type examination struct {
	Subject

	kept           Kept
	commands       *command.Set
	response       *response
	badCertificate error // why the server's is not accepted
	challenge      discovery.Challenge
	metadataClient *http.Client // for documents of the server and its provider
	resource       *discovery.ResourceMetadata
	issuer         string
	provider       *discovery.ServerMetadata
	found          discovery.Result // with provider, as a login would find it
	noTokens       error            // why the provider has no tokens as the server wants them
	account        *account.Account // see opened
	openErr        error
	begun          *session // what the server has said to initialize, nil for not yet
	refused        bool     // the server refuses the headers that are given
	notMCP         bool     // what answers is no MCP server
	cred           oauth.Credential
	clientCheck    oauth.ClientCheck
	wrongType      bool // the client is of a type that has no such redirect URI
}

// check is one step.
type check struct {
	name string
	run  func(x *examination, ctx context.Context) Finding
	// needs says why the check is skipped, "" if it is not; nil skips nothing.
	needs func(x *examination) (missing string)
}

// checkTimeout bounds one check.
const checkTimeout = 20 * time.Second

func needsResponse(x *examination) string {
	if x.response == nil {
		return "no connection"
	}
	return needsCredential(x)
}

func needsCredential(x *examination) string {
	if x.refused {
		return "the server refuses what is given"
	}
	return ""
}

func needsProvider(x *examination) string {
	if x.provider == nil {
		return "no provider is known"
	}
	return ""
}

func needsTokens(x *examination) string {
	if x.noTokens != nil {
		return "the provider has no tokens as the server wants them"
	}
	return needsProvider(x)
}

// machineChecks need no server.
var machineChecks = []check{
	{"version", (*examination).version, nil},
	{"installation", (*examination).installation, nil},
	{"clients", (*examination).clients, nil},
	{"store", (*examination).store, nil},
	{"browser", (*examination).browser, nil},
	{"callback port", (*examination).callback, nil},
}

// serverChecks are in the order of a connection.
var serverChecks = []check{
	{"address", (*examination).address, nil},
	{"proxy", (*examination).proxy, nil},
	{"name", (*examination).resolve, nil},
	{"connection", (*examination).connect, nil},
	{"certificate", (*examination).certificate, nil},
	{"clock", (*examination).clock, needsResponse},
	{"server", (*examination).answer, needsResponse},
	{"challenge", (*examination).challenged, needsResponse},
	{"resource metadata", (*examination).resourceMetadata, needsResponse},
	{"provider", (*examination).providerMetadata, needsCredential},
	{"registration", (*examination).registration, needsProvider},
	{"PKCE", (*examination).pkce, needsProvider},
	{"enterprise", (*examination).enterprise, nil},
	{"kept login", (*examination).login, needsCredential},
	{"client", (*examination).client, needsTokens},
	{"resource", (*examination).resourceAccepted, needsTokens},
	{"session", (*examination).session, needsResponse},
}

// checks are those of the subject.
func (s Subject) checks() []check {
	switch {
	case s.Server == nil:
		return machineChecks
	case s.Commands == nil:
		return slices.Concat(machineChecks, serverChecks)
	}
	return slices.Concat(machineChecks, []check{{"commands", (*examination).runCommands, nil}}, serverChecks)
}

// Examine runs the checks of a subject in their order, until ctx ends, and yields what
// each has found.
func Examine(ctx context.Context, s Subject) iter.Seq[Finding] {
	return func(yield func(Finding) bool) {
		x := &examination{Subject: s}
		defer x.close()
		for _, c := range s.checks() {
			if ctx.Err() != nil {
				return
			}
			if f := x.run(ctx, c); f.Outcome != absent && !yield(f) {
				return
			}
		}
	}
}

func (x *examination) run(ctx context.Context, c check) Finding {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	var f Finding
	if c.needs != nil && c.needs(x) != "" {
		f = skipped("%s", c.needs(x))
	} else {
		f = c.run(x, ctx)
	}
	f.Check, f.Detail, f.Next = c.name, foreign.Message(f.Detail), foreign.Message(hint.Spell(f.Next))
	return f
}

func (x *examination) close() {
	if x.account != nil {
		x.account.Close()
	}
	x.commands.Close()
	if x.response != nil {
		(&http.Client{Transport: x.response.transport}).CloseIdleConnections()
	}
}
