package script

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
	"mcp-login/test/binary"
)

// What is no login request on stdin asks nobody; that of an earlier version, which has
// fewer members, is fulfilled, and so is one with secrets that nothing reads.
func TestHandoverAsksOnlyForALoginRequest(t *testing.T) {
	const refused, fulfilled = 2, 0
	for name, c := range map[string]struct {
		stdin string
		code  int
	}{
		"nothing":         {"", refused},
		"no JSON":         {"ready\n", refused},
		"cut off":         {`{"challenge":{"scope":"read"},"program":"x`, refused},
		"a list":          {`[]`, refused},
		"another type":    {`{"secrets":["MCP_LOGIN_TOKEN"]}`, refused},
		"doubled members": {`{"step_up":true,"step_up":false}`, refused},
		"two values":      {`{}{}`, refused},
		"too large":       {`{"failed":"` + strings.Repeat("x", 5<<20) + `"}`, refused},
		"earlier version": {`{"challenge":{"scope":"read"},"program":"earlier"}`, fulfilled},
		"later version":   {`{"challenge":{},"what":{"is":"new"},"secrets":{"X":"y"}}`, fulfilled},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			cmd := h.command("login", "--detached-login", h.URL+"/mcp")
			cmd.Stdin = strings.NewReader(c.stdin)
			out, err := cmd.Output()
			var exit *exec.ExitError
			code := 0
			if errors.As(err, &exit) {
				code = exit.ExitCode()
			}
			if tabs := h.opened(); code != c.code || (tabs == 1) != (c.code == fulfilled) || (string(out) == "ready\n") != (c.code == fulfilled) {
				t.Errorf("exit %d, %d tabs, %q", code, tabs, out)
			}
		})
	}
}

// A challenge that is no UTF-8 and a time limit that no clock has do not keep the
// login in the bridge, whose client may end it.
func TestOddChallengeIsDetachedAnyway(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(h *hostile) (args []string){
		"a challenge of other bytes": func(h *hostile) []string { h.unauthorized = ", realm=\"\xff\xfe\", scope=\"read \xff\""; return nil },
		"a long challenge": func(h *hostile) []string {
			h.unauthorized = `, realm="` + strings.Repeat("\u00e9", 5000) + `"`
			return nil
		},
		"the longest time": func(*hostile) []string { return []string{"--timeout", "2562047h47m16s"} },
		"no time":          func(*hostile) []string { return []string{"--timeout", "0s"} },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHostile(t)
			h.silent = true
			c := h.bridge(change(h)...)
			fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
			h.awaitTab()
			st, err := store.Open(store.Options{Dir: h.state, Kind: store.KindFile})
			if err != nil {
				t.Fatal(err)
			}
			p, ok, err := st.Pending(t.Context(), oauth.Key{Server: h.URL + "/mcp"})
			if err != nil || !ok || p.PID == 0 || p.PID == c.cmd.Process.Pid || time.Until(p.Deadline) < time.Minute {
				t.Errorf("login in progress: %v %v, of the bridge: %v, until %v", ok, err, p.PID == c.cmd.Process.Pid, p.Deadline)
			}
		})
	}
}

// A login that was ended with logout while the provider's metadata was read opens
// no tab afterwards, and logout does not wait for it in vain.
func TestLogoutBeforeTheTab(t *testing.T) {
	h := newHostile(t)
	h.reading, h.goOn = make(chan struct{}), make(chan struct{})
	c := h.bridge()
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	<-h.reading
	logout := h.command("logout", h.URL+"/mcp", "--log-level", "debug")
	var out, said binary.Output
	logout.Stdout, logout.Stderr = &out, &said
	if err := logout.Start(); err != nil {
		t.Fatal(err)
	}
	said.Await(t, "told to end")
	close(h.goOn)
	if err := logout.Wait(); err != nil || out.String() == "" {
		t.Errorf("%v: %s", err, said.String())
	}
	if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) {
		t.Error(line, err)
	}
	if n := h.opened(); n != 0 {
		t.Errorf("%d tabs", n)
	}
}

