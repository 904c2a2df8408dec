package providers

import (
	"slices"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// switching is one public argument list of mcp-remote, at a server that wants
// what it was written for. Ports are those of the list, by 20,000 higher.
func switching(name string, f fake, words string, checks ...check) example {
	return example{
		name: "switch/" + name, seen: "a public configuration of mcp-remote", fake: f, files: switchFiles,
		steps: []step{{words: words, check: checks, refs: "works"}},
	}
}

var switchFiles = map[string]string{
	"ci.json": `{"client_id":"app"}`,
	"cm.json": `{"client_name":"From a file","scope":"mcp:tools offline_access"}`,
}

// signedWith is a provider that knows the client of a list.
func signedWith(id string) fake {
	f := usual("registration_endpoint", nil)
	f.clients = map[string]string{id: ""}
	return f
}

// overSSE is a server of 2024-11-05.
func overSSE(base string, f fake) fake {
	f.url, f.more = base+"/sse", []string{base + "/messages"}
	return f
}

// header is that each request to the server had it.
func header(name, value string) check {
	return func(w *world) string {
		for _, r := range w.requests("mcp") {
			if got := r.Header.Get(name); got != value {
				return name + " is " + got
			}
		}
		return ""
	}
}

// redirected is where the provider sends the browser.
func redirected(uri string) check { return sent("authorize", "redirect_uri", uri) }

// needing is a server that wants a header instead of a login.
func needing(name, value string) fake {
	f := free()
	f.wall = func(r *request) *answer {
		if r.role == "mcp" && r.Header.Get(name) != value {
			return &answer{status: 403}
		}
		return nil
	}
	return f
}

// The 20 public argument lists of the reference, and beside them the ones that
// end with an error on purpose.
var switchCases = []example{
	switching("01-sse-only", overSSE("https://mcp.example.com", free()), "--transport sse-only"),
	switching("02-sse-http-header", overSSE("http://host.local", free()), `--transport sse-only --allow-http --header Authorization:~Bearer~t`, header("Authorization", "Bearer t")),
	switching("03-port-debug", usual(), "PORT --debug", redirected("http://localhost:PORT/oauth/callback")),
	switching("04-client-and-scope", signedWith("abc"), `PORT --static-oauth-client-info {"client_id":"abc"} --static-oauth-client-metadata {"scope":"mcp:tools~offline_access"}`,
		redirected("http://localhost:PORT/oauth/callback"), sent("authorize", "scope", "mcp:tools offline_access"), sent("authorize", "client_id", "abc")),
	switching("05-client-file", signedWith("app"), "PORT --static-oauth-client-info @ci.json", redirected("http://localhost:PORT/oauth/callback")),
	switching("06-client-of-btp", signedWith("sb-app!t1"), `--static-oauth-client-info {"client_id":"sb-app!t1"} --host localhost`, sent("authorize", "client_id", "sb-app!t1")),
	switching("07-host-timeout-files", signedWith("app"), "PORT --host 127.0.0.1 --auth-timeout 120 --static-oauth-client-info @ci.json --static-oauth-client-metadata @cm.json",
		redirected("http://127.0.0.1:PORT/oauth/callback"), sent("authorize", "scope", "mcp:tools offline_access")),
	switching("08-snowflake", signedWith("vx+Q="), `PORT --static-oauth-client-info {"client_id":"vx+Q="} --static-oauth-client-metadata {"scope":"session:role:ANALYST"}`,
		sent("authorize", "client_id", "vx+Q="), sent("authorize", "scope", "session:role:ANALYST")),
	switching("09-callback-port", signedWith("app"), `--static-oauth-client-info {"client_id":"app"} --callback-port PORT`, sent("authorize", "client_id", "app")),
	switching("10-no-resource", signedWith("app"), `PORT --static-oauth-client-info @ci.json --static-oauth-client-metadata {"scope":"api://x/tools"} --no-resource --debug`,
		sent("authorize", "resource", ""), sent("authorize", "scope", "api://x/tools")),
	switching("11-codex", onList(403, "Forbidden"), `PORT --callback-path /callback --static-oauth-client-metadata {"client_name":"Claude~Code","redirect_uris":["http://localhost:PORT/callback"]}`,
		redirected("http://localhost:PORT/callback")),
	switching("12-name-and-scope", usual(), `--static-oauth-client-metadata {"client_name":"Claude~(demo)","scope":"stocks/read"}`,
		sent("register", "client_name", "Claude (demo)"), sent("authorize", "scope", "stocks/read")),
	switching("13-everything", signedWith("app"), "PORT --host localhost --transport http-only --static-oauth-client-info @ci.json --static-oauth-client-metadata @cm.json --resource URL --authorize-param prompt=login --auth-timeout 600",
		redirected("http://localhost:PORT/oauth/callback"), sent("authorize", "prompt", "login"), sent("authorize", "resource", at)),
	func() example {
		e := switching("14-cache-dir", usual(), "PORT --cache-dir kept", redirected("http://localhost:PORT/oauth/callback"))
		e.steps[0].want.says = []string{"--cache-dir"} // accepted, with a note on what it means here
		return e
	}(),
	switching("15-query", func() fake {
		f := free()
		f.url += "?key=K&read_only=true"
		f.before = func(_ *world, c *call) *answer {
			if c.query.Get("key") != "K" || c.query.Get("read_only") != "true" {
				return &answer{status: 403}
			}
			return nil
		}
		return f
	}(), ""),
	switching("16-http", fake{url: "http://host.local/mcp", server: server{open: []string{"*"}}}, "--allow-http"),
	switching("17-header-with-equals", free(), "--header X-Api-Key=abc"),
	func() example {
		e := switching("18-variables", needing("X-Api-Key", "abc"), "--header X-Api-Key:${KEY} --header X-Missing:${NOPE}", avoided(""))
		e.steps[0].env = []string{"KEY=abc"}
		e.steps[0].want = want{code: 1000, says: []string{"NOPE"}, not: []string{"abc"}}
		return e
	}(),
	switching("18-variables-set", needing("X-Api-Key", "abc"), "--header X-Api-Key:${KEY} --header X-Other:${OTHER}", header("X-Other", "o")).with("KEY=abc", "OTHER=o"),
	switching("19-ignore-tool", free(), "--ignore-tool delete*"),
	switching("20-proxy-silent", free(), "--enable-proxy --silent"),
	func() example { // the exception of shared secrets
		f := listed("https://login.example.net", map[string]any{"https://login.example.net/.well-known/oauth-authorization-server": metadata("https://login.example.net", "registration_endpoint", nil)})
		f.clients = map[string]string{"app": "s3cret"}
		e := switching("secret-for-another-site", f, `--static-oauth-client-info {"client_id":"app","client_secret":"s3cret"}`, came("token", 0))
		e.steps[0].want = want{code: 1002, hint: `--issuer https://login\.example\.net`, not: []string{"s3cret"}}
		return e
	}(),
	switching("secret-of-the-site", func() fake {
		f := withClient("s3cret")
		f.docs[asAt] = metadata(idp, "registration_endpoint", nil)
		return f
	}(), `--static-oauth-client-info {"client_id":"app","client_secret":"s3cret"}`),
}

// switchInputs are what providers and servers send that mcp-remote got along with
// before mcp-login did: one case for each such row of the reference.
var switchInputs = []string{
	"discovery/slash-in-list", "discovery/silent-pkce", "discovery/challenge-relative-well-known", "discovery/resource-http", "discovery/optional-end-session-http",
	"registration/name-on-list-as-mcp-remote", "token/type-user", "token/error-in-200", "token/refresh-needs-scope", "token/refresh-own-words", "token/secret-not-decoded",
	"token/user-agent", "relay/media-type-1",
}

// with sets variables in the first step.
func (e example) with(env ...string) example {
	e.steps[0].env = env
	return e
}

// The public argument lists of mcp-remote, and the inputs that it knew, with
// mcp-login and with mcp-remote itself.
func TestSwitch(t *testing.T) {
	lists, all := 0, switchCases
	for _, name := range switchInputs {
		i := slices.IndexFunc(examples, func(e example) bool { return e.name == name })
		if i < 0 {
			t.Fatalf("no case %s", name)
		}
		all = append(all[:len(all):len(all)], examples[i])
	}
	for _, e := range all {
		if number := strings.TrimPrefix(e.name, "switch/")[:2]; number[0] >= '0' && number[0] <= '9' {
			lists++
		}
		t.Run(e.name, e.judge) // one after the other: they name their ports
	}
	if lists < 20 {
		t.Errorf("%d lists, want 20", lists)
	}
	t.Run("mcp-remote", func(t *testing.T) {
		p := newPeers(t, real.NodeModules(t))
		for _, e := range all {
			t.Run(e.name, func(t *testing.T) { p.judge(t, e) })
		}
		p.write(t)
	})
}
