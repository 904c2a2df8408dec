package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"mcp-login/bearer"
	"mcp-login/test/issuer"
)

// Without a token the challenge has resource_metadata and scope and no
// error; on every method of every endpoint.
func TestNoTokenIs401OnEveryMethod(t *testing.T) {
	s := newServer(t, issuer.Start(t), nil)
	for path, metadata := range map[string]string{
		"/mcp":                  "http://127.0.0.1:3001/.well-known/oauth-protected-resource/mcp",
		"/sse":                  "http://127.0.0.1:3001/.well-known/oauth-protected-resource/sse",
		"/messages?sessionId=x": "http://127.0.0.1:3001/.well-known/oauth-protected-resource/sse",
	} {
		for _, method := range []string{"GET", "POST", "DELETE", "PUT", "HEAD", "OPTIONS", "PATCH"} {
			resp := call(s, method, path, "", "", "Mcp-Session-Id", "guess", "Last-Event-ID", "1")
			if resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%s %s: %d, want 401", method, path, resp.StatusCode)
				continue
			}
			got := issuer.Challenge(t, resp)
			if got["resource_metadata"] != metadata || got["scope"] != "openid profile email" {
				t.Errorf("%s %s: challenge %v", method, path, got)
			}
			if len(got) != 2 {
				t.Errorf("%s %s: a challenge to a request without token has more: %v", method, path, got)
			}
		}
	}
}

// A token that was sent and is not good gets error="invalid_token".
func TestBadTokenIs401InvalidToken(t *testing.T) {
	s := newServer(t, issuer.Start(t), nil)
	resp := call(s, "POST", "/mcp", "opaque-unknown", callWhoami)
	if resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("status %d", resp.StatusCode)
	}
	got := issuer.Challenge(t, resp)
	if got["error"] != "invalid_token" || got["error_description"] == "" || got["resource_metadata"] == "" {
		t.Errorf("challenge %v", got)
	}
	if code := issuer.ErrorCode(t, resp); code != "invalid_token" {
		t.Errorf("body error %q", code)
	}
	if resp.Header.Get("X-Request-Id") == "" {
		t.Error("no correlation id")
	}
}

// Malformed requests are 400 invalid_request, whatever the token is worth.
func TestMalformedAuthorizationIs400(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	good := i.Sign(t, issuer.Change{})
	tests := map[string]struct {
		target string
		header []string
	}{
		"token in query":             {"/mcp?access_token=" + good, nil},
		"token in query and header":  {"/mcp?access_token=" + good, []string{"Authorization", "Bearer " + good}},
		"token in query of messages": {"/messages?sessionId=x&access_token=" + good, nil},
		"two headers":                {"/mcp", []string{"Authorization", "Bearer " + good, "Authorization", "Bearer " + good}},
		"bearer and basic":           {"/mcp", []string{"Authorization", "Basic eDp5", "Authorization", "Bearer " + good}},
		"empty token":                {"/mcp", []string{"Authorization", "Bearer "}},
		"scheme only":                {"/mcp", []string{"Authorization", "Bearer"}},
		"two words":                  {"/mcp", []string{"Authorization", "Bearer " + good + " more"}},
		"comma list":                 {"/mcp", []string{"Authorization", "Bearer " + good + ", Bearer x"}},
		"quote in token":             {"/mcp", []string{"Authorization", `Bearer a"b`}},
		"equals inside":              {"/mcp", []string{"Authorization", "Bearer a=b"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			resp := call(s, "POST", tt.target, "", callWhoami, tt.header...)
			if resp.StatusCode != http.StatusBadRequest {
				t.Fatalf("status %d, want 400", resp.StatusCode)
			}
			if code := issuer.ErrorCode(t, resp); code != "invalid_request" {
				t.Errorf("error %q", code)
			}
			if got := issuer.Challenge(t, resp)["error"]; got != "invalid_request" {
				t.Errorf("challenge error %q", got)
			}
		})
	}
}

