package oauth_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
)

// wrongTypes are values of every type of JSON.
var wrongTypes = map[string]any{
	"number": 7, "huge number": json.RawMessage("1e999"), "negative": -1.5, "string": "x", "empty": "", "controls": "a\r\nX-Injected: 1\x00\x1b", "true": true, "false": false,
	"array": []any{}, "array of null": []any{nil}, "array of arrays": []any{[]any{"x"}}, "object": map[string]any{"x": 1}, "null": json.RawMessage("null"),
}

// Every member that is acted on, with a value of every type: the login fails or
// leads to a token that the server takes, and in no case to anything else: a
// panic, a second tab, a request with another token, a credential that cannot
// be read again.
func TestMembersOfAWrongTypeAreHarmless(t *testing.T) {
	for answer, tc := range map[string]struct {
		set     func(f *devidp.Faults, members map[string]any)
		members string
	}{
		"metadata": {
			func(f *devidp.Faults, members map[string]any) { f.MetadataMembers = members },
			`issuer authorization_endpoint token_endpoint registration_endpoint revocation_endpoint device_authorization_endpoint end_session_endpoint
			scopes_supported grant_types_supported code_challenge_methods_supported token_endpoint_auth_methods_supported
			token_endpoint_auth_signing_alg_values_supported authorization_response_iss_parameter_supported client_id_metadata_document_supported`,
		},
		"registration": {func(f *devidp.Faults, members map[string]any) { f.RegistrationMembers = members }, "client_id client_secret client_secret_expires_at token_endpoint_auth_method"},
		"token":        {func(f *devidp.Faults, members map[string]any) { f.TokenMembers = members }, "access_token token_type expires_in refresh_token id_token scope error"},
		"refresh":      {func(f *devidp.Faults, members map[string]any) { f.RefreshMembers = members }, "access_token token_type expires_in refresh_token id_token scope error"},
		"device":       {func(f *devidp.Faults, members map[string]any) { f.DeviceMembers = members }, "device_code user_code verification_uri verification_url verification_uri_complete expires_in"},
	} {
		for member := range strings.FieldsSeq(tc.members) {
			for kind, value := range wrongTypes {
				dir := t.TempDir()
				t.Run(answer+" "+member+" "+kind, inBubble(nil, func(t *testing.T, b *lab) {
					var faults devidp.Faults
					tc.set(&faults, map[string]any{member: value})
					wrongType(t, b, answer, faults, dir)
				}))
			}
		}
	}
}

func wrongType(t *testing.T, b *lab, answer string, faults devidp.Faults, dir string) {
	b.careless = true
	if answer == "device" {
		b.device = oauth.DeviceAlways
	}
	s := b.store("")
	_, h := b.client(s, func(c *oauth.Config) { c.LoginTimeout, c.Interactive = time.Minute, false })
	if answer == "refresh" {
		b.mustCall(h, "1")
		b.res.revokeSeen()
	}
	b.idp.SetFaults(faults)
	tabs := b.tabs.Load()
	status, body, err := b.call(h, "2")
	if err == nil && (status != http.StatusOK || !strings.HasPrefix(body, "sub=")) {
		t.Errorf("status %d, %q", status, body)
	}
	if n := b.tabs.Load() - tabs; n > 1 {
		t.Errorf("%d tabs", n)
	}
	if err != nil {
		return
	}
	// What was a login is one for the next process as well, once it has been a file.
	b.save(b.store(dir), b.stored(s))
	tabs = b.tabs.Load()
	_, again := b.client(b.store(dir), nil)
	b.mustCall(again, "3")
	if b.tabs.Load() != tabs {
		t.Error("the next process asked again")
	}
}

// rewrite changes the text of the provider's answers at a path.
func (b *lab) rewrite(path string, change func(string) string) {
	old := b.wire.hosts[bubbleProvider]
	b.replace(bubbleProvider, path, func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		old.ServeHTTP(rec, r)
		says(rec.Code, change(rec.Body.String()))(w, r)
	})
}

// Members that stand twice, or in another case, are no members: one reader could
// be shown another document than the next. A byte order mark before metadata is
// passed over (RFC 8259, section 8.1).
func TestDoubledMembers(t *testing.T) {
	change := map[string]func(string) string{
		"doubled": func(s string) string {
			return `{"issuer":"i","client_id":"i","device_code":"i","access_token":"i",` + s[1:]
		},
		"upper case": strings.NewReplacer(`"issuer"`, `"ISSUER"`, `"client_id"`, `"CLIENT_ID"`, `"device_code"`, `"DEVICE_CODE"`, `"access_token"`, `"ACCESS_TOKEN"`).Replace,
		"more after": func(s string) string { return s + "{}" },
	}
	for name, tc := range map[string]struct {
		path   string
		device oauth.DevicePolicy
		polls  int // device codes spent
	}{
		"metadata":     {"/oidc/.well-known/openid-configuration", oauth.DeviceNever, 0},
		"registration": {"/oidc/reg", oauth.DeviceNever, 0},
		"device":       {"/oidc/device/auth", oauth.DeviceAlways, 0},
		"device token": {"/oidc/token", oauth.DeviceAlways, 1},
	} {
		for how, f := range change {
			t.Run(name+" "+how, inBubble(nil, func(t *testing.T, b *lab) {
				b.device = tc.device
				b.rewrite(tc.path, f)
				_, h := b.client(b.store(""), nil)
				_, _, err := b.call(h, "1")
				if n := b.idp.Stats().DevicePolls; err == nil || b.tabs.Load() != int64(tc.polls) || n != tc.polls {
					t.Errorf("%d prompts, %d polls: %v", b.tabs.Load(), n, err)
				}
			}))
		}
	}
	inBubble(nil, func(t *testing.T, b *lab) {
		b.rewrite("/oidc/.well-known/openid-configuration", func(s string) string { return "\xef\xbb\xbf" + s })
		_, h := b.client(b.store(""), nil)
		b.mustCall(h, "1")
	})(t)
}

// RFC 6750, section 2.1: an access token with a character that no token has is
// refused, by code, by refresh and by device; it is stored nowhere and no
// request carries it.
func TestTokenWithLineBreak(t *testing.T) {
	for _, token := range []string{"a\rX-Injected: y", "a\nb", "a\r\n\r\nGET / HTTP/1.1", "a b", "a\x00", "a\x7f", "\u00e4", "\u2028", " a", ""} {
		for _, how := range []string{"code", "refresh", "device"} {
			t.Run(fmt.Sprintf("%s %q", how, token), inBubble(nil, func(t *testing.T, b *lab) {
				if how == "device" {
					b.device = oauth.DeviceAlways
				}
				s := b.store("")
				_, h := b.client(s, nil)
				if how == "refresh" {
					b.mustCall(h, "1")
					b.res.revokeSeen()
				}
				b.wire.fail = func(r *http.Request) error {
					if got := r.Header.Get("Authorization"); token != "" && strings.Contains(got, token) || len(r.Header.Values("X-Injected")) > 0 {
						t.Errorf("sent %q", got)
					}
					return nil
				}
				b.idp.SetFaults(devidp.Faults{TokenMembers: map[string]any{"access_token": token}})
				_, _, err := b.call(h, "2")
				cred, _ := s.Load(t.Context(), oauth.Key{Server: b.server().String()})
				if err == nil || strings.Contains(err.Error(), "Injected") || token != "" && cred.AccessToken.Reveal() == token || how != "refresh" && cred.HasToken() {
					t.Errorf("%v", err)
				}
			}))
		}
	}
}
