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
)

// What is no demand on stdin asks nobody; that of an earlier version, which has
// fewer members, is fulfilled, and so is one with secrets that nothing reads.
func TestSecondLookStoreHandover(t *testing.T) {
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
func TestSecondLookStoreDetachedAnyway(t *testing.T) {
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
func TestSecondLookStoreLogoutBeforeTheTab(t *testing.T) {
	h := newHostile(t)
	h.reading, h.goOn = make(chan struct{}), make(chan struct{})
	c := h.bridge()
	fmt.Fprintln(c.in, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}`)
	<-h.reading
	pending, err := filepath.Glob(filepath.Join(h.state, "*.pending"))
	if err != nil || len(pending) != 1 {
		t.Fatal(pending, err)
	}
	logout := h.command("logout", h.URL+"/mcp")
	var said strings.Builder
	logout.Stdout, logout.Stderr = &said, &said
	if err := logout.Start(); err != nil {
		t.Fatal(err)
	}
	for { // until logout has taken the record away
		if _, err := os.Lstat(pending[0]); err != nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	close(h.goOn)
	if err := logout.Wait(); err != nil || said.Len() == 0 {
		t.Errorf("%v: %s", err, said.String())
	}
	if line, err := c.out.ReadString('\n'); err != nil || !strings.Contains(line, `"code":1002`) {
		t.Error(line, err)
	}
	if n := h.opened(); n != 0 {
		t.Errorf("%d tabs", n)
	}
}
