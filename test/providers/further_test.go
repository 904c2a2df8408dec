package providers

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"slices"
	"strings"
)

// compressed is a text as gzip.
func compressed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

// losingOnce forgets all sessions when the nth call comes, for each n.
func losingOnce(a answer, at ...int) fake {
	f := losing(a)
	inner := f.before
	f.before = func(w *world, c *call) *answer {
		if c.method == "tools/call" && slices.Contains(at, c.n) {
			w.forgetSessions()
		}
		return inner(w, c)
	}
	return f
}

// ranAll is that each of n calls was carried out once.
func ranAll(n int) check {
	return func(w *world) string {
		for i := 1; i <= n; i++ {
			if fault := ran(fmt.Sprint(i), 1)(w); fault != "" {
				return fault
			}
		}
		return ""
	}
}

// made is how many sessions there were.
func made(n int) check {
	return func(w *world) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.made != n {
			return fmt.Sprintf("%d sessions, want %d", w.made, n)
		}
		return ""
	}
}

// guardedLosing wants the token as usual, and loses sessions by a.
func guardedLosing(a answer) fake {
	f := usual()
	f.before = func(w *world, c *call) *answer {
		if c.session != "" && w.lost(c) {
			return &a
		}
		return nil
	}
	return f
}

var gone400 = *rpcError(400, -32000, "Bad Request: No valid session ID provided")

// losingAt is a server that loses its sessions just before the first message of a
// method.
func losingAt(method string) fake {
	f := losing(gone400)
	inner := f.before
	f.before = func(w *world, c *call) *answer {
		if c.method == method && c.n == 0 {
			w.forgetSessions()
		}
		return inner(w, c)
	}
	return f
}

var furtherLost = []example{
	lost("relay/session-400-german", kind, answer{status: 400, typ: "text/plain; charset=utf-8", body: "Ungültige Sitzung"}, ""),
	lost("relay/session-400-gzip", kind, answer{status: 400, typ: "application/json", body: compressed(`{"error":"invalid session"}`), header: map[string]string{"Content-Encoding": "gzip"}}, ""),
	lost("relay/session-400-html", kind, answer{status: 400, body: "<html>Bad session</html>"}, ""),
	lost("relay/session-400-bom", kind, answer{status: 400, typ: "application/json", body: "\ufeff" + `{"jsonrpc":"2.0","id":null,"error":{"code":-32000,"message":"no session"}}`}, ""),
	lost("relay/session-404-jsonrpc-own", kind, *rpcError(404, -32600, "Session has been terminated"), ""),
	{name: "relay/session-400-parallel", seen: kind, fake: losingOnce(gone400, 1), steps: []step{{flood: true, calls: 16, check: []check{ranAll(16), made(2)}}}},
	{name: "relay/session-404-parallel", seen: kind, fake: losingOnce(*rpcError(404, -32001, "Session not found"), 1), steps: []step{{flood: true, calls: 16, check: []check{ranAll(16), made(2)}}}},
	{name: "relay/session-401-parallel", seen: kind, fake: losingOnce(answer{status: 401, typ: "text/plain", body: "Unauthorized: Session not found"}, 1), steps: []step{{flood: true, calls: 16, check: []check{ranAll(16), made(2), tabs(0)}}}},
	{name: "relay/session-400-again-and-again", seen: kind, fake: losingOnce(gone400, 1, 3, 5), steps: []step{{calls: 4, check: []check{ranAll(4)}}}},
	{name: "relay/session-400-twice-for-one", seen: kind, fake: losingOnce(gone400, 0, 1), steps: []step{{want: want{code: -32000}, check: []check{ran("1", 0)}}}},
	{name: "relay/session-404-twice-for-one", seen: kind, fake: losingOnce(*rpcError(404, -32001, "Session not found"), 0, 1), steps: []step{{want: want{code: -32001}, check: []check{ran("1", 0)}}}},
	{name: "relay/session-400-initialized", seen: kind, fake: losingAt("notifications/initialized"), steps: []step{{check: []check{ran("1", 1)}}}},
	{name: "relay/session-400-list", seen: kind, fake: losingAt("tools/list"), steps: []step{{check: []check{ran("1", 1)}}}},
	{name: "relay/session-400-bearer", seen: kind, fake: guardedLosing(gone400), steps: []step{{calls: 2, between: (*world).forgetSessions, check: []check{tabs(1), ran("1", 1), ran("2", 1)}}}},
	{name: "relay/session-404-bearer-ended", seen: kind, fake: guardedLosing(*rpcError(404, -32001, "Session not found")), steps: []step{{calls: 2, between: func(w *world) { w.forgetSessions(); w.endTokens() }, check: []check{tabs(1), ran("1", 1), ran("2", 1), came("token", 2)}}}},
	{name: "relay/session-400-bearer-ended", seen: kind, fake: guardedLosing(gone400), steps: []step{{calls: 2, between: func(w *world) { w.forgetSessions(); w.endTokens() }, check: []check{tabs(1), ran("1", 1), ran("2", 1), came("token", 2)}}}},
	{name: "relay/session-401-bearer-json", seen: kind, fake: guardedLosing(answer{status: 401, body: doc{"error": "session not found"}}), steps: []step{{calls: 2, between: (*world).forgetSessions, check: []check{tabs(1), ran("1", 1), ran("2", 1)}}}},
	{name: "relay/session-401-header", seen: kind, fake: func() fake {
		f := guardedLosing(answer{status: 401, typ: "text/plain", body: "Session not found"})
		f.open = []string{"*"}
		return f
	}(), steps: []step{{words: "--header Authorization:~Bearer~t", calls: 2, between: (*world).forgetSessions, check: []check{tabs(0), ran("1", 1), ran("2", 1)}}}},
	{name: "relay/session-401-env-token", seen: kind, fake: func() fake {
		f := guardedLosing(answer{status: 401, typ: "text/plain", body: "Session not found"})
		f.open = []string{"*"}
		return f
	}(), steps: []step{{env: []string{"MCP_LOGIN_TOKEN=t"}, calls: 2, between: (*world).forgetSessions, check: []check{tabs(0), ran("1", 1), ran("2", 1)}}}},
}

