package doctor

import (
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/command"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// With a server that nobody answers for, what needs a connection or a provider is skipped
// with the reason, the rest is examined, and every finding names its check.
func TestWhatNeedsAConnectionIsSkippedWithTheReason(t *testing.T) {
	server, err := url.Parse("http://127.0.0.1:1/mcp")
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("a\x1b[2J\nb")
	s := Subject{
		Server: server, Getenv: func(string) string { return "" }, Browser: account.Browser{Command: account.NoBrowser},
		Load: func(context.Context) (Kept, error) {
			return Kept{Open: func(context.Context, *command.Set) (*account.Account, error) { return nil, broken }}, broken
		},
		Header: func() (http.Header, error) { return http.Header{}, nil },
	}
	got := map[string]Finding{}
	var order []string
	for f := range Examine(t.Context(), s) {
		got[f.Check] = f
		order = append(order, f.Check)
	}
	for check, want := range map[string]Finding{
		"store":       {Outcome: Failed, Detail: "a[2J; b"},
		"address":     {Outcome: Passed, Detail: "on this machine"},
		"connection":  {Outcome: Failed, Detail: "nothing listens"},
		"certificate": {Outcome: Skipped, Detail: "no connection"},
		"provider":    {Outcome: Skipped, Detail: "no provider is known"},
		"PKCE":        {Outcome: Skipped, Detail: "no provider is known"},
		"kept login":  {Outcome: Failed, Detail: "a[2J; b"},
		"session":     {Outcome: Skipped, Detail: "no connection"},
	} {
		if f := got[check]; f.Outcome != want.Outcome || !strings.Contains(f.Detail, want.Detail) {
			t.Errorf("%s: %+v", check, f)
		}
	}
	// That of the company's provider is left out, which there is none of.
	if len(order) != len(machineChecks)+len(serverChecks)-1 || order[0] != "version" || order[len(order)-1] != "session" {
		t.Errorf("%q", order)
	}
	s.Commands = func(http.Header) (*command.Set, error) { return nil, broken }
	for f := range Examine(t.Context(), s) {
		if f.Check == "commands" && (f.Outcome != Failed || f.Next != "") { // only the error knows what to do
			t.Errorf("%+v", f)
		}
	}
	s.Server = nil
	n := 0
	for range Examine(t.Context(), s) {
		n++
	}
	ended, end := context.WithCancel(t.Context())
	end()
	for f := range Examine(ended, s) {
		t.Errorf("after the end: %+v", f)
	}
	if n != len(machineChecks) {
		t.Errorf("%d checks of this machine", n)
	}
}

// What has passed needs nothing to be done, what warns or fails says what to do: a login
// without a refresh token warns where that matters to its person, and only there.
func TestALoginThatEndsWarns(t *testing.T) {
	server, err := url.Parse("https://mcp.example.com/mcp")
	if err != nil {
		t.Fatal(err)
	}
	soon := time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		cred oauth.Credential
		kind string
		want Outcome
	}{
		"renewed":                {oauth.Credential{Expiry: soon, RefreshToken: grant.NewSecret("r")}, "", Passed},
		"no known end":           {oauth.Credential{}, "", Passed},
		"ends":                   {oauth.Credential{Expiry: soon}, "", Warned},
		"ends as it was granted": {oauth.Credential{Expiry: soon, GrantedScopes: []string{"offline_access"}}, "", Passed},
		"of the client itself":   {oauth.Credential{Expiry: soon}, oauth.GrantClientCredentials, Passed},
	} {
		c.cred.AccessToken = grant.NewSecret("t")
		st, err := store.Open(store.Options{Kind: store.KindMemory})
		if err != nil {
			t.Fatal(err)
		}
		settings := account.Settings{Grant: c.kind}
		if err := st.Save(t.Context(), settings.Key(server), c.cred); err != nil {
			t.Fatal(err)
		}
		x := examination{Subject: Subject{Server: server, Settings: settings}, kept: Kept{
			Open: func(context.Context, *command.Set) (*account.Account, error) {
				return account.Open(account.Config{
					Choice: account.Choice{Server: server, Key: settings.Key(server), Settings: settings},
					Store:  st, Browser: account.Browser{Command: account.NoBrowser}, Log: slog.New(slog.DiscardHandler), Terminal: terminal.New(terminal.Config{Out: io.Discard, Err: io.Discard}),
				})
			},
			Command: func(string, store.Entry, ...string) string { return "mcp-login login --again" },
		}}
		if f := x.login(t.Context()); f.Outcome != c.want || (f.Next != "") != (c.want == Warned) {
			t.Errorf("%s: %+v", name, f)
		}
		x.close()
	}
}

