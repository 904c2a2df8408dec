package page

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

// longest is a name of a program that does not fit into one line of a phone and has no
// place to break it.
var longest = strings.Repeat("Donaudampfschifffahrt", 4)

// provider is the development provider with programs that have long names, or none.
func provider(t *testing.T) *devidp.Server {
	t.Helper()
	const callback = "http://127.0.0.1/callback"
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{
		Clients: []devidp.Client{
			{ID: "named", Name: "Example Desktop", RedirectURIs: []string{callback}},
			{ID: longest, RedirectURIs: []string{callback}},
			{ID: "long", Name: longest, RedirectURIs: []string{callback}, ThirdParty: true, Scopes: []string{"profile", "email"}},
			{ID: "tv", Name: "Example TV", DeviceFlow: true},
		},
		Resources: []devidp.Resource{{Indicator: "https://mcp.example.com/a/very/long/path/to/it/mcp"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	return idp
}

// signInPage is the address of a sign-in.
func signInPage(idp *devidp.Server, client string) string {
	return idp.Issuer() + "/auth?" + url.Values{
		"client_id": {client}, "redirect_uri": {"http://127.0.0.1:49152/callback"}, "response_type": {"code"}, "scope": {"openid profile email"},
		"code_challenge": {strings.Repeat("x", 43)}, "code_challenge_method": {"S256"}, "resource": {"https://mcp.example.com/a/very/long/path/to/it/mcp"},
	}.Encode()
}

// devicePage is the address that a device shows.
func devicePage(t *testing.T, idp *devidp.Server) string {
	t.Helper()
	resp, err := http.PostForm(idp.Issuer()+"/device/auth", url.Values{"client_id": {"tv"}, "scope": {"openid"}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var device struct {
		Complete string `json:"verification_uri_complete"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&device); err != nil || device.Complete == "" {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return device.Complete
}

// Every page is whole at the width of a phone, of a small one and of a desktop, in light
// and in dark: nothing is wider than the window or has to be scrolled, no button covers a
// text, and axe-core, with all its rules, has nothing to say against it.
func TestLook(t *testing.T) {
	real.Long(t, "Chromium")
	axe := real.Axe(t)
	idp := provider(t)
	pages := map[string]string{
		"whoami":          serve(t) + "/",
		"whoami-client":   serve(t, "--public-client", "x8sk2mfq0r4v7ytn9blwe", "--install-page", "https://example.com/mcp-login") + "/",
		"whoami-closed":   serve(t, "--client", "a", "--resource", "https://mcp.example.com/a/very/long/path/to/it/mcp") + "/a/very/long/path/to/it/",
		"signin":          signInPage(idp, "named"),
		"signin-long":     signInPage(idp, "long"),
		"signin-nameless": signInPage(idp, longest),
		"device":          devicePage(t, idp),
		"ended":           strings.TrimSuffix(idp.Issuer(), "/oidc") + "/sign-in?interaction=none",
	}
	page := open(t, "about:blank", 1280, 800, "light", true)
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int{320, 390, 1280} {
			for name, address := range pages {
				t.Run(fmt.Sprintf("%s-%d-%s", name, width, scheme), func(t *testing.T) {
					visit(t, page, address, width, scheme)
					if bad := eval[string](t, page, misplaced); bad != "" {
						t.Error(bad)
					}
					eval[bool](t, page, axe+"; true")
					if bad := do(t, page, chromedp.Evaluate[string](real.Violations, await)); bad != "" {
						t.Error(bad)
					}
					tall(t, page, width)
					picture(t, strings.ReplaceAll(t.Name(), "/", "-"), page)
				})
			}
		}
	}
}

func await(p *runtime.EvaluateParams) {
	yes := true
	p.AwaitPromise = &yes
}

// visit opens a page in a look.
func visit(t *testing.T, page context.Context, address string, width int, scheme string) {
	t.Helper()
	sized(t, page, width, 844)
	command(t, page, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	})
	do(t, page, chromedp.Navigate(address))
}

func sized(t *testing.T, page context.Context, width, height int) {
	t.Helper()
	command(t, page, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: int64(width), Height: int64(height), DeviceScaleFactor: 1, Mobile: width < 500,
	})
}

// tall makes the window as high as the page, for a picture of all of it.
func tall(t *testing.T, page context.Context, width int) {
	t.Helper()
	sized(t, page, width, max(300, eval[int](t, page, `document.documentElement.scrollHeight`)))
}

// misplaced says what is wider than the window, must be scrolled to be read, or lies below a
// button that is not its own.
const misplaced = `(() => {
	const bad = [];
	if (document.documentElement.scrollWidth > innerWidth) bad.push("the page is " + document.documentElement.scrollWidth + " pixels wide");
	const buttons = [...document.querySelectorAll("button")].filter(b => b.offsetParent !== null);
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	let seen = 0;
	for (let text; text = walker.nextNode();) {
		if (!text.data.trim() || text.parentElement.closest("script, style")) continue;
		seen++;
		const range = document.createRange();
		range.selectNodeContents(text);
		for (const box of range.getClientRects()) {
			if (box.left < 0 || box.right > innerWidth + .5) bad.push("sticks out: " + text.data.slice(0, 40));
			for (const button of buttons) {
				const b = button.getBoundingClientRect();
				if (!button.contains(text) && b.left < box.right && box.left < b.right && b.top < box.bottom && box.top < b.bottom) bad.push("covered: " + text.data.slice(0, 40));
			}
		}
	}
	for (const e of document.querySelectorAll("body *")) if (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== "inline") bad.push(e.tagName + " must be scrolled");
	return seen < 4 ? "only " + seen + " texts" : bad.join("; ");
})()`
