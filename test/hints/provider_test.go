package hints

import (
	"mcp-login/internal/devidp"
)

// applications are one of each type that Logto has, and the mistakes that people make.
func applications(c *devidp.Config) {
	c.Registration = false
	right := []string{"http://127.0.0.1/callback"}
	c.Clients = []devidp.Client{
		{ID: "native", RedirectURIs: right},
		{ID: "empty"},
		{ID: "elsewhere", RedirectURIs: []string{"http://localhost/callback"}},
		{ID: "spa", ApplicationType: "web", RedirectURIs: right},
		{ID: "traditional", ApplicationType: "web", Secret: "s3cret", RedirectURIs: []string{"http://127.0.0.1:$PORT/callback"}},
		{ID: "tv", DeviceFlow: true},
		{ID: "m2m", ApplicationType: "web", Secret: "s3cret", GrantTypes: []string{"client_credentials"}},
		{ID: "portless", ApplicationType: "web", Secret: "s3cret", RedirectURIs: right},
		{ID: "confidential", Secret: "s3cret", RedirectURIs: right},
		{ID: "hosted", ApplicationType: "web", RedirectURIs: []string{"https://example.com/callback"}},
		{ID: "third", ThirdParty: true, RedirectURIs: right},
		{ID: "third-party", ThirdParty: true, Scopes: []string{"profile", "email"}, RedirectURIs: right},
	}
	c.Users = []devidp.User{{Subject: "a", Username: "alice", Email: "alice@example.test", Organizations: []string{"org1"}}}
}

// What login asks for where the server names no scopes is less than a third-party
// application may lack.
const profile = `--scope "openid profile"`

// ofTheProvider are the hints about clients, scopes and organizations at the provider.
func ofTheProvider() []row {
	const native = `mcp-login login --client-id native $URL`
	withSecret := secret + `mcp-login doctor --issuer $ISSUER --client-id `
	return []row{
		{hint: "register … for this client, which must be a native (public) application; an application of another kind is refused like this, too…", lab: applications, when: `mcp-login login --client-id spa $URL`, does: native},
		{hint: "the provider does not know the client …: give the id of a native (public) application there with --client-id…", lab: applications, when: `mcp-login login --client-id nobody $URL`, does: native},
		{hint: "look at --client-id: it is the one of another provider or tenant, or its application was deleted", lab: applications, when: `mcp-login doctor --client-id nobody $URL`, does: `mcp-login doctor --client-id native $URL`, then: native},
		{hint: "give the secret of exactly this application, with --client-secret-file; a native application has none: leave it out", lab: applications, when: withSecret + `native $URL`, does: `mcp-login doctor --client-id native $URL`, then: native},
		{hint: "create a native (public) application with the authorization code flow there and use its id; or give the secret, with --client-secret-file", lab: applications, when: `mcp-login doctor --client-id traditional --callback-port $PORT $URL`, does: `echo s3cret >s; mcp-login doctor --issuer $ISSUER --client-id traditional --client-secret-file s --callback-port $PORT $URL`, then: native},
		{hint: "create a native (public) application with the authorization code flow there, with the redirect URI …, and use its id", lab: applications, when: `mcp-login doctor --client-id m2m $URL`, does: `mcp-login doctor --client-id native $URL`, then: native},
		{hint: "create a native (public) application with the authorization code flow there and use its id; or add --callback-port 33418 and register that port as well", lab: applications, when: `mcp-login doctor --client-id spa $URL`, does: `mcp-login doctor --client-id native $URL`, then: native},
		{hint: "add --device; or create a native (public) application with the authorization code flow there and use its id", lab: applications, when: `mcp-login doctor --client-id tv $URL`, does: `mcp-login doctor --device --client-id tv $URL`, then: native},
		{hint: "add --client-credentials to sign in as the application itself; or create a native (public) application with the authorization code flow there and use its id", lab: applications, when: withSecret + `m2m $URL`, does: withSecret + `m2m --client-credentials $URL`, then: secret + `mcp-login tools --issuer $ISSUER --client-id m2m --client-credentials $URL`},
		{hint: "create an application of the device flow there (in Logto: native, with Device flow) and use its id; or leave out --device", lab: applications, when: `mcp-login doctor --device --client-id native $URL`, does: `mcp-login doctor --client-id native $URL`, then: `mcp-login doctor --device --client-id tv $URL`},
		{hint: "create a machine-to-machine application there and use its id; or leave out --client-credentials", lab: applications, when: withSecret + `traditional --client-credentials $URL`, does: withSecret + `m2m --client-credentials $URL`},
		{hint: "look at --client-id, and give the secret of exactly this application with --client-secret-file", lab: applications, when: `echo wrong >s; mcp-login doctor --issuer $ISSUER --client-credentials --client-id m2m --client-secret-file s $URL`, does: `echo s3cret >s; mcp-login doctor --issuer $ISSUER --client-credentials --client-id m2m --client-secret-file s $URL`},
		{hint: "enter exactly this redirect URI at the provider: …", lab: applications, when: `mcp-login doctor --client-id empty $URL`, does: `mcp-login doctor --client-id native $URL`, then: native},
		{hint: "; the application must be a native one: of a single-page or traditional one the port is compared, too", lab: applications, when: `mcp-login doctor --client-id empty $URL`, does: `mcp-login doctor --client-id native $URL`, then: native},
		{hint: "; it takes …, which is another spelling", lab: applications, when: `mcp-login doctor --client-id elsewhere $URL`, does: `mcp-login doctor --client-id elsewhere --callback-host localhost $URL`, then: `mcp-login login --client-id elsewhere --callback-host localhost $URL`},
		{hint: "at a third-party application of Logto, add them under Permissions; or choose others with --scope", lab: applications, when: `mcp-login doctor --client-id third ` + profile + ` $URL`, does: `mcp-login doctor --client-id third-party ` + profile + ` $URL`, then: `mcp-login login --client-id third --scope openid $URL`},
		{hint: "the provider does not grant this client a scope that was asked for: allow it there (in Logto: Permissions of a third-party application), or choose others with --scope", lab: applications, when: `mcp-login login --client-id third ` + profile + ` $URL`, does: `mcp-login login --client-id third --scope openid $URL`, then: `mcp-login login --client-id third-party ` + profile + ` $URL`},
		{hint: "the redirect URI … (without a port, or …)", lab: applications, when: `mcp-login login --client-id spa $URL`, does: native},
		{hint: "start again, and agree to what the provider asks; if nobody has cancelled, the provider's log says why", lab: applications, when: `MCP_LOGIN_BROWSER="${NOBODY% approve nobody} approve-cancel alice" mcp-login login --client-id third-party $URL`, does: `mcp-login login --client-id third-party $URL`},
		{hint: "the account may not be a member of the organization …: leave out --auth-param organization_id, or sign in as somebody who is", lab: applications, when: `mcp-login login --client-id native --auth-param organization_id=org2 $URL`, does: native, then: `mcp-login login --client-id native --auth-param organization_id=org1 $URL`},
		{hint: "the provider may not know what was given with --auth-param: leave it out, and see what differs", lab: applications, when: `mcp-login login --client-id native --auth-param prompt=select_account $URL`, does: native},
	}
}
