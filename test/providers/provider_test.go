package providers

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// provider is where an authorization server differs from a plain one.
type provider struct {
	// wall answers in the place of everybody, nil passes.
	wall func(*request) *answer
	// clients are those registered by hand, with their secrets.
	clients map[string]string
	// iss is what the redirect says about the issuer.
	iss string
	// register, authorize and exchange replace the plain answer, nil keeps it.
	register  func(*world, *request) *answer
	authorize func(*world, *request) *answer
	exchange  func(*world, *request) *answer // grant_type authorization_code
	refresh   func(*world, *request) *answer
	// authenticate replaces how the client proves who it is: it returns whether
	// it has.
	authenticate func(w *world, r *request, secret string) bool
	// registered and granted change members of the plain answers, nil removes one.
	registered, granted doc
}

// provided is what a provider remembers.
type provided struct {
	known    map[string]string     // clients and their secrets
	codes    map[string]url.Values // the request that each was issued for
	access   map[string]bool       // tokens that are good
	issued   []string              // all that was ever issued, to look for it elsewhere
	refreshs map[string]bool
	grants   int
	mended   bool // what was out of order works again
}

func (w *world) begin() {
	w.known = maps.Clone(w.clients)
	if w.known == nil {
		w.known = map[string]string{}
	}
	w.codes, w.access, w.refreshs = map[string]url.Values{}, map[string]bool{}, map[string]bool{}
	w.sessions, w.runs = map[string]bool{}, map[string]int{}
}

// provide answers at an endpoint of the provider.
func (w *world) provide(r *request) answer {
	switch r.role {
	case "register":
		return w.doRegister(r)
	case "authorize":
		return w.doAuthorize(r)
	case "token":
		return w.doToken(r)
	}
	return answer{}
}

// changed asks the fake's own way first.
func changed(own func(*world, *request) *answer, w *world, r *request) *answer {
	if own == nil {
		return nil
	}
	return own(w, r)
}

func (w *world) doRegister(r *request) answer {
	if a := changed(w.register, w, r); a != nil {
		return *a
	}
	id := fmt.Sprintf("client-%d", r.n+1)
	members := merge(doc{"client_id": id, "redirect_uris": r.json["redirect_uris"], "token_endpoint_auth_method": "none"}, w.registered)
	secret, _ := members["client_secret"].(string)
	w.mu.Lock()
	w.known[fmt.Sprint(members["client_id"])] = secret
	w.mu.Unlock()
	return answer{status: 201, body: members}
}

