package interop

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// chromium starts a headless browser that reaches nothing but this machine.
func chromium(t *testing.T, width, height int, dark bool) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(real.Chromium(t)),
		chromedp.NoSandbox, // the tests may run as root
		chromedp.WindowSize(width, height),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-quic", true),
		chromedp.UserDataDir(t.TempDir()),
	)
	if dark {
		opts = append(opts, chromedp.Flag("force-dark-mode", true), chromedp.Flag("enable-features", "WebContentsForceDark:image_behavior/none"), chromedp.Flag("blink-settings", "preferredColorScheme=0"))
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	do(t, ctx, chromedp.Navigate("about:blank")) // starts the browser, without the limit below
	ctx, cancel = context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// do runs one action in the browser and returns its value.
func do[T any](t *testing.T, browser context.Context, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(browser, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// until waits for a condition on whatever page the browser is at by then.
func until(t *testing.T, browser context.Context, condition string) {
	t.Helper()
	for {
		yes, err := chromedp.Run(browser, chromedp.Evaluate[bool](condition))
		if err == nil && yes {
			return
		}
		select {
		case <-browser.Done():
			t.Fatalf("%s: never (%v)", condition, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// picture keeps a screenshot where somebody can look at it: in the folder that
// MCP_LOGIN_SCREENSHOTS names, else nowhere.
func picture(t *testing.T, name string, png []byte) {
	t.Helper()
	if len(png) == 0 {
		t.Errorf("no screenshot of %s", name)
	}
	dir := os.Getenv("MCP_LOGIN_SCREENSHOTS")
	if dir == "" {
		return
	}
	if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
		t.Error(err)
	}
}

// loginURL reads the address that the bridge has printed.
func loginURL(t *testing.T, s *session) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); {
		for line := range strings.Lines(s.errOut.String()) {
			if strings.HasPrefix(line, "http") && strings.HasSuffix(line, "\n") {
				return strings.TrimSpace(line)
			}
		}
		<-time.After(10 * time.Millisecond)
	}
	t.Fatalf("no address on stderr: %s", s.errOut.String())
	return ""
}

// A whole login in a real browser: devidp's page, a click on alice, the redirect
// to the loopback listener, and our page with the true outcome, styled as its
// own policy must allow.
func TestChromiumLogin(t *testing.T) {
	real.Long(t, "Chromium")
	for _, look := range []struct {
		name          string
		width, height int
		dark          bool
	}{{"phone-dark", 390, 844, true}, {"desktop-light", 1280, 800, false}} {
		t.Run(look.name, func(t *testing.T) {
			browser := chromium(t, look.width, look.height, look.dark)
			_, base := lab(t, nil)
			s := open(t, append(bridgeEnv(t), "MCP_LOGIN_BROWSER=none"), binary.Build(t, "mcp-login"), base+"/mcp")
			claims := make(chan map[string]any, 1)
			go func() { claims <- s.whoami() }()
			do(t, browser, chromedp.Navigate(loginURL(t, s)))
			do(t, browser, chromedp.WaitVisible(`button[value="alice"]`))
			picture(t, "signin-"+look.name, do(t, browser, chromedp.CaptureScreenshot()))
			do(t, browser, chromedp.Click(`button[value="alice"]`))
			until(t, browser, `document.readyState === "complete" && document.querySelector("main.good") !== null`)
			title := do(t, browser, chromedp.Title())
			text := do(t, browser, chromedp.Text(`main`))
			corners := do(t, browser, chromedp.Evaluate[string](`getComputedStyle(document.querySelector('main')).borderRadius`))
			picture(t, "signed-in-"+look.name, do(t, browser, chromedp.CaptureScreenshot()))
			if got := (<-claims)["email"]; got != "alice@example.test" {
				t.Errorf("claims of %v", got)
			}
			want(t, title, "Signed in")
			server, _ := url.Parse(base)
			want(t, text, "alice@example.test", server.Host, "close this tab and go back to interop.")
			if corners != "14px" {
				t.Errorf("the page's style was not applied (%q): does its policy allow it?", corners)
			}
		})
	}
}

// The person declines: the page says so, the client gets the error.
func TestChromiumDeny(t *testing.T) {
	real.Long(t, "Chromium")
	browser := chromium(t, 390, 844, false)
	_, base := lab(t, func(*devidp.Config) {})
	s := open(t, append(bridgeEnv(t), "MCP_LOGIN_BROWSER=none"), binary.Build(t, "mcp-login"), base+"/mcp")
	answer := make(chan map[string]any, 1)
	go func() {
		answer <- s.call("initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`)
	}()
	do(t, browser, chromedp.Navigate(loginURL(t, s)))
	do(t, browser, chromedp.Click(`button.deny`))
	until(t, browser, `document.readyState === "complete" && document.querySelector("main.bad") !== null`)
	text := do(t, browser, chromedp.Text(`main`))
	picture(t, "denied", do(t, browser, chromedp.CaptureScreenshot()))
	want(t, text, "Sign-in failed", "declined")
	failure, _ := (<-answer)["error"].(map[string]any)
	if failure["code"] != float64(1002) {
		t.Errorf("answer %v", failure)
	}
}

// A whole login in a real browser by way of the address that the opener gets:
// it redirects, the cookie survives the provider's pages and is there with the
// answer. The same browser may open it again, as it does with tabs that it
// restores.
func TestChromiumLocalAddress(t *testing.T) {
	real.Long(t, "Chromium")
	for _, host := range []string{"127.0.0.1", "localhost"} {
		t.Run(host, func(t *testing.T) {
			browser := chromium(t, 1280, 800, false)
			_, base := lab(t, nil)
			s := open(t, append(bridgeEnv(t), "MCP_LOGIN_BROWSER=true", "SSH_CONNECTION=", "SSH_TTY=", "SSH_CLIENT="), binary.Build(t, "mcp-login"), "--callback-host", host, base+"/mcp")
			claims := make(chan map[string]any, 1)
			go func() { claims <- s.whoami() }()
			address := loginURL(t, s)
			if u, err := url.Parse(address); err != nil || u.Hostname() != host || u.RawQuery != "" {
				t.Errorf("shown: %s", address)
			}
			for range 2 {
				do(t, browser, chromedp.Navigate(address))
				do(t, browser, chromedp.WaitVisible(`button[value="alice"]`))
			}
			do(t, browser, chromedp.Click(`button[value="alice"]`))
			until(t, browser, `document.readyState === "complete" && document.querySelector("main.good") !== null`)
			if got := (<-claims)["email"]; got != "alice@example.test" {
				t.Errorf("claims of %v", got)
			}
			if cookies := do(t, browser, chromedp.Evaluate[string](`document.cookie`)); cookies != "" {
				t.Errorf("a page sees the mark: %q", cookies)
			}
		})
	}
}

// Pages of another port of this machine, whose requests carry the mark of a real browser,
// do not end a login; Cancel at the provider's page does, and both page and answer say so.
func TestChromiumCancel(t *testing.T) {
	real.Long(t, "Chromium")
	browser := chromium(t, 1280, 800, false)
	_, base := lab(t, func(c *devidp.Config) {
		c.Clients = []devidp.Client{{ID: "third", ThirdParty: true, Scopes: []string{"profile", "email"}, RedirectURIs: []string{"http://127.0.0.1/callback"}}}
	})
	s := open(t, append(bridgeEnv(t), "MCP_LOGIN_BROWSER=true", "SSH_CONNECTION=", "SSH_TTY=", "SSH_CLIENT="), binary.Build(t, "mcp-login"), "--client-id", "third", base+"/mcp")
	answer := make(chan map[string]any, 1)
	go func() {
		answer <- s.call("initialize", `{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}`)
	}()
	address := loginURL(t, s)
	callback := address[:strings.LastIndex(address, "/")]
	do(t, browser, chromedp.Navigate(address)) // marks it
	do(t, browser, chromedp.WaitVisible(`button[name="cancel"]`))

	var asked atomic.Int64
	evil := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/done" {
			asked.Add(1)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, `<img src="`+callback+`"><script src="`+callback+`"></script><iframe src="`+callback+`"></iframe>
			<script>fetch("`+callback+`", {mode: "no-cors", credentials: "include"}).finally(() => fetch("/done"))</script>`)
	}))
	defer evil.Close()
	do(t, browser, chromedp.Navigate(evil.URL))
	for asked.Load() == 0 {
		until(t, browser, `document.readyState === "complete"`)
		<-time.After(10 * time.Millisecond)
	}
	select {
	case got := <-answer:
		t.Fatalf("a page of another port has ended the login: %v", got)
	default:
	}

	do(t, browser, chromedp.Navigate(address)) // the login is as good as before
	do(t, browser, chromedp.Click(`button[name="cancel"]`))
	until(t, browser, `document.readyState === "complete" && document.querySelector("main.bad") !== null`)
	want(t, do(t, browser, chromedp.Text(`main`)), "sent you back without an answer")
	if got := fmt.Sprint(<-answer); !strings.Contains(got, "neither a code nor an error") {
		t.Errorf("the answer: %s", got)
	}
}
