package providers

import (
	"slices"
	"strings"
)

// failing is a way in which a login inside a call can end, with the words that say
// so: the first of them once.
type failing struct {
	name string
	fake fake
	// words are for the command line, env for the environment.
	words string
	env   []string
	says  []string
	hint  string
	code  int // 0 is that of a failed sign-in
}

// failures are cases of all failures of the login: in a process of its own, or with
// --no-detach in the bridge.
func failures(in string) (list []example) {
	for _, f := range slices.Concat(failuresOfDiscovery, failuresOfTheClient, failuresOfThePerson, failuresOfTheToken) {
		if f.code == 0 {
			f.code = 1002
		}
		w := want{code: f.code, hint: f.hint, says: f.says, once: f.says[:1], not: []string{"broke", "may have done"}}
		if w.hint == "" {
			w.hint = "mcp-login (doctor|login)"
		}
		name := "relay/failure-" + f.name
		if in != "" {
			name += "-in-the-bridge"
		}
		list = append(list, example{
			name: name, seen: "any failure of the login inside a call", fake: halfOpen(f.fake),
			steps: []step{{words: f.words + " " + in, env: f.env, want: w, ours: true}},
		})
	}
	return list
}

// unreachable is usual where a host does not answer.
func unreachable(host string) fake {
	f := usual()
	f.down = host
	return f
}

// everywhere is usual with the same at all addresses of the provider's metadata.
func everywhere(published any) fake {
	return with(map[string]any{asAt: published, oidcAt: published})
}

var failuresOfDiscovery = []failing{
	{name: "resource-of-another", fake: named("https://other.example.com/mcp"), says: []string{"https://other.example.com/mcp"}, hint: "--no-resource"},
	{name: "resource-unavailable", fake: fake{url: at, docs: map[string]any{prmAt: 503, prmRoot: 503, ownAS: 503}}, says: []string{"status 503", "unavailable"}, hint: "try again later"},
	{name: "resource-to-http", fake: with(map[string]any{prmAt: redirect(302, "http://mcp.example.com/prm")}), says: []string{"redirect"}},
	{name: "resource-redirects", fake: with(map[string]any{prmAt: redirect(302, prmAt), prmRoot: 404}), says: []string{"too many redirects"}},
	{name: "resource-too-large", fake: with(map[string]any{prmAt: `{"a":"` + strings.Repeat("x", 300<<10) + `"}`}), says: []string{"larger than"}},
	{name: "resource-server-down", fake: func() fake {
		f := challenged("https://down.example.com/prm", nil)
		f.docs, f.down = map[string]any{ownAS: 503}, "down.example.com"
		return f
	}(), says: []string{"unavailable"}, hint: "."},
	{name: "issuer-http", fake: published(resource(at, "http://login.example.com")), says: []string{"neither https nor http on loopback"}},
	{name: "issuer-nonsense", fake: published(resource(at, "%zz")), says: []string{"not an absolute URL"}},
	{name: "issuer-query", fake: published(resource(at, idp+"?a=b")), says: []string{"has a query"}},
	{name: "issuer-private", fake: published(resource(at, "https://127.0.0.1:9")), says: []string{"refused to connect to 127.0.0.1"}, hint: "--issuer"},
	{name: "issuer-link-local", fake: published(resource(at, "https://169.254.169.254")), says: []string{"refused to connect to 169.254.169.254"}, hint: "."},
	{name: "provider-down", fake: unreachable("login.example.com"), says: []string{"provider unavailable"}},
	{name: "provider-nothing", fake: everywhere(404), says: []string{"none of its well-known addresses has it"}, hint: "issuer"},
	{name: "provider-page", fake: everywhere(page), says: []string{"not the JSON object it should be"}},
	{name: "provider-cut", fake: everywhere(`{"issuer":"https://login.exa`), says: []string{"not the JSON object it should be"}},
	{name: "provider-503", fake: everywhere(503), says: []string{"status 503"}, hint: "try again later"},
	{name: "provider-without-token-endpoint", fake: usual("token_endpoint", nil), says: []string{"no token_endpoint"}},
	{name: "provider-token-endpoint-http", fake: usual("token_endpoint", "http://login.example.com/token"), says: []string{"no token_endpoint", "neither https"}},
	{name: "provider-without-authorization-endpoint", fake: usual("authorization_endpoint", nil), says: []string{"no authorization_endpoint"}, hint: "--device"},
	{name: "provider-plain-pkce", fake: usual("code_challenge_methods_supported", []string{"plain"}), says: []string{"does not offer PKCE with S256"}, hint: "operator"},
	{name: "provider-private-login-page", fake: usual("authorization_endpoint", "https://10.1.2.3/authorize"), says: []string{"refused to send a browser to 10.1.2.3"}, hint: "--issuer"},
}

