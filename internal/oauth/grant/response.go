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

	"mcp-login/internal/dpop"
	"mcp-login/internal/foreign"
	"mcp-login/internal/retry"
)

// oauthError is the error answer of token, registration and revocation
// endpoints (RFC 6749, section 5.2), or one in a provider's own words.
type oauthError struct{ Code, Description string }

// errorIn reads the error in an object: by the names of RFC 6749 section 5.2, else by
// those of known providers, in the object itself, in its member error, or in the first
// of its errors.
func errorIn(o foreign.Object) oauthError {
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
	e := newOAuthError(
		firstOf(inner, "error", "error_code", "errorCode", "code", "type"),
		firstOf(inner, "error_description", "message", "msg", "errorSummary", "errorMessage", "error_message", "errmsg", "detail", "title"),
	)
	e = e.withScope(inner.Text("scope"))
	isStatus := inner.Members["code"].Kind() == '0' && e.Code == string(inner.Members["code"])
	isType := firstOf(inner, "error", "error_code", "errorCode", "code") == "" && strings.Contains(e.Code, ":")
	if isStatus || isType { // or the type of a problem (RFC 9457, section 3.1.1)
		e.Code = ""
	}
	return e
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
	return oauthError{Code: ErrorCode(code), Description: foreign.Quote(description)}
}

// ErrorCode filters the code of a refusal. One in the form of the registered codes (RFC
// 6749, section 5.2) stays as it is, whatever is withheld: it is compared with them.
func ErrorCode(code string) string {
	if strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") == "" {
		return foreign.Line(code)
	}
	return foreign.Quote(code)
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
	status int
	body   []byte
	// object has the members of the answer; unread says why it is not one.
	object foreign.Object
	unread error
	// oauthError is the error in it. Without a code, Description may be its text.
	oauthError
	retryAfter time.Duration
	nonce      string // for the next proof (RFC 9449, section 8), "" for none
}

// newResponse reads an answer. A form, as GitHub's, is one whatever its type says.
func newResponse(status int, header http.Header, body []byte) response {
	a := response{status: status, body: body, retryAfter: retry.After(header.Get("Retry-After"), time.Now()), nonce: header.Get(dpop.NonceHeader)}
	a.object, a.unread = foreign.ParseObject(body)
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	if a.unread != nil && (mediaType == "application/x-www-form-urlencoded" || bytes.HasPrefix(body, []byte("access_token="))) {
		a.object, a.unread = formObject(body)
	}
	if a.unread == nil {
		a.oauthError = errorIn(a.object)
	} else {
		a.Description = plainRefusal(body)
	}
	return a
}

// formObject reads a form as an object.
func formObject(body []byte) (foreign.Object, error) {
	values, err := url.ParseQuery(string(body))
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

// refreshWords match a plain text about a refresh token. They are compiled at first
// use, to keep the start of the program short.
var refreshWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^[^<>]*\b(refresh[ _-]?token|invalid_grant)\b[^<>]*$`)
})

// plainRefusal returns a short text, or JSON string, that is about a refresh token; ""
// for one that may come from a proxy or firewall.
func plainRefusal(body []byte) string {
	if len(body) > 512 || !refreshWords().Match(body) {
		return ""
	}
	return foreign.Quote(strings.Trim(strings.TrimSpace(string(body)), `"`))
}

func (a response) isGrant() bool {
	return a.status/100 == 2 && a.unread == nil && a.object.Text("access_token") != ""
}

// isRefusal reports whether the answer is about what was presented: a JSON answer
// with an error in it, or text that names a refresh token. Pages of a portal, firewall
// or gateway, their JSON without an error code, and an answer that asks to try later say
// nothing about a token.
func (a response) isRefusal() bool {
	if a.isBusy() || a.status/100 != 2 && a.status/100 != 4 {
		return false
	}
	switch a.status {
	case http.StatusForbidden, http.StatusNotFound: // a firewall's, often
		return a.Code != ""
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		return a.Code != "" || a.Description != "" || saysFailed(a.object)
	}
	return a.Code != "" || a.status/100 == 2 && saysFailed(a.object)
}

// isBusy reports whether the provider cannot answer now.
func (a response) isBusy() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return a.status >= 500 || slices.Contains([]string{"temporarily_unavailable", "server_error", "slow_down"}, a.Code)
}

// refusesClient reports whether the client, and nothing else, was refused.
func (a response) refusesClient() bool {
	return !a.isGrant() && (a.Code == "invalid_client" || a.Code == "incorrect_client_credentials") // GitHub's
}

// mayRefuseClient reports whether the client may be what was refused: with 401 that is
// so (RFC 6749, section 5.2), whatever the words, unless they are about the grant or the
// proof.
func (a response) mayRefuseClient() bool {
	aboutGrant := slices.Contains([]string{"invalid_grant", "authorization_pending", "slow_down", "expired_token", dpop.ErrUseNonce, dpop.ErrorCode}, a.Code)
	return a.refusesClient() || a.status == http.StatusUnauthorized && !aboutGrant
}

func (a response) wantsScopes() bool {
	about := a.Code != "invalid_grant" && strings.Contains(strings.ToLower(a.Code+" "+a.Description), "scope")
	return a.isRefusal() && (about || strings.Contains(a.Description, "AADSTS90009"))
}

// asError is the error of an answer that is no success.
func (a response) asError(op, resource string) error {
	switch {
	case a.Code != "":
		return &Error{Op: op, Code: a.Code, Err: errors.New(a.describe()), Hint: hintFor(a.Code, resource)}
	case a.Description != "":
		return &Error{Op: op, Err: fmt.Errorf("status %d: %s", a.status, a.Description)}
	case a.status/100 == 2:
		return &Error{Op: op, Err: errNoToken}
	}
	return &Error{Op: op, Err: fmt.Errorf("status %d", a.status)}
}

// hintFor explains the errors people meet most.
func hintFor(code, resource string) string {
	switch code {
	case "invalid_target":
		return "the provider does not know the resource " + resource + ": register exactly this string there as an API resource, or give another one with --resource (none leaves it out)"
	case "invalid_client", "unauthorized_client":
		return "the provider does not accept this client: check the client id and, if it has one, its secret, and that it is a native application"
	case "invalid_scope":
		return "the provider does not grant this client a scope that was asked for: allow it there (in Logto: Permissions of a third-party application), or choose others with --scope"
	case dpop.ErrUseNonce:
		return "the provider asks for a nonce again and again, or gives none (DPoP): tell its operator"
	case dpop.ErrorCode:
		return "is the clock of this machine right? The provider refuses the proof that the login has its key (DPoP)"
	case "access_denied":
		return "the login was refused, or the account may not use this server"
	}
	return ""
}
