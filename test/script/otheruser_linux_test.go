package script

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/real"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// victim is a person on a machine that others use as well: a login whose opener
// does nothing but show its arguments, as every process does.
type victim struct {
	*house
	t    *testing.T
	cmd  *exec.Cmd
	said *bytes.Buffer
	argv string // what every user of the machine reads of the opener
}

func newVictim(t *testing.T, args ...string) *victim {
	t.Helper()
	open := func(c *devidp.Config) { // a pushed request would keep the state from whoever sees its address
		c.Faults.MetadataMembers = map[string]any{"pushed_authorization_request_endpoint": nil}
	}
	v := &victim{house: newHouse(t, open), t: t, said: &bytes.Buffer{}}
	dir := t.TempDir()
	told := filepath.Join(dir, "argv")
	if err := syscall.Mkfifo(told, 0o600); err != nil {
		t.Fatal(err)
	}
	opener := filepath.Join(dir, "opener")
	if err := os.WriteFile(opener, []byte("#!/bin/sh\ntr '\\0' '\\n' </proc/$$/cmdline >"+told+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	v.cmd = v.command(append(append([]string{"login", "--timeout", "30s"}, args...), v.url)...)
	v.cmd.Env = append(v.cmd.Env, "MCP_LOGIN_BROWSER="+opener, "SSH_CONNECTION=", "SSH_TTY=", "SSH_CLIENT=")
	v.cmd.Stderr = v.said
	if err := v.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = v.cmd.Process.Kill() })
	argv, err := os.ReadFile(told)
	if err != nil {
		t.Fatal(err)
	}
	v.argv = string(argv)
	return v
}

// address is the one that stands in the arguments of the opener.
func (v *victim) address() string {
	v.t.Helper()
	for line := range strings.Lines(v.argv) {
		if strings.HasPrefix(line, "http") {
			return strings.TrimSpace(line)
		}
	}
	v.t.Fatalf("no address in %q", v.argv)
	return ""
}

// ends waits for the verb and says whether it has signed somebody in.
func (v *victim) ends() bool {
	err := v.cmd.Wait()
	return err == nil
}

func browserOf(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Timeout: 20 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
}

// What another user of the machine reads in the arguments of the browser's
// helper is no authorization request: no state, no challenge, nothing of the
// provider. The person's browser signs in with it.
func TestOpenerSeesNoAuthorizationRequest(t *testing.T) {
	v := newVictim(t)
	u, err := url.Parse(v.address())
	if err != nil || u.Hostname() != "127.0.0.1" || u.RawQuery != "" {
		t.Errorf("the opener was given %s", v.address())
	}
	for _, secret := range []string{"state", "code_challenge", "client_id", "redirect_uri", strings.TrimPrefix(v.idp.Issuer(), "http://")} {
		if strings.Contains(v.argv, secret) {
			t.Errorf("%s stands in %q", secret, v.argv)
		}
	}
	if out, err := devidp.Approve(t.Context(), browserOf(t), v.address(), "alice"); err != nil || out.Status != http.StatusOK {
		t.Fatal(out.Status, err)
	}
	if !v.ends() {
		t.Error(v.said)
	}
}

