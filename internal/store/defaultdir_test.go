package store

import (
	"testing"

	"mcp-login/internal/hint"
)

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
