package bearer

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/test/issuer"
	"mcp-login/test/leak"
	"mcp-login/test/real"
)

// floodSize is 100,000 where tests may take long, and a tenth of it otherwise, which
// is more than each bound that a flood must not break.
func floodSize() int {
	if testing.Short() || os.Getenv(real.LongVariable)+os.Getenv(real.Require) == "" {
		return 10_000
	}
	return 100_000
}

// flood sends n requests from 4 clients and counts the statuses.
func flood(s http.Handler, n int, token func(k int) string) *[600]atomic.Int64 {
	var statuses [600]atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for k := w; k < n; k += 4 {
				statuses[call(s, "POST", "/mcp", token(k), "").StatusCode].Add(1)
			}
		})
	}
	wg.Wait()
	return &statuses
}

// A flood of distinct bad opaque tokens: the provider is asked about few of them,
// memory does not grow, none gets in, and who was there before is served
// throughout.
func TestFloodOfBadOpaqueTokens(t *testing.T) {
	i := issuer.Start(t)
	i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer good" {
			issuer.Answer(200, issuer.LogtoClaims)(w, r)
			return
		}
		issuer.UnknownToken(w, r)
	}
	s := newServer(t, i, nil)
	if resp := call(s, "POST", "/mcp", "good", callWhoami); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	n := floodSize()
	var statuses *[600]atomic.Int64
	var known atomic.Int64
	start := time.Now()
	growth := leak.Heap(func() {
		statuses = flood(s, n, func(k int) string {
			if k%1000 == 0 {
				if resp := call(s, "POST", "/mcp", "good", callWhoami); resp.StatusCode == 200 {
					known.Add(1)
				}
			}
			return fmt.Sprintf("bad-%040d", k)
		})
	})
	took := time.Since(start)
	good, refused, _ := s.results.size()
	calls := i.UserinfoCalls.Load()
	t.Logf("%d bad tokens in %s: %d got 401, %d got 503; %d calls of the provider; heap grew by %d KiB; %d good and %d bad remembered; %d of %d calls with a known token served",
		n, took.Round(time.Millisecond), statuses[401].Load(), statuses[503].Load(), calls, growth>>10, good, refused, known.Load(), n/1000)
	if statuses[401].Load()+statuses[503].Load() != int64(n) {
		t.Error("another status")
	}
	if limit := int64(badBurst+maxOpaqueCalls+1) + int64(badRate*(took.Seconds()+1)); calls > limit {
		t.Errorf("%d calls of the provider, want %d at most", calls, limit)
	}
	if growth > maxGrowth || refused > maxRefused || known.Load() != int64(n/1000) {
		t.Error("a bound is broken")
	}
}

// A flood that goes on for longer than OutageGrace does not keep those who are known from being
// checked again: they are served throughout, and a revocation takes effect in
// its time.
func TestLongFloodLeavesKnownTokensAlone(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		var revoked atomic.Bool
		var checks atomic.Int64
		i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") == "Bearer known" {
				checks.Add(1)
				if !revoked.Load() {
					issuer.Answer(200, issuer.LogtoClaims)(w, r)
					return
				}
			}
			issuer.UnknownToken(w, r)
		}
		ask := func(token string) int { return call(s, "POST", "/mcp", token, callWhoami).StatusCode }
		if got := ask("known"); got != 200 {
			t.Fatal(got)
		}
		flood, refused := 0, 0
		for start := time.Now(); time.Since(start) < 10*time.Minute; <-time.After(time.Second) {
			for range 12 { // more than the budget has
				ask(fmt.Sprint("bad-", flood))
				flood++
			}
			if ask("known") != 200 {
				refused++
			}
		}
		t.Logf("10 minutes of %d bad tokens: a known token was refused %d times and checked %d times; %d calls in all", flood, refused, checks.Load(), i.UserinfoCalls.Load())
		if refused != 0 || checks.Load() < 18 {
			t.Error("the flood reached those who are known")
		}
		revoked.Store(true)
		for range int(defaultCacheTTL / time.Second) {
			<-time.After(time.Second)
			for range 12 {
				ask(fmt.Sprint("bad-", flood))
				flood++
			}
		}
		if got := ask("known"); got != 401 {
			t.Errorf("revoked during the flood: %d", got)
		}
	})
}

// 100,000 distinct forged JWTs, in five ways: no visit to the provider beyond
// the first, no growth, and each is 401.
func TestFloodOfForgedJWTs(t *testing.T) {
	real.Long(t, "100,000 tokens")
	i := issuer.Start(t)
	s := newServer(t, i, nil)
	call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami)
	body := func(k int) string {
		return raw(fmt.Sprintf(`{"iss":%q,"sub":"alice","aud":%q,"exp":9999999999,"iat":1,"jti":"%d"}`, i.URL, issuer.Resource, k))
	}
	signature := raw(strings.Repeat("s", 64))
	secret := []byte("x")
	n := floodSize()
	var statuses *[600]atomic.Int64
	start := time.Now()
	growth := leak.Heap(func() {
		statuses = flood(s, n, func(k int) string {
			kind := k % 4
			if k%20 == 4 {
				kind = 4 // the one that costs a verification
			}
			switch kind {
			case 0:
				return raw(`{"alg":"none","typ":"at+jwt","kid":"k1"}`) + "." + body(k) + "."
			case 1:
				text := raw(`{"alg":"HS256","typ":"at+jwt","kid":"k1"}`) + "." + body(k)
				sig, err := jwt.SigningMethodHS256.Sign(text, secret)
				if err != nil {
					t.Error(err)
				}
				return text + "." + raw(string(sig))
			case 2:
				return raw(fmt.Sprintf(`{"alg":"ES256","typ":"at+jwt","kid":"../%d"}`, k)) + "." + body(k) + "." + signature
			case 3:
				return raw(`{"alg":"ES256","typ":"JWT","kid":"k1"}`) + "." + body(k) + "." + signature
			}
			return raw(`{"alg":"ES256","typ":"at+jwt","kid":"k1"}`) + "." + body(k) + "." + signature
		})
	})
	_, refused, _ := s.results.size()
	t.Logf("%d forged JWTs: %d got 401; %d metadata and %d key visits, %d of userinfo; heap grew by %d KiB; %d remembered",
		n, statuses[401].Load(), i.MetadataCalls.Load(), i.KeyCalls.Load(), i.UserinfoCalls.Load(), growth>>10, refused)
	if statuses[401].Load() != int64(n) || growth > maxGrowth || refused > maxRefused {
		t.Error("a bound is broken")
	}
	if minutes := int64(time.Since(start) / time.Minute); i.MetadataCalls.Load() != 1 || i.KeyCalls.Load() > 1+minutes || i.UserinfoCalls.Load() != 0 {
		t.Error("the provider was bothered")
	}
}

