package devidp_test

import (
	"encoding/base64"
	"maps"
	"mime"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/devidp"
)

// transcript is one request to Logto 1.42 and its answer, as they were measured. $NAME in
// a value stands for something that is another one in each run, "*" for any text.
type transcript struct {
	Name    string `json:"name"`
	Request struct {
		Method  string            `json:"method"`
		Path    string            `json:"path"` // below the issuer
		Query   map[string]string `json:"query,omitzero"`
		Form    map[string]string `json:"form,omitzero"`
		Basic   []string          `json:"basic,omitzero"`
		Headers map[string]string `json:"headers,omitzero"`
	} `json:"request"`
	// Sign is who signs in at the page that a request leads to, "cancel" cancels.
	Sign     string `json:"sign,omitzero"`
	Response struct {
		Status      int            `json:"status"`
		ContentType string         `json:"content_type,omitzero"`
		Challenge   string         `json:"www_authenticate,omitzero"`
		Members     map[string]any `json:"members,omitzero"`
		// Names are those of all members, where more than the listed ones are there.
		Names []string `json:"names,omitzero"`
		// Redirect is where it leads, with all parameters, those of a fragment too.
		Redirect   string         `json:"redirect,omitzero"`
		Parameters map[string]any `json:"parameters,omitzero"`
		// Claims are the names of all claims of the access token, in the order of the
		// alphabet.
		Claims []string `json:"claims,omitzero"`
		// Opaque tells that the access token is one.
		Opaque bool `json:"opaque,omitzero"`
	} `json:"response"`
	// Keep keeps a member of the answer, or a parameter of its redirect, under a name.
	Keep map[string]string `json:"keep,omitzero"`
}

// recorded is the tenant of the measurements.
func recorded(c *devidp.Config) {
	c.NoDPoP = true
	c.Users = []devidp.User{
		{Subject: "alice0000001", Username: "alice", Name: "Alice Example", Email: "alice@example.test", Lacks: []string{"mcp:write"}, Organizations: []string{"org1"}},
		{Subject: "norole000001", Username: "norole", Lacks: []string{"mcp:read", "mcp:write"}},
	}
	c.Clients = append(c.Clients,
		devidp.Client{ID: "third", ThirdParty: true, RedirectURIs: []string{"http://127.0.0.1/callback"}},
		devidp.Client{ID: "m2m", ApplicationType: "web", Secret: "m2m-secret", GrantTypes: machineGrant, Organizations: []string{"org1"}},
	)
}

// TestTranscripts plays what was measured on Logto: devidp answers the same in status,
// media type, members, redirect, and what is in a token.
func TestTranscripts(t *testing.T) {
	raw, err := os.ReadFile("testdata/logto.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []struct {
		Session string       `json:"session"`
		Script  bool         `json:"custom_jwt_script,omitzero"`
		Steps   []transcript `json:"steps"`
	}
	if err := json.Unmarshal(raw, &all, json.RejectUnknownMembers(true)); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for _, session := range all {
		t.Run(session.Session, func(t *testing.T) {
			r := start(t, func(c *devidp.Config) { recorded(c); c.TokenClaims = session.Script })
			kept := map[string]string{"$ISSUER": r.idp.Issuer(), "$CHALLENGE": params().Get("code_challenge"), "$VERIFIER": verifier}
			for _, step := range session.Steps {
				step.play(r, kept)
				steps++
			}
		})
	}
	if steps < 50 {
		t.Errorf("only %d steps", steps)
	}
}

// filled puts what was kept into a text.
func filled(text string, kept map[string]string) string {
	for _, name := range slices.SortedFunc(maps.Keys(kept), func(a, b string) int { return len(b) - len(a) }) {
		text = strings.ReplaceAll(text, name, kept[name])
	}
	return text
}

func values(from map[string]string, kept map[string]string) url.Values {
	q := url.Values{}
	for name, value := range from {
		q.Set(name, filled(value, kept))
	}
	return q
}

