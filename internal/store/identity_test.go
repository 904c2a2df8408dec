package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

// spelling draws an address and another spelling of the same one.
func spelling(t *rapid.T) (one, other string) {
	mixed := func(s, label string) string {
		upper := rapid.SliceOfN(rapid.Bool(), len(s), len(s)).Draw(t, label)
		b := []byte(s)
		for i := range b {
			if upper[i] {
				b[i] = strings.ToUpper(string(b[i]))[0]
			}
		}
		return string(b)
	}
	host := rapid.SampledFrom([]string{"example.com", "a.example.com", "ab.example", "xn--bcher-kva.example", "1.2.3.4", "[2001:db8::1]"}).Draw(t, "host")
	port := rapid.SampledFrom([]string{"", ":443", ":8443", ":44"}).Draw(t, "port")
	path := rapid.SampledFrom([]string{"/mcp", "/MCP", "/mcp/", "/m/cp", "/mc/p", "/mcp%2F", "/mcp?x=1", "/mcp?X=1", "/mcp?"}).Draw(t, "path")
	one = "https://" + host + port + path
	otherPort := port
	if port == "" || port == ":443" {
		otherPort = rapid.SampledFrom([]string{"", ":443"}).Draw(t, "same port")
	}
	return one, mixed("https", "scheme") + "://" + mixed(host, "letters") + otherPort + path
}

func canonical(t testing.TB, raw string) string {
	u, err := oauth.CanonicalServer(raw, false)
	if err != nil {
		t.Fatalf("%q is refused: %v", raw, err)
	}
	return u.String()
}

// Spellings of one address are one identity, and different
// identities never share a file: 0 collisions.
func TestIdentitiesShareNoFile(t *testing.T) {
	t.Parallel()
	seen := map[string]string{} // file name to identity
	drawn := 0
	rapid.Check(t, func(rt *rapid.T) {
		one, other := spelling(rt)
		a, b := canonical(t, one), canonical(t, other)
		if a != b || canonical(t, a) != a {
			rt.Fatalf("%s and %s are %s and %s", one, other, a, b)
		}
		// Parts that would run into each other if they were only joined.
		part := rapid.SampledFrom([]string{"", "a", "b", "ab", "1:a", "\n", "a b", "grant type", "request parameters", "none", a})
		for range 20 {
			k := oauth.Key{
				Server: a, Profile: part.Draw(rt, "profile"), ClientID: part.Draw(rt, "client"), Resource: part.Draw(rt, "resource"),
				Scopes: rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "ab", "1:a"}), 0, 3).Draw(rt, "scopes"), Grant: part.Draw(rt, "grant"),
				Params: rapid.SliceOfN(part, 0, 2).Draw(rt, "params"),
			}
			identity := spelledOut(k)
			if before, ok := seen[k.ID()]; ok && before != identity {
				rt.Fatalf("%s and %s share a file", before, identity)
			}
			seen[k.ID()] = identity
			drawn++
			if name := k.ID() + sealedSuffix; !isStoreFile(name) || strings.ContainsAny(name, "/\\:") {
				rt.Fatalf("%q is no name for a file", name)
			}
		}
	})
	t.Logf("MEASURED %d identities, %d files, 0 collisions", drawn, len(seen))
}

// Addresses that could start another line, header or file, or carry a
// password, never become an identity.
func TestAddressesThatAreNoIdentity(t *testing.T) {
	t.Parallel()
	good := "https://example.com/mcp"
	tried, refused := 0, 0
	for _, bad := range []string{"\r", "\n", "\x00", "\t", "\x7f"} {
		for at := range good {
			if u, err := oauth.CanonicalServer(good[:at]+bad+good[at:], true); err == nil {
				t.Errorf("%q at %d became %s", bad, at, u)
				refused--
			}
			tried, refused = tried+1, refused+1
		}
	}
	for _, bad := range []string{"https://alice@example.com/mcp", "https://alice:pw@example.com/mcp", "https://:pw@example.com/mcp", "https://@example.com/mcp"} {
		if u, err := oauth.CanonicalServer(bad, true); err == nil {
			t.Errorf("%s became %s", bad, u)
			refused--
		}
		tried, refused = tried+1, refused+1
	}
	t.Logf("MEASURED %d of %d refused", refused, tried)
}

