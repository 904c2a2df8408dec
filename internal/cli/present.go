package cli

import (
	"context"
	"errors"
	"net/url"
	"os"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
)

// show returns the function that gives a login's prompt to the person. Other
// processes and status find it beside the lock. What the detached process prints
// appears on the stderr of the bridge that started it.
func (a *app) show(o options, s *session) func(context.Context, oauth.Prompt) {
	return func(ctx context.Context, p oauth.Prompt) {
		record := store.Pending{URL: p.URL, LocalURL: p.Local, Cookie: p.Mark, Here: s.here, Issuer: p.Issuer, UserCode: p.UserCode, RedirectURI: p.RedirectURI, PasteFrom: p.PasteFrom, Started: p.Began, Deadline: p.Deadline, PID: os.Getpid()}
		err := s.store.SetPending(ctx, s.key, record)
		if errors.Is(err, oauth.ErrEnded) {
			return // with logout; Config.Wanted ends it
		}
		if err != nil {
			s.log.Debug("the login is not shown to other processes", "reason", err)
		} else {
			s.published.Store(true)
		}
		a.present(ctx, o, s, p)
		if !p.Resumed || p.PasteFrom != "" { // where no tab waits here
			a.openFor(o, s, p)
		}
	}
}

// present prints what the person needs. The address always stands on a line of
// its own: the browser may be on another machine, and a helper's success says
// nothing about a window.
func (a *app) present(ctx context.Context, o options, s *session, p oauth.Prompt) {
	issuer := foreign.ShortAddress(p.Issuer)
	if p.FoundAt != "" {
		issuer += ", as the metadata of " + foreign.ShortAddress(p.FoundAt) + " calls itself,"
	}
	within := roughly(time.Until(p.Deadline).Round(time.Minute))
	if p.UserCode != "" {
		a.term.Note("to sign in to %s at %s, open this address on any device and enter the code %s (within %s):", s.server.Host, issuer, p.UserCode, within)
		a.term.Address(p.URL)
		if address := p.CompleteURL; address != "" {
			a.term.QR(address)
		}
		if s.verb {
			go a.term.CountDown(ctx, p.Deadline)
		}
		return
	}
	switch {
	case p.Resumed:
		a.term.Note("%s refuses offline_access, and is asked once more without it. If the browser does not go on by itself, visit:", issuer)
	case a.canBrowse(o):
		a.term.Note("sign in to %s at %s in the browser (within %s). If none opens, visit:", s.server.Host, issuer, within)
	default:
		a.term.Note("to sign in to %s at %s, open this address in a browser (within %s):", s.server.Host, issuer, within)
	}
	a.term.Address(s.address(p))
	s.shown.Store(&p)
	switch {
	case p.RedirectURI == "" || p.Resumed: // what follows is under way
		return
	case !s.verb && p.PasteFrom != "": // stdin belongs to the client
		a.term.Note("the browser ends at %s…, which is not on this machine: at a terminal, run %s and paste that address there", p.PasteFrom, s.loginCommand(o))
		return
	case !s.verb:
		return
	}
	go a.takePasted(ctx, s)
	switch {
	case p.PasteFrom != "":
		a.term.Note("the browser ends at %s…: paste that address here", p.PasteFrom)
	case a.canBrowse(o):
		go a.term.CountDown(ctx, p.Deadline)
	default:
		a.term.Note("a browser on another machine ends at an address that it cannot reach, %s…: paste that address here", p.RedirectURI)
	}
}

// openFor opens a browser for the prompt, if there is one here.
func (a *app) openFor(o options, s *session, p oauth.Prompt) {
	if !a.canBrowse(o) {
		return
	}
	address := s.address(p)
	switch {
	case p.UserCode == "":
	case s.here && p.Local != "":
		address = p.Local
	case !s.here && p.CompleteURL != "": // here, others see the code in it
		address = p.CompleteURL
	}
	go func() { // helpers may stay as long as the window is open
		if err := a.browse(o, address); err != nil {
			s.log.Warn("no browser was opened; use the address above", "reason", err)
		}
	}()
}

// device decides when a login asks for a code on another device: when the
// person wants that, or when no browser can be opened here.
func (a *app) device(o options) oauth.DevicePolicy {
	switch {
	case o.Device:
		return oauth.DeviceAlways
	case o.callbackBind != "" || o.pasted():
		return oauth.DeviceNever // the person has said how the answer comes
	case o.noBrowser || o.browser == noBrowserName || a.canBrowse(o):
		return oauth.DeviceNever // the address is wanted, or enough
	}
	return oauth.DeviceIfOffered
}

// endSession prints where the person's session at the provider can be ended
// (OpenID Connect RP-Initiated Logout 1.0), and opens it. The client's
// identifier stands in it, not the ID token: addresses end up in histories.
func (a *app) endSession(ctx context.Context, o options, s *session, cred oauth.Credential, quiet bool) {
	if cred.EndSessionEndpoint == "" {
		a.term.Note("%s publishes no address to end the session in the browser", cred.Issuer)
		return
	}
	u, err := url.Parse(cred.EndSessionEndpoint)
	address := ""
	if err == nil {
		u = oauth.OwnQuery(u, url.Values{"client_id": nil, "id_token_hint": nil, "logout_hint": nil, "post_logout_redirect_uri": nil, "ui_locales": nil})
		q := u.Query()
		q.Set("client_id", cred.Registration.ClientID)
		u.RawQuery = q.Encode()
		address, err = s.client.ForBrowser(ctx, "end_session_endpoint", u.String())
	}
	if err != nil {
		a.term.Note("the session in the browser is not ended: %v", err)
		return
	}
	if quiet {
		a.term.Note("end the session in the browser: %s", address)
	} else {
		a.term.Print("end the session in the browser: %s", address)
	}
	if err := a.browse(o, address); err != nil {
		s.log.Debug("no browser was opened", "reason", err)
	}
}
