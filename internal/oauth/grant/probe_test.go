package grant

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

const ownRedirect = "http://127.0.0.1:7/callback"

// What an authorization endpoint says of a client that it does not know, and what
// does not say that.
func TestUnknownClientIsRecognized(t *testing.T) {
	const page = `<html><form><input name="client_id" value="c"><script>errors={invalid_client:"Unknown client"}</script></form></html>`
	for _, tc := range []struct {
		status         int
		location, body string
		want           bool
	}{
		{400, "", "<p>Unknown client_id</p>", true},
		{401, "", `{"error":"invalid_client"}`, true},
		{404, "", "Application not found", true},
		{400, "", "Client Does Not Exist", true},
		{200, "", `{"error":"invalid_client"}`, true},
		{200, "", `{"error":"unauthorized_client","error_description":"AADSTS700016"}`, true},
		{200, "", `{"error":"invalid_request","error_description":"Unknown client"}`, true},
		{302, "/error?error=invalid_client", "", true},
		{302, "https://login.example/oops?error=unauthorized_client&client_id=c", "", true},
		{303, "/oauth2/errors/1", "", true},
		{307, "/authorize-error", "", true},
		{302, "/#/errorpage", "", true},
		{302, "/sorry?message=Client+not+found", "", true},
		{302, "/#/sorry/client_not_found", "", true},
		{302, "/x?error=bad&error_description=no%20such%20client", "", true},
		{302, ownRedirect + "?error=unauthorized_client&state=s", "", true},

		{200, "", page, false},
		{200, "", `{"client_id":"c"}`, false},
		{403, "", "<p>Are you a robot?</p>", false},
		{400, "", "<p>invalid scope</p>", false},
		{429, "", "client_id", false},
		{503, "", "unknown client", false},
		{500, "", `{"error":"invalid_client"}`, false},
		{302, "/login?client_id=c&return_to=%2Fauthorize%3Fclient_id%3Dc", page, false},
		{302, "/x?error=invalid_scope", "", false},
		{302, "/error?error=invalid_scope", "", false},
		{302, "/terror/login", "", false},
		{302, ownRedirect + "?error=access_denied&error_description=unknown+client", "", false},
		{302, ownRedirect + "?code=c&state=invalid_client", "", false},
		{302, ":", "", false},
		{302, "", "", false},
	} {
		if got := saysUnknown(tc.status, tc.location, []byte(tc.body), ownRedirect); got != tc.want {
			t.Errorf("%d %s %s: %v", tc.status, tc.location, tc.body, got)
		}
	}
}

// Whatever an authorization endpoint answers: what an outage says, and what comes
// back to us without such a code, is about no client.
func FuzzSaysUnknown(f *testing.F) {
	f.Add(302, "/error?error=invalid_client", "")
	f.Add(400, "", "unknown client")
	f.Add(200, "", `{"error":"invalid_client"}`)
	f.Add(302, ownRedirect+"?error=server_error", "x")
	f.Add(503, "\x00%zz", "{}")
	f.Fuzz(func(t *testing.T, status int, location, body string) {
		got := saysUnknown(status, location, []byte(body), ownRedirect)
		if got && (status >= 500 || status == http.StatusTooManyRequests) {
			t.Errorf("an outage: %d", status)
		}
		if saysUnknown(302, ownRedirect+"?error=access_denied&x="+strings.Repeat("y", 8), []byte(body), ownRedirect) {
			t.Error("the body of a redirect")
		}
		if strings.HasPrefix(strings.TrimSpace(body), "<") && saysUnknown(200, location, []byte(body), ownRedirect) {
			t.Error("a page to sign in at")
		}
	})
}