func (w *world) doAuthorize(r *request) answer {
	if a := changed(w.authorize, w, r); a != nil {
		return *a
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, known := w.known[r.query.Get("client_id")]; !known {
		return answer{status: 400, body: "<html><body>Unknown client_id</body></html>"}
	}
	w.grants++
	code := fmt.Sprintf("code-%d", w.grants)
	w.codes[code] = r.query
	w.issued = append(w.issued, code)
	return redirectBack(r, "code", code, "iss", w.iss)
}

// redirectBack answers to the client, with its state.
func redirectBack(r *request, pairs ...string) answer {
	u, err := url.Parse(r.query.Get("redirect_uri"))
	if err != nil || u.Host == "" {
		return answer{status: 400, body: "<html><body>Bad redirect_uri</body></html>"}
	}
	q := u.Query()
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	q.Set("state", r.query.Get("state"))
	u.RawQuery = q.Encode()
	return answer{status: 302, header: map[string]string{"Location": u.String()}}
}

func oauthError(status int, code, description string) *answer {
	return &answer{status: status, body: doc{"error": code, "error_description": description}}
}

func (w *world) doToken(r *request) answer {
	refresh := r.form.Get("grant_type") == "refresh_token"
	own := w.exchange
	if refresh {
		own = w.refresh
	}
	if a := changed(own, w, r); a != nil {
		return *a
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if a := w.judge(r, refresh); a != nil {
		return *a
	}
	w.grants++
	access, next := fmt.Sprintf("access-token-%d", w.grants), fmt.Sprintf("refresh-token-%d", w.grants)
	w.access[access], w.refreshs[next] = true, true
	w.issued = append(w.issued, access, next)
	return answer{body: merge(doc{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "refresh_token": next}, w.granted)}
}

// judge refuses what a plain provider refuses.
func (w *world) judge(r *request, refresh bool) *answer {
	id := r.form.Get("client_id")
	user, password, basic := r.BasicAuth()
	if basic {
		id = unescape(user)
	}
	secret, known := w.known[id]
	proven := known
	switch {
	case w.authenticate != nil:
		proven = w.authenticate(w, r, secret)
	case secret != "":
		proven = r.form.Get("client_secret") == secret || basic && unescape(password) == secret
	}
	if !proven {
		return oauthError(401, "invalid_client", "client authentication failed")
	}
	if refresh {
		token := r.form.Get("refresh_token")
		if !w.refreshs[token] {
			return oauthError(400, "invalid_grant", "unknown refresh token")
		}
		delete(w.refreshs, token) // spent
		return nil
	}
	asked, there := w.codes[r.form.Get("code")]
	delete(w.codes, r.form.Get("code"))
	sum := sha256.Sum256([]byte(r.form.Get("code_verifier")))
	switch {
	case !there || asked.Get("redirect_uri") != r.form.Get("redirect_uri"):
		return oauthError(400, "invalid_grant", "unknown code")
	case asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]):
		return oauthError(400, "invalid_grant", "PKCE verification failed")
	}
	return nil
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

// merge copies a and puts the members of b over it; nil removes one.
func merge(a, b doc) doc {
	all := maps.Clone(a)
	for name, value := range b {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	return all
}

// endTokens makes every access token bad, as time does.
func (w *world) endTokens() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.access)
}

// endGrants makes every refresh token bad as well.
func (w *world) endGrants() {
	w.endTokens()
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.refreshs)
}

// forgetClients is a provider that purges its registrations.
func (w *world) forgetClients() {
	w.endGrants()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.known = map[string]string{}
}

// metadata is a plain document of an authorization server, with changes as
// pairs of a member's name and its value, nil to leave it out. Endpoints are
// below the issuer, without its slash, unless base is among the changes.
func metadata(issuer string, changes ...any) doc {
	base := strings.TrimSuffix(issuer, "/")
	if i := slices.Index(changes, any("base")); i >= 0 {
		base = changes[i+1].(string) //nolint:forcetypeassert // the table's own
		changes = slices.Delete(slices.Clone(changes), i, i+2)
	}
	d := doc{
		"issuer": issuer, "authorization_endpoint": base + "/authorize", "token_endpoint": base + "/token", "registration_endpoint": base + "/register",
		"response_types_supported": []string{"code"}, "grant_types_supported": []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"none", "client_secret_basic", "client_secret_post"},
	}
	return change(d, changes)
}

// resource is protected-resource metadata.
func resource(name string, servers ...string) doc {
	return doc{"resource": name, "authorization_servers": servers}
}

// change puts pairs over the members of d.
func change(d doc, pairs []any) doc {
	over := doc{}
	for i := 0; i < len(pairs); i += 2 {
		over[pairs[i].(string)] = pairs[i+1] //nolint:forcetypeassert // the table's own
	}
	return merge(d, over)
}

func (d doc) with(pairs ...any) doc { return change(d, pairs) }

// rawNull is a member that is there and null.
var rawNull = json.RawMessage("null")

// text is a document as it is sent.
func text(d doc) string {
	b, _ := json.Marshal(d)
	return string(b)
}

// issue is a token that is good, in an answer of another form.
func (w *world) issue(form func(access string) answer) *answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.grants++
	access := fmt.Sprintf("access-token-%d", w.grants)
	w.access[access] = true
	w.issued = append(w.issued, access)
	a := form(access)
	return &a
}