// RFC 6750 section 3.1: another scheme is no bearer token, so 401 without an
// error. RFC 9110 section 11.1: the scheme's case does not matter.
func TestSchemeOfTheAuthorizationHeader(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	resp := call(s, "POST", "/mcp", "", callWhoami, "Authorization", "Basic eDp5")
	if got := issuer.Challenge(t, resp); resp.StatusCode != 401 || got["error"] != "" {
		t.Errorf("Basic: %d %v", resp.StatusCode, got)
	}
	resp = call(s, "POST", "/mcp", "", callWhoami, "Authorization", "bEARER "+i.Sign(t, issuer.Change{}))
	if resp.StatusCode != 200 {
		t.Errorf("odd case of the scheme: %d", resp.StatusCode)
	}
}

// 403 names all scopes that are needed, never offline_access.
func TestMissingScopeIs403(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) {
		c.Scopes = []string{"openid", "offline_access"}
		c.RequiredScopes = []string{"mcp:read", "mcp:write"}
	})
	resp := call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami)
	if resp.StatusCode != http.StatusForbidden {
		t.Fatalf("status %d", resp.StatusCode)
	}
	got := issuer.Challenge(t, resp)
	if got["error"] != "insufficient_scope" || got["scope"] != "openid mcp:read mcp:write" ||
		got["resource_metadata"] == "" {
		t.Errorf("challenge %v", got)
	}
	// A scope that only looks alike does not count (exact comparison).
	resp = call(s, "POST", "/mcp", i.Sign(t, issuer.Change{Claims: map[string]any{"scope": "mcp:read mcp:write2"}}), callWhoami)
	if resp.StatusCode != http.StatusForbidden {
		t.Errorf("similar scope: %d", resp.StatusCode)
	}
	for _, scope := range []any{"mcp:write mcp:read", []any{"mcp:read", "mcp:write"}} {
		token := i.Sign(t, issuer.Change{Claims: map[string]any{"scope": scope}})
		if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 200 {
			t.Errorf("scope %v: %d", scope, resp.StatusCode)
		}
	}
	// Nothing tells the scopes of an opaque token, so it cannot pass.
	i.Userinfo = issuer.Answer(200, `{"sub":"alice"}`)
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 401 {
		t.Errorf("opaque token with required scopes: %d", resp.StatusCode)
	}
}

// A verifier of one's own: its errors become the right answers.
func TestEachVerifierErrorGetsItsAnswer(t *testing.T) {
	i := issuer.Start(t)
	var result error
	s := newServer(t, i, func(c *Config) {
		c.Verify = func(_ context.Context, token string) (bearer.Identity, error) {
			if token != "tok" {
				t.Errorf("verifier was given %q", token)
			}
			return bearer.Identity{Subject: "bob"}, result
		}
	})
	tests := []struct {
		err    error
		status int
		code   string
	}{
		{bearer.ErrInvalidToken, 401, "invalid_token"},
		{&bearer.InsufficientScopeError{Scopes: []string{"a", "b"}}, 403, "insufficient_scope"},
		{bearer.ErrUnavailable, 503, "temporarily_unavailable"},
		{context.DeadlineExceeded, 503, "temporarily_unavailable"},
		{errors.New("boom"), 500, "server_error"},
	}
	for _, tt := range tests {
		result = tt.err
		resp := call(s, "POST", "/mcp", "tok", callWhoami)
		if code := issuer.ErrorCode(t, resp); resp.StatusCode != tt.status || code != tt.code {
			t.Errorf("%v: %d %s, want %d %s", tt.err, resp.StatusCode, code, tt.status, tt.code)
		}
		if has := resp.Header.Get("Retry-After") != ""; has != (tt.status == 503) {
			t.Errorf("%v: Retry-After present: %t", tt.err, has)
		}
		if has := resp.Header.Get("WWW-Authenticate") != ""; has != slices.Contains([]int{401, 403}, tt.status) {
			t.Errorf("%v: challenge present: %t", tt.err, has)
		}
	}
	result = nil
	if resp := call(s, "POST", "/mcp", "tok", callWhoami); resp.StatusCode != 200 {
		t.Errorf("good: %d", resp.StatusCode)
	}
}

// Sessions are bound to the subject: an identity without one is refused.
func TestIdentityWithoutSubjectIsRefused(t *testing.T) {
	s := newServer(t, issuer.Start(t), func(c *Config) {
		c.Verify = func(context.Context, string) (bearer.Identity, error) { return bearer.Identity{}, nil }
	})
	if resp := call(s, "POST", "/mcp", "tok", callWhoami); resp.StatusCode != 500 {
		t.Errorf("status %d", resp.StatusCode)
	}
}
