package hosts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// An entry is in trouble when its host cannot start it, or soon may not be able to.
func TestTroubleOfAnEntry(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(bin, "system-temp"))
	t.Setenv("TMP", filepath.Join(bin, "system-temp"))
	t.Setenv("PATH", bin)
	put := func(parts ...string) string {
		path := filepath.Join(append(append([]string{bin}, parts...), "mcp-login.exe")...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := put()
	noProgram := filepath.Join(bin, "folder", "mcp-login")
	if err := os.MkdirAll(noProgram, 0o700); err != nil {
		t.Fatal(err)
	}
	desktop, shell := mustFind(t, "claude-desktop"), mustFind(t, "codex")
	for _, c := range []struct {
		host    Host
		command string
		want    string
		broken  bool
	}{
		{desktop, good, "", false},
		{shell, "mcp-login.exe", "", false},
		{desktop, "mcp-login.exe", "may not have the PATH", false},
		{desktop, filepath.Join(bin, "gone", "mcp-login"), "is missing", true},
		{desktop, noProgram, "is no program", true},
		{shell, "MCP-LOGIN.cmd", "is not on the PATH", true},
		{desktop, put(".npm", "_npx", "abc", "node_modules", ".bin"), "a cache", false},
		{desktop, put("go-build123", "b001", "exe"), "a cache", false},
		{desktop, put(".cache", "x"), "a cache", false},
		{desktop, put("Library", "Caches", "x"), "a cache", false},
		{desktop, put("dlx-1234"), "a cache", false},
		{desktop, put("bunx-1000-x"), "a cache", false},
		{desktop, put("system-temp", "x"), "a cache", false},
		{desktop, put("my-cache-tools", "tmp"), "", false},
		{desktop, "${HOME}/bin/mcp-login", "", false},
		{desktop, "~/bin/mcp-login", "", false},
		{desktop, "./mcp-login", "", false},
		{desktop, filepath.Join(bin, "other"), "", false}, // runs something else
	} {
		e := Server{Name: "example", Command: c.command, Args: []string{"https://example.com/mcp"}}
		got := c.host.Trouble(System{OS: "linux"}, e, "")
		if got.Broken != c.broken || (got.Text != "") != (c.want != "") || !strings.Contains(got.Text, c.want) {
			t.Errorf("%s, %s: %+v", c.host.ID, c.command, got)
		}
	}
}

func mustFind(t *testing.T, id string) Host {
	t.Helper()
	h, ok := Find(id)
	if !ok {
		t.Fatal(id)
	}
	return h
}

// What stands in front of mcp-login is judged as well: an entry whose npx is missing does not
// start, and neither does one whose program behind env is gone. An old version from npm is
// named.
func TestTroubleBehindALauncher(t *testing.T) {
	bin := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(bin, "system-temp"))
	t.Setenv("PATH", bin)
	for _, name := range []string{"npx", "env", "cmd", "mcp-login"} {
		putProgram(t, filepath.Join(bin, name))
	}
	for line, want := range map[string]string{
		"npx -y mcp-login@1.2.3":             "",
		"npx mcp-login":                      "",
		"npx -y mcp-login@2.0.0":             "",
		"npx -y mcp-login@1.2.2":             "mcp-login v1.2.2 from npm, older",
		"cmd /c npx -y mcp-login@1.2.3-rc.1": "v1.2.3-rc.1 from npm, older",
		"cmd /c mcp-login":                   "may not have the PATH",
		"env A=b /gone/mcp-login":            "/gone/mcp-login is missing",
		"env " + bin + "/mcp-login":          "",
		"bunx mcp-login":                     "bunx is not on the PATH",
		"cmd /c pnpm dlx mcp-login":          "pnpm is not on the PATH",
		"/gone/npx mcp-login":                "/gone/npx is missing",
		bin + "/_npx/1/mcp-login":            "is missing",
	} {
		argv := strings.Fields(line)
		e := Server{Name: "x", Command: argv[0], Args: append(argv[1:], "https://example.com/mcp")}
		got := mustFind(t, "claude-desktop").Trouble(System{OS: "linux"}, e, "v1.2.3")
		if (got.Text != "") != (want != "") || !strings.Contains(got.Text, want) {
			t.Errorf("%s: %+v", line, got)
		}
	}
	e := Server{Name: "x", Command: "npx", Args: []string{"mcp-login@0.0.1", "https://example.com/mcp"}}
	if got := mustFind(t, "cursor").Trouble(System{OS: "linux"}, e, "(devel)"); got.Text != "" {
		t.Errorf("compared with a version that is not known: %+v", got)
	}
}

