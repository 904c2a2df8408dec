package main

import (
	"os"
	"path/filepath"
	"testing"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// Which account a command leads to that names an issuer, or names none.
func TestAdoptedAccount(t *testing.T) {
	const idp, other = "https://idp.example", "https://other.example"
	entry := func(key, issuer string, signedIn bool) store.Entry {
		k := oauth.Key{Server: "https://mcp.example/mcp", Issuer: key}
		return store.Entry{ID: k.ID(), Key: k, Issuer: issuer, SignedIn: signedIn}
	}
	stranger := entry(idp, idp, true)
	stranger.Key.Profile = "work"
	stranger.ID = stranger.Key.ID()
	pair := entry("", idp, true)
	pair.FoundAt = other
	for name, tc := range map[string]struct {
		kept        []store.Entry
		named, want string // of the key
	}{
		"nothing is kept":                       {nil, "", ""},
		"nothing is kept, named":                {nil, idp, idp},
		"kept without, named later":             {[]store.Entry{entry("", idp, true)}, idp, ""},
		"named with a slash":                    {[]store.Entry{entry("", idp, true)}, idp + "/", ""},
		"named by its document":                 {[]store.Entry{entry("", idp, true)}, idp + "/.well-known/openid-configuration", ""},
		"kept without, another is named":        {[]store.Entry{entry("", other, true)}, idp, idp},
		"an attempt without, then named":        {[]store.Entry{entry("", "", false)}, idp, idp},
		"kept with, not named again":            {[]store.Entry{entry(idp, idp, true)}, "", idp},
		"kept with, after an attempt without":   {[]store.Entry{entry("", "", false), entry(idp, idp, true)}, "", idp},
		"kept with and without":                 {[]store.Entry{entry("", other, true), entry(idp, idp, true)}, "", ""},
		"kept with two":                         {[]store.Entry{entry(other, other, true), entry(idp, idp, true)}, "", ""},
		"an attempt with":                       {[]store.Entry{entry(idp, "", false)}, "", ""},
		"kept with another spelling":            {[]store.Entry{entry(idp+"/", idp, true)}, idp, idp + "/"},
		"of another profile":                    {[]store.Entry{stranger}, "", ""},
		"the accepted name is not the provider": {[]store.Entry{pair}, idp, idp},
		"the place where it was found is":       {[]store.Entry{pair}, other, ""},
	} {
		key, kept := adopted(tc.kept, oauth.Key{Server: "https://mcp.example/mcp", Issuer: tc.named})
		if key.Issuer != tc.want || kept.Key.ID() != key.ID() {
			t.Errorf("%s: the account with %q, kept %+v", name, key.Issuer, kept)
		}
	}
}

// A login that the index does not know yet is not taken for another account.
func TestAccountBehindTheIndex(t *testing.T) {
	dir := t.TempDir()
	st, err := store.Open(store.Options{Dir: dir, Kind: store.KindFile})
	if err != nil {
		t.Fatal(err)
	}
	plain := oauth.Key{Server: "https://mcp.example/mcp"}
	named := plain
	named.Issuer = "https://idp.example"
	save := func(key oauth.Key) {
		t.Helper()
		if err := st.Save(t.Context(), key, oauth.Credential{Issuer: "https://idp.example", AccessToken: oauth.NewSecret("t"), TokenType: "Bearer"}); err != nil {
			t.Fatal(err)
		}
	}
	save(named)
	index := filepath.Join(dir, "index.json")
	before, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	if key, _ := (&app{}).keptUnder(st, plain, false); key.Issuer == "" {
		t.Error("the one account is not found, the test shows nothing")
	}
	save(plain)
	if err := os.WriteFile(index, before, 0o600); err != nil {
		t.Fatal(err)
	}
	if key, _ := (&app{}).keptUnder(st, plain, false); key.Issuer != "" {
		t.Errorf("the account of %s", key.Issuer)
	}
}
