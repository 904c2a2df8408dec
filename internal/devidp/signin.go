package devidp

import (
	"net/http"
	"net/url"
	"slices"
	"time"
)

// codeTTL is Logto's life of a code.
const codeTTL = time.Minute

// code is an authorization code.
type code struct {
	expiry
	grant *grant
	spent bool
}

// signIn shows who can sign in (GET) and takes the choice (POST).
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	if !p.beginPage(w, r) {
		return
	}
	id := r.Form.Get("interaction")
	username, cancelled := r.PostForm.Get("user"), r.PostForm.Has("cancel")
	user, known := p.cfg.user(username)
	p.mu.Lock()
	pending := p.interactions[id]
	if r.Method == http.MethodPost && (known || username == "") {
		delete(p.interactions, id) // one choice
	}
	if pending != nil && !pending.opened {
		pending.opened = true
		p.stats.Logins++
	}
	p.mu.Unlock()
	switch {
	case pending == nil || pending.ended(time.Now()):
		show(w, http.StatusBadRequest, donePage("This login has ended",
			"It was finished, took too long or was never begun. Start again in the program you came from."))
	case cancelled && pending.req.client.ThirdParty:
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, pending.req.redirectURI, http.StatusSeeOther)
	case r.Method == http.MethodGet:
		show(w, http.StatusOK, signInPage(id, pending.req, p.cfg.Users))
	case known:
		p.signedIn(w, r, pending.req, user)
	case username == "":
		p.redirect(w, r, pending.req, url.Values{"error": {"access_denied"}, "error_description": {"End-User aborted interaction"}})
	default:
		http.Error(w, "nobody of that name", http.StatusBadRequest)
	}
}

// beginPage sets the headers of a page for people, refuses forms sent by pages
// of other sites, and parses the form; false when it has answered.
func (p *Provider) beginPage(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	// No form-action: the answer to the form redirects to the client, and
	// browsers would apply the policy to that as well.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	// Not no-referrer: with it browsers send "Origin: null" with the form.
	h.Set("Referrer-Policy", "same-origin")
	if r.Method != http.MethodGet && r.Method != http.MethodPost {
		h.Set("Allow", "GET, POST")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
		return false
	}
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		http.Error(w, "this form belongs to another page", http.StatusForbidden)
		return false
	}
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return false
	}
	return true
}

// signedIn ends the login with a code, or, when no scope is left of what was
// asked, as Logto does: with a refusal without description.
func (p *Provider) signedIn(w http.ResponseWriter, r *http.Request, req request, user User) {
	req.scopes = user.granted(req.scopes)
	if len(req.scopes) == 0 {
		p.redirect(w, r, req, url.Values{"error": {"access_denied"}})
		return
	}
	value := randomText(32)
	g := &grant{request: req, user: user}
	g.state = "" // done with, and it may be long
	p.mu.Lock()
	makeRoom(p.codes, maxEntries)
	p.codes[value] = &code{grant: g, expiry: in(codeTTL)}
	p.mu.Unlock()
	p.redirect(w, r, req, url.Values{"code": {value}})
}

// granted are the scopes that the user's roles give.
func (u User) granted(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return slices.Contains(u.Lacks, scope) })
}
