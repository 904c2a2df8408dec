package oauth_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// subjectsOf are those of the ID tokens that were exchanged.
func subjectsOf(t *testing.T, exchanges []url.Values) (all []string) {
	t.Helper()
	for _, form := range exchanges {
		var claims jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(form.Get("subject_token"), &claims); err != nil {
			t.Error(err)
		}
		all = append(all, fmt.Sprint(claims["sub"]))
	}
	return all
}

const alice, bob = "alice0000001", "bob000000001"

// Who has ended the login at the company's provider has ended it for every program that runs:
// none of them goes on as that person.
func TestEnterpriseLogoutElsewhere(t *testing.T) {
	c := newCompany(t)
	dir := t.TempDir()
	_, _, bridge := c.through(c.store(dir), nil)
	c.mustCall(bridge, "1")
	server, login, _ := c.through(c.store(dir), nil)
	for _, account := range []*oauth.Client{server, login} {
		if _, err := account.Logout(t.Context(), false); err != nil {
			t.Fatal(err)
		}
	}
	c.who = "bob"
	c.res.revokeSeen()
	c.mustCall(bridge, "2")
	exchanges, _ := c.seen()
	if subjects := subjectsOf(t, exchanges); !slices.Equal(subjects, []string{alice, bob}) || c.tabs.Load() != 2 {
		t.Errorf("exchanged for %v, %d tabs", subjects, c.tabs.Load())
	}
}

