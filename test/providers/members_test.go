package providers

import (
	"maps"
	"slices"
	"strings"
)

// Further members of the kinds of input before a login and in it.

// member is a case of one step that works, which only mcp-login takes.
func member(name string, f fake, checks ...check) example {
	return example{name: name, seen: kind, fake: f, steps: []step{{check: checks, ours: true}}}
}

// memberNot is a case of one step that is refused.
func memberNot(name string, f fake, w want, checks ...check) example {
	return example{name: name, seen: kind, fake: f, steps: []step{{want: w, check: checks, ours: true}}}
}

// challengedAs is a server whose whole challenge is this, and whose metadata is
// nowhere else.
func challengedAs(challenge string) fake {
	f := moved("", "https://mcp.example.com/meta/prm")
	f.challenge = challenge
	return f
}

const metaAt = "https://mcp.example.com/meta/prm"

// registering is a provider that answers so to every registration.
func registering(a answer) fake {
	f := usual()
	f.register = func(*world, *request) *answer { return &a }
	return f
}

func memberDocs(f fake, docs map[string]any) fake { maps.Copy(f.docs, docs); return f }

var loginMembers = slices.Concat([]example{
	member("discovery/member-issuer-is-document", listed(asAt, map[string]any{asAt: metadata(idp)})),
	member("discovery/member-issuer-is-oidc-document", listed(oidcAt, map[string]any{oidcAt: metadata(idp + "/")})),
	member("discovery/member-issuer-is-document-with-path", listed(idp+"/t/.well-known/openid-configuration", map[string]any{idp + "/t/.well-known/openid-configuration": metadata(idp + "/t")})),
	member("discovery/member-issuer-first-empty", fake{url: at, docs: map[string]any{prmAt: resource(at, "", "login.example.com", idp), asAt: metadata(idp)}}),
	member("discovery/member-issuer-first-http", fake{url: at, docs: map[string]any{prmAt: resource(at, "http://login.example.com", idp), asAt: metadata(idp)}}),
	memberNot("discovery/member-issuer-missing", usual("issuer", nil), refused("--accept-issuer|operator|--issuer", "calls itself")),
	memberNot("discovery/member-issuer-http-in-document", usual("issuer", "http://login.example.com"), refused("--accept-issuer")),
	{name: "discovery/member-issuer-http-accepted", seen: kind, fake: usual("issuer", "http://login.example.com"), steps: []step{{words: "--accept-issuer http://login.example.com", ours: true}, {ours: true, check: []check{tabs(1)}}}},
	{name: "discovery/member-issuer-word-accepted", seen: kind, fake: usual("issuer", "my-idp"), steps: []step{{want: refused("--accept-issuer"), ours: true}, {words: "--accept-issuer my-idp", ours: true}, {ours: true, check: []check{tabs(1)}}}},
	{name: "discovery/member-accepted-login-verb", seen: kind, fake: tenants(""), steps: []step{
		{verb: "login URL", want: want{exit: 1, says: []string{"--accept-issuer " + idp}}, ours: true},
		{verb: "login URL", words: "--accept-issuer " + idp, ours: true},
		{ours: true, check: []check{tabs(1)}},
		{verb: "doctor URL", want: want{says: []string{idp + "/0b1c"}}, ours: true},
		{verb: "status --offline URL", want: want{says: []string{idp + "/0b1c"}}, ours: true},
		{verb: "tools URL --accept-issuer " + idp, want: want{says: []string{"echo"}}, ours: true},
		{verb: `call URL echo {"text":"1"} --accept-issuer ` + idp, want: want{says: []string{"echo 1"}}, ours: true},
		{verb: "token URL --accept-issuer " + idp, want: want{says: []string{"access-token"}}, ours: true},
		{verb: "logout URL --accept-issuer " + idp, ours: true},
	}},
	{name: "discovery/member-accepted-tools", seen: kind, fake: tenants(""), steps: []step{
		{verb: "tools URL", want: want{exit: 1, says: []string{"--accept-issuer " + idp}}, ours: true},
		{verb: "tools URL --accept-issuer " + idp, want: want{says: []string{"echo"}}, ours: true},
		{verb: "tools URL", want: want{says: []string{"echo"}}, check: []check{tabs(1)}, ours: true},
	}},
	{name: "discovery/member-named-verbs", seen: kind, fake: unpublished(nil), steps: []step{
		{verb: "login URL", want: want{exit: 1, says: []string{"--issuer"}}, ours: true},
		{verb: `call URL echo {"text":"1"} --issuer ` + idp, want: want{says: []string{"echo 1"}}, ours: true},
		{verb: `call URL echo {"text":"1"}`, want: want{says: []string{"echo 1"}}, check: []check{tabs(1)}, ours: true},
		{verb: "token URL --issuer " + idp, want: want{says: []string{"access-token"}}, ours: true},
		{verb: "doctor URL --issuer " + idp, check: []check{tabs(1)}, ours: true},
		{verb: "logout URL --issuer " + idp, ours: true},
	}},
	{name: "discovery/member-named-everything-500", seen: kind, fake: unpublished(map[string]any{prmAt: 500, prmRoot: 500, ownAS: 500}), steps: []step{
		{want: refused("again", "500"), ours: true},
		{words: "--issuer " + idp, ours: true},
	}},
	{name: "discovery/member-named-everything-403", seen: kind, fake: unpublished(map[string]any{prmAt: 403, prmRoot: 403, ownAS: 403}), steps: []step{{want: refused("--issuer"), ours: true}, {words: "--issuer " + idp, ours: true}}},
	{name: "discovery/member-named-everything-401", seen: kind, fake: unpublished(map[string]any{prmAt: 401, prmRoot: 401, ownAS: 401}), steps: []step{{want: refused("--issuer"), ours: true}, {words: "--issuer " + idp, ours: true}}},
	{name: "discovery/member-named-everything-html", seen: kind, fake: unpublished(map[string]any{prmAt: page, prmRoot: page, ownAS: page}), steps: []step{{want: refused("--issuer"), ours: true}, {words: "--issuer " + idp, ours: true}}},
	{name: "discovery/member-named-everything-login", seen: kind, fake: unpublished(map[string]any{prmAt: toLogin, prmRoot: toLogin, ownAS: toLogin}), steps: []step{{want: refused("--issuer"), ours: true}, {words: "--issuer " + idp, ours: true}}},
	{name: "discovery/member-named-appended-8414", seen: kind, fake: unpublished(map[string]any{idp + "/t/.well-known/oauth-authorization-server": metadata(idp + "/t")}), steps: []step{{words: "--issuer " + idp + "/t/.well-known/oauth-authorization-server", ours: true}}},

	member("discovery/member-pkce-commas", usual("code_challenge_methods_supported", "plain,S256")),
	member("discovery/member-pkce-object", usual("code_challenge_methods_supported", doc{"0": "S256"})),
	memberNot("discovery/member-pkce-plain-string", usual("code_challenge_methods_supported", "plain"), refused("S256", "PKCE")),
	member("discovery/member-pkce-false", usual("code_challenge_methods_supported", false)),
	{name: "discovery/member-pkce-silent-verb", seen: kind, fake: usual("code_challenge_methods_supported", nil), steps: []step{{verb: "login URL", want: want{says: []string{"PKCE"}}, ours: true}}},

	member("discovery/member-challenge-unquoted", challengedAs("Bearer resource_metadata="+metaAt)),
	member("discovery/member-challenge-single-quotes", challengedAs("Bearer resource_metadata='"+metaAt+"'")),
	member("discovery/member-challenge-no-commas", challengedAs(`Bearer error="invalid_token" resource_metadata="`+metaAt+`"`)),
	member("discovery/member-challenge-semicolons", challengedAs(`Bearer error="invalid_token"; resource_metadata="`+metaAt+`"`)),
	member("discovery/member-challenge-blanks", challengedAs(`Bearer resource_metadata=" `+metaAt+` "`)),
	member("discovery/member-challenge-dpop-first", challengedAs(`DPoP algs="ES256", Bearer realm="x", resource_metadata="`+metaAt+`"`)),
	member("discovery/member-challenge-open-quote", challengedAs(`Bearer resource_metadata="`+metaAt)),
	member("discovery/member-challenge-scheme-case", challengedAs(`BEARER RESOURCE_METADATA="`+metaAt+`"`)),
	member("discovery/member-challenge-two-bearers", challengedAs(`Bearer realm="x", Bearer resource_metadata="`+metaAt+`"`)),
	member("discovery/member-challenge-localhost", challenged("http://localhost:8000/.well-known/oauth-protected-resource", nil)),
	member("discovery/member-challenge-private", challenged("https://10.0.0.5/.well-known/oauth-protected-resource", nil)),
	member("discovery/member-challenge-bare-host", challenged("mcp.example.com/.well-known/oauth-protected-resource", nil)),
	member("discovery/member-challenge-dots", moved("../meta/prm", "https://mcp.example.com/meta/prm")),
	member("discovery/member-challenge-query", moved("/meta?x=1", "https://mcp.example.com/meta")),
	member("discovery/member-challenge-http-right", func() fake {
		f := challengedAs(`Bearer resource_metadata="http://mcp.example.com/.well-known/oauth-protected-resource"`)
		f.docs[prmAt] = resource(at, idp)
		return f
	}()),
	member("discovery/member-challenge-401", challenged("https://mcp.example.com/prm", map[string]any{"https://mcp.example.com/prm": 401})),
	member("discovery/member-challenge-array", challenged("https://mcp.example.com/prm", map[string]any{"https://mcp.example.com/prm": "[]"})),
	member("discovery/member-challenge-redirect", challenged("https://mcp.example.com/prm", map[string]any{"https://mcp.example.com/prm": toLogin})),
	member("discovery/member-challenge-is-as-document", challenged(asAt, nil)),
	member("discovery/member-challenge-is-own-as-document", challenged("https://mcp.example.com/as", map[string]any{"https://mcp.example.com/as": metadata(idp)})),

	{name: "discovery/member-resource-number", seen: kind, fake: published(doc{"resource": 7, "authorization_servers": []string{idp}}), steps: naming("")},
	{name: "discovery/member-resource-list", seen: kind, fake: published(doc{"resource": []string{"http://x.example/"}, "authorization_servers": []string{idp}}), steps: naming("")},
	member("discovery/member-resource-slash", named(at+"/")),
	member("discovery/member-resource-port", named("https://mcp.example.com:443/mcp")),
	member("discovery/member-resource-host-case", named("https://MCP.Example.com/mcp")),
	{name: "discovery/member-resource-http-login", seen: kind, fake: named("http://mcp.example.com/mcp"), steps: []step{
		{verb: "login URL", want: want{exit: 1, says: []string{"--resource"}}, ours: true},
		{verb: "login URL", words: "--no-resource", ours: true},
		{words: "--no-resource", ours: true, check: []check{tabs(1)}},
		{words: "--no-resource", before: (*world).endTokens, ours: true, check: []check{tabs(1)}},
	}},
	member("discovery/member-prm-redirect-same-origin", memberDocs(usual(), map[string]any{prmAt: answer{status: 301, header: map[string]string{"Location": prmRoot + "/x"}}, prmRoot + "/x": resource(at, idp)})),
	member("discovery/member-as-html-type", listed(idp, map[string]any{asAt: answer{typ: "text/html", body: metadata(idp)}})),
	member("discovery/member-as-no-type", listed(idp, map[string]any{asAt: answer{typ: "none", body: metadata(idp)}})),
	member("discovery/member-as-jwt-type", listed(idp, map[string]any{asAt: answer{typ: "application/octet-stream", body: metadata(idp)}})),
	member("discovery/member-as-203", listed(idp, map[string]any{asAt: answer{status: 203, body: metadata(idp)}})),
	member("discovery/member-as-redirect", listed(idp, map[string]any{asAt: answer{status: 302, header: map[string]string{"Location": oidcAt}}, oidcAt: metadata(idp)})),
	member("discovery/member-as-redirect-other-host", listed(idp, map[string]any{asAt: answer{status: 308, header: map[string]string{"Location": "https://auth.example.com/as"}}, "https://auth.example.com/as": metadata(idp)})),
	member("discovery/member-scopes-commas", published(resource(at, idp).with("scopes_supported", "read,write")), sent("authorize", "scope", "read write")),
	member("discovery/member-scopes-commas-blanks", published(resource(at, idp).with("scopes_supported", "read, write")), sent("authorize", "scope", "read write")),
	member("discovery/member-scopes-objects", published(resource(at, idp).with("scopes_supported", []doc{{"name": "read"}}))),
	member("discovery/member-scopes-map", published(resource(at, idp).with("scopes_supported", doc{"read": "Read", "write": "Write"}))),
	member("discovery/member-optional-many-bad", usual("revocation_endpoint", []string{"x"}, "end_session_endpoint", 5, "device_authorization_endpoint", false, "jwks_uri", doc{}, "scopes_supported", 7, "token_endpoint_auth_methods_supported", true, "response_types_supported", "code", "grant_types_supported", 3)),
	member("discovery/member-auth-methods-unknown", usual("token_endpoint_auth_methods_supported", []string{"tls_client_auth"})),
	{name: "discovery/member-left-out-doctor", seen: kind, fake: usual("end_session_endpoint", "http://x.example/"), steps: []step{{ours: true}, {verb: "doctor URL", want: want{says: []string{"end_session_endpoint"}}, ours: true}}},
}, memberRegistrations, memberTokens, deviceMembers)

