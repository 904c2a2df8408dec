package hints

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// call is what a client asks for, as the variable ASK has it.
const call = `export ASK='"method":"tools/call","params":{"name":"whoami","arguments":{}}'; `

// toCalls is plain, and answers a call of a tool as it is told.
func toCalls(answer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), `"tools/call"`) {
			answer(w, r)
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		plain(w, r)
	}
}

// answered answers calls with their own ids.
func answered(w http.ResponseWriter, r *http.Request) {
	var m struct {
		Method string
		ID     json.RawMessage
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &m) != nil || m.Method != "tools/call" {
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		plain(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"content":[]}}`, m.ID)
}

// forgetful has sessions: that of the second initialize is refused, or forgotten like
// the first one, and the next ones last.
func forgetful(second http.HandlerFunc) http.HandlerFunc {
	var begun atomic.Int32
	return func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		switch {
		case strings.Contains(string(body), `"initialize"`):
			if n := begun.Add(1); n == 2 && second != nil {
				second(w, r)
				return
			}
			w.Header().Set("Mcp-Session-Id", "s")
			plain(w, r)
		case strings.Contains(string(body), `"tools/call"`) && begun.Load() <= 2:
			w.WriteHeader(http.StatusNotFound)
		default:
			answered(w, r)
		}
	}
}

// answers has the server answer calls as it should.
func answers(w *world) { w.site = http.HandlerFunc(answered) }

// ofTheBridge are the hints that a client gets as the answer to its requests, and those
// about what a server answers.
func ofTheBridge() []row {
	const signedIn = `mcp-login login $URL`
	const done = "the server may have done what it was asked; look before you repeat it"
	const operator = "ask the server's operator"
	const address = "is this the address of an MCP server? It usually ends in /mcp or /sse"
	const notWell = "the server, or a gateway in front of it, has a problem; try again later"
	const talk = call + `$TALK mcp-login $URL`
	refused := says(200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32603,"message":"not today"}}`, "Content-Type", "application/json")
	// A server of a revision that nobody knows yet.
	future := func(w http.ResponseWriter, r *http.Request) {
		var m struct{ ID json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&m)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32022,"message":"unsupported protocol version","data":{"supported":["2099-01-01"]}}}`, m.ID)
	}
	notToday := func(w http.ResponseWriter, r *http.Request) {
		var m struct{ ID json.RawMessage }
		_ = json.NewDecoder(r.Body).Decode(&m)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32603,"message":"not today"}}`, m.ID)
	}
	return []row{
		{hint: "sign in, then try again; if the server's tools do not appear, start a new session", when: `MCP_LOGIN_BROWSER=true; ` + call + `$TALK mcp-login --login-patience 1s $URL`, does: signedIn, then: talk},
		{hint: "look at --allow-tool and --ignore-tool", before: signedIn, when: call + `$TALK mcp-login --ignore-tool 'who*' $URL`, does: call + `$TALK mcp-login --ignore-tool 'where*' $URL`, then: call + `$TALK mcp-login --allow-tool whoami $URL`},
		{hint: "wait for answers before you ask for more; this one was not sent", site: toCalls(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), when: `ASK="\"method\":\"tools/call\",\"params\":{\"name\":\"count\",\"arguments\":{\"n\":\"$(head -c 90000 /dev/zero | tr '\0' 0)\"}}"; export ASK TIMES=1500; $TALK mcp-login $URL`, mend: answers, does: `export TIMES=100; ` + talk},
		{hint: done, site: toCalls(says(200, `{"jsonrpc":"2.0","id":"another","result":{}}`, "Content-Type", "application/json")), when: talk, mend: answers, does: talk},
		{hint: done, site: toCalls(says(200, ": nothing more\n\n", "Content-Type", "text/event-stream")), when: talk, mend: answers, does: talk},
		{hint: done, site: toCalls(says(200, `{"jsonrpc":`, "Content-Type", "application/json", "Content-Length", "1000")), when: talk, mend: answers, does: talk},
		{hint: done, site: toCalls(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), when: call + `$TALK mcp-login --headers-timeout 1s $URL`, mend: answers, does: talk},
		{hint: "restart the client", site: forgetful(notToday), when: talk, does: talk},
		{hint: "restart the client", site: forgetful(nil), when: talk, does: talk},
		// Nothing here is newer than this program: the server goes back to a revision of today.
		{hint: "update mcp-login", site: http.HandlerFunc(future), when: `mcp-login tools $URL`, mend: well, does: `mcp-login tools $URL`},
		{hint: operator, site: refused, when: `mcp-login doctor $URL`, mend: well, does: `mcp-login doctor $URL`},
		{hint: address, site: says(400, ""), when: `mcp-login doctor $URL`, mend: well, does: `mcp-login doctor $URL`},
		{hint: address, site: says(404, `{"message":"no route"}`, "Content-Type", "application/json"), when: `mcp-login tools $URL`, mend: well, does: `mcp-login tools $URL`},
		{hint: address, site: says(405, ""), when: `mcp-login doctor $URL`, mend: well, does: `mcp-login doctor $URL`},
		{hint: notWell, site: says(500, `{"message":"out of memory"}`, "Content-Type", "application/json"), when: `mcp-login tools $URL`, mend: well, does: `mcp-login tools $URL`},
	}
}
