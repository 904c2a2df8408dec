package providers

import (
	"maps"
	"slices"
)

// The addresses of most cases.
const (
	at      = "https://mcp.example.com/mcp"
	prmAt   = "https://mcp.example.com/.well-known/oauth-protected-resource/mcp"
	prmRoot = "https://mcp.example.com/.well-known/oauth-protected-resource"
	ownAS   = "https://mcp.example.com/.well-known/oauth-authorization-server"
	idp     = "https://login.example.com"
	asAt    = idp + "/.well-known/oauth-authorization-server"
	oidcAt  = idp + "/.well-known/openid-configuration"
	stray   = "https://evil.example.net"
)

// listed is a server whose metadata lists one issuer, and further documents.
func listed(issuer string, docs map[string]any) fake {
	all := map[string]any{prmAt: resource(at, issuer)}
	maps.Copy(all, docs)
	return fake{url: at, docs: all}
}

// usual is a server and a provider without anything odd, with changed members
// of the provider's document.
func usual(changes ...any) fake {
	return listed(idp, map[string]any{asAt: metadata(idp, changes...)})
}

// published is usual with another document of the resource.
func published(prm any) fake {
	return fake{url: at, docs: map[string]any{prmAt: prm, asAt: metadata(idp)}}
}

// withClient is usual where nobody can register.
func withClient(secret string, changes ...any) fake {
	f := usual(append([]any{"registration_endpoint", nil}, changes...)...)
	f.clients = map[string]string{"app": secret}
	return f
}

// clientApp says which client to be, in mcp-remote's words, which both know.
const clientApp = `--static-oauth-client-info {"client_id":"app"} --host localhost`

// it is a case of one step that works, with the reference's word on mcp-remote.
func it(name, seen string, f fake, refs string, checks ...check) example {
	return example{name: name, seen: seen, fake: f, steps: []step{{check: checks, refs: refs}}}
}

// not is a case of one step that is refused.
func not(name, seen string, f fake, refs string, w want, checks ...check) example {
	return example{name: name, seen: seen, fake: f, steps: []step{{want: w, check: checks, refs: refs}}}
}

// because explains why mcp-remote's result is not the reference's.
func (e example) because(why string) example {
	for i := range e.steps {
		if e.steps[i].refs != "" {
			e.steps[i].because = why
		}
	}
	return e
}

// accepting is what happens where metadata calls itself claimed: refused, with
// another word refused, accepted by name, and kept.
func accepting(claimed, words, hint, refs string) []step {
	return []step{
		{words: words, want: refused(hint, claimed), check: []check{came("authorize", 0), came("register", 0)}, refs: refs},
		{words: words + " --accept-issuer https://other.example.org", want: refused("", claimed), ours: true},
		{words: words + " --accept-issuer " + claimed, ours: true},
		{words: words, check: []check{tabs(1)}, ours: true},
		{verb: "status --offline URL", want: want{says: []string{claimed, "accept"}}, ours: true},
	}
}

const (
	googleSlash = "all Google-hosted servers; JumpCloud, Indeed: python-sdk#1919, copilot-cli#4606, hermes-agent#95508, expo#49054"
	authv2      = "Atlassian authv2: atlassian-mcp-server#205, #148"
	otherHost   = "Atlassian v1, Slack, Context7: copilot-cli#4480, #4490, vscode#293533, context7#2723"
	nothing     = "opencode#44790, pi-mcp-adapter#458, agent-native#5268"
	silent      = "Cognito, AgentCore, AWS Sign-In: claude-code#13275, #35846, vercel/ai#17334"
	strayPRM    = "example-remote-server#48, agentgateway#449, #545"
	otherName   = "mesh-mcp#20, vercel/mcp-handler#110, Entra set-ups"
	manyDocs    = "ai-gateway#2049, gateways"
	handWritten = "gateways, hand-written providers (mcp-auth/js#37)"
	kind        = "a further member of the kind of the cases before it"
)

var discoveryCases = slices.Concat(issuerCases, chosenCases, addressCases, memberCases)

