package oauth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// checkLength refuses an authorization request that no provider would read: length
// is that of its address, or of the scopes in a form.
func checkLength(length int, scopes []string) error {
	if length <= foreign.MaxAddress {
		return nil
	}
	return &Error{
		Op:   "build the authorization request",
		Err:  fmt.Errorf("it would have %d bytes, and providers take %d; it asks for %d scopes", length, foreign.MaxAddress, len(scopes)),
		Hint: "choose the scopes that are needed with --scope",
	}
}

// withoutOffline returns the scopes without that one.
func withoutOffline(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == discovery.OfflineAccess })
}

// mayDropOffline reports whether err is the provider's refusal of offline_access:
// it says so, or names no other scope of the request. What the person has chosen
// is not dropped.
func (c *Client) mayDropOffline(cred Credential, err error) bool {
	var refused *Error
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
