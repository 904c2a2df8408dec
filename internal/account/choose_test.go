package account

import (
	"errors"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/internal/store"
)

const server, idp, other = "https://mcp.example/mcp", "https://idp.example", "https://other.example"

// kept is a login, made with settings, of an issuer.
func kept(said Settings, issuer string) store.Entry {
	k := oauth.Key{Server: server, Profile: said.Profile, ClientID: said.ClientID, Resource: said.Resource, Scopes: said.Scopes, Grant: said.Grant, Issuer: said.Named, Params: said.Params}
	return store.Entry{ID: k.ID(), Key: k, Issuer: issuer, HasToken: true}
}

func issuer(named string) Settings {
	return Settings{IssuerChoice: discovery.IssuerChoice{Named: named}}
}

// attempt is a sign-in that led to nothing.
func attempt(e store.Entry) store.Entry {
	e.HasToken = false
	return e
}

// underWay is a first sign-in whose person is asked now.
func underWay(e store.Entry) store.Entry {
	e = attempt(e)
	e.UnderWay = true
	return e
}

// asked is e, for which scopes were asked for.
func asked(e store.Entry, scopes ...string) store.Entry {
	e.Requested = scopes
	return e
}

// Which login a command leads to: want is its flags, "new" for an account that is not
// kept yet, and "several".
func TestChooseFindsTheAccountThatIsMeant(t *testing.T) {
	plain, app, web := kept(Settings{}, idp), kept(Settings{ClientID: "app"}, idp), kept(Settings{ClientID: "web"}, idp)
	work, home := kept(Settings{Profile: "work"}, idp), kept(Settings{Profile: "home"}, idp)
	narrow := kept(Settings{Scopes: []string{"read"}}, idp)
	elsewhere := app
	elsewhere.Key.Server = "https://mcp.example/other"
	elsewhere.ID = elsewhere.Key.ID()
	pair := kept(Settings{}, idp)
	pair.FoundAt = other
	damaged := attempt(plain)
	damaged.Problem = "cannot be read"
	for name, tc := range map[string]struct {
		kept    []store.Entry
		said    Settings
		purpose Purpose
		want    string
	}{
		"nothing is kept":                     {nil, Settings{}, ForInspect, "new"},
		"the same":                            {[]store.Entry{plain}, Settings{}, ForLogin, ""},
		"one with a client":                   {[]store.Entry{app}, Settings{}, ForLogin, "--client-id app"},
		"one with scopes":                     {[]store.Entry{narrow}, Settings{}, ForLogin, "--scope read"},
		"of another server":                   {[]store.Entry{elsewhere}, Settings{}, ForLogin, "new"},
		"two with clients":                    {[]store.Entry{app, web}, Settings{}, ForLogin, "several"},
		"one of two is named":                 {[]store.Entry{app, web}, Settings{ClientID: "web"}, ForLogin, "--client-id web"},
		"another is named":                    {[]store.Entry{app, web}, Settings{ClientID: "x"}, ForLogin, "new"},
		"the plain one is named by nothing":   {[]store.Entry{plain, app}, Settings{}, ForInspect, ""},
		"an attempt beside one":               {[]store.Entry{attempt(plain), app}, Settings{}, ForLogin, "--client-id app"},
		"an attempt beside two":               {[]store.Entry{attempt(plain), app, web}, Settings{}, ForLogin, "several"},
		"one that cannot be read":             {[]store.Entry{damaged, app}, Settings{}, ForLogin, ""},
		"its entry is lost as well":           {[]store.Entry{{ID: plain.ID, Problem: "damaged"}, app}, Settings{}, ForLogin, ""},
		"one that is under way":               {[]store.Entry{underWay(app)}, Settings{}, ForLogin, "--client-id app"},
		"one under way beside its own":        {[]store.Entry{underWay(app), plain}, Settings{}, ForInspect, ""},
		"its own is under way":                {[]store.Entry{underWay(plain), app}, Settings{}, ForLogin, ""},
		"no scopes":                           {[]store.Entry{kept(Settings{Scopes: oauth.NoScopes()}, idp)}, Settings{}, ForLogin, "--scope="},
		"no scopes, beside a plain one":       {[]store.Entry{asked(plain, "openid")}, Settings{Scopes: oauth.NoScopes()}, ForLogin, "new"},
		"no scopes, by an earlier version":    {[]store.Entry{plain}, Settings{Scopes: oauth.NoScopes()}, ForLogin, ""},
		"an attempt with a client":            {[]store.Entry{attempt(app)}, Settings{}, ForLogin, "new"},
		"other scopes are said":               {[]store.Entry{plain, narrow}, Settings{Scopes: []string{"write"}}, ForLogin, "new"},
		"a part is said":                      {[]store.Entry{kept(Settings{ClientID: "app", Resource: "none"}, idp), web}, Settings{Resource: "none"}, ForLogin, "--client-id app --no-resource"},
		"parameters in another order":         {[]store.Entry{kept(Settings{ClientID: "app", Params: []string{"a=1", "b=2"}}, idp)}, Settings{Params: []string{"b=2", "a=1"}}, ForLogin, "--client-id app --auth-param a=1 --auth-param b=2"},
		"the client itself, beside a person":  {[]store.Entry{app, kept(Settings{ClientID: "app", Grant: oauth.GrantClientCredentials}, idp)}, Settings{ClientID: "app"}, ForLogin, "--client-id app"},
		"a login does not take a profile":     {[]store.Entry{work}, Settings{}, ForLogin, "new"},
		"a login beside two profiles":         {[]store.Entry{work, home}, Settings{}, ForLogin, "new"},
		"a bridge does not take a profile":    {[]store.Entry{work}, Settings{}, ForRelay, "new"},
		"a bridge beside two profiles":        {[]store.Entry{work, home}, Settings{}, ForRelay, "several"},
		"a bridge beside its own and others":  {[]store.Entry{app, work, home}, Settings{}, ForRelay, "--client-id app"},
		"what needs a login takes a profile":  {[]store.Entry{work}, Settings{}, ForInspect, "--profile work"},
		"and asks which of two":               {[]store.Entry{work, home}, Settings{}, ForInspect, "several"},
		"and prefers the one without":         {[]store.Entry{work, home, app}, Settings{}, ForInspect, "--client-id app"},
		"another profile is said":             {[]store.Entry{work, home}, Settings{Profile: "x"}, ForInspect, "new"},
		"issuer, kept without":                {[]store.Entry{plain}, issuer(idp), ForLogin, ""},
		"issuer, with a slash":                {[]store.Entry{plain}, issuer(idp + "/"), ForLogin, ""},
		"issuer, by its document":             {[]store.Entry{plain}, issuer(idp + "/.well-known/openid-configuration"), ForLogin, ""},
		"issuer, another":                     {[]store.Entry{kept(Settings{}, other)}, issuer(idp), ForLogin, "new"},
		"issuer, after an attempt":            {[]store.Entry{attempt(kept(Settings{}, ""))}, issuer(idp), ForLogin, "new"},
		"issuer, not named again":             {[]store.Entry{kept(issuer(idp), idp)}, Settings{}, ForLogin, "--issuer " + idp},
		"issuer, attempt without":             {[]store.Entry{attempt(kept(Settings{}, "")), kept(issuer(idp), idp)}, Settings{}, ForLogin, "--issuer " + idp},
		"issuer, with and without":            {[]store.Entry{kept(Settings{}, other), kept(issuer(idp), idp)}, Settings{}, ForLogin, ""},
		"issuer, two":                         {[]store.Entry{kept(issuer(other), other), kept(issuer(idp), idp)}, Settings{}, ForLogin, "several"},
		"issuer, attempt with":                {[]store.Entry{attempt(kept(issuer(idp), ""))}, Settings{}, ForLogin, "new"},
		"issuer, another spelling":            {[]store.Entry{kept(issuer(idp+"/"), idp)}, issuer(idp), ForLogin, "--issuer " + idp + "/"},
		"issuer, the accepted name is not it": {[]store.Entry{pair}, issuer(idp), ForLogin, "new"},
		"issuer, the place is":                {[]store.Entry{pair}, issuer(other), ForLogin, "--accept-issuer " + idp},
		"issuer, of a kept client":            {[]store.Entry{app}, issuer(idp), ForLogin, "--client-id app"},
	} {
		key := kept(tc.said, "").Key
		e, err := choose(tc.kept, tc.said, key, tc.purpose)
		got := strings.Join(Flags(e), " ")
		var several *SeveralError
		switch {
		case errors.As(err, &several):
			got = "several"
		case e.ID == "" || !e.HasToken && !e.UnderWay && e.Problem == "":
			if got = "new"; e.Key.ID() != key.ID() {
				t.Errorf("%s: the new account is %+v", name, e.Key)
			}
		}
		if got != tc.want || e.Key.Server != server {
			t.Errorf("%s: %q of %q, want %q", name, got, e.Key.Server, tc.want)
		}
	}
}

