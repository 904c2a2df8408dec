package oauth

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mcp-login/internal/foreign"
)

// Bounds of what strangers say about scopes. A request for maxScopes of them does
// not fit into an address, and so is refused: none is left out in silence.
const (
	maxScopes     = 3000
	maxScopeBytes = 1000
)

// UsableScopes returns the scopes of a challenge, a document or an answer that can
// be asked for and shown: without those that hold what is not seen, which no scope
// may (RFC 6749, section 3.3), and at most maxScopes. nil stays nil.
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

// scopeOffline asks for a refresh token (OpenID Connect Core, section 11).
const scopeOffline = "offline_access"

// withoutOffline returns the scopes without that one.
func withoutOffline(scopes []string) []string {
	return slices.DeleteFunc(slices.Clone(scopes), func(scope string) bool { return scope == scopeOffline })
}

// mayDropOffline reports whether err is the provider's refusal of offline_access:
// it says so, or names no other scope of the request. What the person has chosen
// is not dropped.
func (c *Client) mayDropOffline(cred Credential, err error) bool {
	var refused *Error
	if c.cfg.Key.Scopes != nil || !slices.Contains(cred.RequestedScopes, scopeOffline) || !errors.As(err, &refused) || refused.Err == nil {
		return false
	}
	said := strings.FieldsFunc(refused.Err.Error(), func(r rune) bool { return strings.ContainsRune(" \n\t\"'`,;()[]<>", r) })
	named := func(scope string) bool {
		return slices.ContainsFunc(said, func(word string) bool { return strings.TrimRight(word, ".:!?") == scope })
	}
	switch refused.Code {
	case "invalid_scope":
		return named(scopeOffline) || !slices.ContainsFunc(cred.RequestedScopes, named)
	case "invalid_request", "unauthorized_client":
		return named(scopeOffline)
	}
	return false
}
