package build

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
	"time"
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
	if !Official() || Feed() != "" {
		t.Errorf("official %v, feed %q", Official(), Feed())
	}
	feed = "https://api.github.com/repos/Somebody/mcp-login/releases/latest"
	if !Official() || Feed() != feed {
		t.Errorf("official %v, feed %q", Official(), Feed())
	}
	for channel, want := range map[Channel]string{
		Container: "docker pull ghcr.io/somebody/mcp-login",
		Arch:      "sudo pacman -U https://github.com/Somebody/mcp-login/releases/latest/download/mcp-login_" + runtime.GOARCH + ".pkg.tar.zst",
		Archive:   "download it from https://github.com/Somebody/mcp-login/releases/latest",
		Winget:    "winget upgrade Somebody.mcp-login",
	} {
		if got := channel.Upgrade("mcp-login"); got != want {
			t.Errorf("%s: %q, want %q", channel, got, want)
		}
	}
}

// Each channel has a way to the newest release.
func TestEachChannelHasAnUpgrade(t *testing.T) {
	for _, c := range append(append([]Channel{Scoop, Winget, Archive, Go, Source}, inVariable...), inFile...) {
		if got := c.Upgrade("mcp-login"); len(got) < 10 || got[len(got)-1] == ' ' {
			t.Errorf("%s: %q", c, got)
		}
		if got := c.Removal("mcp-login", "rm x"); (got == "") != (c == NPX) {
			t.Errorf("%s: to remove it: %q", c, got)
		}
	}
}
