package providers

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	tsExample = "every server made from the TypeScript example: fastmcp#121, mcphub#405"
	rustLost  = "rust-sdk#559"
	sniffed   = "helidon-mcp#97, ballerina#8090"
	openList  = "Google Drive/Docs: csharp-sdk#1866, LibreChat#13249"
	expired   = "GitbookIO#4280, vercel/mcp-handler#181"
	unset     = "vellum-assistant#37852"
	gateway   = "mcp-remote#238"
)

// sessionAsLogin is what mcp-remote takes the 401 for.
const sessionAsLogin = "mcp-remote begins a login: with nothing published its registration is refused at once; it hangs where there is a provider (relay/session-401-then-login)"

// free is a server that wants no sign-in.
func free() fake { return fake{url: at, server: server{open: []string{"*"}}} }

// losing answers so to a message of a session that is gone. A message without
// any session is a 422, as of the Rust SDK, where the answer is about the token.
func losing(a answer) fake {
	f := free()
	f.before = func(w *world, c *call) *answer {
		switch {
		case !w.lost(c):
			return nil
		case c.session == "" && a.status == 401:
			return &answer{status: 422, typ: "text/plain", body: "Unexpected message, expect initialize request"}
		}
		return &a
	}
	return f
}

// lost is the case of a session that is gone between two calls: a new one, and
// the message once.
func lost(name, seen string, a answer, refs string) example {
	return example{name: name, seen: seen, fake: losing(a), steps: []step{{
		calls: 2, between: (*world).forgetSessions, refs: refs, check: []check{ran("1", 1), ran("2", 1), tabs(0)},
	}}}
}

// answers gives the answer to tools/call another form.
func answers(form func(message string) answer) fake {
	f := free()
	f.answered = func(_ *world, c *call, message string) *answer {
		if c.method != "tools/call" {
			return nil
		}
		a := form(message)
		return &a
	}
	return f
}

// typed is an answer with a media type.
func typed(typ string) fake {
	return answers(func(m string) answer { return answer{typ: typ, body: m} })
}

// events is an answer as a stream with this text.
func events(format string) fake {
	return answers(func(m string) answer {
		return answer{typ: "text/event-stream", body: strings.ReplaceAll(format, "MESSAGE", m)}
	})
}

// halfOpen is a server where only tools/call wants a sign-in.
func halfOpen(f fake) fake {
	f.open, f.closed = []string{"*"}, []string{"tools/call"}
	return f
}

// refusing answers so to a token that has ended, and with the plain 401 to none.
func refusing(a answer) fake {
	f := usual()
	f.refuse = func(_ *world, r *request) *answer {
		if r.Header.Get("Authorization") == "" {
			return nil
		}
		return &a
	}
	return f
}

// renewing is a token that has ended: it is refreshed, nobody is asked.
func renewing(name, seen string, a answer) example {
	return example{name: name, seen: seen, fake: refusing(a), steps: []step{{}, {before: (*world).endTokens, check: []check{tabs(1), came("token", 2)}}}}
}

// inCall is a login that fails inside a call.
func inCall(name string, f fake, says ...string) example {
	return example{name: name, seen: "any failure of the login inside a call", fake: halfOpen(f), steps: []step{{want: want{code: 1002, says: says, once: says[:1]}}}}
}

// behind is a gateway in front of everything.
func behind(a answer) fake {
	return fake{url: at, server: server{refuse: func(*world, *request) *answer { return &a }}}
}

func redirect(status int, to string) answer {
	return answer{status: status, header: map[string]string{"Location": to}}
}

