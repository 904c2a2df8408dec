package build

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/hint"
)

// What Go has recorded is read; a version that was linked in comes first.
func TestOfReadsWhatGoHasStamped(t *testing.T) {
	stamped := &debug.BuildInfo{Main: debug.Module{Version: "v1.2.3+dirty"}, Settings: []debug.BuildSetting{
		{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
		{Key: "vcs.time", Value: "2026-11-30T02:03:04Z"},
		{Key: "vcs.modified", Value: "true"},
	}}
	want := Info{"v1.2.3+dirty", "0123456789abcdef0123456789abcdef01234567", time.Date(2026, 11, 30, 2, 3, 4, 0, time.UTC), true}
	if got := of("", stamped); got != want {
		t.Errorf("stamped: %+v", got)
	}
	if got, want := of("", stamped).Source(), "v1.2.3+dirty, commit 0123456789ab with changes"; got != want {
		t.Errorf("for people: %q, want %q", got, want)
	}
	if got := of("v9.8.7", stamped).Version; got != "v9.8.7" {
		t.Errorf("linked in: %q", got)
	}
	for _, nothing := range []*debug.BuildInfo{nil, {}} {
		if got := of("", nothing); got != (Info{Version: "(devel)"}) || got.Source() != "(devel)" {
			t.Errorf("nothing known: %+v", got)
		}
	}
}

// An official program is told its channel by a variable, else by a file beside it, else
// by its path. Words that are not known count for nothing.
func TestChannelIsToldFromOutside(t *testing.T) {
	dir := t.TempDir()
	in := func(prefix, word string) string {
		path := filepath.Join(dir, prefix, "bin", "mcp-login")
		file := ChannelFile("mcp-login", path)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(word), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, row := range []struct {
		path, variable string
		want           Channel
	}{
		{"/opt/x/mcp-login", "npx", NPX},
		{"/opt/x/mcp-login", "npm", NPM},
		{"/opt/x/mcp-login", "container", Container},
		{"/opt/x/mcp-login", "mcpb", MCPB},
		{in("deb", "deb\n"), "", Deb},
		{in("script", "install.sh\n"), "", Script},
		{in("copy", "copy"), "", Copy},
		{in("both", "deb\n"), "npx", NPX},
		{in("odd", "\x1b[31mdeb\n"), "", Archive},
		{in("npm", "npm\n"), "", Archive},
		{"/opt/x/mcp-login", "deb", Archive},
		{"/opt/x/mcp-login", "", Archive},
		{`C:\Users\p\scoop\apps\mcp-login\1.0.0\mcp-login.exe`, "", Scoop},
		{`C:\Users\p\AppData\Local\Microsoft\WinGet\Packages\mcp-login_x\mcp-login.exe`, "", Winget},
	} {
		getenv := func(name string) string {
			if name == ChannelVariable {
				return row.variable
			}
			return ""
		}
		if got := official("mcp-login", row.path, getenv); got != row.want {
			t.Errorf("%s, variable %q: %s, want %s", row.path, row.variable, got, row.want)
		}
	}
	if got := official("whoami-server", in("other", "deb\n"), func(string) string { return "" }); got != Archive {
		t.Errorf("the file of the other program counts: %s", got)
	}
}

// Without a feed nothing from outside counts: go install has fetched the program, or it was
// built in a clone.
func TestUnofficialProgramsAreOfGo(t *testing.T) {
	if got := unofficial(&debug.BuildInfo{Main: debug.Module{Version: "v1.0.0", Sum: "h1:x"}}); got != Go {
		t.Errorf("fetched: %s", got)
	}
	if got := ChannelOf("mcp-login", func(string) string { return "npx" }); Official() || got != Source {
		t.Errorf("built here: %s", got)
	}
}

// A publisher who is not named yet is asked nothing: somebody may have that name.
func TestNoFeedWithoutAPublisher(t *testing.T) {
	defer func() { feed = "" }()
	feed = "https://api.github.com/repos/OWNER/mcp-login/releases/latest"
	if !Official() || Feed() != "" || Project() != "" {
		t.Errorf("official %v, feed %q", Official(), Feed())
	}
	if said := Deb.Upgrade("") + Script.Upgrade("") + Script.Removal("", "rm x"); strings.Contains(said, "OWNER") {
		t.Errorf("there is nothing at the address to copy: %s", said)
	}
	feed = "https://api.github.com/repos/Somebody/mcp-login/releases/latest"
	if !Official() || Feed() != feed {
		t.Errorf("official %v, feed %q", Official(), Feed())
	}
	if got := Project(); got != "https://github.com/Somebody/mcp-login" {
		t.Errorf("the project is %q", got)
	}
	for channel, want := range map[Channel]string{
		Container: "docker pull ghcr.io/somebody/mcp-login",
		RPM:       "sudo rpm -U --nosignature https://github.com/Somebody/mcp-login/releases/latest/download/mcp-login_" + runtime.GOARCH + ".rpm",
		Archive:   "download it from https://github.com/Somebody/mcp-login/releases/latest",
		Winget:    "winget upgrade Somebody.mcp-login",
	} {
		if got := channel.Upgrade(""); got != want {
			t.Errorf("%s: %q, want %q", channel, got, want)
		}
	}
}

// Each channel has a way to the newest release.
func TestEachChannelHasAnUpgrade(t *testing.T) {
	for _, c := range append(append([]Channel{Scoop, Winget, Archive, Go, Source}, inVariable...), inFile...) {
		if got := c.Upgrade(""); len(got) < 10 || got[len(got)-1] == ' ' {
			t.Errorf("%s: %q", c, got)
		}
		if got := c.Removal("", "rm x"); (got == "") != (c == NPX) {
			t.Errorf("%s: to remove it: %q", c, got)
		}
	}
}

// The lines are those of what has put the program there: of the package manager whose global
// folder it is, and for install.sh of the folder that it was given.
func TestLinesFitThePlace(t *testing.T) {
	t.Setenv("HOME", "/home/p")
	t.Setenv("USERPROFILE", "/home/p")
	const module = "/node_modules/@mcp-login/cli-linux-x64/bin/mcp-login"
	for _, row := range []struct {
		channel         Channel
		path            string
		upgrade, remove string
	}{
		{NPM, "/usr/local/lib/node_modules/mcp-login" + module, "npm install --global mcp-login@latest", "npm uninstall --global mcp-login"},
		{NPM, `C:\Users\p\AppData\Roaming\npm\node_modules\mcp-login\x.exe`, "npm install --global mcp-login@latest", "npm uninstall --global mcp-login"},
		{NPM, "/home/p/.local/share/pnpm/global/5/.pnpm/x" + module, "pnpm add --global mcp-login@latest", "pnpm remove --global mcp-login"},
		{NPM, "/home/p/.config/yarn/global" + module, "yarn global add mcp-login@latest", "yarn global remove mcp-login"},
		{NPM, "/home/p/.bun/install/global" + module, "bun add --global mcp-login@latest", "bun remove --global mcp-login"},
		{NPM, "/home/p/project" + module, "by the package manager of the project /home/p/project: mcp-login@latest", "by the package manager of the project /home/p/project: mcp-login"},
		{Script, filepath.FromSlash("/home/p/.local/bin/mcp-login"), "curl -fsSL https://github.com/OWNER/mcp-login/releases/latest/download/install.sh | sh", "curl -fsSL https://github.com/OWNER/mcp-login/releases/latest/download/install.sh | sh -s -- --uninstall"},
		{AUR, "/usr/bin/mcp-login", "as your other packages of the AUR: mcp-login-bin", "sudo pacman -R mcp-login-bin"},
	} {
		if up, out := row.channel.Upgrade(row.path), row.channel.Removal(row.path, ""); up != row.upgrade || out != row.remove {
			t.Errorf("%s: %q, %q", row.path, up, out)
		}
	}
	elsewhere := filepath.Join(t.TempDir(), "bin", "mcp-login")
	prefix := " | sh -s -- --prefix " + hint.Quote(filepath.Dir(filepath.Dir(elsewhere)))
	if up, out := Script.Upgrade(elsewhere), Script.Removal(elsewhere, ""); !strings.HasSuffix(up, prefix) || !strings.HasSuffix(out, prefix+" --uninstall") {
		t.Errorf("%q, %q", up, out)
	}
}
