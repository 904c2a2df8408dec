package devidp

import (
	"cmp"
	"crypto/subtle"
	"net/http"
	"net/url"

	"github.com/golang-jwt/jwt/v5"
)

// credentials are how a client says and proves who it is (RFC 6749, section
// 2.3; RFC 7523, section 2.2). At most one of secret and assertion is set; subject is
// whom the assertion is about.
type credentials struct {
	id, secret, assertion, subject string
	basic                          bool // the secret came in the Authorization header
}

// authenticate reads the form and identifies the client (RFC 6749, section
// 2.3). Unlike the RFC, and like Logto, an unknown client is a 400, and a
// secret is taken in the header and in the form whichever was registered.
func (p *Provider) authenticate(w http.ResponseWriter, r *http.Request) (Client, url.Values, *oauthError) {
	w.Header().Set("Cache-Control", "no-store")
	if err := r.ParseForm(); err != nil {
		return Client{}, nil, badRequest("invalid_request", "the form cannot be read")
	}
	form := r.PostForm
	if name := repeated(form); name != "" {
		return Client{}, nil, twice(name)
	}
	given, refusal := clientCredentials(r, form)
	if refusal != nil {
		return Client{}, nil, refusal
	}
	client, refusal := p.client(r.Context(), given.id, false)
	if refusal != nil {
		return Client{}, nil, refusal
	}
	if given.assertion != "" && given.subject != client.assertedAs() {
		return Client{}, nil, badRequest("invalid_request", "client_id mismatch")
	}
	if p.proven(client, given, p.base.Scheme+"://"+p.base.Host+r.URL.Path) {
		return client, form, nil
	}
	if given.basic {
		w.Header().Set("WWW-Authenticate", `Basic realm="`+p.issuer+`", error="invalid_client", error_description="client authentication failed"`)
	}
	return Client{}, nil, authenticationFailed()
}

func authenticationFailed() *oauthError {
	return &oauthError{status: http.StatusUnauthorized, code: "invalid_client", description: "client authentication failed"}
}

// proven reports whether the credentials are of the client's kind and right.
func (p *Provider) proven(client Client, given credentials, endpoint string) bool {
	switch client.AuthMethod {
	case authNone:
		return given.secret == "" && given.assertion == ""
	case authKey:
		return given.assertion != "" && p.asserted(client, given.assertion, endpoint)
	}
	return client.Secret != "" && subtle.ConstantTimeCompare([]byte(given.secret), []byte(client.Secret)) == 1
}

// clientCredentials are in the Authorization header, form-encoded, or in the
// form as a secret or an assertion, never in two places.
func clientCredentials(r *http.Request, form url.Values) (credentials, *oauthError) {
	given := credentials{id: form.Get("client_id"), secret: form.Get("client_secret"), assertion: form.Get("client_assertion")}
	user, password, basic := r.BasicAuth()
	switch {
	case given.assertion != "" && (given.secret != "" || basic), given.secret != "" && basic:
		return given, badRequest("invalid_request", "client authentication must only be provided using one mechanism")
	case basic:
		return given.fromHeader(user, password)
	case given.assertion != "":
		return given.fromAssertion(form.Get("client_assertion_type"))
	case given.id == "":
		return given, badRequest("invalid_request", "no client authentication mechanism provided")
	}
	return given, nil
}

// fromHeader reads what Basic brought (RFC 6749, section 2.3.1).
func (c credentials) fromHeader(user, password string) (credentials, *oauthError) {
	id, err := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	switch {
	case err != nil || err2 != nil:
		return c, badRequest("invalid_request", "client_id and client_secret in the authorization header are not properly encoded")
	case c.id != "" && c.id != id:
		return c, badRequest("invalid_request", "mismatch in body and authorization client ids")
	case secret == "":
		return c, badRequest("invalid_request", "client_secret must be provided in the Authorization header")
	}
	return credentials{id: id, secret: secret, basic: true}, nil
}

// assertionType is the only one (RFC 7523, section 2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// fromAssertion reads who the client says it is; nothing is verified yet.
func (c credentials) fromAssertion(kind string) (credentials, *oauthError) {
	claims := jwt.RegisteredClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(c.assertion, &claims)
	switch {
	case err != nil:
		return c, badRequest("invalid_request", "invalid client_assertion format")
	case claims.Subject == "":
		return c, authenticationFailed()
	case kind == "":
		return c, badRequest("invalid_request", "client_assertion_type must be provided")
	case kind != assertionType:
		return c, badRequest("invalid_request", "client_assertion_type must have value "+assertionType)
	}
	c.id, c.subject = cmp.Or(c.id, claims.Subject), claims.Subject
	return c, nil
}
