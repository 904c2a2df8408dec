package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// given are the headers that a person gives to the server, by --header or by a command, and
// which of the two it was, in words.
func (c Connection) given() map[string]string {
	all := map[string]string{}
	for name := range c.Header {
		if name != "User-Agent" { // ours, if the person has given none
			all[name] = "the header " + name
		}
	}
	for _, v := range c.Commands.Values() {
		all[v.Name()] = v.String()
	}
	if !c.Token.IsZero() {
		all["Authorization"] = cmp.Or(all["Authorization"], "the token in "+TokenVariable)
	}
	return all
}

// refusal says whether a request was answered with a 401 that asks for no sign-in.
type refusal struct{ happened bool }

type refusalKey struct{}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// askedSomebody reports whether a sign-in failed at the person, so that the server is one that
// wants a sign-in.
func askedSomebody(err error) bool {
	for _, target := range []error{grant.ErrDenied, grant.ErrLoginTimeout, oauth.ErrLoginRequired, oauth.ErrEnded} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

// explain returns plain for a sign-in to send through, and what wraps that sign-in. If the
// server answers 401 to what the person gave, and the sign-in that follows fails, its error
// says that what was given was refused.
func (c Connection) explain(plain http.RoundTripper) (noting http.RoundTripper, explained func(signed http.RoundTripper) http.RoundTripper) {
	names := slices.Sorted(maps.Values(c.given()))
	if len(names) == 0 {
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
			if err != nil && seen.happened && !askedSomebody(err) {
				err = &grant.Error{
					Op: "use " + strings.Join(names, ", "), Err: fmt.Errorf("the server answered 401: %w", err),
					Hint: "look at the value that was given, or that the command prints; if it is right, the server wants a sign-in as well: " + hint.Of(err),
				}
			}
			return resp, err
		})
	}
}
