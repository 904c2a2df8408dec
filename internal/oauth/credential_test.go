package oauth

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"mcp-login/internal/oauth/grant"
)

// Two identities share an ID only when they are equal, whichever of the fields sets them
// apart.
func TestKeyIDInjective(t *testing.T) {
	part := rapid.StringMatching(`[ab:0-9 ]{0,4}`)
	parts := rapid.SliceOfN(part, 0, 3)
	draw := func(t *rapid.T, field reflect.Value, name string) {
		if field.Kind() == reflect.String {
			field.SetString(part.Draw(t, name))
			return
		}
		field.Set(reflect.ValueOf(parts.Draw(t, name)))
	}
	rapid.Check(t, func(t *rapid.T) {
		var a Key
		all := reflect.ValueOf(&a).Elem()
		for i := range all.NumField() {
			draw(t, all.Field(i), all.Type().Field(i).Name)
		}
		b := a
		for range rapid.IntRange(1, 2).Draw(t, "changes") {
			i := rapid.IntRange(0, all.NumField()-1).Draw(t, "field")
			draw(t, reflect.ValueOf(&b).Elem().Field(i), "other")
		}
		if (a.ID() == b.ID()) != reflect.DeepEqual(sorted(a), sorted(b)) {
			t.Fatalf("%+v and %+v: %s, %s", a, b, a.ID(), b.ID())
		}
	})
}

// sorted is k without what is of no matter.
func sorted(k Key) Key {
	k.Scopes, k.Params = slices.Sorted(slices.Values(k.Scopes)), slices.Sorted(slices.Values(k.Params))
	return k
}

// Stores of earlier versions go on working: a key without an issuer is spelled as
// it was before there was one.
func TestKeysOfEarlierVersions(t *testing.T) {
	for id, key := range map[string]Key{
		"6f0267899ee17832816c37453a82bc9aaae9024ca13c01dae8a44a33de150886": {Server: "https://example.com/mcp"},
		"c34754c3ca17baa9b9974c0778409194ef375ed5ce1af85dc9575a03db6527f4": {
			Server: "https://example.com/mcp", Profile: "work", ClientID: "app", Resource: NoResource,
			Scopes: []string{"b", "a"}, Grant: GrantClientCredentials, Params: []string{"x=y"},
		},
	} {
		if key.ID() != id {
			t.Errorf("%+v is %s, and was %s", key, key.ID(), id)
		}
		key.Issuer = "https://login.example.com"
		if key.ID() == id {
			t.Errorf("%+v is the account without an issuer", key)
		}
	}
}

// The margin scales with the lifetime, so that a token of a
// few seconds is not refreshed at every use.
func TestFreshMargin(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	token := grant.NewSecret("t")
	cases := []struct {
		name string
		cred Credential
		want bool
	}{
		{"no token", Credential{}, false},
		{"no expiry known", Credential{AccessToken: token}, true},
		{"one hour, 61 s left", Credential{AccessToken: token, ObtainedAt: now.Add(61*time.Second - time.Hour), Expiry: now.Add(61 * time.Second)}, true},
		{"one hour, 60 s left", Credential{AccessToken: token, ObtainedAt: now.Add(60*time.Second - time.Hour), Expiry: now.Add(60 * time.Second)}, false},
		{"ten seconds, 2 s left", Credential{AccessToken: token, ObtainedAt: now.Add(-8 * time.Second), Expiry: now.Add(2 * time.Second)}, true},
		{"ten seconds, 1 s left", Credential{AccessToken: token, ObtainedAt: now.Add(-9 * time.Second), Expiry: now.Add(time.Second)}, false},
		{"over", Credential{AccessToken: token, ObtainedAt: now.Add(-time.Hour), Expiry: now.Add(-time.Second)}, false},
	}
	for _, tc := range cases {
		if got := tc.cred.Fresh(now); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// An answer of the token endpoint keeps what it does not replace (RFC 6749, section 6).
func TestTokenReplacesOnlyWhatItHolds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	cred := Credential{
		Issuer: "https://as.example", RefreshToken: grant.NewSecret("r0"), AccessToken: grant.NewSecret("a0"), IDToken: grant.NewSecret("i0"),
		Expiry: now, Unanswered: now, GrantedScopes: []string{"x"}, Account: "alice",
	}
	next := cred
	next.apply(grant.Token{AccessToken: grant.NewSecret("a1")}, &grant.Target{}, now)
	if next.AccessToken.Reveal() != "a1" || next.RefreshToken.Reveal() != "r0" || next.IDToken.Reveal() != "i0" || len(next.GrantedScopes) != 1 || next.Account != "alice" {
		t.Errorf("what was not in the answer has changed: %+v", next)
	}
	if !next.Expiry.IsZero() || !next.Unanswered.IsZero() || !next.ObtainedAt.Equal(now) || next.TokenType != "Bearer" || next.Issuer != cred.Issuer {
		t.Errorf("%+v", next)
	}
	next.apply(grant.Token{AccessToken: grant.NewSecret("a2"), RefreshToken: grant.NewSecret("r2"), Lifetime: time.Hour, Scopes: []string{}, Account: "bob"}, &grant.Target{RepeatScopes: true}, now)
	if next.RefreshToken.Reveal() != "r2" || !next.Expiry.Equal(now.Add(time.Hour)) || next.GrantedScopes == nil || len(next.GrantedScopes) != 0 || next.Account != "bob" || !next.RepeatScopes || !next.Fresh(now) {
		t.Errorf("%+v", next)
	}
}
