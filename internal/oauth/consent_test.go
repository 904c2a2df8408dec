package oauth

import (
	"errors"
	"testing"
	"time"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// When a row of approval pages ends: with a token that has lived to its end, or an
// hour after a sign-in that led to none. What was learned stays.
func TestConsentsInARow(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		cred Credential
		want int
	}{
		"never":                                {Credential{}, 0},
		"within the token's life":              {Credential{Consents: 1, Expiry: now.Add(time.Minute), Attempt: Attempt{Asked: now.Add(-50 * time.Hour), Succeeded: true}}, 1},
		"after the token's life":               {Credential{Consents: 1, Expiry: now.Add(-time.Minute), Attempt: Attempt{Asked: now.Add(-2 * time.Minute), Succeeded: true}}, 0},
		"no known end, soon after":             {Credential{Consents: 1, Attempt: Attempt{Asked: now.Add(-time.Minute), Succeeded: true}}, 1},
		"no known end, long after":             {Credential{Consents: 1, Attempt: Attempt{Asked: now.Add(-2 * time.Hour), Succeeded: true}}, 0},
		"nobody finished, soon after":          {Credential{Consents: 1, Attempt: Attempt{Asked: now.Add(-time.Minute)}}, 1},
		"nobody finished, long after":          {Credential{Consents: 1, Attempt: Attempt{Asked: now.Add(-2 * time.Hour)}}, 0},
		"nobody finished, with an older token": {Credential{Consents: 1, Expiry: now.Add(-time.Minute), Attempt: Attempt{Asked: now.Add(-time.Minute)}}, 1},
		"learned":                              {Credential{Consents: maxConsents, Expiry: now.Add(-time.Minute), Attempt: Attempt{Asked: now.Add(-time.Hour * 50), Succeeded: true}}, maxConsents},
	} {
		if got := tc.cred.consentsInARow(now); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
}

// What counts as a refusal of offline_access, and what a person chose is kept.
func TestMayDropOffline(t *testing.T) {
	requested := []string{"openid", discovery.OfflineAccess, "read"}
	for _, tc := range []struct {
		code, said string
		scopes     []string // chosen
		requested  []string
		want       bool
	}{
		{"invalid_scope", "", nil, requested, true},
		{"invalid_scope", "the provider gave no reason", nil, requested, true},
		{"invalid_scope", "'offline_access' is not allowed.", nil, requested, true},
		{"invalid_scope", "already done, unreadable", nil, requested, true}, // "read" is no word of it
		{"invalid_scope", "read is not allowed", nil, requested, false},
		{"invalid_scope", "[read, offline_access] are not allowed", nil, requested, true},
		{"invalid_request", "Invalid scope: offline_access", nil, requested, true},
		{"unauthorized_client", "The client is not allowed to request scope 'offline_access'.", nil, requested, true},
		{"unauthorized_client", "", nil, requested, false},
		{"invalid_request", "redirect_uri is wrong", nil, requested, false},
		{"access_denied", "offline_access was declined", nil, requested, false},
		{"invalid_scope", "offline_access", []string{discovery.OfflineAccess}, requested, false},
		{"invalid_scope", "offline_access", []string{}, requested, false},
		{"invalid_scope", "offline_access", nil, []string{"read"}, false},
	} {
		c := &Client{cfg: Config{Key: Key{Scopes: tc.scopes}}}
		if got := c.mayDropOffline(&Credential{RequestedScopes: tc.requested}, &grant.Error{Code: tc.code, Err: errors.New(tc.said)}); got != tc.want {
			t.Errorf("%s %q of %v: %v", tc.code, tc.said, tc.requested, got)
		}
	}
	for _, err := range []error{nil, errors.New("invalid_scope"), &grant.Error{Code: "invalid_scope"}} {
		if (&Client{}).mayDropOffline(&Credential{RequestedScopes: requested}, err) {
			t.Errorf("%v", err)
		}
	}
}
