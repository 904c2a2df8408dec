package bearer

import (
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

// 10,000 tokens with made-up key ids cause at most one visit to the key
// set per minute, and each is refused.
func TestUnknownKeyFloodIsBounded(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		token := i.Sign(t, issuer.Change{Claims: map[string]any{"iat": time.Now().Unix() - 60}})
		_, rest, _ := strings.Cut(token, ".")
		flood := func(n int) {
			var wg sync.WaitGroup
			for w := range 4 {
				wg.Go(func() {
					for k := range n / 4 {
						made := raw(fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":"x%d-%d"}`, w, k)) + "." + rest
						if _, err := s.Verify(t.Context(), made); !errors.Is(err, ErrInvalidToken) {
							t.Errorf("flood: %v", err)
							return
						}
					}
				})
			}
			wg.Wait()
		}
		flood(10_000)
		<-time.After(58 * time.Second)
		flood(100)
		if n := i.KeyCalls.Load(); n != 1 {
			t.Errorf("first minute: %d visits, want 1", n)
		}
		<-time.After(3 * time.Second)
		flood(10_000)
		if n := i.KeyCalls.Load(); n != 2 {
			t.Errorf("second minute: %d visits, want 2", n)
		}
		t.Logf("20,100 tokens with made-up key ids in 61 s: %d visits to the key set", i.KeyCalls.Load())
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Errorf("good token after the flood: %v", err)
		}
	})
}

// A key the provider starts to use is picked up by the first tokens signed
// with it, all at once, with one visit.
func TestANewKeyCostsOneVisit(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		if _, err := s.Verify(t.Context(), i.Sign(t, issuer.Change{})); err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * time.Minute)
		i.AddKey(t, "k2")
		token := signWith(t, i, "k2", nil)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if _, err := s.Verify(t.Context(), token); err != nil {
					t.Errorf("token of the new key: %v", err)
				}
			})
		}
		wg.Wait()
		if n := i.KeyCalls.Load(); n != 2 {
			t.Errorf("%d visits, want 2", n)
		}
	})
}

// A withdrawn key is forgotten after keysMaxAge without anyone asking.
func TestWithdrawnKeyIsForgotten(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		token := i.Sign(t, issuer.Change{})
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		i.AddKey(t, "k2")
		i.Keys.Delete("k1")
		<-time.After(keysMaxAge + time.Second)
		_, _ = s.Verify(t.Context(), token) // starts the renewal
		synctest.Wait()
		<-time.After(defaultCacheTTL) // what was verified before that is still reused
		if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("withdrawn key: %v", err)
		}
		i.JWKS = issuer.Answer(502, "")
		<-time.After(keysMinInterval) // it could be asked again
		if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
			t.Errorf("withdrawn key, then an outage: %v", err)
		}
	})
}

// A provider that is down at the start does not stop the server; concurrent
// first users share one attempt and get 503; later it works.
func TestProviderDownAtStart(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		var down atomic.Bool
		down.Store(true)
		i.Metadata = func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				<-time.After(time.Second)
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			i.ServeMetadata(w, r)
		}
		token := i.Sign(t, issuer.Change{})
		ask := func(want int) {
			t.Helper()
			var wg sync.WaitGroup
			for range 20 {
				wg.Go(func() {
					if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != want {
						t.Errorf("status %d, want %d", resp.StatusCode, want)
					}
				})
			}
			wg.Wait()
		}
		ask(http.StatusServiceUnavailable)
		ask(http.StatusServiceUnavailable) // within the pause: no new attempt
		if n := i.MetadataCalls.Load(); n != 1 {
			t.Errorf("%d attempts while down, want 1", n)
		}
		down.Store(false)
		<-time.After(retryPause + time.Second)
		ask(http.StatusOK)
		if n, k := i.MetadataCalls.Load(), i.KeyCalls.Load(); n != 2 || k != 1 {
			t.Errorf("%d metadata and %d key visits, want 2 and 1", n, k)
		}
	})
}

// Keys stay in use while the provider is down, but not for more than a day.
func TestKeysOutliveAnOutageForADay(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		var down atomic.Bool
		i.JWKS = func(w http.ResponseWriter, r *http.Request) {
			if down.Load() {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			i.ServeKeys(w, r)
		}
		token := i.Sign(t, issuer.Change{Claims: map[string]any{"exp": time.Now().Add(48 * time.Hour).Unix()}})
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		down.Store(true)
		<-time.After(23 * time.Hour)
		if _, err := s.Verify(t.Context(), token); err != nil {
			t.Errorf("after 23 hours: %v", err)
		}
		<-time.After(2 * time.Hour)
		synctest.Wait()
		if _, err := s.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
			t.Errorf("after 25 hours: %v", err)
		}
	})
}

// Bad key sets: refused whole when they say nothing usable or too much, and
// unusable keys are skipped.
func TestBadKeySetsAreRefusedWhole(t *testing.T) {
	const ec = `{"kty":"EC","crv":"P-256","kid":"a","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`
	tests := map[string]struct {
		body string
		ids  int // 0: refused
	}{
		"one":             {`{"keys":[` + ec + `]}`, 1},
		"unusable beside": {`{"keys":[{"kty":"XX"},{"kty":"oct","kid":"s","k":"AAAA"},{"kty":"EC"},7,` + ec + `]}`, 1},
		"only symmetric":  {`{"keys":[{"kty":"oct","kid":"s","k":"AAAA","alg":"HS256"}]}`, 0},
		"only encryption": {`{"keys":[` + strings.Replace(ec, `{`, `{"use":"enc",`, 1) + `]}`, 0},
		"small RSA":       {`{"keys":[{"kty":"RSA","kid":"r","e":"AQAB","n":"` + strings.Repeat("_", 171) + `"}]}`, 0},
		"point off curve": {`{"keys":[` + strings.Replace(ec, `"x":"f8`, `"x":"g8`, 1) + `]}`, 0},
		"empty":           {`{"keys":[]}`, 0},
		"other case":      {`{"Keys":[` + ec + `]}`, 0},
		"duplicate keys":  {`{"keys":[` + ec + `],"keys":[]}`, 0},
		"not JSON":        {`<html>`, 0},
		"too many":        {`{"keys":[` + strings.Repeat(ec+",", maxKeys) + ec + `]}`, 0},
		"deep":            {`{"keys":` + strings.Repeat("[", 20_000), 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			set, err := parseKeys([]byte(tt.body))
			if (err == nil) != (tt.ids > 0) || len(set.ids) != tt.ids {
				t.Errorf("%d keys, %v; want %d", len(set.ids), err, tt.ids)
			}
		})
	}
}
