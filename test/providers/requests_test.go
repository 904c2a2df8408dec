package providers

import (
	"fmt"
	"strings"
)

// What is sent: who sends it, where the answer goes, which scopes and prompt.

const (
	loops   = "gateways before Entra: claude-code#94804, opencode#50519"
	outside = "claude-code#29934, #44330, opencode#33966"
	app     = "https://app.example.com/callback"
)

// approving is a provider that shows an approval page for prompt=consent, and
// nothing else.
func approving() fake {
	f := usual("scopes_supported", []string{"openid", "offline_access"})
	f.authorize = func(_ *world, r *request) *answer {
		if r.query.Has("prompt") {
			return &loginPage
		}
		return nil
	}
	return f
}

// refusingOffline refuses a code whose request had offline_access.
func refusingOffline() fake {
	f := usual("scopes_supported", []string{"openid", "offline_access"})
	f.exchange = func(w *world, r *request) *answer {
		w.mu.Lock()
		defer w.mu.Unlock()
		if strings.Contains(w.codes[r.form.Get("code")].Get("scope"), "offline_access") {
			return oauthError(400, "invalid_scope", "The requested scope is invalid")
		}
		return nil
	}
	return f
}

// atMost is how many tabs the browser may have shown.
func atMost(n int) check {
	return func(w *world) string {
		if got := w.tabs(); got > n {
			return fmt.Sprintf("%d tabs, and %d are allowed", got, n)
		}
		return ""
	}
}

// visited is how often the browser came to a role: mcp-login asks there as well,
// whether its client is still known.
func visited(role string, n int) check {
	return func(w *world) string {
		got := 0
		for _, r := range w.requests(role) {
			if r.Header.Get(tabHeader) != "" {
				got++
			}
		}
		if got != n {
			return fmt.Sprintf("the browser came to %s %d times, want %d", role, got, n)
		}
		return ""
	}
}

// calledEverywhere is what every request but the browser's says of the program.
func calledEverywhere(prefix string, but ...string) check {
	return func(w *world) string {
		for _, r := range w.seen {
			if ua := r.Header.Get("User-Agent"); r.Header.Get(tabHeader) == "" && !strings.HasPrefix(ua, prefix) && !strings.Contains(strings.Join(but, " "), r.role) {
				return "User-Agent " + ua + " at " + r.address
			}
		}
		return ""
	}
}

// redirecting sends the browser to the app with something else than the answer.
func redirecting(pairs ...string) fake {
	f := withClient("")
	f.routes = map[string]string{app: "page"}
	f.authorize = func(_ *world, r *request) *answer {
		a := redirectBack(r, pairs...)
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == "state" { // that of another sign-in
				a.header["Location"] = app + "?code=code-1&state=" + pairs[i+1]
			}
		}
		return &a
	}
	return f
}

const toApp = "--client-id app --redirect-uri " + app

func prompted(value string) []check { return []check{lastSent("authorize", "prompt", value)} }

