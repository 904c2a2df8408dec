package oauth

import (
	"errors"
	"slices"
	"strings"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// scopeOrganizations is what Logto wants with organization_id.
const scopeOrganizations = "urn:logto:scope:organizations"

// scopes are those to request.
func (l *login) scopes() []string {
	server, chosen := &l.found.Server, l.cfg.Key.Scopes
	same := l.previous.Provider().Same(server.Provider())
	var earlier []string
	if l.why.stepUp && same {
		earlier = l.previous.RequestedScopes
	}
	scopes := server.SelectScopes(chosen, l.why.challenge.Scopes(), l.found.ScopesSupported, earlier)
	if l.previous.WithoutOffline && same && chosen == nil {
		scopes = withoutOffline(scopes)
	}
	if l.presentsIDToken(&l.previous) {
		scopes = discovery.Union(scopes, []string{"openid"})
	}
	if l.grants.Param("organization_id") != "" && chosen == nil && slices.Contains(server.ScopesSupported, scopeOrganizations) {
		scopes = discovery.Union(scopes, []string{scopeOrganizations})
	}
	return scopes
}

// withoutOffline returns the scopes without that one.
func withoutOffline(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == discovery.OfflineAccess })
}

// dropOffline takes offline_access, which the provider refuses, out of what is requested.
func (c *Credential) dropOffline() {
	c.WithoutOffline, c.RequestedScopes = true, withoutOffline(c.RequestedScopes)
}

// mayDropOffline reports whether err is the provider's refusal of offline_access:
// it says so, or names no other scope of the request. What the person has chosen
// is not dropped.
func (c *Client) mayDropOffline(cred *Credential, err error) bool {
	var refused *grant.Error
	if c.cfg.Key.Scopes != nil || !slices.Contains(cred.RequestedScopes, discovery.OfflineAccess) || !errors.As(err, &refused) || refused.Err == nil {
		return false
	}
	said := strings.FieldsFunc(refused.Err.Error(), func(r rune) bool { return strings.ContainsRune(" \n\t\"'`,;()[]<>", r) })
	named := func(scope string) bool {
		return slices.ContainsFunc(said, func(word string) bool { return strings.TrimRight(word, ".:!?") == scope })
	}
	switch refused.Code {
	case "invalid_scope":
		return named(discovery.OfflineAccess) || !slices.ContainsFunc(cred.RequestedScopes, named)
	case "invalid_request", "unauthorized_client":
		return named(discovery.OfflineAccess)
	}
	return false
}
