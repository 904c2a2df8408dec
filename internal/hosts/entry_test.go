package hosts

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/internal/build"
	"mcp-login/internal/hint"
	realpart "mcp-login/test/real"
)

// Names of entries, made from addresses people have.
func TestNamesAreMadeFromAddresses(t *testing.T) {
	for address, want := range map[string]string{
		"https://mcp.linear.app/sse":        "linear",
		"https://mcp.atlassian.com/v1/sse":  "atlassian",
		"https://api.githubcopilot.com/mcp": "githubcopilot",
		"https://mcp.example.co.uk/":        "example",
		"https://whoami.internal:8443/mcp":  "whoami",
		"http://localhost:3000/mcp":         "localhost",
		"http://127.0.0.1:3000/mcp":         "local",
		"http://[::1]/mcp":                  "local",
		"https://mcp.com/":                  "mcp",
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if got := NameOf(u); got != want {
			t.Errorf("%s: %q, want %q", address, got, want)
		}
	}
}

// A host without the person's PATH gets the place on the PATH, not the one a
// package manager moves; another program of the name is not taken for this one.
func TestOwnCommandIsTheOneThatStays(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "mcp-login")
	if err := os.Symlink(self, link); err != nil {
		realpart.Missing(t, "symbolic links: "+err.Error(), "run it as a user who may make them")
	}
	t.Setenv("PATH", dir)
	for inherits, want := range map[bool]string{true: "mcp-login", false: link} {
		if got, err := (Host{InheritsPath: inherits}).Start(Program{Path: self}); err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("PATH inherited %v: %q, %v", inherits, got, err)
		}
	}
	if err := os.Remove(link); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(link, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	mine := filepath.Join(dir, "mine")
	putProgram(t, mine)
	for _, inherits := range []bool{true, false} {
		if got, err := (Host{InheritsPath: inherits}).Start(Program{Path: mine, Channel: build.NPM}); err != nil || len(got) != 1 || got[0] != mine {
			t.Errorf("another mcp-login: %q, %v", got, err)
		}
	}
}

// Under npx an entry names the version and no file, whatever lies on the PATH: npx puts its
// own cache there. A program in such a cache that does not know of npx is in no entry.
func TestNoEntryNamesAFileInACache(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "_npx", "0123", "node_modules", "@mcp-login", "cli-linux-x64", "bin", "mcp-login")
	putProgram(t, self)
	t.Setenv("PATH", filepath.Dir(self))
	for _, inherits := range []bool{true, false} {
		h := Host{InheritsPath: inherits}
		got, err := h.Start(Program{Path: self, Channel: build.NPX, Version: "v1.2.3"})
		if want := "npx -y mcp-login@1.2.3"; err != nil || !strings.HasSuffix(strings.Join(got, " "), want) {
			t.Errorf("%q, %v", got, err)
		}
	}
	t.Setenv("PATH", "")
	if got, err := (Host{}).Start(Program{Path: self, Channel: build.Archive}); err == nil || !strings.Contains(hint.Of(err), "--copy") {
		t.Errorf("%q, %v", got, err)
	}
	for _, row := range [][3]string{
		{"linux", "v1.2.3", "npx -y mcp-login@1.2.3"},
		{"darwin", "1.2.3-rc.1", "npx -y mcp-login@1.2.3-rc.1"},
		{"windows", "v1.2.3", "cmd /c npx -y mcp-login@1.2.3"},
		{"linux", "(devel)", "npx -y mcp-login@latest"},
	} {
		if got := strings.Join(onSystem(row[0], Package(row[1])), " "); got != row[2] {
			t.Errorf("%q: %s", row, got)
		}
	}
}

