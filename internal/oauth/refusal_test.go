package oauth_test

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/retry"
)

// refusals are what servers and gateways answer to a token that has ended, beside
// the 401 that they should.
var refusals = map[string]struct {
	status      int
	name, value string // of a header
}{
	"403":                               {status: 403},
	"403 insufficient_scope":            {403, "WWW-Authenticate", `Bearer error="insufficient_scope"`},
	"403 insufficient_scope, none":      {403, "WWW-Authenticate", `Bearer error="insufficient_scope", scope=""`},
	"403 for what was granted":          {403, "WWW-Authenticate", `Bearer error="insufficient_scope", scope="mcp:read"`},
	"403 with the words":                {403, "WWW-Authenticate", `Bearer error="insufficient_scope", error_description="Token expired"`},
	"403 invalid_token":                 {403, "WWW-Authenticate", `Bearer error="invalid_token"`},
	"302":                               {302, "Location", "https://sso.example.com/login?next=%2Fmcp"},
	"303 on the same origin":            {303, "Location", "/signin"},
	"307":                               {307, "Location", "https://sso.example.com/login"},
	"302 without a place":               {status: 302},
	"302 on the same origin with names": {302, "Location", "http://a:b@" + bubbleServer + "/x"},
}

// doubting is a login whose token a server refuses in another way than with 401.
// The server takes fresh tokens again unless always is set.
type doubting struct {
	*lab
	s             oauth.Store
	always        atomic.Bool
	posts, strays atomic.Int64
}

// inDoubt is a test with such a login.
func inDoubt(refusal string, f func(t *testing.T, d *doubting)) func(*testing.T) {
	return signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) { f(t, newDoubting(b, s, refusal)) })
}

func newDoubting(b *lab, s oauth.Store, refusal string) *doubting {
	d := &doubting{lab: b, s: s}
	how := refusals[refusal]
	b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost || r.Header.Get("Authorization") == "" {
			return false
		}
		d.posts.Add(1)
		b.res.mu.Lock()
		ended := b.res.revoked[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		b.res.mu.Unlock()
		if !ended && !d.always.Load() {
			return false
		}
		if how.name != "" {
			w.Header().Set(how.name, how.value)
		}
		w.WriteHeader(how.status)
		return true
	})
	b.wire.hosts["sso.example.com"] = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { d.strays.Add(1) })
	return d
}

// process is another one with the same login. It follows no redirect.
func (d *doubting) process() *http.Client {
	_, h := d.client(d.s, nil)
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return h
}

// send sends one request, which may be sent twice if again is set.
func (d *doubting) send(h *http.Client, again bool) (status int) {
	d.t.Helper()
	ctx := d.t.Context()
	if again {
		ctx = retry.Repeatable(ctx)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.server().String(), strings.NewReader("x"))
	if err != nil {
		d.t.Fatal(err)
	}
	resp, err := h.Do(req)
	if err != nil {
		d.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

func (d *doubting) check(refreshes int) {
	d.t.Helper()
	if got := d.idp.Stats().Refreshes; got != refreshes || d.tabs.Load() != 1 || d.strays.Load() != 0 {
		d.t.Errorf("%d refreshes, want %d; %d tabs, %d requests of the other host", got, refreshes, d.tabs.Load(), d.strays.Load())
	}
}

// A kept token that the server refuses with 403 or by a redirect is refreshed, and
// the request repeated: nobody is asked.
func TestDoubtfulRefusalIsRefreshed(t *testing.T) {
	for name := range refusals {
		t.Run(name, inDoubt(name, func(t *testing.T, d *doubting) {
			if status := d.send(d.process(), true); status != http.StatusOK {
				t.Errorf("status %d", status)
			}
			d.check(1)
		}))
	}
}

// A server that refuses for ever has its answer passed on each time, and one refresh
// in five minutes, in each process; nobody is asked.
func TestDoubtfulRefusalForEver(t *testing.T) {
	for name, how := range refusals {
		t.Run(name, inDoubt(name, func(t *testing.T, d *doubting) {
			d.always.Store(true)
			h := d.process()
			for range 30 {
				if status := d.send(h, true); status != how.status {
					t.Fatalf("status %d", status)
				}
				time.Sleep(20 * time.Second) // ten minutes in all
			}
			d.check(2)
			if n := d.posts.Load(); n != 32 {
				t.Errorf("%d requests", n)
			}
		}))
	}
}

// A 403 for a token that the server took a moment before, or that was got a moment
// before, is the answer.
func TestForbiddenIsTheAnswer(t *testing.T) {
	for _, name := range []string{"403", "403 insufficient_scope", "403 for what was granted"} {
		t.Run(name, inDoubt(name, func(t *testing.T, d *doubting) {
			h := d.process()
			d.send(h, true) // gets a token that is good
			kept := d.process()
			d.send(kept, true)
			d.always.Store(true)
			for _, h := range []*http.Client{h, kept} {
				if status := d.send(h, true); status != http.StatusForbidden {
					t.Errorf("status %d", status)
				}
			}
			d.check(1)
		}))
	}
}

// What may not be carried out twice is not repeated after a redirect, which may be
// the answer to what was carried out; after a 403 it is, once.
func TestDoubtfulRefusalOfACall(t *testing.T) {
	for name, posts := range map[string]int64{"302": 1, "303 on the same origin": 1, "307": 1, "403": 2} {
		t.Run(name, inDoubt(name, func(t *testing.T, d *doubting) {
			h := d.process()
			want := refusals[name].status
			if posts == 2 {
				want = http.StatusOK
			}
			if status := d.send(h, false); status != want || d.posts.Load() != posts {
				t.Errorf("status %d, %d requests", status, d.posts.Load())
			}
			if status := d.send(h, false); status != http.StatusOK {
				t.Errorf("the next one: status %d", status)
			}
			d.check(1)
		}))
	}
}

// Where nothing can be refreshed the 403 is the answer, and the person is not asked:
// a 403 is no demand to sign in.
func TestDoubtfulRefusalWithoutRefreshToken(t *testing.T) {
	inDoubt("403", func(t *testing.T, d *doubting) {
		cred := d.stored(d.s)
		cred.RefreshToken = grant.Secret{}
		d.save(d.s, cred)
		h := d.process()
		for range 3 {
			if status := d.send(h, true); status != http.StatusForbidden {
				t.Errorf("status %d", status)
			}
		}
		d.check(0)
	})(t)
}

// Many requests at once that meet the same refusal share one refresh, in one process
// and in several.
func TestDoubtfulRefusalIsShared(t *testing.T) {
	inDoubt("403", func(t *testing.T, d *doubting) {
		d.wire.before(bubbleProvider, func(http.ResponseWriter, *http.Request) bool {
			time.Sleep(time.Second) // all of them meet the 403 before it answers
			return false
		})
		d.mustAll(slices.Repeat(d.processes(4, d.s, "", nil), 4))
		d.check(1)
	})(t)
}
