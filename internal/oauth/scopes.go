package oauth

import (
	"errors"
	"slices"
	"strings"

	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// withoutOffline returns the scopes without that one.
func withoutOffline(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == discovery.OfflineAccess })
}

// mayDropOffline reports whether err is the provider's refusal of offline_access:
// it says so, or names no other scope of the request. What the person has chosen
// is not dropped.
func (c *Client) mayDropOffline(cred Credential, err error) bool {
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