// Whoever opens the address second, be it the stranger or the person, is not
// sent to the provider and ends the login: nobody knows which of them was first.
// The person hears why, and starts again at once.
func TestSecondUseEndsTheLogin(t *testing.T) {
	v := newVictim(t)
	first, err := browserOf(t).Get(v.address())
	if err != nil {
		t.Fatal(err)
	}
	_ = first.Body.Close()
	second, err := browserOf(t).Get(v.address())
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Body.Close()
	if !strings.Contains(v.idp.Issuer(), first.Request.URL.Host) || second.StatusCode != http.StatusForbidden || second.Request.URL.String() != v.address() {
		t.Errorf("the first came to %s, the second got %d", first.Request.URL.Path, second.StatusCode)
	}
	if v.ends() {
		t.Error("somebody was signed in")
	}
	if said := v.said.String(); !strings.Contains(said, "opened a second time") || !strings.Contains(said, "hint: start again") || v.cmd.ProcessState.ExitCode() != 4 {
		t.Errorf("exit %d: %s", v.cmd.ProcessState.ExitCode(), said)
	}
	again := v.command("login", v.url)
	again.Env = append(again.Env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
	if out, err := again.CombinedOutput(); err != nil {
		t.Errorf("again: %v: %s", err, out)
	}
}

// An answer of another browser is refused although it has the right state;
// the person's own is taken after that.
func TestAnswerOfAnotherBrowserIsRefused(t *testing.T) {
	v := newVictim(t)
	person := browserOf(t)
	var request *url.URL
	person.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if request == nil {
			request = r.URL
		}
		return nil
	}
	resp, err := person.Get(v.address())
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	q := request.Query()
	forged, err := browserOf(t).Get(q.Get("redirect_uri") + "?" + url.Values{"code": {"stolen"}, "state": {q.Get("state")}, "iss": {v.idp.Issuer()}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	_ = forged.Body.Close()
	if forged.StatusCode != http.StatusForbidden {
		t.Errorf("the forged answer: %d", forged.StatusCode)
	}
	if out, err := devidp.Approve(t.Context(), person, v.address(), "alice"); err != nil || out.Status != http.StatusOK {
		t.Fatal(out.Status, err)
	}
	if !v.ends() {
		t.Error(v.said)
	}
	if n := v.idp.Stats().TokenRequests["authorization_code"]; n != 1 {
		t.Errorf("%d codes were presented", n)
	}
}

// A connection of another user of the machine is refused, whatever it asks
// for, and uses nothing up.
func TestConnectionOfAnotherUserIsRefused(t *testing.T) {
	if !real.Root(t) {
		return
	}
	v := newVictim(t)
	knock := func(address string) string {
		cmd := exec.Command("curl", "-s", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}", address)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: stranger, Gid: stranger}}
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "NO_PROXY=*"}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	base, _, _ := strings.Cut(v.address(), "/callback")
	for _, address := range []string{v.address(), base + "/callback?code=c&state=s"} {
		if got := knock(address); got != "403" {
			t.Errorf("%s: %s", address, got)
		}
	}
	if out, err := devidp.Approve(t.Context(), browserOf(t), v.address(), "alice"); err != nil || out.Status != http.StatusOK {
		t.Fatal(out.Status, err)
	}
	if !v.ends() || !strings.Contains(v.said.String(), fmt.Sprintf("uid=%d", stranger)) {
		t.Error(v.said)
	}
}

// Over SSH, and where the address is wanted, it is the whole one, for a browser on
// another machine.
func TestWholeAddressForABrowserElsewhere(t *testing.T) {
	h := newHouse(t, nil)
	for name, tc := range map[string]struct {
		args []string
		env  []string
	}{
		"no browser":       {[]string{"--no-browser"}, nil},
		"a browser by SSH": {nil, []string{"MCP_LOGIN_BROWSER=true", "SSH_CONNECTION=192.0.2.1 5 192.0.2.2 22", "DISPLAY=", "WAYLAND_DISPLAY="}},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.Command(binary.Build(t, "mcp-login"), append([]string{"--no-detach"}, append(tc.args, h.url)...)...)
			cmd.Env = append(h.env, tc.env...)
			b := started(t, cmd)
			b.initialize()
			address := b.address()
			if !strings.Contains(address, "redirect_uri=") {
				t.Error(address)
			}
			h.approve(address)
			b.line()
			_ = b.in.Close()
			b.ended()
			if err := h.command("logout", h.url).Run(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Nor is the code of a device grant in the arguments of the opener; the address
// leads to it, once.
func TestOpenerSeesNoDeviceCode(t *testing.T) {
	v := newVictim(t, "--device")
	if strings.Contains(v.argv, "user_code") || strings.Contains(v.argv, v.idp.Issuer()) {
		t.Errorf("the opener was given %q", v.argv)
	}
	person := browserOf(t)
	if resp, err := person.Get(v.address()); err != nil || resp.Request.URL.Query().Get("user_code") == "" {
		t.Errorf("it does not lead to the code: %v", err)
	} else {
		_ = resp.Body.Close()
	}
	second, err := browserOf(t).Get(v.address())
	if err != nil {
		t.Fatal(err)
	}
	_ = second.Body.Close()
	if second.StatusCode != http.StatusForbidden || v.ends() || !strings.Contains(v.said.String(), "opened a second time") {
		t.Errorf("the second: %d; %s", second.StatusCode, v.said)
	}
}

// Two logins at once in one browser, whose cookies know no ports: each answer comes
// to its own login. Where the answers change places, or the mark of one is brought to
// the other, nobody is signed in by that.
func TestTwoLoginsInOneBrowser(t *testing.T) {
	one, two := newVictim(t), newVictim(t)
	person := browserOf(t)
	for _, v := range []*victim{one, two, one} {
		resp, err := person.Get(v.address())
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	at, err := url.Parse(two.address())
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{strings.Replace(two.address(), at.Path, "/callback?code=x&state=y", 1), strings.TrimSuffix(two.address(), at.Path) + mustPath(t, one.address())} {
		resp, err := person.Get(path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode < 400 || strings.Contains(resp.Request.URL.Path, "interaction") {
			t.Errorf("%s: %d at %s", path, resp.StatusCode, resp.Request.URL.Path)
		}
	}
	for v, who := range map[*victim]string{two: "bob", one: "alice"} {
		if out, err := devidp.Approve(t.Context(), person, v.address(), who); err != nil || out.Status != http.StatusOK {
			t.Fatal(out.Status, err)
		}
		if !v.ends() || !strings.Contains(v.said.String(), who) && v.cmd.ProcessState.ExitCode() != 0 {
			t.Error(v.said)
		}
	}
}

func mustPath(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Path
}

// A path of the redirect URI that cookies cannot be bound to is said before a person
// is asked.
func TestCallbackPathThatCookiesCannotHave(t *testing.T) {
	h := newHouse(t, nil)
	for _, path := range []string{"/a;b", "/a b", "callback", "/a?b"} {
		cmd := h.command("login", h.url, "--callback-path", path)
		cmd.Env = append(cmd.Env, "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
		out, err := cmd.CombinedOutput()
		if err == nil || !strings.Contains(string(out), "callback path") || strings.Contains(string(out), "in the browser") {
			t.Errorf("%s: %v, %s", path, err, out)
		}
	}
}
