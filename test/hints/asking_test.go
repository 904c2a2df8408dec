package hints

import (
	"net/http"
	"sync"
)

// Everything that asks for a sign-in beside a person at a terminal: clients start
// bridges, whose accounts differ in their scopes.
const (
	talks   = `$TALK mcp-login --scope "openid $s" $URL`
	refuses = `for s in profile email phone; do MCP_LOGIN_BROWSER="$NOBODY" ` + talks + `; done; true`
	signsIn = `for s in profile email phone; do ` + talks + `; done`
)

// earlier is a line that makes asks of the past out of those that are known: what a
// person has to wait for is over.
const earlier = `sed -i 's/"asked_at":"20/"asked_at":"19/g' $MCP_LOGIN_DIR/*asks`

// ofAskingAgain are the hints of what asks nobody any more.
func ofAskingAgain() []row {
	const fourth = `s=address; ` + talks
	return []row{
		{hint: "to sign in now, run: mcp-login … (notAsked)", before: signsIn, when: fourth, then: fourth},
		{hint: "to sign in, run: mcp-login … (notAsked)", before: refuses + `; ` + earlier, when: fourth, then: fourth},
		{hint: "try again in …", before: signsIn, serve: wanting, when: `s=phone; ` + talks, does: earlier, then: `s=phone; ` + talks},
	}
}

// wanting is the server, which wants one scope more than the token at hand has.
func wanting(w *world) http.Handler {
	refuse := says(http.StatusForbidden, "", "WWW-Authenticate", `Bearer error="insufficient_scope", scope="address"`)
	var mu sync.Mutex
	first := ""
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		token := r.Header.Get("Authorization")
		mu.Lock()
		if first == "" {
			first = token
		}
		again := token != "" && token == first
		mu.Unlock()
		if again {
			refuse(rw, r)
			return
		}
		w.whoami.ServeHTTP(rw, r)
	})
}
