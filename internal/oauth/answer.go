package oauth

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
	"strconv"
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

// errorIn reads the error in an answer: in the words of RFC 6749, else in those
// that providers have of their own, in the object itself, in error, or in the
// first one of errors. coded is false when no code of an error is in it.
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
	e = e.naming(inner.Text("scope"))
	isStatus := inner.Members["code"].Kind() == '0' && e.Code == string(inner.Members["code"])
	isType := firstOf(inner, "error", "error_code", "errorCode", "code") == "" && strings.Contains(e.Code, ":")
	if isStatus || isType { // or the type of a problem (RFC 9457, section 3.1.1)
		e.Code = ""
	}
	return e, e.Code != ""
}

// saysFailed reports whether an object says that it is no success, in the words of
// those whose answers always have the status 200.
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

// naming adds the scope that a provider names beside invalid_scope, in a member or
// parameter of its own, as Logto does.
func (o oauthError) naming(scope string) oauthError {
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

// tokenResponse is the success answer of a token endpoint (RFC 6749, section
// 5.1). expires_in is a number, but some servers send it as a string.
type tokenResponse struct {
	AccessToken  string         `json:"access_token"`
	TokenType    string         `json:"token_type"`
	ExpiresIn    jsontext.Value `json:"expires_in"`
	RefreshToken string         `json:"refresh_token"`
	IDToken      string         `json:"id_token"`
	Scopes       []string       `json:"scope"` // nil: the answer does not say
}

// tokenAnswer is what a token endpoint answered.
type tokenAnswer struct {
	status     int
	body       []byte
	form       bool // the body is a form, as GitHub's, whatever its type says
	retryAfter time.Duration
}

func newTokenAnswer(status int, header http.Header, body []byte, now time.Time) tokenAnswer {
	mediaType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	form := mediaType == "application/x-www-form-urlencoded" || bytes.HasPrefix(body, []byte("access_token="))
	return tokenAnswer{status, body, form, retry.After(header.Get("Retry-After"), now)}
}

// object reads the members of the answer.
func (a tokenAnswer) object() (foreign.Object, error) {
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

// told reads the error in the answer; see errorIn.
func (a tokenAnswer) told() (e oauthError, coded bool) {
	o, err := a.object()
	if err != nil {
		return oauthError{Description: a.plainRefusal()}, false
	}
	return errorIn(o)
}

// refreshWords are how a plain text names what it refuses. Nothing is compiled
// before main.
var refreshWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^[^<>]*\b(refresh[ _-]?token|invalid_grant)\b[^<>]*$`)
})

// plainRefusal is a short text, or JSON string, of a token endpoint that is about a
// refresh token; "" for what may be of somebody on the way.
func (a tokenAnswer) plainRefusal() string {
	if len(a.body) > 512 || !refreshWords().Match(a.body) {
		return ""
	}
	return foreign.Line(strings.Trim(strings.TrimSpace(string(a.body)), `"`))
}

// granted reports whether the answer is a success with a token in it.
func (a tokenAnswer) granted() bool {
	o, err := a.object()
	return a.status/100 == 2 && err == nil && o.Text("access_token") != ""
}

// refused reports whether the answer is about what was presented: a JSON answer
// with an error in it, or words that name a refresh token. A page of a portal, a
// firewall or a gateway, its JSON without the code of an error, and an answer that
// asks to come again say nothing about a token.
func (a tokenAnswer) refused() bool {
	if a.busy() || a.status/100 != 2 && a.status/100 != 4 {
		return false
	}
	o, _ := a.object()
	e, coded := a.told()
	switch a.status {
	case http.StatusForbidden, http.StatusNotFound: // a firewall's, often
		return coded
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusConflict, http.StatusGone, http.StatusUnprocessableEntity:
		return coded || e.Description != "" || saysFailed(o)
	}
	return coded || a.status/100 == 2 && saysFailed(o)
}

// busy reports whether the provider cannot answer now.
func (a tokenAnswer) busy() bool {
	switch a.status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	e, _ := a.told()
	return a.status >= 500 || slices.Contains([]string{"temporarily_unavailable", "server_error", "slow_down"}, e.Code)
}

// invalidClient reports whether the client, and nothing else, was refused.
func (a tokenAnswer) invalidClient() bool {
	e, _ := a.told()
	return !a.granted() && (e.Code == "invalid_client" || e.Code == "incorrect_client_credentials") // GitHub's
}

// doubtsClient reports whether the client may be what was refused: with 401 that is
// so (RFC 6749, section 5.2), whatever the words, unless they are about the grant.
func (a tokenAnswer) doubtsClient() bool {
	e, _ := a.told()
	aboutGrant := slices.Contains([]string{"invalid_grant", "authorization_pending", "slow_down", "expired_token"}, e.Code)
	return a.invalidClient() || a.status == http.StatusUnauthorized && !aboutGrant
}

// wantsScope reports whether a refusal is about scopes that the request lacks.
func (a tokenAnswer) wantsScope() bool {
	e, _ := a.told()
	about := e.Code != "invalid_grant" && strings.Contains(strings.ToLower(e.Code+" "+e.Description), "scope")
	return a.refused() && (about || strings.Contains(e.Description, "AADSTS90009"))
}

// apply puts a success into cred.
func (a tokenAnswer) apply(cred *Credential, now time.Time) error {
	o, err := a.object()
	if err != nil {
		return err
	}
	t := tokenResponse{
		AccessToken: o.Text("access_token"), TokenType: o.Text("token_type"), ExpiresIn: o.Members["expires_in"],
		RefreshToken: o.Text("refresh_token"), IDToken: o.Text("id_token"), Scopes: o.List("scope"),
	}
	if err := o.Faults["access_token"]; err != nil {
		return err
	}
	return t.apply(cred, now)
}

// refusal is the error of an answer that is no success.
func (a tokenAnswer) refusal(op, resource string) error {
	switch e, coded := a.told(); {
	case coded:
		return &Error{Op: op, Code: e.Code, Err: errors.New(e.describe()), Hint: hintFor(e, resource)}
	case e.Description != "":
		return &Error{Op: op, Err: fmt.Errorf("status %d: %s", a.status, e.Description)}
	case a.status/100 == 2:
		return &Error{Op: op, Err: errNoToken}
	}
	return &Error{Op: op, Err: fmt.Errorf("status %d", a.status)}
}

var errNoToken = errors.New("the token response holds no access_token")

// needsProof are the types of tokens that are of no use alone (RFC 9449, RFC
// 8693, the drafts of MAC and PoP tokens). Any other token is a bearer token,
// whatever a provider calls its kind: user, bot, or nothing.
var needsProof = []string{"dpop", "mac", "pop", "hok", "n_a"}

// secondsOf reads a number of seconds, or one in quotation marks.
func secondsOf(value jsontext.Value) (float64, bool) {
	seconds, err := strconv.ParseFloat(strings.Trim(string(value), `"`), 64)
	return seconds, err == nil
}
