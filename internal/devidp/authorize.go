package devidp

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/origin"
)

// request is an authorization request that passed the checks before login.
type request struct {
	client      Client
	redirectURI string
	state       string
	fragment    bool // the answer belongs into the fragment
	scopes      []string
	resources   []string
	challenge   string // empty: no PKCE
	nonce       string
	loginHint   string
	key         string // its thumbprint, if the code is bound to one (RFC 9449, section 10)
	consent     bool
	silent      bool // nobody may be asked
}

// newRequest has the parameters that are taken as they are.
func newRequest(client Client, q url.Values) request {
	return request{
		client: client, redirectURI: q.Get("redirect_uri"), state: q.Get("state"), nonce: q.Get("nonce"),
		loginHint: q.Get("login_hint"), challenge: q.Get("code_challenge"), key: q.Get("dpop_jkt"),
	}
}

// interaction is a login page waiting for its person.
type interaction struct {
	expiry
	req    request
	opened bool // its login page
}

// interactionTTL is Logto's hour for a login page.
const interactionTTL = time.Hour

// authorize is the authorization endpoint (RFC 6749, section 4.1.1). What
// concerns the client or its redirect URI is answered as JSON here, because
// there is nowhere safe to redirect to; everything else goes back to the client.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) *oauthError {
	p.count(func(s *Stats) { s.Authorizations++ })
	if err := r.ParseForm(); err != nil {
		return badRequest("invalid_request", "the request cannot be read")
	}
	q := r.Form
	req, unsafe, refusal := p.requested(r.Context(), q)
	if unsafe != nil {
		unsafe.members = map[string]string{"iss": p.issuer}
		if q.Has("state") {
			unsafe.members["state"] = q.Get("state")
		}
		return unsafe
	}
	switch {
	case refusal != nil:
	case req.silent: // there never is a session
		refusal = badRequest("login_required", "End-User authentication is required")
	case p.fault().Deny:
		refusal = badRequest("access_denied", "")
	}
	if refusal != nil {
		p.cfg.Log.Debug("authorization request refused", "error", refusal.code)
		p.redirect(w, r, req, url.Values{"error": {refusal.code}, "error_description": {refusal.description}, "scope": {refusal.members["scope"]}})
		return nil
	}
	id := randomText(24)
	p.mu.Lock()
	makeRoom(p.interactions, maxPending)
	p.interactions[id] = &interaction{req: req, expiry: in(interactionTTL)}
	p.mu.Unlock()
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, pathSignIn+"?"+url.Values{"interaction": {id}}.Encode(), http.StatusSeeOther)
	return nil
}

// requested is the request, pushed before or in these parameters, or what is wrong with it:
// unsafe where nothing may be redirected.
func (p *Provider) requested(ctx context.Context, q url.Values) (req request, unsafe, refusal *oauthError) {
	if q.Has("request_uri") {
		req, unsafe = p.pulled(q)
		return req, unsafe, nil
	}
	client, unsafe := p.authorizeClient(ctx, q)
	if unsafe != nil {
		return request{}, unsafe, nil
	}
	req = newRequest(client, q)
	if p.cfg.RequirePushedRequests || client.RequirePushedRequests {
		return req, nil, badRequest("invalid_request", "Pushed Authorization Request must be used")
	}
	return req, nil, p.fill(&req, q)
}

func tooLarge(q url.Values) *oauthError {
	size := 0
	for name, values := range q {
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	if size > maxRequest {
		return badRequest("invalid_request", "the request is too large")
	}
	return nil
}

// authorizeClient checks what must be right before anything is redirected.
func (p *Provider) authorizeClient(ctx context.Context, q url.Values) (Client, *oauthError) {
	if refusal := tooLarge(q); refusal != nil {
		return Client{}, refusal
	}
	for _, name := range []string{"client_id", "redirect_uri"} {
		switch {
		case len(q[name]) > 1: // RFC 6749, section 3.1
			return Client{}, twice(name)
		case q.Get(name) == "":
			return Client{}, missing(name)
		}
	}
	client, refusal := p.client(ctx, q.Get("client_id"), true)
	if refusal != nil {
		return Client{}, refusal
	}
	if !client.redirects(q.Get("redirect_uri")) {
		return Client{}, badRequest("invalid_redirect_uri", "redirect_uri did not match any of the client's registered redirect_uris")
	}
	return client, nil
}

// repeated is the first parameter, in the order of the alphabet, that must not be given
// several times and is; "" for none.
func repeated(form url.Values) string {
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if len(form[name]) > 1 && name != "resource" {
			return name
		}
	}
	return ""
}

func twice(name string) *oauthError {
	return badRequest("invalid_request", "'"+name+"' parameter must not be provided twice")
}

