package grant

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/retry"
)

// oauthError is the error answer of token, registration and revocation
// endpoints (RFC 6749, section 5.2), or one in a provider's own words.
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// errorIn reads the error in an object: by the names of RFC 6749 section 5.2, else by
// those of known providers, in the object itself, in its member error, or in the first
// of its errors. coded is false when there is no error code.
func errorIn(o foreign.Object) (e oauthError, coded bool) {
	inner := o
	for _, name := range []string{"error", "errors", "detail"} {
		value := o.Members[name]
		var list []jsontext.Value
		if json.Unmarshal(value, &list) == nil && len(list) > 0 {
			value = list[0]
		}
		if nested, err := foreign.ParseObject(value); err == nil {
			inner = nested
		} else if name != "error" && value.Kind() == '"' {
			inner.Members = maps.Clone(inner.Members)
			inner.Members["detail"] = value
		}
	}
	e = newOAuthError(
		firstOf(inner, "error", "error_code", "errorCode", "code", "type"),
		firstOf(inner, "error_description", "message", "msg", "errorSummary", "errorMessage", "error_message", "errmsg", "detail", "title"),
	)
	e = e.withScope(inner.Text("scope"))
	isStatus := inner.Members["code"].Kind() == '0' && e.Code == string(inner.Members["code"])
	isType := firstOf(inner, "error", "error_code", "errorCode", "code") == "" && strings.Contains(e.Code, ":")
	if isStatus || isType { // or the type of a problem (RFC 9457, section 3.1.1)
		e.Code = ""
	}
	return e, e.Code != ""
}

// saysFailed reports whether an object says that it is no success, by the members of
// providers whose answers always have the status 200.
func saysFailed(o foreign.Object) bool {
	for _, name := range []string{"ok", "success"} {
		if o.Has(name) && !o.Flag(name) {
			return true
		}
	}
	for _, name := range []string{"errcode", "code"} {
		if value := o.Members[name]; value.Kind() == '0' && string(value) != "0" && string(value) != "200" {
			return true
		}
	}
	return false
}

// firstOf is the first of the members that says something.
func firstOf(o foreign.Object, names ...string) string {
	for _, name := range names {
		if kind := o.Members[name].Kind(); kind == '"' || kind == '0' {
			if s := o.Text(name); s != "" {
				return s
			}
		}
	}
	return ""
}

// newOAuthError filters what a provider says of a refusal.
func newOAuthError(code, description string) oauthError {
	return oauthError{Code: foreign.Line(code), Description: foreign.Line(description)}
}

// withScope adds the scope that a provider names beside invalid_scope, in a member or
// parameter of its own, as Logto does.
func (o oauthError) withScope(scope string) oauthError {
	if scope = foreign.Line(scope); o.Code == "invalid_scope" && scope != "" && !strings.Contains(o.Description, scope) {
		o.Description = strings.TrimPrefix(o.Description+": "+scope, ": ")
	}
	return o
}

func (o oauthError) describe() string {
	if o.Description == "" {
		return "the provider gave no reason"
	}
	return o.Description
}

// response is what an endpoint of an authorization server answered.
type response struct {
	status     int
	body       []byte
	form       bool // the body is a form, as GitHub's, whatever its type says
	retryAfter time.Duration
}

func newResponse(status int, header http.Header, body []byte, now time.Time) response {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	form := mediaType == "application/x-www-form-urlencoded" || bytes.HasPrefix(body, []byte("access_token="))
	return response{status, body, form, retry.After(header.Get("Retry-After"), now)}
}

// object reads the members of the answer.
func (a response) object() (foreign.Object, error) {
	if o, err := foreign.ParseObject(a.body); err == nil || !a.form {
		return o, err
	}
	values, err := url.ParseQuery(string(a.body))
	if err != nil {
		return foreign.Object{}, foreign.ErrNoObject
	}
	o := foreign.Object{Members: map[string]jsontext.Value{}, Faults: map[string]error{}}
	for name, list := range values {
		if o.Members[name], err = jsontext.AppendQuote(nil, list[0]); err != nil || len(list) > 1 {
			return foreign.Object{}, foreign.ErrNoObject
		}
	}
	return o, nil
}

