package origin

import (
	"net/http"
	"net/url"
)

// SafeRedirect reports whether a request may go on from one address to another with all
// its headers: they are of one origin, and the new one has no user name, which net/http
// would send as an Authorization header, in the place of the token.
func SafeRedirect(from, to *url.URL) bool { return SameOrigin(from, to) && to.User == nil }

// NoRedirect is the CheckRedirect of an http.Client that follows none: a redirect is the
// response, and nothing secret is posted to where it leads.
func NoRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
