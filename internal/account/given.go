package account

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"sync"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// tokenSource names the token of the variable in messages.
const tokenSource = "the token in " + TokenVariable

// headerSource names a header of --header in messages.
func headerSource(name string) string { return "the header " + name }

// credentialName matches the names of headers that carry credentials.
var credentialName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)auth|key|token|secret|credential|password|cookie`)
})

// given names the credential that a person gives to the server, by --header or by a command;
// "" for none. It is one of several headers, or one that may be of another use, perhaps.
func (c Connection) given() string {
	var sources []string
	known := true
	for name := range c.Header {
		if name != "User-Agent" { // ours, if the person has given none
			sources = append(sources, headerSource(name))
			known = credentialName().MatchString(name)
		}
	}
	for _, v := range c.Commands.Values() {
		sources = append(sources, v.Source())
	}
	if !c.Token.IsZero() && c.Header.Get("Authorization") == "" {
		sources = append(sources, tokenSource)
	}
	switch {
	case len(sources) == 0:
		return ""
	case len(sources) > 1 || !known:
		return "one of the headers that were given, perhaps"
	}
	return sources[0]
}

// refusal says whether a request was answered with a 401 that asks for no sign-in.
type refusal struct{ happened bool }

type refusalKey struct{}

// refusedError says that what was given was refused, instead of why the sign-in that followed
// has failed.
type refusedError struct {
	given  string
	signIn error
}

// Error implements error.
func (e *refusedError) Error() string { return "the server refused " + e.given + " (401)" }

// Unwrap returns the error of the sign-in.
func (e *refusedError) Unwrap() error { return e.signIn }

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// wantsSignIn reports whether a sign-in failed at the person or at a provider, also one that is down,
// so that the server is one that wants a sign-in.
func wantsSignIn(err error) bool {
	for _, target := range []error{grant.ErrDenied, grant.ErrLoginTimeout, oauth.ErrLoginRequired, oauth.ErrEnded, discovery.ErrUnavailable} {
		if errors.Is(err, target) {
			return true
		}
	}
	for said := (*grant.Error)(nil); errors.As(err, &said); err = said.Err {
		if said.Code != "" || said.KnowsClient() { // the provider's words, or the server's about its token
			return true
		}
	}
	return false
}

// explain returns plain for a sign-in to send through, and what wraps that sign-in. If the
// server answers 401 to what the person gave, and the sign-in that follows fails, its error
// says that what was given was refused. doctor is the line that looks into it.
func (c Connection) explain(plain http.RoundTripper, doctor string) (noting http.RoundTripper, explained func(signed http.RoundTripper) http.RoundTripper) {
	given := c.given()
	if given == "" {
		return plain, func(signed http.RoundTripper) http.RoundTripper { return signed }
	}
	noting = roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := plain.RoundTrip(req)
		if seen, ok := req.Context().Value(refusalKey{}).(*refusal); ok && err == nil && resp.StatusCode == http.StatusUnauthorized {
			challenge, _ := discovery.BearerChallenge(resp.Header)
			seen.happened = challenge.ResourceMetadata() == ""
		}
		return resp, err
	})
	return noting, func(signed http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			seen := &refusal{}
			resp, err := signed.RoundTrip(req.WithContext(context.WithValue(req.Context(), refusalKey{}, seen)))
			if err != nil && seen.happened && !wantsSignIn(err) {
				err = &grant.Error{
					Err:  &refusedError{given, err},
					Hint: "look at the value that was given, or that the command prints; if it is right, the server wants a sign-in as well: see " + doctor,
				}
			}
			return resp, err
		})
	}
}
