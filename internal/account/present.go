package account

import (
	"context"
	"errors"
	"net/url"
	"os"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/origin"
	"mcp-login/internal/store"
	"mcp-login/internal/terminal"
)

// showOwn gives a login's prompt to the person. Other processes and status find it
// in the store. What the detached process prints appears on the stderr of the
// bridge that started it.
func (a *Account) showOwn(ctx context.Context, p oauth.Prompt) {
	record := store.Pending{URL: p.URL, LocalURL: p.Local, Cookie: p.Mark, Here: a.Browser.Local(), Issuer: p.Issuer, UserCode: p.UserCode, RedirectURI: p.RedirectURI, PasteFrom: p.PasteFrom, Started: p.Began, Deadline: p.Deadline, PID: os.Getpid()}
	err := a.Store.SetPending(ctx, a.Key, record)
	if errors.Is(err, oauth.ErrEnded) {
		return // with logout; Config.StillWanted ends it
	}
	if err != nil {
		a.Log.Debug("the login is not shown to other processes", "reason", err)
	} else {
		a.published.Store(true)
	}
	a.printPrompt(ctx, p)
	if !p.Resumed || p.PasteFrom != "" { // else a tab is open already
		a.openBrowser(p)
	}
}

// showOther shows what the login of another process shows, while this one waits for it
// until ctx ends.
func (a *Account) showOther(ctx context.Context, p oauth.Prompt) {
	if !a.started.Load() {
		a.printPrompt(ctx, p)
	}
	if a.personAsks() && !p.Resumed { // a person has just run this command
		a.openBrowser(p)
	}
}

// rounded is a time limit without the moments that have passed since it began.
func rounded(limit time.Duration) time.Duration {
	if limit > time.Minute {
		return limit.Round(time.Minute)
	}
	return max(limit.Round(time.Second), time.Second)
}

// printPrompt prints what the person needs. The address and the code always stand on a
// line of their own: the browser may be on another machine, and that the program was
// started does not mean that a window has opened.
func (a *Account) printPrompt(ctx context.Context, p oauth.Prompt) {
	issuer := foreign.ShortAddress(p.Issuer)
	if p.FoundAt != "" {
		issuer += ", as the metadata of " + foreign.ShortAddress(p.FoundAt) + " calls itself,"
	}
	within := terminal.Approximately(rounded(time.Until(p.Deadline)))
	to := a.Server.Host + " at " + issuer
	if a.Key.Grant == oauth.GrantEnterprise {
		to = "your company's provider, " + issuer
	}
	if p.UserCode != "" {
		where, here := "on any device", onlyHere(p.URL)
		if here {
			where = "in a browser on this machine"
		}
		a.Terminal.Note("to sign in to %s, open this address %s (within %s):", to, where, within)
		a.Terminal.Address(p.URL)
		a.Terminal.Note("and enter the code:")
		a.Terminal.Address(p.UserCode)
		if address := p.CompleteURL; address != "" && !here {
			a.Terminal.QR(address)
		}
		if a.ownClient() {
			go a.Terminal.CountDown(ctx, p.Deadline)
		}
		return
	}
	switch {
	case p.Resumed:
		a.Terminal.Note("%s refuses offline_access, and is asked once more without it. If the browser does not go on by itself, visit:", issuer)
	case a.Browser.Available():
		a.Terminal.Note("sign in to %s in the browser (within %s). If none opens, visit:", to, within)
	default:
		a.Terminal.Note("to sign in to %s, open this address in a browser (within %s):", to, within)
	}
	a.Terminal.Address(a.address(p))
	if p.Within > 0 && a.address(p) == p.URL {
		a.Terminal.Note("the provider takes this address for %s only: open it at once, or start again", terminal.Approximately(rounded(p.Within)))
	}
	a.shown.Store(&p)
	switch {
	case p.RedirectURI == "" || p.Resumed: // the rest has been said, and runs
		return
	case !a.ownClient() && p.PasteFrom != "": // stdin belongs to the client
		a.Terminal.Note("the browser ends at %s…, which is not on this machine. Paste that address at a terminal, into: %s", p.PasteFrom, terminal.Command(a.LoginCommand()))
		return
	case !a.ownClient():
		return
	}
	go a.takePasted(ctx)
	switch {
	case p.PasteFrom != "":
		a.Terminal.Note("the browser ends at %s…: paste that address here", p.PasteFrom)
	case a.Browser.Available():
		go a.Terminal.CountDown(ctx, p.Deadline)
	default:
		a.Terminal.Note("a browser on another machine ends at an address that it cannot reach, %s…: paste that address here", p.RedirectURI)
	}
}

// onlyHere reports whether other devices cannot reach an address, as that of a provider for
// development.
func onlyHere(address string) bool {
	u, err := url.Parse(address)
	return err == nil && origin.Loopback(u.Hostname())
}

// openBrowser opens a browser for the prompt, if there is one here.
func (a *Account) openBrowser(p oauth.Prompt) {
	if !a.Browser.Available() {
		return
	}
	address := a.address(p)
	switch {
	case p.UserCode == "":
	case a.Browser.Local() && p.Local != "":
		address = p.Local
	case !a.Browser.Local() && p.CompleteURL != "": // on this machine others see the code, in the arguments
		address = p.CompleteURL
	}
	go func() { // it may last as long as the window is open
		if err := a.Browser.Open(address); err != nil {
			a.Log.Warn("no browser was opened; use the address above", "reason", err)
		}
	}()
}

// devicePolicy decides when a login asks for a code on another device: when the
// person wants that, or when no browser can be opened here.
func (a *Account) devicePolicy() oauth.DevicePolicy {
	where, _ := CallbackOf(a.Settings.Choices, a.Settings.Client) // Listen says what is wrong
	switch {
	case a.Settings.Device:
		return oauth.DeviceAlways
	case a.CallbackBind != "" || where.URI != "":
		return oauth.DeviceNever // the person has said how the answer comes
	case a.Browser.Command == NoBrowser || a.Browser.Available():
		return oauth.DeviceNever // the person wants the address, or a browser opens it
	}
	return oauth.DeviceIfOffered
}

// address is where the person goes to sign in: where the browser runs on this
// machine, by the local address that leads there once. A code is for any device.
func (a *Account) address(p oauth.Prompt) string {
	if a.Browser.Local() && p.Local != "" && p.UserCode == "" {
		return p.Local
	}
	return p.URL
}

// EndSessionURL is where the person's session at the provider of cred can be ended in
// the browser (OpenID Connect RP-Initiated Logout 1.0), "" where the provider publishes
// no such address. The client's identifier stands in it, not the ID token: addresses
// end up in histories.
func (a *Account) EndSessionURL(ctx context.Context, cred oauth.Credential) (string, error) {
	if cred.EndSessionEndpoint == "" {
		return "", nil
	}
	u, err := url.Parse(cred.EndSessionEndpoint)
	if err != nil {
		return "", err
	}
	u = grant.EndpointURL(u, url.Values{"client_id": nil, "id_token_hint": nil, "logout_hint": nil, "post_logout_redirect_uri": nil, "ui_locales": nil})
	q := u.Query()
	q.Set("client_id", cred.Registration.ClientID)
	u.RawQuery = q.Encode()
	return a.OAuth.BrowserURL(ctx, "end_session_endpoint", u.String())
}
