package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/test/issuer"
)

// counted makes the cache of a server count its checks, each of which verifies
// one signature or asks the provider once.
func counted(s *Server) *atomic.Int64 {
	var n atomic.Int64
	check := s.results.check
	s.results.check = func(ctx context.Context, token string) (Identity, error) {
		n.Add(1)
		return check(ctx, token)
	}
	return &n
}

// A signature is verified once per token and TTL, and a token is never accepted
// past its expiry because of that.
func TestCacheJWTIsVerifiedOncePerTTL(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		checks := counted(s)
		token := i.Sign(t, issuer.Change{Claims: map[string]any{"exp": time.Now().Add(95 * time.Second).Unix()}})
		uses := 0
		for start := time.Now(); time.Since(start) < 95*time.Second; <-time.After(time.Second / 2) {
			if id, err := s.Verify(t.Context(), token); err != nil || id.Subject != "alice" {
				t.Fatalf("after %s: %+v, %v", time.Since(start), id, err)
			}
			uses++
		}
		t.Logf("%d uses in 95 s with a TTL of %s: %d verifications", uses, defaultCacheTTL, checks.Load())
		if n := checks.Load(); n != 4 {
			t.Errorf("%d verifications, want 4", n)
		}
		<-time.After(defaultLeeway + time.Second)
		if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("after its expiry: %v", err)
		}
	})
}

// Neither a long TTL nor an outage carries a verdict past the token's expiry.
func TestCacheNeverPastExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var down atomic.Bool
		c := newCache(t.Context(), func(context.Context, string) (Identity, error) {
			if down.Load() {
				return Identity{}, ErrUnavailable
			}
			return Identity{Subject: "a", Expiry: time.Now().Add(time.Minute)}, nil
		}, time.Hour, 2*time.Hour)
		if _, err := c.verify(t.Context(), "", "x"); err != nil {
			t.Fatal(err)
		}
		down.Store(true)
		<-time.After(time.Minute - time.Second)
		if _, err := c.verify(t.Context(), "", "x"); err != nil {
			t.Errorf("before its expiry: %v", err)
		}
		<-time.After(time.Second)
		if _, err := c.verify(t.Context(), "", "x"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("at its expiry: %v", err)
		}
	})
}

// The documented revocation delay: a revoked token is accepted until CacheTTL
// has passed since its last check, and not longer.
func TestCacheTTLIsTheRevocationDelay(t *testing.T) {
	for ttl, delay := range map[time.Duration]time.Duration{
		0: defaultCacheTTL, 3 * time.Minute: 3 * time.Minute, -1: 0,
	} {
		t.Run(ttl.String(), func(t *testing.T) {
			simulated(t, func(c *Config) { c.CacheTTL = ttl }, func(t *testing.T, i *issuer.Issuer, s *Server) {
				i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
				if _, err := s.Verify(t.Context(), "opaque"); err != nil {
					t.Fatal(err)
				}
				i.Userinfo = issuer.UnknownToken
				if delay > 0 {
					<-time.After(delay - time.Second)
					if _, err := s.Verify(t.Context(), "opaque"); err != nil {
						t.Errorf("a second before: %v", err)
					}
					<-time.After(time.Second)
				}
				if _, err := s.Verify(t.Context(), "opaque"); !errors.Is(err, ErrInvalidToken) {
					t.Errorf("after %s: %v", delay, err)
				}
			})
		})
	}
}

// A refusal is reused for a short time, so that a client that repeats a bad
// token costs one call; the token may become good after that.
func TestCacheReusesARefusalForAShortTime(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		for range 1000 {
			if _, err := s.Verify(t.Context(), "opaque"); !errors.Is(err, ErrInvalidToken) {
				t.Fatal(err)
			}
		}
		if n := i.UserinfoCalls.Load(); n != 1 {
			t.Errorf("%d calls, want 1", n)
		}
		i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
		<-time.After(refusedTTL)
		if _, err := s.Verify(t.Context(), "opaque"); err != nil {
			t.Errorf("good by now: %v", err)
		}
	})
}

