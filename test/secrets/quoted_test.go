package secrets

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// ofHeader is what a person has put into --header.
const ofHeader = "KEY/0123456789-OF-A-HEADER=="

// quotings are answers that send the request back, as many servers do with what they
// refuse.
var quotings = map[string]func(request string) string{
	"text": func(request string) string { return response(500, "Content-Type: text/plain\r\n", request) },
	"refusal in text": func(request string) string {
		return response(403, "Content-Type: text/plain\r\n", "refresh token? "+request)
	},
	"oauth error": func(request string) string {
		b, _ := json.Marshal(map[string]string{"error": "invalid_request", "error_description": request})
		return response(400, "Content-Type: application/json\r\n", string(b))
	},
	"oauth code": func(request string) string {
		b, _ := json.Marshal(map[string]string{"error": request})
		return response(400, "Content-Type: application/json\r\n", string(b))
	},
	"json-rpc error": func(request string) string {
		b, _ := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "error": map[string]any{"code": -32000, "message": request}})
		return jsonAnswer(string(b))
	},
	"challenge": func(request string) string {
		return response(401, "WWW-Authenticate: Bearer error=\"invalid_token\", error_description=\""+strings.NewReplacer(`"`, "", "\n", " ").Replace(request)+"\"\r\n", "")
	},
	"redirect": func(request string) string {
		return response(302, "Location: /login?"+strings.NewReplacer(" ", "&", "\n", "&").Replace(request)+"\r\n", "")
	},
	"event stream": func(request string) string {
		return response(200, "Content-Type: text/event-stream\r\n", "event: "+strings.ReplaceAll(request, "\n", " ")+"\ndata: {}\n\n")
	},
}

// spoken are the answers of which a part is shown.
var spoken = map[string][]string{
	"/mcp":    {"text", "refusal in text", "oauth error", "oauth code", "json-rpc error", "challenge"},
	"/token":  {"oauth error", "oauth code", "refusal in text", "json-rpc error"},
	"/device": {"oauth error", "oauth code", "refusal in text"},
	"/revoke": {"oauth code"},
}

// A peer that quotes the request in its answer does not make the program print the
// secrets in it.
func TestQuotedRequests(t *testing.T) {
	for name, quote := range quotings {
		for _, endpoint := range []string{"/mcp", "/token", "/device", "/register", "/revoke"} {
			t.Run(strings.Trim(endpoint, "/")+" "+name, func(t *testing.T) {
				t.Parallel()
				if endpoint != "/mcp" && endpoint != "/token" && name != "oauth code" {
					real.Long(t, "six verbs for each endpoint and way of quoting")
				}
				s := honest(t, func(_ string, r *http.Request, body string) string {
					if r.URL.Path != endpoint || endpoint == "/mcp" && r.Header.Get("Authorization") == "" {
						return ""
					}
					// The secrets come first: what is cut off at the end of a long text shows nothing.
					return quote(r.Header.Get("Authorization") + " " + r.Header.Get("X-Api-Key") + " " + r.Header.Get("Mcp-Session-Id") + " " + body + " " + r.URL.RawQuery)
				})
				p := newProgram(t, "MCP_LOGIN_BROWSER="+self(t))
				redacted := false
				for _, args := range [][]string{
					{"login", s.url + "/mcp", "--timeout=10s", "--log-level=debug"},
					{"tools", s.url + "/mcp", "--timeout=10s", "--log-level=debug"},
					{"doctor", s.url + "/mcp", "--timeout=10s"},
					{"status", s.url + "/mcp"},
					{"logout", s.url + "/mcp", "--delete-registration", "--log-level=debug"},
					{"login", s.url + "/mcp", "--device", "--timeout=3s", "--log-level=debug"},
				} {
					if args[0] == "login" || args[0] == "tools" || args[0] == "doctor" {
						args = append(args, "--header", "X-Api-Key: "+ofHeader)
					}
					stdout, stderr, code := p.run(args...)
					if code == 2 {
						t.Errorf("%v is no command: %s", args, stderr)
					}
					p.printsNone(stdout+stderr, args, s.heard())
					redacted = redacted || strings.Contains(stdout+stderr, "[redacted]")
				}
				if !strings.Contains(s.heard(), " "+endpoint) {
					t.Errorf("%s was not asked", endpoint)
				}
				if said := spoken[endpoint]; slices.Contains(said, name) && !redacted {
					t.Error("nothing of the answer was said: is anything shown at all?")
				}
				stdout, stderr := p.talk(`{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"t","version":"1"}}}`,
					s.url+"/mcp", "--log-level=debug", "--header", "X-Api-Key: "+ofHeader)
				if name == "json-rpc error" { // what the server says in JSON-RPC is the client's, byte by byte
					stdout = ""
				}
				p.printsNone(stdout+stderr, []string{"bridge"}, s.heard())
			})
		}
	}
}

// verifiers are the code_verifiers and Basic credentials in what was heard.
var verifiers = regexp.MustCompile(`code_verifier=([^& ]+)|Basic ([^\] ]+)`)

// printsNone checks that nothing secret of what was heard is in printed.
func (p *program) printsNone(printed string, args []string, heard string) {
	p.t.Helper()
	secret := []string{canary, ofHeader}
	for _, found := range verifiers.FindAllStringSubmatch(heard, -1) {
		secret = append(secret, found[1]+found[2])
	}
	for _, s := range secret {
		secret = append(secret, url.QueryEscape(s), strings.ReplaceAll(s, "/", `\/`))
	}
	for _, s := range secret {
		if strings.Contains(printed, s) {
			p.t.Errorf("%v: a secret that a peer sent back was printed (%.8s…):\n%s", args, s, printed)
		}
	}
}
