package grant

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// IsClientUnknown reports whether an OAuth error code means that the provider does not
// know the client: the one of RFC 6749 section 5.2, and the one that providers
// such as Entra use instead.
func IsClientUnknown(code string) bool {
	return code == "invalid_client" || code == "unauthorized_client"
}

// unknownClientTexts are what error pages say of an unknown client, in lower case.
var unknownClientTexts = []string{
	"invalid_client", "invalid client", "unauthorized_client", "unauthorized client", "unknown client", "unknown_client", "client not found", "client_not_found",
	"client does not exist", "client doesn't exist", "no such client", "unrecognized client", "unregistered client", "client is not registered",
	"unknown application", "application not found", "app not found",
}

// saysUnknown reports whether an answer of the authorization endpoint says that the
// client is unknown: by an OAuth error as JSON, a refusal that names the client, or a
// redirect to an error page. A page with status 200 is one to sign in at, whatever its
// scripts hold.
func saysUnknown(status int, location string, body []byte, redirectURI string) bool {
	text := strings.ToLower(string(body))
	switch {
	case status/100 == 3:
		return leadsToError(location, redirectURI)
	case status >= 500 || status == http.StatusTooManyRequests:
		return false
	case status/100 == 4:
		return strings.Contains(text, "client_id") || saysClientUnknown(text)
	}
	a := newResponse(status, nil, body)
	return a.Code != "" && (IsClientUnknown(a.Code) || saysClientUnknown(strings.ToLower(a.Description)))
}

func saysClientUnknown(text string) bool {
	return slices.ContainsFunc(unknownClientTexts, func(part string) bool { return strings.Contains(text, part) })
}

// leadsToError reports whether a redirect before any sign-in leads to an error about
// the client. A redirect to the client says so by its code; a page of the provider by its
// address, if that does not name another error.
func leadsToError(location, redirectURI string) bool {
	u, err := url.Parse(location)
	if err != nil {
		return false
	}
	code := u.Query().Get("error")
	own := strings.HasPrefix(location, redirectURI) && redirectURI != ""
	if code != "" || own {
		return IsClientUnknown(code) || !own && saysClientUnknown(strings.ToLower(u.Query().Get("error_description")))
	}
	plain, err := url.QueryUnescape(location)
	if err == nil && saysClientUnknown(strings.ToLower(plain)) {
		return true
	}
	words := strings.FieldsFunc(strings.ToLower(u.Path+"/"+u.Fragment), func(r rune) bool { return r < 'a' || r > 'z' })
	return slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(word, "error") })
}
