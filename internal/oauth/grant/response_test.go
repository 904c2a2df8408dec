package grant

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"mcp-login/internal/oauth/discovery"
)

// RFC 9207, section 2.4: the issuer of an answer, for success and error.
func TestAnswerOfAnotherIssuerIsRefused(t *testing.T) {
	const issuer = "https://as.example/oidc"
	cases := []struct {
		name       string
		advertised bool
		query      string
		code       string
		denied     bool
	}{
		{"advertised and right", true, "code=c&iss=https%3A%2F%2Fas.example%2Foidc", "c", false},
		{"advertised and missing", true, "code=c", "", false},
		{"not advertised, right", false, "code=c&iss=https%3A%2F%2Fas.example%2Foidc", "c", false},
		{"not advertised, missing", false, "code=c", "c", false},
		{"not advertised, wrong", false, "code=c&iss=https%3A%2F%2Fevil.example", "", false},
		{"advertised, wrong", true, "code=c&iss=https%3A%2F%2Fevil.example", "", false},
		{"slash more", true, "code=c&iss=https%3A%2F%2Fas.example%2Foidc%2F", "", false},
		{"other case", true, "code=c&iss=https%3A%2F%2FAS.example%2Foidc", "", false},
		{"default port", true, "code=c&iss=https%3A%2F%2Fas.example%3A443%2Foidc", "", false},
		{"empty", false, "code=c&iss=", "", false},
		{"twice", true, "code=c&iss=https%3A%2F%2Fas.example%2Foidc&iss=x", "", false},
		{"code twice", false, "code=c&code=d", "", false},
		{"error, right", true, "error=access_denied&iss=https%3A%2F%2Fas.example%2Foidc", "", true},
		{"error, missing though advertised", true, "error=access_denied&error_description=secret-text", "", false},
		{"error, wrong", false, "error=access_denied&error_description=secret-text&iss=x", "", false},
		{"error wins over code", false, "error=access_denied&code=c", "", true},
		{"nothing", false, "state=s", "", false},
	}
	for _, tc := range cases {
		q, err := url.ParseQuery(tc.query)
		if err != nil {
			t.Fatal(err)
		}
		code, err := checkAnswer(q, &discovery.ServerMetadata{Issuer: issuer, IssParameterSupported: tc.advertised}, "")
		if code != tc.code || (err == nil) != (tc.code != "") || errors.Is(err, ErrDenied) != tc.denied {
			t.Errorf("%s: code %q, err %v", tc.name, code, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret-text") {
			t.Errorf("%s: shows text of an unknown issuer: %v", tc.name, err)
		}
	}
}

// An unregistered resource is explained with the very string
// to register.
func TestInvalidTargetIsExplained(t *testing.T) {
	q := url.Values{"error": {"invalid_target"}, "error_description": {"resource indicator is missing, or unknown"}}
	_, err := checkAnswer(q, &discovery.ServerMetadata{}, "https://mcp.example/mcp")
	var e *Error
	if !errors.As(err, &e) || !strings.Contains(e.UserHint(), "https://mcp.example/mcp") || !strings.Contains(e.UserHint(), "--resource") {
		t.Fatalf("%v", err)
	}
}

// Text from a provider is one line without what is not seen, and bounded, whatever
// member or header it comes from.
func TestErrorsFilterProvidersText(t *testing.T) {
	evil := "a\x1b[31m\u009b\u202e\u200b\U000e0041\nmcp-login: hint: x" + strings.Repeat("x", 100_000)
	quoted, _ := json.Marshal(evil)
	answer := newResponse(400, nil, []byte(`{"error":`+string(quoted)+`,"error_description":`+string(quoted)+`}`))
	_, callback := checkAnswer(url.Values{"error": {evil}, "error_description": {evil}}, &discovery.ServerMetadata{}, evil)
	for name, err := range map[string]error{
		"token endpoint": answer.asError("x", evil),
		"callback":       callback,
		"registration":   registrationError(answer, "http://127.0.0.1/", nil),
		"own words":      newResponse(400, nil, []byte(`{"errors":[{"message":`+string(quoted)+`}]}`)).asError("x", evil),
		"any cause":      &Error{Op: "x", Code: evil, Err: errors.New(evil), Hint: evil},
	} {
		text := err.Error()
		if hinted := new(Error); errors.As(err, &hinted) {
			text += hinted.UserHint()
		}
		if strings.ContainsAny(text, "\x1b\u009b\u202e\u200b\U000e0041\n") || !utf8.ValidString(text) || len(text) > 9000 {
			t.Errorf("%s: %.200q… of %d bytes", name, text, len(text))
		}
	}
}

// The token response: what is refused, what is kept.
func TestTokenResponseIsReadLeniently(t *testing.T) {
	read := func(doc string) (Token, error) {
		return newResponse(200, nil, []byte(doc)).token(&Target{})
	}
	token, err := read(`{"access_token":"a","token_type":"bearer","expires_in":3600,"scope":"x y","code":"extra"}`)
	if err != nil || !token.RefreshToken.IsZero() || token.Lifetime != time.Hour || len(token.Scopes) != 2 {
		t.Errorf("%+v, %v", token, err)
	}
	for doc, want := range map[string]time.Duration{
		`{"access_token":"a","expires_in":"60"}`:                                    time.Minute,
		`{"access_token":"a","expires_in":1e300}`:                                   10 * 365 * 24 * time.Hour,
		`{"access_token":"a","expires_in":-1}`:                                      0,
		`{"access_token":"a","expires_in":null}`:                                    0,
		`{"access_token":"a","expires_in":"soon"}`:                                  0,
		`{"access_token":"a","expires_in":{"n":1},"refresh_token":false}`:           0,
		`{"access_token":"a","token_type":"user","scope":["x"],"id_token":{"a":1}}`: 0,
		`{"access_token":"a","token_type":null,"error":null,"ok":true}`:             0,
	} {
		token, err := read(doc)
		if err != nil || token.AccessToken.Reveal() != "a" || !token.RefreshToken.IsZero() || token.Lifetime != want {
			t.Errorf("%s: %v, %+v", doc, err, token)
		}
	}
	for _, bad := range []string{
		`{}`, `{"access_token":""}`, `{"access_token":"a\rX: y"}`, `{"access_token":"a b"}`, `{"access_token":"a","token_type":"DPoP"}`, `{"access_token":"a","token_type":"MAC "}`, `{"access_token":"ä"}`,
		`{"access_token":["a"]}`, `{"access_token":"a","access_token":"b"}`, `[]`, `null`, `{"access_token":"` + strings.Repeat("a", maxTokenBytes+1) + `"}`,
	} {
		if _, err := read(bad); err == nil {
			t.Errorf("accepted %.40s", bad)
		}
	}
}

// A refusal is an answer with an error in it, in whatever words; what stands
// before the provider, or asks to come again, refuses no token.
func TestRefusalOutageOrGrant(t *testing.T) {
	for _, tc := range []struct {
		status        int
		body          string
		refused, busy bool
		said          string
	}{
		{400, `{"error":"invalid_grant","error_description":"gone"}`, true, false, "invalid_grant: gone"},
		{403, `{"error":"invalid_grant"}`, true, false, "invalid_grant"},
		{200, `{"error":"bad_refresh_token"}`, true, false, "bad_refresh_token"},
		{200, `{"ok":false,"error":"invalid_refresh_token"}`, true, false, "invalid_refresh_token"},
		{400, `{"code":400,"error_code":"refresh_token_not_found","msg":"not found"}`, true, false, "refresh_token_not_found: not found"},
		{401, `{"error":{"code":"token_expired","message":"too old"}}`, true, false, "token_expired: too old"},
		{400, `{"errors":[{"code":"invalid_token","message":"revoked"}]}`, true, false, "invalid_token: revoked"},
		{400, `{"errorCode":"E1","errorSummary":"no session"}`, true, false, "E1: no session"},
		{400, `{"message":"Refresh token is invalid"}`, true, false, "Refresh token is invalid"},
		{400, `{"code":400,"message":"no"}`, true, false, "no"},
		{403, `{"message":"Forbidden"}`, false, false, "Forbidden"},
		{404, `{"message":"no Route matched"}`, false, false, "404"},
		{403, `<html>blocked</html>`, false, false, "403"},
		{404, ``, false, false, "404"},
		{400, `Bad Request`, false, false, "400"},
		{200, `<html>portal</html>`, false, false, "no access_token"},
		{302, `{"error":"invalid_grant"}`, false, false, "invalid_grant"},
		{408, `{"error":"timeout"}`, false, true, "timeout"},
		{425, `{"error":"too_early"}`, false, true, "too_early"},
		{429, `{"error":"invalid_grant"}`, false, true, "invalid_grant"},
		{503, `{"error":"invalid_grant"}`, false, true, "invalid_grant"},
		{400, `{"error":"temporarily_unavailable"}`, false, true, "temporarily_unavailable"},
	} {
		a := newResponse(tc.status, nil, []byte(tc.body))
		if a.isGrant() || a.isRefusal() != tc.refused || a.isBusy() != tc.busy || !strings.Contains(a.asError("op", "").Error(), tc.said) {
			t.Errorf("%d %s: granted %v, refused %v, busy %v, %v", tc.status, tc.body, a.isGrant(), a.isRefusal(), a.isBusy(), a.asError("op", ""))
		}
	}
	form := newResponse(200, http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, []byte("access_token=a&scope=repo&token_type=bearer"))
	if !form.isGrant() || newResponse(200, nil, []byte("access_token=a&access_token=b")).isGrant() {
		t.Error("a form")
	}
}

// The name shown to people comes only from an ID token that is for us.
func TestAccountIsNamedByOurIDToken(t *testing.T) {
	token := func(claims string) string {
		return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig"
	}
	cases := map[string]string{
		token(`{"iss":"i","aud":"c","sub":"s","email":"a@x.example","name":"Alice"}`): "a@x.example",
		token(`{"iss":"i","aud":["z","c"],"sub":"s","phone_number":null}`):            "s",
		token(`{"iss":"i","aud":"other","sub":"s"}`):                                  "",
		token(`{"iss":"j","aud":"c","sub":"s"}`):                                      "",
		token(`{"iss":"i","aud":"c","name":"\u001b[2J"}`):                             "[2J",
		token(`nonsense`): "",
		"a.b":             "",
		"":                "",
	}
	for in, want := range cases {
		if got := accountName(in, discovery.Provider{Issuer: "i"}, "c"); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// OpenID Connect Core, section 3.1.3.7, number 11: an ID token of another request
// ends the login; the person's own nonce is the person's own matter.
func TestIDTokenOfAnotherRequestIsRefused(t *testing.T) {
	token := func(claims string) Secret {
		return NewSecret("e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig")
	}
	const verifier = "the verifier of this request, which nobody else knows"
	if nonce := nonceFor(verifier); nonce == nonceFor(verifier+"x") || strings.Contains(nonce, "verifier") || len(nonce) != 43 {
		t.Errorf("nonce %q", nonce)
	}
	plain, own := &Client{}, &Client{Params: []string{"nonce=mine"}}
	for claims, ok := range map[string]bool{
		`{"nonce":"` + nonceFor(verifier) + `"}`: true, `{"sub":"s"}`: true, `{"nonce":null}`: true, `nonsense`: true,
		`{"nonce":"` + nonceFor("another") + `"}`: false, `{"nonce":"mine"}`: false, `{"nonce":7}`: false,
	} {
		if err := plain.checkNonce(token(claims), verifier); (err == nil) != ok {
			t.Errorf("%s: %v", claims, err)
		}
		if err := own.checkNonce(token(claims), verifier); err != nil {
			t.Errorf("%s with a nonce of the person's: %v", claims, err)
		}
	}
	if err := plain.checkNonce(Secret{}, verifier); err != nil {
		t.Error(err)
	}
}
