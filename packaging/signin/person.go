package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"mcp-login/internal/devidp"
)

// The ways to sign in, as -how names them.
const (
	byBrowser = "browser" // login; the driver opens the address
	byPaste   = "paste"   // login; the browser is elsewhere, its last address is pasted
	byDevice  = "device"  // login --device; the code is typed in
	byBridge  = "bridge"  // the client's first start asks; else as browser
)

// person signs in as alice as soon as the command has said where.
type person struct {
	how     string
	ctx     context.Context
	stdin   io.Writer // where the last address is pasted
	address string    // the last that was heard

	once sync.Once
	done chan error // once, what has come of it
}

// userCode is what a person types in on another device (RFC 8628, section 6.1).
var userCode = regexp.MustCompile(`^[A-Z]{4}-[A-Z]{4}$`)

// hear takes a line of stderr.
func (p *person) hear(line string) {
	switch {
	case strings.HasPrefix(line, "http"):
		if p.address = line; p.how == byDevice {
			return // a code follows
		}
	case p.how == byDevice && p.address != "" && userCode.MatchString(line):
		p.address += "?" + url.Values{"user_code": {line}}.Encode()
	default:
		return
	}
	address := p.address
	p.once.Do(func() { go func() { p.done <- p.signIn(address) }() })
}

// signIn is what the person does in a browser. With -how paste that one reaches the
// provider only: its last address is pasted.
func (p *person) signIn(address string) error {
	browser := &http.Client{Timeout: time.Minute}
	var last *url.URL
	if p.how == byPaste {
		browser.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
			if !r.URL.Query().Has("state") || !r.URL.Query().Has("code") {
				return nil
			}
			last = r.URL
			return http.ErrUseLastResponse
		}
	}
	page, err := devidp.Approve(p.ctx, browser, address, "alice")
	switch {
	case err != nil:
		return fmt.Errorf("sign in at the address that was printed: %w", err)
	case page.Status >= http.StatusBadRequest:
		return fmt.Errorf("sign in at the address that was printed: the last page has status %d", page.Status)
	case p.how != byPaste:
		return nil
	case last == nil:
		return errors.New("the browser was not sent back to mcp-login")
	}
	_, err = io.WriteString(p.stdin, last.String()+"\n")
	return err
}