// furtherTypes are media types in more spellings.
func furtherTypes() (list []example) {
	for i, typ := range []string{
		"application/json charset=utf-8", "application/json:charset=utf-8", "charset=utf-8; application/json", "text/json", "application/json-rpc", "application/jsonrequest", "text/x-json",
		"application/problem+json", "application/vnd.mcp+json", "application/jsonrpc", "binary/octet-stream", "json", `"application/json"`, "; charset=utf-8", "application/json, text/event-stream",
		"text/plain, application/json", "TEXT/PLAIN",
	} {
		list = append(list, it(fmt.Sprintf("relay/further-type-%02d", i+1), "gateways: "+typ, typed(typ), ""))
	}
	for _, typ := range []string{"application/x-unknown", "text/javascript", "image/png", "text/html"} {
		list = append(list, not("relay/further-type-of-"+strings.ReplaceAll(typ, "/", "-"), "what a type says clearly counts", typed(typ), "", want{code: 1004}))
	}
	return list
}

// typedBody is an answer of this type and form.
func typedBody(typ, format string) fake {
	return answers(func(m string) answer { return answer{typ: typ, body: strings.ReplaceAll(format, "MESSAGE", m)} })
}

var note = `{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"x"}}`

var furtherBodies = []example{
	it("relay/body-bom", kind, typedBody("application/json", "\ufeffMESSAGE"), ""),
	it("relay/body-bom-no-type", kind, typedBody("none", "\ufeffMESSAGE"), ""),
	it("relay/body-bom-text", kind, typedBody("text/plain", "\ufeffMESSAGE\r\n"), ""),
	it("relay/body-blanks", kind, typedBody("application/json", "\r\n\t MESSAGE \r\n\r\n"), ""),
	it("relay/body-array", kind, typedBody("application/json", "[MESSAGE]"), ""),
	it("relay/body-array-note", kind, typedBody("application/json", "["+note+",MESSAGE]"), ""),
	it("relay/body-pretty", kind, answers(func(m string) answer {
		return answer{body: strings.ReplaceAll(strings.ReplaceAll(m, ",", ",\n\t"), "{", "{\r\n ")}
	}), ""),
	it("relay/body-gzip", kind, answers(func(m string) answer {
		return answer{typ: "application/json", body: compressed(m), header: map[string]string{"Content-Encoding": "gzip"}}
	}), ""),
	it("relay/body-gzip-no-type", kind, answers(func(m string) answer {
		return answer{typ: "none", body: compressed(m), header: map[string]string{"Content-Encoding": "GZIP"}}
	}), ""),
	it("relay/body-gzip-x", kind, answers(func(m string) answer {
		return answer{typ: "application/json", body: compressed(m), header: map[string]string{"Content-Encoding": "x-gzip"}}
	}), ""),
	it("relay/body-identity", kind, answers(func(m string) answer {
		return answer{typ: "application/json", body: m, header: map[string]string{"Content-Encoding": "identity"}}
	}), ""),
	it("relay/body-utf8-encoding", kind, answers(func(m string) answer {
		return answer{typ: "application/json", body: m, header: map[string]string{"Content-Encoding": "utf-8"}}
	}), ""),
	it("relay/body-gzip-events", kind, answers(func(m string) answer {
		return answer{typ: "text/event-stream", body: compressed("data: " + m), header: map[string]string{"Content-Encoding": "gzip"}}
	}), ""),
	it("relay/body-201", kind, answers(func(m string) answer { return answer{status: 201, typ: "application/json", body: m} }), ""),
	it("relay/body-202", kind, answers(func(m string) answer { return answer{status: 202, typ: "application/json", body: m} }), ""),
	it("relay/body-202-no-type", kind, answers(func(m string) answer { return answer{status: 202, typ: "none", body: m} }), ""),
	it("relay/events-bom", kind, events("\ufeffdata: MESSAGE\n\n"), ""),
	it("relay/events-bom-no-type", kind, typedBody("none", "\ufeffdata: MESSAGE\n\n"), ""),
	it("relay/events-cr-only", kind, events("id: 1\revent: message\rdata: MESSAGE\r\r"), ""),
	it("relay/events-id-retry-last", kind, events("retry: 100\nid: a-1\ndata: MESSAGE"), ""),
	it("relay/events-last-then-comment", kind, events("data: MESSAGE\n: bye"), ""),
	it("relay/events-last-then-event", kind, events("data: MESSAGE\nevent: message\n"), ""),
	it("relay/events-last-then-id", kind, events("data: MESSAGE\nid: 5"), ""),
	it("relay/events-last-array", kind, events("data: [MESSAGE]"), ""),
	it("relay/events-last-empty-data", kind, events("data: MESSAGE\ndata:\n"), ""),
	it("relay/events-no-space", kind, events("data:MESSAGE"), ""),
	it("relay/events-spaces", kind, events("data:   MESSAGE  \n\n"), ""),
	it("relay/events-type-empty", kind, events("event:\ndata: MESSAGE\n\n"), ""),
	it("relay/events-done", kind, events("data: MESSAGE\n\ndata: [DONE]\n\n"), ""),
	it("relay/events-ping-data", kind, events("data: ping\n\ndata: {}\n\ndata: MESSAGE\n\n"), ""),
	it("relay/events-end-event", kind, events("data: MESSAGE\n\nevent: end\ndata: {}\n"), ""),
	it("relay/events-octet", kind, typedBody("application/octet-stream", "id: 1\ndata: MESSAGE\n"), ""),
	it("relay/events-blank-lines-first", kind, events("\n\r\n\ndata: MESSAGE\n"), ""),
	it("relay/events-split", kind, answers(func(m string) answer {
		return answer{typ: "text/event-stream", body: "data: " + strings.Replace(m, `,"result"`, ",\ndata: \"result\"", 1)}
	}), ""),
}

