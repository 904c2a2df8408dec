package bearer

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/test/issuer"
)

// signWith issues a good token with the changes applied, signed with the key
// kid; "-" names the key k1 and leaves kid out of the header.
func signWith(t *testing.T, i *issuer.Issuer, kid string, change map[string]any) string {
	t.Helper()
	header := map[string]any{"kid": kid}
	if kid == "-" {
		header["kid"] = nil
	}
	return i.Sign(t, issuer.Change{Header: header, Claims: change})
}

// The provider changes its key again and again while 4 clients call with tokens
// that it has just issued: not one is refused, and each new key costs one visit.
func TestRotationUnderLoadWithoutAFalse401(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		var current atomic.Value
		current.Store("k1")
		stop := make(chan struct{})
		var statuses [600]atomic.Int64
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(500+w) * time.Millisecond):
					}
					token := signWith(t, i, current.Load().(string), map[string]any{"jti": fmt.Sprint(w, n)})
					statuses[call(s, "POST", "/mcp", token, callWhoami).StatusCode].Add(1)
				}
			})
		}
		const rotations = 5
		for n := range rotations {
			<-time.After(61 * time.Second) // in virtual time
			kid := fmt.Sprint("rotated-", n)
			i.AddKey(t, kid)
			current.Store(kid)
		}
		<-time.After(61 * time.Second) // in virtual time
		close(stop)
		wg.Wait()
		t.Logf("%d rotations under %d calls: %d with 401, %d with 503, %d visits to the key set", rotations,
			statuses[200].Load(), statuses[401].Load(), statuses[503].Load(), i.KeyCalls.Load())
		if statuses[401].Load() != 0 || statuses[503].Load() != 0 || statuses[200].Load() < 2500 {
			t.Errorf("%d 200, %d 401, %d 503", statuses[200].Load(), statuses[401].Load(), statuses[503].Load())
		}
		if n := i.KeyCalls.Load(); n > 1+rotations {
			t.Errorf("%d visits to the key set, want %d at most", n, 1+rotations)
		}
	})
}

// A new key within a minute of the last visit, as during a flood of made-up key
// ids: nobody can tell whether such a token is good, so it is 503 with the time
// to come back and never 401. A token older than the key set is bad, until its key is
// published after all: that counts at once.
func TestKeyNewerThanTheKeySet(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami)
		<-time.After(10 * time.Second)
		i.AddKey(t, "k2")
		i.AddKey(t, "late")
		stranger := signWith(t, i, "late", map[string]any{"iat": time.Now().Unix() - 30})
		late, _ := i.Keys.LoadAndDelete("late")
		token := signWith(t, i, "k2", nil)
		if resp := call(s, "POST", "/mcp", stranger, callWhoami); resp.StatusCode != 401 {
			t.Errorf("older than the key set: %d", resp.StatusCode)
		}
		resp := call(s, "POST", "/mcp", token, callWhoami)
		if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "50" {
			t.Errorf("younger than the key set: %d, Retry-After %q", resp.StatusCode, resp.Header.Get("Retry-After"))
		}
		<-time.After(49 * time.Second)
		if resp := call(s, "POST", "/mcp", stranger, callWhoami); resp.StatusCode != 401 {
			t.Errorf("older than the key set, again: %d", resp.StatusCode)
		}
		i.Keys.Store("late", late)
		<-time.After(time.Second)
		for name, token := range map[string]string{"younger": token, "older": stranger} {
			if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != 200 {
				t.Errorf("%s than the key set, when it said: %d", name, resp.StatusCode)
			}
		}
		if n := i.KeyCalls.Load(); n != 2 {
			t.Errorf("%d visits, want 2", n)
		}
	})
}

// A provider that names no keys in its tokens can change its key as well.
func TestRotationWithoutKeyIDs(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.JWKS = func(w http.ResponseWriter, r *http.Request) {
			i.ServeKeys(replacing{w, `"kid":"k1",`, ""}, r)
		}
		ask := func(token string, want error) {
			t.Helper()
			if _, err := s.Verify(t.Context(), token); !errors.Is(err, want) {
				t.Errorf("%v, want %v", err, want)
			}
		}
		ask(signWith(t, i, "-", nil), nil)
		<-time.After(2 * time.Minute)
		i.AddKey(t, "k1") // in place of the one before
		ask(signWith(t, i, "-", nil), nil)
		<-time.After(10 * time.Second)
		stranger := issuer.InMemory(t)
		ask(signWith(t, stranger, "-", map[string]any{"iat": time.Now().Unix() - 60}), ErrInvalidToken)
		i.AddKey(t, "k1")
		young := signWith(t, i, "-", nil)
		ask(young, ErrUnavailable)
		<-time.After(time.Minute)
		ask(young, nil)
		if n := i.KeyCalls.Load(); n != 3 {
			t.Errorf("%d visits, want 3", n)
		}
	})
}

// replacing changes a text in what is written.
type replacing struct {
	http.ResponseWriter
	from, to string
}

func (w replacing) Write(p []byte) (int, error) {
	if _, err := w.ResponseWriter.Write([]byte(strings.Replace(string(p), w.from, w.to, 1))); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Keys that are renewed in the background take nothing from those who need a
// newer set, and serve while they are renewed.
func TestKeysAreRenewedInTheBackground(t *testing.T) {
	simulated(t, nil, func(t *testing.T, i *issuer.Issuer, s *Server) {
		i.JWKS = func(w http.ResponseWriter, r *http.Request) {
			<-time.After(5 * time.Second)
			i.ServeKeys(w, r)
		}
		if _, err := s.Verify(t.Context(), signWith(t, i, "k1", nil)); err != nil {
			t.Fatal(err)
		}
		<-time.After(keysMaxAge + time.Second)
		start := time.Now()
		if _, err := s.Verify(t.Context(), signWith(t, i, "k1", nil)); err != nil || time.Since(start) != 0 {
			t.Errorf("%v after %s", err, time.Since(start))
		}
		<-time.After(6 * time.Second)
		i.AddKey(t, "k2")
		if _, err := s.Verify(t.Context(), signWith(t, i, "k2", nil)); err != nil {
			t.Errorf("a new key right after the renewal: %v", err)
		}
		if n := i.KeyCalls.Load(); n != 3 {
			t.Errorf("%d visits, want 3", n)
		}
	})
}

// The issuer decides which algorithm goes with a key, and the operator may
// allow fewer.
func TestAlgorithmsOfTheIssuerAndTheOperator(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.Algorithms = []string{"ES384", "RS256"} })
	resp := call(s, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami)
	if resp.StatusCode != 401 {
		t.Errorf("ES256 where only ES384 and RS256 are allowed: %d", resp.StatusCode)
	}
	if n := i.MetadataCalls.Load(); n != 0 {
		t.Errorf("%d visits because of it", n)
	}
	// A key that names another algorithm: with kid and without.
	i.JWKS = func(w http.ResponseWriter, r *http.Request) {
		i.ServeKeys(replacing{w, `"kid":"k1",`, `"kid":"k1","alg":"ES512",`}, r)
	}
	s = newServer(t, i, nil)
	for _, kid := range []string{"k1", "-"} {
		if resp := call(s, "POST", "/mcp", signWith(t, i, kid, nil), callWhoami); resp.StatusCode != 401 {
			t.Errorf("kid %s: ES256 with a key for ES512: %d", kid, resp.StatusCode)
		}
	}
}
