package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"mcp-login/internal/devidp"
)

// person is who signs in: somebody in front of a browser, or the demo in their place.
// It hears what mcp-login says on stderr, and shows it.
type person struct {
	show     *show
	auto     bool            // the demo signs in, without showing the address
	enter    <-chan struct{} // somebody has pressed Enter at the terminal; nil where there is none
	provider string          // its host and port
	ctx      context.Context // of the sign-in
	address  *url.URL        // the last that was heard
}

// userCode is what a person types in on another device (RFC 8628, section 6.1).
var userCode = regexp.MustCompile(`^[A-Z]{4}-[A-Z]{4}$`)

// hear takes a line of mcp-login. With -auto nobody needs an address or a code, nor the line
// that announces one.
func (p *person) hear(line string) {
	switch u, err := url.Parse(line); {
	case userCode.MatchString(line) && p.address != nil:
		p.address.RawQuery = url.Values{"user_code": {line}}.Encode()
	case strings.HasPrefix(line, "http") && err == nil:
		p.address = u
	default:
		if !p.auto || !strings.HasSuffix(line, ":") {
			p.show.quote(line)
		}
		return
	}
	if !p.auto {
		p.show.address(line)
	}
	if p.address.Host == p.provider && p.address.RawQuery == "" {
		return // a code follows
	}
	if !p.auto {
		p.show.blank()
	}
	p.asked(p.address)
}

// asked is called when the person knows where to sign in.
func (p *person) asked(u *url.URL) {
	elsewhere := u.Host == p.provider // no browser was opened: it would get an address of the bridge
	switch {
	case p.auto:
		p.show.text("The demo signs in as alice (-auto). Without -auto you do, in your browser.")
	case !elsewhere:
		p.show.text("Choose alice or bob on the page that opens in your browser.")
	default:
		p.show.text("No browser opens from here: open the address yourself, on this machine.")
		if os.Getenv("SSH_CONNECTION") != "" {
			p.show.text("From your own machine, after: ssh -L %[1]s:%[2]s THIS-HOST", u.Port(), u.Host)
		}
	}
	switch {
	case p.auto:
	case p.enter != nil:
		p.show.text("Or press Enter here: then the demo signs in as alice.")
	case elsewhere:
		p.show.text("Nobody can press Enter here, so the demo signs in as alice.")
	default:
		return
	}
	go p.signIn(u.String())
}

// signIn plays the person in front of the browser, at once or when somebody has
// pressed Enter.
func (p *person) signIn(address string) {
	if p.enter != nil {
		select {
		case <-p.enter:
		case <-p.ctx.Done():
			return
		}
	}
	browser := &http.Client{Timeout: time.Minute}
	if _, err := devidp.Approve(p.ctx, browser, address, "alice"); err != nil && p.ctx.Err() == nil {
		p.show.text("The demo cannot sign in (%s). Go on in the browser.", err)
	}
}

// linesOf sends for each line that somebody types, and calls gone when no more come. It
// reads until the demo ends.
func linesOf(stdin io.Reader, gone func()) <-chan struct{} {
	typed := make(chan struct{}, 1)
	go func() {
		defer gone()
		for lines := bufio.NewScanner(stdin); lines.Scan(); {
			select {
			case typed <- struct{}{}:
			default:
			}
		}
	}()
	return typed
}