var issuerCases = []example{
	it("discovery/slash-in-list", googleSlash, listed(idp+"/", map[string]any{asAt: metadata(idp)}), "works"),
	it("discovery/slash-in-document", googleSlash, listed(idp, map[string]any{asAt: metadata(idp + "/")}), "fails"),
	it("discovery/slash-in-both", "Auth0", listed(idp+"/", map[string]any{asAt: metadata(idp + "/")}), ""),
	it("discovery/slash-2025-03-26", kind, fake{url: at, docs: map[string]any{ownAS: metadata("https://mcp.example.com/")}}, ""),
	it("discovery/slash-iss-as-document", kind, func() fake {
		f := listed(idp+"/", map[string]any{asAt: metadata(idp, "authorization_response_iss_parameter_supported", true)})
		f.iss = idp
		return f
	}(), ""),
	not("discovery/slash-iss-as-list", "the iss of a redirect stays compared to the letter (RFC 9207, section 2.4)", func() fake {
		f := listed(idp+"/", map[string]any{asAt: metadata(idp)})
		f.iss = idp + "/"
		return f
	}(), "", refused("", "another issuer")),
	{
		name: "discovery/slash-behind-path", seen: "only an issuer without a path equals itself with a slash",
		fake:  listed(idp+"/t", map[string]any{asAt + "/t": metadata(idp + "/t/")}),
		steps: accepting(idp+"/t/", "", `--accept-issuer https://login\.example\.com/t/`, ""),
	},
	{
		name: "discovery/tenant-path", seen: authv2,
		fake:  listed(idp+"/0b1c", map[string]any{asAt + "/0b1c": metadata(idp)}),
		steps: accepting(idp, "", `--accept-issuer https://login\.example\.com( |$)`, "fails"),
	},
	{
		name: "discovery/another-host", seen: otherHost,
		fake:  listed("https://mcp.example.com", map[string]any{ownAS: metadata("https://auth.example.com")}),
		steps: accepting("https://auth.example.com", "", `--accept-issuer https://auth\.example\.com( |$)`, "fails"),
	},
	{
		name: "discovery/another-host-2025-03-26", seen: otherHost,
		fake:  fake{url: at, docs: map[string]any{ownAS: metadata("https://auth.example.com")}},
		steps: accepting("https://auth.example.com", "", `--accept-issuer https://auth\.example\.com( |$)`, "fails"),
	},
	{
		name: "discovery/another-site", seen: "the hint offers the words only within one site",
		fake: listed("https://mcp.example.com", map[string]any{ownAS: metadata("https://login.example.net")}),
		steps: func() []step {
			s := accepting("https://login.example.net", "", "", "")
			s[0].want.not = []string{"--accept-issuer https://login.example.net"}
			return s
		}(),
	},
	{
		name: "discovery/another-site-endpoints", seen: "the hint offers the words only if all endpoints are of the site, too",
		fake:  listed(idp+"/t", map[string]any{asAt + "/t": metadata(idp, "token_endpoint", stray+"/token")}),
		steps: []step{{want: want{code: 1002, says: []string{idp}, not: []string{"--accept-issuer " + idp}}, check: []check{avoided(stray)}}},
	},
	{
		name: "discovery/template", seen: "Entra common: codex#38973",
		fake:  listed(idp+"/common/v2.0", map[string]any{idp + "/common/v2.0/.well-known/openid-configuration": metadata(idp+"/{tenantid}/v2.0", "base", idp+"/common")}),
		steps: accepting(idp+"/{tenantid}/v2.0", "", `--accept-issuer`, "fails"),
	},
	{
		name: "discovery/nothing-published", seen: nothing,
		fake: fake{url: at, docs: map[string]any{asAt: metadata(idp)}},
		steps: []step{
			{want: refused(`--issuer`), check: []check{came("authorize", 0)}},
			{words: "--issuer " + idp, ours: true},
			{check: []check{tabs(1)}, ours: true},
			{verb: "status --offline URL", want: want{says: []string{idp}}, ours: true},
		},
	},
	{
		name: "discovery/nothing-published-document", seen: nothing,
		fake: fake{url: at, docs: map[string]any{idp + "/t/.well-known/openid-configuration": metadata(idp + "/t")}},
		steps: []step{
			{words: "--issuer " + idp + "/t/.well-known/openid-configuration", ours: true},
			{check: []check{tabs(1)}, ours: true},
		},
	},
	{
		name: "discovery/nothing-published-rfc8414", seen: kind,
		fake:  fake{url: at, docs: map[string]any{asAt + "/t": metadata(idp + "/t")}},
		steps: []step{{words: "--issuer " + asAt + "/t", ours: true}},
	},
	{
		name: "discovery/document-of-another", seen: "a metadata address must yield its own issuer",
		fake: fake{url: at, docs: map[string]any{oidcAt: metadata("https://auth.example.com")}},
		steps: []step{
			{words: "--issuer " + oidcAt, want: refused(`--accept-issuer`, "https://auth.example.com"), ours: true},
			{words: "--issuer " + oidcAt + " --accept-issuer https://auth.example.com", ours: true},
		},
	},
	{
		name: "discovery/wrong-provider-published", seen: nothing,
		fake:  listed("https://old.example.com", map[string]any{asAt: metadata(idp), "https://old.example.com/.well-known/oauth-authorization-server": metadata("https://old.example.com")}),
		steps: []step{{words: "--issuer " + idp, check: []check{avoided("https://old.example.com")}, ours: true}},
	},
	{
		name: "discovery/silent-pkce", seen: silent, fake: usual("code_challenge_methods_supported", nil),
		steps: []step{{refs: "works", want: want{says: []string{"PKCE"}}}, {verb: "doctor URL", want: want{says: []string{"PKCE"}}, ours: true}},
	},
	it("discovery/silent-pkce-empty", kind, usual("code_challenge_methods_supported", []string{}), ""),
	it("discovery/silent-pkce-null", kind, usual("code_challenge_methods_supported", rawNull), ""),
	{
		name: "discovery/silent-pkce-old-word", seen: "--assume-pkce stays an accepted word", fake: usual("code_challenge_methods_supported", nil),
		steps: []step{{words: "--assume-pkce", ours: true}},
	},
}