// steppedUp is a server where a tool needs a scope that was not asked for.
func steppedUp() fake {
	f := usual()
	f.before = func(w *world, c *call) *answer {
		list := w.requests("authorize")
		if c.method == "tools/call" && !strings.Contains(list[len(list)-1].query.Get("scope"), "files:write") {
			return &answer{status: 403, header: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", scope="files:write"`}}
		}
		return nil
	}
	return f
}

var relayCases = slices.Concat([]example{
	lost("relay/session-400-typescript", tsExample, *rpcError(400, -32000, "Bad Request: No valid session ID provided"), "fails"),
	lost("relay/session-400-python", kind, *rpcError(400, -32600, "Bad Request: No valid session ID provided"), ""),
	lost("relay/session-400-text", kind, answer{status: 400, typ: "text/plain", body: "Invalid or missing session ID"}, ""),
	lost("relay/session-400-error-object", kind, answer{status: 400, body: doc{"error": "Session not found"}}, ""),
	lost("relay/session-400-not-initialized", "TypeScript SDK, before its initialize: Server not initialized", *rpcError(400, -32000, "Bad Request: Server not initialized"), ""),
	lost("relay/session-400-empty", kind, answer{status: 400}, ""),
	lost("relay/session-404", "MCP 2025-06-18, transports, session management", *rpcError(404, -32001, "Session not found"), ""),
	lost("relay/session-404-html", kind, answer{status: 404, body: "<html>gone</html>"}, ""),
	{
		name: "relay/session-400-message", seen: "a 400 that is about the message itself must not loop", fake: func() fake {
			f := free()
			f.before = func(_ *world, c *call) *answer {
				if c.method == "tools/call" {
					return &answer{status: 400, body: doc{"jsonrpc": "2.0", "id": c.id, "error": doc{"code": -32602, "message": "text must be a colour"}}}
				}
				return nil
			}
			return f
		}(),
		steps: []step{{want: want{code: -32602, says: []string{"text must be a colour"}}, check: []check{calledOnce("initialize"), calledOnce("tools/call")}}},
	},
	lost("relay/session-401", rustLost, answer{status: 401, typ: "text/plain", body: "Unauthorized: Session not found"}, "hangs").because(sessionAsLogin),
	lost("relay/session-401-json", kind, answer{status: 401, body: doc{"error": "session not found"}}, ""),
	{
		name: "relay/session-401-then-login", seen: "a login only if the new session is refused, too", fake: func() fake {
			f := usual()
			f.open = []string{"*"}
			f.challenge = "-"
			return f
		}(),
		steps: []step{{calls: 2, between: func(w *world) {
			w.forgetSessions()
			w.mu.Lock()
			defer w.mu.Unlock()
			w.open = nil
		}, check: []check{tabs(1), ran("2", 1)}}},
	},

	{
		name: "relay/session-400-with-trace", seen: kind + ": an error object with an id and a time of its own, as of ASP.NET", fake: func() fake {
			f := free()
			f.before = func(w *world, c *call) *answer {
				if !w.lost(c) {
					return nil
				}
				now := time.Now()
				return &answer{status: 400, typ: "application/problem+json", body: doc{"title": "Bad Request", "status": 400, "timestamp": now, "traceId": fmt.Sprintf("00-%x-01", now.UnixNano())}}
			}
			return f
		}(),
		steps: []step{{calls: 2, between: (*world).forgetSessions, check: []check{ran("1", 1), ran("2", 1), tabs(0)}}},
	},
	{
		name: "relay/session-401-bearer", seen: kind + ": behind a gateway that wants a sign-in", fake: func() fake {
			f := usual()
			f.before = func(w *world, c *call) *answer {
				if c.session != "" && w.lost(c) {
					return &answer{status: 401, typ: "text/plain", body: "Unauthorized: Session not found"}
				}
				return nil
			}
			return f
		}(),
		steps: []step{{calls: 2, between: (*world).forgetSessions, check: []check{tabs(1), ran("1", 1), ran("2", 1)}}},
	},

	{
		name: "relay/both-eras-newer-listed", seen: "TypeScript SDK 2.4.0, mcp-proxy 6.7.19, mcp-handler 2.4.0: server/discover lists no revision that begins with initialize", fake: func() fake {
			f := free()
			f.before = func(_ *world, c *call) *answer {
				if c.method == "server/discover" {
					return &answer{body: doc{"jsonrpc": "2.0", "id": c.id, "result": doc{"resultType": "complete", "supportedVersions": []string{"2026-07-28"}, "capabilities": doc{"tools": doc{}}}}}
				}
				return nil
			}
			return f
		}(),
		steps: []step{{check: []check{func(w *world) string {
			for _, r := range w.requests("mcp") {
				if method, _ := r.json["method"].(string); method == "tools/call" && (r.Header.Get("Mcp-Method") != "" || r.Header.Get("Mcp-Session-Id") == "") {
					return "the call was translated"
				}
			}
			return ""
		}, calledOnce("initialize")}}},
	},

	it("relay/no-content-type", sniffed, typed("none"), "fails"),
	it("relay/text-plain", sniffed, typed("text/plain"), "fails"),
	it("relay/text-plain-charset", kind, typed("text/plain; charset=utf-8"), ""),
	it("relay/octet-stream", kind, typed("application/octet-stream"), ""),
	it("relay/octet-stream-spelled", kind, typed("Application/Octet-Stream;x"), ""),
	it("relay/type-of-blanks", kind, typed(" ;charset=utf-8"), ""),
	it("relay/stream-in-text", kind, answers(func(m string) answer { return answer{typ: "text/plain", body: "event: message\ndata: " + m + "\n\n"} }), ""),
	it("relay/stream-without-type", kind, answers(func(m string) answer { return answer{typ: "none", body: ": ping\r\ndata: " + m} }), ""),
	it("relay/no-content-type-blanks", kind, answers(func(m string) answer { return answer{typ: "none", body: "\r\n  " + m + "\n"} }), ""),
	{
		name: "relay/no-content-type-everywhere", seen: sniffed, fake: func() fake {
			f := free()
			f.answered = func(_ *world, _ *call, m string) *answer { return &answer{typ: "none", body: m} }
			return f
		}(),
		steps: []step{{}},
	},
}, oddTypes(), []example{
	it("relay/last-event-without-blank-line", "hand-written servers", events("event: message\ndata: MESSAGE\n"), "hangs"),
	it("relay/last-event-without-line-end", kind, events("data: MESSAGE"), ""),
	it("relay/last-event-crlf", kind, events("event: message\r\ndata: MESSAGE\r\n"), ""),
	it("relay/last-event-cr", kind, events("event: message\rdata: MESSAGE\r"), ""),
	it("relay/last-event-after-others", kind, events(": ping\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{\"level\":\"info\",\"data\":\"x\"}}\n\ndata: MESSAGE\n"), ""),
	not("relay/last-event-cut", "a line that is cut is none", answers(func(m string) answer {
		return answer{typ: "text/event-stream", body: "data: " + m[:len(m)-3]}
	}), "", want{code: 1005}),

	{
		name: "relay/login-open-list", seen: openList, fake: halfOpen(usual()),
		steps: []step{
			{verb: "login URL", want: want{says: []string{"signed in"}, not: []string{"needs no sign-in"}}, check: []check{tabs(1)}, ours: true},
			{check: []check{tabs(1)}, ours: true},
		},
	},
	{name: "relay/call-open-list-bare", seen: openList + "; without a challenge", fake: func() fake {
		f := halfOpen(usual())
		f.challenge = "-"
		return f
	}(), steps: []step{{check: []check{tabs(1), ran("1", 1)}}}},
	{name: "relay/call-open-list", seen: openList, fake: halfOpen(usual()), steps: []step{{check: []check{tabs(1)}}}},
	{
		name: "relay/login-free", seen: "nothing is protected", fake: free(),
		steps: []step{{verb: "login URL", want: want{says: []string{"needs no sign-in"}}, check: []check{tabs(0)}, ours: true}},
	},
	{
		name: "relay/login-force", seen: openList, fake: func() fake {
			f := halfOpen(fake{url: at, docs: map[string]any{ownAS: metadata("https://mcp.example.com")}})
			return f
		}(),
		steps: []step{{verb: "login URL", words: "--force", want: want{says: []string{"signed in"}}, check: []check{tabs(1)}, ours: true}, {check: []check{tabs(1)}, ours: true}},
	},

	renewing("relay/expired-403", expired, answer{status: 403, header: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", error_description="token expired"`}}),
	renewing("relay/expired-403-scope", expired, answer{status: 403, header: map[string]string{"WWW-Authenticate": `Bearer error="insufficient_scope", scope=""`}}),
	renewing("relay/expired-302", expired, redirect(302, "https://sso.example.com/login")),
	renewing("relay/expired-303", kind, redirect(303, "https://mcp.example.com/signin")),
	renewing("relay/expired-401-bare", kind, answer{status: 401}),
	{name: "relay/step-up", seen: "step-up after the refresh", fake: steppedUp(), steps: []step{{check: []check{tabs(2), lastSent("authorize", "scope", "files:write")}}}},

	{
		name: "relay/unset-variable", seen: unset, fake: free(),
		steps: []step{
			{words: "--header Authorization:~Bearer~${KEY}", want: want{code: 1000, says: []string{"KEY"}}, check: []check{avoided("")}},
			{verb: "tools URL", words: "--header Authorization:~Bearer~${KEY}", want: want{exit: 2, says: []string{"KEY"}}, check: []check{avoided("")}, ours: true},
			{verb: "tools URL", words: "--header X-Key:${OTHER_KEY}", want: want{exit: 2, says: []string{"OTHER_KEY"}}, check: []check{avoided("")}, ours: true},
			{words: "--header Authorization:~Bearer~${KEY}", env: []string{"KEY=abc"}, check: []check{func(w *world) string {
				if got := w.requests("mcp")[0].Header.Get("Authorization"); got != "Bearer abc" {
					return got
				}
				return ""
			}}},
		},
	},

	not("relay/gateway-302", gateway, behind(redirect(302, "https://sso.example.com/login?next=%2Fmcp")), "fails", want{code: 1003, hint: `--header`, says: []string{"sso.example.com"}}),
	not("relay/gateway-303", kind, behind(redirect(303, "/cdn-cgi/access/login")), "", want{code: 1003, hint: `--header`}),
	not("relay/gateway-login-page", kind, behind(answer{body: "<html><form action=/login>Sign in</form></html>"}), "", want{code: 1004, hint: `--header`}),
	not("relay/gateway-403-page", kind, behind(answer{status: 403, body: "<html>Forbidden</html>"}), "", want{code: 1003, hint: `--header`}),

	inCall("relay/login-denied", func() fake {
		f := usual()
		f.authorize = func(_ *world, r *request) *answer {
			a := redirectBack(r, "error", "access_denied", "error_description", "Alice said no")
			return &a
		}
		return f
	}(), "access_denied", "Alice said no"),
	inCall("relay/login-discovery", listed(idp+"/t", map[string]any{asAt + "/t": metadata("https://auth.example.com")}), "https://auth.example.com"),
	inCall("relay/login-registration", onList(403, doc{"error": "Forbidden"}), "register client"),
	inCall("relay/login-token-500", exchanging(answer{status: 500}), "status 500"),
	inCall("relay/login-token-error", exchanging(*oauthError(400, "invalid_grant", "code is too old")), "code is too old", "invalid_grant"),
	inCall("relay/login-timeout", func() fake {
		f := usual()
		f.authorize = func(*world, *request) *answer { return &loginPage }
		return f
	}(), "not finished in time"),
})

// calledOnce is that a method came once.
func calledOnce(method string) check {
	return func(w *world) string {
		w.mu.Lock()
		defer w.mu.Unlock()
		if n := w.called[method]; n != 1 {
			return fmt.Sprintf("%d requests of %s", n, method)
		}
		return ""
	}
}

// oddTypes are media types in spellings that gateways have.
func oddTypes() (list []example) {
	for i, typ := range []string{
		"Application/JSON", "application/json;charset=UTF-8", "application/json; charset", "application/json;", "application/json ; charset=\"utf-8", "application/json, application/json",
	} {
		refs := ""
		if i < 3 {
			refs = "works"
		}
		list = append(list, it(fmt.Sprintf("relay/media-type-%d", i+1), "gateways: "+typ, typed(typ), refs))
	}
	for i, typ := range []string{"Text/Event-Stream", "text/event-stream;charset=UTF-8", "text/event-stream; charset"} {
		list = append(list, it(fmt.Sprintf("relay/media-type-stream-%d", i+1), "gateways: "+typ, answers(func(m string) answer { return answer{typ: typ, body: "data: " + m + "\n\n"} }), ""))
	}
	return list
}
