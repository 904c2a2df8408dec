package hosts

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func isOwn(s Server) bool { return s.Kind() == KindOwn }

// others are the servers of a file that do not run mcp-login.
func others(t *testing.T, h Host, data []byte) []Server {
	t.Helper()
	all, err := h.List(data)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(all, isOwn)
}

func equalServers(a, b []Server) bool {
	return slices.EqualFunc(a, b, func(a, b Server) bool {
		return a.Name == b.Name && a.Command == b.Command && a.URL == b.URL && slices.Equal(a.Args, b.Args) && slices.Equal(a.Group, b.Group)
	})
}

// From every file of the corpus all servers that run mcp-login are taken out, those of
// projects included, and no other.
func TestRemoveEachTakesAllOfThem(t *testing.T) {
	inProjects := 0
	for file, h := range corpus(t) {
		data, _, err := h.Rewrite(read(t, file), []string{"mcp-login"}, func([]string) string { return "" })
		if err != nil && !errors.Is(err, ErrLayout) {
			t.Fatalf("%s: %v", file, err)
		} else if err != nil {
			data = read(t, file)
		}
		if with, err := h.Set(data, sample, false); err == nil {
			data = with
		}
		all, _ := h.List(data)
		kept := others(t, h, data)
		out, gone, err := h.RemoveEach(data, isOwn)
		if errors.Is(err, ErrLayout) && filepath.Base(file) == "codex.inline.toml" {
			continue // no tables: each of the editing functions refuses it
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
			continue
		}
		if len(gone)+len(kept) != len(all) || !equalServers(others(t, h, out), kept) {
			t.Errorf("%s: %d of %d are gone, and %d were others", file, len(gone), len(all), len(kept))
		}
		for _, s := range gone {
			if len(s.Group) > 0 {
				inProjects++
			}
		}
		again, gone, err := h.RemoveEach(out, isOwn)
		if err != nil || len(gone) > 0 || string(again) != string(out) {
			t.Errorf("%s: once more: %v, %v", file, gone, err)
		}
	}
	if inProjects == 0 {
		t.Error("no server of a project in the corpus")
	}
}

// One that cannot be taken out keeps no other from it: here two have one name, and it is
// not clear which is meant.
func TestRemoveEachGoesOn(t *testing.T) {
	h, _ := Find("continue")
	data := []byte("mcpServers:\n  - name: same\n    command: other\n  - name: same\n    command: mcp-login\n    args: [https://a.example/mcp]\n  - name: own\n    command: mcp-login\n    args: [https://b.example/mcp]\n")
	out, gone, err := h.RemoveEach(data, isOwn)
	if len(gone) != 1 || gone[0].Name != "own" || !errors.Is(err, ErrLayout) {
		t.Errorf("%v, %v", gone, err)
	}
	if left, _ := h.List(out); len(left) != 2 {
		t.Errorf("left: %v", left)
	}
	if _, _, err := h.RemoveEach([]byte("{"), isOwn); !errors.Is(err, ErrBroken) {
		t.Error(err)
	}
}

