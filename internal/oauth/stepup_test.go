package oauth_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// strength is a server that wants another sign-in (RFC 9470), and what its provider was
// asked for.
type strength struct {
	status    int
	challenge string // its parameters
	enough    func(request url.Values) bool

	mu       sync.Mutex
	requests []url.Values    // at the authorization endpoint
	of       map[string]bool // whether a token is of a sign-in that is enough
}

// stand makes b's server want it.
func (s *strength) stand(b *lab) {
	s.of = map[string]bool{}
	b.wire.before(bubbleProvider, func(_ http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/oidc/auth" && r.URL.Query().Get("prompt") != "none" {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.requests = append(s.requests, r.URL.Query())
		}
		return false
	})
	b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
		token, presented := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if r.URL.Path != "/mcp" || !presented {
			return false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if _, known := s.of[token]; !known { // of the latest sign-in, or of a refresh after it
			s.of[token] = s.enough(s.requests[len(s.requests)-1])
		}
		if s.of[token] {
			return false
		}
		w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="http://`+bubbleServer+`/.well-known/oauth-protected-resource/mcp", error="insufficient_user_authentication", error_description="not strong enough", `+s.challenge)
		w.WriteHeader(s.status)
		return true
	})
}

func wantsACR(value string) func(url.Values) bool {
	return func(request url.Values) bool { return request.Get("acr_values") == value }
}

// A server that wants another sign-in gets it: one more, which asks the provider for what
// the challenge names. No refresh token is spent on it. The next sign-in asks for the
// same at once.
func TestServerWantsAnotherAuthentication(t *testing.T) {
	for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden} {
		inBubble(nil, func(t *testing.T, b *lab) {
			s := &strength{status: status, challenge: `acr_values="phr  phrh", max_age="300"`, enough: wantsACR("phr phrh")}
			s.stand(b)
			kept := b.store("")
			_, h := b.client(kept, notInteractive)
			b.mustCall(h, "1")
			if len(s.requests) != 2 || s.requests[0].Has("acr_values") || s.requests[1].Get("max_age") != "300" || s.requests[1].Get("scope") != s.requests[0].Get("scope") || b.idp.Stats().Refreshes != 0 {
				t.Fatalf("status %d: asked for %v, %d refreshes", status, s.requests, b.idp.Stats().Refreshes)
			}
			cred := b.stored(kept)
			if want := (discovery.Authentication{ACRValues: "phr phrh", MaxAge: "300"}); cred.Authentication != want {
				t.Errorf("%+v is kept", cred.Authentication)
			}
			cred.AccessToken, cred.RefreshToken = grant.Secret{}, grant.Secret{}
			b.save(kept, cred)
			_, again := b.client(kept, nil)
			b.mustCall(again, "2")
			if len(s.requests) != 3 || s.requests[2].Get("acr_values") != "phr phrh" {
				t.Errorf("the next sign-in asked for %v", s.requests)
			}
		})(t)
	}
}

// A provider that cannot give it leads to one more sign-in for each request and no loop;
// a request soon afterwards to none. The error has the server's words.
func TestAuthenticationThatNobodyGives(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		s := &strength{status: http.StatusUnauthorized, challenge: `acr_values="phr"`, enough: func(url.Values) bool { return false }}
		s.stand(b)
		_, h := b.client(b.store(""), notInteractive)
		for range 2 {
			_, _, err := b.call(h, "1")
			var refused *grant.Error
			if !errors.As(err, &refused) || refused.Code != "insufficient_user_authentication" || !strings.Contains(err.Error(), "not strong enough") || !strings.Contains(hint.Of(err), "login --again") {
				t.Errorf("%v, hint %q", err, hint.Of(err))
			}
			if len(s.requests) != 2 {
				t.Errorf("%d sign-ins", len(s.requests))
			}
		}
	})(t)
}

// Where nobody signs in, another token is tried, once for each request.
func TestAuthenticationWhereNobodySignsIn(t *testing.T) {
	machine := devidp.Client{ID: "machine", Secret: "s3cret", AuthMethod: "client_secret_basic", GrantTypes: []string{"client_credentials"}}
	inBubble(func(c *devidp.Config) { c.Clients = []devidp.Client{machine} }, func(t *testing.T, b *lab) {
		s := &strength{status: http.StatusUnauthorized, challenge: `acr_values="phr"`, enough: func(url.Values) bool { return false }, requests: []url.Values{nil}}
		s.stand(b)
		_, h := b.client(b.store(""), func(c *oauth.Config) {
			c.Listen, c.Key.Grant, c.Key.ClientID = nil, oauth.GrantClientCredentials, machine.ID
			c.Identity = grant.Identity{ClientID: machine.ID, ClientSecret: grant.NewSecret(machine.Secret)}
		})
		for n := range 2 {
			_, _, err := b.call(h, "1")
			var refused *grant.Error
			if !errors.As(err, &refused) || refused.Code != "insufficient_user_authentication" {
				t.Error(err)
			}
			if got := b.idp.Stats().TokenRequests["client_credentials"]; got != n+2 { // the first request had no token
				t.Errorf("%d tokens after %d requests", got, n+1)
			}
		}
	})(t)
}

// A token that another process has refreshed meanwhile is of no other sign-in: it is tried, and
// the person is asked all the same.
func TestAuthenticationAfterARefreshElsewhere(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		wanted := false
		s := &strength{status: http.StatusUnauthorized, challenge: `acr_values="phr"`, enough: func(request url.Values) bool { return !wanted || request.Get("acr_values") == "phr" }}
		s.stand(b)
		kept := b.store("")
		_, one := b.client(kept, notInteractive)
		b.mustCall(one, "1")
		_, other := b.client(kept, notInteractive)
		b.res.revokeSeen()
		b.mustCall(other, "2")
		if n := b.idp.Stats().Refreshes; n != 1 {
			t.Fatalf("%d refreshes", n)
		}
		s.mu.Lock()
		wanted, s.of = true, map[string]bool{}
		s.mu.Unlock()
		b.mustCall(one, "3")
		if len(s.requests) != 2 {
			t.Errorf("%d sign-ins", len(s.requests))
		}
	})(t)
}

// What a person has chosen wins, and what is no parameter is not passed on.
func TestAuthenticationIsTheChallengesOrThePersons(t *testing.T) {
	for challenge, want := range map[string]string{
		`acr_values="phr", max_age=60`:     "mine/60",
		"acr_values=\"a\u202eb\"":          "mine/",
		`max_age=-1`:                       "mine/",
		`max_age="1e3"`:                    "mine/",
		`max_age=99999999999`:              "mine/",
		`acr_values=x, max_age="60&iss=y"`: "mine/",
	} {
		inBubble(nil, func(t *testing.T, b *lab) {
			s := &strength{status: http.StatusUnauthorized, challenge: challenge, enough: func(url.Values) bool { return false }}
			s.stand(b)
			_, h := b.client(b.store(""), func(c *oauth.Config) { c.Key.Params = []string{"acr_values=mine"} })
			_, _, err := b.call(h, "1")
			if !strings.Contains(hint.Of(err), "leave out what --auth-param says") {
				t.Errorf("hint %q", hint.Of(err))
			}
			if last := s.requests[len(s.requests)-1]; len(s.requests) != 2 || last.Get("acr_values")+"/"+last.Get("max_age") != want {
				t.Errorf("%s: %v", challenge, s.requests)
			}
		})(t)
	}
}
