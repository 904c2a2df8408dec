package protover

import (
	"bytes"
	"context"
	"encoding/json"
	"testing"

	"mcp-login/internal/jsonrpc"
)

// Any request and any answer of a server, in both directions: what goes out is
// one JSON text on one line with one answer under the client's own id, and
// members that no rule names pass as they are.
func FuzzTranslation(f *testing.F) {
	f.Add(`1.0`, `{"name":"t","_meta":{"progressToken":1},"x":1e0}`, `{"content":[],"n":1.0}`, true)
	f.Add(`"a"`, `{"_meta":[],"_meta":{"io.modelcontextprotocol/protocolVersion":1}}`, `{"resultType":"input_required","inputRequests":{}}`, true)
	f.Add(`9007199254740993`, `{}`, `{"structuredContent":[1],"_meta":7}`, true)
	f.Add(`1`, `{"requestState":"x"}`, `{"code":-32042,"data":{"elicitations":[{},1]}}`, false)
	f.Add(`1`, `[1]`, `{"tools":[{"outputSchema":{}},3]}`, true)
	f.Fuzz(func(t *testing.T, id, params, answer string, isResult bool) {
		m, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":` + id + `,"method":"tools/call","params":` + params + `,"odd":1.50}`))
		member := "error"
		if isResult {
			member = "result"
		}
		back, backErr := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":0,"` + member + `":` + answer + `,"odd":1.50}`))
		if err != nil || backErr != nil || m.Kind != jsonrpc.Request || back.Kind != jsonrpc.Response {
			return
		}
		for _, sessions := range []bool{true, false} {
			carry(t, m, back, sessions)
		}
	})
}

// carry puts one request through one of the translations.
func carry(t *testing.T, m, back jsonrpc.Message, sessions bool) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	calls := 0
	r := &remote{probe: discovers(`{}`, jsonrpc.Stateless)}
	r.on = func(_ context.Context, out jsonrpc.Message, sink jsonrpc.Sink) error {
		oneLine(t, out)
		switch out.Method {
		case "initialize":
			sink.Message(reply(out, oldResult))
		case "tools/call":
			if string(jsonrpc.Member(out.Raw, "odd")) != "1.50" {
				t.Fatalf("a member got lost: %s", out.Raw)
			}
			if calls++; calls == 3 {
				cancel() // a server that asks for ever
			}
			sink.Message(back.WithID(out.ID))
		}
		return nil
	}
	l := New(Config{Server: r})
	defer func() { _ = l.Close(context.Background()) }()
	var s translator = newStatelessClient(l)
	if sessions {
		c := newSessionClient(l, jsonrpc.Built([]byte(oldInitialize)))
		c.begin(newResult([]byte("1"), []byte(`{}`)))
		s = c
	}
	l.use(s)
	own := 0
	err := s.send(ctx, m, jsonrpc.SinkFunc(func(reply jsonrpc.Message) {
		oneLine(t, reply)
		if reply.Kind == jsonrpc.Response {
			if string(reply.ID) != string(m.ID) {
				t.Fatalf("answered as %s", reply.Raw)
			}
			own++
		}
	}))
	if err == nil && own != 1 || err != nil && own != 0 {
		t.Fatalf("%d answers and %v to %s", own, err, m.Raw)
	}
}

func oneLine(t *testing.T, m jsonrpc.Message) {
	if !json.Valid(m.Raw) || bytes.ContainsAny(m.Raw, "\r\n") {
		t.Fatalf("not one line of JSON: %q", m.Raw)
	}
}

// Any answer to the probe: no panic, and a Support or a reason.
func FuzzJudge(f *testing.F) {
	f.Add(200, `{"supportedVersions":["2026-07-28"]}`, true)
	f.Add(400, `{"code":-32022,"data":{"supported":{}}}`, false)
	f.Fuzz(func(t *testing.T, code int, body string, isResult bool) {
		member := "error"
		if isResult {
			member = "result"
		}
		answer, err := jsonrpc.Parse([]byte(`{"jsonrpc":"2.0","id":1,"` + member + `":` + body + `}`))
		if err != nil {
			return
		}
		found := judge(context.Background(), code, answer, nil)
		if refusesAnyRequest(code) && answer.Result == nil && (found.support != Unknown || found.err == nil) {
			t.Fatalf("%d proved %q", code, found.support)
		}
	})
}
