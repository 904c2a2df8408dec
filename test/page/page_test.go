package page

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

func TestMain(m *testing.M) { binary.Main(m, nil) }

// serve starts whoami-server and returns its base URL.
func serve(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(binary.Build(t, "whoami-server"), append([]string{"--issuer", "http://127.0.0.1:1/oidc", "--listen", "127.0.0.1:0"}, args...)...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		if m := regexp.MustCompile(`listening on (\S+),`).FindStringSubmatch(lines.Text()); m != nil {
			return "http://" + m[1]
		}
	}
	t.Fatal("the server did not start")
	return ""
}

func open(t *testing.T, url string, width, height int, scheme string, script bool) context.Context {
	t.Helper()
	opts := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(real.Chromium(t)),
		chromedp.NoSandbox, // the tests may run as root
		chromedp.WindowSize(width, height),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.UserDataDir(t.TempDir()),
	)
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), opts...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	do(t, ctx, chromedp.Navigate("about:blank")) // starts the browser, without the limit below
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	command(t, ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	command(t, ctx, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	command(t, ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !script})
	do(t, ctx, chromedp.Navigate(url))
	return ctx
}

func do[T any](t *testing.T, page context.Context, action chromedp.Action[T]) T {
	t.Helper()
	value, err := chromedp.Run(page, action)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func command[P any](t *testing.T, page context.Context, c cdp.Command[P, cdp.Empty], params P) {
	t.Helper()
	do(t, page, func(ctx context.Context, target *chromedp.Target) (cdp.Empty, error) {
		return cdp.Call(ctx, target, c, params)
	})
}

func eval[T any](t *testing.T, page context.Context, expression string) T {
	t.Helper()
	return do(t, page, chromedp.Evaluate[T](expression))
}

func until(t *testing.T, page context.Context, condition string) {
	t.Helper()
	for {
		yes, err := chromedp.Run(page, chromedp.Evaluate[bool](condition))
		if err == nil && yes {
			return
		}
		select {
		case <-page.Done():
			t.Fatalf("%s: never (%v)", condition, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// picture keeps a screenshot where somebody can look at it: in the folder that
// MCP_LOGIN_SCREENSHOTS names, else nowhere.
func picture(t *testing.T, name string, page context.Context) {
	t.Helper()
	png := do(t, page, chromedp.CaptureScreenshot())
	if dir := os.Getenv("MCP_LOGIN_SCREENSHOTS"); dir != "" {
		if err := os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600); err != nil {
			t.Error(err)
		}
	}
}

const (
	background = `getComputedStyle(document.querySelector("main")).backgroundColor`
	ink        = `getComputedStyle(document.body).color`
	buttons    = `[...document.querySelectorAll("figure button")].filter(b => b.offsetParent !== null).length`
)

// Item 6: in the policy that the page comes with its style applies and
// its buttons copy; both looks are there; nothing is loaded from anywhere; it
// fits a phone.
func TestPage(t *testing.T) {
	real.Long(t, "Chromium")
	base := serve(t)
	for _, look := range []struct {
		name, scheme, background, ink string
		width, height                 int
	}{
		{"phone-dark", "dark", "rgb(27, 32, 41)", "rgb(231, 234, 240)", 390, 844},
		{"desktop-light", "light", "rgb(255, 255, 255)", "rgb(28, 35, 48)", 1280, 800},
	} {
		t.Run(look.name, func(t *testing.T) {
			page := open(t, base+"/", look.width, look.height, look.scheme, true)
			picture(t, "page-"+look.name, page)
			if got := eval[string](t, page, background); got != look.background {
				t.Errorf("background %s: is the style applied?", got)
			}
			if got := eval[string](t, page, ink); got != look.ink {
				t.Errorf("text %s", got)
			}
			if got := eval[int](t, page, buttons); got != 7 {
				t.Errorf("%d buttons: does the script run?", got)
			}
			if eval[bool](t, page, `document.documentElement.scrollWidth > innerWidth`) {
				t.Error("the page is wider than the window")
			}
			if n := eval[int](t, page, `performance.getEntriesByType("resource").filter(e => !e.name.endsWith("/favicon.ico")).length`); n != 0 {
				t.Errorf("%d things were loaded besides the page", n)
			}
			copied(t, page, base)
		})
	}
}

// copied presses the buttons and looks into the clipboard.
func copied(t *testing.T, page context.Context, base string) {
	t.Helper()
	allowClipboard(t, page)
	if got, want := copyFrom(t, page, "login"), "mcp-login login "+base+"/mcp"; got != want {
		t.Errorf("copied %q, want %q", got, want)
	}
	if pasted := copyFrom(t, page, "entry"); !strings.Contains(pasted, `"command": "mcp-login"`) || !strings.Contains(pasted, base+"/mcp") {
		t.Errorf("copied %q", pasted)
	}
	// What is selected by hand is the same.
	if got := eval[string](t, page, `getSelection().selectAllChildren(document.querySelector("figure code")), getSelection().toString().trim()`); got != "mcp-login login "+base+"/mcp" {
		t.Errorf("selected %q", got)
	}
	if !eval[bool](t, page, `JSON.parse(window.pasted).mcpServers.whoami.args.length === 1`) {
		t.Error("what was copied is not a configuration")
	}
}

func allowClipboard(t *testing.T, page context.Context) {
	t.Helper()
	for _, name := range []string{"clipboard-read", "clipboard-write"} {
		command(t, page, browser.SetPermission, browser.SetPermissionParams{
			Permission: &browser.PermissionDescriptor{Name: name}, Setting: browser.PermissionSettingGranted,
		})
	}
}

// copyFrom presses the button of one figure and returns what is in the clipboard then.
func copyFrom(t *testing.T, page context.Context, id string) string {
	t.Helper()
	button := `document.querySelector("button[aria-describedby=` + id + `]")`
	eval[bool](t, page, `window.pasted = undefined, `+button+`.click(), true`)
	until(t, page, button+`.textContent === "Copied"`)
	eval[bool](t, page, `navigator.clipboard.readText().then(text => { window.pasted = text; }), true`)
	until(t, page, `window.pasted !== undefined`)
	pasted := eval[string](t, page, `window.pasted`)
	until(t, page, button+`.textContent === "Copy"`)
	return pasted
}

// Without JavaScript everything is there but the buttons, which would do nothing.
func TestPageWithoutScript(t *testing.T) {
	real.Long(t, "Chromium")
	base := serve(t)
	page := open(t, base+"/", 1280, 800, "light", false)
	if got := eval[int](t, page, buttons); got != 0 {
		t.Errorf("%d buttons that do nothing", got)
	}
	text := eval[string](t, page, `document.body.innerText`)
	for _, want := range []string{"whoami", base + "/mcp", base + "/sse", "claude mcp add", `"command": "mcp-login"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in %s", want, text)
		}
	}
	// The links lead somewhere.
	for _, link := range []string{"/.well-known/oauth-protected-resource/mcp", "/healthz"} {
		do(t, page, chromedp.Navigate(base+link))
		if body := eval[string](t, page, `document.body.innerText`); !strings.Contains(body, "{") || strings.Contains(body, "not_found") {
			t.Errorf("%s: %s", link, body)
		}
		if !strings.Contains(eval[string](t, page, `document.location.href`), link) {
			t.Errorf("%s did not open", link)
		}
	}
}
