package devidp

import (
	"slices"
	"strings"
)

// personalAccessToken is the type of what a person has made in Logto's console.
const personalAccessToken = "urn:logto:token-type:personal_access_token" //nolint:gosec // the name of a kind of token

// exchangeGrant makes an access token of a personal access token (RFC 8693 section 2.1).
// As in Logto's source, the answer has the scopes asked for that the user has, and no
// refresh token; an organization needs no scope, only a member. Whoever asks for an
// ID-JAG exchanges an ID token (idjag.go).
func (p *Provider) exchangeGrant(req tokenRequest) (map[string]any, *oauthError) {
	form := req.form
	if form.Get("requested_token_type") == tokenTypeIDJAG {
		return p.idJAGGrant(req)
	}
	for _, name := range []string{"subject_token", "subject_token_type"} {
		if form.Get(name) == "" {
			return nil, missing(name)
		}
	}
	i := slices.IndexFunc(p.cfg.Users, func(u User) bool { return slices.Contains(u.AccessTokens, form.Get("subject_token")) })
	if i < 0 || form.Get("subject_token_type") != personalAccessToken {
		return nil, invalidGrant()
	}
	user := p.cfg.Users[i]
	scopes := user.granted(strings.Fields(form.Get("scope")))
	g := &grant{request: request{client: req.client, resources: form["resource"], scopes: append(scopes, scopeOrganizations)}, user: user}
	answer, refusal := p.issueFor(g, scopes, req)
	delete(answer, "id_token")
	return answer, refusal
}