// oauthError reads the error in the answer; see errorIn.
func (a response) oauthError() (e oauthError, coded bool) {
	o, err := a.object()
	if err != nil {
		return oauthError{Description: a.plainRefusal()}, false
	}
	return errorIn(o)
}

// refreshWords match a plain text about a refresh token. They are compiled at first
// use, to keep the start of the program short.
var refreshWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^[^<>]*\b(refresh[ _-]?token|invalid_grant)\b[^<>]*$`)
})

// plainRefusal returns a short text, or JSON string, that is about a refresh token; ""
// for one that may come from a proxy or firewall.
func (a response) plainRefusal() string {
	if len(a.body) > 512 || !refreshWords().Match(a.body) {
		return ""
	}
	return foreign.Line(strings.Trim(strings.TrimSpace(string(a.body)), `"`))
}

// isGrant reports whether the answer is a success with a token in it.
func (a response) isGrant() bool {
	o, err := a.object()
	return a.status/100 == 2 && err == nil && o.Text("access_token") != ""
}

// isRefusal reports whether the answer is about what was presented: a JSON answer
// with an error in it, or text that names a refresh token. Pages of a portal, firewall
// or gateway, their JSON without an error code, and an answer that asks to try later say
// nothing about a token.
func (a response) isRefusal() bool {
	if a.isBusy() || a.status/100 != 2 && a.status/100 != 4 {
		return false
	}
	o, _ := a.object()
	e, coded := a.oauthError()
	switch a.status {
	case http.StatusForbidden, http.StatusNotFound: // a firewall's, often
		return coded
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		return coded || e.Description != "" || saysFailed(o)
	}
	return coded || a.status/100 == 2 && saysFailed(o)
}

// isBusy reports whether the provider cannot answer now.
func (a response) isBusy() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	e, _ := a.oauthError()
	return a.status >= 500 || slices.Contains([]string{"temporarily_unavailable", "server_error", "slow_down"}, e.Code)
}

// refusesClient reports whether the client, and nothing else, was refused.
func (a response) refusesClient() bool {
	e, _ := a.oauthError()
	return !a.isGrant() && (e.Code == "invalid_client" || e.Code == "incorrect_client_credentials") // GitHub's
}

// mayRefuseClient reports whether the client may be what was refused: with 401 that is
// so (RFC 6749, section 5.2), whatever the words, unless they are about the grant.
func (a response) mayRefuseClient() bool {
	e, _ := a.oauthError()
	aboutGrant := slices.Contains([]string{"invalid_grant", "authorization_pending", "slow_down", "expired_token"}, e.Code)
	return a.refusesClient() || a.status == http.StatusUnauthorized && !aboutGrant
}

// wantsScopes reports whether a refusal is about scopes that the request lacks.
func (a response) wantsScopes() bool {
	e, _ := a.oauthError()
	about := e.Code != "invalid_grant" && strings.Contains(strings.ToLower(e.Code+" "+e.Description), "scope")
	return a.isRefusal() && (about || strings.Contains(e.Description, "AADSTS90009"))
}

// asError is the error of an answer that is no success.
func (a response) asError(op, resource string) error {
	switch e, coded := a.oauthError(); {
	case coded:
		return &Error{Op: op, Code: e.Code, Err: errors.New(e.describe()), Hint: hintFor(e, resource)}
	case e.Description != "":
		return &Error{Op: op, Err: fmt.Errorf("status %d: %s", a.status, e.Description)}
	case a.status/100 == 2:
		return &Error{Op: op, Err: errNoToken}
	}
	return &Error{Op: op, Err: fmt.Errorf("status %d", a.status)}
}

// hintFor explains the errors people meet most.
func hintFor(o oauthError, resource string) string {
	switch o.Code {
	case "invalid_target":
		return "the provider does not know the resource " + resource + ": register exactly this string there as an API resource, or give another one with --resource (none leaves it out)"
	case "invalid_client", "unauthorized_client":
		return "the provider does not accept this client: check the client id and, if it has one, its secret, and that it is a native application"
	case "invalid_scope":
		return "the provider does not grant this client a scope that was asked for: allow it there (in Logto: Permissions of a third-party application), or choose others with --scope"
	case "access_denied":
		return "the login was refused, or the account may not use this server"
	}
	return ""
}
