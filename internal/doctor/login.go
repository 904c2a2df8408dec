package doctor

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/account"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// runCommands runs the programs that print a header or a token.
func (x *examination) runCommands(ctx context.Context) Finding {
	header, err := x.Header()
	if err != nil {
		return failedBy(err, "")
	}
	if x.commands, err = x.Commands(header); err != nil {
		return failedBy(err, "")
	}
	var said []string
	for _, v := range x.commands.Values() {
		p, err := v.Get(ctx)
		now := time.Now()
		switch {
		case err != nil:
			return failedBy(err, "")
		case p.Expiry.IsZero():
			said = append(said, v.String()+" printed a value of no known end, which is used until the server refuses it")
		case !now.Before(p.Expiry):
			return failed("let it print a new one, or set the clock of this machine", "the token that %s printed ended at %s", v, p.Expiry.UTC().Format(time.RFC3339))
		default:
			said = append(said, v.String()+" printed a token for "+terminal.Approximately(p.Expiry.Sub(now)))
		}
	}
	return passed("%s", strings.Join(said, "; "))
}

// opened is the account of the server, which is opened once.
func (x *examination) opened(ctx context.Context) (*account.Account, error) {
	if x.account == nil && x.openErr == nil {
		x.account, x.openErr = x.kept.Open(ctx, x.commands)
	}
	return x.account, x.openErr
}

// command is a line to copy about the account of the server, with the flags that were given.
func (x *examination) command(verb string, more ...string) string {
	return x.kept.Command(verb, store.Entry{}, more...)
}

// login looks at the kept login. Nothing is renewed, and nobody is asked.
func (x *examination) login(ctx context.Context) Finding {
	acc, err := x.opened(ctx)
	if err != nil {
		return failedBy(err, "")
	}
	if source := acc.TokenSource(); source != "" {
		return passed("%s is used as it is", source)
	}
	again := "run: " + acc.LoginCommand()
	x.cred, err = acc.OAuth.Credential(ctx)
	switch {
	case (errors.Is(err, oauth.ErrNotFound) || err == nil && !x.cred.HasToken()) && x.resource != nil && !x.needsLogin():
		return skipped("none").then("for tools that want a sign-in, run: " + acc.LoginCommand())
	case errors.Is(err, oauth.ErrNotFound) || err == nil && !x.cred.HasToken():
		return skipped("none")
	case err != nil:
		return failedBy(err, "")
	case x.provider != nil && !x.cred.Provider().Same(x.provider.Provider()):
		return failed(again, "it is from %s, and the server now names %s", x.cred.Issuer, x.provider.Issuer)
	}
	f := passed("%s%s", account.Validity(acc.Key, x.cred, time.Now()), account.AsAccount(x.cred))
	asked := !oauth.WithoutPerson(x.Settings.Grant) && x.Settings.Enterprise == "" && x.cred.RefreshToken.IsZero() && !x.cred.Expiry.IsZero()
	if asked && !slices.Contains(x.cred.GrantedScopes, "offline_access") {
		// Most providers, Logto among them, give no refresh token without that scope.
		f.Outcome, f.Next = Warned, "let the provider grant offline_access (in Logto, the application's settings have to allow refresh tokens), then run: "+x.command("login", "--again")
	}
	return f
}

const operatorHint = "ask the server's operator"

// session is what the server has said to initialize.
type session struct {
	result, refusal []byte // one of them
	err             error
}

// begin begins a real session, once, with the kept login where one is needed.
func (x *examination) begin(ctx context.Context) session {
	if x.begun == nil {
		acc, err := x.opened(ctx)
		x.begun = &session{err: err}
		if err == nil {
			answer, err := acc.Initialize(ctx)
			*x.begun = session{answer.Result, answer.Error, err}
		}
	}
	return *x.begun
}

// session begins a session.
func (x *examination) session(ctx context.Context) Finding {
	switch {
	case x.account == nil:
		return skipped("the account cannot be opened")
	case x.notMCP:
		return skipped("no MCP server answers")
	case x.response.status == http.StatusUnauthorized && !x.cred.HasToken() && x.account.TokenSource() == "":
		return skipped("nobody is signed in").then("run: " + x.account.LoginCommand())
	}
	s := x.begin(ctx)
	switch {
	case errors.Is(s.err, oauth.ErrLoginRequired) && !x.cred.HasToken():
		return skipped("nobody is signed in").then("run: " + x.account.LoginCommand())
	case errors.Is(s.err, oauth.ErrLoginRequired):
		return failed("run: "+x.account.LoginCommand(), "the kept login no longer works")
	case s.err != nil:
		return failedBy(s.err, operatorHint)
	case s.refusal != nil:
		return failed(operatorHint, "initialize was refused: %s", foreign.Quote(string(s.refusal)))
	}
	return passed("%s", describeSession(s.result))
}

func describeSession(result []byte) string {
	var r struct {
		ProtocolVersion string `json:"protocolVersion"`
		ServerInfo      struct {
			Name    string `json:"name"`
			Version string `json:"version"`
		} `json:"serverInfo"`
	}
	if json.Unmarshal(result, &r, jsontext.AllowDuplicateNames(true)) != nil {
		return "open"
	}
	return "connected to " + cmp.Or(strings.TrimSpace(r.ServerInfo.Name+" "+r.ServerInfo.Version), "the server") + ", protocol " + r.ProtocolVersion
}

// Verdict is what a real request with a kept login has shown.
type Verdict string

// The verdicts.
const (
	works      Verdict = "works"
	Refused    Verdict = "refused"
	noAnswer   Verdict = "no answer"
	notChecked Verdict = ""
)

// verifyTimeout bounds the check of one login.
const verifyTimeout = 15 * time.Second

// Verify proves a kept login with a real request: what the provider once said, or a date
// in a file, proves nothing. It renews the token and asks nobody. open opens the account;
// problem is for people, "" where the login works, and next what to do where a login would not
// help.
func Verify(ctx context.Context, open func(ctx context.Context) (*account.Account, error)) (v Verdict, problem, next string) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	acc, err := open(ctx)
	if err != nil {
		return notChecked, foreign.Message(err.Error()), ""
	}
	defer acc.Close()
	err = acc.Probe(ctx)
	var refused interface{ OAuthCode() string }
	switch {
	case err == nil:
		return works, "", ""
	case oauth.WithoutPerson(acc.Key.Grant) && errors.Is(err, grant.ErrNotSent): // with what it was signed in with, it may work
		return notChecked, foreign.Message(err.Error()), hint.Of(err)
	case errors.Is(err, oauth.ErrLoginRequired):
		return Refused, foreign.Message(err.Error()), ""
	case errors.As(err, &refused) && !errors.Is(err, discovery.ErrUnavailable):
		return Refused, foreign.Message(err.Error()), hint.Of(err)
	}
	return noAnswer, foreign.Message(err.Error()), ""
}