// Each line that is offered leads to its account and to no other, and all are there.
func TestEachOfferedLineLeadsToItsAccount(t *testing.T) {
	all := []store.Entry{
		kept(Settings{ClientID: "app"}, idp), kept(Settings{ClientID: "app", Resource: "none"}, idp), kept(Settings{Scopes: []string{"read", "write"}}, idp),
		kept(Settings{Params: []string{"prompt=login consent"}}, idp), kept(issuer(idp), idp),
	}
	_, err := choose(all, Settings{}, oauth.Key{Server: server}, ForInspect)
	var several *SeveralError
	if !errors.As(err, &several) || len(several.Commands()) != len(all) {
		t.Fatalf("%v", err)
	}
	lines := several.Commands()
	for _, e := range all {
		if !slices.Contains(lines, Command("", e)) {
			t.Errorf("no line for %v in %q", Flags(e), lines)
		}
	}
	if hint := several.UserHint(); !strings.HasPrefix(hint, "put one of these into the client's configuration: mcp-login --") {
		t.Error(hint)
	}
	if several.Verb = "logout"; !strings.HasPrefix(several.UserHint(), "run one of: mcp-login logout --") {
		t.Error(several.UserHint())
	}
	for range 20 {
		all = append(all, kept(Settings{Params: []string{"n=" + strings.Repeat("x", len(all))}}, idp))
	}
	_, err = choose(all, Settings{}, oauth.Key{Server: server}, ForInspect)
	if errors.As(err, &several); !strings.HasSuffix(several.UserHint(), "or one of 15 more that mcp-login status "+server+" lists") {
		t.Error(several.UserHint())
	}
}

