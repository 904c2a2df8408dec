package loopback

import (
	_ "embed" // the page's parts
	"errors"
	"io"
	"log"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
	"mcp-login/internal/page"
)

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
)

// pages shows the outcomes. What a page says depends on the outcome and the
// reader's language alone; nothing else of a request gets into it.
type pages struct {
	template page.Template
	server   string
	issuer   string
	foundAt  string
	program  string
	success  string // an address instead of the good page, "" for none
}

func newPages(o Options) pages {
	return pages{
		template: page.New(pageHTML, pageCSS, ""),
		server:   shown(o.Server),
		issuer:   shown(o.Issuer),
		foundAt:  shown(o.FoundAt),
		program:  shown(o.Program),
		success:  o.Success,
	}
}

// maxShown bounds a value on the page, in characters.
const maxShown = 100

// shown makes a value fit for the page: without control characters and those
// that turn the direction of writing, and not longer than somebody reads.
func shown(s string) string {
	return strings.TrimSpace(foreign.LineOf(strings.ToValidUTF8(s, ""), maxShown))
}

// message is one page.
type message struct {
	words      *words
	good       bool
	title      string
	text, next string // paragraphs; next may be ""
	details    []detail
}

// detail is a value with what it is.
type detail struct{ name, value string }

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
	if u.Scheme != "https" && (u.Scheme != "http" || !origin.Loopback(u.Hostname())) {
		return errors.New("the page after a login must be https, or http on this machine")
	}
	return nil
}

// show reports the outcome of the login.
func (p pages) show(w http.ResponseWriter, r *http.Request, o outcome) {
	if o.err == nil && p.success != "" {
		p.redirect(w, p.success)
		return
	}
	var resume interface{ ResumeAt() string }
	if errors.As(o.err, &resume) {
		p.redirect(w, resume.ResumeAt())
		return
	}
	words := wordsFor(r.Header.Get("Accept-Language"))
	m := message{words: words, details: []detail{{words.account, shown(o.account)}, {words.server, p.server}, {words.issuer, p.issuer}, {words.foundAt, p.foundAt}, {words.program, p.program}}}
	if o.err == nil {
		m.good, m.title, m.text = true, words.signedIn, words.back
		if p.program != "" {
			m.text = strings.ReplaceAll(words.backTo, "{program}", p.program)
		}
		p.render(w, http.StatusOK, m)
		return
	}
	why, code := judge(o.err)
	m.title, m.text, m.next = words.failed, words.reasons[why].what, words.reasons[why].next
	m.details = append(m.details, detail{words.code, code})
	p.render(w, http.StatusOK, m)
}

// redirect sends the browser on, with nothing of ours in the next request.
func (p pages) redirect(w http.ResponseWriter, to string) {
	h := w.Header()
	h.Set("Location", to)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Connection", "close")
	w.WriteHeader(http.StatusSeeOther)
	_ = http.NewResponseController(w).Flush()
}

// fail says why a request was refused that belongs to the login.
func (p pages) fail(w http.ResponseWriter, r *http.Request, status int, why reason) {
	words := wordsFor(r.Header.Get("Accept-Language"))
	p.render(w, status, message{words: words, title: words.failed, text: words.reasons[why].what, next: words.reasons[why].next, details: []detail{{words.server, p.server}, {words.program, p.program}}})
}

// judge returns why a login failed, and the error code if it is one that we
// know: others would be text from the provider.
func judge(err error) (why reason, code string) {
	var coded interface{ OAuthCode() string }
	if errors.As(err, &coded) {
		if why = reasonOf(coded.OAuthCode()); why != reasonUnknown {
			return why, coded.OAuthCode()
		}
	}
	var failure interface{ LoginFailure() string }
	if errors.As(err, &failure) {
		switch failure.LoginFailure() {
		case "foreign":
			return reasonForeign, ""
		case "timeout":
			return reasonExpired, ""
		case "unavailable":
			return reasonBroken, ""
		}
	}
	var late interface{ Timeout() bool }
	if errors.Is(err, errNoOutcome) || errors.As(err, &late) && late.Timeout() {
		return reasonExpired, ""
	}
	return reasonUnknown, ""
}

// refuse answers what is not the expected redirect. It does not say which
// login is awaited: anybody may have asked.
func (p pages) refuse(w http.ResponseWriter, r *http.Request, status int) {
	words := wordsFor(r.Header.Get("Accept-Language"))
	m := message{words: words, title: words.nothing, text: words.elsewhere.what, next: words.elsewhere.next}
	if status == http.StatusBadRequest {
		m.title, m.text, m.next = words.notAwaited, words.awaited.what, words.awaited.next
	}
	p.render(w, status, m)
}

// places returns what stands where on the page. In an attribute there are words of
// our own only.
func (m message) places() map[string]page.HTML {
	var mood, mark page.HTML = "bad", "!"
	if m.good {
		mood, mark = "good", "✓"
	}
	var details page.HTML
	for _, d := range m.details {
		if d.value != "" {
			details += "\n<dt>" + page.Text(d.name) + "</dt><dd><bdi>" + page.Text(d.value) + "</bdi></dd>"
		}
	}
	if details != "" {
		details = "\n<dl>" + details + "\n</dl>"
	}
	return map[string]page.HTML{
		"Language": page.Text(m.words.tag), "Mood": mood, "Mark": mark, "Title": page.Text(m.title),
		"Text": paragraph(page.Text(m.text)) + paragraph(withCode(page.Text(m.next))), "Details": details,
	}
}

func paragraph(text page.HTML) page.HTML {
	if text == "" {
		return ""
	}
	return "\n<p>" + text + "</p>"
}

// withCode sets what stands between backticks as code. Only advice of our own comes
// here.
func withCode(text page.HTML) page.HTML {
	parts := strings.Split(string(text), "`")
	for i := 1; i+1 < len(parts); i += 2 {
		parts[i] = "<code>" + parts[i] + "</code>"
	}
	return page.HTML(strings.Join(parts, ""))
}

// render writes the page with headers that keep it out of caches, frames and
// referrers: its own address holds the code.
func (p pages) render(w http.ResponseWriter, status int, m message) {
	body := p.template.Render(m.places())
	h := w.Header()
	p.template.Headers(h)
	h.Set("Content-Language", m.words.tag)
	h.Set("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
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
