package oauth_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// signers make a private key of each kind.
var signers = map[string]func() (crypto.Signer, error){
	"ES256": func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) },
	"RS256": func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) },
	"EdDSA": func() (crypto.Signer, error) {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	},
}

func keyPair(t *testing.T, algorithm string) (*grant.ClientKey, crypto.PublicKey) {
	t.Helper()
	private, err1 := signers[algorithm]()
	der, err2 := x509.MarshalPKCS8PrivateKey(private)
	key, err3 := grant.ParseClientKey(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	return key, private.Public()
}

// A client signs in as itself, with its secret in the header or in the body,
// or with an assertion; the token is for the server; nobody is asked, a second
// process uses it, and one that has ended is replaced before it is sent.
func TestClientCredentials(t *testing.T) {
	for _, way := range []string{"client_secret_basic", "client_secret_post", "ES256", "RS256", "EdDSA"} {
		t.Run(way, func(t *testing.T) {
			client := devidp.Client{ID: "machine", GrantTypes: []string{"client_credentials"}}
			identity := grant.Identity{ClientID: "machine"}
			if strings.HasPrefix(way, "client_secret") {
				client.AuthMethod, client.Secret = way, "s3cret/with:odd characters"
				identity.ClientSecret = grant.NewSecret(client.Secret)
			} else {
				key, public := keyPair(t, way)
				client.AuthMethod, client.Keys, identity.ClientKey = "private_key_jwt", []devidp.Key{{Public: public}}, key
			}
			l := newNetworkLab(t, func(c *devidp.Config) {
				c.Registration, c.Clients = false, []devidp.Client{client}
				if way == "client_secret_post" {
					c.Faults.MetadataMembers = map[string]any{"token_endpoint_auth_methods_supported": []string{way}}
				}
			})
			s := l.store("")
			change := func(c *oauth.Config) {
				c.Listen, c.Identity, c.Key.Grant, c.Key.ClientID = nil, identity, oauth.GrantClientCredentials, "machine"
			}
			_, h := l.client(s, change)
			l.mustCall(h, "x")
			_, again := l.client(s, change)
			l.mustCall(again, "x")
			if n := l.idp.Stats().TokenRequests["client_credentials"]; n != 1 || l.tabs.Load() != 0 {
				t.Errorf("%d token requests, %d tabs", n, l.tabs.Load())
			}
			l.res.revokeSeen()
			l.mustCall(again, "x")
			before := l.res.requests.Load()
			key := oauth.Key{Server: l.server().String(), Grant: oauth.GrantClientCredentials, ClientID: "machine"}
			cred, err := s.Load(t.Context(), key)
			if err != nil {
				t.Fatal(err)
			}
			cred.Expiry = time.Now().Add(-time.Second)
			if err := s.Save(t.Context(), key, cred); err != nil {
				t.Fatal(err)
			}
			_, third := l.client(s, change)
			l.mustCall(third, "x")
			if n := l.res.requests.Load() - before; n != 1 {
				t.Errorf("a token that has ended was sent: %d requests", n)
			}
		})
	}
}

// Without discovery the endpoint that the person gave is used and nothing else is
// asked; a key of another kind, a missing secret and a wrong one say so.
func TestClientCredentialsByHand(t *testing.T) {
	client := devidp.Client{ID: "machine", Secret: "s3cret", AuthMethod: "client_secret_basic", GrantTypes: []string{"client_credentials"}}
	l := newNetworkLab(t, func(c *devidp.Config) { c.Clients = []devidp.Client{client} })
	with := func(secret, endpoint string) func(c *oauth.Config) {
		return func(c *oauth.Config) {
			c.Listen, c.Key.Grant, c.TokenEndpoint = nil, oauth.GrantClientCredentials, endpoint
			c.Identity = grant.Identity{ClientID: "machine", ClientSecret: grant.NewSecret(secret)}
		}
	}
	_, h := l.client(l.store(""), with("s3cret", l.idp.Issuer()+"/token"))
	l.mustCall(h, "x")
	if stats := l.idp.Stats(); stats.Metadata != 0 {
		t.Errorf("%d metadata requests", stats.Metadata)
	}
	for name, change := range map[string]func(*oauth.Config){
		"invalid_client": with("wrong", ""), "neither a secret nor a key": with("", ""), "no client": func(c *oauth.Config) { c.Key.Grant = oauth.GrantClientCredentials },
		"neither https nor http on loopback": with("s3cret", "http://192.0.2.1/token"),
	} {
		_, h := l.client(l.store(""), change)
		if _, _, err := l.call(h, "x"); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if l.tabs.Load() != 0 {
		t.Error("a person was asked")
	}
}

// A given token is used as it is, for its server only; when it is refused that
// is the answer, and nobody is asked.
func TestStaticTokenGoesToItsServerOnly(t *testing.T) {
	l := newNetworkLab(t, nil)
	token, err := l.idp.IssueToken(devidp.TokenRequest{Username: "alice", Resource: l.server().String(), Scopes: []string{"mcp:read"}})
	if err != nil {
		t.Fatal(err)
	}
	wire := &http.Transport{}
	defer wire.CloseIdleConnections()
	given, err := oauth.StaticToken(l.server(), grant.NewSecret(token), "the token", wire)
	if err != nil {
		t.Fatal(err)
	}
	l.mustCall(&http.Client{Transport: given}, "1")
	l.res.revokeSeen()
	_, _, err = l.call(&http.Client{Transport: given}, "2")
	if !errors.Is(err, oauth.ErrLoginRequired) || !strings.Contains(hint.Of(err), "MCP_LOGIN_TOKEN") {
		t.Errorf("%v", err)
	}
	for _, bad := range []string{"", "two words", "a\r\nX-Evil: 1", "ü"} {
		if _, err := oauth.StaticToken(l.server(), grant.NewSecret(bad), "the token", wire); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The ID token is what goes out where that was asked for, openid is among the
// scopes, and a login without one is made again.
func TestIDTokenIsPresented(t *testing.T) {
	l := newNetworkLab(t, nil)
	seen := ""
	c, _ := l.client(l.store(""), func(c *oauth.Config) { c.IDToken = true })
	h := &http.Client{Transport: c.Transport(roundTrip(func(r *http.Request) (*http.Response, error) {
		seen = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		status := http.StatusOK
		if seen == "" {
			status = http.StatusUnauthorized
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
	}))}
	if status, _, err := l.call(h, "1"); err != nil || status != http.StatusOK {
		t.Fatal(status, err)
	}
	cred, err := c.Credential(t.Context())
	if err != nil || cred.IDToken.IsZero() || seen != cred.IDToken.Reveal() || seen == cred.AccessToken.Reveal() {
		t.Errorf("another token was presented: %v", err)
	}
	if !strings.Contains(" "+strings.Join(cred.RequestedScopes, " ")+" ", " openid ") {
		t.Errorf("scopes %q", cred.RequestedScopes)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// What the person adds to the authorization request is in it, and wins over our
// own prompt.
func TestAuthorizationParameters(t *testing.T) {
	l := newNetworkLab(t, nil)
	shown := make(chan string, 1)
	_, h := l.client(l.store(""), func(c *oauth.Config) {
		c.Key.Params = []string{"prompt=login consent", "audience=https://a.example/?b=c&d", "ui_locales="}
		show := c.ShowPrompt
		c.ShowPrompt = func(ctx context.Context, p oauth.Prompt) { shown <- p.URL; show(ctx, p) }
	})
	l.mustCall(h, "1")
	u, err := url.Parse(<-shown)
	if err != nil {
		t.Fatal(err)
	}
	if q := u.Query(); len(q["prompt"]) != 1 || q.Get("prompt") != "login consent" || q.Get("audience") != "https://a.example/?b=c&d" || !q.Has("ui_locales") {
		t.Errorf("%v", q)
	}
}

// The secret of a client given with one login is found again with it, and
// need not be given to the next one.
func TestSecretIsKeptWithTheLogin(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) {
		c.Registration = false
		c.Clients = []devidp.Client{{ID: "confidential", Secret: "s3cret", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
	})
	s := l.store("")
	for i, secret := range []string{"s3cret", ""} {
		_, h := l.client(s, func(c *oauth.Config) {
			c.Identity.ClientID, c.Identity.ClientSecret = "confidential", grant.NewSecret(secret)
		})
		l.mustCall(h, "1")
		l.res.revokeSeen()
		cred := l.stored(s)
		cred.RefreshToken = grant.Secret{}
		l.save(s, cred)
		if n := l.idp.Stats().CodeExchanges; n != i+1 {
			t.Errorf("%d logins", n)
		}
	}
}

// A provider that has forgotten a registration shows the person an error
// page and tells the client nothing. A login that would use a kept registration
// asks first, and registers again.
func TestForgottenRegistrationIsRepeatedOnce(t *testing.T) {
	l := newNetworkLab(t, nil)
	s := l.store("")
	_, h := l.client(s, nil)
	l.mustCall(h, "1")
	l.idp.ForgetRegistrations()
	l.res.revokeSeen()
	cred := l.stored(s)
	cred.RefreshToken, cred.MetadataAt = grant.Secret{}, time.Now().Add(-2*time.Hour)
	l.save(s, cred)
	_, again := l.client(s, nil)
	l.mustCall(again, "2")
	if stats := l.idp.Stats(); stats.Registrations != 2 || l.tabs.Load() != 2 {
		t.Errorf("%d registrations, %d tabs", stats.Registrations, l.tabs.Load())
	}
}

// The metadata of the issuer is read once for logins close together, the
// resource's own each time; after a login that failed all of it.
func TestDiscoveryIsKept(t *testing.T) {
	l := newNetworkLab(t, func(c *devidp.Config) { c.RefreshTokenTTL = -time.Second })
	s := l.store("")
	for range 3 {
		_, h := l.client(s, nil)
		l.mustCall(h, "1")
		l.res.revokeSeen()
	}
	first := l.idp.Stats().Metadata
	if l.tabs.Load() != 3 {
		t.Fatalf("%d tabs", l.tabs.Load())
	}
	l.who = ""
	_, h := l.client(s, nil)
	if _, _, err := l.call(h, "1"); !errors.Is(err, grant.ErrDenied) {
		t.Fatal(err)
	}
	if n := l.idp.Stats().Metadata; n != first {
		t.Errorf("%d metadata requests for four logins, %d for the first three", n, first)
	}
	l.who = "alice"
	_, h = l.client(s, nil)
	l.mustCall(h, "2")
	if n := l.idp.Stats().Metadata; n == first {
		t.Error("after a login that failed the metadata was not read again")
	}
}