// What time or a new key can change is not remembered: no false 401.
func TestCacheDoesNotKeepWhatTimeChanges(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		for _, claim := range []string{"nbf", "iat"} {
			token := i.Claim(t, claim, time.Now().Add(defaultLeeway+2*time.Second).Unix())
			if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("%s: %v", claim, err)
			}
			<-time.After(3 * time.Second)
			if _, err := s.Verify(t.Context(), token); err != nil {
				t.Errorf("%s, once it has come: %v", claim, err)
			}
		}
	})
}

// Two tokens never share a verdict, and the cache stays within its bounds: bad
// tokens drive no good one out, and large claims count for what they are.
func TestCacheIsPerTokenAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const large = 1 << 20
		c := newCache(t.Context(), func(_ context.Context, token string) (Identity, error) {
			switch {
			case strings.HasPrefix(token, "bad"):
				return Identity{}, ErrInvalidToken
			case strings.HasPrefix(token, "large"):
				return Identity{Subject: token, Claims: map[string]any{"x": strings.Repeat("x", large)}}, nil
			}
			return Identity{Subject: token}, nil
		}, time.Minute, 0)
		fill := func(prefix string, n int) {
			for k := range n {
				token := fmt.Sprintf("%s-%d", prefix, k)
				if id, err := c.verify(t.Context(), "", token); id.Subject != token && err == nil {
					t.Fatalf("%s got %+v", token, id)
				}
			}
		}
		fill("good", maxGood+100)
		fill("bad", 3*maxRefused)
		good, refused, bytes := c.size()
		if good != maxGood || refused != maxRefused {
			t.Errorf("%d good and %d refused, want %d and %d", good, refused, maxGood, maxRefused)
		}
		fill("large", 2*maxGoodBytes/large)
		_, _, weighed := c.size()
		if weighed > maxGoodBytes || weighed < maxGoodBytes/2 {
			t.Errorf("%d bytes, bound is %d", weighed, maxGoodBytes)
		}
		t.Logf("at most %d good tokens (%d bytes as counted), %d refused, %d bytes of claims", good, bytes, refused, weighed)
	})
}

// Checks outlive their requests, so there must not be any number of them. One
// address may cause half of them, and others are served then.
func TestCacheChecksUnderWayAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		c := newCache(t.Context(), func(context.Context, string) (Identity, error) {
			<-release
			return Identity{Subject: "a"}, nil
		}, time.Minute, 0)
		var wg sync.WaitGroup
		for k := range maxChecks {
			wg.Go(func() {
				if _, err := c.verify(t.Context(), fmt.Sprint(k%2), fmt.Sprint(k)); err != nil {
					t.Error(err)
				}
			})
			if k == maxChecks-2 {
				synctest.Wait()
				if _, err := c.verify(t.Context(), "0", "one more"); !errors.Is(err, ErrUnavailable) {
					t.Errorf("more than half of one address: %v", err)
				}
			}
		}
		synctest.Wait()
		if _, err := c.verify(t.Context(), "", "one more"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("one more: %v", err)
		}
		close(release)
		wg.Wait()
		if _, err := c.verify(t.Context(), "", "one more"); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// A panic in a check is an error of the requests that wait for it, not the end
// of the process, and says nothing of what it was thrown with.
func TestCacheSurvivesAPanic(t *testing.T) {
	c := newCache(t.Context(), func(_ context.Context, token string) (Identity, error) { panic(token) }, time.Minute, 0)
	_, err := c.verify(t.Context(), "", "secret-token")
	if err == nil || errors.Is(err, ErrInvalidToken) || errors.Is(err, ErrUnavailable) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// A token that was good and is refused is reported once, for other replicas to
// forget it, and forgotten at once when another replica says so.
func TestCacheReportsARevocationOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var result error
		var checks int
		c := newCache(t.Context(), func(context.Context, string) (Identity, error) {
			checks++
			return Identity{Subject: "a"}, result
		}, time.Minute, time.Hour)
		var revoked []tokenKey
		c.observe = func(e Event) {
			if e.Revoked {
				revoked = append(revoked, e.Token)
			}
		}
		_, _ = c.verify(t.Context(), "", "x")
		c.forget(keyOf("x"))
		_, _ = c.verify(t.Context(), "", "x")
		if checks != 2 {
			t.Errorf("%d checks of a token that was forgotten once, want 2", checks)
		}
		result = ErrInvalidToken
		<-time.After(time.Minute)
		for range 3 {
			if _, err := c.verify(t.Context(), "", "x"); !errors.Is(err, ErrInvalidToken) {
				t.Error(err)
			}
		}
		if len(revoked) != 1 || revoked[0] != keyOf("x") {
			t.Errorf("reported %d times", len(revoked))
		}
	})
}

