package storage

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// lastVersion is the commit before accounts were found again by their URL.
const lastVersion = "c9a35dd"

// finish runs a program of the lab to its end.
func (l *lab) finish(program string, args ...string) (stdout, stderr string, code int) {
	l.t.Helper()
	cmd := l.command(args...)
	if program != "" {
		cmd.Path, cmd.Args[0] = program, program
	}
	var out, errOut strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errOut
	_ = cmd.Run()
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// call asks one bridge for its tools.
func (l *lab) call(program string, args ...string) string {
	l.t.Helper()
	cmd := l.command(args...)
	if program != "" {
		cmd.Path, cmd.Args[0] = program, program
	}
	cmd.Stdin = strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}` + "\n")
	out, _ := cmd.Output()
	return string(out)
}

// Logins of an earlier version go on without another one, and both versions share
// them: each renews what the other has written, and each goes on finding its accounts.
func TestEarlierVersionShares(t *testing.T) {
	real.Long(t, "builds an earlier version")
	old := binary.Earlier(t, lastVersion, "mcp-login")
	l := newLab(t, store.KindFile, 0)
	must := func(program, want string, args ...string) {
		t.Helper()
		stdout, stderr, code := l.finish(program, args...)
		if !strings.Contains(stdout, want) || code != 0 {
			t.Fatalf("%q: %d\n%s%s", args, code, stdout, stderr)
		}
	}
	must(old, "signed in", "login", l.url)
	must("", "already signed in", "login", l.url)
	must(old, "signed in", "login", "--profile", "work", "--scope", "openid offline_access", l.url)
	must("", "already signed in", "login", "--profile", "work", l.url)
	tabs := l.idp.Stats().Logins
	for round, program := range []string{"", old, "", old, ""} {
		l.expire()
		if got := l.call(program, l.url); !strings.Contains(got, `"result"`) {
			t.Fatalf("round %d: %s", round, got)
		}
	}
	// What the earlier version does not know of survives it: it writes the index too.
	must("", "signed in", "login", "--profile", "named", "--issuer", l.idp.Issuer(), "--callback-path", "/back", l.url)
	l.expire()
	if got := l.call(old, l.url); !strings.Contains(got, `"result"`) {
		t.Fatal(got)
	}
	must("", "signed in", "login", "--profile", "named", l.url) // by a refresh, see tabs
	must("", "--profile named --issuer "+l.idp.Issuer(), "status", "--offline")
	must("", "signed in", "login", "--profile", "work", l.url)
	if got := l.idp.Stats().Logins; got != tabs+1 {
		t.Errorf("%d sign-ins, want one more than %d", got, tabs)
	}
	must(old, "signed out", "logout", l.url)
	must("", "no login kept", "logout", "--profile", "default", l.url)
}

// Each account that the earlier version could make is found by its URL alone, used
// without another login, and found again by the version that made it, whatever keeps
// them; only in memory each process has its own.
func TestEarlierVersionAccounts(t *testing.T) {
	real.Long(t, "builds an earlier version")
	for _, kind := range []store.Kind{store.KindFile, store.KindPassphrase} {
		t.Run(string(kind), func(t *testing.T) { earlierAccounts(t, kind) })
	}
	t.Run("memory", func(t *testing.T) {
		l := newLab(t, store.KindMemory, -1)
		for n, program := range []string{binary.Earlier(t, lastVersion, "mcp-login"), binary.Build(t, "mcp-login")} {
			if answered, refused := ask(l.startOf(program, 1)); answered != 1 || l.idp.Stats().Logins != n+1 {
				t.Errorf("%d sign-ins, %s", l.idp.Stats().Logins, refused)
			}
		}
	})
}

// The same with the key in a real Secret Service.
func TestEarlierVersionAccountsSecretService(t *testing.T) {
	real.Long(t, "builds an earlier version")
	if !real.SecretService(t) {
		return
	}
	earlierAccounts(t, store.KindKeyring)
}

func earlierAccounts(t *testing.T, kind store.Kind) {
	old := binary.Earlier(t, lastVersion, "mcp-login")
	for name, c := range map[string]struct {
		flags []string
		key   oauth.Key
	}{
		"none":        {nil, oauth.Key{}},
		"a client":    {[]string{"--client-id", "app"}, oauth.Key{ClientID: "app"}},
		"a document":  {[]string{"--client-metadata-url", "https://client.example/app"}, oauth.Key{}},
		"scopes":      {[]string{"--scope", "offline_access openid"}, oauth.Key{Scopes: []string{"offline_access", "openid"}}},
		"a resource":  {[]string{"--resource", "RESOURCE"}, oauth.Key{Resource: "RESOURCE"}},
		"a parameter": {[]string{"--auth-param", "ui_locales=de"}, oauth.Key{Params: []string{"ui_locales=de"}}},
		"all": {
			[]string{"--client-id", "app", "--scope", "openid offline_access", "--resource", "RESOURCE", "--auth-param", "ui_locales=de"},
			oauth.Key{ClientID: "app", Scopes: []string{"openid", "offline_access"}, Resource: "RESOURCE", Params: []string{"ui_locales=de"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if kind != store.KindFile && name != "all" {
				return // the store does not look into a key
			}
			l := newLab(t, kind, -1)
			key := c.key
			key.Server = l.url
			flags := slices.Clone(c.flags)
			for i := range flags {
				flags[i] = strings.ReplaceAll(flags[i], "RESOURCE", l.url)
			}
			key.Resource = strings.ReplaceAll(key.Resource, "RESOURCE", l.url)
			words := append(flags, l.url)
			if stdout, stderr, code := l.finish(old, append([]string{"login"}, words...)...); code != 0 {
				t.Fatal(stdout, stderr)
			}
			if stdout, stderr, code := l.finish("", "login", l.url); code != 0 || !strings.Contains(stdout, "already signed in") {
				t.Error(stdout, stderr)
			}
			for round, use := range []func() string{
				func() string { return l.call("", l.url) },
				func() string { return l.call(old, words...) },
				func() string { return l.call("", words...) },
				func() string { return l.call(old, words...) },
			} {
				l.expireKey(key)
				if got := use(); !strings.Contains(got, `"result"`) {
					t.Errorf("round %d: %s", round, got)
				}
			}
			if s := l.idp.Stats(); s.Logins != 1 || s.ReuseDetections != 0 {
				t.Errorf("%d sign-ins, %d reuses", s.Logins, s.ReuseDetections)
			}
			if stdout, stderr, code := l.finish("", "logout", l.url); code != 0 || !strings.Contains(stdout, "signed out") {
				t.Error(stdout, stderr)
			}
			if stdout, _, _ := l.finish(old, "status", "--offline"); strings.Contains(stdout, l.url) {
				t.Error(stdout)
			}
		})
	}
}

// manyServers are ten servers of one provider.
func manyServers(t *testing.T, l *lab, n int) (urls []string) {
	t.Helper()
	for range n {
		mux := http.NewServeMux()
		server := httptest.NewServer(mux)
		t.Cleanup(server.Close)
		mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q]}`, server.URL+"/mcp", l.idp.Issuer())
		})
		urls = append(urls, server.URL+"/mcp")
	}
	return urls
}

