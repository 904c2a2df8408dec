package oauth_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

const (
	documentHost    = "127.0.0.1:9004"
	projectDocument = "http://" + documentHost + "/client.json"
)

// documentWire fetches documents of the project.
type documentWire struct{ t *testing.T }

func (d documentWire) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	doc, err := grant.Document(projectDocument)
	if err != nil || r.URL.String() != projectDocument {
		d.t.Error(r.URL, err)
	}
	_, _ = rec.Write(doc)
	return rec.Result(), nil
}

// documentLab has a provider that takes client ID metadata documents.
func documentLab(change func(*devidp.Config), f func(t *testing.T, b *lab)) func(*testing.T) {
	return func(t *testing.T) {
		inBubble(func(c *devidp.Config) {
			c.MetadataDocuments, c.DocumentTransport = true, documentWire{t}
			if change != nil {
				change(c)
			}
		}, f)(t)
	}
}

func ofProject(c *oauth.Config) { c.Identity.Document = projectDocument }

// forgetTokens leaves of a login what a later one finds.
func (b *lab) forgetTokens(s oauth.Store) {
	cred := b.stored(s)
	cred.AccessToken, cred.RefreshToken = grant.Secret{}, grant.Secret{}
	b.save(s, cred)
}

// The client of the project's document is used before one registers itself, and the account
// keeps which client it is of: a renewal and a revocation are in its name.
func TestProjectsDocumentIsTheClient(t *testing.T) {
	documentLab(nil, func(t *testing.T, b *lab) {
		s := b.store("")
		c, h := b.client(s, ofProject)
		b.mustCall(h, "1")
		b.res.revokeSeen()
		b.mustCall(h, "2")
		if id, stats := b.stored(s).Registration.ClientID, b.idp.Stats(); id != projectDocument || stats.Registrations != 0 || stats.Refreshes != 1 || b.tabs.Load() != 1 {
			t.Errorf("the client is %s; %d registrations, %d refreshes, %d tabs", id, stats.Registrations, stats.Refreshes, b.tabs.Load())
		}
		c.Close()
	})(t)
}

// Everything that a person has said about the client goes first, and so does a client that
// has registered itself; where the document does not fit it is not used.
func TestProjectsDocumentComesLast(t *testing.T) {
	own := "http://127.0.0.1:9004/own.json"
	for name, tc := range map[string]struct {
		lab    func(*devidp.Config)
		config func(*oauth.Config)
		stored bool
		want   string // the client, "" for one that has registered itself
	}{
		"another document of the person": {nil, func(c *oauth.Config) { c.MetadataURL = own }, false, own},
		"a client of the person": {func(c *devidp.Config) {
			c.Clients = []devidp.Client{{ID: "app", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
		}, func(c *oauth.Config) { c.Identity.ClientID, c.Key.ClientID = "app", "app" }, false, "app"},
		"members of the registration":       {nil, func(c *oauth.Config) { c.Identity.Chosen = `{"client_name":"Mine"}` }, false, ""},
		"one that has registered itself":    {nil, nil, true, ""},
		"a provider that takes none":        {func(c *devidp.Config) { c.MetadataDocuments = false }, nil, false, ""},
		"a build without one":               {nil, func(c *oauth.Config) { c.Identity.Document = "" }, false, ""},
		"no document and nothing was given": {func(c *devidp.Config) { c.MetadataDocuments = false }, func(c *oauth.Config) { c.Identity.Document = "" }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(func(c *devidp.Config) {
				c.MetadataDocuments, c.DocumentTransport = true, anyDocument{}
				if tc.lab != nil {
					tc.lab(c)
				}
			}, func(t *testing.T, b *lab) {
				s := b.store("")
				if tc.stored {
					_, h := b.client(s, nil)
					b.mustCall(h, "0")
					b.forgetTokens(s)
				}
				key := oauth.Key{Server: b.server().String()}
				_, h := b.client(s, func(c *oauth.Config) {
					ofProject(c)
					if tc.config != nil {
						tc.config(c)
					}
					key = c.Key
				})
				b.mustCall(h, "1")
				cred, err := s.Load(t.Context(), key)
				if err != nil {
					t.Fatal(err)
				}
				if tc.want == "" && (!cred.Registration.Dynamic || b.idp.Stats().Registrations != 1) || tc.want != "" && cred.Registration.ClientID != tc.want {
					t.Errorf("%s, %d registrations", cred.Registration.ClientID, b.idp.Stats().Registrations)
				}
			})(t)
		})
	}
}

// doctor asks about the document where a login would use it, and nowhere else.
func TestCheckOfTheProjectsDocument(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*oauth.Config)
		uses   bool
	}{
		"a login by redirect":         {func(*oauth.Config) {}, true},
		"a login by device":           {func(c *oauth.Config) { c.Device = oauth.DeviceAlways }, false},
		"members of the registration": {func(c *oauth.Config) { c.Identity.Chosen = `{"client_name":"Mine"}` }, false},
		"through the company":         {func(c *oauth.Config) { c.Enterprise = &oauth.Enterprise{} }, false},
	} {
		t.Run(name, documentLab(nil, func(t *testing.T, b *lab) {
			c, _ := b.client(b.store(""), func(c *oauth.Config) { ofProject(c); tc.change(c) })
			meta, err := discovery.FetchServer(t.Context(), &http.Client{Transport: b.wire}, *b.res.issuer.Load(), discovery.IssuerChoice{})
			if err != nil {
				t.Fatal(err)
			}
			check, err := c.CheckClient(t.Context(), discovery.Result{Server: *meta, Resource: b.server().String()}, discovery.Challenge{}, bubbleRedirectURI)
			if (check.ClientID == projectDocument) != tc.uses || errors.Is(err, oauth.ErrNotFound) == tc.uses {
				t.Errorf("the client is %q, %v", check.ClientID, err)
			}
		}))
	}
}