var failuresOfTheClient = []failing{
	{name: "registration-none", fake: usual("registration_endpoint", nil), says: []string{"lets no client register itself"}, hint: "--client-id"},
	{name: "registration-403", fake: onList(403, doc{"error": "Forbidden"}), says: []string{"register client"}, hint: "--client-id"},
	{name: "registration-500", fake: onList(500, "<html>oops</html>"), says: []string{"status 500"}, hint: "."},
	{name: "registration-nothing", fake: onList(201, doc{}), says: []string{"no client_id"}, hint: "."},
	{name: "registration-page", fake: onList(200, page), says: []string{"not the JSON object it should be"}, hint: "."},
	{name: "registration-down", fake: func() fake {
		f := usual("registration_endpoint", "https://reg.example.com/register")
		f.down = "reg.example.com"
		return f
	}(), says: []string{"provider unavailable"}},
	{name: "no-secret", fake: usual(), words: "--client-credentials --client-id app", says: []string{"neither a secret nor a key"}, hint: "--client-secret-file"},
	{name: "device-not-offered", fake: usual(), words: "--device", says: []string{"does not offer the device grant"}, hint: "--device"},
}

// authorizing is a provider that answers so to the authorization request.
func authorizing(how func(*request) answer) fake {
	f := usual()
	f.authorize = func(_ *world, r *request) *answer {
		a := how(r)
		return &a
	}
	return f
}

var failuresOfThePerson = []failing{
	{name: "denied", fake: authorizing(func(r *request) answer {
		return redirectBack(r, "error", "access_denied", "error_description", "Alice said no")
	}), says: []string{"access_denied", "Alice said no"}, hint: "refused"},
	{name: "server-error", fake: authorizing(func(r *request) answer { return redirectBack(r, "error", "server_error") }), says: []string{"server_error"}},
	{name: "own-error", fake: authorizing(func(r *request) answer {
		return redirectBack(r, "error", "E1234", "error_description", "not today")
	}), says: []string{"not today", "E1234"}},
	{name: "other-issuer", fake: authorizing(func(r *request) answer { return redirectBack(r, "code", "c", "iss", stray) }), says: []string{"another issuer"}, hint: "."},
	{name: "time-is-up", fake: authorizing(func(*request) answer { return loginPage }), words: "--timeout 4s", says: []string{"not finished in time"}, hint: "."},
}

var failuresOfTheToken = []failing{
	{name: "code-refused", fake: exchanging(*oauthError(400, "invalid_grant", "code is too old")), says: []string{"code is too old", "invalid_grant"}},
	{name: "code-refused-own-words", fake: exchanging(answer{status: 400, body: doc{"message": "Code is used up"}}), says: []string{"Code is used up"}},
	{name: "code-refused-page", fake: exchanging(answer{status: 403, body: page}), says: []string{"status 403"}},
	{name: "token-endpoint-500", fake: exchanging(answer{status: 500}), says: []string{"status 500"}, hint: "try again later"},
	{name: "token-page", fake: exchanging(answer{body: page}), says: []string{"no access_token"}},
	{name: "token-missing", fake: grants(doc{"access_token": nil}), says: []string{"no access_token"}},
	{name: "token-unusable", fake: grants(doc{"access_token": "a\r\nX-Evil: 1"}), says: []string{"characters that no token may have"}},
	{name: "token-dpop", fake: grants(doc{"token_type": "DPoP"}), says: []string{"DPoP"}},
	{name: "token-endpoint-down", fake: func() fake {
		f := usual("token_endpoint", "https://token.example.com/token")
		f.down = "token.example.com"
		return f
	}(), says: []string{"provider unavailable"}},
	{name: "token-not-taken", fake: func() fake {
		f := usual()
		f.exchange = func(*world, *request) *answer {
			return &answer{body: doc{"access_token": "for-somebody-else", "token_type": "Bearer"}}
		}
		return f
	}(), says: []string{"refused a token"}, hint: "audience"},
	{name: "token-given", fake: usual(), env: []string{"MCP_LOGIN_TOKEN=old"}, says: []string{"refused the token in MCP_LOGIN_TOKEN"}, hint: "MCP_LOGIN_TOKEN"},
}
