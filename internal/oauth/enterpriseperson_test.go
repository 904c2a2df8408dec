package oauth_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/oauth"
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

// A refresh without an ID token ends what can be renewed: a later one would have none to be
// compared with, and could be about anybody.
func TestEnterpriseRefreshWithoutIDToken(t *testing.T) {
	inCompanyBubble(func(t *testing.T, c company) {
		_, _, h := c.through(c.store(""), nil)
		c.mustCall(h, "1")
		refreshes := 0
		c.locked(func() {
			c.renewed = func(answer map[string]any) {
				if refreshes++; refreshes == 1 {
					delete(answer, "id_token")
					return
				}
				answer["id_token"] = swapped(t, answer["id_token"].(string), jwt.MapClaims{"sub": "mallory"})
			}
		})
		time.Sleep(2 * time.Hour)
		c.mustCall(h, "2")
		exchanges, _ := c.seen()
		if subjects := subjectsOf(t, exchanges); !slices.Equal(subjects, []string{alice, alice}) || refreshes != 1 || c.tabs.Load() != 2 {
			t.Errorf("exchanged for %v, %d refreshes, %d tabs", subjects, refreshes, c.tabs.Load())
		}
	})(t)
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
