package account

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/origin"
)

// pasteTimeout is how long a pasted answer may take: the listener answers with
// the outcome of the whole login.
const pasteTimeout = 2 * time.Minute

// takePasted hands the addresses that a person pastes to the listener of the login
// that was shown last, in this process or in the one that is followed. Where the
// browser runs on another machine, its last page did not get there. The listener judges
// what is pasted. The read that is under way when ctx ends is left behind.
func (a *Account) takePasted(ctx context.Context) {
	lines := a.Lines()
	for {
		select {
		case <-ctx.Done():
			return
		case line, ok := <-lines:
			if !ok {
				return
			}
			if line = strings.TrimSpace(line); line == "" {
				continue
			}
			if err := deliverPasted(ctx, *a.shown.Load(), line); err != nil && ctx.Err() == nil {
				a.Terminal.Note("%s", err)
			}
		}
	}
}

var errNotTheAnswer = errors.New("that is not the address that the browser ended at after the sign-in; copy all of it, from http on")

// deliverPasted sends the query of a pasted address to the listener, with the cookie
// of the browser: what a person pastes here comes from the browser of that person.
func deliverPasted(ctx context.Context, p oauth.Prompt, line string) error {
	u, err := url.Parse(line)
	if err != nil {
		return errNotTheAnswer
	}
	// Without a state only an address that brings no answer at all is of any use.
	if q := u.Query(); !q.Has("state") && (q.Has("code") || q.Has("error") || !endsAt(p, *u)) {
		return errNotTheAnswer
	}
	target, err := url.Parse(p.RedirectURI)
	if err != nil {
		return errNotTheAnswer
	}
	target.RawQuery = u.RawQuery
	ctx, cancel := context.WithTimeout(ctx, pasteTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return errNotTheAnswer
	}
	if p.Mark != "" {
		req.Header.Set("Cookie", p.Mark)
	}
	direct := &http.Client{
		Transport:     &http.Transport{Proxy: nil, DisableKeepAlives: true},
		CheckRedirect: origin.NoRedirect, // where a browser goes on
	}
	resp, err := direct.Do(req) //nolint:bodyclose // foreign.Discard closes it
	if err != nil {
		return errors.New("the sign-in does not wait any more")
	}
	foreign.Discard(resp)
	if resp.StatusCode >= http.StatusBadRequest {
		return errors.New("that address belongs to another sign-in; use the one of the sign-in shown above")
	}
	return nil
}

// endsAt reports whether u is where the browser ends when the provider sends it back
// without an answer, which ends the sign-in.
func endsAt(p oauth.Prompt, u url.URL) bool {
	if q := u.Query(); q.Has("code") || q.Has("error") {
		return false // an answer that was not copied whole
	}
	u.RawQuery, u.ForceQuery, u.Fragment = "", false, ""
	address := u.String()
	return address == p.RedirectURI || p.PasteFrom != "" && address == p.PasteFrom
}
