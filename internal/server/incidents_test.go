package server

import (
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Incident Python SDK CVE-2026-116684 and jwt-go CVE-2020-26160: a token that is
// good in everything but for whom it is meant is refused, in whatever form aud
// comes, and also when it has just been good elsewhere.
func TestIncidentTokensForAnotherResource(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	bad := []any{
		nil, "", "https://elsewhere.example/mcp", testResource + "/", testResource + "/x", "http://127.0.0.1:3001",
		strings.TrimSuffix(testResource, "p"), "http://127.0.0.1:3001/mcp?x", "HTTP://127.0.0.1:3001/mcp", "app",
		[]string{},
		[]string{""},
		[]string{"https://elsewhere.example/mcp", "app"},
		[]any{testResource, 1},
		[]any{[]string{testResource}},
		map[string]any{"0": testResource},
		map[string]any{testResource: true},
		1, true,
		[]any{nil},
		testResource + " ", " " + testResource, testResource + ",https://elsewhere.example/mcp", testResource + "\x00",
	}
	for _, aud := range bad {
		if resp := call(s, "POST", "/mcp", i.claim(t, "aud", aud), callWhoami); resp.StatusCode != 401 {
			t.Errorf("aud %v: %d", aud, resp.StatusCode)
		}
	}
	for _, aud := range []any{testResource, []string{testResource}, []string{"app", testResource}} {
		if resp := call(s, "POST", "/mcp", i.claim(t, "aud", aud), callWhoami); resp.StatusCode != 200 {
			t.Errorf("aud %v: %d", aud, resp.StatusCode)
		}
	}
	t.Logf("%d audiences refused", len(bad))
}

// Incidents TypeScript SDK CVE-2026-25536 and CVE-2026-111770: 50 clients at
// once whose requests all have the id 0 each get their own answers, 10,000 in
// all.
func TestIncidentAnswersReachTheirOwnClients(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	const clients, calls = 50, 200
	message := strings.Replace(callWhoami, `"id":1`, `"id":0`, 1)
	var wrong atomic.Int64
	var wg sync.WaitGroup
	for c := range clients {
		want := fmt.Sprintf("user-%02d", c)
		token := i.claim(t, "sub", want)
		wg.Go(func() {
			for range calls {
				resp := call(s, "POST", "/mcp", token, message)
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != 200 || !strings.Contains(string(body), `"sub":"`+want+`"`) || strings.Count(string(body), "user-") != strings.Count(string(body), want) {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("%d clients, %d calls with id 0: %d wrong answers", clients, clients*calls, wrong.Load())
	if wrong.Load() != 0 {
		t.Error("answers crossed")
	}
}

// Incidents CVE-2025-66414, CVE-2025-66416 and CVE-2026-34742 (DNS rebinding) and
// CVE-2026-33252 (cross-site text/plain): with a good token, a foreign Host or
// Origin is 403 on every path, and what a form can send is 415.
func TestIncidentRequestsOfForeignPages(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	token := i.token(t, tokenParts{})
	tried := 0
	refused := func(want int, method, path string, header ...string) {
		t.Helper()
		tried++
		r := httptest.NewRequest(method, path, strings.NewReader(callWhoami))
		r.Host = "127.0.0.1:3001"
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		for k := 0; k+1 < len(header); k += 2 {
			if header[k] == "Host" {
				r.Host = header[k+1]
			}
			r.Header.Set(header[k], header[k+1])
		}
		rec := httptest.NewRecorder()
		s.ServeHTTP(rec, r)
		if rec.Code != want {
			t.Errorf("%s %s %v: %d, want %d", method, path, header, rec.Code, want)
		}
	}
	for _, path := range []string{"/mcp", "/sse", "/messages?sessionId=1"} {
		for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS"} {
			for _, host := range []string{"evil.example", "evil.example:3001", "127.0.0.1.evil.example", "localhost.evil.example:3001", "169.254.169.254"} {
				refused(403, method, path, "Host", host)
				refused(403, method, path, "Host", host, "Origin", "http://"+host)
				refused(403, method, path, "Origin", "http://"+host)
			}
		}
	}
	for _, contentType := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"} {
		refused(415, "POST", "/mcp", "Content-Type", contentType)
	}
	t.Logf("%d requests of foreign pages refused", tried)
	if n := i.keyCalls.Load(); n > 1 {
		t.Errorf("%d visits to the key set", n)
	}
}

// Incident Envoy CVE-2022-29226: any string as a token is not a good token.
func TestIncidentRandomTokensAreRefused(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	n := 0
	for _, alphabet := range []string{"", ".", "..", "=", "-_~+/"} {
		for range 20 {
			token := rand.Text() + alphabet + rand.Text()
			if strings.HasSuffix(alphabet, "=") {
				token = rand.Text() + "="
			}
			if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != http.StatusUnauthorized {
				t.Errorf("%d for %q", resp.StatusCode, alphabet)
			}
			n++
		}
	}
	t.Logf("%d random tokens refused", n)
}
