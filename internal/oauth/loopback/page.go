package loopback

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// page renders the outcomes. What it says depends on the outcome alone, never
// on the request.
type page struct {
	server  string
	success string // an address instead of the good page, "" for none
	csp     string
}

func newPage(server, success string) page {
	sum := sha256.Sum256([]byte(pageCSS))
	return page{
		server:  server,
		success: success,
		csp:     "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

type message struct {
	Good            bool
	Title           string
	Text            string
	Account, Server string
}

// sentences explains the error codes of RFC 6749 section 4.1.2.1, RFC 8707 and
// OpenID Connect to the person in front of the tab.
var sentences = map[string]string{
	"access_denied":           "The sign-in was declined, or this account may not use the server.",
	"invalid_scope":           "The provider does not grant a permission that was asked for.",
	"invalid_target":          "The provider does not know this server. Its address has to be registered there as a resource.",
	"invalid_client":          "The provider does not know this client.",
	"unauthorized_client":     "The provider does not allow this client to sign people in.",
	"invalid_grant":           "The provider did not accept the sign-in a second time, or it took too long.",
	"server_error":            "The provider has a problem. Please try again later.",
	"temporarily_unavailable": "The provider is overloaded. Please try again later.",
}

// CheckSuccess refuses an Options.Success that is neither "" nor an absolute
// https address, or an http one on this machine.
func CheckSuccess(address string) error {
	if address == "" {
		return nil
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil {
		return errors.New("the page after a login must have an absolute address")
	}
	ip := net.ParseIP(u.Hostname())
	here := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !here) {
		return errors.New("the page after a login must be https, or http on this machine")
	}
	return nil
}

// show reports the outcome of the login.
func (p page) show(w http.ResponseWriter, o outcome) {
	if o.err == nil && p.success != "" {
		h := w.Header()
		h.Set("Location", p.success)
		h.Set("Cache-Control", "no-store")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Connection", "close")
		w.WriteHeader(http.StatusSeeOther)
		_ = http.NewResponseController(w).Flush()
		return
	}
	if o.err == nil {
		p.render(w, http.StatusOK, message{Good: true, Title: "Signed in", Text: "You can close this tab and go back to your program.", Account: o.account, Server: p.server})
		return
	}
	text := "The program that asked for it shows the reason."
	var coded interface{ OAuthCode() string }
	if errors.As(o.err, &coded) && sentences[coded.OAuthCode()] != "" {
		text = sentences[coded.OAuthCode()] + " " + text
	}
	p.render(w, http.StatusOK, message{Title: "Sign-in failed", Text: text, Server: p.server})
}

// refuse answers what is not the expected redirect.
func (p page) refuse(w http.ResponseWriter, status int) {
	p.render(w, status, message{Title: "Nothing to see here", Text: "This address waits for one sign-in only. If you were signing in, go back to the tab you came from, or start again."})
}

// html fills the page. Without html/template on purpose: that package calls
// methods by name, because of which the linker keeps every exported method of
// every type, two megabytes of them. Everything but the style is escaped, and
// stands between tags only, never in an attribute.
func (m message) html() string {
	details, mood, mark := "", "bad", "!"
	if m.Account != "" {
		details += "\n<p class=\"who\">as <strong>" + html.EscapeString(m.Account) + "</strong></p>"
	}
	if m.Server != "" {
		details += "\n<p class=\"where\">to <span>" + html.EscapeString(m.Server) + "</span></p>"
	}
	if m.Good {
		mood, mark = "good", "✓"
	}
	// One pass: what looks like a mark inside a value stays what it is.
	return strings.NewReplacer(
		"{{css}}", pageCSS, "{{mood}}", mood, "{{mark}}", mark, "{{details}}", details,
		"{{title}}", html.EscapeString(m.Title), "{{text}}", html.EscapeString(m.Text),
	).Replace(pageHTML)
}

// render writes the page with headers that keep it out of caches, frames and
// referrers: its own address holds the code.
func (p page) render(w http.ResponseWriter, status int, m message) {
	body := m.html()
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", p.csp)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Set("Connection", "close")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	// Written out before the handler ends, because Close then cuts the line.
	_ = http.NewResponseController(w).Flush()
}

// discardLog silences net/http's complaints about port scanners.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
