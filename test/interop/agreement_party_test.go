package interop

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"maps"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const theVerifier = "a-verifier-of-at-least-forty-three-characters"

// answer is what a provider said.
type answer struct {
	status     int
	header     http.Header
	redirected bool           // to the client; the members are the parameters
	fragment   bool           // which are in the fragment
	members    map[string]any // of a JSON object; nil for another body
}

func (a answer) text(name string) string {
	s, _ := a.members[name].(string)
	return s
}

// party is a provider in the hands of one case.
type party struct {
	*testing.T
	*provider
}

// begin hands the provider to a case, without what earlier ones set.
func (p *provider) begin(t *testing.T) *party {
	p.reset()
	return &party{t, p}
}

// client is one of the world's.
func (p *party) client(id string) member {
	p.Helper()
	i := slices.IndexFunc(p.world.clients, func(m member) bool { return m.ID == id })
	if i < 0 {
		p.Fatalf("no client %q", id)
	}
	return p.world.clients[i]
}

func (p *party) endpoint(name string) string {
	p.Helper()
	address, _ := p.metadata[name].(string)
	if !strings.HasPrefix(address, p.issuer+"/") {
		p.Fatalf("metadata: %s is %q", name, address)
	}
	return address
}

// once is a client that follows no redirects; jar may be nil.
func once(jar http.CookieJar) *http.Client {
	return &http.Client{
		Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// send makes a request and reads its answer, with the body beside it.
func (p *party) send(c *http.Client, method, address string, form url.Values, change func(*http.Request)) (answer, string) {
	p.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(p.Context()), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		p.Fatal(err)
	}
	req.Header.Set("Accept", "application/json")
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if change != nil {
		change(req)
	}
	resp, err := c.Do(req)
	if err != nil {
		p.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		p.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") {
		if err := json.Unmarshal(body, &a.members); err != nil {
			p.Fatalf("status %d, not JSON: %v", resp.StatusCode, err)
		}
	}
	return a, string(body)
}

func (p *party) get(address string) answer {
	p.Helper()
	a, _ := p.send(once(nil), http.MethodGet, address, nil, nil)
	return a
}

func (p *party) post(address string, form url.Values) answer {
	p.Helper()
	a, _ := p.send(once(nil), http.MethodPost, address, form, nil)
	return a
}

var (
	formPattern  = regexp.MustCompile(`(?s)<form\b([^>]*)>`)
	inputPattern = regexp.MustCompile(`<input\b[^>]*>`)
	attribute    = regexp.MustCompile(`\b(action|name|value|type)="([^"]*)"`)
)

func attributes(tag string) map[string]string {
	found := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		found[m[1]] = html.UnescapeString(m[2])
	}
	return found
}

// browse plays the person and the browser: it opens the address, submits every
// form as the user ("" refuses), and stops at the redirect that leaves the
// provider, or at a page without a form.
func (p *party) browse(address, user string) answer {
	p.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.Fatal(err)
	}
	browser := once(jar)
	at, err := url.Parse(address)
	if err != nil {
		p.Fatal(err)
	}
	method, form := http.MethodGet, url.Values(nil)
	for range 20 {
		a, body := p.send(browser, method, at.String(), form, nil)
		method, form = http.MethodGet, nil
		if location := a.header.Get("Location"); location != "" {
			next, err := at.Parse(location)
			if err != nil {
				p.Fatal(err)
			}
			if next.Host != at.Host {
				a.redirected, a.fragment, a.members = true, next.Fragment != "", parameters(next)
				return a
			}
			at = next
			continue
		}
		tag := formPattern.FindString(body)
		if tag == "" || strings.Contains(body, `type="text"`) { // nothing to do, or something to type
			return a
		}
		next, err := at.Parse(attributes(tag)["action"])
		if err != nil {
			p.Fatal(err)
		}
		if attributes(tag)["action"] == "" {
			next = at
		}
		method, form, at = http.MethodPost, url.Values{"user": {user}}, next
		for _, input := range inputPattern.FindAllString(body, -1) {
			if field := attributes(input); field["name"] != "" {
				form.Set(field["name"], field["value"])
			}
		}
	}
	p.Fatal("the login has no end")
	return answer{}
}