// Fifty accounts of ten servers: a URL alone finds the one that there is, is asked
// about where there are several, and each line that is offered then works.
func TestFiftyAccounts(t *testing.T) {
	l := newLab(t, store.KindFile, 0)
	st := l.open()
	urls := manyServers(t, l, 10)
	kinds := []oauth.Key{{ClientID: "app"}, {ClientID: "app", Resource: oauth.NoResource}, {Scopes: []string{"a", "b"}}, {Params: []string{"prompt=it's $(x)"}}, {Profile: "work"}}
	for n, url := range urls {
		for k, key := range kinds {
			if key.Server = url; n == 0 && k > 0 || n == 1 && k != 4 { // one account; one with a name
				continue
			}
			cred := oauth.Credential{Server: url, Issuer: l.idp.Issuer(), AccessToken: grant.NewSecret("t"), TokenType: "Bearer", Account: fmt.Sprintf("p%d.%d@example.test", n, k), Registration: grant.Registration{ClientID: "c"}}
			if err := st.Save(t.Context(), key, cred); err != nil {
				t.Fatal(err)
			}
		}
	}
	for n, url := range urls {
		stdout, stderr, code := l.finish("", "token", url)
		if n < 2 {
			if stdout != "t\n" || code != 0 {
				t.Errorf("%d: %d %s%s", n, code, stdout, stderr)
			}
			continue
		}
		// Those with a name are not meant by a command without one.
		if code != 2 || stdout != "" || !strings.Contains(stderr, "4 accounts are signed in to "+url) || strings.Contains(stderr, "--profile") {
			t.Fatalf("%d: %d %s%s", n, code, stdout, stderr)
		}
		_, hint, _ := strings.Cut(stderr, "run one of: ")
		for _, line := range strings.Split(strings.TrimSpace(hint), "; ") {
			sh := l.command()
			sh.Path, sh.Args = "/bin/sh", []string{"sh", "-c", line}
			sh.Env = append(sh.Env, "PATH="+filepath.Dir(binary.Build(t, "mcp-login"))+string(os.PathListSeparator)+os.Getenv("PATH"))
			if out, err := sh.CombinedOutput(); err != nil || string(out) != "t\n" {
				t.Errorf("%s: %v %s", line, err, out)
			}
		}
		if got := l.call("", url); !strings.Contains(got, `"code":1002`) || strings.Count(got, "mcp-login --") != 8 {
			t.Errorf("%d: the bridge answered %s", n, got)
		}
	}
	stdout, _, _ := l.finish("", "status", "--json", "--offline")
	var report struct {
		Logins []struct{ Server, Flags string }
	}
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || len(report.Logins) != 42 {
		t.Fatalf("%v, %d rows", err, len(report.Logins))
	}
	rows := map[string]bool{}
	for _, row := range report.Logins {
		rows[row.Server+row.Flags] = true
	}
	if len(rows) != len(report.Logins) {
		t.Errorf("%d rows, and %d that can be told apart", len(report.Logins), len(rows))
	}
}

