package main

import (
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mcp-login/test/binary"
)

func TestMain(m *testing.M) {
	binary.Main(m, map[string]binary.Role{"approve-after": func(args []string) int { // the person is ready when args[0] answers
		if resp, err := http.Get(args[0]); err == nil {
			_ = resp.Body.Close()
		}
		return binary.Browse("approve", args[1], args[2])
	}})
}

// performance is one run of the built demo, in an empty home.
type performance struct {
	t           *testing.T
	cmd         *exec.Cmd
	temp, home  string
	width       int // of its window
	out, errOut binary.Output
}

// goFolders are where the go command keeps what it has built and downloaded.
func goFolders(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "env", "-json", "GOCACHE", "GOPATH", "GOMODCACHE").Output()
	if err != nil {
		t.Fatal(err)
	}
	var folders map[string]string
	if err := json.Unmarshal(out, &folders); err != nil {
		t.Fatal(err)
	}
	var env []string
	for name, folder := range folders {
		env = append(env, name+"="+folder)
	}
	return env
}

// prepare prepares a run without a display. The variables of env are added to its
// environment.
func prepare(t *testing.T, env []string, args ...string) *performance {
	t.Helper()
	p := &performance{t: t, temp: t.TempDir(), home: t.TempDir(), width: columns}
	p.cmd = exec.Command(binary.Build(t, "examples/whoami"), args...)
	for _, variable := range os.Environ() {
		name, _, _ := strings.Cut(variable, "=")
		switch {
		case strings.HasPrefix(name, "SSH_"), strings.HasPrefix(name, "MCP_LOGIN_") && name != "MCP_LOGIN_DUMPABLE":
		case name == "DISPLAY", name == "WAYLAND_DISPLAY", name == "BROWSER", name == "NO_COLOR":
		default:
			p.cmd.Env = append(p.cmd.Env, variable)
		}
	}
	p.cmd.Env = append(p.cmd.Env, goFolders(t)...)
	p.cmd.Env = append(p.cmd.Env, "HOME="+p.home, "USERPROFILE="+p.home, "TMPDIR="+p.temp, "TMP="+p.temp, "TEMP="+p.temp, "TERM=xterm")
	p.cmd.Env = append(p.cmd.Env, env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.out, &p.errOut
	return p
}

func (p *performance) start() *performance {
	p.t.Helper()
	inOwnGroup(p.cmd)
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	return p
}

// endLimit is when a test gives up waiting for the end of a run.
const endLimit = time.Minute

// ends waits for the end, and checks the exit code and that nothing is left.
func (p *performance) ends(want int) {
	p.t.Helper()
	if code := p.end(); code != want {
		p.t.Errorf("exit code %d, want %d\n%s\n%s", code, want, &p.out, &p.errOut)
	}
}

// end waits for the end, checks that nothing is left, and returns the exit code.
func (p *performance) end() int {
	p.t.Helper()
	killed := time.AfterFunc(endLimit, func() { _ = p.cmd.Process.Kill() })
	_ = p.cmd.Wait()
	if !killed.Stop() {
		p.t.Errorf("it did not end")
	}
	p.fits()
	p.left()
	return p.cmd.ProcessState.ExitCode()
}

// attribute is how colours are switched (ECMA-48, SGR).
var attribute = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// fits checks that the output fits on a screen. Only addresses may be longer.
func (p *performance) fits() {
	p.t.Helper()
	for line := range strings.Lines(p.out.String()) {
		line = strings.TrimRight(attribute.ReplaceAllString(line, ""), "\r\n")
		if utf8.RuneCountInString(line) > min(p.width, columns) && !strings.HasPrefix(strings.TrimSpace(line), "http") || strings.TrimRight(line, " ") != line {
			p.t.Errorf("%q", line)
		}
	}
}

// left reports what a run has left behind: files, processes, listeners.
func (p *performance) left() {
	p.t.Helper()
	for _, folder := range []string{p.temp, p.home} {
		err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
			// The go command keeps counters of its own there.
			if err != nil || path == folder || entry.IsDir() && folder == p.home || strings.HasPrefix(path, filepath.Join(p.home, ".config", "go")) {
				return err
			}
			p.t.Errorf("left behind: %s", path)
			return nil
		})
		if err != nil {
			p.t.Error(err)
		}
	}
	for _, m := range regexp.MustCompile(`127\.0\.0\.1:\d+`).FindAllString(p.out.String()+p.errOut.String(), -1) {
		if conn, err := net.Dial("tcp", m); err == nil {
			_ = conn.Close()
			p.t.Errorf("somebody listens at %s", m)
		}
	}
	binary.Until(p.t, "the end of all processes", func() bool { return len(p.processes()) == 0 })
}

