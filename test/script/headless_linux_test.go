package script

import (
	"bufio"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/test/binary"
)

// Only on Linux a missing display means that there is no browser.

// No browser, no DISPLAY, an SSH session, an empty PATH: where to
// sign in is on stderr, before anything is waited for; with a code for another
// device, as the provider offers that, and without where the address is wanted.
func TestNoBrowserPrintsTheAddress(t *testing.T) {
	for name, tc := range map[string]struct{ flag, want string }{
		"device": {"--no-detach", "enter the code"},
		"code":   {"--no-browser", "redirect_uri="},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.Command(binary.Build(t, "mcp-login"), "--no-detach", tc.flag, protected(t))
			cmd.Env = []string{
				"PATH=", "HOME=" + dir, "MCP_LOGIN_DIR=" + filepath.Join(dir, "state"), "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1",
				"SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22",
			}
			b := started(t, cmd)
			began := time.Now()
			b.initialize()
			timer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
			said := ""
			for lines := bufio.NewScanner(b.errOut); lines.Scan(); {
				said += lines.Text() + "\n"
				if strings.Contains(said, "\nhttp") && strings.Contains(said, tc.want) {
					break
				}
			}
			timer.Stop()
			t.Logf("shown after %v", time.Since(began).Round(time.Millisecond))
			if !strings.Contains(said, tc.want) || !strings.Contains(said, "\nhttp://127.0.0.1:") {
				t.Errorf("on stderr: %s", said)
			}
			_ = b.in.Close()
			if code := b.ended(); code != 0 {
				t.Errorf("exit code %d", code)
			}
		})
	}
}

// A client that registered itself for the device grant alone has no redirect to ask about:
// doctor finds nothing wrong with the login that it has.
func TestDoctorKnowsALoginByCode(t *testing.T) {
	dir, server, program := t.TempDir(), protected(t), binary.Build(t, "mcp-login")
	command := func(verb string) (*exec.Cmd, *binary.Output) {
		cmd, out := exec.Command(program, verb, server), &binary.Output{}
		cmd.Env = []string{"PATH=", "HOME=" + dir, "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1"}
		cmd.Stdout, cmd.Stderr = out, out
		return cmd, out
	}
	login, said := command("login")
	if err := login.Start(); err != nil {
		t.Fatal(err)
	}
	address := said.Await(t, `(?m)^ *(http://\S+/device)$`)[1]
	code := said.Await(t, `\b[A-Z]{4}-[A-Z]{4}\b`)[0]
	if exit := binary.Browse("approve-device", "alice", address+"?user_code="+code); exit != 0 {
		t.Errorf("exit code %d of the browser", exit)
	}
	if err := login.Wait(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	doctor, found := command("doctor")
	if err := doctor.Run(); err != nil {
		t.Errorf("%v: %s", err, found)
	}
	for _, want := range []string{`(?m)^PASS +client +\S+ may sign people in with a code`, `(?m)^SKIP +resource +the provider judges it when`} {
		found.Await(t, want)
	}
}
