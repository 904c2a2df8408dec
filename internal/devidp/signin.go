package devidp

import (
	_ "embed"
	"html/template"
	"net/http"
	"net/url"
	"time"
)

//go:embed signin.html
var signInHTML string

const pathSignIn = "/sign-in"

// signIn shows who can sign in (GET) and takes the choice (POST).
func (p *Provider) signIn(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	h := w.Header()
	// No form-action: the answer to the form redirects to the client, and
	// browsers would apply the policy to that as well.
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "no-referrer")
	id := r.Form.Get("interaction")
	p.mu.Lock()
	pending := p.interactions[id]
	if r.Method == http.MethodPost {
		delete(p.interactions, id) // one choice
	}
	p.mu.Unlock()
	if pending == nil || pending.ended(time.Now()) {
		http.Error(w, "This login has ended or was never begun. Start again in the program you came from.", http.StatusBadRequest)
		return
	}
	switch r.Method {
	case http.MethodGet:
		p.showSignIn(w, id, pending.req)
	case http.MethodPost:
		p.choose(w, r, pending.req)
	default:
		h.Set("Allow", "GET, POST")
		http.Error(w, "Method Not Allowed", http.StatusMethodNotAllowed)
	}
}

func (p *Provider) showSignIn(w http.ResponseWriter, id string, req request) {
	page, err := template.New("sign-in").Parse(signInHTML)
	if err != nil {
		http.Error(w, "the page cannot be shown", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_ = page.Execute(w, map[string]any{
		"Interaction": id, "Users": p.cfg.Users, "Client": req.client.ID, "Scopes": req.scopes, "Resources": req.resources, "Hint": req.loginHint,
	})
}

// choose ends the login with the person's choice.
func (p *Provider) choose(w http.ResponseWriter, r *http.Request, req request) {
	var user User
	for _, u := range p.cfg.Users {
		if u.Username == r.PostForm.Get("user") {
			user = u
		}
	}
	if user.Subject == "" {
		p.redirect(w, r, req, url.Values{"error": {"access_denied"}, "error_description": {"End-User aborted interaction"}})
		return
	}
	if len(req.scopes) == 0 { // as Logto does, without a description
		p.redirect(w, r, req, url.Values{"error": {"access_denied"}})
		return
	}
	value := randomText(32)
	p.mu.Lock()
	room(p.codes)
	p.codes[value] = &code{req: req, user: user, expires: time.Now().Add(p.cfg.CodeTTL)}
	p.mu.Unlock()
	p.redirect(w, r, req, url.Values{"code": {value}})
}