// fill checks the rest of the request in Logto's order.
func (p *Provider) fill(req *request, q url.Values) *oauthError {
	if name := repeated(q); name != "" {
		if name == "state" {
			req.state = "" // which one is nobody's guess
		}
		return twice(name)
	}
	if refusal := checkResponse(req, q); refusal != nil {
		return refusal
	}
	prompts := strings.Fields(q.Get("prompt"))
	for _, prompt := range prompts {
		if !slices.Contains([]string{"none", "login", "consent"}, prompt) {
			return badRequest("invalid_request", "unsupported prompt value requested")
		}
	}
	req.silent = slices.Contains(prompts, "none")
	if req.silent && len(prompts) > 1 {
		return badRequest("invalid_request", "prompt none must only be used alone")
	}
	if refusal := checkChallenge(req.client, q); refusal != nil {
		return refusal
	}
	req.consent = slices.Contains(prompts, "consent")
	return p.fillScopes(req, q)
}

// checkResponse wants the code response in the query. The other types are
// refused in the fragment, where their answers would have been.
func checkResponse(req *request, q url.Values) *oauthError {
	switch types := strings.Fields(q.Get("response_type")); {
	case len(types) == 0:
		return missing("response_type")
	case slices.Contains(types, "token"):
		req.fragment = true
		return badRequest("unsupported_response_type", "unsupported response_type requested")
	case slices.Contains(types, "id_token"):
		req.fragment = true
		return badRequest("invalid_request", "requested response_type is not allowed for this client")
	case len(types) > 1 || types[0] != "code":
		return badRequest("unsupported_response_type", "unsupported response_type requested")
	}
	if mode := q.Get("response_mode"); mode != "" && mode != "query" {
		return badRequest("unsupported_response_mode", "unsupported response_mode requested")
	}
	return nil
}

// checkChallenge wants S256 PKCE (RFC 7636) of every client but those that
// authenticate with client_secret_basic, which may leave it out.
func checkChallenge(client Client, q url.Values) *oauthError {
	challenge, method := q.Get("code_challenge"), q.Get("code_challenge_method")
	switch {
	case challenge == "" && method != "":
		return badRequest("invalid_request", "code_challenge must be provided with code_challenge_method")
	case challenge == "" && client.AuthMethod == authBasic:
		return nil
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

// fillScopes checks the resources (RFC 8707, section 2) and keeps the scopes
// that exist: those of OpenID Connect and of the resources. offline_access
// counts with prompt=consent only.
func (p *Provider) fillScopes(req *request, q url.Values) *oauthError {
	allowed := oidcScopes()
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
	if refusal := req.client.notGranted(req.scopes); refusal != nil {
		return refusal
	}
	if !req.consent {
		req.scopes = slices.DeleteFunc(req.scopes, func(s string) bool { return s == "offline_access" })
	}
	return nil
}

// notGranted refuses a scope of OpenID Connect that a third-party application was not
// granted in the console, and names it.
func (c Client) notGranted(scopes []string) *oauthError {
	if !c.ThirdParty {
		return nil
	}
	for _, scope := range scopes {
		if slices.Contains(oidcScopes(), scope) && scope != "openid" && scope != "offline_access" && !slices.Contains(c.Scopes, scope) {
			return badRequest("invalid_scope", "requested scope is not allowed").naming(scope)
		}
	}
	return nil
}

// redirects reports whether an answer with a code may go to this address.
func (c Client) redirects(uri string) bool { return c.may(grantCode) && c.allows(uri) }

// allows compares a redirect URI: character for character, but for the port of
// a native client's loopback address (RFC 8252, section 7.3). A registered port
// is ignored as well; the spelling of the host is not.
func (c Client) allows(redirectURI string) bool {
	if slices.Contains(c.RedirectURIs, redirectURI) {
		return true
	}
	asked, err := url.Parse(redirectURI)
	if err != nil || c.ApplicationType != "native" || asked.Scheme != "http" || !origin.Loopback(asked.Hostname()) || strings.Contains(redirectURI, "#") {
		return false
	}
	return slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		known, err := url.Parse(registered)
		return err == nil && withoutPort(known) == withoutPort(asked)
	})
}

// withoutPort is the address with everything in it but the port.
func withoutPort(u *url.URL) string {
	bare := *u
	if port := u.Port(); port != "" {
		bare.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return bare.String()
}

// redirect sends the browser back to the client, with state and iss (RFC 9207).
// Empty values of answer are left out.
func (p *Provider) redirect(w http.ResponseWriter, r *http.Request, req request, answer url.Values) {
	if req.state != "" {
		answer.Set("state", req.state)
	}
	answer.Set("iss", p.issuer)
	for name, value := range p.fault().RedirectParameters {
		answer.Set(name, value)
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
	if req.fragment {
		to.Fragment = ""
		w.Header().Set("Location", to.String()+"#"+answer.Encode())
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusSeeOther)
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
