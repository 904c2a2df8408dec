package providers

import (
	"strings"
)

// For each tolerance, what it could open.

// evil is a second MCP server, of a stranger, beside an honest one.
const evil = stray + "/mcp"

// claiming is an honest server and a stranger whose metadata claims the honest
// provider's name, with endpoints of his own.
func claiming(iss string) fake {
	f := usual()
	f.more = []string{evil}
	f.iss = iss
	f.docs[stray+"/.well-known/oauth-protected-resource/mcp"] = resource(evil, stray)
	f.docs[stray+"/.well-known/oauth-authorization-server"] = metadata(idp, "base", stray, "authorization_endpoint", idp+"/authorize", "registration_endpoint", nil)
	f.clients = map[string]string{"app": "s3cret"}
	return f
}

// nothingFor is that an address got neither the client, its secret nor a code.
func nothingFor(prefix string) check {
	return func(w *world) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, r := range w.seen {
			user, password, _ := r.BasicAuth()
			all := user + password + r.URL.RawQuery + r.form.Encode() + r.Header.Get("Authorization")
			if strings.HasPrefix(r.address, prefix) && (strings.Contains(all, "s3cret") || strings.Contains(all, "code-") || strings.Contains(all, "-token-")) {
				return r.address + " got " + all
			}
		}
		return ""
	}
}

const honest = `--host localhost --static-oauth-client-info {"client_id":"app","client_secret":"s3cret"}`

// secondLogin is the honest login, and what then happens at the stranger.
func secondLogin() []step {
	w := want{code: 1002, says: []string{idp}, not: []string{"--accept-issuer " + idp}}
	return []step{
		{words: honest},
		{url: evil, want: w, check: []check{nothingFor(stray), tabs(1)}, ours: true},
		{url: evil, words: honest, want: w, check: []check{nothingFor(stray), tabs(1)}, ours: true},
	}
}

// sameOrigin has two issuers with paths on one origin, and two servers: the
// first one's document claims to be the second issuer.
func sameOrigin() fake {
	f := listed(idp+"/a", map[string]any{asAt + "/a": metadata(idp+"/b", "base", idp+"/a"), asAt + "/b": metadata(idp + "/b")})
	f.more = []string{"https://mcp.example.com/other"}
	f.docs[prmRoot+"/other"] = resource("https://mcp.example.com/other", idp+"/b")
	return f
}

// looksLike is an answer that is JSON-RPC only at a glance.
func looksLike(name, typ, body string, code int) example {
	return not("attack/looks-like-json-rpc-"+name, "a body that only looks like JSON-RPC", answers(func(m string) answer {
		return answer{typ: typ, body: strings.ReplaceAll(strings.ReplaceAll(body, "MESSAGE", m), "OTHER", strings.Replace(m, `"id":2`, `"id":99`, 1))}
	}), "", want{code: code}, ran("1", 1))
}

// twice is a session lost on purpose, so that a call runs twice.
func twice(name string, w want, runs int, before func(*world, *call) *answer) example {
	f := free()
	f.before = before
	return example{name: "attack/run-twice-" + name, seen: "a session lost on purpose to make a call run twice", fake: f, steps: []step{{want: w, check: []check{ran("1", runs)}}}}
}

// carryOut runs a call and answers something else.
func carryOut(w *world, c *call, a *answer) *answer {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.runs[c.argument]++
	return a
}

// choosing is a member of the registration that a person was made to choose: it is
// refused before anything is sent.
func choosing(name, members, says string) example {
	w := want{exit: 2, says: []string{says}, not: []string{"s3cret"}}
	return example{name: "attack/choosing-" + name, seen: "a member that would take a protection away", fake: usual(), steps: []step{
		{verb: "login URL", words: "--client-metadata " + members, want: w, check: []check{avoided("")}, ours: true},
		{verb: "URL", words: "--static-oauth-client-metadata " + members, want: w, check: []check{avoided("")}, ours: true},
	}}
}

// localRedirect is that the provider sends the browser to this machine.
func localRedirect(w *world) string {
	for _, r := range w.requests("authorize") {
		if got := r.query.Get("redirect_uri"); !strings.HasPrefix(got, "http://127.0.0.1:") {
			return "the redirect is " + got
		}
	}
	return ""
}

