package devidp

import (
	"crypto/subtle"
	"net/http"
	"net/url"
)

// authenticate reads the form and identifies the client (RFC 6749, section
// 2.3). Unlike the RFC, and like Logto, an unknown client is a 400, and a
// secret is taken in the header and in the form whichever was registered.
func (p *Provider) authenticate(w http.ResponseWriter, r *http.Request) (Client, url.Values, *oauthError) {
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil {
		return Client{}, nil, badRequest("invalid_request", "the form cannot be read")
	}
	form := r.PostForm
	for name, values := range form {
		if len(values) > 1 && name != "resource" {
			return Client{}, nil, twice(name)
		}
	}
	id, secret, basic, refusal := clientCredentials(r, form)
	if refusal != nil {
		return Client{}, nil, refusal
	}
	p.mu.Lock()
	client, known := p.clients[id]
	p.mu.Unlock()
	if !known {
		return Client{}, nil, badRequest("invalid_client", "client is invalid")
	}
	right := client.Secret != "" && subtle.ConstantTimeCompare([]byte(secret), []byte(client.Secret)) == 1
	if client.AuthMethod == authNone && !basic || right {
		return client, form, nil
	}
	if basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+p.issuer+`", error="invalid_client", error_description="client authentication failed"`)
	}
	return Client{}, nil, &oauthError{status: http.StatusUnauthorized, code: "invalid_client", description: "client authentication failed"}
}

// clientCredentials are in the Authorization header, form-encoded, or in the
// form, never in both.
func clientCredentials(r *http.Request, form url.Values) (id, secret string, basic bool, refusal *oauthError) {
	id, secret = form.Get("client_id"), form.Get("client_secret")
	user, password, basic := r.BasicAuth()
	if !basic {
		if id == "" {
			refusal = badRequest("invalid_request", "no client authentication mechanism provided")
		}
		return id, secret, false, refusal
	}
	headerID, err := url.QueryUnescape(user)
	headerSecret, err2 := url.QueryUnescape(password)
	switch {
	case err != nil || err2 != nil:
		refusal = badRequest("invalid_request", "client_id and client_secret in the authorization header are not properly encoded")
	case form.Has("client_secret"):
		refusal = badRequest("invalid_request", "client authentication must only be provided using one mechanism")
	case id != "" && id != headerID:
		refusal = badRequest("invalid_request", "mismatch in body and authorization client ids")
	case headerSecret == "":
		refusal = badRequest("invalid_request", "client_secret must be provided in the Authorization header")
	}
	return headerID, headerSecret, true, refusal
}