// challenged is a server that names an address in its challenge; docs are what
// is where.
func challenged(address string, docs map[string]any) fake {
	f := usual()
	maps.Copy(f.docs, docs)
	f.challenge = `Bearer resource_metadata="` + address + `"`
	return f
}

// moved has its metadata at an address that only the challenge tells.
func moved(named, address string) fake {
	f := challenged(named, map[string]any{address: resource(at, idp)})
	delete(f.docs, prmAt)
	return f
}

// with is usual with other documents.
func with(docs map[string]any) fake {
	f := usual()
	maps.Copy(f.docs, docs)
	return f
}

const page = "<!DOCTYPE html><html><body>Welcome</body></html>"

var toLogin = answer{status: 302, header: map[string]string{"Location": "https://sso.example.com/login"}}

var addressCases = []example{
	it("discovery/challenge-relative-well-known", "small servers", challenged("/.well-known/oauth-protected-resource/mcp", nil), "works"),
	it("discovery/challenge-relative", kind, moved("/meta/prm", "https://mcp.example.com/meta/prm"), ""),
	it("discovery/challenge-relative-path", kind, moved("meta/prm", "https://mcp.example.com/meta/prm"), ""),
	it("discovery/challenge-relative-foreign", "resolved on the same origin only", challenged("//evil.example.net/prm", map[string]any{stray + "/prm": resource(at, stray), stray + "/.well-known/oauth-authorization-server": metadata(stray)}), "", avoided(stray)),
	it("discovery/challenge-404", strayPRM, challenged("https://mcp.example.com/gone", nil), "fails"),
	it("discovery/challenge-http", strayPRM, challenged("http://mcp.example.com/.well-known/oauth-protected-resource/mcp", nil), "fails", avoided("http://mcp.example.com")),
	it("discovery/challenge-other-host", strayPRM, challenged("https://internal.example.com/prm", nil), "fails"),
	it("discovery/challenge-other-port", kind, challenged("https://mcp.example.com:8443/.well-known/oauth-protected-resource/mcp", nil), ""),
	it("discovery/challenge-html", kind, challenged("https://mcp.example.com/prm", map[string]any{"https://mcp.example.com/prm": page}), ""),
	it("discovery/challenge-503", kind, challenged("https://mcp.example.com/prm", map[string]any{"https://mcp.example.com/prm": 503}), ""),
	it("discovery/challenge-nonsense", kind, challenged("%zz:", nil), ""),
	it("discovery/challenge-for-another", kind, challenged("https://mcp.example.com/prm", map[string]any{"https://mcp.example.com/prm": resource("https://other.example.com/mcp", idp)}), ""),
	not("discovery/challenge-and-all-bad", "the first fault is remembered for the message", func() fake {
		f := challenged("https://mcp.example.com/gone", nil)
		f.docs = map[string]any{}
		return f
	}(), "", refused("", "https://mcp.example.com/gone")),

	it("discovery/first-html", manyDocs, with(map[string]any{prmAt: page, prmRoot: resource(at, idp)}), "fails"),
	it("discovery/first-empty-object", manyDocs, with(map[string]any{prmAt: doc{}, prmRoot: resource(at, idp)}), "fails"),
	it("discovery/first-error-object", manyDocs, with(map[string]any{prmAt: doc{"error": "not found"}, prmRoot: resource(at, idp)}), "fails"),
	it("discovery/first-array", kind, with(map[string]any{prmAt: "[]", prmRoot: resource(at, idp)}), ""),
	it("discovery/first-500", kind, with(map[string]any{prmAt: 500, prmRoot: resource(at, idp)}), ""),
	it("discovery/first-401", kind, with(map[string]any{prmAt: 401, prmRoot: resource(at, idp)}), ""),
	it("discovery/first-to-login", kind, with(map[string]any{prmAt: toLogin, prmRoot: resource(at, idp)}), ""),
	it("discovery/first-for-another", kind, with(map[string]any{prmAt: resource("https://other.example.com/mcp", idp), prmRoot: resource(at, idp)}), ""),
	it("discovery/provider-first-html", manyDocs, with(map[string]any{asAt: page, oidcAt: metadata(idp)}), "fails"),
	it("discovery/provider-first-503", kind, with(map[string]any{asAt: 503, oidcAt: metadata(idp)}), ""),
	it("discovery/provider-first-empty-object", kind, with(map[string]any{asAt: doc{}, oidcAt: metadata(idp)}), ""),
	it("discovery/provider-first-of-another", kind, with(map[string]any{asAt: metadata("https://gateway.example.com"), oidcAt: metadata(idp)}), ""),
	it("discovery/provider-first-without-token-endpoint", kind, with(map[string]any{asAt: metadata(idp, "token_endpoint", nil), oidcAt: metadata(idp)}), ""),
	it("discovery/provider-first-to-login", kind, with(map[string]any{asAt: toLogin, oidcAt: metadata(idp)}), ""),
	it("discovery/provider-path-appended", kind, listed(idp+"/t", map[string]any{asAt + "/t": page, oidcAt + "/t": 500, idp + "/t/.well-known/openid-configuration": metadata(idp + "/t")}), ""),
	it("discovery/second-provider", kind, fake{url: at, docs: map[string]any{
		prmAt: resource(at, "https://down.example.com", idp), asAt: metadata(idp),
		"https://down.example.com/.well-known/oauth-authorization-server": 503, "https://down.example.com/.well-known/openid-configuration": 503,
	}}, ""),
	not("discovery/all-bad", "the first fault is remembered for the message", with(map[string]any{asAt: 503, oidcAt: page}), "", refused("", "503")),
}

