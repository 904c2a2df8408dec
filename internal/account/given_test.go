package account

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/grant"
)

// A server that refuses what the person gave is said to do so, and what it was is named; its
// value is not. A 403 is blamed on it only where the server says that a credential is at fault.
func TestARefusedCredentialIsNamed(t *testing.T) {
	const value = "s3cret-value"
	authorization := Connection{Header: http.Header{"Authorization": {"Bearer " + value}}}
	key := Connection{Header: http.Header{"X-Api-Key": {value}, "User-Agent": {"mcp-login"}}}
	tenant := Connection{Header: http.Header{"X-Tenant": {value}}}
	both := Connection{Header: http.Header{"X-Tenant": {value}, "X-Api-Key": {value}}}
	token := Connection{Token: grant.NewSecret(value)}
	for name, c := range map[string]struct {
		given            Connection
		status           int
		challenge, body  string
		says, hint, none string
	}{
		"401 to a header Authorization":        {authorization, 401, "", "", "refused the header Authorization", "--header", ""},
		"401 with a challenge":                 {authorization, 401, `Bearer error="invalid_token", error_description="expired"`, "", "refused the header Authorization: expired", "--header", ""},
		"401 of another scheme":                {authorization, 401, `Basic realm="x"`, "", "refused the header Authorization", "--header", ""},
		"401 to the token of the variable":     {token, 401, "", "", "refused the token in MCP_LOGIN_TOKEN", "MCP_LOGIN_TOKEN", ""},
		"401 to another header, and no login":  {key, 401, "", "", "the server refused the header X-Api-Key (401)", "wants a sign-in as well: see mcp-login doctor", "register"},
		"401 to a header of any use":           {tenant, 401, "", "", "refused one of the headers that were given, perhaps (401)", "look at the value", "X-Tenant"},
		"401 to several headers":               {both, 401, "", "", "refused one of the headers that were given, perhaps (401)", "look at the value", "X-"},
		"403 to a header of any use":           {tenant, 403, "", `{"error":"invalid token"}`, "refuses one of the headers that were given, perhaps", "look at its value", "X-Tenant"},
		"403 to several headers":               {both, 403, "", "invalid token", "refuses one of the headers that were given, perhaps", "look at its value", "X-"},
		"401 that asks for a sign-in":          {key, 401, `Bearer resource_metadata="http://127.0.0.1:1/m"`, "", "", "", "X-Api-Key"},
		"403 whose challenge blames the token": {authorization, 403, `Bearer error="invalid_token"`, "", "refused the header Authorization", "--header", ""},
		"403 for the variable":                 {token, 403, `Bearer error="invalid_token"`, "", "refused the token in MCP_LOGIN_TOKEN", "MCP_LOGIN_TOKEN", ""},
		"403 with a code":                      {key, 403, "", `{"error":"invalid_api_key"}`, "refuses the header X-Api-Key", "look at its value", ""},
		"403 with words":                       {key, 403, "", "The API key has expired.", "refuses the header X-Api-Key", "look at its value", ""},
		"403 with other words":                 {authorization, 403, "", `{"message":"Access token is not valid"}`, "refuses the header Authorization", "look at its value", ""},
		"403 about bad credentials":            {token, 403, "", "Bad credentials", "refuses the token in MCP_LOGIN_TOKEN", "look at its value", ""},
		"403 for a missing permission":         {key, 403, "", `{"error":"forbidden","message":"admins only"}`, "403", "gateway", "X-Api-Key"},
		"403 without words":                    {authorization, 403, "", "", "403", "gateway", "Authorization"},
		"403 about a scope":                    {authorization, 403, `Bearer error="insufficient_scope"`, "invalid token", "lacks a permission", "permissions", "refuses"},
		"403 against forged requests":          {key, 403, "", "CSRF token is invalid", "403", "gateway", "X-Api-Key"},
		"403 about an invalid request":         {key, 403, "", "the request is invalid: it names no tokenizer", "403", "gateway", "X-Api-Key"},
		"403 where nothing was given":          {Connection{}, 403, "", `{"error":"invalid_api_key"}`, "403", "gateway", "refuses"},
		"404":                                  {key, 404, "", "unknown key", "404", "address", "X-Api-Key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/mcp" {
					w.WriteHeader(http.StatusNotFound)
					return
				}
				if c.challenge != "" {
					w.Header().Set("WWW-Authenticate", c.challenge)
				}
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			t.Cleanup(srv.Close)
			err := openedWith(t, srv.URL+"/mcp", ForCall, c.given).Probe(t.Context())
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(hint.Of(err), c.hint) {
				t.Errorf("%v, hint: %s", err, hint.Of(err))
			}
			if text := err.Error(); strings.Contains(text+hint.Of(err), value) || c.none != "" && strings.Contains(text, c.none) {
				t.Error(text)
			}
		})
	}
}

// A server whose provider is down wants a sign-in, and has said nothing about the header.
func TestNoHeaderIsBlamedWhereTheProviderIsDown(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/mcp" {
			w.WriteHeader(http.StatusUnauthorized)
		} else {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(srv.Close)
	err := openedWith(t, srv.URL+"/mcp", ForCall, Connection{Header: http.Header{"X-Api-Key": {"s3cret-value"}}}).Probe(t.Context())
	if err == nil || strings.Contains(err.Error(), "X-Api-Key") {
		t.Error(err)
	}
}
