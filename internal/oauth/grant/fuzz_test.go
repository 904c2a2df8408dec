package grant

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// safeAddress repeats, by other means, what an address from metadata must be
// https, or http on this machine, without user and fragment.
func safeAddress(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsFunc(raw, unicode.IsControl) {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ip := net.ParseIP(host)
	return u.Scheme == "https" || u.Scheme == "http" && (host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback())
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
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := newResponse(200, nil, body).token(&Target{})
		if err != nil {
			if !got.AccessToken.IsZero() || !got.RefreshToken.IsZero() {
				t.Error("a token and an error")
			}
			return
		}
		token := got.AccessToken.Reveal()
		if token == "" || len(token) > maxTokenBytes || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
			t.Errorf("token %q", token)
		}
		if got.Lifetime < 0 || got.Lifetime > maxLifetime {
			t.Errorf("it lives %v", got.Lifetime)
		}
		if got.Account != foreign.Line(got.Account) || len([]rune(got.Account)) > maxAccountName {
			t.Errorf("account %q", got.Account)
		}
	})
}

// RFC 9207, section 2.4: an answer leads to a code only when it
// holds exactly one, no error, and the issuer that was asked.
func FuzzCallbackQuery(f *testing.F) {
	for _, s := range []string{"code=c", "code=c&iss=https%3A%2F%2Fas.example", "code=c&iss=", "code=c&code=d", "code=c&error=x", "error=access_denied&error_description=%1b%5b2J", "iss=https%3A%2F%2Fas.example&iss=x&code=c", "code=%0d%0a&state=s", ";code=c"} {
		f.Add(s, true)
		f.Add(s, false)
	}
	f.Fuzz(func(t *testing.T, query string, advertised bool) {
		answer, _ := url.ParseQuery(query)
		code, err := checkAnswer(answer, &discovery.ServerMetadata{Issuer: "https://as.example", IssParameterSupported: advertised}, "https://mcp.example/mcp")
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
	g := discovery.NewGuard(&url.URL{Scheme: "https", Host: "93.184.216.34"}, nil, nil)
	f.Fuzz(func(t *testing.T, body []byte) {
		d, err := newResponse(http.StatusOK, nil, body).device()
		if err != nil {
			return
		}
		device, err := d.check(ctx, g, "begin")
		if err != nil {
			return
		}
		if !safeAddress(device.URI) || device.CompleteURI != "" && !safeAddress(device.CompleteURI) {
			t.Errorf("addresses %q and %q", device.URI, device.CompleteURI)
		}
		if device.code == "" || device.interval < minDeviceInterval || device.interval > maxDeviceInterval || device.Lifetime > maxDeviceLifetime || device.UserCode == "" || len(device.UserCode) > maxUserCode || strings.ContainsFunc(device.UserCode, func(r rune) bool { return r <= ' ' || r > 'z' }) {
			t.Errorf("%+v", device)
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
		header := http.Header{}
		if form {
			header.Set("Content-Type", "application/x-www-form-urlencoded")
		}
		a := newResponse(status, header, body)
		switch {
		case a.isGrant() && status/100 != 2, a.isRefusal() && (a.isBusy() || status/100 != 2 && status/100 != 4), a.isRefusal() && bytes.HasPrefix(bytes.TrimSpace(body), []byte("<")) && !form:
			t.Errorf("%d: granted %v, refused %v, busy %v", status, a.isGrant(), a.isRefusal(), a.isBusy())
		}
		if said := a.asError("op", "r").Error(); said != foreign.Message(said) || strings.ContainsAny(said, "\n\r\x1b") {
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
		reg, err := parseRegistration(&discovery.ServerMetadata{Issuer: "https://as.example"}, body, time.Unix(1, 0))
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

// A token that is taken for an assertion can stand in a header, and is for an issuer only if
// that is one of its audiences.
func FuzzAssertion(f *testing.F) {
	for _, claims := range []string{
		`{"aud":"https://id.example","exp":4102444800}`, `{"aud":["https://a.example","https://id.example/"],"exp":1,"nbf":2}`, `{"aud":{"x":"https://id.example"}}`,
		`{"aud":"","exp":"x"}`, `{"aud":null}`, `{"aud":"/"}`, `[]`, `{"exp":1e308}`, `{"aud":"https://id.example","aud":"https://b.example"}`,
	} {
		f.Add("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2ln")
	}
	f.Add("e30.e30")
	f.Add("e30.e30.x\r\ny")
	f.Fuzz(func(t *testing.T, token string) {
		claims, err := ReadAssertion(NewSecret(token))
		if err != nil {
			return
		}
		if strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r >= 0x7f }) || strings.Count(token, ".") != 2 {
			t.Errorf("%q", token)
		}
		payload, _ := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
		if claims.For("https://id.example") && !bytes.Contains(payload, []byte("id.example")) && !bytes.Contains(payload, []byte(`\`)) {
			t.Errorf("for another: %s", payload)
		}
		if claims.Expiry.Before(time.Time{}) || claims.NotBefore.Before(time.Time{}) {
			t.Error(claims)
		}
	})
}