// named is a server whose metadata says another name.
func named(name string) fake { return published(resource(name, idp)) }

// naming is what happens where the compared name is not the address.
func naming(refs string) []step {
	return []step{
		{want: refused(`--(no-)?resource`), check: []check{came("authorize", 0)}},
		{words: "--resource URL", check: []check{sent("authorize", "resource", at)}, refs: refs},
		{words: "--no-resource", check: []check{lastSent("authorize", "resource", ""), tabs(2)}, ours: true},
		{words: "--disable-resource-parameter", check: []check{tabs(2)}, refs: refs}, // mcp-remote's word for it
	}
}

var memberCases = []example{
	{name: "discovery/resource-http", seen: otherName, fake: named("http://mcp.example.com/mcp"), steps: naming("works")},
	{name: "discovery/resource-api", seen: otherName, fake: named("api://0a1b2c3d/mcp"), steps: naming("works")},
	{name: "discovery/resource-other-host", seen: kind, fake: named("https://internal.example.com/mcp"), steps: naming("")},
	{name: "discovery/resource-other-path", seen: kind, fake: named("https://mcp.example.com/v2/mcp"), steps: naming("")},
	{name: "discovery/resource-word", seen: kind, fake: named("my-mcp-server"), steps: naming("")},
	{name: "discovery/resource-missing", seen: kind, fake: published(doc{"authorization_servers": []string{idp}}), steps: naming("")},

	it("discovery/no-provider-named", "servers of 2025", fake{url: at, docs: map[string]any{prmAt: doc{"resource": at}, ownAS: metadata("https://mcp.example.com")}}, "fails").
		because("mcp-remote 0.15.1 takes the origin for the provider as well, where the origin publishes metadata"),
	it("discovery/no-provider-empty-list", kind, fake{url: at, docs: map[string]any{prmAt: resource(at, []string{}...).with("authorization_servers", []string{}), ownAS: metadata("https://mcp.example.com")}}, ""),
	it("discovery/no-provider-null", kind, fake{url: at, docs: map[string]any{prmAt: doc{"resource": at, "authorization_servers": rawNull}, ownAS: metadata("https://mcp.example.com")}}, ""),
	it("discovery/no-provider-at-root", kind, fake{url: at, docs: map[string]any{prmRoot: doc{"resource": "https://mcp.example.com"}, ownAS: metadata("https://mcp.example.com")}}, ""),

	it("discovery/optional-end-session-http", handWritten, usual("end_session_endpoint", "http://login.example.com/logout"), "works"),
	it("discovery/optional-revocation-relative", handWritten, usual("revocation_endpoint", "/revoke"), "works").
		because("mcp-remote takes an http address there, and fails at what is no absolute one"),
	it("discovery/optional-device-number", kind, usual("device_authorization_endpoint", 1), ""),
	it("discovery/optional-device-empty", kind, usual("device_authorization_endpoint", ""), ""),
	it("discovery/optional-revocation-object", kind, usual("revocation_endpoint", doc{"url": idp + "/revoke"}), ""),
	it("discovery/optional-jwks-http", kind, usual("jwks_uri", "http://login.example.com/jwks", "userinfo_endpoint", "none"), ""),
	{
		name: "discovery/optional-registration-http", seen: kind, fake: withClient("", "registration_endpoint", "http://login.example.com/register"),
		steps: []step{{words: clientApp}},
	},
	not("discovery/registration-http", "needed, and named in the error", usual("registration_endpoint", "http://login.example.com/register"), "", refused("--client-id", "registration_endpoint"), avoided("http://")),

	it("discovery/type-scopes-string", handWritten, usual("scopes_supported", "read write"), ""),
	it("discovery/type-methods-string", kind, usual("code_challenge_methods_supported", "S256"), ""),
	it("discovery/type-grants-null", kind, usual("grant_types_supported", rawNull, "token_endpoint_auth_methods_supported", rawNull), ""),
	it("discovery/type-bool-string", kind, usual("client_id_metadata_document_supported", "true"), ""),
	it("discovery/type-mixed-list", kind, usual("scopes_supported", []any{1, "read", nil}), ""),
	it("discovery/type-object-for-list", kind, usual("grant_types_supported", doc{"a": 1}), ""),
	it("discovery/type-servers-string", handWritten, published(doc{"resource": at, "authorization_servers": idp}), ""),
	it("discovery/type-resource-scopes-string", kind, published(resource(at, idp).with("scopes_supported", "read write")), "", sent("authorize", "scope", "read write")),
	it("discovery/type-byte-order-mark", kind, listed(idp, map[string]any{asAt: "\ufeff" + text(metadata(idp))}), ""),
	it("discovery/type-text-plain", kind, listed(idp, map[string]any{asAt: answer{typ: "text/plain", body: metadata(idp)}}), ""),
	not("discovery/type-token-endpoint", "an error that names the member", usual("token_endpoint", 1), "", refused("", "token_endpoint")),
	not("discovery/type-authorization-endpoint", "an error that names the member", usual("authorization_endpoint", "/authorize"), "", refused("", "authorization_endpoint")),
	not("discovery/type-issuer", "an error that names the member", usual("issuer", []string{idp}), "", refused("", "issuer")),
}