// A certificate that is not accepted fails by itself, with the reason and the way out; the
// connection to the host has passed.
func TestABadCertificateFails(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.NotFoundHandler())
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	server, err := url.Parse(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	x := examination{Subject: Subject{Server: server, Header: func() (http.Header, error) { return http.Header{}, nil }}}
	if f := x.connect(t.Context()); f.Outcome != Passed {
		t.Errorf("connection: %+v", f)
	}
	if f := x.certificate(t.Context()); f.Outcome != Failed || !strings.Contains(f.Detail, "unknown authority") || !strings.Contains(f.Next, "--ca-file") {
		t.Errorf("certificate: %+v", f)
	}
}

// A proxy variable that cannot be read is no fault for a host that NO_PROXY, or its
// being on this machine, keeps from the proxy.
func TestAnUnreadableProxyIsNamedWhereItCounts(t *testing.T) {
	const broken = "[::1"
	for _, c := range []struct {
		server    string
		variables []string
		want      string
	}{
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken}, "HTTPS_PROXY"},
		{"https://mcp.example.com/mcp", []string{"https_proxy", broken}, "https_proxy"},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", "http://proxy.example.com:3128", "https_proxy", broken}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTP_PROXY", broken}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "localhost, .example.com"}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "no_proxy", "mcp.example.com:443"}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "*"}, ""},
		{"https://mcp.example.com/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "ample.com,example.org"}, "HTTPS_PROXY"},
		{"https://192.0.2.1/mcp", []string{"HTTPS_PROXY", broken, "NO_PROXY", "192.0.2.0/24"}, ""},
		{"http://127.0.0.1:3001/mcp", []string{"HTTP_PROXY", broken}, ""},
	} {
		server, err := url.Parse(c.server)
		if err != nil {
			t.Fatal(err)
		}
		getenv := func(name string) string {
			if i := slices.Index(c.variables, name); i >= 0 {
				return c.variables[i+1]
			}
			return ""
		}
		x := examination{Subject: Subject{Server: server, Getenv: getenv}}
		if got := x.unreadableProxy(); got != c.want {
			t.Errorf("%s with %q: %q, want %q", c.server, c.variables, got, c.want)
		}
	}
}

// Who gives a key that the server refuses learns that, and nothing about a sign-in that the
// server does not offer; where it offers one, the 401 asks for it.
func TestARefusedHeaderFailsOnce(t *testing.T) {
	for name, c := range map[string]struct {
		header, metadata string
		want             Outcome
	}{
		"a key":          {"X-Api-Key", "", Failed},
		"a token":        {"Authorization", "", Failed},
		"beside a login": {"X-Tenant", "yes", Passed},
		"nothing":        {"", "", Passed},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(nil)
			defer srv.Close()
			srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/mcp":
					w.WriteHeader(http.StatusUnauthorized)
				case c.metadata != "" && strings.HasPrefix(r.URL.Path, "/.well-known/oauth-authorization-server"):
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, `{"issuer":"`+srv.URL+`","authorization_endpoint":"`+srv.URL+`/a","token_endpoint":"`+srv.URL+`/t","registration_endpoint":"`+srv.URL+`/r","response_types_supported":["code"],"code_challenge_methods_supported":["S256"]}`)
				default:
					w.WriteHeader(http.StatusNotFound)
				}
			})
			server, err := url.Parse(srv.URL + "/mcp")
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{"User-Agent": {"mcp-login"}}
			if c.header != "" {
				header.Set(c.header, "s3cret")
			}
			st, err := store.Open(store.Options{Kind: store.KindMemory})
			if err != nil {
				t.Fatal(err)
			}
			kept := Kept{
				Store: st, Command: func(string, store.Entry, ...string) string { return "mcp-login" },
				Open: func(context.Context, *command.Set) (*account.Account, error) {
					return account.Open(account.Config{
						Choice: account.Choice{Server: server, Key: account.Settings{}.Key(server)}, Purpose: account.ForInspect, Connection: account.Connection{Header: header},
						Store: st, Browser: account.Browser{Command: account.NoBrowser}, Log: slog.New(slog.DiscardHandler), Terminal: terminal.New(terminal.Config{Out: io.Discard, Err: io.Discard}),
					})
				},
			}
			subject := Subject{
				Server: server, Getenv: func(string) string { return "" }, Browser: account.Browser{Command: account.NoBrowser},
				Load: func(context.Context) (Kept, error) { return kept, nil }, Header: func() (http.Header, error) { return header, nil },
			}
			after := false
			for f := range Examine(t.Context(), subject) {
				switch {
				case f.Check == "server":
					after = true
					if f.Outcome != c.want || c.want == Failed && (!strings.Contains(f.Detail, c.header) || !strings.Contains(f.Next, "look at the value")) {
						t.Errorf("%+v", f)
					}
				case after && c.want == Failed && f.Outcome != Skipped:
					t.Errorf("after it: %+v", f)
				}
			}
		})
	}
}

