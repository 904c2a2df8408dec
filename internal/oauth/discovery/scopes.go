package discovery

import (
	"slices"

	"mcp-login/internal/foreign"
)

// OfflineAccess is the scope that asks for a refresh token (OpenID Connect Core 1.0,
// section 11).
const OfflineAccess = "offline_access"

// Bounds of what strangers say about scopes. A request for maxScopes scopes does not
// fit into an address and is refused, so that none is left out without a word.
const (
	maxScopes     = 3000
	maxScopeBytes = 1000
)

// UsableScopes returns the scopes of a challenge, a document or an answer that can be
// requested and shown: at most maxScopes, and none with invisible characters, which no
// scope may have (RFC 6749, section 3.3). nil stays nil.
func UsableScopes(all []string) []string {
	if all == nil {
		return nil
	}
	usable := []string{}
	for _, scope := range all {
		if len(usable) == maxScopes {
			break
		}
		if len(scope) <= maxScopeBytes && foreign.LineOf(scope, maxScopeBytes) == scope {
			usable = append(usable, scope)
		}
	}
	return usable
}

// SelectScopes decides which scopes to request (MCP 2025-11-25, Authorization, Scope
// Selection Strategy): what the person chose, taken literally; else those of the
// challenge; else all that the resource supports; else none. In a step-up, earlier are
// those requested before, and the challenged ones are added to them. offline_access is
// added only where the server lists it, since such servers issue no refresh token
// without it; it is a scope of OpenID requests only, so openid is added with it where
// listed.
func (m *ServerMetadata) SelectScopes(chosen, challenged, supported, earlier []string) []string {
	if len(earlier) > 0 {
		return Union(earlier, challenged)
	}
	if chosen != nil {
		return slices.DeleteFunc(slices.Clone(chosen), func(scope string) bool { return scope == "" })
	}
	all := Union(challenged)
	if len(all) == 0 {
		all = Union(UsableScopes(supported))
	}
	if slices.Contains(m.ScopesSupported, OfflineAccess) && m.Grants("refresh_token") {
		if slices.Contains(m.ScopesSupported, "openid") {
			all = Union(all, []string{"openid"})
		}
		all = Union(all, []string{OfflineAccess})
	}
	return all
}

// Grants reports whether the server offers a grant type. One that lists none counts as
// offering all: the defaults of RFC 8414 section 2 are narrower than what is common.
func (m *ServerMetadata) Grants(grantType string) bool {
	return len(m.GrantTypesSupported) == 0 || slices.Contains(m.GrantTypesSupported, grantType)
}

// Union returns all elements of the lists once, in the order of first appearance.
func Union(lists ...[]string) []string {
	var all []string
	known := map[string]bool{}
	for _, list := range lists {
		for _, s := range list {
			if !known[s] {
				known[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}

// HasScopes reports whether some are all among those of all.
func HasScopes(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}
