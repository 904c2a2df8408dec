package oauth

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"mcp-login/internal/foreign"
)

// quotedString spells s as RFC 9110 section 5.6.4 wants it.
func quotedString(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// C5: whatever a header holds, what is read of it stays in its bounds; what a
// server quotes is read back byte for byte and never taken for another
// challenge.
func FuzzChallenges(f *testing.F) {
	for _, s := range []string{
		`Bearer resource_metadata="https://a.example/m", scope="x y"`, `Basic realm="a", Negotiate abc==, Bearer`, `Bearer a="\`, `=,="`,
		`Bearer scope="\"`, `Bearer, Bearer scope=s`, "Bearer scope=\"a\r\nX: y\"", `x", Bearer scope="y`, strings.Repeat(`Bearer a=1,`, 100), "Bearer\t\xff=\x00",
	} {
		f.Add(s)
	}
	many := "Bearer "
	for i := range 2 * maxChallengeParams {
		many += "p" + strconv.Itoa(i) + "=v, "
	}
	f.Add(many)
	f.Fuzz(func(t *testing.T, s string) {
		list, params := ParseChallenges([]string{s, s}), 0
		for _, c := range list {
			params += len(c.Params)
			if c.Scheme == "" || c.Scheme != strings.ToLower(c.Scheme) || strings.ContainsAny(c.Scheme, " \t,=\"") || c.Params == nil {
				t.Errorf("scheme %q", c.Scheme)
			}
			for name := range c.Params {
				if name == "" || name != strings.ToLower(name) || strings.ContainsAny(name, " \t,=\"") {
					t.Errorf("parameter %q", name)
				}
			}
		}
		if len(list) > maxChallenges || params > maxChallengeParams {
			t.Errorf("%d challenges, %d parameters", len(list), params)
		}
		if len(s) > maxChallengeBytes/4 {
			return
		}
		if c, found := BearerChallenge(http.Header{"Www-Authenticate": {"Basic realm=" + quotedString(s)}}); found {
			t.Errorf("a quoted realm became %+v", c)
		}
		c, _ := BearerChallenge(http.Header{"Www-Authenticate": {"Basic realm=" + quotedString(s) + ", Bearer scope=s, error=" + quotedString(s)}})
		if c.ErrorCode() != s || len(c.Params) != 2 {
			t.Errorf("%q was read as %q", s, c.ErrorCode())
		}
	})
}

// safeAddress repeats, by other means, what an address from metadata must be
// (C18, C38): https, or http on this machine, without user and fragment.
func safeAddress(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsFunc(raw, unicode.IsControl) {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip := net.ParseIP(host)
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback())
}

// C6, C7, security row 11: metadata that is accepted is for this very origin
// and a prefix of this path that ends with a segment.
func FuzzResourceMetadata(f *testing.F) {
	for _, s := range []string{
		`{"resource":"https://mcp.example/a/mcp","authorization_servers":["https://as.example"]}`, `{"resource":"https://mcp.example/a","authorization_servers":["x"],"scopes_supported":["s"]}`,
		`{"resource":"https://mcp.example","authorization_servers":["x"]}`, `{"resource":"https://mcp.example/a/m","authorization_servers":["x"]}`,
		`{"resource":"https://mcp.example:443/a/mcp/","authorization_servers":["x"]}`, `{"resource":"HTTPS://MCP.EXAMPLE/","authorization_servers":["x"]}`,
		`{"resource":"https://mcp.example@evil.example/a","authorization_servers":["x"]}`, `{"resource":"https://mcp.example/a","resource":"https://evil.example","authorization_servers":["x"]}`,
		`{"resource":"https://mcp.example/%61","authorization_servers":["x"]}`, `{"resource":"//mcp.example/a","authorization_servers":["x"]}`, `{"resource":null}`, `[]`, `{"resource":7}`, `{"resource":"https://mcp.example/a","authorization_servers":"https://as.example"}`,
		`{"resource":"https://mcp.example/a","authorization_servers":[1,null,"x",["y"]],"scopes_supported":"a b"}`, `{"resource":"https://mcp.example/a"}`,
	} {
		f.Add([]byte(s))
	}
	server := &url.URL{Scheme: "https", Host: "mcp.example", Path: "/a/mcp"}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decodeResourceMetadata(body)
		if err != nil || m.checkFor(server) != nil {
			return
		}
		u, err := url.Parse(m.Resource)
		if err != nil || !strings.EqualFold(u.Scheme, "https") || !strings.EqualFold(u.Hostname(), "mcp.example") || u.Port() != "" && u.Port() != "443" || u.Fragment != "" {
			t.Fatalf("accepted %q", m.Resource)
		}
		switch strings.TrimSuffix(u.EscapedPath(), "/") {
		case "", "/a", "/a/mcp":
		default:
			t.Errorf("accepted the path of %q", m.Resource)
		}
		if len(preferred(m.AuthorizationServers, "")) > maxAuthorizationServers || strings.ContainsFunc(m.Resource, unicode.IsControl) {
			t.Errorf("accepted %+v", m)
		}
	})
}

