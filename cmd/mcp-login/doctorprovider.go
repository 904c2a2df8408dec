package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
)

// askProvider makes an authorization request that asks nobody, and throws the
// answer away.
func (x *examination) askProvider(ctx context.Context, clientID, resource string) finding {
	redirect, err := x.o.listener("", func() string { return "" }, nil)(ctx, "", "", 0)
	if err != nil {
		return skipped("see the callback port")
	}
	defer func() { _ = redirect.Close() }()
	at, err := url.Parse(x.provider.AuthorizationEndpoint)
	if err != nil {
		return failedBy(err, "")
	}
	challenge := sha256.Sum256([]byte(rand.Text()))
	q := oauth.OwnQuery(at, url.Values{"prompt": nil}).Query()
	for name, value := range map[string]string{
		"response_type": "code", "client_id": clientID, "redirect_uri": redirect.URI(), "state": rand.Text(), "prompt": "none", "scope": "openid",
		"code_challenge": base64.RawURLEncoding.EncodeToString(challenge[:]), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	if resource != "" {
		q.Set("resource", resource)
	}
	at.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), nil)
	if err != nil {
		return failedBy(err, "")
	}
	resp, err := x.client.Do(req) //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return failed("can it be reached from here?", "the authorization endpoint does not answer")
	}
	body, _ := foreign.ReadBody(resp, 64<<10, foreign.AnswerTime)
	return x.judge(resp, string(body), redirect.URI(), resource)
}

// judge reads what a provider says to prompt=none.
func (x *examination) judge(resp *http.Response, body, redirectURI, resource string) finding {
	said := ""
	if to, err := resp.Location(); err == nil && strings.HasPrefix(to.String(), redirectURI) {
		said = to.Query().Get("error")
	}
	wrongRedirect := failed("enter exactly this redirect URI at the provider: "+x.redirectURI(), "the provider does not accept the redirect URI %s", redirectURI)
	switch said {
	case "invalid_target":
		return failed("register an API resource with exactly the indicator "+resource+" at the provider (Logto: Console, API resources), or add --no-resource", "the provider does not know the resource %s", resource)
	case "login_required", "interaction_required", "consent_required", "account_selection_required", "":
	case "invalid_scope", "unauthorized_client", "unsupported_response_type", "invalid_request":
		return failed("look at the client's settings at the provider", "the provider answers %s", said)
	}
	switch {
	case said != "":
		return passed("client, redirect URI%s are accepted", andResource(resource))
	case strings.Contains(body, "redirect_uri"):
		return wrongRedirect
	case resp.StatusCode >= 400 && (strings.Contains(body, "invalid_client") || strings.Contains(body, "client is invalid")):
		return failed("look at --client-id, or forget the login (mcp-login logout) so that a client is registered anew", "the provider does not know the client")
	case strings.Contains(body, "invalid_target"):
		return failed("register an API resource with exactly the indicator "+resource+" at the provider, or add --no-resource", "the provider does not know the resource %s", resource)
	}
	return skipped("the provider does not say without a person (%d)", resp.StatusCode)
}

func andResource(resource string) string {
	if resource == "" {
		return ""
	}
	return " and resource " + resource
}
