package devidp

import (
	"net/http"
	"net/url"
	"slices"
)

const (
	// organizationAudience begins the audience of a token for an organization alone.
	organizationAudience = "urn:logto:organization:"
	// scopeOrganizations is what a login must have to get one.
	scopeOrganizations = "urn:logto:scope:organizations"
)

// issueFor is issue for the resource and the organization that a token request names.
// At the authorization endpoint organization_id has no effect, as in Logto. With a
// resource it becomes a claim; without one the token is for the organization.
func (p *Provider) issueFor(g *grant, scopes []string, form url.Values) (map[string]any, *oauthError) {
	organization := form.Get("organization_id")
	switch {
	case organization == "":
	case g.user.Username != "" && !slices.Contains(g.scopes, scopeOrganizations):
		return nil, &oauthError{status: http.StatusForbidden, code: "insufficient_scope", description: "refresh token missing required scope", members: map[string]string{"scope": scopeOrganizations}}
	case g.user.Username != "" && !slices.Contains(g.user.Organizations, organization),
		g.user.Username == "" && !slices.Contains(g.client.Organizations, organization):
		return nil, &oauthError{status: http.StatusForbidden, code: "access_denied", description: "user is not a member of the organization"}
	}
	return p.issue(g, scopes, resourceOf(form), organization)
}
