package hints

import (
	"fmt"
	"io"
	"net/http"
	"strings"
)

// says is a server with one answer to everything.
func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

// page is an answer for a browser.
func page(status int) http.HandlerFunc {
	return says(status, "<html><body>Welcome</body></html>", "Content-Type", "text/html")
}

// plain is an MCP server without a sign-in.
func plain(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.Header().Set("Content-Type", "application/json")
	switch text := string(body); {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
	case strings.Contains(text, `"initialize"`):
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"plain","version":"1"}}}`)
	case strings.Contains(text, `"tools/list"`):
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"count","inputSchema":{"type":"object","properties":{"n":{"type":"integer"}}}}]}}`)
	case strings.Contains(text, `"tools/call"`):
		fmt.Fprint(w, `{"jsonrpc":"2.0","id":3,"result":{"content":[{"type":"text","text":"3"}]}}`)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

// gated is plain behind a gateway that wants a header.
func gated(refuse http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Gate") != "k" && r.Header.Get("Authorization") != "Bearer k" {
			refuse(w, r)
			return
		}
		plain(w, r)
	}
}

// well has the server answer as it should.
func well(w *world) { w.site = http.HandlerFunc(plain) }

// ofTheNetwork are the hints about the way to a server, and about what answers there.
func ofTheNetwork() []row {
	const gateway = "if a gateway or a firewall in front of the server has its own sign-in, give it what it accepts: --header 'Name: ${VARIABLE}', or a token in MCP_LOGIN_TOKEN"
	const address = "is this the address of an MCP server? It usually ends in /mcp or /sse"
	const elsewhereThere = "an MCP server answers at another path of this host; use this address instead: …"
	const key = `export K=k; mcp-login tools --header 'X-Gate: ${K}' $URL`
	const token = `export MCP_LOGIN_TOKEN=k; mcp-login tools $URL`
	elsewhere := gated(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://localhost:1/login", http.StatusFound)
	})
	moved := func(w http.ResponseWriter, r *http.Request) {
		if host, port, _ := strings.Cut(r.Host, ":"); host != "localhost" {
			http.Redirect(w, r, "http://localhost:"+port+"/mcp", http.StatusPermanentRedirect)
			return
		}
		plain(w, r)
	}
	return []row{
		{hint: "is the server running, and the port right?", when: `mcp-login tools http://127.0.0.1:9/mcp`, does: `mcp-login login $URL`},
		{hint: "check HTTPS_PROXY and HTTP_PROXY, or add the host to NO_PROXY", when: `export HTTP_PROXY=http://127.0.0.1:9; mcp-login tools --allow-http http://server.invalid/mcp`, does: `export HTTP_PROXY=http://127.0.0.1:9 NO_PROXY=server.invalid; mcp-login tools --allow-http http://server.invalid/mcp`, still: "no such host"},
		{hint: "put them into HTTPS_PROXY, as http://name:password@proxy:port", site: says(407, ""), when: `export HTTPS_PROXY=http://$HOST; mcp-login tools https://server.invalid/mcp`, does: `export HTTPS_PROXY=http://name:password@$HOST; mcp-login tools https://server.invalid/mcp`, mend: func(w *world) {
			w.site = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Proxy-Authorization") == "" {
					rw.WriteHeader(http.StatusProxyAuthRequired)
				} else {
					rw.WriteHeader(http.StatusTeapot)
				}
			})
		}, still: "teapot"},
		{hint: "check the address; behind a company's proxy set HTTPS_PROXY, which looks names up itself", when: `mcp-login tools https://server.invalid/mcp`, does: `mcp-login login $URL`},
		{hint: "is it http instead of https?", when: `mcp-login tools https://$HOST/mcp`, does: `mcp-login login http://$HOST/mcp`},
		{hint: "if a company's proxy or an own authority signs here, add that authority's certificate with --ca-file", when: `mcp-login tools $TLS/mcp`, does: `mcp-login tools --ca-file $CA $TLS/mcp`},
		{hint: "use the name that the certificate is for", when: `mcp-login tools --ca-file $CA $(echo $TLS | sed s/127.0.0.1/localhost/)/mcp`, does: `mcp-login tools --ca-file $CA $TLS/mcp`},
		{hint: "give one with --client-cert and --client-cert-key", before: certificate, when: `mcp-login tools --ca-file $CA $MTLS/mcp`, does: `mcp-login tools --ca-file $CA --client-cert cert.pem --client-cert-key key.pem $MTLS/mcp`},
		{hint: address, site: page(404), when: `mcp-login tools $URL`, mend: well, does: `mcp-login tools $URL`},
		{hint: address + "; " + gateway, site: gated(page(200)), when: `mcp-login tools $URL`, does: key, then: token},
		{hint: gateway, site: gated(says(403, "")), when: `mcp-login tools $URL`, does: key, then: token},
		{hint: gateway + "; …", site: elsewhere, when: `mcp-login tools $URL`, does: key, then: token},
		{hint: "if that is the right address, use it in the configuration", site: http.HandlerFunc(moved), when: `mcp-login tools $URL`, does: `mcp-login tools $(echo $URL | sed s/127.0.0.1/localhost/)`},
		{hint: elsewhereThere, when: `mcp-login tools http://$HOST/wrong`, does: `mcp-login tools $URL`},
		{hint: elsewhereThere, when: `mcp-login login http://$HOST`, does: `mcp-login login $URL`},
		{hint: elsewhereThere, when: `mcp-login doctor http://$HOST/mcp/`, does: `mcp-login doctor $URL`},
		{hint: elsewhereThere, when: call + `$TALK mcp-login http://$HOST/sse/mcp`, does: call + `$TALK mcp-login $URL`},
		{hint: "the server is busy; try again later", site: says(503, ""), when: `mcp-login tools $URL`, mend: well, does: `mcp-login tools $URL`},
		{hint: "the server is busy; try again in …", site: says(429, "", "Retry-After", "60"), when: `mcp-login tools $URL`, mend: well, does: `mcp-login tools $URL`},
		{hint: "the server, or a gateway in front of it, has a problem; try again later", site: page(500), when: `mcp-login tools $URL`, mend: well, does: `mcp-login tools $URL`},
		{hint: "if it has to be so large, raise --max-message", site: http.HandlerFunc(plain), when: `mcp-login tools --max-message 100B $URL`, does: `mcp-login tools --max-message 1MiB $URL`},
		{hint: "write it as JSON", site: http.HandlerFunc(plain), when: `mcp-login call $URL count --arg n=three`, does: `mcp-login call $URL count --arg n:=3`},
		{hint: "give a valid one with --header, or leave it out to sign in", site: gated(says(401, "")), when: `mcp-login tools --header 'Authorization: Bearer j' $URL`, does: `mcp-login tools --header 'Authorization: Bearer k' $URL`},
		{hint: "look at its value: is it meant for this server, and is it still valid?", site: gated(says(403, "the API key is invalid")), when: `mcp-login tools --header 'X-Gate: j' $URL`, does: `mcp-login tools --header 'X-Gate: k' $URL`},
		{hint: "look at the value that was given, or that the command prints; if it is right, the server wants a sign-in as well: see …", site: gated(says(401, "")), when: `mcp-login tools --header 'X-Gate: j' $URL`, does: `mcp-login tools --header 'X-Gate: k' $URL`},
		{hint: "look at the value that was given, or that the command prints; if it is right, the server wants a sign-in as well: see …", site: gated(says(401, "")), before: `echo j >key`, when: `mcp-login tools --header-command 'X-Gate: cat key' $URL`, does: `echo k >key; mcp-login tools --header-command 'X-Gate: cat key' $URL`},
		// What doctor finds.
		{hint: "look at the value that is given for Authorization; without one, a sign-in in the browser is tried", site: gated(says(401, "")), when: `export K=wrong; mcp-login doctor --header 'Authorization: Bearer ${K}' $URL`, does: `export K=k; mcp-login doctor --header 'Authorization: Bearer ${K}' $URL`},
		{hint: "look at the value that is given for …", site: gated(says(401, "")), when: `export K=wrong; mcp-login doctor --header 'X-Gate: ${K}' $URL`, does: `export K=k; mcp-login doctor --header 'X-Gate: ${K}' $URL`},
		{hint: "an Origin check, or an account without permission; " + gateway, site: gated(says(403, "")), when: `mcp-login doctor $URL`, does: `export K=k; mcp-login doctor --header 'X-Gate: ${K}' $URL`},
		{hint: "try again later (it says …)", site: says(503, "", "Retry-After", "7"), when: `mcp-login doctor $URL`, mend: well, does: `mcp-login doctor $URL`},
		{hint: "try again later, or ask its operator", site: says(503, ""), when: `mcp-login doctor $URL`, mend: well, does: `mcp-login doctor $URL`},
		{hint: "check the spelling, the network and the name server", when: `mcp-login doctor https://server.invalid/mcp`, does: `mcp-login doctor $URL`},
		{hint: "set the clock of this machine by the network", site: says(401, "", "Date", "Mon, 01 Jan 2024 00:00:00 GMT"), when: `mcp-login doctor $URL`, mend: func(w *world) { w.site = nil }, does: `mcp-login doctor $URL`},
		{hint: "look at --callback-host and --callback-port", when: `mcp-login doctor --callback-bind 192.0.2.99`, does: `mcp-login doctor --callback-bind 127.0.0.1`},
		{hint: "a key may be wanted instead: --header 'Name: ${VALUE}'", site: gated(says(401, "", "WWW-Authenticate", "Basic realm=x")), when: `mcp-login doctor $URL`, does: `export K=k; mcp-login doctor --header 'X-Gate: ${K}' $URL`},
		{hint: "let it print a new one, or set the clock of this machine", before: `echo "e30.$(printf '{"exp":1000}' | base64 | tr -d =).c2ln" >token`, when: `mcp-login doctor --token-command 'cat token' $URL`, does: `mcp-login login $URL; mcp-login token $URL >token; mcp-login doctor --token-command 'cat token' $URL`},
	}
}