// npm's link on the PATH is what a person updates, so a host that searches the PATH gets its
// name. Any other host gets the program itself, which needs no Node to start.
func TestTheCommandOfAnInstallationByNPM(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "lib", "node_modules", "mcp-login", "node_modules", "@mcp-login", "cli-linux-x64", "bin", "mcp-login")
	script := filepath.Join(dir, "lib", "node_modules", "mcp-login", "bin", "mcp-login.js")
	putProgram(t, self)
	putProgram(t, script)
	other := filepath.Join(dir, "other", "lib", "node_modules", "mcp-login", "bin", "mcp-login.js")
	putProgram(t, other)
	for _, row := range []struct {
		target   string
		inherits bool
		want     string
	}{{script, true, "mcp-login"}, {script, false, self}, {other, true, self}} {
		bin := t.TempDir()
		if err := os.Symlink(row.target, filepath.Join(bin, "mcp-login")); err != nil {
			realpart.Missing(t, "symbolic links: "+err.Error(), "run it as a user who may make them")
		}
		t.Setenv("PATH", bin)
		got, err := (Host{InheritsPath: row.inherits}).Start(Program{Path: self, Channel: build.NPM})
		if err != nil || len(got) != 1 || got[0] != row.want {
			t.Errorf("%+v: %q, %v", row, got, err)
		}
	}
}

// putProgram makes a program.
func putProgram(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

// A copy is made once, replaces an older one in one step, and is left alone if it is a link.
func TestACopyIsMadeOnce(t *testing.T) {
	dir := t.TempDir()
	self := filepath.Join(dir, "self")
	putProgram(t, self)
	system := System{OS: "linux", Home: dir}
	path := CopyPath(system)
	if want := filepath.Join(dir, ".local", "bin", "mcp-login"); path != want {
		t.Fatalf("%s, want %s", path, want)
	}
	for _, old := range []string{"", "old", "#!/bin/sh\n"} {
		if old != "" {
			if err := os.WriteFile(path, []byte(old), 0o700); err != nil {
				t.Fatal(err)
			}
		}
		changed, err := Program{Path: self}.CopyTo(path)
		data, _ := os.ReadFile(path)
		if err != nil || string(data) != "#!/bin/sh\n" || changed != (old != string(data)) {
			t.Errorf("over %q: changed %v, %v, %q", old, changed, err, data)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm()&0o111 == 0 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(path), ".*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if err := os.Remove(path); err != nil || os.Symlink(self, path) != nil {
		realpart.Missing(t, "symbolic links", "run it as a user who may make them")
	}
	if _, err := (Program{Path: self}).CopyTo(path); err == nil || !strings.Contains(err.Error(), "no ordinary file") {
		t.Errorf("a link is replaced: %v", err)
	}
	if got, want := CopyPath(System{OS: "windows", Home: "C:/Users/p", Getenv: func(string) string { return "" }}), `C:\Users\p\AppData\Local\Programs\mcp-login\bin\mcp-login.exe`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// What cmd.exe would take for its own, such as a second command in an address, is written into
// no entry that starts by it; into others it is.
func TestNothingIsHandedToCmdThatItTakesForItsOwn(t *testing.T) {
	npx, always := onSystem("windows", Package("v1.2.3")), func(Server) bool { return true }
	h := mustFind(t, "cursor")
	for word, good := range map[string]bool{
		"https://e.example/mcp?a=1": true, "https://e.example/mcp?a=1&calc.exe": false, "https://e.example/mcp|x": false,
		"https://e.example/%41": false, "https://e.example/a^b": false, "https://e.example/<x>": false, "X: \"y": false,
	} {
		remote, _ := h.Set(nil, Server{Name: "a", Command: "npx", Args: []string{"mcp-remote", word}}, false)
		ours, _ := h.Set(nil, h.Entry("a", []string{"mcp-login"}, word, nil), false)
		for _, start := range [][]string{npx, npx[2:]} {
			good := good || start[0] == "npx"
			e := h.Entry("a", start, word, nil)
			if _, err := h.Set(nil, e, false); (err == nil) != good || err != nil && hint.Of(err) == "" {
				t.Errorf("%s: written by %q: %v", word, start, err)
			}
			if _, err := h.Snippet(e); (err == nil) != good {
				t.Errorf("%s: shown with %q: %v", word, start, err)
			}
			if _, all, err := h.Rewrite(remote, start, nil); err != nil || len(all) != 1 || (all[0].Skipped == "") != good {
				t.Errorf("%s: rewritten to %q: %+v, %v", word, start, all, err)
			}
			if _, were, err := h.Repoint(ours, start, always); err != nil || (len(were) == 1) != good {
				t.Errorf("%s: repointed to %q: %v, %v", word, start, were, err)
			}
			if said := h.Trouble(System{OS: "windows"}, e, "").Text; strings.Contains(said, "hand its arguments") == good {
				t.Errorf("%s: of %q doctor says %q", word, start, said)
			}
		}
	}
}
