package server

import (
	"testing"
	"testing/synctest"

	"mcp-login/bearer"
	"mcp-login/test/issuer"
)

// What tests ask with.
var (
	request = issuer.Request
	serve   = issuer.Serve
	call    = issuer.Call
	mustURL = issuer.MustURL
)

const callWhoami = issuer.CallWhoami

// simulated runs f where time is simulated, with an issuer that is reached without a
// network, and a server for it.
func simulated(t *testing.T, change func(*Config), f func(*testing.T, *issuer.Issuer, *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := issuer.InMemory(t)
		f(t, i, newServer(t, i, change))
	})
}

// newServer returns a whoami server for the issuer, closed with the test.
func newServer(t testing.TB, i *issuer.Issuer, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{Config: bearer.Config{
		Resource: mustURL(t, issuer.Resource), Issuer: i.URL,
		Scopes: []string{"openid", "profile", "email"}, RelayIssuerMetadata: true, HTTP: i.Client,
	}}
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(t.Context()) })
	return s
}