var memberRegistrations = []example{
	memberNot("registration/member-404", registering(answer{status: 404, body: "<html>not found</html>"}), refused("--client-id")),
	memberNot("registration/member-405", registering(answer{status: 405}), refused("--client-id")),
	memberNot("registration/member-422", registering(answer{status: 422, body: doc{"detail": []doc{{"loc": []string{"body", "client_name"}, "msg": "client name is not approved"}}}}), refused("--client-name", "client name is not approved")),
	memberNot("registration/member-html", registering(answer{status: 200, body: page}), refused("--client-")),
	memberNot("registration/member-login", registering(toLogin), refused("--client-")),
	memberNot("registration/member-451", registering(answer{status: 451, body: doc{"title": "Not allowed", "detail": "client is not on the allow list"}}), refused("--client-name", "allow list")),
	memberNot("registration/member-errors-strings", registering(answer{status: 400, body: doc{"errors": []string{"client_name must be approved"}}}), refused("--client-name", "client_name must be approved")),
	memberNot("registration/member-ok-false", registering(answer{body: doc{"ok": false, "error": "client_not_allowed"}}), refused("--client-", "client_not_allowed")),
	memberNot("registration/member-redirect", registering(*oauthError(400, "invalid_redirect_uri", "only https redirects")), refused("--redirect-uri")),
	memberNot("registration/member-redirect-words", registering(answer{status: 400, body: doc{"message": "redirect_uris must use https"}}), refused("--redirect-uri", "redirect_uris must use https")),
	memberNot("registration/member-429", registering(answer{status: 429, body: doc{"error": "too_many"}}), refused("again")),
	{name: "registration/member-name-login", seen: figma, fake: onList(403, "Forbidden"), steps: []step{
		{verb: "login URL", want: want{exit: 1, says: []string{"--client-name"}}, check: []check{came("register", 1)}, ours: true},
		{verb: "login URL", words: "--client-name Claude~Code", check: []check{came("register", 2), tabs(1)}, ours: true},
		{check: []check{tabs(1)}, ours: true},
		{before: (*world).endGrants, check: []check{came("register", 2), tabs(2)}, ours: true},
		{verb: "logout URL", ours: true},
	}},
	{name: "registration/member-name-tools", seen: figma, fake: onList(403, "Forbidden"), steps: []step{
		{verb: "tools URL", words: "--client-name Claude~Code", want: want{says: []string{"echo"}}, ours: true},
		{verb: `call URL echo {"text":"1"}`, want: want{says: []string{"echo 1"}}, check: []check{tabs(1)}, ours: true},
		{verb: "doctor URL", words: "--client-name Claude~Code", ours: true},
	}},
	{name: "registration/member-name-profile", seen: figma, fake: onList(403, "Forbidden"), steps: []step{
		{words: "--client-name Claude~Code", ours: true},
		{words: "--profile two --client-name Claude~Code", check: []check{tabs(2)}, ours: true},
		{words: "--profile two", check: []check{tabs(2)}, ours: true},
	}},
	member("registration/member-method-list", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": []string{"client_secret_post"}}, byForm)),
	member("registration/member-method-case", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "CLIENT_SECRET_POST"}, byForm)),
	member("registration/member-method-null", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": rawNull}, byForm)),
	member("registration/member-none-by-header", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "none"}, byHeader)),
	member("registration/member-secret-post-but-basic", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_post"}, byHeader)),
	member("registration/member-secret-basic-but-post", gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_basic"}, byForm)),
	member("registration/member-secret-basic-only-listed-but-post", func() fake {
		f := gives(doc{"client_secret": "s3cret", "token_endpoint_auth_method": nil}, byForm)
		f.docs[asAt] = metadata(idp, "token_endpoint_auth_methods_supported", []string{"none"})
		return f
	}()),
	member("registration/member-secret-false", gives(doc{"client_secret": false}, nil)),
	member("registration/member-secret-odd", gives(doc{"client_secret": "a+b/c=", "token_endpoint_auth_method": "client_secret_basic"}, func(_ *world, r *request, secret string) bool { _, p, _ := r.BasicAuth(); return p == secret })),
	member("registration/member-secret-number", registersN("4711", answer{status: 201, body: doc{"client_id": "n", "client_secret": 4711, "token_endpoint_auth_method": "client_secret_post"}})),
	member("registration/member-expiry-ms", gives(doc{"client_secret": "s3cret", "client_secret_expires_at": 1893456000000}, nil)),
	member("registration/member-html-type", registersN("", answer{status: 201, typ: "text/html", body: doc{"client_id": "n", "client_name": rawNull}})),
	{name: "registration/member-https-redirect-login", seen: https, fake: func() fake {
		f := usual()
		f.routes = map[string]string{"https://app.example.com/callback": "page"}
		f.register = func(_ *world, r *request) *answer {
			for _, u := range r.json["redirect_uris"].([]any) {
				if !strings.HasPrefix(u.(string), "https:") {
					return oauthError(400, "invalid_redirect_uri", "only https")
				}
			}
			return nil
		}
		return f
	}(), steps: []step{
		{verb: "login URL", want: want{exit: 1, says: []string{"--redirect-uri"}}, ours: true},
		{verb: "login URL", words: "--redirect-uri https://app.example.com/callback", paste: "https://app.example.com/callback", ours: true},
		{ours: true, check: []check{tabs(1)}},
		{before: (*world).endTokens, ours: true, check: []check{tabs(1)}},
	}},
	{name: "registration/member-client-id-hint", seen: kind, fake: withClient(""), steps: []step{
		{verb: "login URL", want: want{exit: 1, says: []string{"--client-id"}}, ours: true},
		{verb: "login URL", words: "--client-id app", ours: true},
		{words: "--client-id app", check: []check{tabs(1)}, ours: true},
	}},
}

// memberRefused is a login whose refresh token is refused so, by the verb.
func memberRefused(name string, a answer) example { return signsIn("token/member-"+name, kind, a, "") }

var memberTokens = []example{
	member("token/member-tok-type-list", grants(doc{"token_type": []string{"Bearer"}})),
	member("token/member-tok-type-number", grants(doc{"token_type": 1})),
	member("token/member-tok-type-jwt", grants(doc{"token_type": "JWT"})),
	member("token/member-tok-type-urn", grants(doc{"token_type": "urn:ietf:params:oauth:token-type:access_token"})),
	memberNot("token/member-tok-type-dpop", grants(doc{"token_type": "DPoP"}), refused("", "DPoP")),
	member("token/member-tok-203", tokenAs(203, "")),
	member("token/member-tok-206", tokenAs(206, "")),
	member("token/member-tok-html-type", tokenAs(200, "text/html")),
	member("token/member-tok-scope-number", grants(doc{"scope": 7})),
	member("token/member-tok-scope-object", grants(doc{"scope": doc{"a": true}})),
	member("token/member-tok-error-false", grants(doc{"error": false, "errors": []string{}})),
	member("token/member-tok-error-none", grants(doc{"error": "none", "code": 0, "msg": "success"})),
	member("token/member-tok-expiry-zero", grants(doc{"expires_in": 0})),
	member("token/member-tok-expiry-negative", grants(doc{"expires_in": -1})),
	member("token/member-tok-expiry-huge", grants(doc{"expires_in": 1e30})),
	member("token/member-tok-refresh-number", grants(doc{"refresh_token": 5})),
	member("token/member-tok-id-token-object", grants(doc{"id_token": doc{"sub": "x"}})),
	member("token/member-tok-form-plain", func() fake {
		f := usual()
		f.exchange = func(w *world, _ *request) *answer {
			return w.issue(func(access string) answer {
				return answer{typ: "text/plain", body: "access_token=" + access + "&scope=repo&token_type=bearer"}
			})
		}
		return f
	}()),
	memberNot("token/member-tok-204", exchanging(answer{status: 204}), refused("", "access_token")),
	memberNot("token/member-tok-html", exchanging(answer{body: page}), refused("")),
	memberNot("token/member-tok-errcode", exchanging(answer{body: doc{"errcode": 40029, "errmsg": "invalid code"}}), refused("", "invalid code")),
	memberNot("token/member-tok-feishu", exchanging(answer{body: doc{"code": 20003, "msg": "code is used"}}), refused("", "code is used")),
	memberNot("token/member-tok-success-false", exchanging(answer{body: doc{"success": false, "message": "code is used"}}), refused("", "code is used")),
	memberNot("token/member-tok-problem", exchanging(answer{status: 400, typ: "application/problem+json", body: doc{"type": "about:blank", "title": "Bad Request", "detail": "code is used", "status": 400}}), refused("", "code is used")),
	memberNot("token/member-tok-title", exchanging(answer{status: 400, typ: "application/problem+json", body: doc{"title": "code is used", "status": 400}}), refused("", "code is used")),
	memberNot("token/member-tok-errors-strings", exchanging(answer{status: 400, body: doc{"errors": []string{"code is used"}}}), refused("", "code is used")),
	memberNot("token/member-tok-form-error", exchanging(answer{typ: "application/x-www-form-urlencoded", body: "error=bad_verification_code&error_description=code+is+used"}), refused("", "bad_verification_code", "code is used")),
	memberNot("token/member-tok-status-string", exchanging(answer{body: doc{"status": "error", "error_message": "code is used"}}), refused("", "code is used")),
	memberRefused("ref-errcode", answer{body: doc{"errcode": 40030, "errmsg": "invalid refresh_token"}}),
	memberRefused("ref-feishu", answer{body: doc{"code": 20026, "msg": "refresh token is invalid"}}),
	memberRefused("ref-success-false", answer{body: doc{"success": false, "message": "refresh token is invalid"}}),
	memberRefused("ref-form", answer{typ: "application/x-www-form-urlencoded", body: "error=bad_refresh_token&error_description=x"}),
	memberRefused("ref-error-string-200", answer{body: doc{"error": "Refresh token expired"}}),
	memberRefused("ref-title", answer{status: 400, typ: "application/problem+json", body: doc{"title": "Refresh token expired", "status": 400}}),
	memberRefused("ref-errors-strings", answer{status: 400, body: doc{"errors": []string{"refresh token is expired"}}}),
	memberRefused("ref-text", answer{status: 400, typ: "text/plain", body: "invalid refresh token"}),
	memberRefused("ref-401-text", answer{status: 401, typ: "text/plain", body: "invalid_grant"}),
	memberRefused("ref-string", answer{status: 400, body: `"invalid_grant"`}),
	memberRefused("ref-own-404", answer{status: 404, body: doc{"error_code": "session_not_found", "msg": "Session not found"}}),
	memberRefused("ref-own-410", answer{status: 410, body: doc{"message": "refresh token gone"}}),
	memberRefused("ref-own-409", answer{status: 409, body: doc{"error": doc{"code": "already_used"}}}),
	memberRefused("ref-403-own", answer{status: 403, body: doc{"errorCode": "E0000011", "errorSummary": "Invalid token provided"}}),
	memberRefused("ref-detail-list", answer{status: 422, body: doc{"detail": []doc{{"msg": "refresh token is expired"}}}}),
	memberRefused("ref-no-token-200", answer{body: doc{"ok": false}}),
	outage("token/member-out-html-400", kind, answer{status: 400, body: page}),
	outage("token/member-out-html-200", kind, answer{body: page}),
	outage("token/member-out-403-problem", kind, answer{status: 403, typ: "application/problem+json", body: doc{"type": "about:blank", "title": "Forbidden", "status": 403}}),
	outage("token/member-out-400-text", kind, answer{status: 400, typ: "text/plain", body: "Bad Request"}),
	outage("token/member-out-400-csrf", kind, answer{status: 400, typ: "text/plain", body: "CSRF token is missing"}),
	outage("token/member-out-html-refresh", kind, answer{status: 400, body: "<html><body>invalid refresh token</body></html>"}),
	outage("token/member-out-200-message", kind, answer{body: doc{"message": "please sign in to the portal"}}),
	outage("token/member-out-403-message", kind, answer{status: 403, body: doc{"message": "Forbidden"}}),
	outage("token/member-out-401-empty", kind, answer{status: 401}),
	outage("token/member-out-500-json", kind, answer{status: 500, body: doc{"error": "invalid_grant"}}),
	outage("token/member-out-429", kind, answer{status: 429, body: doc{"error": "invalid_grant"}}),
	outage("token/member-out-408", kind, answer{status: 408}),
	outage("token/member-out-425", kind, answer{status: 425, body: doc{"error": "too_early"}}),
	outage("token/member-out-302", kind, toLogin),

	withoutScope(*oauthError(400, "invalid_grant", "AADSTS90009: Application is requesting a token for itself."), 1).named("token/member-scope-90009-invalid-grant", kind),
	withoutScope(answer{status: 400, body: doc{"error": doc{"code": "missing_scope", "message": "scope parameter is required"}}}, 1).named("token/member-scope-own-words", kind),
	withoutScope(answer{status: 400, body: doc{"message": "Missing parameter: scope"}}, 1).named("token/member-scope-message", kind),
	withoutScope(*oauthError(401, "invalid_request", "Missing scopes"), 1).named("token/member-scope-401", kind),
	withoutScope(answer{body: doc{"error": "invalid_request", "error_description": "scope missing"}}, 1).named("token/member-scope-200", kind),

	secretBy("token/member-secret-401-empty", "a+b/c=", answer{status: 401}),
	secretBy("token/member-secret-400", "a+b/c=", *oauthError(400, "invalid_client", "")),
	secretBy("token/member-secret-401-html", "a+b/c=", answer{status: 401, body: page}),
	secretBy("token/member-secret-unauthorized", "a+b/c=", *oauthError(401, "unauthorized_client", "Invalid client secret")),
	secretBy("token/member-secret-200", "a+b/c=", answer{body: doc{"error": "invalid_client"}}),
	secretBy("token/member-secret-own", "a+b/c=", answer{status: 401, body: doc{"message": "Invalid client credentials"}}),
	secretBy("token/member-secret-access-denied", "a+b/c=", *oauthError(401, "access_denied", "Unauthorized")),
	{name: "token/member-secret-credentials", seen: rawAuth, fake: func() fake {
		f := secretCase("", "", "a+b/c=").fake
		f.exchange = func(w *world, r *request) *answer {
			if r.form.Get("grant_type") != "client_credentials" {
				return nil
			}
			if _, p, _ := r.BasicAuth(); p != "a+b/c=" {
				return oauthError(401, "invalid_client", "")
			}
			return w.issue(func(a string) answer {
				return answer{body: doc{"access_token": a, "token_type": "bearer", "expires_in": "60"}}
			})
		}
		return f
	}(), files: map[string]string{"secret": "a+b/c="}, steps: []step{
		{verb: "tools URL --client-credentials --client-id app --client-secret-file secret --issuer " + idp, want: want{says: []string{"echo"}}, check: []check{tabs(0)}, ours: true},
	}},
}

func secretBy(name, secret string, a answer) example {
	f := withClient(secret, "token_endpoint_auth_methods_supported", []string{"client_secret_basic"})
	plain := func(_ *world, r *request) *answer {
		if _, p, _ := r.BasicAuth(); p != secret {
			return &a
		}
		return nil
	}
	f.exchange, f.refresh = plain, plain
	f.authenticate = func(_ *world, r *request, secret string) bool { return true }
	return example{name: name, seen: kind, fake: f, steps: []step{{words: secretWords(secret), ours: true}}}
}

// deviceFake is a provider with the device grant: how answers to the nth poll, nil
// grants a token in this form.
func deviceFake(how func(n int) *answer, form func(string) answer) fake {
	f := usual("device_authorization_endpoint", idp+"/device", "grant_types_supported", []string{"authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"})
	f.docs[idp+"/device"] = doc{"device_code": "d", "user_code": "ABCD", "verification_url": idp + "/go", "verification_uri": idp + "/go", "interval": "1", "expires_in": "60"}
	n := 0
	f.exchange = func(w *world, r *request) *answer {
		n++
		if a := how(n); a != nil {
			return a
		}
		return w.issue(form)
	}
	return f
}

// deviceCase is a login by device whose first poll is answered so.
func deviceCase(name string, a answer) example {
	f := deviceFake(func(n int) *answer {
		if n == 1 {
			return &a
		}
		return nil
	}, func(access string) answer {
		return answer{body: doc{"access_token": access, "token_type": "user", "scope": []string{"a"}}}
	})
	return example{name: "token/member-device-" + name, seen: kind, fake: f, steps: []step{
		{verb: "login URL", words: "--device --timeout 15s", check: []check{came("token", 2)}, ours: true},
		{ours: true},
	}}
}

var deviceMembers = []example{
	deviceCase("types", *oauthError(400, "authorization_pending", "")),
	deviceCase("200", answer{body: doc{"error": "authorization_pending"}}), // GitHub's
	deviceCase("ok-false", answer{body: doc{"ok": false, "error": "authorization_pending"}}),
	deviceCase("428", *oauthError(428, "authorization_pending", "")), // Google's
	deviceCase("401", *oauthError(401, "authorization_pending", "")),
	deviceCase("403", *oauthError(403, "authorization_pending", "")), // Auth0's
	deviceCase("nested", answer{status: 400, body: doc{"error": doc{"code": "authorization_pending", "message": "wait"}}}),
	deviceCase("own-words", answer{status: 400, body: doc{"error_code": "authorization_pending"}}),
	deviceCase("form", answer{typ: "application/x-www-form-urlencoded", body: "error=authorization_pending"}),
	deviceCase("503", answer{status: 503, body: page}),
	{name: "token/member-listed-document-by-variable", seen: kind, fake: listed(oidcAt, map[string]any{oidcAt: metadata(idp)}), steps: []step{
		{env: []string{"MCP_LOGIN_ISSUER=" + idp}, check: []check{tabs(1)}, ours: true},
		{before: (*world).endGrants, check: []check{tabs(2), came("register", 1)}, ours: true},
	}},
}

// registersN is a provider that registers everybody as the client n, with a secret.
func registersN(secret string, a answer) fake {
	f := usual()
	f.register = func(w *world, _ *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.known["n"] = secret
		return &a
	}
	return f
}
