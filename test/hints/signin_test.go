package hints

import (
	"mcp-login/internal/devidp"
)

// ofSigningIn are the hints about a sign-in that came to nothing.
func ofSigningIn() []row {
	unregistered := func(c *devidp.Config) { c.Resources = nil }
	return []row{
		{hint: "the login was refused, or the account may not use this server", when: `export MCP_LOGIN_BROWSER="$NOBODY"; mcp-login login $URL`, does: `mcp-login login $URL`},
		{hint: "register a native (public) application there by hand, …, and start again with --client-id ID", lab: closed, when: `mcp-login login $URL`, does: `mcp-login login --client-id native-app $URL`},
		{hint: "register a native application there with the redirect URI … and give its id with --client-id", lab: closed, when: `mcp-login doctor $URL`, does: `mcp-login doctor --client-id native-app $URL`},
		{hint: "the provider does not know the resource …: register exactly this string there as an API resource, or give another one with --resource (none leaves it out)", lab: unregistered, when: `mcp-login login $URL`, does: `mcp-login login --resource none $URL`},
		{hint: "register an API resource with exactly the indicator … at the provider (Logto: Console, API resources), or add --no-resource, for a server that takes tokens meant for none", lab: func(c *devidp.Config) { closed(c); unregistered(c) }, when: `mcp-login doctor --client-id native-app $URL`, does: `mcp-login doctor --client-id native-app --no-resource $URL`},
		{hint: "end the other program, or choose another --callback-port and register it at the provider", when: `mcp-login doctor --callback-port ${HOST#*:}`, does: `mcp-login doctor --callback-port $PORT`},
		{hint: "is --issuer right, and does the provider answer? It takes the address of the metadata itself as well, as in --issuer …://…/.well-known/openid-configuration", when: `mcp-login login --issuer $ISSUER/wrong $URL`, does: `mcp-login login --issuer $ISSUER/.well-known/openid-configuration $URL`},
		{hint: "try again; if the browser showed an error page of the provider instead of a login, the client id or its redirect URI is not registered there", when: `mcp-login login --no-browser --timeout 1s $URL </dev/null`, does: `mcp-login login $URL`},
		{hint: "look who put it there, then remove it", before: `mcp-login login $URL; for f in $MCP_LOGIN_DIR/*.plain; do rm $f; mkdir $f; done`, when: `mcp-login token $URL`, does: `rmdir $MCP_LOGIN_DIR/*.plain; mcp-login login $URL`},
	}
}