// A logout takes along that somebody was just asked: the next start asks at once.
func TestLogoutEndsTheCooldown(t *testing.T) {
	l := newLab(t, store.KindFile, 0)
	l.signIn()
	if stdout, stderr, code := l.finish("", "logout", l.url); code != 0 {
		t.Fatal(stdout, stderr)
	}
	if n, refused := ask(l.start(1)); n != 1 {
		t.Errorf("after a logout: %s", refused)
	}
	if l.idp.Stats().Logins != 2 {
		t.Errorf("%d sign-ins", l.idp.Stats().Logins)
	}
}

// An account whose tokens are gone, or whose sign-in anew led to nothing, is still the
// one that the URL alone finds, with all that was said for it.
func TestAccountOutlivesItsTokens(t *testing.T) {
	for name, end := range map[string]func(l *lab, key oauth.Key){
		"refused": func(l *lab, key oauth.Key) {
			st := l.open()
			cred, err := st.Load(t.Context(), key)
			cred.Expiry, cred.ObtainedAt, cred.RefreshToken = time.Now().Add(-time.Minute), time.Now().Add(-time.Hour), grant.NewSecret("unknown there")
			if err = errors.Join(err, st.Save(t.Context(), key, cred)); err != nil {
				t.Fatal(err)
			}
			l.revoked[cred.AccessToken.Reveal()] = true
			_, _, _ = l.finish("", "login", "--no-browser", "--timeout", "500ms", l.url)
		},
		"again": func(l *lab, _ oauth.Key) {
			_, _, _ = l.finish("", "login", "--again", "--no-browser", "--timeout", "500ms", l.url)
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, store.KindFile, 0)
			key := oauth.Key{Server: l.url, Params: []string{"ui_locales=de"}}
			if stdout, stderr, code := l.finish("", "login", "--auth-param", key.Params[0], "--callback-path", "/back", l.url); code != 0 {
				t.Fatal(stdout, stderr)
			}
			end(l, key)
			if cred, err := l.open().Load(t.Context(), key); err != nil || cred.HasToken() {
				t.Fatalf("the test shows nothing: %v", err)
			}
			if stdout, stderr, _ := l.finish("", "status", "--offline", l.url); !strings.Contains(stdout, "--auth-param ui_locales=de") {
				t.Error(stdout, stderr)
			}
			if stdout, stderr, code := l.finish("", "login", l.url); code != 0 || !strings.Contains(stderr, "/back/") {
				t.Error(stdout, stderr)
			}
			if cred, err := l.open().Load(t.Context(), key); err != nil || !cred.HasToken() || cred.Established {
				t.Error("signed in to another account", err)
			}
		})
	}
}

