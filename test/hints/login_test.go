package hints

import (
	"net/http"

	"mcp-login/internal/devidp"
)

// untilAnew has the server refuse tokens until somebody signs in anew.
func untilAnew(refuse http.HandlerFunc) func(w *world) http.Handler {
	return func(w *world) http.Handler {
		before := w.idp.Stats().Logins
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "" || w.idp.Stats().Logins > before {
				w.whoami.ServeHTTP(rw, r)
				return
			}
			refuse(rw, r)
		})
	}
}

// ofTheLogin are the hints about sign-ins that nobody is asked for, or that others
// wait for.
func ofTheLogin() []row {
	const talk = `$TALK mcp-login $URL`
	const begun = `MCP_LOGIN_BROWSER=true mcp-login login --no-browser $URL >other 2>&1 </dev/null & until grep -q http: other; do :; done; `
	const ended = `export MCP_LOGIN_BROWSER=true; ` + talk + ` >said 2>&1 & until grep -q visit said; do :; done; mcp-login logout $URL; wait; cat said; false`
	const long = `sed -i 's/"asked_at":"[0-9]*/"asked_at":"2020/g' $MCP_LOGIN_DIR/*asks; `
	three := refuse("--scope openid $URL") + "; " + refuse("--scope 'openid profile' $URL") + "; " + refuse("--scope 'openid email' $URL")
	over := says(403, "", "WWW-Authenticate", `Bearer error="invalid_token", error_description="The token has expired"`)
	more := says(403, "", "WWW-Authenticate", `Bearer error="insufficient_scope", scope="openid profile"`)
	only := func(c *devidp.Config) { c.Faults.TokenMembers = map[string]any{"refresh_token": nil} }
	return []row{
		{hint: "run: mcp-login … (personNeeded)", when: begun + `mcp-login login --timeout 1s --no-browser $URL`, then: talk},
		{hint: "run: mcp-login … (personNeeded)", when: ended, then: talk},
		{hint: "to sign in now, run: mcp-login … (notAsked)", before: three, when: talk, then: talk},
		{hint: "to sign in, run: mcp-login … (notAsked)", before: three + "; " + long, when: talk, then: talk},
		{hint: "try again in …", before: "mcp-login login $URL; " + three, serve: untilAnew(more), when: `mcp-login tools $URL || ` + talk, does: long + `mcp-login tools $URL`},
		{hint: "run: mcp-login … (notReplaced)", lab: only, before: "mcp-login login $URL", serve: untilAnew(over), when: "mcp-login tools $URL", then: "mcp-login tools $URL"},
		{hint: "run: mcp-login … (login)", before: "mcp-login login $URL", meanwhile: moved, serve: func(w *world) http.Handler { return w.whoami }, when: "mcp-login doctor $URL", then: "mcp-login doctor $URL"},
		{hint: "to find out why, run: mcp-login … (signInError)", lab: func(c *devidp.Config) { c.Faults.TokenMembers = map[string]any{"access_token": nil} }, when: "mcp-login tools $URL"},
	}
}
