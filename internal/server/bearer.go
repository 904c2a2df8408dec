package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errNoToken says that a request carries no bearer token at all.
var errNoToken = errors.New("no token")

// malformed is a request that RFC 6750 section 3.1 calls invalid_request.
type malformed string

func (m malformed) Error() string { return string(m) }

// bearerToken returns the one token of a request (RFC 6750 section 2.1). A
// token in the query is refused even beside a proper header: it has been in
// logs and histories by then. The other way of RFC 6750, a form field,
// ends as 415. A credential of another scheme counts as none, for which
// section 3.1 wants a challenge without an error code.
func bearerToken(r *http.Request) (string, error) {
	if r.URL.Query().Has("access_token") {
		return "", malformed("The access token must be sent in the Authorization header only.")
	}
	values := r.Header.Values("Authorization")
	switch {
	case len(values) == 0:
		return "", errNoToken
	case len(values) > 1:
		return "", malformed("There must be one Authorization header.")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", errNoToken
	}
	if token = strings.Trim(token, " "); len(token) > maxTokenBytes {
		return "", invalidTokenError("too long")
	}
	if !isB64Token(token) {
		return "", malformed("The Authorization header is not of the form: Bearer TOKEN.")
	}
	return token, nil
}

// isB64Token implements b64token of RFC 6750 section 2.1.
func isB64Token(s string) bool {
	body := strings.TrimRight(s, "=")
	for _, c := range []byte(body) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("-._~+/", c) < 0 {
			return false
		}
	}
	return body != ""
}

// authenticate returns the caller's identity, or answers the request itself
// and returns false. metadataURL goes into the challenge.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, metadataURL string) (Identity, bool) {
	id, err := s.identify(r)
	if err == nil {
		return id, true
	}
	s.refuse(w, r, metadataURL, err)
	return Identity{}, false
}

// refuse answers a request that failed with err. metadataURL goes into the
// challenge.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, metadataURL string, err error) {
	p, scopes := s.refusalOf(err)
	switch p.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusBadRequest:
		code, text := p.code, p.text
		if errors.Is(err, errNoToken) {
			code, text = "", ""
		}
		w.Header().Set("WWW-Authenticate", challenge(metadataURL, scopes, code, text))
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", strconv.Itoa(pauseAfter(err)))
	}
	recordReason(r.Context(), err)
	p.write(w)
}

// pauseAfter is the number of seconds that a client should wait after err.
func pauseAfter(err error) int {
	pause := retryPause
	var known *unavailable
	if errors.As(err, &known) {
		pause = known.after
	}
	return max(1, int((pause+time.Second-1)/time.Second))
}

func (s *Server) identify(r *http.Request) (Identity, error) {
	token, err := bearerToken(r)
	if err != nil {
		return Identity{}, err
	}
	id, err := s.verify(r.Context(), token)
	if err != nil {
		return Identity{}, err
	}
	if id.Subject == "" {
		// Sessions are bound to the subject, so there must be one.
		return Identity{}, errors.New("verifier returned an identity without subject")
	}
	for _, scope := range s.required {
		if !slices.Contains(id.Scopes, scope) {
			return Identity{}, &InsufficientScopeError{Scopes: s.scopes}
		}
	}
	return id, nil
}

// refusalOf chooses the answer to a failed authentication, and the scopes its
// challenge names.
func (s *Server) refusalOf(err error) (problem, []string) {
	var bad malformed
	var scope *InsufficientScopeError
	switch {
	case errors.Is(err, errNoToken):
		return problem{http.StatusUnauthorized, "unauthorized", "An access token is required."}, s.scopes
	case errors.As(err, &bad):
		return problem{http.StatusBadRequest, "invalid_request", string(bad)}, nil
	case errors.Is(err, ErrInvalidToken):
		return problem{
			http.StatusUnauthorized, "invalid_token",
			"The access token is expired, invalid, or meant for another server.",
		}, s.scopes
	case errors.As(err, &scope):
		return problem{
			http.StatusForbidden, "insufficient_scope",
			"The access token lacks a required scope.",
		}, scope.Scopes
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return problem{
			http.StatusServiceUnavailable, "temporarily_unavailable",
			"The authorization server cannot be reached, so the access token cannot be checked. Try again.",
		}, nil
	}
	return problem{http.StatusInternalServerError, "server_error", "The request could not be handled."}, nil
}
