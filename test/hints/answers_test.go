package hints

import (
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"mcp-login/internal/devidp"
)

// strict is the server, which wants tokens that were issued for it, and not those that
// only the provider can read.
func strict(w *world) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if !strings.Contains(r.Header.Get("Authorization"), ".") {
			r.Header.Del("Authorization")
		}
		w.whoami.ServeHTTP(rw, r)
	})
}

// stronger is the server, which wants a sign-in that no token tells of (RFC 9470).
func stronger(w *world) http.Handler {
	refuse := says(http.StatusUnauthorized, "", "WWW-Authenticate", `Bearer error="insufficient_user_authentication", max_age="300"`)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.whoami.ServeHTTP(rw, r)
			return
		}
		refuse(rw, r)
	})
}

// pushesFail makes a provider that takes only requests that are pushed to it, and none.
func pushesFail(w *world) {
	w.idp.SetFaults(devidp.Faults{
		MetadataMembers: map[string]any{"pushed_authorization_request_endpoint": w.idp.Issuer() + "/broken", "require_pushed_authorization_requests": true},
		Endpoints:       map[string]http.HandlerFunc{"POST /broken": says(http.StatusBadGateway, "")},
	})
}

// members is the server, which lets bob do what it denies to others.
func members(w *world) http.Handler {
	refuse := says(http.StatusForbidden, "", "WWW-Authenticate", `Bearer error="insufficient_scope", scope="admin"`)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		_, payload, _ := strings.Cut(r.Header.Get("Authorization"), ".")
		payload, _, _ = strings.Cut(payload, ".")
		if claims, _ := base64.RawURLEncoding.DecodeString(payload); len(claims) > 0 && !strings.Contains(string(claims), "bob@") {
			refuse(rw, r)
			return
		}
		w.whoami.ServeHTTP(rw, r)
	})
}

// ofAnswers are the hints about what comes back from a browser or a provider.
func ofAnswers() []row {
	const login, device = `mcp-login login $URL`, `mcp-login login --device $URL`
	const permission = "ask whoever gives out permissions for this server; signing in again helps only afterwards, or as somebody else"
	const approve = `export MCP_LOGIN_BROWSER="${NOBODY% approve nobody} approve-`
	// By hand, in a browser without cookies.
	const byHand = `mcp-login login --no-browser --profile a $URL </dev/null >out 2>&1 & p=$!
		until address=$(grep -o 'http[^ ]*/auth?[^ ]*' out); do sleep 0.1; done
		${NOBODY% approve nobody} approve-forgetful alice "$address"; wait $p`
	with := func(change func(*devidp.Faults)) func(*devidp.Config) {
		return func(c *devidp.Config) { change(&c.Faults) }
	}
	return []row{
		{hint: "start again and let the browser keep cookies of this machine, or sign in with --no-browser and open the address by hand", when: approve + `forgetful alice"; ` + login, does: login, then: byHand},
		{hint: "start again, and open the address in one browser only; if you have not opened it twice, another user of this machine has read it", when: approve + `twice alice"; ` + login, does: login},
		{hint: "the login was stopped before anything was sent; if this happens again, somebody may be interfering with it", lab: with(func(f *devidp.Faults) { f.RedirectParameters = map[string]string{"iss": "https://login.example.com"} }), when: login, mend: mended, does: login},
		{hint: "this is a fault of the provider (RFC 9207)", lab: with(func(f *devidp.Faults) { f.RedirectParameters = map[string]string{"iss": ""} }), when: login, mend: mended, does: login},
		{hint: "this is a fault of the provider: a code is short, of letters and digits (RFC 8628, section 6.1)", lab: with(func(f *devidp.Faults) {
			f.DeviceMembers = map[string]any{"user_code": "call this number and say who you are"}
		}), when: device, mend: mended, does: approve + `device alice"; ` + device},
		{hint: "if it stays so, sign in again: mcp-login … (Refresh)", lab: func(c *devidp.Config) {
			c.AccessTokenTTL, c.Faults.RefreshStatus = time.Second, http.StatusForbidden
		}, before: login, when: `sleep 1; mcp-login token $URL`, then: `mcp-login tools $URL`},
		{hint: permission, serve: members, when: `mcp-login tools $URL`, mend: mended, does: `mcp-login tools $URL`},
		{hint: permission, serve: members, when: `mcp-login tools $URL`, does: `export MCP_LOGIN_BROWSER="${NOBODY%nobody}bob"; mcp-login login --again $URL`, then: `mcp-login tools $URL`},
		{hint: "leave out what --auth-param says of acr_values and max_age: it goes before what the server wants", serve: stronger, when: `mcp-login tools --auth-param acr_values=1 $URL`, mend: mended, does: `mcp-login tools $URL`},
		{hint: "try again in a moment; if it stays so, tell whoever runs the provider that its pushed_authorization_request_endpoint fails (RFC 9126)", meanwhile: pushesFail, when: `mcp-login login $URL`, mend: mended, does: `mcp-login login $URL`},
		{hint: "ask whoever runs the server: it wants a stronger or more recent sign-in, and its provider has to say so in the token (acr, auth_time); …", serve: stronger, when: `mcp-login tools $URL`, mend: mended, does: `mcp-login tools $URL`},
		{hint: "the provider and the server do not agree about the token; see which audience and issuer the server expects, and whether --resource fits", serve: strict, when: `mcp-login login --no-resource $URL`, does: `mcp-login login --resource $URL $URL`, then: `mcp-login tools --resource $URL $URL`},
	}
}
