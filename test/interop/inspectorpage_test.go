package interop

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// inspectorPage is the Inspector's page in a real browser.
type inspectorPage struct {
	t       *testing.T
	browser context.Context
	address string
}

// newInspectorPage starts the Inspector on a port and opens its page.
func newInspectorPage(t *testing.T, port int, env ...string) inspectorPage {
	t.Helper()
	node, _ := inspector(t)
	env = append(env, "MCP_AUTO_OPEN_ENABLED=false", "MCP_INSPECTOR_SECRET_STORE=memory", "MCP_SANDBOX_PORT=0", fmt.Sprintf("CLIENT_PORT=%d", port))
	address, _ := start(t, `(http://\S+TOKEN=\S+)`, env, node.Path, filepath.Join(node.Modules, ".bin", "mcp-inspector"))
	p := inspectorPage{t, chromium(t, 1280, 900, false), address}
	do(t, p.browser, chromedp.Navigate(address))
	return p
}

// press waits for a button, tab or choice with a text, or with a name for screen readers,
// and presses it.
func (p inspectorPage) press(text string) {
	p.t.Helper()
	until(p.t, p.browser, fmt.Sprintf(`(() => {
		const all = [...document.querySelectorAll("button, label, input, [role=option], [role=tab]")];
		const one = all.findLast(e => e.innerText?.trim().split("\n")[0] === %[1]q || e.getAttribute("aria-label") === %[1]q);
		one?.click();
		return one !== undefined;
	})()`, text))
}

// fill waits for the field with a label and writes into it as a person does.
func (p inspectorPage) fill(label, text string) {
	p.t.Helper()
	until(p.t, p.browser, fmt.Sprintf(`(() => {
		const field = [...document.querySelectorAll("label")].find(l => l.innerText.replace("*", "").trim() === %q)?.control;
		if (!field) return false;
		Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, %q);
		field.dispatchEvent(new Event("input", {bubbles: true}));
		return true;
	})()`, label, text))
}

// shows waits for a text on the page.
func (p inspectorPage) shows(text string) {
	p.t.Helper()
	until(p.t, p.browser, fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
}

// call runs the tool whoami and waits for alice's claims.
func (p inspectorPage) call(name string) {
	p.t.Helper()
	p.press("Tools")
	p.press("Who am I")
	p.press("Execute Tool")
	p.shows("alice@example.test")
	picture(p.t, name, do(p.t, p.browser, chromedp.CaptureScreenshot()))
}

// The Inspector's page signs in by itself, as docs/logto.md says: a single-page application
// with the redirect URI that its settings show.
func TestChromiumInspectorDirect(t *testing.T) {
	real.Long(t, "Chromium")
	port := real.FreePort(t)
	redirect := fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", port)
	_, base := lab(t, func(c *devidp.Config) {
		c.Registration, c.Clients = false, []devidp.Client{{ID: "spa-id", ApplicationType: "web", RedirectURIs: []string{redirect}}}
	})
	home := t.TempDir()
	p := newInspectorPage(t, port, "HOME="+home)
	p.press("Add Servers")
	p.press("+ Add manually")
	p.fill("Server ID", "my-whoami")
	p.press("streamable-http")
	p.fill("URL", base+"/mcp")
	p.press("Add")
	p.press("Reorder my-whoami") // is there; its card is the last one, and so are its buttons
	p.press("Settings")
	p.press("OAuth Settings")
	p.fill("Client ID", "spa-id")
	until(t, p.browser, fmt.Sprintf(`[...document.querySelectorAll("input")].some(i => i.value === %q)`, redirect))
	p.press("Close")
	binary.Until(t, "the client ID to be kept", func() bool {
		kept, _ := os.ReadFile(filepath.Join(home, ".mcp-inspector", "mcp.json"))
		return strings.Contains(string(kept), "spa-id")
	})
	do(t, p.browser, chromedp.Navigate(p.address)) // the page itself takes a moment to know
	p.press(`Connect or disconnect "my-whoami"`)
	do(t, p.browser, chromedp.WaitVisible(`button[value="alice"]`))
	do(t, p.browser, chromedp.Click(`button[value="alice"]`))
	p.call("inspector-direct")
}

// The same with mcp-login as a server of the transport stdio, whose arguments stand one on
// a line.
func TestChromiumInspectorThroughBridge(t *testing.T) {
	real.Long(t, "Chromium")
	_, base := lab(t, func(c *devidp.Config) {
		c.Registration, c.Clients = false, []devidp.Client{{ID: "native-id", RedirectURIs: []string{"http://127.0.0.1/callback"}}}
	})
	env := bridgeEnv(t)
	p := newInspectorPage(t, real.FreePort(t), "HOME="+t.TempDir())
	p.press("Add Servers")
	p.press("+ Add manually")
	p.fill("Server ID", "my-whoami")
	p.fill("Command", binary.Build(t, "mcp-login"))
	p.fill("Arguments", strings.Join([]string{"--client-id", "native-id", base + "/mcp"}, "\n"))
	p.fill("Environment", strings.Join(env, "\n"))
	p.press("Add")
	p.press(`Connect or disconnect "my-whoami"`)
	p.call("inspector-bridge")
}
