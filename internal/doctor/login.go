package doctor

import (
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
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
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

// login looks at the kept login. Nothing is renewed, and nobody is asked.
func (x *examination) login(ctx context.Context) Finding {
	acc, err := x.open(ctx, x.commands)
	if err != nil {
		return failedBy(err, "")
	}
	x.account = acc
	if source := acc.TokenSource(); source != "" {
		return passed("%s is used as it is", source)
	}
	again := "run: " + acc.LoginCommand()
	x.cred, err = acc.OAuth.Credential(ctx)
	switch {
	case (errors.Is(err, oauth.ErrNotFound) || err == nil && !x.cred.HasToken()) && x.resource != nil && !x.needsLogin():
		return skipped("none; for tools that want a sign-in, %s", again)
	case errors.Is(err, oauth.ErrNotFound) || err == nil && !x.cred.HasToken():
		return skipped("none")
	case err != nil:
		return failedBy(err, "")
	case x.provider != nil && !x.cred.Provider().Same(x.provider.Provider()):
		return failed(again, "it is from %s, and the server now names %s", x.cred.Issuer, x.provider.Issuer)
	case x.cred.RefreshToken.IsZero() && x.Settings.Grant != oauth.GrantClientCredentials:
		return passed("%s%s", account.Validity(x.cred, time.Now()), offlineHint(x.cred))
	}
	return passed("%s%s", strings.TrimSpace(account.Validity(x.cred, time.Now())), account.AsAccount(x.cred))
}

// offlineHint names the scope without which most providers, Logto among them, give no
// refresh token.
func offlineHint(cred oauth.Credential) string {
	if slices.Contains(cred.GrantedScopes, "offline_access") {
		return ""
	}
	return "; offline_access was not granted (in Logto, the application's settings have to allow refresh tokens)"
}

const operatorHint = "ask the server's operator"

// session begins a real session, with the kept login where one is needed.
func (x *examination) session(ctx context.Context) Finding {
	switch {
	case x.account == nil:
		return skipped("see the store")
	case x.response.status == http.StatusUnauthorized && !x.cred.HasToken() && x.account.TokenSource() == "":
		return skipped("nobody is signed in; run: %s", x.account.LoginCommand())
	}
	answer, err := x.account.Initialize(ctx)
	switch {
	case errors.Is(err, oauth.ErrLoginRequired):
		return failed("run: "+x.account.LoginCommand(), "the kept login no longer works")
	case err != nil:
		return failedBy(err, operatorHint)
	case answer.Error != nil:
		return failed(operatorHint, "initialize was refused: %s", foreign.Quote(string(answer.Error)))
	}
	return passed("%s", describeSession(answer.Result))
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
	return strings.TrimSpace(r.ServerInfo.Name+" "+r.ServerInfo.Version) + " speaks to us in revision " + r.ProtocolVersion
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
// problem is for people, "" where the login works.
func Verify(ctx context.Context, open func(ctx context.Context) (*account.Account, error)) (v Verdict, problem string) {
	ctx, cancel := context.WithTimeout(ctx, verifyTimeout)
	defer cancel()
	acc, err := open(ctx)
	if err != nil {
		return notChecked, foreign.Message(err.Error())
	}
	defer acc.Close()
	err = acc.Probe(ctx)
	var refused interface{ OAuthCode() string }
	switch {
	case err == nil:
		return works, ""
	case errors.Is(err, oauth.ErrLoginRequired), errors.As(err, &refused) && !errors.Is(err, discovery.ErrUnavailable):
		return Refused, foreign.Message(err.Error())
	}
	return noAnswer, foreign.Message(err.Error())
}
