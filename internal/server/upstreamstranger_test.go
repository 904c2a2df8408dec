package server

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"mcp-login/test/issuer"
)

// No token that is refused, and no request without one, reaches the upstream.
func TestGatewayAsksNothingForWhoIsRefused(t *testing.T) {
	i := issuer.Start(t)
	up := newRecorder(answerResult)
	l := startGateway(t, i, startUpstream(t, up), nil)
	good := l.tokenFor(t, i, "alice")
	as := func(claims map[string]any) string {
		claims["aud"] = l.url + "/mcp"
		return i.Sign(t, issuer.Change{Claims: claims})
	}
	for name, c := range map[string]struct {
		token string
		want  int
	}{
		"none":             {"", 401},
		"another audience": {i.Claim(t, "aud", l.url+"/other"), 401},
		"the upstream's":   {i.Claim(t, "aud", "http://127.0.0.1:8000/mcp"), 401},
		"another key":      {good[:len(good)-8] + "AAAAAAAA", 401},
		"no signature":     {good[:strings.LastIndex(good, ".")+1], 401},
		"over":             {as(map[string]any{"exp": 1000}), 401},
		"bound to a key":   {as(map[string]any{"cnf": map[string]any{"jkt": "x"}}), 401},
		"no subject":       {as(map[string]any{"sub": ""}), 401},
		"a long subject":   {as(map[string]any{"sub": strings.Repeat("a", 2000)}), 403},
	} {
		for _, try := range [][]string{{"POST", "/mcp", pingMessage}, {"GET", "/mcp", ""}, {"DELETE", "/mcp", ""}, {"GET", "/sse", ""}, {"POST", "/messages", pingMessage}} {
			client := http.DefaultClient
			if c.token != "" {
				client = clientWith(t, c.token)
			}
			want := c.want
			if want == 403 && try[1] == "/messages" {
				want = 404 // no session comes first
			}
			if resp := send(t, client, try[0], l.url+try[1], try[2]); resp.StatusCode != want {
				t.Errorf("%s, %s %s: %d, want %d", name, try[0], try[1], resp.StatusCode, want)
			}
		}
	}
	if len(up.headers) != 0 {
		t.Errorf("%d reached the upstream, such as %v", len(up.headers), <-up.headers)
	}
}

// Nobody cancels through a gateway what somebody else has asked for: neither without a
// session, where the upstream cannot tell callers apart, nor in one.
func TestGatewayNobodyCancelsCallsOfOthers(t *testing.T) {
	i := issuer.Start(t)
	asked, ended := make(chan struct{}), make(chan struct{}, 8)
	s := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "slow"}, func(ctx context.Context, _ *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, any, error) {
		asked <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, nil, ctx.Err()
	})
	mux := http.NewServeMux()
	mux.Handle("/mcp", mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, nil))
	mux.Handle("/sse", mcp.NewSSEHandler(func(*http.Request) *mcp.Server { return s }, nil))
	l := startGateway(t, i, startUpstream(t, mux), nil)
	alice, bob := l.clientFor(t, i, "alice"), l.clientFor(t, i, "bob")
	hers, his := l.begin(t, alice), l.begin(t, bob)
	const started = `{"jsonrpc":"2.0","method":"notifications/initialized"}`
	post(t, alice, l.url+"/mcp", started, "Mcp-Session-Id", hers)
	post(t, bob, l.url+"/mcp", started, "Mcp-Session-Id", his)
	var wg sync.WaitGroup
	wg.Go(func() { post(t, alice, l.url+"/mcp", callSlow, "Mcp-Session-Id", hers) })
	<-asked
	const cancel = `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}}`
	legacy := openStream(t, l.url, bob)
	for name, try := range map[string]struct {
		target string
		header []string
		want   int
	}{
		"no session":   {"/mcp", nil, 202},
		"his own":      {"/mcp", []string{"Mcp-Session-Id", his}, 202},
		"hers":         {"/mcp", []string{"Mcp-Session-Id", hers}, 404},
		"2026-07-28":   {"/mcp", []string{"Mcp-Session-Id", hers, "Mcp-Protocol-Version", "2026-07-28"}, 202},
		"his HTTP+SSE": {legacy.endpoint, nil, 202},
	} {
		if resp := post(t, bob, l.url+try.target, cancel, try.header...); resp.StatusCode != try.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, try.want)
		}
	}
	post(t, bob, l.url+"/mcp", pingMessage, "Mcp-Session-Id", his)
	select {
	case <-ended:
		t.Error("a call of somebody else was cancelled")
	default:
		post(t, alice, l.url+"/mcp", cancel, "Mcp-Session-Id", hers)
		<-ended
	}
	wg.Wait()
}

