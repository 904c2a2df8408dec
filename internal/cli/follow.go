package cli

import (
	"bufio"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
)

// followInterval is how often the login of another process is looked at.
const followInterval = 100 * time.Millisecond

// follow returns what shows the login of another process while this one waits
// for it.
func (a *app) follow(o options, s *session) func(context.Context, func(oauth.Prompt)) {
	return func(ctx context.Context, report func(oauth.Prompt)) {
		look := time.NewTicker(followInterval)
		defer look.Stop()
		for seen := ""; ; {
			p, ok, err := s.store.Pending(ctx, s.key)
			if err == nil && ok && p.URL != "" && p.URL != seen {
				prompt := oauth.Prompt{Issuer: p.Issuer, URL: p.URL, Local: p.LocalURL, Mark: p.Cookie, UserCode: p.UserCode, RedirectURI: p.RedirectURI, PasteFrom: p.PasteFrom, Began: p.Started, Deadline: p.Deadline}
				prompt.Resumed, seen = seen != "", p.URL
				report(prompt)
				if !s.started.Load() {
					a.present(ctx, o, s, prompt)
				}
				if s.person && !prompt.Resumed { // who has asked for it just now
					a.openFor(o, s, prompt)
				}
				look.Reset(10 * followInterval) // another address is rare
			}
			select {
			case <-ctx.Done():
				return
			case <-look.C:
			}
		}
	}
}

// pasteTimeout is how long a pasted answer may take: the listener answers with
// the outcome of the whole login.
const pasteTimeout = 2 * time.Minute

// maxPasted bounds one pasted line.
const maxPasted = 16 << 10

// takePasted hands the addresses that a person pastes to the listener of the login
// that was shown last, in this process or in the one that is followed: where the browser runs on another machine,
// that is where its last page would have gone. It judges nothing: the listener does.
// The read that is under way when ctx ends is left behind.
func (a *app) takePasted(ctx context.Context, s *session) {
	lines := a.lines()
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
			if err := deliverPasted(ctx, *s.shown.Load(), line); err != nil && ctx.Err() == nil {
				a.term.Note("%s", err)
			}
		}
	}
}

// lines reads stdin once for all logins of this process.
func (a *app) lines() <-chan string {
	a.reading.Do(func() {
		a.pasted = make(chan string)
		go func() {
			defer close(a.pasted)
			scanner := bufio.NewScanner(a.in)
			scanner.Buffer(nil, maxPasted)
			for scanner.Scan() {
				a.pasted <- scanner.Text()
			}
		}()
	})
	return a.pasted
}

var errNotTheAnswer = errors.New("that is not the address that the browser ended at after the sign-in; copy all of it, from http on")

// deliverPasted sends the query of a pasted address to the listener, with the mark
// of the browser: what a person pastes here is his own.
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
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // where a browser goes on
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
