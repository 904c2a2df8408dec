package interop

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"mcp-login/internal/jsonrpc"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// counted is a public server with the tool whoami, which counts what it is asked.
type counted struct{ requests atomic.Int32 }

func (c *counted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.requests.Add(1)
	body, _ := io.ReadAll(r.Body)
	m, _ := jsonrpc.Parse(body)
	results := map[string]string{
		"initialize": `{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"counted","version":"1"}}`,
		"tools/list": `{"tools":[{"name":"whoami","description":"who you are","inputSchema":{"type":"object"}}]}`,
		"tools/call": `{"content":[{"type":"text","text":"alice@example.test"}]}`,
		"ping":       `{}`,
	}
	result, known := results[m.Method]
	switch {
	case r.Method != http.MethodPost:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	case m.Kind != jsonrpc.Request:
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if !known {
		_, _ = w.Write(jsonrpc.Refusal(m.ID, jsonrpc.CodeMethodNotFound, "not known", ""))
		return
	}
	_, _ = w.Write(jsonrpc.Result(m.ID, result))
}

// asked returns how often the server was asked since the last time.
func (c *counted) asked() int32 { return c.requests.Swap(0) }

// Claude Code looks at all its servers: the second time the server does not hear of it. A question
// leads to its tool all the same.
func TestClaudeCodeStartsLazily(t *testing.T) {
	node, h := real.NodeModules(t), terminals["claude-code"]
	node.Package(t, h.pkg)
	if !real.Loopback(t, binary.Inherited(t, "mcp-login", "whoami-server")) {
		return
	}
	c := &counted{}
	srv := httptest.NewServer(c)
	t.Cleanup(srv.Close)
	d, m := emptyDesk(t), playModel(t)
	adopt(t)
	d.url, d.flags = srv.URL+"/mcp", []string{"--store", "passphrase", "--lazy"}
	d.env = append(d.env, "MCP_LOGIN_PASSPHRASE=correct horse battery staple")
	ask := h.ready(d, m)
	d.config(h.client)
	for round := range 2 {
		want(t, d.run(ask[0], "mcp", "list"), "Connected")
		if asked := c.asked(); (asked > 0) != (round == 0) {
			t.Errorf("look %d: the server was asked %d times", round+1, asked)
		}
	}
	h.signedIn(d, m, d.run(ask[0], ask[1:]...))
	if c.asked() == 0 {
		t.Error("a call does not reach the server")
	}
}