// processes are those that still run in the environment of this run, where the system
// tells.
func (p *performance) processes() (found []string) {
	stats, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range stats {
		if env, err := os.ReadFile(path); err == nil && strings.Contains(string(env), p.temp) {
			found = append(found, filepath.Dir(path))
		}
	}
	return found
}

// says checks that something was printed.
func (p *performance) says(parts ...string) {
	p.t.Helper()
	for _, part := range parts {
		if !strings.Contains(p.out.String(), part) {
			p.t.Errorf("%q is missing in:\n%s\n%s", part, &p.out, &p.errOut)
		}
	}
}

// whole is what a demo says that comes to its end.
var whole = []string{
	"alice@example.test", "signed in", "no browser, no question", "it shares the login", "renewed once, for both", "signed out of", "revoked at the provider",
	"In all: 3 starts of mcp-login in 2 programs, 1 registration, 1 sign-in.", "mcp-login login https://example.com/mcp",
}

// README's first command: each scene comes, in lines that fit on a screen, without
// colours on a pipe, and nothing is left.
func TestDemo(t *testing.T) {
	t.Parallel()
	p := prepare(t, nil, "-auto").start()
	p.ends(0)
	p.says(whole...)
	if said := p.errOut.String(); said != "" {
		t.Errorf("on stderr: %s", said)
	}
	if strings.ContainsAny(p.out.String(), "\x1b\t") {
		t.Errorf("%q", &p.out)
	}
}

// The entry that is shown at the end is what a client can read.
func TestNextStepsCanBePasted(t *testing.T) {
	var entry struct {
		Servers map[string]struct {
			Command string
			Args    []string
		} `json:"mcpServers"`
	}
	from, to := strings.Index(next, "{"), strings.LastIndex(next, "}")
	if err := json.Unmarshal([]byte(next[from:to+1]), &entry); err != nil {
		t.Fatal(err)
	}
	if e := entry.Servers["example"]; e.Command != "mcp-login" || len(e.Args) != 1 {
		t.Errorf("%+v", entry)
	}
}

// slowly is a run in which user opens the browser and acts only when the client has met
// the stand-in.
func slowly(t *testing.T, user string) *performance {
	t.Helper()
	ready := make(chan struct{})
	door := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-ready:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(door.Close)
	p := prepare(t, []string{"DISPLAY=:0", "MCP_LOGIN_BROWSER=" + binary.Self(t) + " approve-after " + door.URL + " " + user}).start()
	p.out.Await(t, "Choose alice or bob")
	p.out.Await(t, standInTool)
	close(ready)
	return p
}

// A person who takes longer than a client waits for an answer signs in all the same: the
// client meets the stand-in, and waits until the server's tools take its place.
func TestSlowPerson(t *testing.T) {
	t.Parallel()
	p := slowly(t, "alice")
	p.ends(0)
	p.says(whole...)
}

// Somebody who refuses ends the demo, at once or after the client has met the stand-in.
func TestRefusal(t *testing.T) {
	t.Parallel()
	for name, begin := range map[string]func(t *testing.T) *performance{
		"at once": func(t *testing.T) *performance {
			t.Helper()
			return prepare(t, []string{"DISPLAY=:0", "MCP_LOGIN_BROWSER=" + binary.Self(t) + " approve nobody"}).start()
		},
		"late": func(t *testing.T) *performance { t.Helper(); return slowly(t, "nobody") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := begin(t)
			p.ends(1)
			p.says("access_denied")
			if said := p.errOut.String(); !strings.HasPrefix(said, "demo: error: nobody has signed in\ndemo: hint: ") {
				t.Errorf("on stderr: %s", said)
			}
		})
	}
}

// Variables of a person who uses mcp-login do not change the demo.
func TestVariablesOfThePerson(t *testing.T) {
	t.Parallel()
	p := prepare(t, []string{"MCP_LOGIN_TOKEN=x", "MCP_LOGIN_ISSUER=https://idp.example", "MCP_LOGIN_STORE=keyring", "MCP_LOGIN_CLIENT_ID=x"}, "-auto").start()
	p.ends(0)
	p.says(whole...)
}