// The list of logins is in the clear: who may write it, and has no key, leads nobody to
// a provider of his.
func TestForgedIndex(t *testing.T) {
	for name, forge := range map[string]func(l *lab, evil string, entry map[string]any){
		"of a login that is kept": func(_ *lab, evil string, entry map[string]any) {
			entry["issuer"], entry["issuer_named"], entry["issuer_found_at"] = "https://name.example", evil, evil
		},
		"of none": func(l *lab, evil string, entry map[string]any) {
			key := l.key()
			if err := l.open().Delete(t.Context(), key); err != nil {
				t.Fatal(err)
			}
			key.Issuer = evil
			if err := os.WriteFile(filepath.Join(l.dir, key.ID()+".passphrase"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			entry["key"] = map[string]any{"server": l.url, "issuer": evil}
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, store.KindPassphrase, 0)
			asked := false
			evil := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
			defer evil.Close()
			l.signIn()
			path := filepath.Join(l.dir, "index.json")
			b, err := os.ReadFile(path)
			var index struct {
				Format  int              `json:"format"`
				Entries []map[string]any `json:"entries"`
			}
			if err = errors.Join(err, json.Unmarshal(b, &index)); err != nil || len(index.Entries) != 1 {
				t.Fatal(err, len(index.Entries))
			}
			forge(l, evil.URL, index.Entries[0])
			b, err = json.Marshal(index)
			if err = errors.Join(err, os.WriteFile(path, b, 0o600)); err != nil {
				t.Fatal(err)
			}
			_, stderr, _ := l.finish("", "login", "--again", "--no-browser", "--timeout", "500ms", l.url)
			if asked || !strings.Contains(stderr, l.idp.Issuer()+"/auth?") {
				t.Errorf("the other provider was asked: %t\n%s", asked, stderr)
			}
		})
	}
}

// Where the answer was awaited is kept: a later login that has only the URL awaits it
// there, which is all that a client registered with one redirect URI can use.
func TestCallbackIsKept(t *testing.T) {
	l := newLab(t, store.KindFile, 0)
	port := real.FreePort(t)
	if stdout, stderr, code := l.finish("", "login", "--callback-port", fmt.Sprint(port), "--callback-path", "/back", "--callback-host", "localhost", l.url); code != 0 {
		t.Fatal(stdout, stderr)
	}
	for _, args := range [][]string{{"login", "--again", l.url}, {"login", "--again", "--callback-path", "/other", l.url}} {
		_, stderr, code := l.finish("", append(args, "--no-browser", "--timeout", "500ms")...)
		want := fmt.Sprintf("redirect_uri=http%%3A%%2F%%2Flocalhost%%3A%d%%2Fback", port)
		if len(args) > 3 { // said anew, all of it
			want = "%2Fother&"
		}
		if code != 4 || !strings.Contains(stderr, want) {
			t.Errorf("%q: %d, no %s in %s", args, code, want, stderr)
		}
	}
}