// While every slot for signatures is taken by forged tokens, known ones
// are served, and an unknown one waits its turn, at most for the time of a
// check, and is then 503.
func TestSignaturesLeaveRoomForKnownTokens(t *testing.T) {
	simulated(t, func(c *Config) { c.CacheTTL = time.Minute }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		known, unknown := i.Sign(t, issuer.Change{}), i.Claim(t, "jti", "2")
		if resp := call(s, "POST", "/mcp", known, callWhoami); resp.StatusCode != 200 {
			t.Fatal(resp.StatusCode)
		}
		for range cap(s.signatures) {
			s.signatures <- struct{}{}
		}
		start := time.Now()
		if resp := call(s, "POST", "/mcp", known, callWhoami); resp.StatusCode != 200 || time.Since(start) != 0 {
			t.Errorf("known: %d after %s", resp.StatusCode, time.Since(start))
		}
		if resp := call(s, "POST", "/mcp", unknown, callWhoami); resp.StatusCode != 503 || time.Since(start) != fetchTimeout {
			t.Errorf("unknown: %d after %s", resp.StatusCode, time.Since(start))
		}
		time.AfterFunc(time.Second, func() { <-s.signatures })
		if resp := call(s, "POST", "/mcp", unknown, callWhoami); resp.StatusCode != 200 {
			t.Errorf("once there is room: %d", resp.StatusCode)
		}
	})
}

// How long known tokens take while 64 clients send forged ES384 tokens
// as fast as they can. The figure is for the reader; nothing is asserted about
// time.
func TestKnownTokensDuringAFloodOfForgedSignatures(t *testing.T) {
	i := issuer.Start(t)
	known := es384(t, i, "known")
	s := newServer(t, i, nil)
	p99 := func() time.Duration {
		var took []time.Duration
		for range 1000 {
			start := time.Now()
			if resp := call(s, "POST", "/mcp", known, callWhoami); resp.StatusCode != 200 {
				t.Fatalf("known: %d", resp.StatusCode)
			}
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		return took[len(took)*99/100]
	}
	p99()
	quiet := p99()
	head, rest, _ := strings.Cut(known, ".")
	_, signature, _ := strings.Cut(rest, ".")
	stop := make(chan struct{})
	var forged, passed atomic.Int64
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				body := fmt.Sprintf(`{"iss":%q,"sub":"root","aud":%q,"exp":9999999999,"jti":"%d-%d"}`, i.URL, issuer.Resource, w, n)
				if resp := call(s, "POST", "/mcp", head+"."+raw(body)+"."+signature, callWhoami); resp.StatusCode == 200 {
					passed.Add(1)
				}
				forged.Add(1)
			}
		})
	}
	for forged.Load() < 64 {
		runtime.Gosched()
	}
	loud := p99()
	close(stop)
	wg.Wait()
	t.Logf("p99 of a known token: %s alone, %s while %d forged ones came in; %d of those passed", quiet, loud, forged.Load(), passed.Load())
	if passed.Load() != 0 {
		t.Error("a forged token passed")
	}
}

// One address that sends bad opaque tokens as fast as it can spends what it may
// and no more: the first token of somebody elsewhere is still checked.
func TestBadTokensOfOneAddressLeaveRoomForOthers(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.Userinfo = func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.Header.Get("Authorization"), "Bearer good") {
				issuer.Answer(200, issuer.LogtoClaims)(w, r)
				return
			}
			issuer.UnknownToken(w, r)
		}
		ask := func(address, token string) int {
			r := request("POST", "/mcp", token, strings.NewReader(callWhoami))
			r.RemoteAddr = address + ":1"
			return serve(s, r).StatusCode
		}
		refused := map[int]int{}
		for n := range 600 {
			refused[ask("192.0.2.1", fmt.Sprint("bad-", n))]++
			if n%100 == 99 {
				if got := ask("198.51.100.7", fmt.Sprint("good-", n)); got != 200 {
					t.Errorf("after %d bad tokens of another address: %d", n, got)
				}
				<-time.After(time.Second)
			}
		}
		if calls := i.UserinfoCalls.Load(); refused[503] < 400 || refused[401]+refused[503] != 600 || calls > 150 {
			t.Errorf("the flood was answered %v, the provider asked %d times", refused, calls)
		}
		<-time.After(time.Minute)
		if got := ask("192.0.2.1", "good-again"); got != 200 {
			t.Errorf("the same address later: %d", got)
		}
	})
}
