package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxGrowth is how much the heap may grow under an attack, see rows 47 and 49.
const maxGrowth = 20 << 20

// heapGrowth returns by how much attack makes the live heap grow.
func heapGrowth(attack func()) int64 {
	live := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := live()
	attack()
	return live() - before
}

// flood sends n requests from 4 clients and counts the statuses.
func flood(s http.Handler, n int, token func(k int) string) *[600]atomic.Int64 {
	var statuses [600]atomic.Int64
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for k := w; k < n; k += 4 {
				r := httptest.NewRequest("POST", "/mcp", http.NoBody)
				r.Host = "127.0.0.1:3001"
				r.Header.Set("Authorization", "Bearer "+token(k))
				rec := httptest.NewRecorder()
				s.ServeHTTP(rec, r)
				statuses[rec.Code].Add(1)
			}
		})
	}
	wg.Wait()
	return &statuses
}

// 100,000 distinct bad opaque tokens: the provider is asked about few of them,
// memory does not grow, none gets in, and who was there before is served
// throughout.
func TestRow47FloodOfBadOpaqueTokens(t *testing.T) {
	i := newTestIssuer(t)
	i.userinfo = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "Bearer good" {
			answer(200, logtoClaims)(w, r)
			return
		}
		serveUnknownToken(w, r)
	}
	s := newServer(t, i, nil)
	if resp := call(s, "POST", "/mcp", "good", callWhoami); resp.StatusCode != 200 {
		t.Fatal(resp.StatusCode)
	}
	const n = 100_000
	var statuses *[600]atomic.Int64
	var known atomic.Int64
	start := time.Now()
	growth := heapGrowth(func() {
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
	calls := i.userinfoCalls.Load()
	t.Logf("%d bad tokens in %s: %d got 401, %d got 503; %d calls of the provider; heap grew by %d KiB; %d good and %d bad remembered; %d of %d calls with a known token served",
		n, took.Round(time.Millisecond), statuses[401].Load(), statuses[503].Load(), calls, growth>>10, good, refused, known.Load(), n/1000)
	if statuses[401].Load()+statuses[503].Load() != n {
		t.Error("another status")
	}
	if limit := int64(badBurst+maxOpaqueCalls+1) + int64(badRate*(took.Seconds()+1)); calls > limit {
		t.Errorf("%d calls of the provider, want %d at most", calls, limit)
	}
	if growth > maxGrowth || refused > maxRefused || known.Load() != n/1000 {
		t.Error("a bound is broken")
	}
}

// 100,000 distinct forged JWTs, in five ways: no visit to the provider beyond
// the first, no growth, and each is 401.
func TestRow47FloodOfForgedJWTs(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	call(s, "POST", "/mcp", i.token(t, tokenParts{}), callWhoami)
	body := func(k int) string {
		return raw(fmt.Sprintf(`{"iss":%q,"sub":"alice","aud":%q,"exp":9999999999,"iat":1,"jti":"%d"}`, i.url, testResource, k))
	}
	signature := raw(strings.Repeat("s", 64))
	secret := []byte("x")
	const n = 100_000
	var statuses *[600]atomic.Int64
	start := time.Now()
	growth := heapGrowth(func() {
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
		n, statuses[401].Load(), i.metadataCalls.Load(), i.keyCalls.Load(), i.userinfoCalls.Load(), growth>>10, refused)
	if statuses[401].Load() != n || growth > maxGrowth || refused > maxRefused {
		t.Error("a bound is broken")
	}
	if minutes := int64(time.Since(start) / time.Minute); i.metadataCalls.Load() != 1 || i.keyCalls.Load() > 1+minutes || i.userinfoCalls.Load() != 0 {
		t.Error("the provider was bothered")
	}
}

// endless writes a key set that begins well and does not end before size.
func endless(size int) (http.HandlerFunc, *atomic.Int64) {
	var written atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"keys":[`)
		key := []byte(`{"kty":"EC","crv":"P-256","kid":"` + rand.Text() + `","x":"` + strings.Repeat("A", 900) + `","y":"A"},`)
		for sent := 0; sent < size; sent += len(key) {
			n, err := w.Write(key)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
		_, _ = io.WriteString(w, `]}`)
	}, &written
}

// A key set, metadata or userinfo of 10 MB: 503, read to its limit only.
func TestRow47DocumentsOf10MB(t *testing.T) {
	const size = 10 << 20
	for name, place := range map[string]func(*testIssuer, http.HandlerFunc){
		"key set":  func(i *testIssuer, h http.HandlerFunc) { i.jwks = h },
		"metadata": func(i *testIssuer, h http.HandlerFunc) { i.metadata = h },
		"userinfo": func(i *testIssuer, h http.HandlerFunc) { i.userinfo = h },
	} {
		t.Run(name, func(t *testing.T) {
			i := newTestIssuer(t)
			serve, written := endless(size)
			place(i, serve)
			s := newServer(t, i, nil)
			token := i.token(t, tokenParts{})
			if name == "userinfo" {
				token = "opaque"
			}
			var status int
			growth := heapGrowth(func() { status = call(s, "POST", "/mcp", token, callWhoami).StatusCode })
			t.Logf("%s of %d bytes: %d, %d KiB sent until the connection was closed, heap grew by %d KiB", name, size, status, written.Load()>>10, growth>>10)
			if status != 503 || growth > maxGrowth {
				t.Error("a bound is broken")
			}
			if written.Load() >= size {
				t.Error("all of it was read")
			}
		})
	}
}

// A token of 1 MB is refused before it is hashed, decoded or shown to anybody.
func TestRow49TokenOf1MB(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	head, _, _ := strings.Cut(i.token(t, tokenParts{}), ".")
	checks := counted(s)
	for name, token := range map[string]string{
		"dots":    strings.Repeat(".", 1<<20),
		"letters": strings.Repeat("a", 1<<20),
		"a JWT":   head + "." + strings.Repeat("A", 1<<20) + "." + strings.Repeat("A", 86),
		"padding": "a" + strings.Repeat("=", 1<<20),
	} {
		start := time.Now()
		resp := call(s, "POST", "/mcp", token, callWhoami)
		took := time.Since(start)
		r := httptest.NewRequest("POST", "/mcp", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+token)
		allocations := testing.AllocsPerRun(100, func() {
			if _, err := s.identify(r); !errors.Is(err, ErrInvalidToken) {
				t.Fatal(err)
			}
		})
		t.Logf("1 MB of %s: %d in %s, %.0f allocations", name, resp.StatusCode, took.Round(time.Microsecond), allocations)
		if resp.StatusCode != 401 || allocations > 2 {
			t.Errorf("%s: %d, %.0f allocations", name, resp.StatusCode, allocations)
		}
	}
	if checks.Load() != 0 {
		t.Errorf("%d checks", checks.Load())
	}
}

// zeros is an endless body.
type zeros struct{ read atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read.Add(int64(len(p)))
	return len(p), nil
}

// Row 49: a body of 100 MB is 413 once 4 MiB of it have been read, with and
// without a length.
func TestRow49BodyOf100MB(t *testing.T) {
	i := newTestIssuer(t)
	s := newServer(t, i, nil)
	token := i.token(t, tokenParts{})
	for _, announced := range []bool{true, false} {
		body := &zeros{}
		r := httptest.NewRequest("POST", "/mcp", io.LimitReader(body, 100<<20))
		r.Host = "127.0.0.1:3001"
		r.ContentLength = -1
		if announced {
			r.ContentLength = 100 << 20
		}
		r.Header.Set("Authorization", "Bearer "+token)
		r.Header.Set("Content-Type", "application/json")
		rec := httptest.NewRecorder()
		growth := heapGrowth(func() { s.ServeHTTP(rec, r) })
		t.Logf("100 MB, announced %t: %d, %d KiB read, heap grew by %d KiB", announced, rec.Code, body.read.Load()>>10, growth>>10)
		if rec.Code != 413 || body.read.Load() > 2*maxBodyBytes || growth > maxGrowth {
			t.Error("a bound is broken")
		}
	}
}

// Incidents oauth2-proxy CVE-2025-54576, CVE-2026-34457, CVE-2026-40574 and
// CVE-2026-40575: no header, query or path makes a protected endpoint answer
// without a token.
func TestIncidentNothingButATokenGetsIn(t *testing.T) {
	s := newServer(t, newTestIssuer(t), nil)
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
	i := newTestIssuer(t)
	s = newServer(t, i, nil)
	token := i.token(t, tokenParts{})
	r := httptest.NewRequest("POST", "/mcp", bytes.NewReader([]byte("access_token="+token)))
	r.Host = "127.0.0.1:3001"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	s.ServeHTTP(rec, r)
	resp := call(s, "POST", "/mcp", "", strings.Replace(callWhoami, `"params":{`, `"access_token":"`+token+`","params":{`, 1))
	if rec.Code != 401 || resp.StatusCode != 401 || i.metadataCalls.Load() != 0 {
		t.Errorf("token in a form: %d, in the message: %d", rec.Code, resp.StatusCode)
	}
}

// The client is told nothing but a generic text and an id; the log has the
// reason under that id.
func TestS22ReasonIsInTheLogUnderTheIDTheClientGets(t *testing.T) {
	i := newTestIssuer(t)
	var log syncBuffer
	s := newServer(t, i, func(c *Config) { c.Log = log.logger() })
	resp := call(s, "POST", "/mcp", i.claim(t, "aud", "https://elsewhere.example/mcp"), callWhoami)
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

// Row 49: while every slot for signatures is taken by forged tokens, known ones
// are served, and an unknown one waits its turn, at most for the time of a
// check, and is then 503.
func TestRow49SignaturesLeaveRoomForKnownTokens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i, client := newMemoryIssuer(t)
		s := newServer(t, i, func(c *Config) { c.HTTP, c.CacheTTL = client, time.Minute })
		defer func() { _ = s.Close(context.Background()) }()
		known, unknown := i.token(t, tokenParts{}), i.claim(t, "jti", "2")
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

// Row 49: how long known tokens take while 64 clients send forged ES384 tokens
// as fast as they can. The figure is for the reader; nothing is asserted about
// time.
func TestRow49KnownTokensDuringAFloodOfForgedSignatures(t *testing.T) {
	i := newTestIssuer(t)
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
				body := fmt.Sprintf(`{"iss":%q,"sub":"root","aud":%q,"exp":9999999999,"jti":"%d-%d"}`, i.url, testResource, w, n)
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