// opaque is a provider that does not say how long a token is good.
func opaque(f fake) fake { f.granted = doc{"expires_in": nil}; return f }

// ended is a token without a known end that has ended.
func ended(name string, a answer, s ...step) example {
	return example{name: name, seen: kind, fake: opaque(refusing(a)), steps: append([]step{{}}, s...)}
}

// saysEnded is a 403 with the words of a 401, and again is what is to be done where
// nothing renews the token.
var (
	saysEnded = answer{status: 403, header: map[string]string{"WWW-Authenticate": `Bearer error="invalid_token"`}}
	again     = want{code: 1002, hint: "mcp-login login .*--again", says: []string{"the token has ended"}, not: []string{"gateway"}}
)

var furtherExpired = []example{
	ended("relay/expired-opaque-403", answer{status: 403}, step{before: (*world).endTokens, check: []check{tabs(1), came("token", 2)}}),
	ended("relay/expired-opaque-302", redirect(302, "/login"), step{before: (*world).endTokens, check: []check{tabs(1), came("token", 2)}}),
	ended("relay/expired-opaque-401-page", answer{status: 401, body: "<html>Unauthorized</html>"}, step{before: (*world).endTokens, check: []check{tabs(1), came("token", 2)}}),
	ended("relay/expired-opaque-401-refused", answer{status: 401}, step{before: (*world).endGrants, check: []check{tabs(2)}}),
	ended("relay/expired-403-invalid-token-refused", saysEnded, step{before: (*world).endGrants, want: again, check: []check{tabs(1)}, ours: true}, step{want: again, check: []check{tabs(1), came("token", 2)}, ours: true, flood: true, calls: 3}, step{verb: "login URL", words: "--again", want: want{says: []string{"signed in"}}, check: []check{tabs(2)}, ours: true}),
	ended("relay/expired-opaque-parallel", answer{status: 403}, step{before: (*world).endTokens, flood: true, calls: 16, check: []check{tabs(1), came("token", 2), ran("16", 1), ran("7", 1)}}),
	{name: "relay/expired-no-refresh-token-403", seen: kind, fake: func() fake { f := refusing(answer{status: 403}); f.granted = doc{"refresh_token": nil}; return f }(), steps: []step{{}, {before: (*world).endTokens, want: want{code: 1003}}}},
}