// Only the command of the entries that are meant changes; an odd entry keeps none from it.
func TestRepointChangesTheCommandAlone(t *testing.T) {
	t.Parallel()
	wrong := func(s Server) bool { return s.Kind() != KindOther }
	for _, c := range []struct{ host, before, after string }{
		{
			"cursor",
			"{ // mine\n \"mcpServers\": {\n  \"a\": {\"command\": \"/old/mcp-login\", \"args\": [\"https://a.example/mcp\"], \"env\": {\"K\": \"s\"}},\n  \"odd\": {\"command\": \"/old/mcp-login\", \"args\": \"\"},\n  \"none\": {\"command\": \"/old/mcp-login\"},\n  \"no\": 7, \"nor\": {\"url\": \"https://x.example\"},\n  \"b\": {\"command\": \"node\", \"args\": [\"x\"]},\n  \"c\": {\"args\": [\"https://c.example/mcp\",], \"command\": \"mcp-login\"},\n }\n}\n",
			"{ // mine\n \"mcpServers\": {\n  \"a\": {\"command\": \"/new/mcp-login\", \"args\": [\"https://a.example/mcp\"], \"env\": {\"K\": \"s\"}},\n  \"odd\": {\"command\": \"/new/mcp-login\", \"args\": \"\"},\n  \"none\": {\"command\": \"/new/mcp-login\"},\n  \"no\": 7, \"nor\": {\"url\": \"https://x.example\"},\n  \"b\": {\"command\": \"node\", \"args\": [\"x\"]},\n  \"c\": {\"args\": [\"https://c.example/mcp\",], \"command\": \"/new/mcp-login\"},\n }\n}\n",
		},
		{"codex", "[mcp_servers.a]\ncommand = \"/old/mcp-login\" # here\nargs = [\"https://a.example/mcp\"]\n", "[mcp_servers.a]\ncommand = \"/new/mcp-login\" # here\nargs = [\"https://a.example/mcp\"]\n"},
		{"goose", "extensions:\n  a:\n    cmd: /old/mcp-login\n    args: [\"https://a.example/mcp\"]\n", "extensions:\n  a:\n    cmd: \"/new/mcp-login\"\n    args: [\"https://a.example/mcp\"]\n"},
		{"opencode", "{\"mcp\": {\"a\": {\"type\": \"local\", \"command\": [\"/old/mcp-login\", \"https://a.example/mcp\"]}}}", "{\"mcp\": {\"a\": {\"type\": \"local\", \"command\": [\"/new/mcp-login\", \"https://a.example/mcp\"]}}}"},
	} {
		h := mustFind(t, c.host)
		out, were, err := h.Repoint([]byte(c.before), []string{"/new/mcp-login"}, wrong)
		if string(out) != c.after || err != nil || len(were) == 0 || were[0].Command != "/old/mcp-login" {
			t.Errorf("%s: %v, %v\n%s", c.host, were, err, out)
		}
		if again, were, err := h.Repoint(out, []string{"/new/mcp-login"}, wrong); string(again) != string(out) || len(were) != 0 || err != nil {
			t.Errorf("%s, once more: %v, %v", c.host, were, err)
		}
	}
	if _, _, err := mustFind(t, "cursor").Repoint([]byte("{"), []string{"x"}, wrong); err == nil {
		t.Error("a broken file is taken")
	}
}

// The folder for temporary files is one wherever a link leads to it; "/" is none.
func TestInCacheFollowsTheTemporaryFolder(t *testing.T) {
	dir := t.TempDir()
	folder, link := filepath.Join(dir, "folder"), filepath.Join(dir, "link")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(folder, link); err != nil {
		real.Missing(t, "a symbolic link", "let this user make symbolic links")
	}
	for temp, want := range map[string]bool{link: true, folder: true, filepath.Join(dir, "other"): false, string(filepath.Separator): false} {
		t.Setenv("TMPDIR", temp)
		t.Setenv("TMP", temp)
		if got := InCache(filepath.Join(folder, "x", "mcp-login")); got != want {
			t.Errorf("%s: %v", temp, got)
		}
	}
}

// A file with many entries is read and checked once, not once for each of them.
func TestRepointOfManyEntriesIsOneEdit(t *testing.T) {
	h := mustFind(t, "cursor")
	allocated := func(n int) float64 {
		list := make([]string, n)
		for i := range list {
			list[i] = fmt.Sprintf(`"e%d": {"command": "/old/mcp-login", "args": ["https://a.example/mcp"]}`, i)
		}
		data := []byte(`{"mcpServers": {` + strings.Join(list, ",\n") + `}}`)
		return testing.AllocsPerRun(1, func() {
			if _, were, err := h.Repoint(data, []string{"/new/mcp-login"}, func(Server) bool { return true }); err != nil || len(were) != n {
				t.Error(len(were), err)
			}
		})
	}
	if few, many := allocated(40), allocated(160); many > 8*few {
		t.Errorf("%v allocations for 40 entries, %v for 160", few, many)
	}
}