// anyDocument answers with a document of the address that was asked for.
type anyDocument struct{}

func (anyDocument) RoundTrip(r *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	doc, err := grant.Document(r.URL.String())
	_, _ = rec.Write(doc)
	return rec.Result(), err
}

// A sign-in with the document that brings no answer, as where a provider shows an error
// page of its own, is followed by one with a client that registers itself, which stays.
func TestDocumentWithoutAnAnswer(t *testing.T) {
	documentLab(nil, func(t *testing.T, b *lab) {
		s := b.store("")
		b.think = -1
		_, h := b.client(s, ofProject)
		_, _, err := b.call(h, "1")
		if !errors.Is(err, grant.ErrLoginTimeout) || !strings.Contains(hint.Of(err), "registers a new one") {
			t.Fatalf("%v, hint %q", err, hint.Of(err))
		}
		b.think = 0
		for range 2 {
			_, again := b.client(s, ofProject)
			b.mustCall(again, "2")
			if reg := b.stored(s).Registration; !reg.Dynamic || reg.Doubted || b.idp.Stats().Registrations != 1 {
				t.Errorf("%+v, %d registrations", reg, b.idp.Stats().Registrations)
			}
			b.forgetTokens(s)
		}
	})(t)
}

// A person who declines has brought an answer: the document stays.
func TestDocumentAndAPersonWhoDeclines(t *testing.T) {
	documentLab(nil, func(t *testing.T, b *lab) {
		s := b.store("")
		b.who = ""
		_, h := b.client(s, ofProject)
		if _, _, err := b.call(h, "1"); !errors.Is(err, grant.ErrDenied) {
			t.Fatal(err)
		}
		b.who = "alice"
		_, again := b.client(s, ofProject)
		b.mustCall(again, "2")
		if id := b.stored(s).Registration.ClientID; id != projectDocument || b.idp.Stats().Registrations != 0 {
			t.Errorf("the client is %s", id)
		}
	})(t)
}

// A provider that refuses the document, or its redirect URI, before anybody was asked costs
// nothing: the client registers itself in the same sign-in. Where it cannot, the error says
// what to do.
func TestDocumentThatTheProviderRefuses(t *testing.T) {
	for _, answer := range []string{
		`{"error":"invalid_client","error_description":"client_id metadata document fetch failed"}`,
		`{"error":"invalid_redirect_uri","error_description":"redirect_uri did not match any of the client's registered redirect_uris"}`,
		`{"error":"invalid_request","error_description":"redirect_uri does not match"}`,
	} {
		for _, registers := range []bool{true, false} {
			documentLab(func(c *devidp.Config) { c.Registration = registers }, func(t *testing.T, b *lab) {
				b.wire.before(bubbleProvider, func(w http.ResponseWriter, r *http.Request) bool {
					refused := r.URL.Path == "/oidc/auth" && r.URL.Query().Get("client_id") == projectDocument
					if refused {
						says(http.StatusBadRequest, answer)(w, r)
					}
					return refused
				})
				s := b.store("")
				_, h := b.client(s, ofProject)
				if registers {
					b.mustCall(h, "1")
					if reg := b.stored(s).Registration; !reg.Dynamic || b.tabs.Load() != 1 {
						t.Errorf("%s, %d tabs", reg.ClientID, b.tabs.Load())
					}
				} else if _, _, err := b.call(h, "1"); err == nil || !strings.Contains(hint.Of(err), "register") || b.tabs.Load() != 0 {
					t.Errorf("%v, hint %q, %d tabs", err, hint.Of(err), b.tabs.Load())
				}
			})(t)
		}
	}
}
