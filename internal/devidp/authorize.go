package devidp

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// request is an authorization request that passed the checks before login.
type request struct {
	client      Client
	redirectURI string
	state       string
	scopes      []string
	resources   []string
	challenge   string
	nonce       string
	loginHint   string
	consent     bool
}

// interaction is a login page waiting for its person.
type interaction struct {
	req     request
	expires time.Time
}

func (i *interaction) ended(now time.Time) bool { return now.After(i.expires) }

// code is an authorization code.
type code struct {
	req     request
	user    User
	expires time.Time
	grant   *grant // set when the code is spent
}

func (c *code) ended(now time.Time) bool { return now.After(c.expires) }

// grant ties the tokens of one login together.
type grant struct {
	clientID  string
	user      User
	scopes    []string // as granted, of OIDC and resources
	resources []string
	nonce     string
	revoked   bool
}

// interactionTTL is Logto's hour for a login page.
const interactionTTL = time.Hour

// authorize is the authorization endpoint (RFC 6749, section 4.1.1). What
// concerns the client or its redirect URI is answered as JSON here, because
// there is nowhere safe to redirect to; everything else goes back to the client.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		badRequest("invalid_request", "the request cannot be read").write(w)
		return
	}
	q := r.Form
	client, refusal := p.authorizeClient(q)
	if refusal != nil {
		refusal.write(w)
		return
	}
	req := request{client: client, redirectURI: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"), loginHint: q.Get("login_hint"), challenge: q.Get("code_challenge")}
	if refusal := p.fill(&req, q); refusal != nil {
		p.redirect(w, r, req, url.Values{"error": {refusal.code}, "error_description": {refusal.description}})
		return
	}
	if p.fault().Deny {
		p.redirect(w, r, req, url.Values{"error": {"access_denied"}})
		return
	}
	id := randomText(24)
	p.mu.Lock()
	room(p.interactions)
	p.interactions[id] = &interaction{req, time.Now().Add(interactionTTL)}
	p.stats.Logins++
	p.mu.Unlock()
	http.Redirect(w, r, pathSignIn+"?"+url.Values{"interaction": {id}}.Encode(), http.StatusSeeOther)
}

func (p *Provider) authorizeClient(q url.Values) (Client, *oauthError) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if q.Get(name) == "" {
			return Client{}, badRequest("invalid_request", "missing required parameter '"+name+"'")
		}
	}
	p.mu.Lock()
	client, known := p.clients[q.Get("client_id")]
	p.mu.Unlock()
	switch {
	case !known:
		return Client{}, badRequest("invalid_client", "invalid client "+q.Get("client_id"))
	case !client.allows(q.Get("redirect_uri")):
		return Client{}, badRequest("invalid_redirect_uri", "redirect_uri did not match any of the client's registered redirect_uris")
	}
	return client, nil
}

// allows compares a redirect URI: character for character, but for the port of
// a native client's loopback address (RFC 8252, section 7.3).
func (c Client) allows(redirectURI string) bool {
	if slices.Contains(c.RedirectURIs, redirectURI) {
		return true
	}
	asked, err := url.Parse(redirectURI)
	if err != nil || c.ApplicationType != "native" || asked.Scheme != "http" || !loopbackHost(asked.Hostname()) || asked.Fragment != "" {
		return false
	}
	for _, registered := range c.RedirectURIs {
		known, err := url.Parse(registered)
		if err == nil && known.Scheme == "http" && known.Hostname() == asked.Hostname() && known.EscapedPath() == asked.EscapedPath() && known.RawQuery == asked.RawQuery && asked.User == nil {
			return true
		}
	}
	return false
}

// fill checks the rest of the request in Logto's order.
func (p *Provider) fill(req *request, q url.Values) *oauthError {
	if t := q.Get("response_type"); t != "code" {
		return badRequest("unsupported_response_type", "unsupported response_type requested")
	}
	if mode := q.Get("response_mode"); mode != "" && mode != "query" {
		return badRequest("unsupported_response_mode", "unsupported response_mode requested")
	}
	prompts := strings.Fields(q.Get("prompt"))
	for _, prompt := range prompts {
		if !slices.Contains([]string{"none", "login", "consent", "select_account"}, prompt) {
			return badRequest("invalid_request", "unsupported prompt value requested")
		}
	}
	if refusal := checkChallenge(q); refusal != nil {
		return refusal
	}
	if slices.Contains(prompts, "none") {
		return badRequest("login_required", "End-User authentication is required")
	}
	req.consent = slices.Contains(prompts, "consent")
	return p.fillScopes(req, q)
}

func checkChallenge(q url.Values) *oauthError {
	switch challenge, method := q.Get("code_challenge"), q.Get("code_challenge_method"); {
	case challenge == "":
		return badRequest("invalid_request", "Authorization Server policy requires PKCE to be used for this request")
	case method == "":
		return badRequest("invalid_request", "code_challenge_method must be provided")
	case method != "S256":
		return badRequest("invalid_request", "not supported value of code_challenge_method")
	case len(challenge) != 43:
		return badRequest("invalid_request", "code_challenge must be a string with a length of 43 characters")
	}
	return nil
}

// fillScopes checks the resources and keeps the scopes that exist: those of
// OpenID Connect and of the resources. offline_access counts with
// prompt=consent only.
func (p *Provider) fillScopes(req *request, q url.Values) *oauthError {
	allowed := slices.Clone(oidcScopes)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, indicator := range q["resource"] {
		u, err := url.Parse(indicator)
		switch {
		case err != nil || !u.IsAbs():
			return badRequest("invalid_target", "resource indicator must be an absolute URI")
		case strings.Contains(indicator, "#"):
			return badRequest("invalid_target", "resource indicator must not contain a fragment component")
		}
		known, ok := p.resources[indicator]
		if !ok {
			return invalidTarget()
		}
		allowed = append(allowed, known.Scopes...)
		req.resources = append(req.resources, indicator)
	}
	req.scopes = only(strings.Fields(q.Get("scope")), allowed)
	if !req.consent {
		req.scopes = slices.DeleteFunc(req.scopes, func(s string) bool { return s == "offline_access" })
	}
	return nil
}

// redirect sends the browser back to the client, with state and iss (RFC 9207).
func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, req request, answer url.Values) {
	if req.state != "" {
		answer.Set("state", req.state)
	}
	switch f := p.fault(); {
	case f.NoIssuerParameter || f.OmitRedirectIssuer:
	case f.RedirectIssuer != "":
		answer.Set("iss", f.RedirectIssuer)
	default:
		answer.Set("iss", p.issuer)
	}
	for name, values := range answer {
		if values[0] == "" {
			delete(answer, name)
		}
	}
	to, err := url.Parse(req.redirectURI)
	if err != nil {
		badRequest("invalid_request", "the redirect URI cannot be read").write(w)
		return
	}
	query := to.Query()
	for name, values := range answer {
		query[name] = values
	}
	to.RawQuery = query.Encode()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to.String(), http.StatusSeeOther)
}
