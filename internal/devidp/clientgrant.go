package devidp

import (
	"net/url"
	"strings"
)

// clientGrant lets a client act for itself (RFC 6749, section 4.4). The token
// is a JWT for the resource, whose subject is the client, with those of the
// scopes asked for that the resource has. There is never a refresh token or an
// ID token. Logto wants a resource.
func (p *Provider) clientGrant(client Client, form url.Values) (map[string]any, *oauthError) {
	asked := form["resource"]
	resource := form.Get("resource")
	p.mu.Lock()
	_, known := p.resources[resource]
	p.mu.Unlock()
	if len(asked) > 1 || len(asked) == 1 && !known || len(asked) == 0 && !p.cfg.OpaqueClientCredentials && !form.Has("organization_id") {
		return nil, invalidTarget()
	}
	g := &grant{client: client, user: User{Subject: client.ID}}
	for _, scope := range strings.Fields(form.Get("scope")) {
		if scope != "openid" { // there is nobody to identify
			g.scopes = append(g.scopes, scope)
		}
	}
	answer, refusal := p.issueFor(g, g.scopes, form)
	if refusal == nil && answer["scope"] == "" {
		delete(answer, "scope") // unlike the answers about people
	}
	return answer, refusal
}
