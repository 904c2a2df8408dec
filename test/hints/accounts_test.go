package hints

import (
	"fmt"
	"strings"

	"mcp-login/internal/devidp"
)

// settings are ways to say which account is meant, as a shell has them.
var settings = []struct {
	flags string
	lab   func(*devidp.Config)
}{
	{"", nil},
	{`--profile "my work's \$(id)"`, nil},
	{"--client-id native-app", closed},
	{"--issuer $ISSUER", nil},
	{"--resource $URL", nil},
	{"--no-resource", nil},
	{"--scope 'openid profile'", nil},
	{`--auth-param "login_hint=it's \$HOME \"x\" \\\` + "`" + `id\` + "`" + ` 100%"`, nil},
	{"--auth-param a=1 --auth-param 'b=[x]*?'", nil},
	{"--client-name 'My App'", nil},
	{`--client-metadata '{"client_name":"it is $HOME","software_id":"a b"}'`, nil},
	{"--redirect-uri http://localhost:$PORT/call/back", nil},
	{"--callback-port $PORT --callback-host localhost --callback-path /x", nil},
	{"--header 'X-Api-Key: k'", nil},
	{"--header-command 'X-Api-Key: echo k'", nil},
	{"--store file --profile p", nil},
}

// ofAccounts are the hints that name an account, with all that can make one.
func ofAccounts() (all []row) {
	for _, s := range settings {
		u := s.flags + " $URL"
		all = append(all, row{
			hint: "somebody was asked to sign in … s ago; to be asked again now, run: …", lab: s.lab,
			before: refuse(u), when: "$TALK mcp-login " + u, then: "$TALK mcp-login " + u,
		})
		if !strings.HasPrefix(u, "--header ") { // token asks no server
			all = append(all, row{hint: "run: mcp-login … (personNeeded)", lab: s.lab, when: "mcp-login token " + u, then: "mcp-login token " + u})
		}
		if !strings.HasPrefix(u, "--header-command ") { // status runs no program
			all = append(all, row{hint: "run: mcp-login … (status)", lab: s.lab, when: "mcp-login status " + u, then: "mcp-login status " + u})
		}
	}
	const two = "mcp-login login --profile 'my work' $URL; mcp-login login --profile home $URL"
	return append(all,
		row{hint: "run one of: ", before: two, when: "mcp-login token $URL", does: "mcp-login token --profile 'my work' $URL", then: "mcp-login token --profile home $URL"},
		row{hint: "put one of these into the client's configuration: ", before: two, when: "$TALK mcp-login $URL", does: "$TALK mcp-login --profile 'my work' $URL", then: "$TALK mcp-login --profile home $URL"},
		row{hint: "sign in again: mcp-login … (store)", before: "mcp-login login --profile a $URL; for f in $MCP_LOGIN_DIR/*.plain; do echo x >$f; done", when: "mcp-login doctor --profile a $URL", then: "mcp-login token --profile a $URL"},
	)
}

// refuse is a client whose person declines.
func refuse(url string) string {
	return fmt.Sprintf("MCP_LOGIN_BROWSER=\"$NOBODY\" $TALK mcp-login %s; true", url)
}