// Without a session nothing that is about an id reaches the upstream: it could take bob's
// answer for alice's. With one, and what is about no id, does.
func TestGatewayKeepsAnswersWithoutASession(t *testing.T) {
	i := issuer.Start(t)
	up := newRecorder(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Mcp-Session-Id", "s")
		answerResult(w, r)
	})
	l := startGateway(t, i, startUpstream(t, up), nil)
	bob := l.clientFor(t, i, "bob")
	session := l.begin(t, bob)
	<-up.bodies
	for message, want := range map[string]int{
		`{"jsonrpc":"2.0","id":1,"result":{"action":"accept"}}`:                                               400,
		`{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}`:                                         400,
		`{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}`:       202,
		`{"jsonrpc":"2.0","m\u0065thod":"notifications\/progress","params":{"progressToken":1,"progress":1}}`: 202,
		`{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}`:                                       0,
	} {
		for name, header := range map[string][]string{"none": nil, "2026-07-28": {"Mcp-Session-Id", session, "Mcp-Protocol-Version", "2026-07-28"}} {
			resp := post(t, bob, l.url+"/mcp", message, header...)
			if passed := len(up.bodies) > 0; passed != (want == 0) || want != 0 && resp.StatusCode != want {
				t.Errorf("%s, session %s: %d, passed on: %t", message, name, resp.StatusCode, passed)
			}
			for len(up.bodies) > 0 {
				<-up.bodies
			}
		}
		post(t, bob, l.url+"/mcp", message, "Mcp-Session-Id", session)
		if len(up.bodies) != 1 {
			t.Errorf("%s in a session: %d", message, len(up.bodies))
		}
		for len(up.bodies) > 0 {
			<-up.bodies
		}
	}
}

// What stands for a session is for one transport and one resource, also in its owner's hands
// and where the secret is the same.
func TestGatewaySessionIsOfOneTransportAndResource(t *testing.T) {
	i := issuer.Start(t)
	base := startUpstream(t, sdkUpstream())
	l, other := startGateway(t, i, base, nil), startGateway(t, i, base, nil)
	alice, there := l.clientFor(t, i, "alice"), other.clientFor(t, i, "alice")
	session, legacy := l.begin(t, alice), openStream(t, l.url, alice)
	for name, resp := range map[string]*http.Response{
		"a session for messages of HTTP+SSE":   post(t, alice, l.url+"/messages?sessionId="+session, pingMessage),
		"a stream as a session":                l.send(t, alice, "POST", pingMessage, "Mcp-Session-Id", legacy.sessionID(t)),
		"a session of another resource":        other.send(t, there, "POST", pingMessage, "Mcp-Session-Id", session),
		"its stream":                           other.send(t, there, "GET", "", "Mcp-Session-Id", session, "Last-Event-ID", "1"),
		"its end":                              other.send(t, there, "DELETE", "", "Mcp-Session-Id", session),
		"messages to a stream of another":      post(t, there, other.url+legacy.endpoint, pingMessage),
		"a session behind another":             l.send(t, alice, "POST", pingMessage, "Mcp-Session-Id", session+session),
		"the address of an upstream, in plain": post(t, alice, l.url+"/messages?sessionId=/messages", pingMessage),
		"two sessions of one, for one of both": post(t, there, other.url+legacy.endpoint+"&sessionId="+session, pingMessage),
	} {
		if resp.StatusCode != 404 {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if resp := l.send(t, alice, "POST", pingMessage, "Mcp-Session-Id", session); resp.StatusCode != 200 {
		t.Errorf("her own: %d", resp.StatusCode)
	}
}

// A user has so many streams of all kinds and no more, and takes none from others.
func TestGatewayStreamsOfOneUserAreBounded(t *testing.T) {
	i := issuer.Start(t)
	l := startGateway(t, i, startUpstream(t, sdkUpstream()), func(c *Config) { c.MaxStreams = 2 })
	alice, bob := l.clientFor(t, i, "alice"), l.clientFor(t, i, "bob")
	session, his := l.begin(t, alice), l.begin(t, bob)
	if resp := l.send(t, alice, "GET", "", "Mcp-Session-Id", session); resp.StatusCode != 200 {
		t.Fatalf("the first: %d", resp.StatusCode)
	}
	openStream(t, l.url, alice)
	for name, resp := range map[string]*http.Response{
		"another":    l.send(t, alice, "GET", "", "Mcp-Session-Id", session),
		"HTTP+SSE":   send(t, alice, "GET", l.url+"/sse", ""),
		"to listen":  l.callModern(t, alice, "subscriptions/listen", `"notifications":{},`),
		"no session": l.send(t, alice, "GET", ""),
		"resumed":    l.send(t, alice, "GET", "", "Mcp-Session-Id", session, "Last-Event-ID", "1"),
	} {
		if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	if resp := l.send(t, bob, "GET", "", "Mcp-Session-Id", his); resp.StatusCode != 200 {
		t.Errorf("bob: %d", resp.StatusCode)
	}
}