// C15, C18, C38: metadata that is accepted calls itself as it was asked for,
// and has a token endpoint and nothing but safe addresses.
func FuzzServerMetadata(f *testing.F) {
	const issuer = "https://as.example/oidc"
	for _, s := range []string{
		`{"issuer":"https://as.example/oidc","authorization_endpoint":"https://as.example/auth","token_endpoint":"https://as.example/token"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"http://127.0.0.1:1/token","registration_endpoint":"http://localhost/r","revocation_endpoint":"https://[::1]/"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"http://as.example/token"}`, `{"issuer":"https://as.example/oidc","token_endpoint":"javascript:alert(1)"}`,
		`{"issuer":"https://as.example/oidc/","token_endpoint":"https://as.example/token"}`, `{"issuer":"https://as.example/oidc","token_endpoint":"https://a@as.example/"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t#f","end_session_endpoint":"file:///etc/passwd"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t","device_authorization_endpoint":"https://as.example /"}`,
		`{"Issuer":"https://as.example/oidc","TOKEN_ENDPOINT":"https://as.example/token"}`, `{"issuer":["https://as.example/oidc"]}`, `{"issuer":"https://as.example/oidc","code_challenge_methods_supported":"S256"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t","revocation_endpoint":1,"end_session_endpoint":"http://as.example/","scopes_supported":"a b","client_id_metadata_document_supported":"true"}`,
		`{"issuer":"https://as.example/oidc","token_endpoint":"https://as.example/t","scopes_supported":[1,"a",null,["b"]],"grant_types_supported":{"a":1}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := decodeServerMetadata(body)
		if err != nil || (IssuerChoice{}).identify(&m, issuer, &url.URL{Scheme: "https", Host: "as.example"}) != nil || m.check() != nil {
			return
		}
		if m.Issuer != issuer || m.FoundAt != "" || m.assumed || m.TokenEndpoint == "" {
			t.Fatalf("accepted %+v", m)
		}
		for _, address := range []string{m.TokenEndpoint, m.AuthorizationEndpoint, m.RegistrationEndpoint, m.RevocationEndpoint, m.DeviceEndpoint, m.EndSessionEndpoint} {
			if address != "" && !safeAddress(address) {
				t.Errorf("accepted %q", address)
			}
		}
		if m.checkAuthorization() == nil && (m.AuthorizationEndpoint == "" || len(m.CodeChallengeMethods) > 0 && !slices.Contains(m.CodeChallengeMethods, "S256")) {
			t.Errorf("a login without PKCE at %+v", m)
		}
	})
}

// A token that is accepted fits into a header as it is, and the end of its life
// lies between now and ten years from now.
func FuzzTokenResponse(f *testing.F) {
	for _, s := range []string{
		`{"access_token":"a","token_type":"Bearer","expires_in":3600,"refresh_token":"r","id_token":"e30.e30.x","scope":"x y"}`,
		`{"access_token":"a","expires_in":"60"}`, `{"access_token":"a","expires_in":1e300}`, `{"access_token":"a","expires_in":-1e300}`, `{"access_token":"a","expires_in":1e-300}`,
		`{"access_token":"a","expires_in":"NaN"}`, `{"access_token":"a","expires_in":"-Inf"}`, `{"access_token":"a","expires_in":"0x1p63"}`, `{"access_token":"a","expires_in":[9]}`,
		`{"access_token":"a\r\nX: y"}`, `{"access_token":"a\u0000"}`, `{"access_token":"a\u007f"}`, `{"access_token":"a","access_token":"b"}`, `{"access_token":"a","token_type":"DPoP"}`, `{"access_token":null}`,
		"\xef\xbb\xbf{\"access_token\":\"a\"}",
	} {
		f.Add([]byte(s))
	}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	before := Credential{Issuer: "https://as.example", RefreshToken: NewSecret("r0"), AccessToken: NewSecret("a0"), Expiry: now}
	f.Fuzz(func(t *testing.T, body []byte) {
		cred := before
		if err := (tokenAnswer{status: 200, body: body}).apply(&cred, now); err != nil {
			if !cred.AccessToken.Equal(before.AccessToken) || !cred.RefreshToken.Equal(before.RefreshToken) {
				t.Error("a refused answer changed the credential")
			}
			return
		}
		token := cred.AccessToken.Reveal()
		if token == "" || len(token) > maxTokenBytes || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("token %q", token)
		}
		if !cred.Expiry.IsZero() && (cred.Expiry.Before(now) || cred.Expiry.After(now.AddDate(11, 0, 0))) || !cred.ObtainedAt.Equal(now) {
			t.Errorf("from %v to %v", cred.ObtainedAt, cred.Expiry)
		}
		if cred.RefreshToken.IsZero() || cred.Issuer != before.Issuer || cred.TokenType != "Bearer" {
			t.Errorf("%+v", cred)
		}
		if cred.Account != foreign.Line(cred.Account) || len([]rune(cred.Account)) > maxAccountName {
			t.Errorf("account %q", cred.Account)
		}
		_ = cred.Fresh(now)
	})
}

// C35, C36, C37, security row 10: an answer leads to a code only when it
// holds exactly one, no error, and the issuer that was asked.
func FuzzCallbackQuery(f *testing.F) {
	for _, s := range []string{"code=c", "code=c&iss=https%3A%2F%2Fas.example", "code=c&iss=", "code=c&code=d", "code=c&error=x", "error=access_denied&error_description=%1b%5b2J", "iss=https%3A%2F%2Fas.example&iss=x&code=c", "code=%0d%0a&state=s", ";code=c"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, query string, advertised bool) {
		answer, _ := url.ParseQuery(query)
		code, err := checkAnswer(answer, ServerMetadata{Issuer: "https://as.example", IssParameterSupported: advertised}, "https://mcp.example/mcp")
		if err != nil {
			// An answer of another issuer is not even a refusal.
			iss, named := answer["iss"]
			if code != "" || errors.Is(err, ErrDenied) && (named && (len(iss) != 1 || iss[0] != "https://as.example") || !named && advertised) {
				t.Errorf("code %q, issuer %q: %v", code, iss, err)
			}
			if strings.ContainsFunc(strings.ReplaceAll(err.Error(), "\n", ""), unicode.IsControl) {
				t.Errorf("the error drives a terminal: %q", err)
			}
			return
		}
		iss, named := answer["iss"]
		if code == "" || len(answer["code"]) != 1 || answer["code"][0] != code || answer.Get("error") != "" {
			t.Errorf("code %q of %q", code, query)
		}
		if named && (len(iss) != 1 || iss[0] != "https://as.example") || !named && advertised {
			t.Errorf("issuer %q of %q", iss, query)
		}
	})
}

// A device authorization that is accepted can be shown and opened.
func FuzzDeviceAuthorization(f *testing.F) {
	for _, s := range []string{
		`{"device_code":"d","user_code":"ABCD-EFGH","verification_uri":"https://as.example/device","verification_uri_complete":"https://as.example/device?c=1","expires_in":600,"interval":5}`,
		`{"device_code":"d","user_code":"u","verification_url":"https://as.example/device"}`, `{"device_code":"d","user_code":"u\u001b[2J","verification_uri":"https://as.example/device"}`,
		`{"device_code":"d","user_code":"u","verification_uri":"javascript:alert(1)"}`, `{"device_code":"d","user_code":"u","verification_uri":"https://as.example/","verification_uri_complete":"file:///etc/passwd"}`,
		`{"device_code":"","user_code":"u","verification_uri":"https://as.example/device"}`, `{"device_code":"d","user_code":"u","verification_uri":"https://as.example/device","interval":"5"}`,
	} {
		f.Add([]byte(s))
	}
	ctx, cancel := context.WithCancel(f.Context())
	cancel() // no look-ups
	g := guardOf("93.184.216.34")
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := tokenAnswer{status: http.StatusOK, body: body}.device()
		if err != nil || d.check(ctx, g, "begin") != nil {
			return
		}
		if !safeAddress(d.URI) || d.CompleteURI != "" && !safeAddress(d.CompleteURI) {
			t.Errorf("addresses %q and %q", d.URI, d.CompleteURI)
		}
		if d.DeviceCode == "" || d.UserCode == "" || len(d.UserCode) > maxUserCode || strings.ContainsFunc(d.UserCode, func(r rune) bool { return r <= ' ' || r > 'z' }) {
			t.Errorf("user code %q", d.UserCode)
		}
	})
}

// Whatever a token endpoint answers is a token, a refusal, or neither, and never
// two of them; a refusal comes from the provider itself, and what it says is one
// filtered line.
func FuzzRefusal(f *testing.F) {
	for _, s := range []string{
		`{"error":"invalid_grant","error_description":"gone"}`, `{"error":{"code":"c","message":"m"}}`, `{"errors":[{"code":"c"}]}`, `{"errors":[]}`, `{"code":400,"error_code":"e","msg":"m"}`,
		`{"code":400,"msg":"m"}`, `{"ok":false,"error":"e"}`, `{"error":"","access_token":"a"}`, `{"error":["a"],"access_token":1}`, `{"message":"Forbidden"}`, `<html>`, `null`, `access_token=a`, `error=e`,
		`{"error":"a\nmcp-login: hint: x\u001b[31m"}`, strings.Repeat(`{"error":`, 1000),
	} {
		for _, status := range []int{200, 400, 403, 429, 503} {
			f.Add(status, false, []byte(s))
			f.Add(status, true, []byte(s))
		}
	}
	f.Fuzz(func(t *testing.T, status int, form bool, body []byte) {
		a := tokenAnswer{status: status, form: form, body: body}
		switch {
		case a.granted() && status/100 != 2, a.refused() && (a.busy() || status/100 != 2 && status/100 != 4), a.refused() && bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) && !form:
			t.Errorf("%d: granted %v, refused %v, busy %v", status, a.granted(), a.refused(), a.busy())
		}
		if said := a.refusal("op", "r").Error(); said != foreign.Message(said) || strings.ContainsAny(said, "\n\r\x1b") {
			t.Errorf("said %q", said)
		}
	})
}

// A registration that is accepted has an id and a way to authenticate that needs
// nothing which it lacks.
func FuzzRegistration(f *testing.F) {
	for _, s := range []string{
		`{"client_id":"a"}`, `{"client_id":1,"client_secret":"s","client_secret_expires_at":"0"}`, `{"client_id":"a","client_secret":"s","token_endpoint_auth_method":"none"}`,
		`{"client_id":"a","client_secret":null,"token_endpoint_auth_method":"client_secret_post","client_secret_expires_at":1e300}`, `{"client_id":["a"]}`, `{"client_id":""}`, `[]`,
		`{"client_id":"a","registration_client_uri":"http://as.example/","registration_access_token":"t"}`, `{"client_id":"a","client_secret":"s","client_secret_expires_at":-1}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		reg, err := registered(ServerMetadata{Issuer: "https://as.example"}, body, time.Unix(1, 0))
		if err != nil {
			return
		}
		if reg.ClientID == "" || reg.AuthMethod == "" || reg.ClientSecret.IsZero() && reg.AuthMethod != authNone || reg.ManageURI != "" && !safeAddress(reg.ManageURI) || reg.SecretExpiry.Unix() > lastSecond {
			t.Errorf("accepted %+v", reg)
		}
	})
}

// A key that is accepted signs what its public half verifies; an input that is
// refused is not quoted.
func FuzzClientKey(f *testing.F) {
	for _, k := range keysForTests(f) {
		f.Add(k.data)
	}
	for _, s := range []string{"", "{}", `{"kty":"RSA","n":"AQ","e":"AQAB","d":"AQ","p":"AQ","q":"AQ"}`, `{"kty":"EC","crv":"P-256","d":"","x":"","y":""}`, `{"kty":"OKP","crv":"X25519","d":"AAAA"}`, `{"kty":"oct","k":"AAAA"}`, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		key, err := ParseClientKey(data)
		if err != nil {
			if key != nil {
				t.Error("a key and an error")
			}
			if trimmed := bytes.TrimSpace(data); len(trimmed) > 12 && strings.Contains(err.Error(), string(trimmed)) {
				t.Errorf("the error quotes the input: %v", err)
			}
			return
		}
		for _, algorithm := range key.algorithms() {
			verifyAssertion(t, key, algorithm)
		}
	})
}
