package server

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/issuer"
	"mcp-login/test/leak"
)

// maxGrowth is how much the heap may grow under an attack.
const maxGrowth = 20 << 20

// zeros is an endless body.
type zeros struct{ read atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read.Add(int64(len(p)))
	return len(p), nil
}

// A body of 100 MB is 413 once 4 MiB of it have been read, with and
// without a length.
func TestBodyOf100MB(t *testing.T) { onBothBackends(t, bodyOf100MB) }

func bodyOf100MB(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(nil))
	token := i.Sign(t, issuer.Change{})
	for _, announced := range []bool{true, false} {
		body := &zeros{}
		r := request("POST", "/mcp", token, io.LimitReader(body, 100<<20))
		if announced {
			r.ContentLength = 100 << 20
		}
		var status int
		growth := leak.Heap(func() { status = serve(s, r).StatusCode })
		t.Logf("100 MB, announced %t: %d, %d KiB read, heap grew by %d KiB", announced, status, body.read.Load()>>10, growth>>10)
		if status != 413 || body.read.Load() > 2*maxBodyBytes || growth > maxGrowth {
			t.Error("a bound is broken")
		}
	}
}

// Incidents oauth2-proxy CVE-2025-54576, CVE-2026-34457, CVE-2026-40574 and
// CVE-2026-40575: no header, query or path makes a protected endpoint answer
// without a token.
func TestIncidentNothingButATokenGetsIn(t *testing.T) {
	onBothBackends(t, incidentNothingButATokenGetsIn)
}

func incidentNothingButATokenGetsIn(t *testing.T, on setUp) {
	s := newServer(t, issuer.Start(t), on(nil))
	headers := []string{
		"X-Forwarded-Uri", "/healthz", "X-Forwarded-User", "alice", "X-Forwarded-Email", "alice@example.com",
		"X-Forwarded-Access-Token", "x", "X-Forwarded-Method", "OPTIONS", "X-Forwarded-Prefix", "/healthz",
		"X-Forwarded-For", "127.0.0.1", "X-Real-Ip", "127.0.0.1", "Forwarded", "for=127.0.0.1;host=127.0.0.1:3001",
		"X-Original-Url", "/healthz", "X-Original-Method", "OPTIONS", "X-Rewrite-Url", "/healthz", "X-Auth-Request-User", "alice",
		"User-Agent", "kube-probe/1.30", "User-Agent", "GoogleHC/1.0", "X-Http-Method-Override", "OPTIONS", "Proxy-Authorization", "Bearer x",
		"X-Authorization", "Bearer x", "Cookie", "access_token=x; _oauth2_proxy=x", "Mcp-Session-Id", "x", "Sec-Websocket-Protocol", "Bearer x",
		"X-Whoami-Subject", "alice", "Mcp-Param-Sub", "alice", "Connection", "Authorization",
	}
	tried := 0
	for k := 0; k+1 < len(headers); k += 2 {
		for _, target := range []string{"/mcp", "/mcp?/healthz", "/mcp?x=/.well-known/", "/sse?y", "/messages?sessionId=1"} {
			resp := call(s, "POST", target, "", callWhoami, headers[k], headers[k+1])
			tried++
			if resp.StatusCode != 401 {
				t.Errorf("%s with %s: %d", target, headers[k], resp.StatusCode)
			}
		}
	}
	t.Logf("%d requests without a token, all 401", tried)
	// The form of RFC 6750 section 2.2, and a token inside the message.
	i := issuer.Start(t)
	s = newServer(t, i, on(nil))
	token := i.Sign(t, issuer.Change{})
	form := call(s, "POST", "/mcp", "", "access_token="+token, "Content-Type", "application/x-www-form-urlencoded")
	resp := call(s, "POST", "/mcp", "", strings.Replace(callWhoami, `"params":{`, `"access_token":"`+token+`","params":{`, 1))
	if form.StatusCode != 401 || resp.StatusCode != 401 || i.MetadataCalls.Load() != 0 {
		t.Errorf("token in a form: %d, in the message: %d", form.StatusCode, resp.StatusCode)
	}
}

// The client is told nothing but a generic text and an id; the log has the
// reason under that id.
func TestReasonIsInTheLogUnderTheIDTheClientGets(t *testing.T) {
	onBothBackends(t, reasonIsInTheLogUnderTheIDTheClientGets)
}

func reasonIsInTheLogUnderTheIDTheClientGets(t *testing.T, on setUp) {
	i := issuer.Start(t)
	var log binary.Output
	s := newServer(t, i, on(func(c *Config) { c.Log = log.Logger() }))
	resp := call(s, "POST", "/mcp", i.Claim(t, "aud", "https://elsewhere.example/mcp"), callWhoami)
	body, _ := io.ReadAll(resp.Body)
	id := resp.Header.Get(requestIDHeader)
	if id == "" || !strings.Contains(string(body), `"request_id":"`+id+`"`) {
		t.Errorf("id %q, body %s", id, body)
	}
	if strings.Contains(string(body), "elsewhere") || strings.Contains(string(body), "audience.") {
		t.Errorf("details in %s", body)
	}
	found := false
	for line := range strings.SplitSeq(log.String(), "\n") {
		found = found || strings.Contains(line, id) && strings.Contains(line, "another audience")
	}
	if !found {
		t.Errorf("no reason under %s in %s", id, log.String())
	}
}

// The reason says what was expected, and of the token what helps to set it right.
func TestReasonSaysWhatWasExpected(t *testing.T) {
	i := issuer.Start(t)
	var log binary.Output
	s := newServer(t, i, func(c *Config) { c.Log, c.RequiredScopes = log.Logger(), []string{"notes:write"} })
	for token, want := range map[string]string{
		i.Claim(t, "aud", "https://elsewhere.example/mcp"): "another audience than " + s.layout.resource,
		i.Claim(t, "scope", "notes:change x\u202ey"):       "the token has notes:change xy",
	} {
		call(s, "POST", "/mcp", token, callWhoami)
		if !strings.Contains(log.String(), want) {
			t.Errorf("%s is not in %s", want, log.String())
		}
	}
}