var requestCases = []example{
	{name: "token/offline-access-refused-at-token", seen: "NyxID#1217", fake: refusingOffline(), steps: []step{
		{check: []check{came("authorize", 2), lastSent("authorize", "scope", "openid"), tabs(1)}, ours: true},
	}},
	{name: "token/offline-access-refused-kept", seen: "NyxID#1217, formbricks#8406", fake: offlineRefused(func(r *request) answer {
		return redirectBack(r, "error", "invalid_scope")
	}), steps: []step{
		{check: []check{came("authorize", 2), tabs(1)}, ours: true},
		{verb: "login URL", before: (*world).endGrants, check: []check{lastSent("authorize", "scope", "openid"), visited("authorize", 3), tabs(2)}, ours: true},
	}},
	{name: "token/offline-access-chosen", seen: "what a person has chosen is not dropped", fake: offlineRefused(func(r *request) answer {
		return redirectBack(r, "error", "invalid_scope", "error_description", "offline_access is not allowed")
	}), steps: []step{{words: "--scope openid~offline_access", want: refused("--scope", "offline_access is not allowed"), check: []check{came("authorize", 1)}, ours: true}}},
	{name: "token/offline-access-not-meant", seen: "only what was refused is left out", fake: func() fake {
		f := offlineRefused(func(r *request) answer {
			return redirectBack(r, "error", "invalid_scope", "error_description", "openid is not allowed")
		})
		return f
	}(), steps: []step{{want: refused("--scope", "openid is not allowed"), check: []check{came("authorize", 1), tabs(1)}, ours: true}}},

	{name: "token/double-approval-page", seen: loops, fake: approving(), steps: []step{
		{verb: "login URL", words: "--timeout 4s", want: want{exit: 4}, check: prompted("consent"), ours: true},
		{verb: "login URL", words: "--timeout 4s", want: want{exit: 4}, check: prompted("consent"), ours: true},
		{verb: "login URL", check: prompted(""), ours: true},
		{verb: "login URL", before: (*world).endGrants, check: append(prompted(""), tabs(4)), ours: true},
	}},
	{name: "token/double-approval-tokens", seen: loops, fake: usual("scopes_supported", []string{"openid", "offline_access"}), steps: []step{
		{verb: "login URL", check: prompted("consent"), ours: true},
		{verb: "login URL", before: (*world).endGrants, check: prompted("consent"), ours: true},
		{verb: "login URL", before: (*world).endGrants, check: prompted(""), ours: true},
		{verb: "login URL", before: (*world).endGrants, check: append(prompted(""), tabs(4)), ours: true},
	}},
	{name: "token/prompt-needed-after-all", seen: "Logto: no refresh token without it", fake: func() fake {
		f := usual("scopes_supported", []string{"openid", "offline_access"})
		f.exchange = func(w *world, r *request) *answer {
			w.mu.Lock()
			consent := w.codes[r.form.Get("code")].Get("prompt") == "consent"
			w.mu.Unlock()
			if consent {
				return nil
			}
			return w.issue(func(access string) answer {
				return answer{body: doc{"access_token": access, "token_type": "Bearer", "expires_in": 3600}}
			})
		}
		return f
	}(), steps: []step{
		{verb: "login URL", check: prompted("consent"), ours: true},
		{verb: "login URL", before: (*world).endGrants, check: prompted("consent"), ours: true},
		{verb: "login URL", before: (*world).endGrants, check: prompted(""), ours: true},
		{verb: "login URL", before: (*world).endGrants, check: prompted("consent"), ours: true},
	}},
	{name: "token/prompt-chosen", seen: "what a person has chosen is not left out", fake: usual("scopes_supported", []string{"openid", "offline_access"}), steps: []step{
		{verb: "login URL", words: "--auth-param prompt=consent", ours: true},
		{verb: "login URL", words: "--auth-param prompt=consent", before: (*world).endGrants, ours: true},
		{verb: "login URL", words: "--auth-param prompt=consent", before: (*world).endGrants, check: append(prompted("consent"), tabs(3)), ours: true},
	}},

	{name: "token/user-agent-everywhere", seen: golang, fake: usual("revocation_endpoint", idp+"/revoke"), steps: []step{
		{verb: "tools URL", check: []check{calledEverywhere("mcp-login/")}, ours: true},
		{verb: "doctor URL", check: []check{calledEverywhere("mcp-login/")}, ours: true},
		{verb: "status URL", before: (*world).endTokens, check: []check{calledEverywhere("mcp-login/"), came("token", 2)}, ours: true},
		{verb: "logout URL", check: []check{calledEverywhere("mcp-login/"), came("revoke", 2)}, ours: true},
	}},
	{name: "token/user-agent-by-variable", seen: golang, fake: usual(), steps: []step{
		{env: []string{"MCP_LOGIN_USER_AGENT=Desktop/7"}, check: []check{calledEverywhere("Desktop/7")}, ours: true},
	}},
	{name: "token/user-agent-for-the-server", seen: "one in --header is a header of the server", fake: usual(), steps: []step{
		{words: "--header User-Agent:~Desktop/7", check: []check{header("User-Agent", "Desktop/7"), calledEverywhere("mcp-login/", "mcp")}, ours: true},
	}},

	{name: "token/redirect-uri-registered", seen: outside, fake: func() fake {
		f := usual()
		f.routes = map[string]string{app: "page"}
		return f
	}(), steps: []step{{
		verb: "login URL", words: "--redirect-uri " + app, paste: app, ours: true,
		check: []check{sent("register", "redirect_uris", "["+app+"]"), sent("register", "application_type", "web"), sent("token", "redirect_uri", app)},
	}}},
	{name: "token/redirect-uri-and-offline-access", seen: "the second answer is pasted as well", fake: func() fake {
		f := offlineRefused(func(r *request) answer { return redirectBack(r, "error", "invalid_scope") })
		f.routes = map[string]string{app: "page"}
		return f
	}(), steps: []step{{
		verb: "login URL", words: "--redirect-uri " + app, paste: app, check: []check{came("authorize", 2), came("token", 1), tabs(2)}, ours: true,
	}}},
	{name: "token/redirect-uri-loopback", seen: outside, fake: usual(), steps: []step{
		{words: "--redirect-uri http://localhost:PORT/signed/in", check: []check{redirected("http://localhost:PORT/signed/in"), tabs(1)}, ours: true},
	}},
	{name: "token/redirect-uri-at-a-client", seen: "the client's own person cannot paste into it", fake: redirecting(), steps: []step{
		{words: toApp + " --timeout 4s", want: want{code: 1002, says: []string{"mcp-login login", app}}, ours: true},
	}},

	{name: "relay/unset-variable-file", seen: unset, fake: free(), steps: []step{
		{verb: "tools URL", words: "--header-file headers", want: want{exit: 2, says: []string{"KEY"}}, check: []check{avoided("")}, ours: true},
	}, files: map[string]string{"headers": "# who\nAuthorization: Bearer ${KEY}\n"}},
	{name: "relay/unset-variable-empty", seen: unset, fake: free(), steps: []step{
		{words: "--header Authorization:~Bearer~${KEY}", env: []string{"KEY="}, want: want{code: 1000, says: []string{"KEY"}}, check: []check{avoided("")}, ours: true},
		{words: "--header Authorization:~Bearer~${env:KEY}", want: want{code: 1000, says: []string{"KEY"}}, check: []check{avoided("")}, ours: true},
		{words: "--header Authorization:~Bearer~", want: want{code: 1000, says: []string{"Bearer"}}, check: []check{avoided("")}, ours: true},
		{words: "--header Authorization:~Bearer~${env:KEY}", env: []string{"KEY=abc"}, check: []check{header("Authorization", "Bearer abc")}, ours: true},
	}},
	{name: "relay/unset-variable-client-info", seen: unset, fake: withClient("s3cret"), steps: []step{
		{words: `--static-oauth-client-info {"client_id":"app","client_secret":"${APP_SECRET}"}`, want: want{code: 1000, says: []string{"APP_SECRET"}}, check: []check{avoided("")}, ours: true},
	}},
	{name: "relay/header-equals", seen: "a public configuration of mcp-remote", fake: free(), steps: []step{
		{words: "--header=X-Api-Key=a:b=c", check: []check{header("X-Api-Key", "a:b=c")}, ours: true},
	}},
	{name: "relay/header-equals-with-blanks", seen: "a public configuration of mcp-remote", fake: free(), steps: []step{
		{words: "--header X-Api-Key~=~abc", check: []check{header("X-Api-Key", "abc")}, ours: true},
	}},

	{name: "attack/offline-access-refused-for-ever", seen: "a provider that refuses whatever is asked opens no more tabs than the budget", fake: func() fake {
		f := usual("scopes_supported", []string{"openid", "offline_access"})
		f.authorize = func(_ *world, r *request) *answer {
			a := redirectBack(r, "error", "invalid_scope")
			return &a
		}
		return f
	}(), steps: []step{
		{want: refused(""), check: []check{came("authorize", 2), tabs(1)}, ours: true},
		{want: refused(""), check: []check{atMost(3)}, ours: true},
		{want: refused(""), check: []check{atMost(3)}, ours: true},
		{want: refused(""), check: []check{atMost(3)}, ours: true},
		{words: "--scope other", want: refused(""), check: []check{atMost(3)}, ours: true},
		{words: "--scope more", want: refused(""), check: []check{atMost(3)}, ours: true},
	}},
	{name: "attack/pasted-of-another-login", seen: "a pasted answer must have this sign-in's state", fake: redirecting("state", "of-another-sign-in"), steps: []step{
		{verb: "login URL", words: toApp + " --timeout 5s", paste: app, want: want{exit: 4, says: []string{"another sign-in"}}, check: []check{came("token", 0)}, ours: true},
	}},
	{name: "attack/pasted-of-another-issuer", seen: "a pasted answer must come from this issuer", fake: redirecting("code", "code-1", "iss", stray), steps: []step{
		{verb: "login URL", words: toApp, paste: app, want: want{exit: 1, says: []string{"another issuer"}}, check: []check{came("token", 0)}, ours: true},
	}},
	{name: "attack/redirect-uri-in-the-clear", seen: "a code must not go to another machine in the clear", fake: usual(), steps: []step{
		{verb: "login URL", words: "--redirect-uri http://app.example.com/callback", want: want{exit: 2, says: []string{"https"}}, check: []check{avoided("")}, ours: true},
		{verb: "login URL", words: "--redirect-uri https://evil:word@app.example.com/callback", want: want{exit: 2}, check: []check{avoided("")}, ours: true},
		{verb: "login URL", words: "--redirect-uri javascript:alert(1)", want: want{exit: 2}, check: []check{avoided("")}, ours: true},
	}},
	{name: "attack/user-agent-with-control-characters", seen: "a value that would add a header", fake: free(), steps: []step{
		{verb: "tools URL", words: "--user-agent a\x01b", want: want{exit: 2, says: []string{"--user-agent"}}, check: []check{avoided("")}, ours: true},
	}},
	{name: "attack/unset-variable-beside-a-secret", seen: "the error tells no other variable", fake: free(), steps: []step{
		{words: "--header X-Key:${KEY} --header X-Other:${KEY}${NOPE}", env: []string{"KEY=s3cret"}, want: want{code: 1000, says: []string{"NOPE"}, not: []string{"s3cret"}}, check: []check{avoided("")}, ours: true},
	}},
}
