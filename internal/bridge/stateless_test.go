package bridge

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// stateless answers as a server of 2026-07-28 that takes nothing else.
type stateless struct {
	server
	cut chan struct{} // closed when the client has left tools/call
}

func newStateless() *stateless {
	s := &stateless{cut: make(chan struct{})}
	s.on = handlers{
		"initialize": func(w http.ResponseWriter, _ *http.Request, id json.RawMessage) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":-32020,"message":"no version header"}}`, id)
		},
		"server/discover": results(`{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`),
		"tools/call": func(w http.ResponseWriter, r *http.Request, _ json.RawMessage) {
			events(w, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":{}}\n\n")
			<-r.Context().Done()
			close(s.cut)
		},
	}
	return s
}

// A client with sessions at a server of 2026-07-28, over real
// HTTP: its initialize is offered once, in case the server knows sessions as well,
// and every request has its headers.
func TestSessionClientIsServedByAStatelessServer(t *testing.T) {
	s := newStateless()
	r := newRig(t, s, withTranslation)
	r.send(initialize)
	if got := r.line(); !strings.Contains(got, `"protocolVersion":"2025-06-18"`) {
		t.Fatal(got)
	}
	r.send(initialized, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	r.line()
	if got := strings.Join(s.seen(), ","); got != "POST server/discover,POST initialize,POST tools/list" {
		t.Error(got)
	}
	for i, version := range []string{"2026-07-28", "2025-06-18", "2026-07-28"} {
		if h := s.headers[i]; h.Get("Mcp-Protocol-Version") != version || h.Get("Mcp-Method") == "" {
			t.Error(i, h)
		}
	}
}

// To cancel is to close the stream; the server gets no message, the
// client no answer.
func TestCancelClosesTheStreamOfAStatelessRequest(t *testing.T) {
	s := newStateless()
	r := newRig(t, s, withTranslation)
	r.send(initialize)
	r.line()
	r.send(initialized, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"t"}}`)
	if got := r.line(); !strings.Contains(got, "progress") {
		t.Fatal(got)
	}
	r.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}}`)
	<-s.cut
	r.send(`{"jsonrpc":"2.0","id":8,"method":"ping"}`)
	if got := r.line(); got != `{"jsonrpc":"2.0","id":8,"result":{}}` {
		t.Error(got)
	}
	if got := strings.Join(s.seen(), ","); got != "POST server/discover,POST initialize,POST tools/list,POST tools/call" {
		t.Error(got)
	}
}

// A client that begins a session while its probe is under way gets
// an answer to the probe before that to initialize, and no late one.
func TestOvertakenProbeIsAnswered(t *testing.T) {
	asked, first := make(chan struct{}), true
	s := &server{on: handlers{
		"server/discover": func(w http.ResponseWriter, r *http.Request, id json.RawMessage) {
			if first {
				first = false
				close(asked)
				<-r.Context().Done()
				return
			}
			w.WriteHeader(http.StatusNotFound)
		},
	}}
	r := newRig(t, s, withTranslation)
	r.send(`{"jsonrpc":"2.0","id":"probe","method":"server/discover","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}`)
	<-asked
	r.send(initialize)
	if got := r.line(); !strings.Contains(got, `"id":"probe"`) || !strings.Contains(got, "-32601") {
		t.Error(got)
	}
	if got := r.line(); !strings.Contains(got, `"id":0`) || !strings.Contains(got, "protocolVersion") {
		t.Error(got)
	}
}