// gate is a gateway that answers so to everything.
func gate(name string, a answer, w want) example {
	return not("relay/gateway-"+name, kind, behind(a), "", w, avoided("https://sso.example.com"))
}

var furtherGates = []example{
	gate("cloudflare", redirect(302, "https://team.cloudflareaccess.com/cdn-cgi/access/login/mcp.example.com?kid=abc&meta=s3cret"), want{code: 1003, hint: "--header", says: []string{"team.cloudflareaccess.com"}, not: []string{"s3cret"}}),
	gate("cloudflare-401", answer{status: 401, header: map[string]string{"WWW-Authenticate": `Cloudflare-Access resource_metadata="https://mcp.example.com/.well-known/cloudflare-access"`}, body: "<html>Access</html>"}, want{code: 1002, hint: "--header"}),
	gate("azure", redirect(302, "https://login.microsoftonline.com/common/oauth2/authorize?client_id=x&state=s3cret"), want{code: 1003, hint: "--header", not: []string{"s3cret"}}),
	gate("azure-401", answer{status: 401, header: map[string]string{"WWW-Authenticate": `Bearer realm="mcp.example.com" authorization_uri="https://login.windows.net/t/oauth2/authorize" resource_id="x"`}}, want{code: 1002, hint: "--"}),
	gate("nginx-basic", answer{status: 401, header: map[string]string{"WWW-Authenticate": `Basic realm="Restricted"`}, body: "<html>401 Authorization Required</html>"}, want{code: 1002, hint: "--header"}),
	gate("iap", answer{status: 401, header: map[string]string{"X-Goog-Iap-Generated-Response": "true"}, typ: "text/html", body: "Invalid IAP credentials: empty token"}, want{code: 1002, hint: "--header"}),
	gate("negotiate", answer{status: 401, header: map[string]string{"WWW-Authenticate": `Negotiate`}}, want{code: 1002, hint: "--header"}),
	gate("407", answer{status: 407, header: map[string]string{"Proxy-Authenticate": `Basic realm="proxy"`}, body: "<html>proxy</html>"}, want{code: 1003, hint: "."}),
	gate("511", answer{status: 511, body: "<html>Network Authentication Required</html>"}, want{code: 1003, hint: "."}),
	gate("okta-page", answer{typ: "text/html;charset=utf-8", body: "<!DOCTYPE html><title>Okta</title>"}, want{code: 1004, hint: "--header"}),
	gate("page-as-text", answer{typ: "text/plain", body: "<html>Sign in</html>"}, want{code: 1004, hint: "--header"}),
	gate("page-untyped", answer{typ: "none", body: "<!doctype html><html>Sign in</html>"}, want{code: 1004, hint: "--header"}),
	gate("page-xhtml", answer{typ: "application/xhtml+xml", body: "<html>Sign in</html>"}, want{code: 1004, hint: "--header"}),
	gate("403-cloudflare-json", answer{status: 403, body: doc{"error": "Forbidden. You don't have permission to view this."}}, want{code: 1003, hint: "--header"}),
	gate("302-http", redirect(302, "http://mcp.example.com/login"), want{code: 1003, hint: "--header"}),
	gate("302-same", redirect(302, "/mcp"), want{code: 1003, hint: "."}),
	gate("301-slash", redirect(301, "/mcp/"), want{code: 1003, hint: "https://mcp.example.com/mcp/|right address"}),
	gate("200-json-login", answer{body: doc{"login": "https://sso.example.com"}}, want{code: 1004, hint: "."}),
	gate("204", answer{status: 204}, want{code: 1004, hint: "."}),
	gate("400-html", answer{status: 400, body: "<html>400 Bad Request No required SSL certificate was sent</html>"}, want{code: 1003, hint: "."}),
	gate("405", answer{status: 405, body: "<html>405</html>"}, want{code: 1003, hint: "."}),
	gate("451", answer{status: 451, body: "blocked"}, want{code: 1003}),
	gate("530", answer{status: 530, body: "<html>error code: 1033</html>"}, want{code: 1003, hint: "again"}),
	gate("401-key", answer{status: 401, body: doc{"message": "No API key found in request"}}, want{code: 1002, hint: "--header"}),
}

