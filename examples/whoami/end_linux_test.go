package main

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// idle is a browser that opens and in which nobody signs in.
var idle = []string{"DISPLAY=:0", "MCP_LOGIN_BROWSER=true"}

// stages are the words on stdout after which a run is stopped, and how it is run.
var stages = []struct {
	name, said string
	env, args  []string
}{
	{"build", "Build mcp-login", nil, []string{"-auto"}},
	{"sign-in", "Choose alice or bob", idle, nil},
	{"stand-in", standInTool, idle, nil},
	{"code", "the demo signs in as alice", nil, nil},
	{"first call", "calls the tool whoami", nil, []string{"-auto"}},
	{"second start", "Second start", nil, []string{"-auto"}},
	{"second program", "A second program", nil, []string{"-auto"}},
	{"renewal", "It lives for", nil, []string{"-auto"}},
	{"logout", "Sign out", nil, []string{"-auto"}},
}

// Ctrl-C and a closed terminal stop the demo wherever it is, and nothing is left. The
// last scene is short: the signal may come after it.
func TestStopped(t *testing.T) {
	real.Long(t, "builds mcp-login 18 times")
	for _, stage := range stages {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGHUP} {
			t.Run(stage.name+", "+signal.String(), func(t *testing.T) {
				t.Parallel()
				p := prepare(t, stage.env, stage.args...).start()
				p.out.Await(t, stage.said)
				if err := syscall.Kill(-p.cmd.Process.Pid, signal); err != nil {
					t.Fatal(err)
				}
				if code := p.end(); code == 0 && stage.name == "logout" {
					p.says(whole...)
				} else if code != exitInterrupted {
					t.Errorf("exit code %d", code)
				} else {
					p.says("Stopped. Nothing is left behind.")
				}
				if said := p.errOut.String(); said != "" {
					t.Errorf("on stderr: %s", said)
				}
			})
		}
	}
}

// atTerminal starts a run at a terminal, and returns the person's end of it. What the
// run prints there is kept in out.
func atTerminal(t *testing.T, p *performance) (control *os.File) {
	t.Helper()
	control, end := binary.PseudoTerminal(t)
	if err := unix.IoctlSetWinsize(int(end.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(p.width)}); err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = end, end, end
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	_ = end.Close()
	go func() {
		for said := bufio.NewReader(control); ; {
			line, err := said.ReadString('\n')
			_, _ = p.out.Write([]byte(line))
			if err != nil {
				return
			}
		}
	}()
	return control
}

// A terminal that is closed leaves nothing, whichever finds out first: SIGHUP, the read
// of what is typed or, where there is neither, the write of the next line.
func TestClosedTerminal(t *testing.T) {
	for name, run := range map[string]struct {
		said, first string
		args        []string
	}{
		"in the middle of the sign-in":   {"press Enter", "", nil},
		"while the sign-in is printed":   {"sign in to", "", nil},
		"only a write finds it out":      {"Build mcp-login", "trap '' HUP; ", []string{"-auto"}},
		"SIGHUP or a write finds it out": {"Build mcp-login", "", []string{"-auto"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepare(t, idle, run.args...)
			p.cmd.Args = append([]string{"sh", "-c", run.first + `exec "$0" "$@"`, p.cmd.Path}, run.args...)
			p.cmd.Path = "/bin/sh"
			control := atTerminal(t, p)
			p.out.Await(t, run.said)
			_ = control.Close()
			p.ends(exitInterrupted)
		})
	}
}

// Ctrl-C and Ctrl-D are typed.
func TestEndTypedAtATerminal(t *testing.T) {
	for name, typed := range map[string]string{"Ctrl-C": "\x03", "Ctrl-D": "\x04"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepare(t, idle)
			control := atTerminal(t, p)
			p.out.Await(t, "press Enter")
			_, _ = control.WriteString(typed)
			p.ends(exitInterrupted)
			p.says("Stopped. Nothing is left behind.")
		})
	}
}

// go run removes what it has built, unless the closed terminal ends it first.
func TestClosedTerminalEndsGoRun(t *testing.T) {
	t.Parallel()
	p := prepare(t, idle)
	program := filepath.Join(p.temp, "go-build1", "b001", "exe", "whoami")
	built, err := os.ReadFile(p.cmd.Path)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(program), 0o700)
	}
	if err == nil {
		err = os.WriteFile(program, built, 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Path, p.cmd.Args = "/bin/sh", []string{"sh", "-c", program + "; exit"} // it ends as the go command does
	p.start()
	p.out.Await(t, "Choose alice or bob")
	if err := syscall.Kill(-p.cmd.Process.Pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.end()
	p.says("Stopped. Nothing is left behind.")
}

// Without a display, somebody at a terminal opens the address on this machine and types
// the code, or presses Enter. Colours are there, unless they are not wanted, and lines fit
// into a narrow window.
func TestNoDisplayAtATerminal(t *testing.T) {
	for name, c := range map[string]struct {
		env      []string
		coloured bool
		width    int
		person   func(p *performance, control *os.File)
	}{
		"code": {nil, true, 80, func(p *performance, _ *os.File) {
			address := p.out.Await(t, `(http://127\.0\.0\.1:\d+/device)`)[1]
			code := p.out.Await(t, `\b[A-Z]{4}-[A-Z]{4}\b`)[0]
			if _, err := devidp.Approve(p.t.Context(), http.DefaultClient, address+"?"+url.Values{"user_code": {code}}.Encode(), "bob"); err != nil {
				p.t.Error(err)
			}
		}},
		"Enter": {[]string{"NO_COLOR=1"}, false, 60, func(_ *performance, control *os.File) { _, _ = control.WriteString("\n") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := prepare(t, c.env)
			p.width = c.width
			control := atTerminal(t, p)
			p.out.Await(t, "press Enter")
			c.person(p, control)
			p.ends(0)
			p.says("renewed once, for both", "revoked at the provider")
			if c.width >= columns && !regexp.MustCompile(`built\S* +\d+(\.\d)? m?s\r?\n`).MatchString(p.out.String()) {
				t.Errorf("how long a step took does not stand on its line:\n%s", &p.out)
			}
			if got := strings.Contains(p.out.String(), "\x1b["); got != c.coloured {
				t.Errorf("colours: %v\n%s", got, &p.out)
			}
		})
	}
}

// Without a display the address and the code are shown. Where nobody can press Enter,
// the demo signs in.
func TestNoDisplay(t *testing.T) {
	t.Parallel()
	p := prepare(t, []string{"SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22"}).start()
	p.ends(0)
	p.says(whole...)
	p.says("No browser opens from here", "the demo signs in as alice")
	said := p.out.String()
	address := regexp.MustCompile(`(?m)^ *http://(127\.0\.0\.1:(\d+))/device$`).FindStringSubmatch(said)
	if !regexp.MustCompile(`(?m)^ +[A-Z]{4}-[A-Z]{4}$`).MatchString(said) || address == nil || !strings.Contains(said, "ssh -L "+address[2]+":"+address[1]+" ") {
		t.Errorf("%q in:\n%s", address, said)
	}
}
