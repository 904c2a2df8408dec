//go:build unix

package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"mcp-login/test/binary"
)

const noFeed = "https://api.github.com/repos/OWNER/mcp-login/releases/latest"

// machine is a person's home with one client, and how mcp-login came there.
type machine struct {
	t       *testing.T
	program string
	home    string
	channel string
}

// run runs a command line of mcp-login, and returns what it prints, and whether it succeeds.
func (m machine) run(args ...string) (said string, ok bool) {
	m.t.Helper()
	cmd := exec.Command(m.program, args...)
	cmd.Env = m.env()
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

// env is the environment of the program.
func (m machine) env() []string {
	return []string{"HOME=" + m.home, "PATH=" + m.home + "/bin:/usr/bin:/bin", "MCP_LOGIN_STORE=file", "MCP_LOGIN_CHANNEL=" + m.channel, "TMPDIR=/nowhere"}
}

// file is the file of the client.
func (m machine) file() string { return filepath.Join(m.home, ".cursor", "mcp.json") }

// has runs a command line and wants words in the client's file.
func (m machine) has(want string, args ...string) {
	m.t.Helper()
	said, ok := m.run(args...)
	data, _ := os.ReadFile(m.file())
	if !ok || !strings.Contains(strings.Join(strings.Fields(string(data)), " "), want) {
		m.t.Errorf("%q: %v\n%s%s\nwant %s", args, ok, said, data, want)
	}
}

// write replaces the client's file.
func (m machine) write(text string) {
	m.t.Helper()
	if err := os.MkdirAll(filepath.Dir(m.file()), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(m.file(), []byte(text), 0o600); err != nil {
		m.t.Fatal(err)
	}
}

// newMachine puts the program where npx keeps what it runs, and npx on the PATH.
func newMachine(t *testing.T, program, channel string) machine {
	t.Helper()
	home := t.TempDir()
	cached := filepath.Join(home, ".npm", "_npx", "0123", "node_modules", "@mcp-login", "cli-linux-x64", "bin", "mcp-login")
	for _, dir := range []string{filepath.Dir(cached), filepath.Join(home, "bin")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(program, cached); err != nil {
		data, err := os.ReadFile(program)
		if err != nil || os.WriteFile(cached, data, 0o700) != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "bin", "npx"), []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return machine{t, cached, home, channel}
}

// All that writes entries writes the version for npx under npx, and never the place where npx
// has put the program.
func TestEntriesUnderNPXNameTheVersion(t *testing.T) {
	const url, entry = "https://example.com/mcp", `"command": "npx", "args": ["-y", "mcp-login@1.2.3", "https://example.com/mcp"]`
	release := binary.Release(t, "v1.2.3", noFeed)
	m := newMachine(t, release, "npx")
	m.has(entry, "config", "cursor", url, "--write")
	if said, _ := m.run("config", "--list"); !strings.Contains(said, "mcp-login   "+url) {
		t.Errorf("the entry is not known as ours:\n%s", said)
	}
	if said, ok := m.run("doctor"); !ok || !strings.Contains(said, "1 entry that starts mcp-login") {
		t.Errorf("the entry is not well:\n%s", said)
	}
	if said, ok := m.run("config", "cursor", url); !ok || !strings.Contains(said, `"mcp-login@1.2.3"`) {
		t.Errorf("without --write:\n%s", said)
	}
	m.has(`"mcpServers": { }`, "config", "cursor", "--remove", "example", "--write")

	if said, ok := m.run("config", "cursor", "--remove", "example", "--write"); ok || !strings.Contains(said, "hint: run: npx -y mcp-login@1.2.3 config --list cursor\n") {
		t.Errorf("the line does not work under npx:\n%s", said)
	}

	m.write(`{"mcpServers": {"a": {"command": "npx", "args": ["-y", "mcp-remote", "https://example.com/mcp"]}}}`)
	if said, ok := m.run("config", "--from-mcp-remote"); !ok || !strings.Contains(said, "cursor: a: npx -y mcp-remote -> npx -y mcp-login@1.2.3\n") {
		t.Errorf("without --write:\n%s", said)
	}
	m.has(`"npx", "args": ["-y", "mcp-login@1.2.3", "https://example.com/mcp"]`, "config", "--from-mcp-remote", "--write")

	for _, broken := range []string{`"/gone/mcp-login", "args": [`, `"npx", "args": ["mcp-login@1.2.2", `} {
		m.write(`{"mcpServers": {"a": {"command": ` + broken + `"https://example.com/mcp"]}}}`)
		m.has(`"npx", "args": ["-y", "mcp-login@1.2.3", "https://example.com/mcp"]`, "doctor", "--fix", "--yes")
	}

	// What is no release knows no package: it is in a cache, and says so.
	m = newMachine(t, binary.Build(t, "mcp-login"), "npx")
	if said, ok := m.run("config", "cursor", url, "--write"); ok || !strings.Contains(said, "--copy") || strings.Contains(said, "npx") {
		t.Errorf("%s", said)
	}
}

// With --copy the entry names a copy that lasts when npx empties its cache. It knows how it
// came there, is made anew by the next release, and not by an older one.
func TestACopyOutlivesTheCacheOfNPX(t *testing.T) {
	const url = "https://example.com/mcp"
	release := binary.Release(t, "v1.2.3", noFeed)
	m := newMachine(t, release, "npx")
	place := filepath.Join(m.home, ".local", "bin", "mcp-login")
	if said, ok := m.run("config", "cursor", url, "--copy"); !ok || !strings.Contains(said, `"`+place+`"`) || exists(place) || exists(m.file()) {
		t.Errorf("without --write: %s", said)
	}
	m.write(`{"mcpServers": {"example": {"command": "other"}}}`)
	if said, ok := m.run("config", "cursor", url, "--copy", "--write"); ok || exists(place) {
		t.Errorf("a copy although the entry cannot be written: %s", said)
	}
	if err := os.Remove(m.file()); err != nil {
		t.Fatal(err)
	}
	m.has(`"command": "`+place+`", "args": ["https://example.com/mcp"]`, "config", "cursor", url, "--copy", "--write")
	if err := os.RemoveAll(filepath.Join(m.home, ".npm")); err != nil {
		t.Fatal(err)
	}
	m.program, m.channel = place, ""
	if said, ok := m.run("version", "--json"); !ok || !strings.Contains(said, `"channel": "copy"`) {
		t.Errorf("%s", said)
	}
	if said, ok := m.run("doctor"); !ok || !strings.Contains(said, "1 entry that starts mcp-login") {
		t.Errorf("%s", said)
	}
	for version, stays := range map[string]bool{"v1.2.4": false, "v1.2.2": true} {
		next := newMachine(t, binary.Release(t, version, noFeed), "npx")
		next.home = m.home
		said, ok := next.run("config", "--copy", "--write")
		there, _ := m.run("version")
		if !ok || strings.Contains(there, version) == stays || strings.Contains(said, "is newer than this program") != stays {
			t.Errorf("%s: %s%s", version, said, there)
		}
	}
	if said, ok := m.run("config", "--copy", "--write", "--json"); !ok || !strings.Contains(said, `"changed": false`) {
		t.Errorf("%s", said)
	}
}

// What lies in the place of the copy and is the person's stays, and so does what install.sh
// knows of its own.
func TestACopyReplacesNothingOfOthers(t *testing.T) {
	m := newMachine(t, binary.Release(t, "v1.2.3", noFeed), "npx")
	place, channel := filepath.Join(m.home, ".local", "bin", "mcp-login"), filepath.Join(m.home, ".local", "share", "mcp-login", "channel")
	const mine = "#!/bin/sh\necho my own wrapper\n"
	for _, file := range []string{place, channel} {
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(place, []byte(mine), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(channel, []byte("install.sh\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"config", "--copy", "--write"}, {"config", "cursor", "https://example.com/mcp", "--copy"}} {
		said, ok := m.run(args...)
		if there, _ := os.ReadFile(place); ok || !strings.Contains(said, "hint: remove it") || string(there) != mine {
			t.Errorf("%q: %s%s", args, said, there)
		}
	}
	if err := os.Remove(place); err != nil {
		t.Fatal(err)
	}
	said, ok := m.run("config", "--copy", "--write")
	if all, _ := m.run("uninstall"); !strings.Contains(all, "a copy of this program as well; to remove it, run: sh install.sh --uninstall\n") {
		t.Errorf("what install.sh has put there is not removed by it: %s", all)
	}
	m.program, m.channel = place, ""
	if there, _ := m.run("version", "--json"); !ok || !strings.Contains(there, `"channel": "install.sh"`) {
		t.Errorf("%s%s", said, there)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