// Once somebody else has signed in at the company's provider, no server is used as the person
// before: not by a program that starts, nor by one that has run all along.
func TestEnterpriseOtherPersonElsewhere(t *testing.T) {
	c := newCompany(t)
	dir := t.TempDir()
	_, _, bridge := c.through(c.store(dir), nil)
	c.mustCall(bridge, "1")
	s := c.store(dir)
	_, login, later := c.through(s, nil)
	c.who = "bob"
	if err := login.LogoutForNewLogin(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := login.SignInAhead(t.Context(), true); err != nil {
		t.Fatal(err)
	}
	c.mustCall(later, "2")
	c.res.revokeSeen()
	c.mustCall(bridge, "3")
	exchanges, _ := c.seen()
	if subjects := subjectsOf(t, exchanges); !slices.Equal(subjects, []string{alice, bob, bob}) || c.tabs.Load() != 2 {
		t.Errorf("exchanged for %v, %d tabs", subjects, c.tabs.Load())
	}
	if cred, err := s.Load(t.Context(), oauth.Key{Server: c.server().String(), Enterprise: c.issuer()}); err != nil || cred.Account != bob {
		t.Errorf("kept for the server: %q, %v", cred.Account, err)
	}
}

// A token for the person before that another program has stored is not taken over either, where
// the server refuses the one in use in a way that may mean something else.
func TestEnterpriseOtherPersonsTokenInTheStore(t *testing.T) {
	for _, refusal := range []string{"403", "302"} {
		t.Run(refusal, inCompanyBubble(func(t *testing.T, c company) {
			s := c.store("")
			_, _, bridge := c.through(s, nil)
			c.mustCall(bridge, "1")
			c.res.revokeSeen()
			_, login, other := c.through(s, nil)
			c.mustCall(other, "2")
			c.who = "bob"
			if err := login.LogoutForNewLogin(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := login.SignInAhead(t.Context(), true); err != nil {
				t.Fatal(err)
			}
			<-time.After(10 * time.Minute) // a token that was got a moment ago is not doubted
			d := newDoubting(c.lab, s, refusal)
			if status := d.send(bridge, true); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
			exchanges, _ := c.seen()
			if subjects := subjectsOf(t, exchanges); !slices.Equal(subjects, []string{alice, alice, bob}) || d.strays.Load() != 0 {
				t.Errorf("exchanged for %v, %d requests of the other host", subjects, d.strays.Load())
			}
		}))
	}
}

// A refresh without an ID token ends what can be renewed: a later one would have none to be
// compared with, and could be about anybody. A refresh token that is dropped for that, or because
// of another person, is revoked; a provider that does not answer to that keeps nobody from signing in.
func TestEnterpriseRefreshWithoutIDToken(t *testing.T) {
	for name, tc := range map[string]struct{ otherPerson, hangs bool }{"revoked": {}, "no answer": {hangs: true}, "another person": {otherPerson: true}} {
		t.Run(name, inCompanyBubble(func(t *testing.T, c company) {
			_, _, h := c.through(c.store(""), nil)
			c.mustCall(h, "1")
			var dropped, revoked []any
			c.renewed = func(answer map[string]any) {
				dropped = append(dropped, answer["refresh_token"])
				if tc.otherPerson {
					answer["id_token"] = swapped(t, answer["id_token"].(string), jwt.MapClaims{"sub": "mallory"})
					return
				}
				delete(answer, "id_token")
			}
			c.wire.before(bubbleProvider, func(_ http.ResponseWriter, r *http.Request) bool {
				if r.URL.Path != "/oidc/token/revocation" {
					return false
				}
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(bytes.NewReader(body))
				if form, _ := url.ParseQuery(string(body)); form.Get("token_type_hint") == "refresh_token" {
					c.locked(func() { revoked = append(revoked, form.Get("token")) })
				}
				if tc.hangs {
					<-r.Context().Done()
				}
				return tc.hangs
			})
			<-time.After(2 * time.Hour)
			c.mustCall(h, "2")
			c.locked(func() {
				if len(dropped) != 1 || dropped[0] == nil || !slices.Equal(revoked, dropped) {
					t.Errorf("%d refresh tokens were dropped, %d revoked", len(dropped), len(revoked))
				}
			})
			exchanges, _ := c.seen()
			if subjects := subjectsOf(t, exchanges); !slices.Equal(subjects, []string{alice, alice}) || len(dropped) != 1 || c.tabs.Load() != 2 {
				t.Errorf("exchanged for %v, %d refreshes, %d tabs", subjects, len(dropped), c.tabs.Load())
			}
		}))
	}
}

// unwritable keeps nothing.
type unwritable struct{ oauth.Store }

func (unwritable) Save(context.Context, oauth.Key, oauth.Credential) error {
	return oauth.ErrUnwritable
}

// Where nothing can be stored, the one sign-in is good as long as the program runs.
func TestEnterpriseWithoutAStore(t *testing.T) {
	c := newCompany(t)
	_, _, h := c.through(unwritable{c.store("")}, nil)
	c.mustCall(h, "1")
	c.res.revokeSeen()
	c.mustCall(h, "2")
	if c.tabs.Load() != 1 {
		t.Errorf("%d tabs", c.tabs.Load())
	}
}

// A server that wants a stronger sign-in gets it at the company's provider, once; the next
// server needs none, and a provider that does not do it asks nobody again and again.
func TestEnterpriseStrongerSignIn(t *testing.T) {
	for name, enough := range map[string]bool{"done": true, "not done": false} {
		t.Run(name, inCompanyBubble(func(t *testing.T, c company) {
			s := &strength{status: http.StatusUnauthorized, challenge: `acr_values="phr", max_age="60"`, enough: func(r url.Values) bool {
				return enough && r.Get("acr_values") == "phr" && r.Get("max_age") == "60"
			}}
			s.stand(c.lab)
			kept := c.store("")
			_, _, h := c.through(kept, notInteractively)
			for range 2 {
				_, _, err := c.call(h, "1")
				if enough != (err == nil) || !enough && !strings.Contains(hint.Of(err), "run: mcp-login login --enterprise "+c.issuer()+" --again") {
					t.Errorf("%v; %s", err, hint.Of(err))
				}
			}
			_, _, other := c.through(kept, notInteractively)
			if _, _, err := c.call(other, "2"); enough != (err == nil) {
				t.Error(err)
			}
			if exchanges, _ := c.seen(); len(s.requests) != 2 || enough && len(exchanges) != 2 {
				t.Errorf("%d sign-ins, %d exchanges", len(s.requests), len(exchanges))
			}
		}))
	}
}

// One such sign-in is enough for all programs that run with the login.
func TestEnterpriseStrongerSignInElsewhere(t *testing.T) {
	inCompanyBubble(func(t *testing.T, c company) {
		wanted := false
		s := &strength{status: http.StatusUnauthorized, challenge: `acr_values="phr"`, enough: func(r url.Values) bool { return !wanted || r.Get("acr_values") == "phr" }}
		s.stand(c.lab)
		kept := c.store("")
		var programs []*http.Client
		for range 3 {
			_, _, h := c.through(kept, notInteractively)
			c.mustCall(h, "1")
			programs = append(programs, h)
		}
		s.mu.Lock()
		wanted, s.of = true, map[string]bool{}
		s.mu.Unlock()
		for _, h := range programs {
			c.mustCall(h, "2")
		}
		if len(s.requests) != 2 {
			t.Errorf("%d sign-ins", len(s.requests))
		}
	})(t)
}

// Where the login at the company's provider has ended elsewhere, the sign-in that replaces it is at
// once the one that the server wants.
func TestEnterpriseStrongerSignInAfterLogoutElsewhere(t *testing.T) {
	inCompanyBubble(func(t *testing.T, c company) {
		wanted := false
		s := &strength{status: http.StatusUnauthorized, challenge: `acr_values="phr"`, enough: func(r url.Values) bool { return !wanted || r.Get("acr_values") == "phr" }}
		s.stand(c.lab)
		kept := c.store("")
		_, _, h := c.through(kept, nil)
		c.mustCall(h, "1")
		_, login, _ := c.through(kept, nil)
		if _, err := login.Logout(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		s.mu.Lock()
		wanted, s.of = true, map[string]bool{}
		s.mu.Unlock()
		c.mustCall(h, "2")
		if len(s.requests) != 2 {
			t.Errorf("%d sign-ins", len(s.requests))
		}
	})(t)
}

func notInteractively(cfg *oauth.Config, _ *oauth.Enterprise) { cfg.Interactive = false }

// What helps where the ID token is given is another one, and no sign-in.
func TestEnterpriseGivenIDTokenIsOver(t *testing.T) {
	for _, code := range []string{"invalid_grant", "insufficient_user_authentication"} {
		c := newCompany(t)
		c.refuse = []string{code}
		_, _, h := c.through(c.store(""), c.given)
		if _, _, err := c.call(h, "x"); hint.Of(err) != "replace the file with a newer ID token: it is read anew for each exchange" || c.tabs.Load() != 0 {
			t.Errorf("%v; %s", err, hint.Of(err))
		}
	}
}

// given puts an ID token in the place of the person.
func (c company) given(cfg *oauth.Config, e *oauth.Enterprise) {
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"iss": c.issuer(), "sub": "alice", "aud": "app"}).SignedString([]byte("any"))
	if err != nil {
		c.t.Fatal(err)
	}
	cfg.Key.ClientID, cfg.Identity.ClientID = "app", "app"
	e.IDToken = func() (grant.Secret, error) { return grant.NewSecret(token), nil }
}

// A server that wants another sign-in gets one more exchange for each request, of whatever ID token
// is given by then.
func TestEnterpriseStrongerSignInOfGivenIDToken(t *testing.T) {
	inCompanyBubble(func(t *testing.T, c company) {
		s := &strength{status: http.StatusUnauthorized, challenge: `acr_values="phr"`, enough: func(url.Values) bool { return false }, requests: []url.Values{nil}}
		s.stand(c.lab)
		_, _, h := c.through(c.store(""), c.given)
		for n := range 2 {
			if _, _, err := c.call(h, "x"); !strings.Contains(hint.Of(err), "replace the file with a newer ID token") {
				t.Errorf("%v; %s", err, hint.Of(err))
			}
			if exchanges, _ := c.seen(); len(exchanges) != n+2 || c.tabs.Load() != 0 { // the first request had no token
				t.Errorf("%d exchanges after %d requests, %d tabs", len(exchanges), n+1, c.tabs.Load())
			}
		}
	})(t)
}
