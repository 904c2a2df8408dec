package hints

import (
	"net/http"
	"strings"
)

// remote puts down what mcp-remote keeps of a login: its tokens and its client.
func remote(tokens, client string) string {
	return `H=$(printf %s $URL | md5sum | cut -d' ' -f1); mkdir -p .mcp-auth/mcp-remote-v1; cat >.mcp-auth/mcp-remote-v1/${H}_tokens.json <<END
` + tokens + `
END
cat >.mcp-auth/mcp-remote-v1/${H}_client_info.json <<END
` + client + `
END
`
}

// ofImport are the hints about the logins of mcp-remote.
func ofImport() []row {
	const login = `export MCP_LOGIN_DIR=$PWD/elsewhere; mcp-login login --client-id native-app $URL; R=$(cat elsewhere/*.plain | grep -o '"refresh_token":"[^"]*"'); `
	const client = `{"client_id":"native-app"}`
	const token = `mcp-login token $URL`
	refreshable := login + remote(`{$R,"token_type":"Bearer","issuer":"$ISSUER"}`, client)
	over := remote(`{"access_token":"a","expires_at":1000,"issuer":"$ISSUER"}`, client)
	nameless := remote(`{"access_token":"a","issuer":"$ISSUER"}`, `{}`)
	another := func(w *world) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			says(200, `{"resource":"`+w.url+`","authorization_servers":["https://another.example"]}`, "Content-Type", "application/json")(rw, r)
		})
	}
	back := func(w *world) { w.site = nil }
	// As mcp-remote names the files of a server with --resource.
	named := login + `mkdir .cursor; echo '{"mcpServers":{"x":{"command":"npx","args":["-y","mcp-remote","'$URL'","--resource","'$URL'"]}}}' >.cursor/mcp.json; ` +
		strings.Replace(remote(`{$R,"token_type":"Bearer","issuer":"$ISSUER"}`, client), "%s $URL", `%s "$URL|$URL"`, 1)
	return []row{
		{hint: "use it with --resource …", lab: closed, before: named, when: `mcp-login import mcp-remote`, does: `mcp-login token --resource $URL $URL`, then: `mcp-login tools --resource $URL $URL`},
		{hint: "name it: mcp-login import mcp-remote URL, as it was given to mcp-remote", lab: closed, before: refreshable, when: `mcp-login import mcp-remote; false`, does: `mcp-login import mcp-remote $URL`, then: token},
		{hint: "run: mcp-login … (stored)", before: over, when: `mcp-login import mcp-remote $URL`, then: token},
		{hint: "run: mcp-login … (stored)", lab: closed, before: nameless, when: `mcp-login import mcp-remote $URL`, does: `mcp-login login --client-id native-app $URL`, then: token},
		{hint: "try again when it can be reached; nothing was changed", lab: closed, needs: offline + "true", before: refreshable, when: offline + `mcp-login import mcp-remote $URL`, does: `mcp-login import mcp-remote $URL`, then: token},
		{hint: "run: mcp-login … (resource)", lab: closed, before: refreshable, serve: another, when: `mcp-login import mcp-remote $URL`, mend: back, does: `mcp-login login --client-id native-app $URL`, then: token},
	}
}
