package bearer

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"mcp-login/test/issuer"
)

// An opaque token is judged by userinfo alone; each answer becomes the right
// status, and only a statement about the token becomes a 401.
func TestOpaqueTokenStatuses(t *testing.T) {
	tests := map[string]struct {
		userinfo http.HandlerFunc
		status   int
		code     string
	}{
		"good":            {issuer.Answer(200, issuer.LogtoClaims), 200, ""},
		"unknown token":   {issuer.UnknownToken, 401, "invalid_token"},
		"suspended user":  {issuer.Answer(400, `{"error":"invalid_grant"}`), 401, "invalid_token"},
		"without openid":  {issuer.Answer(403, `{"error":"insufficient_scope","scope":"openid"}`), 403, "insufficient_scope"},
		"other 403":       {issuer.Answer(403, `{"error":"access_denied"}`), 401, "invalid_token"},
		"403, no body":    {issuer.Answer(403, ``), 401, "invalid_token"},
		"server error":    {issuer.Answer(500, `oops`), 503, "temporarily_unavailable"},
		"unavailable":     {issuer.Answer(503, ``), 503, "temporarily_unavailable"},
		"rate limited":    {issuer.Answer(429, ``), 503, "temporarily_unavailable"},
		"not found":       {issuer.Answer(404, ``), 503, "temporarily_unavailable"},
		"not JSON":        {issuer.Answer(200, `<html>`), 503, "temporarily_unavailable"},
		"a list":          {issuer.Answer(200, `["sub"]`), 503, "temporarily_unavailable"},
		"null":            {issuer.Answer(200, `null`), 503, "temporarily_unavailable"},
		"no subject":      {issuer.Answer(200, `{"name":"x"}`), 503, "temporarily_unavailable"},
		"subject number":  {issuer.Answer(200, `{"sub":1}`), 503, "temporarily_unavailable"},
		"subject twice":   {issuer.Answer(200, `{"sub":"a","sub":"b"}`), 503, "temporarily_unavailable"},
		"subject in caps": {issuer.Answer(200, `{"SUB":"a"}`), 503, "temporarily_unavailable"},
		"too large":       {issuer.Answer(200, `{"sub":"a","x":"`+strings.Repeat("x", maxUserinfoBytes)+`"}`), 503, "temporarily_unavailable"},
		"connection cut": {func(http.ResponseWriter, *http.Request) {
			panic(http.ErrAbortHandler)
		}, 503, "temporarily_unavailable"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			i := issuer.Start(t)
			i.Userinfo = tt.userinfo
			s := newServer(t, i, nil)
			resp := call(s, "POST", "/mcp", "opaque-token", callWhoami)
			if resp.StatusCode != tt.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, tt.status)
			}
			if tt.status == 200 {
				return
			}
			if code := issuer.ErrorCode(t, resp); code != tt.code {
				t.Errorf("error %q, want %q", code, tt.code)
			}
			if (resp.Header.Get("Retry-After") != "") != (tt.status == 503) {
				t.Errorf("Retry-After %q with %d", resp.Header.Get("Retry-After"), tt.status)
			}
			if tt.status == 403 && !strings.Contains(issuer.Challenge(t, resp)["scope"], "openid") {
				t.Error("the challenge does not name openid")
			}
		})
	}
}

// The token is shown to the userinfo endpoint and to nobody it redirects to.
func TestUserinfoRedirectIsNotFollowed(t *testing.T) {
	thief := issuer.Start(t)
	thief.Userinfo = func(w http.ResponseWriter, r *http.Request) {
		t.Errorf("the token travelled on: %t", r.Header.Get("Authorization") != "")
		issuer.Answer(200, issuer.LogtoClaims)(w, r)
	}
	i := issuer.Start(t)
	i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, thief.URL+"/me", http.StatusTemporaryRedirect)
	}
	s := newServer(t, i, nil)
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 503 {
		t.Errorf("status %d", resp.StatusCode)
	}
}

// JWTOnly closes the gap that userinfo leaves: nothing opaque gets in, and
// nothing is sent anywhere.
func TestJWTOnlySendsNoTokenAnywhere(t *testing.T) {
	i := issuer.Start(t)
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	s := newServer(t, i, func(c *Config) { c.JWTOnly = true })
	if resp := call(s, "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 401 {
		t.Errorf("status %d", resp.StatusCode)
	}
	if n := i.UserinfoCalls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}

// The first caller may go away: those who share its call get their answer.
func TestSharedUserinfoCallOutlivesItsCaller(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
			<-time.After(2 * time.Second)
			issuer.Answer(200, issuer.LogtoClaims)(w, r)
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
			<-time.After(500 * time.Millisecond)
			if _, err := s.Verify(t.Context(), "opaque"); err != nil {
				t.Errorf("second caller: %v", err)
			}
		})
		wg.Wait()
	})
}
