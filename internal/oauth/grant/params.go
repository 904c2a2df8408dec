package grant

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// repeatedParams are those a person chose that token and refresh requests repeat: they
// choose the organization that a token is for (Logto, WorkOS).
var repeatedParams = []string{"organization_id"}

// addTokenParams adds the resource (RFC 8707, section 2.2) and what the person chose to
// a token request. A client without a person makes no authorization request: there all
// that was chosen is added.
func (c *Client) addTokenParams(form url.Values, resource string) {
	if resource != "" {
		form.Set("resource", resource)
	}
	for _, param := range c.Params {
		name, value, _ := strings.Cut(param, "=")
		all := form.Get("grant_type") == typeClientCredentials && name != "prompt" && CheckParam(name) == nil
		if all || slices.Contains(repeatedParams, name) {
			form.Set(name, value)
		}
	}
}

// Param returns the value of a parameter that the person chose, "" for none.
func (c *Client) Param(name string) (value string) {
	for _, param := range c.Params {
		if v, ok := strings.CutPrefix(param, name+"="); ok {
			value = v
		}
	}
	return value
}

// chosenParams are the parameters of an authorization request that the protocol does
// not need: prompt, for a refresh token, what the server wants of the sign-in, and what
// the person chose, which wins.
func (c *Client) chosenParams(t *Target) (url.Values, error) {
	params := url.Values{}
	if t.Consent {
		params.Set("prompt", "consent")
	}
	if t.Authentication.ACRValues != "" {
		params.Set("acr_values", t.Authentication.ACRValues)
	}
	if t.Authentication.MaxAge != "" {
		params.Set("max_age", t.Authentication.MaxAge)
	}
	for _, param := range c.Params {
		name, value, _ := strings.Cut(param, "=")
		if err := CheckParam(name); err != nil {
			return nil, err
		}
		if params.Set(name, value); name == "prompt" && value == "" {
			params.Del(name) // an empty one is refused by some, and means nothing
		}
	}
	return params, nil
}

// explainParams replaces the hint of a refusal that a chosen parameter may be the
// reason of.
func (c *Client) explainParams(err error) error {
	var refused *Error
	if !errors.As(err, &refused) {
		return err
	}
	switch organization := c.Param("organization_id"); {
	case refused.Code == "access_denied" && organization != "":
		refused.Hint = "the account may not be a member of the organization " + foreign.Line(organization) + ": leave out --auth-param organization_id, or sign in as somebody who is"
	case refused.Code == "invalid_request" && refused.Hint == "" && len(c.Params) > 0:
		refused.Hint = "the provider may not know what was given with --auth-param: leave it out, and see what differs"
	}
	return err
}

// reservedParams are the parameters that the login sets itself, and those that would
// let somebody else decide about the request or receive the answer (response_mode,
// request objects).
var reservedParams = []string{
	"response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method", "resource",
	"response_mode", "request", "request_uri", "client_secret", "client_assertion", "client_assertion_type", "code", "code_verifier", "dpop_jkt",
	"grant_type", "refresh_token", "device_code", "assertion", // of token requests
}

// CheckParam refuses the name of a parameter that a person may not add to the
// authorization request.
func CheckParam(name string) error {
	switch {
	case name == "":
		return &hint.Error{Op: "read an authorization parameter", Err: errors.New("it has no name"), Hint: "write it as name=value, for example login_hint=alice@example.com"}
	case slices.Contains(reservedParams, name):
		return &hint.Error{Op: "read an authorization parameter", Err: fmt.Errorf("%s is set by the login itself", foreign.Line(name)), Hint: "see --scope, --resource and --client-id"}
	}
	return nil
}

// requestParams are the parameters that a request to an endpoint sets or leaves out on
// purpose, besides reservedParams.
var requestParams = []string{"nonce", "claims", "authorization_details", "grant_type", "refresh_token", "device_code", "token", "token_type_hint"}

// EndpointURL returns an endpoint of an authorization server without those members of
// its query that belong to a request: reserved ones, and those in also. Others stay as
// they are (RFC 6749, sections 3.1 and 3.2). Hostile metadata may name the endpoint of
// an honest provider with a resource or scope in its query, which would be requested
// there in the person's name.
func EndpointURL(endpoint *url.URL, also url.Values) *url.URL {
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
		case also.Has(name) || also.Has(folded) || slices.Contains(reservedParams, folded) || slices.Contains(requestParams, folded):
		default:
			kept = append(kept, member)
		}
	}
	clean := *endpoint
	clean.RawQuery = strings.Join(kept, "&")
	return &clean
}

// plainName reports whether name is that of a parameter (RFC 6749, section 8.2). With any
// other character it may be another name to a provider, which cuts it at a bracket or a
// zero byte, trims it, or folds it to ASCII.
func plainName(name string) bool {
	return name != "" && strings.Trim(name, foreign.Alphanumeric+"-._") == ""
}
