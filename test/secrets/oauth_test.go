package secrets

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Metadata of a hostile issuer points the end of a session at an honest provider,
// with members of its own: nothing that such a request owns comes from there, and
// no address inside a network is shown or opened.
func TestEndOfSessionOwnsItsRequest(t *testing.T) {
	const hostile = "?keep=1&client_id=evil&id_token_hint=evil&post_logout_redirect_uri=https%3A%2F%2Fevil.example&Post_Logout_Redirect_Uri=evil&state=evil&logout_hint=evil&ui_locales=evil&client_id[]=evil&client%00_id=evil"
	for endpoint, opened := range map[string]bool{"/logout" + hostile: true, "http://169.254.169.254/latest" + hostile: false, "https://169.254.169.254/" + hostile: false, "javascript:alert(1)": false} {
		s := honest(t, func(base string, r *http.Request, _ string) string {
			if !strings.HasPrefix(r.URL.Path, "/.well-known/openid") {
				return ""
			}
			good := world(func() string { return base }, "-", nil)(r, "")
			_, doc, _ := strings.Cut(good, "\r\n\r\n")
			to := endpoint
			if strings.HasPrefix(to, "/") {
				to = base + to
			}
			return jsonAnswer(strings.Replace(doc, "{", `{"end_session_endpoint":"`+to+`",`, 1))
		})
		p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t))
		if _, stderr, code := p.run("login", s.url+"/mcp", "--timeout=10s"); code != 0 {
			if opened {
				t.Errorf("exit %d: %s", code, stderr)
			}
			continue // metadata that names such an address is refused as a whole
		}
		stdout, stderr, _ := p.run("logout", s.url+"/mcp", "--end-session")
		said := stdout + stderr
		if strings.Contains(said, "evil") || strings.Contains(said, "keep=1") != opened || strings.Contains(strings.ToLower(s.heard()), "=evil") {
			t.Errorf("%s: %s", endpoint, said)
		}
	}
}

// Providers that only look like one of the server's own site, or like this machine,
// get no client secret, through the program and by every grant.
func TestLookAlikeProvidersGetNoSecret(t *testing.T) {
	for _, named := range []string{"mcp.victim.example.evil.example", "xvictim.evil.example", "victim-example.evil.example", "localhost.evil.example", "127.evil.example"} {
		t.Run(named, func(t *testing.T) {
			t.Parallel()
			n := newInternet(t, pretender(named))
			p := newProgram(t, append(n.env, "MCP_LOGIN_CLIENT_SECRET="+secret)...)
			for _, way := range []string{"--client-credentials", "--device"} {
				_, stderr, code := p.run("login", "https://mcp.victim.example/mcp", "--client-id=app", "--timeout=4s", way)
				if code == 0 || carriesSecret(n.heard(named)) || carriesSecret(stderr) {
					t.Errorf("%s: exit %d: %s", way, code, stderr)
				}
			}
		})
	}
}

// A server that answers every token with 401 or 403, whatever its challenge says:
// the verb ends, with a bounded number of requests and one sign-in at most.
func TestServerThatRefusesEveryToken(t *testing.T) {
	for name, challenge := range map[string]string{
		"401 without a challenge": "401 ", "401 of two schemes": "401 Basic realm=\"x\", Bearer error=\"invalid_token\"", "401 for scopes": "401 Bearer error=\"insufficient_scope\", scope=\"a b\"",
		"403 for scopes": "403 Bearer error=\"insufficient_scope\", scope=\"a b\"", "403 for nothing": "403 Bearer error=\"insufficient_scope\"", "403 twice": "403 Bearer error=\"insufficient_scope\", scope=\"a\", error=\"invalid_token\", scope=\"b\"",
		"401 with other metadata": "401 Bearer resource_metadata=\"https://evil.example/.well-known/oauth-protected-resource\"",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			status, header, _ := strings.Cut(challenge, " ")
			s := honest(t, func(_ string, r *http.Request, _ string) string {
				if r.URL.Path != "/mcp" || r.Header.Get("Authorization") == "" {
					return ""
				}
				code := map[string]int{"401": 401, "403": 403}[status]
				if header == "" {
					return response(code, "", "")
				}
				return response(code, "WWW-Authenticate: "+header+"\r\n", "")
			})
			p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t))
			_, stderr, code := p.run("tools", s.url+"/mcp", "--timeout=10s")
			heard := s.heard()
			if asked := strings.Count(heard, "GET /authorize?"); code == 0 || asked > 3 || strings.Count(heard, "\n") > 60 || !strings.Contains(stderr, "error:") {
				t.Errorf("exit %d, %d sign-ins, %d requests: %s", code, asked, strings.Count(heard, "\n"), stderr)
			}
		})
	}
}

// The browser of the person follows the one-time address although a page that it
// loads before knows the port and knocks at all that can be guessed.
func TestKnockingEndsNoLogin(t *testing.T) {
	s := honest(t, func(_ string, r *http.Request, _ string) string {
		if r.URL.Path != "/authorize" {
			return ""
		}
		to, _ := url.Parse(r.URL.Query().Get("redirect_uri"))
		state := r.URL.Query().Get("state")
		for _, path := range []string{"/", "/callback", "/callback/", "/callback/x", "/callback?code=evil&state=", "/callback?code=evil&state=" + state, "/callback?error=access_denied&state=" + state, "/callback?code=evil&state=" + state + "&state=" + state} {
			for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
				req, _ := http.NewRequest(method, "http://"+to.Host+path, nil)
				req.Header.Set("Origin", "https://evil.example")
				req.Header.Set("Cookie", "mcp-login-"+to.Port()+"=evil")
				resp, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Error(err)
					continue
				}
				_ = resp.Body.Close()
				if resp.StatusCode < 400 || resp.Header.Get("Access-Control-Allow-Origin") != "" || resp.Header.Get("Set-Cookie") != "" {
					t.Errorf("%s %s: %d, %v", method, path, resp.StatusCode, resp.Header)
				}
			}
		}
		return ""
	})
	p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t))
	if _, stderr, code := p.run("login", s.url+"/mcp", "--timeout=10s"); code != 0 {
		t.Errorf("exit %d: %s", code, stderr)
	}
	if strings.Contains(s.heard(), "code=evil") {
		t.Error("a code that was forged was spent")
	}
}
