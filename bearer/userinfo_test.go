package bearer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// logtoClaims is a userinfo answer as Logto gives it: nulls, objects, and
// times in milliseconds.
const logtoClaims = `{"sub":"u1","name":"Alice Example","username":"alice","email":"alice@example.test",` +
	`"updated_at":1795384501766,"phone_number":null,"custom_data":{"team":"blue"},"roles":["mcp-user"]}`

// An opaque token is judged by userinfo alone; each answer becomes the right
// status, and only a statement about the token becomes a 401.
func TestOpaqueTokenStatuses(t *testing.T) {
	tests := map[string]struct {
		userinfo http.HandlerFunc
		status   int
		code     string
	}{
		"good":            {answer(200, logtoClaims), 200, ""},
		"unknown token":   {serveUnknownToken, 401, "invalid_token"},
		"suspended user":  {answer(400, `{"error":"invalid_grant"}`), 401, "invalid_token"},
		"without openid":  {answer(403, `{"error":"insufficient_scope","scope":"openid"}`), 403, "insufficient_scope"},
		"other 403":       {answer(403, `{"error":"access_denied"}`), 401, "invalid_token"},
		"403, no body":    {answer(403, ``), 401, "invalid_token"},
		"server error":    {answer(500, `oops`), 503, "temporarily_unavailable"},
		"unavailable":     {answer(503, ``), 503, "temporarily_unavailable"},
		"rate limited":    {answer(429, ``), 503, "temporarily_unavailable"},
		"not found":       {answer(404, ``), 503, "temporarily_unavailable"},
		"not JSON":        {answer(200, `<html>`), 503, "temporarily_unavailable"},
		"a list":          {answer(200, `["sub"]`), 503, "temporarily_unavailable"},
		"null":            {answer(200, `null`), 503, "temporarily_unavailable"},
		"no subject":      {answer(200, `{"name":"x"}`), 503, "temporarily_unavailable"},
		"subject number":  {answer(200, `{"sub":1}`), 503, "temporarily_unavailable"},
		"subject twice":   {answer(200, `{"sub":"a","sub":"b"}`), 503, "temporarily_unavailable"},
		"subject in caps": {answer(200, `{"SUB":"a"}`), 503, "temporarily_unavailable"},
		"too large":       {answer(200, `{"sub":"a","x":"`+strings.Repeat("x", maxUserinfoBytes)+`"}`), 503, "temporarily_unavailable"},
		"connection cut": {func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, 503, "temporarily_unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			i := newTestIssuer(t)
			i.userinfo = tt.userinfo
			s := newServer(t, i, nil)
			resp := call(s, "POST", "/mcp", "opaque-token", callWhoami)
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if tt.status == 200 {
				return
			}
			if code := errorCode(t, resp); code != tt.code {
				t.Errorf("error %q, want %q", code, tt.code)
			}
			if (resp.Header.Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("Retry-After %q with %d", resp.Header.Get("Retry-After"), tt.status)
			}
			if tt.status == 403 && !strings.Contains(bearerChallenge(t, resp)["scope"], "openid") {
				t.Error("the challenge does not name openid")
			}
		})
	}
}

// The token is shown to the userinfo endpoint and to nobody it redirects to.
func TestUserinfoRedirectIsNotFollowed(t *testing.T) {
	thief := newTestIssuer(t)
	thief.userinfo = func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the token travelled on: %t", r.Header.Get("Authorization") != "")
		answer(200, logtoClaims)(w, r)
	}
	i := newTestIssuer(t)
	i.userinfo = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.url+"/me", http.StatusTemporaryRedirect)
	}
	s := newServer(t, i, nil)
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 503 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// JWTOnly closes the gap that userinfo leaves: nothing opaque gets in, and
// nothing is sent anywhere.
func TestJWTOnlySendsNoTokenAnywhere(t *testing.T) {
	i := newTestIssuer(t)
	i.userinfo = answer(200, logtoClaims)
	s := newServer(t, i, func(c *Config) { c.JWTOnly = true })
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 401 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if n := i.userinfoCalls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// The first caller may go away: those who share its call get their answer.
func TestSharedUserinfoCallOutlivesItsCaller(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *testIssuer, s *Server) {
		i.userinfo = func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(2 * time.Second)
			answer(200, logtoClaims)(w, r)
		}
		gone, leave := context.WithTimeout(t.Context(), time.Second)
		defer leave()
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := s.Verify(gone, "opaque"); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("first caller: %v", err)
			}
		})
		wg.Go(func() {
			time.Sleep(500 * time.Millisecond)
			if _, err := s.Verify(t.Context(), "opaque"); err != nil {
				t.Errorf("second caller: %v", err)
			}
		})
		wg.Wait()
	})
}