var attackCases = []example{
	{name: "attack/member-listed-document-of-another", seen: "a listed address of a document yields its own issuer", fake: listed(idp+"/t/.well-known/openid-configuration", map[string]any{idp + "/t/.well-known/openid-configuration": metadata(idp)}), steps: []step{
		{want: refused("--accept-issuer "+idp, idp), check: []check{came("register", 0)}, ours: true},
		{words: "--accept-issuer " + idp, ours: true},
	}},
	{name: "attack/known-issuer", seen: "metadata of a stranger that claims a known issuer", fake: claiming(""), steps: secondLogin()},
	{name: "attack/known-issuer-iss", seen: "the same with the iss that it claims", fake: claiming(idp), steps: secondLogin()},
	{
		name: "attack/known-issuer-accepted", seen: "an accepted pair shares nothing with the issuer whose name it bears", fake: func() fake {
			f := claiming("")
			f.docs[stray+"/.well-known/oauth-authorization-server"] = metadata(idp, "base", stray)
			return f
		}(),
		steps: []step{
			{words: honest},
			{url: evil, words: honest + " --accept-issuer " + idp, want: want{code: 1002}, check: []check{nothingFor(stray)}, ours: true},
			{url: evil, words: "--accept-issuer " + idp, check: []check{came("register", 1), func(w *world) string {
				for _, r := range w.requests("token")[1:] {
					if strings.HasPrefix(r.address, stray) && (r.form.Get("client_id") != "client-1" || strings.Contains(r.form.Encode(), "s3cret")) {
						return "the stranger got " + r.form.Encode()
					}
				}
				return ""
			}}, ours: true},
		},
	},
	{
		name: "attack/same-origin", seen: "another issuer of the same origin", fake: sameOrigin(),
		steps: []step{
			{want: refused("", idp+"/b"), check: []check{came("authorize", 0)}},
			{url: "https://mcp.example.com/other", check: []check{came("register", 1)}, ours: true},
			{words: "--accept-issuer " + idp + "/b", check: []check{came("register", 2), tabs(2)}, ours: true},
		},
	},
	not("attack/same-origin-root", "the root's documents are not those of an issuer with a path", func() fake {
		return listed(idp+"/a", map[string]any{asAt: metadata(idp + "/a"), oidcAt: metadata(idp + "/a")})
	}(), "", refused("", idp+"/a"), came("authorize", 0)),
	not("attack/slash-of-another-host", "the slash makes only an issuer equal to itself", listed(idp+"/", map[string]any{asAt: metadata(stray + "/")}), "", refused("", stray), came("authorize", 0)),
	not("attack/pkce-plain-only", "a provider that lists methods without S256", usual("code_challenge_methods_supported", []string{"plain"}), "", refused("", "S256"), came("authorize", 0)),
	{
		name: "attack/pkce-plain-only-insisted", seen: "the old word does not change that", fake: usual("code_challenge_methods_supported", []string{"plain"}),
		steps: []step{{words: "--assume-pkce", want: refused("", "S256"), check: []check{came("authorize", 0)}, ours: true}},
	},
	not("attack/token-type-dpop", "a token of another kind is no bearer token", grants(doc{"token_type": "DPoP"}), "", refused("", "DPoP")),
	not("attack/token-type-mac", "a token of another kind is no bearer token", grants(doc{"token_type": "mac"}), "", refused("", "mac")),
	not("attack/token-with-line-break", "a token that would add a header", grants(doc{"access_token": "a\r\nX-Evil: 1"}), "", refused("")),
	{
		name: "attack/resource-of-another-origin", seen: "with --no-resource the document must still be the server's own", fake: func() fake {
			f := challenged(stray+"/prm", map[string]any{stray + "/prm": resource(stray+"/mcp", stray), stray + "/.well-known/oauth-authorization-server": metadata(stray)})
			delete(f.docs, prmAt)
			return f
		}(),
		steps: []step{
			{words: "--no-resource", want: want{code: 1002}, check: []check{nothingFor(stray), came("authorize", 0)}, ours: true},
			{words: "--resource URL", want: want{code: 1002}, check: []check{nothingFor(stray), came("authorize", 0)}, ours: true},
		},
	},
	{
		name: "attack/challenge-with-user-name", seen: "an address in the challenge that would put a stranger's words into Authorization",
		fake: challenged("https://evil:word@mcp.example.com/.well-known/oauth-protected-resource/mcp", nil),
		steps: []step{{check: []check{func(w *world) string {
			for _, r := range w.requests("metadata") {
				if got := r.Header.Get("Authorization"); got != "" {
					return "metadata was asked with " + got
				}
			}
			return ""
		}}, ours: true}},
	},
	not("attack/endpoint-left-out", "what is left out is not used", usual("token_endpoint", "http://login.example.com/token"), "", refused("", "token_endpoint"), came("authorize", 0), avoided("http://")),
	{
		name: "attack/revocation-left-out", seen: "what is left out is not used", fake: usual("revocation_endpoint", "http://login.example.com/revoke"),
		steps: []step{{}, {verb: "logout URL", check: []check{came("revoke", 0), avoided("http://")}, ours: true}},
	},
	{
		name: "attack/registration-refused-for-ever", seen: "a provider that always refuses causes no storm of registrations, and no tab", fake: onList(403, "Forbidden"),
		steps: []step{
			{flood: true, calls: 5, want: refused(`--client-name`), check: []check{came("register", 1)}},
			{flood: true, calls: 5, want: refused(`--client-name`), check: []check{came("register", 1)}, ours: true},
			{flood: true, want: refused(`--client-name`), check: []check{came("register", 1), tabs(0)}, ours: true},
			{verb: "login URL", want: want{exit: 1, hint: `--client-name`}, check: []check{came("register", 2), tabs(0)}, ours: true}, // a person may
		},
	},
	{
		name: "attack/client-always-unknown", seen: "a provider that knows no client: one new registration in a login, and few tabs", fake: exchanging(*oauthError(401, "invalid_client", "unknown")),
		steps: []step{
			{flood: true, calls: 3, want: refused("", "invalid_client"), check: []check{came("register", 1), tabs(1)}},
			{verb: "login URL", want: want{exit: 1}, check: []check{came("register", 2), tabs(3)}, ours: true},
			{verb: "login URL", want: want{exit: 1}, check: []check{came("register", 3), tabs(5)}, ours: true},
			{flood: true, calls: 3, want: refused(""), check: []check{came("register", 3), tabs(5)}, ours: true},
		},
	},
	{
		name: "attack/registration-answers-redirect", seen: "no answer to a registration changes where the code goes",
		fake:  gives(doc{"redirect_uris": []string{stray + "/callback"}, "redirect_uri": stray + "/callback", "response_types": []string{"token"}, "grant_types": []string{"implicit"}}, nil),
		steps: []step{{check: []check{avoided(stray), sent("authorize", "response_type", "code"), localRedirect}}},
	},
	choosing("redirect", `{"redirect_uris":["`+stray+`/callback"]}`, "redirect_uris"),
	choosing("redirect-beside", `{"redirect_uris":["http://127.0.0.1:29693/x","`+stray+`/callback"]}`, "redirect_uris"),
	choosing("redirect-in-capitals", `{"Redirect_URIs":["`+stray+`/callback"]}`, "redirect_uris"),
	choosing("response-types", `{"response_types":["token"]}`, "response_types"),
	choosing("grant-types", `{"grant_types":["implicit"]}`, "grant_types"),
	choosing("jwks", `{"jwks_uri":"`+stray+`/jwks"}`, "jwks_uri"),
	choosing("dpop", `{"dpop_bound_access_tokens":true}`, "dpop_bound_access_tokens"),
	choosing("client", `{"client_id":"app","client_secret":"s3cret"}`, "client_id"),
	outage("attack/firewall-403", "a firewall's 403 at the token endpoint", answer{status: 403, body: "<html><body>Request blocked</body></html>"}),
	outage("attack/firewall-404", "a proxy's 404 at the token endpoint", answer{status: 404, body: "<html><body>no such host</body></html>"}),
	outage("attack/firewall-403-json", "a gateway that speaks JSON", answer{status: 403, body: doc{"message": "Forbidden"}}),
	outage("attack/firewall-200-page", "a captive portal", answer{body: page}),
	outage("attack/firewall-302", "a captive portal", redirect(302, "http://portal.example.net/")),
	outage("attack/outage-429", "too many requests", answer{status: 429, body: doc{"error": "too_many_requests"}}),
	outage("attack/outage-408", "request timeout", answer{status: 408, body: doc{"error": "timeout"}}),
	outage("attack/outage-503", "5xx with an OAuth error in it", *oauthError(503, "invalid_grant", "database is down")),
	outage("attack/outage-temporarily", "temporarily_unavailable is told apart", *oauthError(400, "temporarily_unavailable", "try later")),

	twice("ping-works", want{code: -32000}, 1, func(w *world, c *call) *answer {
		if c.method == "tools/call" {
			return carryOut(w, c, &answer{status: 400, body: doc{"jsonrpc": "2.0", "id": c.id, "error": doc{"code": -32000, "message": "Bad Request: No valid session ID provided"}}})
		}
		return nil
	}),
	twice("ping-refused-otherwise", want{code: -32000}, 1, func(w *world, c *call) *answer {
		switch c.method {
		case "tools/call":
			return carryOut(w, c, rpcError(400, -32000, "Bad Request: No valid session ID provided"))
		case "ping":
			return rpcError(400, -32601, "Method not found")
		}
		return nil
	}),
	twice("ping-refused-always", want{code: -32000}, 1, func(w *world, c *call) *answer {
		switch c.method {
		case "tools/call":
			return carryOut(w, c, rpcError(400, -32000, "Bad Request: No valid session ID provided"))
		case "ping":
			return rpcError(400, -32000, "Bad Request: No valid session ID provided")
		}
		return nil
	}),
	twice("ping-silent", want{code: 1003}, 1, func(w *world, c *call) *answer {
		switch c.method {
		case "tools/call":
			return carryOut(w, c, &answer{status: 400})
		case "ping":
			<-c.Context().Done()
		}
		return nil
	}),
	twice("401-ping-works", want{code: 1002}, 1, func(w *world, c *call) *answer {
		if c.method == "tools/call" {
			return carryOut(w, c, &answer{status: 401, typ: "text/plain", body: "Unauthorized: Session not found"})
		}
		return nil
	}),
	twice("stream-began", want{code: 1005}, 1, func(w *world, c *call) *answer {
		if c.method == "tools/call" {
			w.forgetSessions()
			return carryOut(w, c, &answer{typ: "text/event-stream", body: ": at work\n\n"})
		}
		return nil
	}),
	{
		name: "attack/run-twice-always-400", seen: "once, and no loop", fake: func() fake {
			f := free()
			f.before = func(w *world, c *call) *answer {
				if c.method == "tools/call" || c.method == "ping" {
					return rpcError(400, -32000, "Bad Request: No valid session ID provided")
				}
				return nil
			}
			return f
		}(),
		steps: []step{{want: want{code: -32000}, check: []check{func(w *world) string {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.called["tools/call"] > 2 || w.called["initialize"] > 2 {
				return "it was sent again and again"
			}
			return ""
		}}}},
	},
	twice("401-with-challenge", want{code: 1002}, 1, func(w *world, c *call) *answer {
		if c.method == "tools/call" {
			a := carryOut(w, c, nil)
			if a == nil {
				a = w.challenged()
			}
			return a
		}
		return nil
	}),

	looksLike("html", "text/html", "MESSAGE", 1004),
	looksLike("other-id", "none", "OTHER", 1004),
	looksLike("other-id-text", "text/plain", "OTHER", 1004),
	looksLike("two", "text/plain", "MESSAGE\nMESSAGE", 1004),
	looksLike("tail", "text/plain", "MESSAGE <html>", 1004),
	looksLike("batch", "text/plain", "[MESSAGE]", 1004),
	looksLike("cut", "none", `{"jsonrpc":"2.0","id":2,"result":{"content":[`, 1004),
	looksLike("no-version", "none", `{"id":2,"result":{}}`, 1004),
	looksLike("request", "none", `{"jsonrpc":"2.0","id":2,"method":"sampling/createMessage","params":{}}`, 1004),
	looksLike("stream-of-another", "text/plain", "data: OTHER\n\n", 1004),
	looksLike("stream-in-html", "text/html", "data: MESSAGE\n\n", 1004),
	looksLike("text-with-a-colon", "text/plain", ": see MESSAGE\n", 1004),
	looksLike("json-in-text", "text/plain", "The answer is MESSAGE", 1004),
	looksLike("blanks", "none", strings.Repeat(" ", 1<<16)+"MESSAGE", 1004),
	looksLike("markup-without-type", "none", "<pre>MESSAGE</pre>", 1004),
}
