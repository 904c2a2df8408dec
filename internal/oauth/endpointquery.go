package oauth

import (
	"net/url"
	"slices"
	"strings"
)

// ofRequests are the parameters that a request to an endpoint sets or leaves out
// on purpose, besides those that a person may not set either.
var ofRequests = []string{"nonce", "grant_type", "refresh_token", "device_code", "token", "token_type_hint"}

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
		// Some providers part members at semicolons as well.
		if err != nil || strings.ContainsAny(member, ";") || slices.ContainsFunc(spellings(name), func(s string) bool {
			return also.Has(s) || slices.Contains(owned, s) || slices.Contains(ofRequests, s)
		}) {
			continue
		}
		kept = append(kept, member)
	}
	clean := *endpoint
	clean.RawQuery = strings.Join(kept, "&")
	return &clean
}

// spellings are the names that a provider may take a member for: PHP reads an
// array from a bracket on and turns dots and blanks into underscores, and some
// frameworks ignore case.
func spellings(name string) []string {
	folded, _, _ := strings.Cut(strings.ToLower(strings.Trim(name, " ")), "[")
	return []string{name, strings.NewReplacer(".", "_", " ", "_").Replace(folded)}
}