// parameters of a redirect, wherever they are.
func parameters(u *url.URL) map[string]any {
	q, _ := url.ParseQuery(u.RawQuery + "&" + u.Fragment)
	members := map[string]any{}
	for name := range q {
		members[name] = q.Get(name)
	}
	return members
}

// with changes parameters by pairs; an empty value leaves one out.
func with(q url.Values, pairs ...string) url.Values {
	if q = maps.Clone(q); q == nil {
		q = url.Values{}
	}
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			q.Del(pairs[i])
		}
	}
	return q
}

// request is an authorization request of the client "native".
func request(pairs ...string) url.Values {
	sum := sha256.Sum256([]byte(theVerifier))
	return with(url.Values{
		"client_id": {"native"}, "redirect_uri": {theCallback}, "response_type": {"code"}, "scope": {"openid"}, "state": {"state"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}, pairs...)
}

// authorize sends an authorization request, as the user if it comes to that.
func (p *party) authorize(q url.Values, user string) answer {
	p.Helper()
	return p.browse(p.endpoint("authorization_endpoint")+"?"+q.Encode(), user)
}

// code signs alice in.
func (p *party) code(pairs ...string) string {
	p.Helper()
	return p.codeOf(request(pairs...))
}

func (p *party) codeOf(q url.Values) string {
	p.Helper()
	a := p.authorize(q, "alice")
	if a.text("code") == "" {
		p.Fatalf("no code: %s", a)
	}
	return a.text("code")
}

// as adds the credentials of a client to a request.
func (p *party) as(id string, form url.Values) (url.Values, func(*http.Request)) {
	p.Helper()
	switch c := p.client(id); c.AuthMethod {
	case "client_secret_basic":
		return form, func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(c.ID), url.QueryEscape(c.Secret)) }
	case "client_secret_post":
		return with(form, "client_id", id, "client_secret", c.Secret), nil
	case "private_key_jwt":
		return with(form, "client_assertion_type", assertionType, "client_assertion", p.assertion(id, nil)), nil
	}
	if form.Has("client_id") {
		return form, nil
	}
	return with(form, "client_id", id), nil
}

// assertion of a client, its claims changed; nil removes one.
func (p *party) assertion(id string, change map[string]any) string {
	p.Helper()
	claims := jwt.MapClaims{"iss": id, "sub": id, "aud": p.issuer, "jti": rand.Text(), "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix()}
	for name, value := range change {
		if claims[name] = value; value == nil {
			delete(claims, name)
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = "key"
	text, err := token.SignedString(p.world.key)
	if err != nil {
		p.Fatal(err)
	}
	return text
}

// token sends a token request of a client that proves who it is.
func (p *party) token(id string, pairs ...string) answer {
	p.Helper()
	return p.ask("token_endpoint", id, pairs...)
}

// ask sends a form to an endpoint as a client.
func (p *party) ask(endpoint, id string, pairs ...string) answer {
	p.Helper()
	form, change := p.as(id, with(url.Values{}, pairs...))
	a, _ := p.send(once(nil), http.MethodPost, p.endpoint(endpoint), form, change)
	return a
}

// exchange spends a code of "native" with everything in order but for pairs.
func (p *party) exchange(code string, pairs ...string) answer {
	p.Helper()
	return p.token("native", append([]string{"grant_type", "authorization_code", "code", code, "redirect_uri", theCallback, "code_verifier", theVerifier}, pairs...)...)
}

// login is a whole login of "native" with a refresh token.
func (p *party) login(pairs ...string) answer {
	p.Helper()
	a := p.exchange(p.code(append([]string{"scope", "openid offline_access", "prompt", "consent"}, pairs...)...))
	if a.status != http.StatusOK || a.text("refresh_token") == "" {
		p.Fatalf("login: %s", a)
	}
	return a
}

func (p *party) refresh(token string, pairs ...string) answer {
	p.Helper()
	return p.token("native", append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
}

// userinfo asks with a header, "" for none.
func (p *party) userinfo(authorization string) answer {
	p.Helper()
	a, _ := p.send(once(nil), http.MethodGet, p.endpoint("userinfo_endpoint"), nil, func(r *http.Request) {
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
	})
	return a
}

// well fails the case when an answer on the way is no success.
func (p *party) well(a answer) answer {
	p.Helper()
	if a.status >= 300 {
		p.Fatalf("on the way: %s", a)
	}
	return a
}