// The copies beside a file are those of ours, also when the file is gone.
func TestBackupsAreOurs(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mcp.json")
	var want []string
	for i, text := range []string{"1", "2", "3"} {
		change, err := Plan(path, func([]byte) ([]byte, error) { return []byte(text), nil })
		if err != nil {
			t.Fatal(err)
		}
		backup, err := change.Write(time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		if backup != "" {
			want = append(want, backup)
		}
	}
	for _, name := range []string{"mcp.json.bak", "mcp.json.2026.bak", "other.json.20260101T000000.000Z.bak"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got := Backups(path); len(want) != 2 || !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// An entry that runs mcp-login in a container is known, whatever its container gets.
func TestContainersOfOurImageAreKnown(t *testing.T) {
	for line, want := range map[string]bool{
		"docker run -i --rm -v mcp-login:/state -e MCP_LOGIN_PASSPHRASE ghcr.io/somebody/mcp-login https://a.example/mcp":  true,
		"podman run -i --read-only --cap-drop all --user=1000 -e A=b localhost:5000/mcp-login:1.0.0 https://a.example/mcp": true,
		"docker run -i ghcr.io/somebody/mcp-login@sha256:0123 --device https://a.example/mcp":                              true,
		"docker run -i --name mcp-login -v mcp-login:/state other https://a.example/mcp":                                   false,
		"docker run -i node npx mcp-remote https://a.example/mcp":                                                          false,
		"docker run --odd mcp-login": false,
		"docker":                     false,
	} {
		words := strings.Fields(line)
		if got := (Server{Command: words[0], Args: words[1:]}).RunsImage(); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// A variable is what an entry gives to mcp-login, wherever it says so.
func TestVariableIsWhatAnEntrySets(t *testing.T) {
	h, _ := Find("cursor")
	for entry, want := range map[string][]string{
		`"command": "mcp-login", "args": ["https://a.example/mcp"], "env": {"DIR": "/a"}`:              {"/a"},
		`"command": "env", "args": ["X=1", "DIR=/b", "mcp-login", "https://a.example/mcp"]`:            {"/b"},
		`"command": "env", "args": ["DIR=/b", "mcp-login", "https://a.example/"], "env": {"DIR":"/a"}`: {"/b"},
		`"command": "mcp-login", "args": ["https://a.example/mcp", "--auth-param", "DIR=/c"]`:          nil,
	} {
		if got := h.Variable([]byte(`{"mcpServers": {"x": {`+entry+`}}}`), "DIR", isOwn); !slices.Equal(got, want) {
			t.Errorf("%s: %q", entry, got)
		}
	}
}

// What runs in a container has folders of its own.
func TestContainersAreKnown(t *testing.T) {
	for line, want := range map[string]bool{
		"docker run -i --rm -v mcp-login:/state ghcr.io/somebody/mcp-login https://a.example/mcp": true,
		"podman run -i node npx -y mcp-login https://a.example/mcp":                               true,
		"cmd /c docker run -i x/mcp-login https://a.example/mcp":                                  true,
		"npx -y mcp-login https://a.example/docker":                                               false,
		"mcp-login https://a.example/mcp docker":                                                  false,
	} {
		words := strings.Fields(line)
		if got := (Server{Command: words[0], Args: words[1:]}).InContainer(); got != want {
			t.Errorf("%s: %v", line, got)
		}
	}
}

// What starts mcp-login in a way that is not recognised is seen all the same.
func TestMentionsAreSeen(t *testing.T) {
	for _, argv := range [][]string{
		{"cmd", "/d", "/s", "/c", "mcp-login https://a.example/mcp"},
		{"sh", "-c", "A=b exec mcp-login https://a.example/mcp"},
		{"env", "-u", "X", "mcp-login", "https://a.example/mcp"},
		{"docker", "container", "run", "-i", "ghcr.io/somebody/mcp-login:1.0.0", "https://a.example/mcp"},
		{"nerdctl", "run", "-i", "mcp-login@sha256:0123", "https://a.example/mcp"},
		{"wsl", "mcp-login", "https://a.example/mcp"},
		{"mise", "x", "--", "mcp-login", "https://a.example/mcp"},
		{"go", "run", "./cmd/mcp-login", "https://a.example/mcp"},
		{`C:\Tools\start.exe`, `C:\Programs\mcp-login.exe`, "https://a.example/mcp"},
	} {
		if s := (Server{Command: argv[0], Args: argv[1:]}); s.Kind() == KindOwn || s.RunsImage() || !s.Mentions() {
			t.Errorf("%q: %s, mentioned: %v", argv, s.Kind(), s.Mentions())
		}
	}
	for _, argv := range [][]string{{"node", "mcp-login.js"}, {"npx", "mcp-remote", "https://a.example/mcp-login"}, {"fetch", "https://a.example", "mcp-login"}} {
		if s := (Server{Command: argv[0], Args: argv[1:]}); s.Mentions() {
			t.Errorf("%q is taken for mcp-login", argv)
		}
	}
}
