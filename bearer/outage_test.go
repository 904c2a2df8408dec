package bearer

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/test/issuer"
)

// A provider that is down: tokens that are known keep working, others get 503
// with Retry-After, and none gets 401. It is left alone after a few failures,
// and used again soon after it is back.
func TestOutageKnownTokensWorkUnknownGet503(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		var down atomic.Bool
		i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				issuer.Answer(502, "bad gateway")(w, r)
				return
			}
			issuer.Answer(200, issuer.LogtoClaims)(w, r)
		}
		known := func(want int) {
			t.Helper()
			for _, token := range []string{"known", i.Sign(t, issuer.Change{})} {
				if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != want {
					t.Errorf("known: %d, want %d", resp.StatusCode, want)
				}
			}
		}
		known(200)
		before := i.UserinfoCalls.Load()
		down.Store(true)
		began := time.Now()
		for n := 0; time.Since(began) < 4*time.Minute; n++ {
			known(200)
			resp := call(s, "POST", "/mcp", fmt.Sprintf("unknown-%d", n), callWhoami)
			after, err := strconv.Atoi(resp.Header.Get("Retry-After"))
			if resp.StatusCode != 503 || err != nil || after < 1 || after > 60 {
				t.Fatalf("unknown: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
			}
			<-time.After(time.Second)
		}
		calls := i.UserinfoCalls.Load() - before
		t.Logf("4 minutes of outage with 2 requests a second about tokens that must be asked about: %d calls", calls)
		if calls > 20 {
			t.Errorf("%d calls of a provider that is down", calls)
		}
		down.Store(false)
		<-time.After(breakerMaxPause)
		if resp := call(s, "POST", "/mcp", "unknown", callWhoami); resp.StatusCode != 200 {
			t.Errorf("once it is back: %d", resp.StatusCode)
		}
		if s.opaque.breaker.isOpen() {
			t.Error("the breaker is still open")
		}
	})
}

// The grace of an outage ends, and can be turned off.
func TestOutageGraceEnds(t *testing.T) {
	for grace, ends := range map[time.Duration]time.Duration{
		0: defaultOutageGrace, time.Minute: time.Minute, -1: defaultCacheTTL,
	} {
		t.Run(grace.String(), func(t *testing.T) {
			simulated(t, func(c *Config) { c.OutageGrace = grace }, func(t *testing.T, i *issuer.Issuer, s *Server) {
				i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
				if _, err := s.Verify(t.Context(), "known"); err != nil {
					t.Fatal(err)
				}
				i.Userinfo = issuer.Answer(500, "")
				<-time.After(ends - time.Second)
				if _, err := s.Verify(t.Context(), "known"); err != nil {
					t.Errorf("a second before the end: %v", err)
				}
				<-time.After(time.Second)
				if _, err := s.Verify(t.Context(), "known"); !errors.Is(err, ErrUnavailable) {
					t.Errorf("at the end: %v", err)
				}
			})
		})
	}
}

// A provider that was down and now refuses the token: no grace for that.
func TestOutageGraceIsNotForRevokedTokens(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
		_, _ = s.Verify(t.Context(), "known")
		i.Userinfo = issuer.UnknownToken
		<-time.After(defaultCacheTTL)
		if _, err := s.Verify(t.Context(), "known"); !errors.Is(err, ErrInvalidToken) {
			t.Fatalf("revoked: %v", err)
		}
		i.Userinfo = issuer.Answer(500, "")
		<-time.After(refusedTTL)
		if _, err := s.Verify(t.Context(), "known"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("revoked, then an outage: %v", err)
		}
	})
}

// A provider that hangs holds nobody for long: a known token a second at most,
// an unknown one the time of one visit, and none of them any more once it is
// clear that it hangs.
func TestOutageProviderThatHangs(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
		_, _ = s.Verify(t.Context(), "known")
		i.Userinfo = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		<-time.After(defaultCacheTTL)
		took := func(token string, want int) time.Duration {
			start := time.Now()
			if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != want {
				t.Errorf("%s: %d, want %d", token, resp.StatusCode, want)
			}
			return time.Since(start)
		}
		var wg sync.WaitGroup
		for n := range 20 {
			wg.Go(func() {
				if d := took(fmt.Sprintf("unknown-%d", n), 503); d != fetchTimeout {
					t.Errorf("unknown: %s", d)
				}
			})
		}
		wg.Go(func() {
			if d := took("known", 200); d != staleWait {
				t.Errorf("known: %s", d)
			}
		})
		wg.Wait()
		first := i.UserinfoCalls.Load()
		if d := took("known", 200) + took("unknown", 503); d != 0 {
			t.Errorf("with the breaker open: %s", d)
		}
		if n := i.UserinfoCalls.Load(); n != first {
			t.Errorf("%d calls with the breaker open", n-first)
		}
	})
}

// A provider that asks to be left alone is left alone, for a minute at most.
func TestRetryAfterOfTheProvider(t *testing.T) {
	for header, want := range map[string]string{"17": "17", "3600": "60", "soon": "5", "": "5"} {
		simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
			i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", header)
				issuer.Answer(429, "")(w, r)
			}
			call(s, "POST", "/mcp", "one", callWhoami)
			resp := call(s, "POST", "/mcp", "two", callWhoami)
			if got := resp.Header.Get("Retry-After"); resp.StatusCode != 503 || got != want {
				t.Errorf("%q: %d, Retry-After %q, want %s", header, resp.StatusCode, got, want)
			}
			wantCalls := int64(1)
			if header == "" || header == "soon" {
				wantCalls = 2
			}
			if n := i.UserinfoCalls.Load(); n != wantCalls {
				t.Errorf("%q: %d calls, want %d", header, n, wantCalls)
			}
		})
	}
}

// The breaker by itself: it takes some failures in a row, lets one call try
// after a pause that grows, and one good answer closes it.
func TestBreakerClosesAfterOneGoodAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &breaker{name: "x"}
		for k := range breakerLimit - 1 {
			if err := b.allow(); err != nil {
				t.Fatal(err)
			}
			b.report(k == 1, 0) // one good answer in between starts the count anew
		}
		for range breakerLimit {
			if err := b.allow(); err != nil {
				break
			}
			b.report(false, 0)
		}
		pause := breakerPause
		for range 6 {
			if err := b.allow(); !errors.Is(err, ErrUnavailable) {
				t.Fatalf("open: %v", err)
			}
			<-time.After(pause)
			if err := b.allow(); err != nil {
				t.Fatalf("after %s: %v", pause, err)
			}
			if err := b.allow(); !errors.Is(err, ErrUnavailable) {
				t.Errorf("a second call while the first tries: %v", err)
			}
			b.report(false, 0)
			pause = min(2*pause, breakerMaxPause)
		}
		<-time.After(pause)
		if err := b.allow(); err != nil {
			t.Fatal(err)
		}
		b.report(true, 0)
		if b.isOpen() || b.allow() != nil {
			t.Error("still open after a good answer")
		}
	})
}