// RFC 7591, section 3.2.1, and what providers make of it. The issuer and the
// redirect are ours, whatever the answer says.
func TestRegistrationIsReadLeniently(t *testing.T) {
	now := time.Unix(2_000_000_000, 0)
	meta := &discovery.ServerMetadata{Issuer: "https://as.example"}
	for body, want := range map[string]Registration{
		`{"client_id":"a"}`:                      {ClientID: "a", AuthMethod: authNone},
		`{"client_id":7}`:                        {ClientID: "7", AuthMethod: authNone},
		`{"client_id":"a","client_secret":null}`: {ClientID: "a", AuthMethod: authNone},
		`{"client_id":"a","client_secret":"","token_endpoint_auth_method":"client_secret_basic"}`:                    {ClientID: "a", AuthMethod: authNone},
		`{"client_id":"a","client_secret":"s"}`:                                                                      {ClientID: "a", ClientSecret: NewSecret("s"), AuthMethod: authBasic},
		`{"client_id":"a","client_secret":5,"token_endpoint_auth_method":"client_secret_post"}`:                      {ClientID: "a", ClientSecret: NewSecret("5"), AuthMethod: authPost},
		`{"client_id":"a","client_secret":"s","token_endpoint_auth_method":["client_secret_post"]}`:                  {ClientID: "a", ClientSecret: NewSecret("s"), AuthMethod: authBasic},
		`{"client_id":"a","client_secret":"s","client_secret_expires_at":0}`:                                         {ClientID: "a", ClientSecret: NewSecret("s"), AuthMethod: authBasic},
		`{"client_id":"a","client_secret":"s","client_secret_expires_at":"2000000060"}`:                              {ClientID: "a", ClientSecret: NewSecret("s"), AuthMethod: authBasic, SecretExpiry: now.Add(time.Minute)},
		`{"client_id":"a","client_secret":"s","client_secret_expires_at":2000000060.5}`:                              {ClientID: "a", ClientSecret: NewSecret("s"), AuthMethod: authBasic, SecretExpiry: now.Add(time.Minute)},
		`{"client_id":"a","client_secret":"s","client_secret_expires_at":3600}`:                                      {ClientID: "a", ClientSecret: NewSecret("s"), AuthMethod: authBasic},
		`{"client_id":"a","client_secret":"s","client_secret_expires_at":2000000060000}`:                             {ClientID: "a", ClientSecret: NewSecret("s"), AuthMethod: authBasic},
		`{"client_id":"a","client_secret_expires_at":2000000060}`:                                                    {ClientID: "a", AuthMethod: authNone},
		`{"client_id":"a","redirect_uris":["https://evil.example/"],"issuer":"https://evil.example","scope":["x"]}`:  {ClientID: "a", AuthMethod: authNone},
		`{"client_id":"a","registration_client_uri":"https://as.example/r","registration_access_token":"t"}`:         {ClientID: "a", AuthMethod: authNone, ManageURI: "https://as.example/r", ManageToken: NewSecret("t")},
		`{"client_id":"a","registration_client_uri":"http://as.example/r","registration_access_token":"t"}`:          {ClientID: "a", AuthMethod: authNone},
		`{"client_id":"a","registration_client_uri":"https://as.example/r","registration_access_token":"t\r\nx: y"}`: {ClientID: "a", AuthMethod: authNone},
		`{"client_id":"a","registration_client_uri":"https://as.example/r","registration_access_token":null}`:        {ClientID: "a", AuthMethod: authNone},
	} {
		want.Issuer, want.Dynamic = meta.Issuer, true
		got, err := parseRegistration(meta, []byte(body), now)
		same := got.ClientSecret.Equal(want.ClientSecret) && got.ManageToken.Equal(want.ManageToken) && got.SecretExpiry.Equal(want.SecretExpiry)
		got.ClientSecret, got.ManageToken, got.SecretExpiry = want.ClientSecret, want.ManageToken, want.SecretExpiry
		if err != nil || !same || got != want {
			t.Errorf("%s: %v\n%+v\n%+v", body, err, got, want)
		}
	}
	for _, body := range []string{`{}`, `{"client_id":null}`, `{"client_id":""}`, `{"client_id":{}}`, `{"client_id":true}`, `[]`, ``, `{"client_id":"a","client_id":"b"}`, `<html>`} {
		if got, err := parseRegistration(meta, []byte(body), now); err == nil {
			t.Errorf("%s: %+v", body, got)
		}
	}
}

// FuzzReply: whatever an authorization endpoint answers, what is kept of it is one filtered
// line, and nothing but the JSON of a 4xx can end a login.
func FuzzReply(f *testing.F) {
	f.Add(400, "", `{"error":"invalid_client","error_description":"invalid client x","scope":"a"}`)
	f.Add(303, ownRedirect+"?error=invalid_scope&scope=profile", "")
	f.Add(400, "", "{\"error\":\"invalid_request\",\"error_description\":\"redirect_uri\\u001b[2J\\n\"}")
	f.Fuzz(func(t *testing.T, status int, location, body string) {
		r := probeReply(status, location, []byte(body), ownRedirect)
		for _, s := range []string{r.Code, r.Description, r.Scope} {
			if s != foreign.Line(s) {
				t.Errorf("not filtered: %q", s)
			}
		}
		ends := r.ClientRefused() || r.RedirectRefused()
		if ends && (status/100 != 4 || !strings.HasPrefix(strings.TrimSpace(body), "{")) {
			t.Errorf("%d %q ends a login", status, body)
		}
		if ends && r.Redirected {
			t.Error("a redirect ends a login")
		}
	})
}
