package grant

import (
	"net/url"
	"slices"
	"strings"
)

// requestParams are the parameters that a request to an endpoint sets or leaves out on
// purpose, besides reservedParams.
var requestParams = []string{"nonce", "claims", "authorization_details", "grant_type", "refresh_token", "device_code", "token", "token_type_hint"}

// EndpointURL returns an endpoint of an authorization server without those members of
// its query that belong to a request: reserved ones, and those in also. Others stay as
// they are (RFC 6749, sections 3.1 and 3.2). Hostile metadata may name the endpoint of
// an honest provider with a resource or scope in its query, which would be requested
// there in the person's name.
func EndpointURL(endpoint *url.URL, also url.Values) *url.URL {
	if endpoint.RawQuery == "" {
		return endpoint
	}
	var kept []string
	for member := range strings.SplitSeq(endpoint.RawQuery, "&") {
		raw, _, _ := strings.Cut(member, "=")
		name, err := url.QueryUnescape(raw)
		// Some frameworks ignore case, and PHP turns dots into underscores.
		folded := strings.ReplaceAll(strings.ToLower(name), ".", "_")
		switch {
		case err != nil || !plainName(name) || strings.Contains(member, ";"): // which parts members at some providers
		case also.Has(name) || also.Has(folded) || slices.Contains(reservedParams, folded) || slices.Contains(requestParams, folded):
		default:
			kept = append(kept, member)
		}
	}
	clean := *endpoint
	clean.RawQuery = strings.Join(kept, "&")
	return &clean
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// plainName reports whether name is that of a parameter (RFC 6749, section 8.2). With any
// other character it may be another name to a provider, which cuts it at a bracket or a
// zero byte, trims it, or folds it to ASCII.
func plainName(name string) bool {
	return name != "" && strings.Trim(name, alphanumeric+"-._") == ""
}
