package account

import (
	"crypto/tls"
	"net/http"
	"testing"
	"time"

	"mcp-login/internal/bridge"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// Whatever a server may go by makes another owner of its answers, and nothing else does; where
// it is not known who signs in there is none.
func TestOwnerOfAnswers(t *testing.T) {
	signedIn := func(after time.Duration, token string) *oauth.Credential {
		at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(after)
		return &oauth.Credential{AccessToken: grant.NewSecret(token), SignedIn: at, Established: true}
	}
	first, second := signedIn(0, "t"), signedIn(1, "t")
	unknown := &oauth.Credential{AccessToken: grant.NewSecret("t"), Established: true}
	certificate := func(der byte) Connection {
		return Connection{Certificates: []tls.Certificate{{Certificate: [][]byte{{der}}}}}
	}
	header := func(name, value string) Connection { return Connection{Header: http.Header{name: {value}}} }

	owners := map[string]string{}
	for _, c := range []struct {
		owner          string // "" for nobody
		stored, loaded *oauth.Credential
		connection     Connection
		tools          bridge.Filter
	}{
		{owner: "first", stored: first, loaded: first},
		{owner: "first", stored: signedIn(0, "renewed"), loaded: first},
		{owner: "first", stored: first}, // before the first request
		{owner: "second", stored: second, loaded: second},
		{owner: "second", stored: second},
		{owner: "", stored: second, loaded: first}, // somebody else has signed in
		{owner: "", loaded: first},                 // or it was ended
		{owner: "", stored: unknown, loaded: unknown},
		{owner: "nobody has signed in"},
		{owner: "hidden tools", stored: first, tools: bridge.Filter{Ignore: []string{"x"}}},
		{owner: "allowed tools", stored: first, tools: bridge.Filter{Allow: []string{"x"}}},
		{owner: "a certificate", stored: first, connection: certificate(1)},
		{owner: "another certificate", stored: first, connection: certificate(2)},
		{owner: "a header", stored: first, connection: header("X-Key", "k")},
		{owner: "its other value", stored: first, connection: header("X-Key", "l")},
		{owner: "a given token", connection: Connection{Token: grant.NewSecret("given")}},
		{owner: "another given token", connection: Connection{Token: grant.NewSecret("other")}},
		{owner: "a given Authorization", connection: header("Authorization", "Bearer x")},
		{owner: "a given Authorization", connection: header("Authorization", "Bearer x"), stored: first},
	} {
		a := openedWith(t, "https://a.example/mcp", ForRelay, c.connection)
		if c.loaded != nil {
			keep(t, a, c.loaded)
			_, _ = a.OAuth.Credential(t.Context()) // as a request does
		}
		keep(t, a, c.stored)
		got := (&answers{a: a, tools: c.tools}).Owner()
		if (got == "") != (c.owner == "") {
			t.Errorf("%s: %q", c.owner, got)
		}
		for other, owner := range owners {
			if got != "" && (owner == got) != (other == c.owner) {
				t.Errorf("%s and %s: %q, %q", c.owner, other, got, owner)
			}
		}
		owners[c.owner] = got
	}
}

// keep makes cred the one in the store; nil is none.
func keep(t *testing.T, a *Account, cred *oauth.Credential) {
	t.Helper()
	err := a.Store.Delete(t.Context(), a.Key)
	if cred != nil {
		cred.Server = a.Key.Server
		err = a.Store.Save(t.Context(), a.Key, *cred)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The first request takes the login that is in the store then, whoever was looked for before.
func TestOwnerLoadsNoLogin(t *testing.T) {
	a := openedWith(t, "https://a.example/mcp", ForRelay, Connection{})
	for _, token := range []string{"alice", "bob"} {
		keep(t, a, &oauth.Credential{AccessToken: grant.NewSecret(token), SignedIn: time.Now()})
		if (&answers{a: a}).Owner() == "" {
			t.Error(token)
		}
	}
	if cred, err := a.OAuth.Credential(t.Context()); err != nil || cred.AccessToken.Reveal() != "bob" {
		t.Errorf("the first request is alice's: %v", err)
	}
}

// What a server has said to a person is nobody's once somebody else is signed in at the
// company's provider.
func TestOwnerThroughTheCompany(t *testing.T) {
	a := openedWith(t, "https://a.example/mcp", ForRelay, Connection{})
	a.company = &Account{Config: Config{Store: a.Store, Choice: Choice{Key: oauth.Key{Enterprise: "https://id.example"}.Company()}}}
	if (&answers{a: a}).Owner() == "" {
		t.Error("nobody has signed in, which is known")
	}
	alice, bob := time.Unix(1, 0), time.Unix(2, 0)
	keep(t, a, &oauth.Credential{AccessToken: grant.NewSecret("t"), SignedIn: alice})
	for _, tc := range []struct {
		there time.Time
		known bool
	}{{alice, true}, {bob, false}, {time.Time{}, false}} {
		keep(t, a.company, &oauth.Credential{IDToken: grant.NewSecret("i"), SignedIn: tc.there})
		if got := (&answers{a: a}).Owner(); (got != "") != tc.known {
			t.Errorf("%v: %q", tc.there, got)
		}
	}
	a.company = nil // closed with a
}