// Whatever stands where the record of the tabs, the login in progress and their
// locks should be: a call has its answer at once, and no more tabs open than without
// it. What cannot be a file of ours is named and never followed; the content of a
// file is replaced.
func TestHostileStateDirectory(t *testing.T) {
	future := `{"asked_at":"9999-12-31T23:59:59-23:59","identity":"x"}`
	content := func(text string) func(path string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o600) }
	}
	records, all := []string{".note-asks", ".pending"}, []string{".note-asks", ".pending", ".note-asks-lock", ".login", ".lock"}
	for name, c := range map[string]struct {
		at  []string
		put func(path string) error
	}{
		"a directory":         {all, func(path string) error { return os.MkdirAll(filepath.Join(path, "x"), 0o700) }},
		"a link":              {all, func(path string) error { return os.Symlink(path+"-nowhere", path) }},
		"for others to write": {records, func(path string) error { return errors.Join(os.WriteFile(path, nil, 0o600), os.Chmod(path, 0o666)) }},
		"garbage":             {records, content(strings.Repeat(`{"asks":[`, 50_000) + "\x00\xff")},
		"too large":           {records, content(strings.Repeat(" ", 2<<20))},
		"other types":         {records, content(`{"format":"x","asks":{"a":1},"url":7}`)},
		"ten thousand asks":   {records, content(`{"asks":[` + strings.Repeat(future+",", 9_999) + future + `]}`)},
		"addresses of files":  {records, content(`{"url":"file:///etc/passwd","local_url":"javascript:x","here":true,"started":"9999-12-31T23:59:59-23:59"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, suffix := range c.at {
				h := newHostile(t)
				path := filepath.Join(h.state, oauth.Key{Server: h.URL + "/mcp"}.ID()+suffix)
				if err := errors.Join(os.Mkdir(h.state, 0o700), c.put(path)); err != nil {
					t.Fatal(err)
				}
				before, err := os.Lstat(path)
				if err != nil {
					t.Fatal(err)
				}
				client := h.bridge()
				got, tabs := client.tool(1), h.opened()
				client.end()
				refused := strings.Contains(got, `"error"`)
				if tabs > 1 || (tabs == 1) == refused || strings.Contains(got, "%!") {
					t.Errorf("%s: %d tabs, %s", suffix, tabs, got)
				}
				if refused && !strings.Contains(got, suffix) && name != "ten thousand asks" {
					t.Errorf("%s: not named: %s", suffix, got)
				}
				if after, err := os.Lstat(path); err == nil && after.Mode() != before.Mode() && !after.Mode().IsRegular() {
					t.Errorf("%s: it became %v", suffix, after.Mode())
				}
				if _, err := os.Lstat(path + "-nowhere"); err == nil {
					t.Errorf("%s: the link was followed", suffix)
				}
			}
		})
	}
}

// A login that cannot be read, such as one of a later version, keeps logout --all
// from none of the others, and is named with what to do.
func TestLogoutAllWithADamagedLogin(t *testing.T) {
	h := newHostile(t)
	if got := h.bridge().tool(1); !strings.Contains(got, `"result"`) {
		t.Fatal(got)
	}
	id := strings.Repeat("0", 64)
	for _, text := range []string{"garbage", `{"format":99}`, `{"format":1,"key":{"server":"https://elsewhere.example","later":true}}`} {
		if err := os.WriteFile(filepath.Join(h.state, id+".plain"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, err := h.command("logout", "--all").CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 5 || !strings.Contains(string(out), "remove the files "+filepath.Join(h.state, id)+"*") {
			t.Errorf("%s: %v: %s", text, err, out)
		}
	}
	if left, err := filepath.Glob(filepath.Join(h.state, "*.plain")); err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
}

// Nobody who waits for a login asks again when it is ended with logout: neither the
// bridge that started it, nor one that only follows it, in whichever order they
// and logout find out.
func TestLogoutEndsALoginForAll(t *testing.T) {
	h := newHostile(t)
	h.silent = true
	call := `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`
	clients := []*client{h.bridge()}
	fmt.Fprintln(clients[0].in, call)
	h.awaitTab()
	for _, args := range [][]string{{}, {"--no-detach"}, {"--no-detach"}} {
		c := h.bridge(append(args, "--log-level", "debug")...)
		clients = append(clients, c)
		fmt.Fprintln(c.in, call)
		c.log.Await(t, "login is under way")
	}
	if out, err := h.command("logout", h.URL+"/mcp").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, c := range clients {
		if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) {
			t.Error(line, err)
		}
	}
	if n := h.opened(); n != 1 {
		t.Errorf("%d tabs", n)
	}
}
