package providers

import "maps"

// What a person says about the provider: --issuer and --accept-issuer, how long it
// lasts, and for whom.

// tenants is a provider that leaves the tenant's path out of its name.
func tenants(iss string) fake {
	f := listed(idp+"/0b1c", map[string]any{asAt + "/0b1c": metadata(idp)})
	f.iss = iss
	return f
}

// template is a provider whose issuer is a template, as Entra's common.
func template(iss string) fake {
	f := listed(idp+"/common/v2.0", map[string]any{idp + "/common/v2.0/.well-known/openid-configuration": metadata(idp+"/{tenantid}/v2.0", "base", idp+"/common")})
	f.iss = iss
	return f
}

// unpublished is a server that publishes nothing, and a provider.
func unpublished(docs map[string]any) fake {
	f := fake{url: at, docs: map[string]any{asAt: metadata(idp)}}
	maps.Copy(f.docs, docs)
	return f
}

const acceptTemplate = "--accept-issuer " + idp + "/{tenantid}/v2.0"

var chosenCases = []example{
	{
		name: "discovery/accepted-is-kept", seen: "kept with the account, and for it alone", fake: tenants(idp),
		steps: []step{
			{words: "--accept-issuer " + idp, ours: true},
			{before: (*world).endGrants, check: []check{tabs(2), came("register", 1)}, ours: true},
			{verb: "doctor URL", want: want{says: []string{idp + "/0b1c", "--accept-issuer"}}, ours: true},
			{verb: "login", words: "URL --again", check: []check{tabs(3)}, ours: true},
			{verb: "status --json --offline URL", want: want{says: []string{`"issuer_found_at": "` + idp + `/0b1c"`}}, ours: true},
			{words: "--profile other", want: refused(`--accept-issuer https://login\.example\.com( |$)`, idp), check: []check{tabs(3)}, ours: true},
			{verb: "logout URL", ours: true},
			{want: refused(`--accept-issuer`, idp), check: []check{tabs(3)}, ours: true},
		},
	},
	{
		name: "discovery/accepted-after-a-refusal", seen: "the flag is added to the account that exists; the client of the name's owner is not used",
		fake: usual(),
		steps: []step{
			{},
			{before: func(w *world) {
				w.endGrants()
				w.docs[prmAt], w.docs[asAt+"/0b1c"] = resource(at, idp+"/0b1c"), metadata(idp)
			}, want: refused(`--accept-issuer https://login\.example\.com( |$)`), ours: true},
			{words: "--accept-issuer " + idp, check: []check{tabs(2), came("register", 2)}, ours: true},
			{check: []check{tabs(2)}, ours: true},
		},
	},
	{
		name: "discovery/accepted-by-doctor", seen: "doctor has the line as well", fake: fake{url: at, docs: map[string]any{ownAS: metadata("https://auth.example.com")}},
		steps: []step{
			{verb: "doctor URL", want: want{exit: 1, says: []string{"--accept-issuer https://auth.example.com"}}, ours: true},
			{verb: "doctor URL --accept-issuer https://auth.example.com", want: want{says: []string{"which was accepted (--accept-issuer)"}}, ours: true},
		},
	},
	{
		name: "discovery/accepted-logout-all", seen: "what an attempt has left is no account", fake: unpublished(nil),
		steps: []step{
			{want: refused(`--issuer`)},
			{words: "--issuer " + idp, ours: true},
			{verb: "logout --all", want: want{not: []string{"--issuer"}}, ours: true},
			{verb: "status --json --offline", want: want{not: []string{`"server":`}}, ours: true},
		},
	},
	{
		name: "discovery/template-iss", seen: "the tenant stands in the place of its name (RFC 9207)", fake: template(idp + "/0b1c-2d3e/v2.0"),
		steps: []step{{words: acceptTemplate, ours: true}},
	},
	{
		name: "discovery/named-is-kept", seen: nothing, fake: unpublished(nil),
		steps: []step{
			{want: refused(`--issuer`)},
			{words: "--issuer " + idp, check: []check{sent("authorize", "resource", at)}, ours: true},
			{before: (*world).endGrants, check: []check{tabs(2), came("register", 1)}, ours: true},
			{verb: "status --json --offline URL", want: want{not: []string{`"needs_login": true`}}, ours: true},
			{verb: "doctor URL", want: want{says: []string{idp + ", by --issuer"}}, ours: true},
			{verb: "status --json --offline URL", want: want{says: []string{`"issuer": "` + idp + `"`}}, ours: true},
			{verb: "logout URL", ours: true},
			{want: refused(`--issuer`), check: []check{tabs(2)}, ours: true},
		},
	},
	{
		name: "discovery/named-later", seen: "a flag added later adopts the account that exists", fake: usual(),
		steps: []step{
			{},
			{words: "--issuer " + idp, check: []check{tabs(1)}, ours: true},
			{words: "--issuer " + idp + "/", check: []check{tabs(1)}, ours: true},
			{words: "--issuer " + oidcAt, check: []check{tabs(1)}, ours: true},
			{
				before: func(w *world) { w.endGrants(); delete(w.docs, prmAt) },
				verb:   "login", words: "URL --issuer " + idp, check: []check{tabs(2), came("register", 1)}, ours: true,
			},
			{before: (*world).endGrants, verb: "login URL", check: []check{tabs(3)}, ours: true},
			{verb: "status --offline URL", want: want{says: []string{"--issuer"}}, ours: true},
		},
	},
	{
		name: "discovery/named-with-slash", seen: kind, fake: unpublished(nil),
		steps: []step{{words: "--issuer " + idp + "/", ours: true}, {words: "--issuer " + idp, check: []check{tabs(1)}, ours: true}},
	},
	{
		name: "discovery/named-behind-dead-challenge", seen: nothing,
		fake: func() fake {
			f := unpublished(nil)
			f.challenge = `Bearer resource_metadata="https://mcp.example.com/gone"`
			return f
		}(),
		steps: []step{{words: "--issuer " + idp, ours: true}},
	},
	{
		name: "discovery/named-address-of-nothing", seen: kind, fake: unpublished(nil),
		steps: []step{{words: "--issuer " + idp + "/t", want: refused(`\.well-known`, idp+"/t"), check: []check{came("authorize", 0)}, ours: true}},
	},
	{
		name: "discovery/named-by-variable", seen: "a variable restricts the listed issuers", fake: usual(),
		steps: []step{
			{env: []string{"MCP_LOGIN_ISSUER=" + idp + "/"}, ours: true},
			{url: at, words: "--profile other", env: []string{"MCP_LOGIN_ISSUER=https://auth.example.com"}, want: refused(`--issuer https://auth\.example\.com`, idp), check: []check{tabs(1)}, ours: true},
		},
	},
	{
		name: "attack/named-by-variable", seen: "a provider's token is not for another server because a variable is set", fake: unpublished(nil),
		steps: []step{{env: []string{"MCP_LOGIN_ISSUER=" + idp}, want: refused(`--issuer`, idp), check: []check{came("authorize", 0), avoided(idp)}, ours: true}},
	},
	{
		name: "attack/named-resource-of-another", seen: "--issuer says nothing about the resource", fake: published(resource("https://other.example.com/mcp", stray)),
		steps: []step{{words: "--issuer " + idp, want: refused(`--resource`, "https://other.example.com/mcp"), check: []check{came("authorize", 0), avoided(stray)}, ours: true}},
	},
	{
		name: "attack/named-document-of-another", seen: "the address of a document yields its own issuer", fake: unpublished(map[string]any{idp + "/t/.well-known/openid-configuration": metadata(idp + "/s")}),
		steps: []step{{words: "--issuer " + idp + "/t/.well-known/openid-configuration", want: refused(`--accept-issuer`, idp+"/s"), check: []check{came("authorize", 0)}, ours: true}},
	},
	{
		name: "attack/template-iss-of-another", seen: "a template does not reach beyond its path", fake: template(stray + "/0b1c/v2.0"),
		steps: []step{{words: acceptTemplate, want: refused("", "another issuer"), check: []check{came("token", 0)}, ours: true}},
	},
	{
		name: "attack/accepted-iss-of-the-place", seen: "the iss is compared with what the document calls itself", fake: tenants(idp + "/0b1c"),
		steps: []step{{words: "--accept-issuer " + idp, want: refused("", "another issuer"), check: []check{came("token", 0)}, ours: true}},
	},
	{
		name: "attack/accepted-secret", seen: "a shared secret is not sent because a name was accepted", fake: func() fake {
			f := listed(idp, map[string]any{asAt: metadata("https://auth.example.com", "base", idp, "token_endpoint", stray+"/token", "registration_endpoint", nil)})
			f.clients = map[string]string{"app": "s3cret"}
			return f
		}(),
		steps: []step{{words: honest + " --accept-issuer https://auth.example.com", want: refused(`--issuer https://login\.example\.com`), check: []check{nothingFor(stray), came("authorize", 0)}, ours: true}},
	},
}
