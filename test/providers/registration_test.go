package providers

import (
	"slices"
	"strings"
)

const (
	figma   = "Figma: claude-code#74768, copilot-cli#4906, mcp-remote#186"
	richer  = "Figma, hand-written providers"
	purged  = "AWS MCP: chatcli#1308"
	rawAuth = "oauth4webapi#69"
	golang  = "python-sdk#3531, hermes-agent#115329"
	https   = "claude-code#29934, #44330, opencode#33966"
)

// onList is a provider that registers only clients of a name it knows.
func onList(status int, body any) fake {
	f := usual()
	f.register = func(_ *world, r *request) *answer {
		if r.json["client_name"] != "Claude Code" {
			return &answer{status: status, body: body}
		}
		return nil
	}
	return f
}

// gives is a provider whose answer to a registration has other members.
func gives(members doc, how func(w *world, r *request, secret string) bool) fake {
	f := usual()
	f.registered, f.authenticate = members, how
	return f
}

// How a provider takes a secret: in one way only.
func byForm(_ *world, r *request, secret string) bool {
	_, _, basic := r.BasicAuth()
	return !basic && r.form.Get("client_secret") == secret
}

func byHeader(_ *world, r *request, secret string) bool {
	_, password, _ := r.BasicAuth()
	return unescape(password) == secret && !r.form.Has("client_secret")
}

// purging is a provider that shows unknown clients what page says.
func purging(page answer) fake {
	f := usual()
	f.authorize = func(w *world, r *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, known := w.known[r.query.Get("client_id")]; known {
			return nil
		}
		return &page
	}
	f.refresh = func(*world, *request) *answer { return oauthError(400, "invalid_grant", "unknown") }
	return f
}

var loginPage = answer{body: "<html><body><form method=post action=/login>Password</form></body></html>"}

// renewed is what happens where the fault can be seen without a person.
var renewed = []step{{check: []check{came("register", 1)}}, {before: (*world).forgetClients, check: []check{came("register", 2), tabs(2)}}}