// What is said wins, and the rest is as it was when the account signed in.
func TestWhatIsSaidWinsOverWhatIsKept(t *testing.T) {
	e := kept(Settings{ClientID: "app", Scopes: []string{"a"}, IssuerChoice: discovery.IssuerChoice{Named: idp}}, "https://name.example")
	cred := oauth.Credential{Issuer: e.Issuer, FoundAt: idp, Choices: oauth.Choices{CallbackPort: 2}, Registration: grant.Registration{Chosen: "x"}}
	s := Settings{}.For(e.Key).With(cred)
	if s.ClientID != "app" || !slices.Equal(s.Scopes, []string{"a"}) || s.Named != idp || s.OnlyListed || s.Kept != "https://name.example" || s.KeptAt != idp || s.CallbackPort != 2 || s.Client != "x" {
		t.Errorf("%+v", s)
	}
	s = Settings{IssuerChoice: discovery.IssuerChoice{Named: other, OnlyListed: true, Accepted: "x"}}.For(e.Key).With(cred)
	if s.Named != other || !s.OnlyListed || s.Accepted != "x" || s.Kept != "" {
		t.Errorf("%+v", s)
	}
	said := oauth.Choices{CallbackPort: 1}
	if got := said.Over(oauth.Choices{RedirectURI: "https://x.example/cb", MetadataURL: "https://x.example/id", Device: true}); got != (oauth.Choices{CallbackPort: 1, MetadataURL: "https://x.example/id"}) {
		t.Errorf("%+v", got)
	}
}

// The login under the key of the command keeps that key, whatever the index could say
// of it: nothing of one that cannot be read, and nothing of scopes that are none.
func TestChooseKeepsTheKey(t *testing.T) {
	key := oauth.Key{Server: "https://example.com/mcp", Scopes: []string{}}
	for name, kept := range map[string]store.Entry{
		"unreadable": {ID: key.ID(), Problem: "its mode lets other users in"},
		"no scopes":  {ID: key.ID(), Key: oauth.Key{Server: key.Server}, HasToken: true},
	} {
		e, err := choose([]store.Entry{kept}, Settings{}, key, ForLogin)
		if err != nil || e.Key.Server != key.Server || e.Key.Scopes == nil {
			t.Errorf("%s: %+v, %v", name, e.Key, err)
		}
	}
}

// --redirect-uri: https as it is, http on this machine for the listener, and
// nothing else.
func TestRedirectURIsThatCanBeAwaited(t *testing.T) {
	for uri, want := range map[string]string{
		"https://app.example/cb?x=1": "https://app.example/cb?x=1", "HTTPS://app.example/cb": "HTTPS://app.example/cb", "https://localhost/cb": "https://localhost/cb",
		"http://localhost/cb": "http://localhost:PORT/cb", "http://127.0.0.1/a/b": "http://127.0.0.1:PORT/a/b",
	} {
		where, err := CallbackOf(oauth.Choices{RedirectURI: uri}, "")
		if err != nil {
			t.Errorf("%s: %v", uri, err)
			continue
		}
		redirect, err := where.Listen(t.Context(), loopback.Options{})
		if err != nil {
			t.Fatal(err)
		}
		here, _ := url.Parse(redirect.Here())
		if got := strings.Replace(redirect.URI(), ":"+here.Port(), ":PORT", 1); got != want {
			t.Errorf("%s: %s, want %s", uri, got, want)
		}
		_ = redirect.Close()
	}
	for _, bad := range []string{
		"http://app.example/cb", "http://10.0.0.1/cb", "app:/cb", "javascript:alert(1)", "https://u:p@app.example/cb", "https://app.example/cb#x", "https://app.example/#", "https://", "/cb",
		"http://localhost/cb?x=1", "http://localhost", "https://app.example/a b", "https://app.example/\x1b[2J", "https://app.example/$(x)",
	} {
		if _, err := CallbackOf(oauth.Choices{RedirectURI: bad}, ""); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

// What else to register with is said for the server's provider, and does not go to the
// company's; how the answer comes is one thing for both.
func TestCompanyGetsNothingOfTheServers(t *testing.T) {
	said := Settings{Profile: "work", ClientID: "there", Enterprise: idp, EnterpriseClientID: "app", Client: `{"software_statement":"s"}`, Resource: "r", Scopes: []string{"s"}, Params: []string{"a=b"}}
	said.CallbackPort, said.TokenEndpoint, said.IDToken = 3333, other, true
	want := Settings{Profile: "work", ClientID: "app", Grant: oauth.GrantEnterprise, IssuerChoice: discovery.IssuerChoice{Named: idp}}
	want.CallbackPort = 3333
	if got := said.Company(); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}