// unsetIn is a header with a variable that is not set.
func unsetIn(name, words, says string, env ...string) example {
	return example{name: "relay/unset-" + name, seen: unset, fake: free(), steps: []step{{words: words, env: env, want: want{code: 1000, says: []string{says}}, check: []check{avoided("")}, ours: true}}}
}

var furtherUnset = []example{
	unsetIn("inside", "--header X-Key:pre-${A_B1}-post", "A_B1"),
	unsetIn("two", "--header X-Key:${ONE}${TWO}", "TWO", "ONE=1"),
	unsetIn("empty", "--header X-Key:${ONE}", "ONE", "ONE="),
	unsetIn("blank", "--header X-Key:${ONE}", "ONE", "ONE= "),
	unsetIn("equals", "--header X-Key=${ONE}", "ONE"),
	unsetIn("blanks-inside", "--header X-Key:${~ONE~}", "ONE"),
	unsetIn("lower", "--header X-Key:${one}", "one"),
	unsetIn("env-colon", "--header X-Key:${env:ONE}", "ONE"),
	unsetIn("default", "--header X-Key:${ONE:-abc}", "ONE"),
	unsetIn("input", "--header X-Key:${input:key}", "key"),
	{name: "relay/unset-value-with-variable", seen: unset, fake: free(), steps: []step{{words: "--header X-Key:${ONE}", env: []string{"ONE=a${TWO}$b"}, check: []check{header("X-Key", "a${TWO}$b")}}}},
}

var furtherLogin = []example{
	{name: "relay/login-force-free", seen: kind, fake: free(), steps: []step{{verb: "login URL", words: "--force", want: want{exit: 1, hint: "."}, check: []check{tabs(0)}}}},
	{name: "relay/login-force-usual", seen: kind, fake: usual(), steps: []step{{verb: "login URL", words: "--force", want: want{says: []string{"signed in"}}, check: []check{tabs(1)}}}},
	{name: "relay/login-open-root-metadata", seen: kind, fake: halfOpen(fake{url: at, docs: map[string]any{"https://mcp.example.com/.well-known/oauth-protected-resource": resource("https://mcp.example.com/", idp), asAt: metadata(idp)}}), steps: []step{{verb: "login URL", want: want{says: []string{"signed in"}}, check: []check{tabs(1)}}}},
	{name: "relay/login-gateway", seen: kind, fake: behind(toSSO), steps: []step{{verb: "login URL", want: want{exit: 1, hint: "--header"}}}},
	{name: "relay/login-open-challenge-metadata", seen: kind, fake: func() fake {
		f := fake{url: at, docs: map[string]any{"https://mcp.example.com/meta": resource(at, idp), asAt: metadata(idp)}}
		f = halfOpen(f)
		f.challenge = `Bearer resource_metadata="https://mcp.example.com/meta"`
		return f
	}(), steps: []step{{check: []check{tabs(1), ran("1", 1)}}, {verb: "login URL", want: want{not: []string{"needs no sign-in"}}}}},
}

var further = slices.Concat(furtherLost, furtherTypes(), furtherExpired, furtherGates, furtherUnset, furtherLogin)