// Reload makes what the provider has changed count at once.
func TestReloadCountsAtOnce(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
		s.Reload() // at the start: everything is ready before the first request
		synctest.Wait()
		if m, k := i.MetadataCalls.Load(), i.KeyCalls.Load(); m != 1 || k != 1 {
			t.Errorf("at start: %d and %d visits", m, k)
		}
		token := i.Sign(t, issuer.Change{})
		for _, token := range []string{token, "opaque"} {
			if _, err := s.Verify(t.Context(), token); err != nil {
				t.Fatal(err)
			}
		}
		i.AddKey(t, "k2")
		i.Keys.Delete("k1")
		i.Userinfo = issuer.UnknownToken
		s.Reload()
		synctest.Wait()
		for _, token := range []string{token, "opaque"} {
			if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
				t.Errorf("after the reload: %v", err)
			}
		}
		if m, k := i.MetadataCalls.Load(), i.KeyCalls.Load(); m != 2 || k != 3 { // one for the kid that is gone
			t.Errorf("after the reload: %d and %d visits", m, k)
		}
	})
}

// 1,000 first uses of one token at once: one call of the provider, one check.
func TestStampedeIsOneUpstreamCall(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
			<-time.After(time.Second) // so that all are there before the answer
			issuer.Answer(200, issuer.LogtoClaims)(w, r)
		}
		checks := counted(s)
		for _, token := range []string{"opaque", i.Sign(t, issuer.Change{})} {
			var good atomic.Int64
			var wg sync.WaitGroup
			for range 1000 {
				wg.Go(func() {
					if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode == 200 {
						good.Add(1)
					}
				})
			}
			wg.Wait()
			if good.Load() != 1000 {
				t.Errorf("%d of 1000 got their answer", good.Load())
			}
		}
		t.Logf("2 x 1000 first uses: %d checks, %d metadata, %d key, %d userinfo calls",
			checks.Load(), i.MetadataCalls.Load(), i.KeyCalls.Load(), i.UserinfoCalls.Load())
		if checks.Load() != 2 || i.MetadataCalls.Load() != 1 || i.KeyCalls.Load() != 1 || i.UserinfoCalls.Load() != 1 {
			t.Error("want 2, 1, 1 and 1")
		}
	})
}

// A token that expires while its check hangs is not accepted on the strength of
// the last one.
func TestCacheExpiryDuringACheckThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		expiry := time.Now().Add(10 * time.Second)
		hang := false
		c := newCache(t.Context(), func(ctx context.Context, _ string) (Identity, error) {
			if hang {
				<-ctx.Done()
				return Identity{}, ErrUnavailable
			}
			return Identity{Subject: "a", Expiry: expiry}, nil
		}, time.Second, time.Hour)
		_, _ = c.verify(t.Context(), "", "x")
		hang = true
		<-time.After(5 * time.Second)
		if _, err := c.verify(t.Context(), "", "x"); err != nil {
			t.Errorf("well before its end: %v", err)
		}
		<-time.After(time.Until(expiry) - staleWait/2)
		if _, err := c.verify(t.Context(), "", "x"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("it ended meanwhile: %v", err)
		}
		<-time.After(fetchTimeout)
	})
}

// A reload while the provider is being read already reads it once more: what is
// under way may have begun before the change that the reload is for.
func TestReloadDuringAFetch(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		var changed atomic.Bool
		i.JWKS = func(w http.ResponseWriter, r *http.Request) {
			if changed.Load() {
				i.ServeKeys(w, r)
				return
			}
			<-time.After(time.Second)
			issuer.Answer(200, `{"keys":[]}`)(w, r)
		}
		s.Reload()
		<-time.After(time.Second / 2)
		changed.Store(true)
		s.Reload()
		s.Reload()
		<-time.After(time.Second)
		if _, err := s.Verify(t.Context(), i.Sign(t, issuer.Change{})); err != nil {
			t.Errorf("after the reload: %v", err)
		}
		if n := i.KeyCalls.Load(); n != 2 {
			t.Errorf("%d visits to the key set, want 2", n)
		}
	})
}