var registrationCases = []example{
	{
		name: "registration/name-on-list", seen: figma, fake: onList(403, doc{"error": "Forbidden"}),
		steps: []step{
			{want: refused(`--client-name`), check: []check{came("authorize", 0)}},
			{words: "--client-name Claude~Code", check: []check{sent("token", "client_id", "client-2")}, ours: true}, // the second request is the first that registers
			{check: []check{tabs(1)}, ours: true},
		},
	},
	{
		name: "registration/name-on-list-as-mcp-remote", seen: figma, fake: onList(403, doc{"error": "Forbidden"}),
		steps: []step{{words: `--static-oauth-client-metadata {"client_name":"Claude~Code"}`, refs: "works"}},
	},
	not("registration/name-on-list-text", kind, onList(403, "Forbidden"), "", refused(`--client-name`)),
	not("registration/name-on-list-rfc", kind, onList(400, doc{"error": "invalid_client_metadata", "error_description": "client_name not approved"}), "", refused(`--client-name`, "client_name not approved")),
	not("registration/name-on-list-401", kind, onList(401, doc{"error": "unauthorized_client"}), "", refused(`--client-name`)),
	{
		name: "registration/one-attempt", seen: "one registration attempt, not one for each message", fake: onList(403, doc{"error": "Forbidden"}),
		steps: []step{{flood: true, calls: 5, want: refused(`--client-name`), check: []check{came("register", 1)}}},
	},
	{
		name: "registration/members", seen: "mcp-remote's --static-oauth-client-metadata: all members with an effect", fake: usual(),
		steps: []step{{
			words: `--static-oauth-client-metadata {"client_name":"N","client_uri":"https://n.example/","logo_uri":"https://n.example/l.png","software_id":"s-1","software_version":"2","contacts":["a@n.example"],"policy_uri":"https://n.example/p","tos_uri":"https://n.example/t"}`,
			check: []check{
				sent("register", "client_name", "N"), sent("register", "client_uri", "https://n.example/"), sent("register", "logo_uri", "https://n.example/l.png"), sent("register", "software_id", "s-1"),
				sent("register", "software_version", "2"), sent("register", "contacts", "[a@n.example]"), sent("register", "policy_uri", "https://n.example/p"), sent("register", "tos_uri", "https://n.example/t"),
			},
		}},
	},
	{
		name: "registration/member-redirect-uris", seen: figma, fake: usual(),
		steps: []step{{
			words: `--static-oauth-client-metadata {"client_name":"Codex","redirect_uris":["http://localhost:PORT/callback"]}`,
			check: []check{sent("register", "redirect_uris", "[http://localhost:PORT/callback]"), sent("authorize", "redirect_uri", "http://localhost:PORT/callback")},
		}},
	},
	{
		name: "registration/member-auth-method", seen: "mcp-remote's README", fake: gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_post"}, byForm),
		steps: []step{{words: `--static-oauth-client-metadata {"token_endpoint_auth_method":"client_secret_post"}`, check: []check{sent("register", "token_endpoint_auth_method", "client_secret_post")}}},
	},
	{
		name: "registration/client-uri", seen: "what else RFC 7591 lets a person choose", fake: usual(),
		steps: []step{{words: "--client-uri https://n.example/", check: []check{sent("register", "client_uri", "https://n.example/")}, ours: true}},
	},

	it("registration/secret-by-form", richer, gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_post"}, byForm), ""),
	it("registration/secret-by-header", richer, gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_basic"}, byHeader), ""),
	it("registration/secret-without-method", richer, gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": nil}, nil), ""),
	it("registration/secret-without-method-by-form", kind, func() fake {
		f := gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": nil}, byForm)
		f.docs[asAt] = metadata(idp, "token_endpoint_auth_methods_supported", []string{"client_secret_post"})
		return f
	}(), ""),
	it("registration/secret-and-none", "Figma: a secret beside the method none, and demanded", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "none"}, byForm), ""),
	it("registration/secret-and-unknown-method", kind, gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_jwt"}, nil), ""),
	it("registration/secret-null", kind, gives(doc{"client_secret": rawNull}, nil), ""),
	it("registration/secret-empty", kind, gives(doc{"client_secret": ""}, nil), ""),
	it("registration/poor", "only a client_id", gives(doc{"redirect_uris": nil, "token_endpoint_auth_method": nil}, nil), ""),
	it("registration/id-number", richer, gives(doc{"client_id": 12345}, nil), "", sent("token", "client_id", "12345")),
	it("registration/expiry-string", richer, gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_post", "client_secret_expires_at": "0"}, byForm), ""),
	it("registration/expiry-null", kind, gives(doc{"client_secret_expires_at": rawNull}, nil), ""),
	it("registration/expiry-bool", kind, gives(doc{"client_secret_expires_at": false}, nil), ""),
	it("registration/expiry-date", kind, gives(doc{"client_secret_expires_at": "2036-01-01T00:00:00Z", "client_id_issued_at": "now"}, nil), ""),
	it("registration/other-types", kind, gives(doc{"redirect_uris": "http://127.0.0.1/callback", "grant_types": "authorization_code", "contacts": doc{}, "registration_client_uri": 1, "registration_access_token": false}, nil), ""),
	it("registration/status-200", richer, answering(200), ""),
	it("registration/status-202", kind, answering(202), ""),
	it("registration/text-plain", kind, func() fake {
		f := usual()
		f.register = func(w *world, _ *request) *answer {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.known["plain"] = ""
			return &answer{status: 201, typ: "text/plain", body: doc{"client_id": "plain"}}
		}
		return f
	}(), ""),
	not("registration/no-id", "an error that names the member", gives(doc{"client_id": nil}, nil), "", refused("", "client_id"), came("authorize", 0)),
	not("registration/error-in-200", kind, func() fake {
		f := usual()
		f.register = func(*world, *request) *answer { return oauthError(200, "access_denied", "registration is closed") }
		return f
	}(), "", refused("--client-", "registration is closed"), came("authorize", 0)),

	{
		name: "registration/purged-after-password", seen: purged, fake: purging(loginPage),
		steps: []step{
			{check: []check{came("register", 1)}},
			{before: (*world).forgetClients, words: "--timeout 5s", want: refused(`regist`, "not finished in time")},
			{verb: "login URL", check: []check{came("register", 2)}, ours: true},
			{check: []check{came("register", 2)}, ours: true},
		},
	},
	{name: "registration/purged-error-page", seen: purged, fake: purging(answer{status: 400, body: "<html><body>Unknown client_id</body></html>"}), steps: renewed},
	{name: "registration/purged-json", seen: kind, fake: purging(*oauthError(401, "invalid_client", "Client not found")), steps: renewed},
	{
		name: "registration/purged-redirect-to-error", seen: "also when the provider redirects to an error page", steps: renewed,
		fake: purging(answer{status: 302, header: map[string]string{"Location": idp + "/error?error=invalid_client&error_description=Unknown+client"}}),
	},
	{
		name: "registration/purged-redirect-to-error-page", seen: kind, steps: renewed,
		fake: purging(answer{status: 303, header: map[string]string{"Location": "https://error.example.net/oauth2/errors/unknown"}}),
	},
	{
		name: "registration/purged-json-200", seen: kind, steps: renewed,
		fake: purging(answer{body: doc{"error": "unauthorized_client", "error_description": "no such application"}}),
	},
	{
		name: "registration/purged-back-to-us", seen: "also in the redirect", steps: renewed,
		fake: sendingBack("error", "unauthorized_client", "error_description", "AADSTS700016: Application was not found"),
	},
	{
		name: "registration/purged-at-token-endpoint", seen: "also at the token endpoint, in the same login", fake: sendingBack("code", "code-of-nobody"),
		steps: []step{{}, {verb: "login URL", before: (*world).forgetClients, check: []check{came("register", 2), tabs(3)}, ours: true}, {check: []check{came("register", 2), tabs(3)}, ours: true}},
	},
	{
		name: "registration/purged-with-name", seen: "what was chosen is kept with the login", fake: func() fake {
			f := purging(loginPage)
			f.register = onList(403, "Forbidden").register
			f.authorize = purging(*oauthError(400, "invalid_client", "")).authorize
			return f
		}(),
		steps: []step{
			{words: "--client-name Claude~Code", check: []check{came("register", 1)}, ours: true},
			{before: (*world).forgetClients, check: []check{came("register", 2), sent("register", "client_name", "Claude Code"), tabs(2)}, ours: true},
		},
	},
	{
		name: "registration/redirect-uris-kept", seen: "what was chosen is kept with the login", fake: purging(*oauthError(400, "invalid_client", "")),
		steps: []step{
			{words: `--client-metadata {"redirect_uris":["http://localhost:PORT/kept"]}`, ours: true},
			{before: (*world).forgetClients, check: []check{came("register", 2), sent("authorize", "redirect_uri", "http://localhost:PORT/kept")}, ours: true},
		},
	},
	{
		name: "registration/slow-twice", seen: "a person who was slow twice does not lose the registration that worked", fake: slow(),
		steps: []step{
			{check: []check{came("register", 1)}},
			{before: slower, words: "--timeout 4s", want: refused("registers a new one", "not finished in time"), check: []check{came("register", 1)}},
			{verb: "login URL", words: "--timeout 4s", want: want{exit: 4, says: []string{"not finished in time"}}, check: []check{came("register", 2)}, ours: true},
			{verb: "login URL", before: quicker, check: []check{came("register", 2), lastSent("authorize", "client_id", "client-1"), lastSent("token", "client_id", "client-1")}, ours: true},
			{before: (*world).endGrants, check: []check{came("register", 2)}, ours: true},
		},
	},
	{
		name: "registration/no-new-one", seen: "the earlier one stays usable until the new one has succeeded", fake: func() fake {
			f := slow()
			f.register = func(_ *world, r *request) *answer {
				if r.n > 0 {
					return oauthError(403, "access_denied", "registration is closed")
				}
				return nil
			}
			return f
		}(),
		steps: []step{
			{},
			{before: slower, words: "--timeout 4s", want: refused("registers a new one")},
			{verb: "login URL", before: quicker, check: []check{came("register", 2), lastSent("token", "client_id", "client-1")}, ours: true},
			{check: []check{came("register", 2)}, ours: true},
		},
	},
	{
		name: "registration/named-is-kept", seen: "never for a client that the person named", fake: func() fake {
			f := slow()
			f.clients = map[string]string{"app": ""}
			return f
		}(),
		steps: []step{
			{words: "--client-id app", ours: true},
			{before: slower, words: "--client-id app --timeout 4s", want: refused("client id"), check: []check{came("register", 0)}, ours: true},
			{verb: "login URL", before: quicker, words: "--client-id app", check: []check{came("register", 0), sent("authorize", "client_id", "app")}, ours: true},
		},
	},
	{
		name: "registration/out-of-order", seen: "one attempt also where the provider cannot answer", fake: func() fake {
			f := usual()
			f.register = func(*world, *request) *answer { return &answer{status: 503, body: "<html>try later</html>"} }
			return f
		}(),
		steps: []step{{flood: true, calls: 5, want: refused("try again", "unavailable"), check: []check{came("register", 1)}}},
	},
	it("registration/secret-ended-long-ago", "a time instead of a date: the secret has just been given", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_post", "client_secret_expires_at": 3600}, byForm), ""),
	{
		name: "registration/secret-ended-long-ago-used-again", seen: kind, fake: gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_post", "client_secret_expires_at": 3600}, byForm),
		steps: []step{{}, {before: (*world).endGrants, check: []check{came("register", 1)}}},
	},
	it("registration/method-changed", "the method is the provider's", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_basic"}, byHeader), ""),
	it("registration/redirect-rewritten", kind, gives(doc{"redirect_uris": []string{"http://localhost/callback"}, "scope": []string{"a"}, "response_types": "code"}, nil), ""),
	{
		name: "registration/language-and-others", seen: "RFC 7591, section 2.2, and members of other documents", fake: usual(), files: map[string]string{
			"doc.json": `{"client_name#de":"Ein Name","default_max_age":60,"software_statement":"e.e.","client_name":"A name","contacts":null}`,
		},
		steps: []step{{
			words: "--client-metadata @doc.json --client-uri https://n.example/", ours: true,
			check: []check{sent("register", "client_name#de", "Ein Name"), sent("register", "default_max_age", "60"), sent("register", "software_statement", "e.e."), sent("register", "client_name", "A name"), sent("register", "client_uri", "https://n.example/")},
		}},
	},
	{
		name: "registration/purged-at-refresh", seen: "told apart: the client is gone, not only its refresh token", steps: renewed,
		fake: func() fake {
			f := purging(loginPage)
			f.refresh = func(w *world, _ *request) *answer {
				w.mu.Lock()
				defer w.mu.Unlock()
				if len(w.known) == 0 {
					return oauthError(400, "invalid_client", "unknown client")
				}
				return nil
			}
			return f
		}(),
	},
}

// slow is a provider whose person does not sign in while the world is said to be
// mended, which nothing else of it asks.
func slow() fake {
	f := usual()
	f.authorize = func(w *world, _ *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.mended {
			return &loginPage
		}
		return nil
	}
	f.refresh = func(*world, *request) *answer { return oauthError(400, "invalid_grant", "ended") }
	return f
}

func slower(w *world)  { w.endGrants(); w.away(true) }
func quicker(w *world) { w.away(false) }

func (w *world) away(is bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.mended = is
}

func answering(status int) fake {
	f := usual()
	f.register = func(w *world, r *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.known["client"] = ""
		return &answer{status: status, body: doc{"client_id": "client", "redirect_uris": r.json["redirect_uris"]}}
	}
	return f
}

// sendingBack is a provider that forgets its clients, and sends the browser of one back
// with parameters of its own.
func sendingBack(params ...string) fake {
	f := purging(answer{})
	f.authorize = func(w *world, r *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		if _, known := w.known[r.query.Get("client_id")]; known {
			return nil
		}
		a := redirectBack(r, params...)
		return &a
	}
	return f
}

// grants is a provider whose token answers have other members.
func grants(members doc) fake {
	f := usual()
	f.granted = members
	return f
}

// exchanging is a provider that answers otherwise to the code.
func exchanging(a answer) fake {
	f := usual()
	f.exchange = func(*world, *request) *answer { return &a }
	return f
}

// refreshing is a provider that answers otherwise to the refresh token, as long
// as there is none that is good.
func refreshing(a answer) fake {
	f := usual()
	f.refresh = func(w *world, _ *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.refreshs) == 0 {
			return &a
		}
		return nil
	}
	return f
}

// signsIn is a refresh that is refused: a person is asked, once.
func signsIn(name, seen string, a answer, refs string) example {
	return example{name: name, seen: seen, fake: refreshing(a), steps: []step{{}, {before: (*world).endGrants, check: []check{tabs(2), came("token", 3)}, refs: refs}}}
}

// outage is a refresh that says nothing about the token: nobody is asked, and
// the token is still good when the provider is back.
func outage(name, seen string, a answer) example {
	f := usual()
	f.refresh = func(w *world, _ *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.mended {
			return &a
		}
		return nil
	}
	back := func(w *world) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.mended = true
	}
	return example{name: name, seen: seen, fake: f, steps: []step{
		{},
		{before: (*world).endTokens, want: want{code: 1002, says: []string{"unavailable"}}, check: []check{tabs(1)}},
		{before: back, check: []check{tabs(1)}},
	}}
}

// withoutScope is a refresh that needs the scopes again.
func withoutScope(a answer, repeated int) example {
	f := usual("scopes_supported", []string{"openid", "offline_access", "api://app/tools.call"})
	f.docs[prmAt] = resource(at, idp).with("scopes_supported", []string{"api://app/tools.call"})
	f.granted = doc{"scope": "api://app/tools.call api://app/.default profile email"}
	f.refresh = func(_ *world, r *request) *answer {
		if r.form.Get("scope") == "" {
			return &a
		}
		return nil
	}
	asked := func(w *world) string {
		missing := 0
		for _, r := range w.requests("token")[1:] {
			switch got := r.form.Get("scope"); {
			case got == "":
				missing++
			case got != w.requests("authorize")[0].query.Get("scope"):
				return "the refresh asks for " + got
			}
		}
		if missing > repeated {
			return "the provider's wish is not remembered"
		}
		return ""
	}
	return example{fake: f, steps: []step{
		{}, {before: (*world).endTokens, check: []check{tabs(1), asked}, refs: "works"}, {before: (*world).endTokens, check: []check{tabs(1), asked}},
	}}
}

func (e example) named(name, seen string) example { e.name, e.seen = name, seen; return e }

var tokenCases = slices.Concat([]example{
	it("token/offline-access-refused", "NyxID#1217, formbricks#8406", offlineRefused(func(r *request) answer {
		return redirectBack(r, "error", "invalid_scope", "error_description", "offline_access is not allowed")
	}), "", lastSent("authorize", "scope", "openid")),
	it("token/offline-access-refused-request", kind, offlineRefused(func(r *request) answer {
		return redirectBack(r, "error", "invalid_request", "error_description", "Invalid scope: offline_access")
	}), ""),
	not("token/other-scope-refused", "only offline_access is left out", func() fake {
		f := usual()
		f.docs[prmAt] = resource(at, idp).with("scopes_supported", []string{"admin"})
		f.authorize = func(_ *world, r *request) *answer {
			a := redirectBack(r, "error", "invalid_scope", "error_description", "admin is not allowed")
			return &a
		}
		return f
	}(), "", refused("--scope", "invalid_scope", "admin is not allowed"), tabs(1)),
	{
		name: "token/prompt-left-out", seen: "gateways before Entra: claude-code#94804, opencode#50519", fake: approving(),
		steps: []step{{words: "--auth-param prompt=", check: []check{sent("authorize", "prompt", ""), tabs(1)}, ours: true}},
	},
	it("token/prompt-with-offline-access", "OpenID Connect Core section 11; Logto", usual("scopes_supported", []string{"openid", "offline_access"}), "", lastSent("authorize", "prompt", "consent")),
	it("token/prompt-without-offline-access", "prompt only where the provider needs it for a refresh token", usual("scopes_supported", []string{"openid"}), "", sent("authorize", "prompt", "")),
	it("token/nonce-with-openid", "nonce with openid", usual("scopes_supported", []string{"openid", "offline_access"}), "", func(w *world) string {
		if w.requests("authorize")[0].query.Get("nonce") == "" {
			return "no nonce"
		}
		return ""
	}),

	it("token/type-user", "Slack", grants(doc{"token_type": "user"}), "works"),
	it("token/type-bot", "Slack", grants(doc{"token_type": "bot"}), "works"),
	it("token/type-missing", "GitHub, hand-written", grants(doc{"token_type": nil}), ""),
	it("token/type-null", kind, grants(doc{"token_type": rawNull}), ""),
	it("token/type-empty", kind, grants(doc{"token_type": ""}), ""),
	it("token/type-lower", "GitHub", grants(doc{"token_type": "bearer"}), "works"),
	it("token/type-upper", kind, grants(doc{"token_type": "BEARER"}), ""),
	it("token/type-blank", kind, grants(doc{"token_type": "Bearer "}), ""),
	it("token/type-access-token", kind, grants(doc{"token_type": "access_token"}), ""),
	it("token/scope-list", "hand-written", grants(doc{"scope": []string{"a", "b"}}), ""),
	it("token/scope-null", kind, grants(doc{"scope": rawNull}), ""),
	it("token/scope-commas", "GitHub, Slack", grants(doc{"scope": "repo,user"}), ""),
	it("token/expiry-string", "Entra v1", grants(doc{"expires_in": "3600"}), ""),
	it("token/expiry-missing", "GitHub", grants(doc{"expires_in": nil}), ""),
	it("token/expiry-null", kind, grants(doc{"expires_in": rawNull}), ""),
	it("token/expiry-fraction", kind, grants(doc{"expires_in": 3599.5}), ""),
	it("token/expiry-object", kind, grants(doc{"expires_in": doc{}}), ""),
	it("token/refresh-null", kind, grants(doc{"refresh_token": rawNull}), ""),
	it("token/refresh-false", kind, grants(doc{"refresh_token": false}), ""),
	it("token/id-token-null", kind, grants(doc{"id_token": rawNull}), ""),
	it("token/more-members", "Slack", grants(doc{"ok": true, "error": rawNull, "team": doc{"id": "T1"}, "authed_user": doc{"id": "U1"}}), ""),
	it("token/error-empty", kind, grants(doc{"error": "", "error_description": ""}), ""),
	it("token/status-201", "hand-written", tokenAs(201, ""), ""),
	it("token/status-202", kind, tokenAs(202, ""), ""),
	it("token/text-plain", kind, tokenAs(200, "text/plain"), ""),
	it("token/no-type", kind, tokenAs(200, "none"), ""),
	it("token/form-encoded", "GitHub without an Accept that it knows", func() fake {
		f := usual()
		f.exchange = func(w *world, _ *request) *answer {
			return w.issue(func(access string) answer {
				return answer{typ: "application/x-www-form-urlencoded; charset=utf-8", body: "access_token=" + access + "&scope=repo&token_type=bearer"}
			})
		}
		return f
	}(), ""),

	not("token/error-in-200", "GitHub: junior#620", exchanging(answer{body: doc{"error": "bad_verification_code", "error_description": "The code passed is incorrect or expired."}}), "fails", refused("", "bad_verification_code", "The code passed is incorrect")),
	not("token/ok-false", "Slack: claude-code#59725", exchanging(answer{body: doc{"ok": false, "error": "invalid_code"}}), "fails", refused("", "invalid_code")),
	not("token/error-object", kind, exchanging(answer{status: 400, body: doc{"error": doc{"code": "bad_code", "message": "Code is used up"}}}), "", refused("", "Code is used up")),
	not("token/error-message", kind, exchanging(answer{status: 400, body: doc{"message": "Code is used up"}}), "", refused("", "Code is used up")),
	not("token/error-plain-text", kind, exchanging(answer{status: 400, body: "Code is used up"}), "", refused("", "400")),
	not("token/no-token", "an error that names the member", grants(doc{"access_token": nil}), "", refused("", "access_token")),

	signsIn("token/refresh-error-in-200", "GitHub: junior#620", answer{body: doc{"error": "bad_refresh_token", "error_description": "The refresh token passed is incorrect or expired."}}, ""),
	signsIn("token/refresh-ok-false", "Slack: claude-code#59725", answer{body: doc{"ok": false, "error": "invalid_refresh_token"}}, ""),
	signsIn("token/refresh-own-words", "Supabase: auth#2829", answer{status: 400, body: doc{"code": 400, "error_code": "refresh_token_not_found", "msg": "Invalid Refresh Token: Refresh Token Not Found"}}, "works"),
	signsIn("token/refresh-own-words-401", kind, answer{status: 401, body: doc{"error": doc{"code": "token_expired", "message": "Refresh token expired"}}}, ""),
	signsIn("token/refresh-own-words-422", kind, answer{status: 422, body: doc{"error_code": "session_expired"}}, ""),
	signsIn("token/refresh-errors-list", kind, answer{status: 400, body: doc{"errors": []doc{{"code": "invalid_token", "message": "Token revoked"}}}}, ""),
	signsIn("token/refresh-invalid-grant-403", kind, *oauthError(403, "invalid_grant", "revoked"), ""),
	signsIn("token/refresh-text-plain", kind, answer{status: 400, typ: "text/plain", body: doc{"error": "invalid_grant"}}, ""),

	withoutScope(*oauthError(400, "invalid_request", "AADSTS90009: Application is requesting a token for itself. This scenario is supported only if resource is specified using the GUID based App Identifier."), 1).
		named("token/refresh-needs-scope", "Entra: mcp-remote#357, typescript-sdk#2718, claude-code#89862"),
	withoutScope(*oauthError(400, "invalid_scope", "scope is required"), 1).named("token/refresh-needs-scope-invalid-scope", kind),
	withoutScope(*oauthError(400, "invalid_request", "The request body must contain the following parameter: 'scope'."), 1).named("token/refresh-needs-scope-parameter", kind),

	secretCase("token/secret-not-decoded", rawAuth, "a+b/c=d%2"),
	secretCase("token/secret-not-decoded-colon", kind, "a:b c&d"),
	{
		name: "token/secret-decoded", seen: "RFC 6749, section 2.3.1, first", fake: func() fake {
			f := withClient("a+b/c=d%2", "token_endpoint_auth_methods_supported", []string{"client_secret_basic"})
			f.authenticate = byHeader
			return f
		}(),
		steps: []step{{words: secretWords("a+b/c=d%2"), check: []check{came("token", 1)}}},
	},
	{
		name: "token/user-agent", seen: golang, fake: func() fake {
			f := usual()
			f.wall = func(r *request) *answer {
				if strings.HasPrefix(r.Header.Get("User-Agent"), "Go-http-client") {
					return &answer{status: 403, body: "<html><body>Request blocked</body></html>"}
				}
				return nil
			}
			return f
		}(),
		steps: []step{{refs: "works", check: []check{func(w *world) string {
			for _, r := range w.seen {
				if ua := r.Header.Get("User-Agent"); r.Header.Get(tabHeader) == "" && !strings.HasPrefix(ua, "mcp-login/") {
					return "User-Agent " + ua + " at " + r.address
				}
			}
			return ""
		}}}},
	},
	{
		name: "token/user-agent-chosen", seen: golang, fake: func() fake {
			f := usual()
			f.wall = func(r *request) *answer {
				if !strings.HasPrefix(r.Header.Get("User-Agent"), "Mozilla/5.0") {
					return &answer{status: 403, body: "<html><body>Request blocked</body></html>"}
				}
				return nil
			}
			return f
		}(),
		steps: []step{{words: "--user-agent Mozilla/5.0~(X11;~Linux)", ours: true}},
	},
	{
		name: "token/redirect-uri-https", seen: https, fake: func() fake {
			f := withClient("")
			f.routes = map[string]string{"https://app.example.com/callback": "page"}
			return f
		}(),
		steps: []step{
			{
				verb: "login URL", words: "--client-id app --redirect-uri https://app.example.com/callback", paste: "https://app.example.com/callback", ours: true,
				check: []check{sent("authorize", "redirect_uri", "https://app.example.com/callback"), sent("token", "redirect_uri", "https://app.example.com/callback")},
			},
			{words: "--client-id app --redirect-uri https://app.example.com/callback", check: []check{tabs(1)}, ours: true},
		},
	},
	{
		name: "token/callback-bind", seen: https, fake: usual(),
		steps: []step{{words: "--callback-bind 0.0.0.0 --callback-port 9697", want: want{says: []string{"0.0.0.0"}}, check: []check{sent("authorize", "redirect_uri", "http://127.0.0.1:9697/callback")}, ours: true}},
	},
})

// offlineRefused is a provider that lists offline_access, and refuses it to us.
func offlineRefused(how func(*request) answer) fake {
	f := usual("scopes_supported", []string{"openid", "offline_access"})
	f.authorize = func(_ *world, r *request) *answer {
		if strings.Contains(r.query.Get("scope"), "offline_access") {
			a := how(r)
			return &a
		}
		return nil
	}
	return f
}

// tokenAs is a plain token answer with another status or type.
func tokenAs(status int, typ string) fake {
	f := usual()
	f.exchange = func(w *world, _ *request) *answer {
		return w.issue(func(access string) answer {
			return answer{status: status, typ: typ, body: doc{"access_token": access, "token_type": "Bearer", "expires_in": 3600}}
		})
	}
	return f
}

func secretWords(secret string) string {
	return `--host localhost --static-oauth-client-info {"client_id":"app","client_secret":"` + strings.ReplaceAll(secret, " ", "~") + `"}`
}

// secretCase is a provider that takes what stands in Basic as it is.
func secretCase(name, seen, secret string) example {
	f := withClient(secret, "token_endpoint_auth_methods_supported", []string{"client_secret_basic"})
	f.authenticate = func(_ *world, r *request, secret string) bool {
		_, password, _ := r.BasicAuth()
		return password == secret
	}
	return example{name: name, seen: seen, fake: f, steps: []step{
		{words: secretWords(secret), check: []check{came("token", 2)}, refs: "works"},
		{words: secretWords(secret), before: (*world).endTokens, check: []check{came("token", 3), tabs(1)}},
	}}
}
