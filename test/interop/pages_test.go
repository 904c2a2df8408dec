package interop

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/oauth/loopback"
	"mcp-login/test/real"
)

// devtools sends one command of the DevTools protocol to the page.
func devtools(t *testing.T, browser context.Context, method string, params map[string]any) map[string]any {
	t.Helper()
	return do(t, browser, func(ctx context.Context, page *chromedp.Target) (map[string]any, error) {
		answer := map[string]any{}
		err := page.Call(ctx, method, params, &answer)
		return answer, err
	})
}

// look makes the browser one of a size, in light or dark, of a reader of a
// language, without scripts.
func look(t *testing.T, browser context.Context, width, height int, scheme, language string) {
	t.Helper()
	devtools(t, browser, "Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500})
	devtools(t, browser, "Emulation.setEmulatedMedia", map[string]any{"features": []map[string]any{{"name": "prefers-color-scheme", "value": scheme}}})
	devtools(t, browser, "Network.setExtraHTTPHeaders", map[string]any{"headers": map[string]string{"Accept-Language": language}})
	devtools(t, browser, "Emulation.setScriptExecutionDisabled", map[string]any{"value": true})
}

// A page kind: what the login led to, or the query of an answer that nobody
// waits for.
type pageKind struct {
	name, account string
	err           error
	query         string
	heading       string
}

func failed(code string) error {
	return fmt.Errorf("sign in: %w", &grant.Error{Op: "sign in", Code: code, Err: errors.New("said by the provider")})
}

// foreignError is an answer of another issuer, as the listener is told of it.
type foreignError struct{}

func (foreignError) Error() string        { return "another issuer" }
func (foreignError) LoginFailure() string { return "foreign" }

var pageKinds = []pageKind{
	{name: "signed-in", account: "alice@example.test", heading: "Signed in"},
	{name: "long-names", account: strings.Repeat("Wolfeschlegelsteinhausenbergerdorff", 3), heading: "Signed in"},
	{name: "declined", err: failed("access_denied"), heading: "Sign-in failed"},
	{name: "late", err: context.DeadlineExceeded, heading: "Sign-in failed"},
	{name: "unregistered", err: failed("invalid_target"), heading: "Sign-in failed"},
	{name: "busy", err: failed("temporarily_unavailable"), heading: "Sign-in failed"},
	{name: "unknown", err: failed("something_else"), heading: "Sign-in failed"},
	{name: "foreign", err: foreignError{}, heading: "Sign-in failed"},
	{name: "wrong-state", query: "?code=c&state=wrong", heading: "Nobody waits for this sign-in"},
}

// visit brings the browser to a page of the real listener.
func visit(t *testing.T, browser context.Context, kind pageKind) {
	t.Helper()
	l, err := loopback.Listen(t.Context(), loopback.Options{Server: "mcp.example.com", Program: "Example Desktop"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if kind.query != "" {
		do(t, browser, chromedp.Navigate(l.URI()+kind.query))
		return
	}
	go func() {
		if _, finish, err := l.Receive(t.Context(), "right", func() {}); err == nil {
			finish(kind.account, kind.err)
		}
	}()
	for ready := false; !ready; { // until Receive waits, the answer is refused
		do(t, browser, chromedp.Navigate(l.URI()+"?code=c&state=right"))
		ready = do(t, browser, chromedp.Evaluate[int](`performance.getEntriesByType("navigation")[0].responseStatus`)) == http.StatusOK
	}
}

// Item 7: every kind of page at the width of a phone and of a desktop,
// in light and in dark, with scripts switched off: nothing is cut off or wider
// than the window, and what the reader sees has the contrast that it needs.
func TestChromiumPages(t *testing.T) {
	real.Long(t, "Chromium")
	browser := chromium(t, 1280, 800, false)
	for _, width := range []int{390, 1280} {
		for _, scheme := range []string{"light", "dark"} {
			look(t, browser, width, 844, scheme, "en")
			for _, kind := range pageKinds {
				name := fmt.Sprintf("page-%s-%d-%s", kind.name, width, scheme)
				visit(t, browser, kind)
				if got := do(t, browser, chromedp.Text("h1")); got != kind.heading {
					t.Errorf("%s: %q", name, got)
				}
				if got := do(t, browser, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); got > width {
					t.Errorf("%s: %d pixels wide", name, got)
				}
				if bad := do(t, browser, chromedp.Evaluate[string](pale)); bad != "" {
					t.Errorf("%s: %s", name, bad)
				}
				picture(t, name, do(t, browser, chromedp.CaptureScreenshot()))
			}
		}
	}
}

// WCAG 2.2, 1.4.10: in no language does a page need to be scrolled sideways at a
// width of 320 pixels, which is also what 1280 are when enlarged four times.
func TestChromiumNarrowPages(t *testing.T) {
	real.Long(t, "Chromium")
	browser := chromium(t, 1280, 800, false)
	for _, language := range []string{"en", "de", "fr", "es", "ja", "zh-Hans"} {
		look(t, browser, 320, 640, "light", language)
		for _, kind := range pageKinds {
			visit(t, browser, kind)
			if got := do(t, browser, chromedp.Evaluate[int]("document.documentElement.scrollWidth")); got > 320 {
				t.Errorf("%s, %s: %d pixels wide", language, kind.name, got)
			}
			if bad := do(t, browser, chromedp.Evaluate[string](pale)); bad != "" {
				t.Errorf("%s, %s: %s", language, kind.name, bad)
			}
			picture(t, "narrow-"+kind.name+"-"+language, do(t, browser, chromedp.CaptureScreenshot()))
		}
	}
}

// axe-core has nothing to say against a page, with all its rules, in any language, in
// light and in dark.
func TestChromiumAxe(t *testing.T) {
	real.Long(t, "Chromium")
	axe := real.Axe(t)
	browser := chromium(t, 1280, 800, false)
	for _, reader := range [][2]string{{"en", "light"}, {"en", "dark"}, {"de", "light"}, {"fr", "light"}, {"es", "light"}, {"ja", "light"}, {"zh-Hans", "light"}} {
		look(t, browser, 390, 844, reader[1], reader[0])
		devtools(t, browser, "Emulation.setScriptExecutionDisabled", map[string]any{"value": false}) // for axe-core
		for _, kind := range pageKinds {
			visit(t, browser, kind)
			do(t, browser, chromedp.Evaluate[bool](axe+"; true"))
			found := devtools(t, browser, "Runtime.evaluate", map[string]any{"expression": real.Violations, "awaitPromise": true, "returnByValue": true})
			result, _ := found["result"].(map[string]any)
			if said, ok := result["value"].(string); !ok || said != "" {
				t.Errorf("%s, %s: %v", reader, kind.name, found)
			}
		}
	}
}

// pale returns the texts whose contrast to what is behind them is below 4.5, or
// that stick out of the window, or are smaller than 13 pixels.
const pale = `(() => {
	const lum = c => c.map(v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
	const rgb = s => s.match(/[\d.]+/g).map(Number);
	const behind = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c.slice(0, 3) } return [255, 255, 255] };
	const bad = [];
	let seen = 0;
	for (const e of document.body.querySelectorAll("*")) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())) continue;
		seen++;
		const style = getComputedStyle(e), a = lum(rgb(style.color).slice(0, 3)), b = lum(behind(e)), box = e.getBoundingClientRect();
		const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5 || box.left < 0 || box.right > innerWidth + .5 || parseFloat(style.fontSize) < 13) bad.push(e.tagName + " " + e.textContent.slice(0, 40) + " " + ratio.toFixed(2) + " " + box.right);
	}
	return seen < 5 ? "only " + seen + " texts" : bad.join("; ");
})()`

// Item 7: what a screen reader is told, by Chromium's own accessibility
// tree: the document with its title, one main landmark, one heading of the first
// level, the outcome as a status, values with what they are; and the language.
func TestChromiumAccessibility(t *testing.T) {
	real.Long(t, "Chromium")
	browser := chromium(t, 1280, 800, false)
	for language, heading := range map[string]string{
		"en-US,en;q=0.9": "Signed in", "de-AT,de;q=0.9,en;q=0.5": "Angemeldet", "fr": "Connexion réussie", "es-419,es": "Sesión iniciada", "ja": "サインインしました", "zh-CN,zh;q=0.9": "已登录",
	} {
		look(t, browser, 390, 844, "light", language)
		visit(t, browser, pageKind{account: "alice@example.test"})
		roles := accessible(t, browser)
		tag := do(t, browser, chromedp.Evaluate[string]("document.documentElement.lang"))
		if !strings.HasPrefix(strings.ToLower(language), strings.ToLower(tag[:2])) {
			t.Errorf("%s: lang=%q", language, tag)
		}
		if got := roles["RootWebArea"]; len(got) != 1 || got[0] != heading+" · mcp-login" {
			t.Errorf("%s: title %q", tag, got)
		}
		if got := roles["heading"]; len(got) != 1 || got[0] != heading {
			t.Errorf("%s: headings %q", tag, got)
		}
		for _, role := range []string{"main", "status", "contentinfo"} {
			if len(roles[role]) != 1 {
				t.Errorf("%s: %d of role %s", tag, len(roles[role]), role)
			}
		}
		if len(roles["term"]) != 3 || len(roles["definition"]) != 3 {
			t.Errorf("%s: %d terms, %d definitions", tag, len(roles["term"]), len(roles["definition"]))
		}
		text := strings.Join(roles["StaticText"], "|")
		want(t, text, "alice@example.test", "mcp.example.com", "Example Desktop")
		if strings.Contains(text, "✓") {
			t.Errorf("%s: the mark is read aloud", tag)
		}
		picture(t, "language-"+tag, do(t, browser, chromedp.CaptureScreenshot()))
	}
}

// accessible returns the names in the accessibility tree by role.
func accessible(t *testing.T, browser context.Context) map[string][]string {
	t.Helper()
	roles := map[string][]string{}
	nodes, _ := devtools(t, browser, "Accessibility.getFullAXTree", map[string]any{})["nodes"].([]any)
	for _, node := range nodes {
		n, _ := node.(map[string]any)
		role, _ := n["role"].(map[string]any)
		name, _ := n["name"].(map[string]any)
		kind, _ := role["value"].(string)
		text, _ := name["value"].(string)
		if ignored, _ := n["ignored"].(bool); !ignored {
			roles[kind] = append(roles[kind], text)
		}
	}
	return roles
}

// The real page asks for nothing further and puts nothing of
// its own address into what it shows.
func TestChromiumPageIsAlone(t *testing.T) {
	real.Long(t, "Chromium")
	browser := chromium(t, 1280, 800, false)
	look(t, browser, 390, 844, "light", "en")
	visit(t, browser, pageKind{query: "?code=" + url.QueryEscape("<b id=x>c</b>") + "&state=wrong&error=access_denied&error_description=<script>1</script>"})
	if n := do(t, browser, chromedp.Evaluate[int](`performance.getEntriesByType("resource").length + document.scripts.length + document.images.length + document.querySelectorAll("#x, a, link, iframe").length`)); n != 0 {
		t.Errorf("%d things on the page that should not be", n)
	}
}
