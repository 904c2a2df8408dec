package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// ofRequests are the parameters that a request to an endpoint sets or leaves out
// on purpose, besides those that a person may not set either.
var ofRequests = []string{"nonce", "claims", "authorization_details", "grant_type", "refresh_token", "device_code", "token", "token_type_hint"}

// OwnQuery returns an endpoint of an authorization server without those members
// of its query that belong to a request: owned ones, and those in also. Others
// stay as they are (RFC 6749, sections 3.1 and 3.2). Hostile metadata names the
// endpoint of an honest provider, and a resource or scope in its query would be
// asked for there in the person's name.
func OwnQuery(endpoint *url.URL, also url.Values) *url.URL {
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
		case also.Has(name) || also.Has(folded) || slices.Contains(owned, folded) || slices.Contains(ofRequests, folded):
		default:
			kept = append(kept, member)
		}
	}
	clean := *endpoint
	clean.RawQuery = strings.Join(kept, "&")
	return &clean
}

const alphanumeric = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// plainName reports whether name is one of a parameter (RFC 6749, section 8.2). What
// holds anything else may be another name to a provider: one that is cut at a bracket
// or a zero byte, trimmed, or folded to ASCII.
func plainName(name string) bool {
	return name != "" && strings.Trim(name, alphanumeric+"-._") == ""
}
