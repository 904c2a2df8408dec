//go:build unix

package script

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// appAddress is a redirect URI that is not on this machine.
const appAddress = "https://app.example.com/callback"

// knowsApp has the provider know a client that can be answered only there.
func knowsApp(c *devidp.Config) {
	c.Registration = false
	c.Clients = []devidp.Client{{ID: "app", RedirectURIs: []string{appAddress}}}
}

// endsAt signs alice in and returns the address at client's redirect URI that the
// browser ends at. Nothing is requested there.
func endsAt(t *testing.T, address, redirectURI string) *url.URL {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ended := &url.URL{}
	browser := &http.Client{Transport: roundTripper(func(req *http.Request) (*http.Response, error) {
		if strings.HasPrefix(req.URL.String(), redirectURI+"?") {
			ended = req.URL
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
		}
		return http.DefaultTransport.RoundTrip(req)
	})}
	if _, err := devidp.Approve(ctx, browser, address, "alice"); err != nil || ended.Host == "" {
		t.Fatal(err, ended)
	}
	return ended
}

// terminal is a verb that a person runs and types into.
type terminal struct {
	t    *testing.T
	cmd  *exec.Cmd
	in   io.WriteCloser
	said binary.Output
}

func (h *house) terminal(cmd *exec.Cmd) *terminal {
	h.t.Helper()
	r := &terminal{t: h.t, cmd: cmd}
	cmd.Env, cmd.Stdout, cmd.Stderr = h.env, &r.said, &r.said
	var err error
	if r.in, err = cmd.StdinPipe(); err != nil {
		h.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = cmd.Process.Kill() })
	return r
}

func (r *terminal) paste(u *url.URL, change func(url.Values)) {
	at, q := *u, u.Query()
	if change != nil {
		change(q)
	}
	at.RawQuery = q.Encode()
	_, _ = io.WriteString(r.in, at.String()+"\n")
}

// A provider that knows only an https address: the browser ends there, and the address
// is pasted. Without the state of this sign-in, or with another, it is nobody's answer.
func TestAnswerIsPasted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, knowsApp)
	r := h.terminal(h.command("login", "--client-id", "app", "--redirect-uri", appAddress, h.url))
	ended := endsAt(t, r.said.Await(t, `\n(http\S+)\n`)[1], appAddress)
	r.said.Await(t, `paste that address here`)
	r.paste(ended, func(q url.Values) { q.Del("state") })
	r.said.Await(t, `that is not the address that the browser ended at`)
	r.paste(ended, func(q url.Values) { q.Set("state", "of-another-sign-in") })
	r.said.Await(t, `that address belongs to another sign-in`)
	r.paste(ended, nil)
	r.said.Await(t, `signed in to `)
	if err := r.cmd.Wait(); err != nil {
		t.Error(err)
	}
	if out, err := h.command("tools", "--client-id", "app", h.url).CombinedOutput(); err != nil || !strings.Contains(string(out), "whoami") {
		t.Errorf("%v: %s", err, out)
	}
}

// A provider that sends the browser back without an answer, as after Cancel: pasted, that
// address ends the sign-in with words.
func TestNoAnswerIsPasted(t *testing.T) {
	t.Parallel()
	h := newHouse(t, knowsApp)
	r := h.terminal(h.command("login", "--client-id", "app", "--redirect-uri", appAddress, h.url))
	r.said.Await(t, `paste that address here`)
	_, _ = io.WriteString(r.in, appAddress+"\n")
	r.said.Await(t, `error: .*neither a code nor an error`)
	r.said.Await(t, `hint: start again, and agree`)
	if err := r.cmd.Wait(); err == nil {
		t.Error("it ended as if somebody had signed in")
	}
}

// A bridge cannot take what is pasted: its input is the client's. The line that it
// prints does, as it stands there, for the sign-in that the bridge waits for.
func TestAnswerIsPastedForABridge(t *testing.T) {
	t.Parallel()
	h := newHouse(t, knowsApp)
	b := h.bridge("--client-id", "app", "--redirect-uri", appAddress)
	var said binary.Output
	go func() { _, _ = io.Copy(&said, b.errOut) }()
	b.initialize()
	address := said.Await(t, `\n(http\S+)\n`)[1]
	line := said.Await(t, `Paste that address at a terminal, into: (mcp-login .*)`)[1]
	r := h.terminal(exec.Command("sh", "-c", strings.Replace(line, "mcp-login", binary.Build(t, "mcp-login"), 1)))
	if again := r.said.Await(t, `\n(http\S+)\n`)[1]; again != address {
		t.Errorf("the terminal shows %s, the bridge %s", again, address)
	}
	ended := endsAt(t, address, appAddress)
	r.said.Await(t, `paste that address here`)
	r.paste(ended, func(q url.Values) { q.Set("state", "x") })
	r.said.Await(t, `that address belongs to another sign-in`)
	r.paste(ended, nil)
	if line := b.line(); !strings.Contains(line, `"id":1,"result"`) {
		t.Error(line)
	}
	r.said.Await(t, `signed in to `)
	_ = b.in.Close()
	if err := b.cmd.Wait(); err != nil {
		t.Error(err)
	}
}
