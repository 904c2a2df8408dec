package hints

import (
	"net/http"
	"time"

	"mcp-login/internal/devidp"
)

// ofFaults are the hints about servers and providers that leave something out.
func ofFaults() []row {
	const device = `export MCP_LOGIN_BROWSER="${NOBODY% approve nobody} approve-device alice"; mcp-login login --device $URL`
	const sealed = `export MCP_LOGIN_STORE=passphrase MCP_LOGIN_PASSPHRASE='correct horse battery staple'; `
	const other = `http://localhost:${HOST#*:}/mcp`
	without := func(member string) func(*devidp.Config) {
		return func(c *devidp.Config) { c.Faults.MetadataMembers = map[string]any{member: nil} }
	}
	return []row{
		{
			hint: "run: mcp-login … (session)", lab: func(c *devidp.Config) {
				closed(c)
				c.AccessTokenTTL, c.Faults.TokenMembers = 3*time.Second, map[string]any{"refresh_token": nil}
			},
			before: `mcp-login login --client-id native-app $URL`, when: `while mcp-login doctor $URL >out; do :; done; cat out; false`, then: `mcp-login tools $URL`,
		},
		{hint: "let the provider grant offline_access (in Logto, the application's settings have to allow refresh tokens), then run: mcp-login … (login)", lab: func(c *devidp.Config) {
			c.Faults.TokenMembers = map[string]any{"refresh_token": nil, "scope": "openid"}
		}, before: `mcp-login login $URL`, meanwhile: func(w *world) { w.idp.SetFaults(devidp.Faults{}) }, when: `mcp-login doctor $URL`, then: `mcp-login doctor $URL`},
		{hint: "for tools that want a sign-in, run: mcp-login … (login)", serve: openAtFirst, when: `mcp-login doctor $URL`, then: `mcp-login token $URL`},
		{hint: "nothing else is lost: the next sign-in makes a new key", before: sealed + `mcp-login login $URL; rm $MCP_LOGIN_DIR/passphrase.key`, when: sealed + `mcp-login token $URL`, does: sealed + `mcp-login login $URL 2>/dev/null`, then: sealed + `mcp-login token $URL`},
		{hint: "the server publishes nothing about its provider: if it, or a gateway before it, wants a key or a sign-in of its own, give it what it takes with --header 'Name: ${VARIABLE}'; else name the provider, as in --issuer https://login.example.com, or …", site: gated(says(401, "")), when: `mcp-login tools $URL`, does: `export K=k; mcp-login tools --header 'X-Gate: ${K}' $URL`},
		{hint: "use the address the server calls itself; …", when: `mcp-login login ` + other, does: `mcp-login login $URL`},
		{hint: "or say what to ask a token for: --resource …, or --no-resource, for a server that takes tokens meant for none", when: `mcp-login login ` + other, does: `mcp-login login --no-resource ` + other, then: `mcp-login login --profile a --resource $URL ` + other},
		{hint: "leave out --device and paste the address that the browser ends at, or forward the callback port", lab: without("device_authorization_endpoint"), when: `mcp-login login --device $URL`, does: `mcp-login login $URL`},
		{hint: "people cannot sign in there with a browser; try --device, or --client-credentials with a registered client", lab: without("authorization_endpoint"), when: `mcp-login login $URL`, does: device},
		{hint: "the provider has a problem; try again later", lab: func(c *devidp.Config) { c.Faults.TokenStatus, c.Faults.TokenStatusTimes = 503, 1 }, when: `mcp-login login $URL`, does: `mcp-login login $URL`},
		{hint: "it is forgotten here all the same", lab: func(c *devidp.Config) { c.Faults.RegistrationMembers = map[string]any{"registration_client_uri": nil} }, before: `mcp-login login $URL`, when: `mcp-login logout --delete-registration $URL`, does: `! mcp-login token $URL`},
		{hint: "it is forgotten here all the same", lab: func(c *devidp.Config) { c.Faults.RegistrationMembers = map[string]any{"registration_client_uri": nil} }, before: `! MCP_LOGIN_BROWSER=none mcp-login login --timeout 1s --scope openid $URL`, when: `mcp-login logout --delete-registration $URL`, does: `! grep openid $MCP_LOGIN_DIR/index.json`},
		{hint: "start again and enter the code sooner", lab: func(c *devidp.Config) { c.Faults.DeviceTTL, c.Faults.DeviceInterval = 5*time.Second, 1 }, when: `mcp-login login --device --no-browser $URL`, does: device},
	}
}

// openAtFirst lets everybody in who has no token, and publishes where to sign in.
func openAtFirst(w *world) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost && r.Header.Get("Authorization") == "" {
			plain(rw, r)
			return
		}
		w.whoami.ServeHTTP(rw, r)
	})
}