// FuzzIdentity compares what becomes of two addresses: the same canonical form
// is the same file, another one is another file.
func FuzzIdentity(f *testing.F) {
	f.Add("https://example.com/mcp", "https://EXAMPLE.com:443/mcp")
	f.Add("https://example.com/mcp", "https://example.com/mcp?")
	f.Add("http://[::1]:80/", "http://[0::1]/")
	f.Fuzz(func(t *testing.T, one, other string) {
		a, errA := oauth.CanonicalServer(one, true)
		b, errB := oauth.CanonicalServer(other, true)
		if errA != nil || errB != nil {
			return
		}
		for _, u := range []string{a.String(), b.String()} {
			if strings.ContainsAny(u, "\r\n\x00") {
				t.Fatalf("%q", u)
			}
			if again, err := oauth.CanonicalServer(u, true); err != nil || again.String() != u {
				t.Fatalf("%q is not its own canonical form: %v %v", u, again, err)
			}
		}
		if (a.String() == b.String()) != (oauth.Key{Server: a.String()}.ID() == oauth.Key{Server: b.String()}.ID()) {
			t.Fatalf("%q and %q", a, b)
		}
	})
}

// spelledOut is what makes an identity: the order of scopes and parameters
// does not count.
func spelledOut(k oauth.Key) string {
	k.Scopes, k.Params = slices.Sorted(slices.Values(k.Scopes)), slices.Sorted(slices.Values(k.Params))
	return fmt.Sprintf("%q", k)
}

func TestDefaultDir(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, goos, home string
		env              map[string]string
		want             string // "" is an error
	}{
		{"Linux", "linux", "/home/a", nil, "/home/a/.local/state/mcp-login"},
		{"macOS", "darwin", "/Users/a", nil, "/Users/a/Library/Application Support/mcp-login"},
		{"Windows", "windows", `C:\Users\a`, nil, `C:\Users\a\AppData\Local\mcp-login`},
		{"Windows, moved", "windows", `C:\Users\a`, map[string]string{"LOCALAPPDATA": `D:\data\`}, `D:\data\mcp-login`},
		{"Windows, share", "windows", `\\server\home`, nil, `\\server\home\AppData\Local\mcp-login`},
		{"LOCALAPPDATA elsewhere", "linux", "/home/a", map[string]string{"LOCALAPPDATA": "/x"}, "/home/a/.local/state/mcp-login"},
		{"state home", "linux", "/home/a", map[string]string{"XDG_STATE_HOME": "/state/"}, "/state/mcp-login"},
		{"state home on macOS", "darwin", "/Users/a", map[string]string{"XDG_STATE_HOME": "/state"}, "/state/mcp-login"},
		{"relative state home", "linux", "/home/a", map[string]string{"XDG_STATE_HOME": "state"}, "/home/a/.local/state/mcp-login"},
		{"own variable first", "linux", "/home/a", map[string]string{"MCP_LOGIN_DIR": "/x y", "XDG_STATE_HOME": "/state"}, "/x y"},
		{"own variable on Windows", "windows", "", map[string]string{"MCP_LOGIN_DIR": `c:/x`}, `c:/x`},
		{"own variable without home", "linux", "", map[string]string{"MCP_LOGIN_DIR": "/x"}, "/x"},
		{"relative own variable", "linux", "/home/a", map[string]string{"MCP_LOGIN_DIR": "~/x"}, ""},
		{"drive without root", "windows", `C:\Users\a`, map[string]string{"MCP_LOGIN_DIR": "C:x"}, ""},
		{"no home", "linux", "", nil, ""},
		{"no home on Windows", "windows", "", nil, ""},
		{"relative home", "linux", "home", nil, ""},
	}
	for _, tc := range cases {
		got, err := DefaultDir(func(name string) string { return tc.env[name] }, tc.goos, tc.home)
		if got != tc.want || (err == nil) != (tc.want != "") || err != nil && (hint.Of(err) == "") {
			t.Errorf("%s: %q %v, want %q", tc.name, got, err, tc.want)
		}
	}
}

// One item per directory; where file names ignore case, so does the account.
func TestKeyringAccount(t *testing.T) {
	t.Parallel()
	if keyringAccount("/a/b", "linux") == keyringAccount("/a/B", "linux") {
		t.Error("two directories share a key")
	}
	if keyringAccount(`C:\A`, "windows") != keyringAccount(`c:\a`, "windows") {
		t.Error("one directory in two spellings has two keys")
	}
	if keyringAccount("/a/b/", "linux") != keyringAccount("/a/./b", "linux") {
		t.Error("the spelling of the path matters")
	}
}