// The client is asked about as a login would ask: with a proof where the server wants tokens that
// are bound to a key, or the account is bound already. Where the provider has none of these, and
// for an ID token, which is none, it is not asked.
func TestTheClientIsAskedAboutForTheServersTokens(t *testing.T) {
	for name, c := range map[string]struct {
		challenge, algorithm, tokenType string
		before, idToken                 bool // the account is bound already; requests carry the ID token
		want                            Outcome
	}{
		"bound":               {"DPoP", "ES256", "DPoP", false, false, Passed},
		"not bound":           {"DPoP", "ES256", "Bearer", false, false, Failed},
		"without DPoP":        {"DPoP", "RS256", "Bearer", false, false, Skipped},
		"bound, without DPoP": {"Bearer", "RS256", "Bearer", true, false, Skipped},
		"of an ID token":      {"DPoP", "ES256", "DPoP", false, true, Failed},
		"bound, ID token":     {"Bearer", "ES256", "DPoP", true, true, Failed},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(nil)
			defer srv.Close()
			asked := 0
			srv.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				switch r.URL.Path {
				case "/mcp":
					w.Header().Set("WWW-Authenticate", c.challenge)
					w.WriteHeader(http.StatusUnauthorized)
				case "/.well-known/oauth-authorization-server":
					_, _ = io.WriteString(w, `{"issuer":"`+srv.URL+`","authorization_endpoint":"`+srv.URL+`/a","token_endpoint":"`+srv.URL+`/t","response_types_supported":["code"],"code_challenge_methods_supported":["S256"],"dpop_signing_alg_values_supported":["`+c.algorithm+`"]}`)
				case "/t":
					if asked++; r.Header.Get("DPoP") == "" {
						w.WriteHeader(http.StatusBadRequest)
						_, _ = io.WriteString(w, `{"error":"invalid_dpop_proof"}`)
						return
					}
					_, _ = io.WriteString(w, `{"access_token":"t","token_type":"`+c.tokenType+`"}`)
				default:
					w.WriteHeader(http.StatusNotFound)
				}
			})
			server, err := url.Parse(srv.URL + "/mcp")
			if err != nil {
				t.Fatal(err)
			}
			st, err := store.Open(store.Options{Kind: store.KindMemory})
			if err != nil {
				t.Fatal(err)
			}
			settings := account.Settings{Grant: oauth.GrantClientCredentials, ClientID: "app"}
			settings.IDToken = c.idToken
			if c.before {
				bound := oauth.Credential{Server: server.String(), TokenType: "DPoP", ProofKey: grant.NewProofKey(), Established: true}
				if err := st.Save(t.Context(), settings.Key(server), bound); err != nil {
					t.Fatal(err)
				}
			}
			kept := Kept{
				Store: st, Settings: settings, Command: func(string, store.Entry, ...string) string { return "mcp-login" },
				Open: func(context.Context, *command.Set) (*account.Account, error) {
					return account.Open(account.Config{
						Choice: account.Choice{Server: server, Key: settings.Key(server), Settings: settings}, Purpose: account.ForInspect,
						Identity: grant.Identity{ClientID: "app", ClientSecret: grant.NewSecret("s3cret")},
						Store:    st, Browser: account.Browser{Command: account.NoBrowser}, Log: slog.New(slog.DiscardHandler), Terminal: terminal.New(terminal.Config{Out: io.Discard, Err: io.Discard}),
					})
				},
			}
			subject := Subject{
				Server: server, Settings: settings, Getenv: func(string) string { return "" }, Browser: account.Browser{Command: account.NoBrowser},
				Load: func(context.Context) (Kept, error) { return kept, nil }, Header: func() (http.Header, error) { return http.Header{}, nil },
			}
			for f := range Examine(t.Context(), subject) {
				if f.Check == "provider" && (f.Outcome == Failed) != (c.want == Skipped) {
					t.Errorf("%+v", f)
				}
				if f.Check == "client" && (f.Outcome != c.want || (asked > 0) != (c.want != Skipped && !c.idToken) || c.idToken && !strings.Contains(f.Next, "leave out --id-token")) {
					t.Errorf("%+v, %d requests", f, asked)
				}
				if f.Check == "resource" && (f.Outcome != Skipped || strings.Contains(f.Detail, "the token endpoint judges it") != (c.want == Passed)) {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}
