package account

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/test/binary"
)

// The test binary is the program that a person has named as the browser: it writes down
// its arguments.
func TestMain(m *testing.M) {
	binary.Main(m, map[string]binary.Role{"record": func(args []string) int {
		text := ""
		for _, arg := range args[1:] {
			text += "<" + arg + ">\n"
		}
		fmt.Println("noise")
		if os.WriteFile(args[0], []byte(text), 0o600) != nil {
			return 1
		}
		return 0
	}})
}

func env(pairs ...string) func(string) string {
	return func(name string) string {
		for i := 0; i+1 < len(pairs); i += 2 {
			if pairs[i] == name {
				return pairs[i+1]
			}
		}
		return ""
	}
}

// What opens the browser: nothing, the person's program without a shell, or the
// system's way where there is a screen; and nothing but web addresses.
func TestBrowserIsOpenedWithoutAShell(t *testing.T) {
	record := filepath.Join(t.TempDir(), "record")
	program := binary.Self(t) + " record " + record
	const address = "https://a.example/auth?x=$(touch%20pwned)&y=`id`;z"
	opened := ""
	b := Browser{Getenv: env("DISPLAY", ":0"), system: func(u string) error { opened = u; return nil }}
	for _, tc := range []struct {
		command, record, system string
	}{
		{"", "", address},
		{NoBrowser, "", ""},
		{program, "<" + address + ">\n", ""},
		{program + " --new %s --x", "<--new>\n<" + address + ">\n<--x>\n", ""},
	} {
		opened = ""
		_ = os.Remove(record)
		b.Command = tc.command
		if err := b.Open(address); err != nil {
			t.Errorf("%q: %v", tc.command, err)
		}
		got, _ := os.ReadFile(record)
		if string(got) != tc.record || opened != tc.system {
			t.Errorf("%q: ran with %q, opened %q", tc.command, got, opened)
		}
	}
	b.Command = program
	for _, bad := range []string{"javascript:alert(1)", "file:///etc/passwd", "--help", ""} {
		if err := b.Open(bad); err == nil {
			t.Errorf("opened %q", bad)
		}
	}
	b.Command, b.Getenv = "", env()
	if err := b.Open(address); runtime.GOOS == "linux" && err == nil {
		t.Error("a window without a screen")
	}
}

// Where the person's browser is, judged by the environment.
func TestWhereABrowserCanBeOpened(t *testing.T) {
	windows := func(path string) bool { return strings.HasPrefix(path, "/mnt/c/") }
	nothing := func(string) bool { return false }
	for _, tc := range []struct {
		name, goos string
		env        []string
		exists     func(string) bool
		want       bool
	}{
		{"Linux with X", "linux", []string{"DISPLAY", ":0"}, nothing, true},
		{"Linux with Wayland", "linux", []string{"WAYLAND_DISPLAY", "wayland-0"}, nothing, true},
		{"a container, or a console", "linux", nil, nothing, false},
		{"SSH", "linux", []string{"SSH_CONNECTION", "1 2 3 4"}, nothing, false},
		{"SSH with a forwarded display", "linux", []string{"SSH_CONNECTION", "1 2 3 4", "DISPLAY", "localhost:10"}, nothing, true},
		{"macOS", "darwin", nil, nothing, true},
		{"SSH to macOS", "darwin", []string{"SSH_TTY", "/dev/ttys0"}, nothing, false},
		{"Windows", "windows", nil, nothing, true},
		{"SSH to Windows", "windows", []string{"SSH_CLIENT", "1 2 3"}, nothing, false},
		{"WSL", "linux", []string{"WSL_DISTRO_NAME", "Debian"}, windows, runtime.GOOS == "linux"},
		{"WSL cut off from Windows", "linux", []string{"WSL_DISTRO_NAME", "Debian"}, nothing, false},
	} {
		if got := hasBrowser(tc.goos, env(tc.env...), tc.exists); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
}

// Which way of signing in: a browser here, a code on another device, or an
// address to print. A program that was named means that there is a browser.
func TestWhenADeviceCodeIsUsed(t *testing.T) {
	for _, tc := range []struct {
		name string
		said Config
		env  []string
		want oauth.DevicePolicy
	}{
		{"a screen", Config{}, []string{"DISPLAY", ":0"}, oauth.DeviceNever},
		{"--device", Config{Choice: Choice{Settings: Settings{Choices: oauth.Choices{Device: true}}}}, []string{"DISPLAY", ":0"}, oauth.DeviceAlways},
		{"--no-browser", Config{Browser: Browser{Command: NoBrowser}}, nil, oauth.DeviceNever},
		{"MCP_LOGIN_BROWSER names a program", Config{Browser: Browser{Command: "firefox"}}, []string{"SSH_CONNECTION", "x"}, oauth.DeviceNever},
	} {
		if runtime.GOOS != "linux" {
			continue // there is always a screen
		}
		tc.said.Browser.Getenv = env(tc.env...)
		if got := (&Account{Config: tc.said}).devicePolicy(); got != tc.want {
			t.Errorf("%s: %v", tc.name, got)
		}
	}
	a := &Account{Config: Config{Browser: Browser{Getenv: env("SSH_CONNECTION", "1 2 3 4")}}}
	if got := a.devicePolicy(); got != oauth.DeviceIfOffered {
		t.Errorf("SSH: %v", got)
	}
}

// The page knows the client program by the name that it gave itself first, by its title
// where it has one. Which requests are looked at is the bridge's to know.
func TestClientNameIsRead(t *testing.T) {
	for _, tc := range []struct {
		want  string
		infos []string
	}{
		{"plain", []string{`{"name":"plain"}`}},
		{"With Title", []string{`{"name":"plain","title":"With Title"}`}},
		{"plain", []string{`{"name":"plain","title":""}`}},
		{"first", []string{`{"name":"first"}`, `{"name":"second"}`}},
		{"", []string{`{"name":7}`, `"x"`}},
		{"", []string{`{"name":"` + strings.Repeat("x", maxClientName+1) + `"}`}},
	} {
		var name clientName
		for _, info := range tc.infos {
			name.learn([]byte(info))
		}
		if got := name.String(); got != tc.want {
			t.Errorf("%q, want %q", got, tc.want)
		}
	}
}

// The last resort against a login that hangs goes by the clock that goes on while the
// machine sleeps, and by the one that nobody sets back.
func TestADetachedLoginEndsByBothClocks(t *testing.T) {
	const life = time.Hour
	for name, c := range map[string]struct{ jump, ends time.Duration }{
		"no sleep": {0, life}, "slept": {2 * time.Hour, time.Minute}, "set back": {-24 * time.Hour, life},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				clock := func() time.Time {
					if time.Since(began) > time.Minute {
						return time.Now().Round(0).Add(c.jump)
					}
					return time.Now().Round(0)
				}
				var ended time.Duration
				after(life, clock, func() { ended = time.Since(began) })
				if ended < c.ends || ended > c.ends+2*time.Second {
					t.Errorf("after %v", ended)
				}
			})
		})
	}
}