func (step transcript) send(r *rig, kept map[string]string) answer {
	address, form := r.idp.Issuer()+step.Request.Path, ""
	if len(step.Request.Query) > 0 {
		address += "?" + values(step.Request.Query, kept).Encode()
	}
	if len(step.Request.Form) > 0 {
		form = values(step.Request.Form, kept).Encode()
	}
	req := r.request(step.Request.Method, address, form)
	if form != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range step.Request.Headers {
		req.Header.Set(name, filled(value, kept))
	}
	if b := step.Request.Basic; len(b) == 2 {
		req.SetBasicAuth(url.QueryEscape(b[0]), url.QueryEscape(b[1]))
	}
	got := r.do(req)
	if step.Sign == "" {
		return got
	}
	page := got.location()
	choice := url.Values{"interaction": {page.Query().Get("interaction")}, "user": {step.Sign}}
	if step.Sign == "cancel" {
		choice = url.Values{"interaction": choice["interaction"], "cancel": {"1"}}
	}
	return r.post(r.host()+page.Path, choice)
}

func (step transcript) play(r *rig, kept map[string]string) {
	r.t.Helper()
	got, want := step.send(r, kept), step.Response
	kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	if got.status != want.Status || want.ContentType != "" && kind != want.ContentType {
		r.t.Errorf("%s: %d %s, want %d %s: %.300s", step.Name, got.status, kind, want.Status, want.ContentType, got.body)
		return
	}
	if challenge := got.header.Get("WWW-Authenticate"); challenge != filled(want.Challenge, kept) {
		r.t.Errorf("%s: challenge %q", step.Name, challenge)
	}
	members := map[string]any{}
	if kind == "application/json" {
		members = got.members()
		step.compare(r.t, "member", members, want.Members, want.Names, kept)
	}
	if want.Redirect != "" {
		to := got.location()
		q := to.Query()
		if to.Fragment != "" {
			q, _ = url.ParseQuery(to.Fragment)
		}
		for name, value := range q {
			members[name] = value[0]
		}
		step.compare(r.t, "parameter", members, want.Parameters, nil, kept)
		if to.RawQuery, to.Fragment = "", ""; to.String() != filled(want.Redirect, kept) {
			r.t.Errorf("%s: it leads to %s", step.Name, to)
		}
	}
	step.token(r.t, members)
	for member, name := range step.Keep {
		kept[name], _ = members[member].(string)
		if kept[name] == "" {
			r.t.Fatalf("%s: no %s to keep", step.Name, member)
		}
	}
}

// compare wants exactly these members, or those of names and the listed ones. "*" stands
// for any text.
func (step transcript) compare(t *testing.T, what string, got, want map[string]any, names []string, kept map[string]string) {
	t.Helper()
	if names == nil {
		names = slices.Collect(maps.Keys(want))
	}
	slices.Sort(names)
	if have := slices.Sorted(maps.Keys(got)); !slices.Equal(have, names) {
		t.Errorf("%s: %ss %v, want %v", step.Name, what, have, names)
	}
	for name, value := range want {
		if text, ok := value.(string); ok {
			value = filled(text, kept)
		}
		if value != "*" && got[name] != value {
			t.Errorf("%s: %s %s is %v, want %v", step.Name, what, name, got[name], value)
		}
	}
}

// token looks into the access token of an answer.
func (step transcript) token(t *testing.T, members map[string]any) {
	t.Helper()
	token, _ := members["access_token"].(string)
	parts := strings.Split(token, ".")
	switch {
	case step.Response.Opaque && len(token) != 43:
		t.Errorf("%s: no opaque token of 43 characters but %d", step.Name, len(token))
	case step.Response.Claims == nil:
	case len(parts) != 3:
		t.Errorf("%s: no JWT", step.Name)
	default:
		raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
		var claims map[string]any
		if err := json.Unmarshal(raw, &claims); err != nil || !slices.Equal(slices.Sorted(maps.Keys(claims)), step.Response.Claims) {
			t.Errorf("%s: claims %v, want %v; %v", step.Name, slices.Sorted(maps.Keys(claims)), step.Response.Claims, err)
		}
	}
}
