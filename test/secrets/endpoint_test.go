package secrets

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// honest is a world without anything of its own to say; change may answer first,
// "" leaves it to the world.
func honest(t *testing.T, change func(base string, r *http.Request, body string) string) *stranger {
	t.Helper()
	var s *stranger
	plain := world(func() string { return s.url }, "-", nil)
	s = newStranger(t, func(r *http.Request, body string) string {
		if said := change(s.url, r, body); said != "" {
			return said
		}
		return plain(r, body)
	})
	return s
}

// hostileQuery has every member that a request owns, in spellings that some
// provider reads as one, and two that it does not own.
const hostileQuery = "?keep=1&resource=https%3A%2F%2Fvictim.example&scope=admin&redirect_uri=https%3A%2F%2Fevil.example&client_id=evil&state=evil" +
	"&nonce=evil&prompt=none&request_uri=https%3A%2F%2Fevil.example&request=evil&response_mode=fragment&response_type=token&code_challenge=evil" +
	"&code_challenge_method=plain&Scope=admin&resource[]=evil&resource%5B%5D=evil&redirect.uri=evil&x;resource=evil&grant_type=password&token=evil" +
	"&refresh_token=evil&code=evil&client_secret=evil&%72esource=evil&policy=b2c"

// Metadata of a hostile issuer points at an honest provider with a query of its
// own: nothing that belongs to the request comes from there, on any endpoint.
func TestHostileEndpointQuery(t *testing.T) {
	for _, how := range []string{"--no-browser", "--device"} {
		t.Run(how, func(t *testing.T) {
			s := honest(t, func(base string, r *http.Request, _ string) string {
				if !strings.HasPrefix(r.URL.Path, "/.well-known/openid") {
					return ""
				}
				good := world(func() string { return base }, "-", nil)(r, "")
				_, doc, _ := strings.Cut(good, "\r\n\r\n")
				for _, endpoint := range []string{"/authorize", "/token", "/device", "/revoke"} {
					doc = strings.ReplaceAll(doc, base+endpoint+`"`, base+endpoint+hostileQuery+`"`)
				}
				return jsonAnswer(doc)
			})
			p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t))
			args := []string{"login", s.url + "/mcp", "--timeout=10s", "--scope", "a", "--auth-param", "acr_values=x", "--auth-param", "prompt=login"}
			if how == "--device" {
				args = append(args, how)
			}
			_, stderr, code := p.run(args...)
			if code != 0 {
				t.Fatalf("exit %d: %s", code, stderr)
			}
			p.run("logout", "--all")
			seen := map[string]bool{}
			for line := range strings.SplitSeq(s.heard(), "\n") {
				target := strings.Fields(line)[1]
				u, err := url.ParseRequestURI(target)
				if err != nil || u.RawQuery == "" {
					continue
				}
				seen[u.Path] = true
				q := u.Query()
				if q.Get("keep") != "1" || q.Get("policy") != "b2c" {
					t.Errorf("%s lost what it had of its own: %s", u.Path, u.RawQuery)
				}
				if strings.Contains(strings.ToLower(target), "evil") || strings.Contains(target, "victim") || strings.Contains(target, "admin") || strings.Contains(target, "fragment") {
					t.Errorf("members of the hostile endpoint are in %s", target)
				}
				if u.Path == "/authorize" && (q.Get("scope") != "a" || q.Get("resource") != s.url+"/mcp" || len(q["prompt"]) != 1 || q.Get("prompt") != "login" || q.Get("acr_values") != "x") {
					t.Errorf("the request has lost members of its own: %s", u.RawQuery)
				}
			}
			if want := map[string]string{"--device": "/device", "--no-browser": "/authorize"}[how]; !seen[want] || !seen["/token"] || !seen["/revoke"] {
				t.Errorf("asked were only %v", seen)
			}
		})
	}
}

// A redirect, a challenge and metadata with a user name in their addresses: the
// token is not replaced by what a stranger chose, and nothing is sent there.
func TestUserInformationIsNotSent(t *testing.T) {
	withUser := func(base string) string { return strings.Replace(base, "http://", "http://evil:word@", 1) }
	changes := map[string]func(base string, r *http.Request, body string) string{
		"redirect": func(base string, r *http.Request, body string) string {
			if r.URL.Path == "/mcp" && r.Header.Get("Authorization") != "" && r.URL.RawQuery == "" {
				return response(307, "Location: "+withUser(base)+"/mcp?again\r\n", "")
			}
			return ""
		},
		"relative redirect": func(_ string, r *http.Request, body string) string {
			if r.URL.Path == "/mcp" && r.Header.Get("Authorization") != "" && r.URL.RawQuery == "" {
				return response(308, "Location: //evil:word@"+r.Host+"/mcp?again\r\n", "")
			}
			return ""
		},
		"challenge": func(base string, r *http.Request, _ string) string {
			if r.URL.Path == "/mcp" && r.Header.Get("Authorization") == "" {
				return response(401, `WWW-Authenticate: Bearer resource_metadata="`+withUser(base)+`/.well-known/oauth-protected-resource"`+"\r\n", "")
			}
			return ""
		},
		"metadata redirect": func(base string, r *http.Request, _ string) string {
			if strings.HasPrefix(r.URL.Path, "/.well-known") && r.URL.RawQuery == "" {
				return response(302, "Location: "+withUser(base)+r.URL.Path+"?again\r\n", "")
			}
			return ""
		},
		"issuer": func(base string, r *http.Request, _ string) string {
			if strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource") {
				return jsonAnswer(`{"resource":"` + base + `/mcp","authorization_servers":["` + withUser(base) + `"]}`)
			}
			return ""
		},
		"token endpoint": func(base string, r *http.Request, _ string) string {
			if strings.HasPrefix(r.URL.Path, "/.well-known/openid") {
				return jsonAnswer(`{"issuer":"` + base + `","authorization_endpoint":"` + base + `/authorize","token_endpoint":"` + withUser(base) + `/token","registration_endpoint":"` + base + `/register","code_challenge_methods_supported":["S256"]}`)
			}
			return ""
		},
		"event stream endpoint": func(base string, r *http.Request, _ string) string {
			switch {
			case r.URL.Path == "/mcp" && r.Header.Get("Authorization") == "":
				return ""
			case r.URL.Path == "/mcp" && r.Method == http.MethodPost:
				return response(405, "", "")
			case r.URL.Path == "/mcp":
				return response(200, "Content-Type: text/event-stream\r\n", "event: endpoint\ndata: "+withUser(base)+"/mcp?again\n\n")
			}
			return ""
		},
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := honest(t, change)
			p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t))
			_, stderr, code := p.run("login", s.url+"/mcp", "--timeout=10s")
			if code == 0 && name != "challenge" { // then the well-known address has the metadata
				t.Error("it went on")
			}
			if heard := s.heard(); strings.Contains(heard, "Basic ZXZpbDp3b3Jk") || strings.Contains(heard, "again") {
				t.Errorf("a user name that a stranger chose was sent:\n%s", heard)
			}
			if strings.Contains(stderr, "word@") {
				t.Errorf("the password is shown:\n%s", stderr)
			}
		})
	}
}
