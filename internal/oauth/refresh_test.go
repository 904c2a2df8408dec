package oauth_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/test/real"
)

// Eight processes and a provider that answers a refresh after
// 35 and 90 s. Each waits, the refresh token is spent once, nobody is asked. The
// delay lies before the provider's work and after it.
func TestSlowRefreshKeepsTheLogin(t *testing.T) {
	for _, delay := range []time.Duration{35 * time.Second, 90 * time.Second} {
		for name, faults := range map[string]devidp.Faults{"before": {TokenDelay: delay}, "after": {TokenAnswerDelay: delay}} {
			for _, dir := range []string{"", t.TempDir()} {
				t.Run(fmt.Sprint(delay, name, dir != ""), signedInAt(dir, func(c *devidp.Config) { c.ReuseLeeway = -1 }, func(t *testing.T, b *lab, s oauth.Store) {
					b.idp.SetFaults(faults)
					start := time.Now()
					b.mustAll(b.processes(8, s, dir, nil))
					stats := b.idp.Stats()
					if took := time.Since(start); stats.Refreshes != 1 || stats.ReuseDetections != 0 || b.tabs.Load() != 1 || took < delay || took > delay+time.Second {
						t.Errorf("after %v: %d refreshes, %d reuses, %d tabs", took, stats.Refreshes, stats.ReuseDetections, b.tabs.Load())
					}
				}))
			}
		}
	}
}

// The token is kept, a request ends after at most
// three tries, Retry-After is kept when it is short and ends the tries when it
// is long, nobody is asked, and when the trouble is over the login works.
func TestBusyProviderKeepsTheLogin(t *testing.T) {
	second := time.Second
	for _, tc := range []struct {
		status, retryAfter, tries int
		least, most               time.Duration
	}{
		{503, 0, 3, second, 3 * second},
		{500, 0, 3, second, 3 * second},
		{429, 2, 3, 4 * second, 6 * second},
		{503, 20, 3, 40 * second, 41 * second},
		{429, 3600, 1, 0, second},
	} {
		t.Run(fmt.Sprint(tc.status, tc.retryAfter), signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
			_, h := b.client(s, nil)
			b.idp.SetFaults(devidp.Faults{TokenStatus: tc.status, TokenStatusTimes: 1000, TokenRetryAfter: tc.retryAfter})
			before, start := b.stored(s), time.Now()
			asked := len(b.wire.times(tokenPath))
			if _, _, err := b.call(h, "1"); !errors.Is(err, discovery.ErrUnavailable) {
				t.Errorf("%v", err)
			}
			tries, took := len(b.wire.times(tokenPath))-asked, time.Since(start)
			if tries != tc.tries || took < tc.least || took > tc.most {
				t.Errorf("%d tries in %v", tries, took)
			}
			if now := b.stored(s); !now.RefreshToken.Equal(before.RefreshToken) || b.tabs.Load() != 1 {
				t.Errorf("refresh token kept: %v; %d tabs", now.RefreshToken.Equal(before.RefreshToken), b.tabs.Load())
			}
			b.idp.SetFaults(devidp.Faults{})
			time.Sleep(time.Duration(tc.retryAfter) * second)
			b.mustCall(h, "2")
			if b.tabs.Load() != 1 {
				t.Errorf("%d tabs", b.tabs.Load())
			}
		}))
	}
}

// Trouble that passes within the tries is not noticed at all;
// a wish to be asked again at a date is granted as one in seconds is.
func TestTroubleThatPassesIsNotNoticed(t *testing.T) {
	for name, faults := range map[string]devidp.Faults{
		"503 twice": {TokenStatus: 503, TokenStatusTimes: 2},
		"429 once":  {TokenStatus: 429, TokenStatusTimes: 1, TokenRetryAfter: 2},
		"nonsense":  {TokenStatus: 503, TokenStatusTimes: 1, TokenRetryAfterText: "soon"},
	} {
		t.Run(name, signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
			_, h := b.client(s, nil)
			b.idp.SetFaults(faults)
			b.mustCall(h, "1")
			if stats := b.idp.Stats(); stats.Refreshes != 1 || b.tabs.Load() != 1 {
				t.Errorf("%d refreshes, %d tabs", stats.Refreshes, b.tabs.Load())
			}
		}))
	}
	signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
		_, h := b.client(s, nil)
		start := time.Now()
		at := start.Add(9 * time.Second).UTC().Format(http.TimeFormat)
		b.idp.SetFaults(devidp.Faults{TokenStatus: 429, TokenStatusTimes: 1, TokenRetryAfterText: at})
		b.mustCall(h, "1")
		if took := time.Since(start); took < 8*time.Second || took > 11*time.Second {
			t.Errorf("asked again after %v", took)
		}
	})(t)
}

// What never reached the provider is tried three
// times, what may have reached it once per try of the server's client; the
// token is kept and nobody is asked.
func TestNetworkTroubleKeepsTheLogin(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	for name, tc := range map[string]struct {
		err   error
		tries int
	}{
		"refused":              {dial, 3},
		"no such host":         {&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "as.example", IsNotFound: true}}, 3},
		"cut while sending":    {&net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}, 1},
		"cut before an answer": {&net.OpError{Op: "read", Net: "tcp", Err: syscall.ECONNRESET}, 1},
	} {
		t.Run(name, signedIn(nil, func(t *testing.T, b *lab, s oauth.Store) {
			_, h := b.client(s, nil)
			before, asked := b.stored(s), len(b.wire.times(tokenPath))
			b.wire.fail = func(r *http.Request) error {
				if r.URL.Host == bubbleProvider {
					return tc.err
				}
				return nil
			}
			if _, _, err := b.call(h, "1"); !errors.Is(err, discovery.ErrUnavailable) {
				t.Errorf("%v", err)
			}
			if tries := len(b.wire.times(tokenPath)) - asked; tries != tc.tries {
				t.Errorf("%d tries, want %d", tries, tc.tries)
			}
			if now := b.stored(s); !now.RefreshToken.Equal(before.RefreshToken) || b.tabs.Load() != 1 {
				t.Errorf("refresh token kept: %v; %d tabs", now.RefreshToken.Equal(before.RefreshToken), b.tabs.Load())
			}
			b.wire.fail = nil
			time.Sleep(time.Minute)
			b.mustCall(h, "2")
			if b.tabs.Load() != 1 {
				t.Errorf("%d tabs", b.tabs.Load())
			}
		}))
	}
}

// Refused, cut at once, cut when the
// request has arrived. Only a refused one is tried again.
func TestBrokenConnectionsKeepTheLogin(t *testing.T) {
	for name, tc := range map[string]struct {
		listen, read    bool
		connects, forms int64
	}{
		"refused":       {false, false, 0, 0},
		"cut at once":   {true, false, 1, 0},
		"cut afterward": {true, true, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // refused connections are tried again after a real pause
			l := newNetworkLab(t, nil)
			s := l.store("")
			_, h := l.client(s, nil)
			l.mustCall(h, "login")
			l.res.revokeSeen()
			address := real.FreeAddress(t)
			ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			var connects, forms atomic.Int64
			var serving sync.WaitGroup
			if tc.listen {
				serving.Go(func() { cutOff(ln, tc.read, &connects, &forms) })
			} else {
				_ = ln.Close()
			}
			cred := l.stored(s)
			refresh := cred.RefreshToken
			cred.TokenEndpoint = "http://" + address + "/token"
			l.save(s, cred)
			if _, _, err := l.call(h, "1"); !errors.Is(err, discovery.ErrUnavailable) {
				t.Errorf("%v", err)
			}
			_ = ln.Close()
			serving.Wait()
			now := l.stored(s)
			if !now.RefreshToken.Equal(refresh) || l.tabs.Load() != 1 || connects.Load() != tc.connects || forms.Load() != tc.forms {
				t.Errorf("%d connections, %d forms, %d tabs, refresh token kept: %v", connects.Load(), forms.Load(), l.tabs.Load(), now.RefreshToken.Equal(refresh))
			}
		})
	}
}

// An answer that was lost after the provider spent the token, or that comes too late,
// costs one refresh: it is sent again by the same request when the token is known to
// have ended, by the next process otherwise; nobody is asked.
func TestLostRefreshAnswerIsNotRepeated(t *testing.T) {
	for name, tc := range map[string]struct {
		faults  devidp.Faults
		clients int
		ended   bool
	}{
		"one client":                  {devidp.Faults{TokenAnswersLost: 1}, 1, false},
		"one client, token ended":     {devidp.Faults{TokenAnswersLost: 1}, 1, true},
		"eight clients":               {devidp.Faults{TokenAnswersLost: 1}, 8, false},
		"eight clients, 3 min answer": {devidp.Faults{TokenAnswerDelay: 3 * time.Minute}, 8, false},
	} {
		t.Run(name, signedIn(func(c *devidp.Config) { c.ReuseLeeway, c.AccessTokenTTL = -1, 5*time.Minute }, func(t *testing.T, b *lab, s oauth.Store) {
			if tc.ended {
				time.Sleep(6 * time.Minute)
			}
			clients := b.processes(tc.clients, s, "", nil)
			b.idp.SetFaults(tc.faults)
			for _, err := range b.all(clients) {
				if err != nil && !errors.Is(err, discovery.ErrUnavailable) || err == nil && name == "one client" {
					t.Error(err)
				}
			}
			if stats := b.idp.Stats(); stats.Refreshes != 1 || stats.ReuseDetections != 0 || b.tabs.Load() != 1 {
				t.Errorf("%d refreshes, %d reuses, %d tabs", stats.Refreshes, stats.ReuseDetections, b.tabs.Load())
			}
		}))
	}
}

// A sibling rotated the refresh token and eight processes with
// one directory find that out at once. One of them asks the provider, one
// browser is opened, and all are answered.
func TestTokenRotatedBySiblingIsAdopted(t *testing.T) {
	for _, interactive := range []bool{true, false} {
		for round := range 3 {
			dir := t.TempDir()
			t.Run(fmt.Sprint(interactive, round), signedInAt(dir, func(c *devidp.Config) { c.ReuseLeeway = -1 }, func(t *testing.T, b *lab, s oauth.Store) {
				b.spend(b.stored(s))
				before, tabs := b.idp.Stats(), b.tabs.Load()
				b.mustAll(b.processes(8, s, dir, func(c *oauth.Config) { c.Interactive = interactive }))
				after := b.idp.Stats()
				if n := after.Refreshes - before.Refreshes; n != 1 || b.tabs.Load()-tabs != 1 || after.CodeExchanges-before.CodeExchanges != 1 || after.Registrations != before.Registrations {
					t.Errorf("%d refreshes, %d tabs, %d registrations", n, b.tabs.Load()-tabs, after.Registrations-before.Registrations)
				}
			}))
		}
	}
}

// Where the sibling keeps to the lock and the store, nobody is
// asked at all: its token is taken.
func TestSiblingsRenewOnce(t *testing.T) {
	dir := t.TempDir()
	signedInAt(dir, func(c *devidp.Config) { c.ReuseLeeway = -1 }, func(t *testing.T, b *lab, _ oauth.Store) {
		var clients []*http.Client
		for range 8 { // each has read the login that is about to be refused
			c, h := b.client(b.store(dir), nil)
			if _, err := c.Token(t.Context()); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, h)
		}
		for range 5 {
			b.res.revokeSeen()
			b.mustAll(clients)
		}
		if stats := b.idp.Stats(); stats.Refreshes > 6 || stats.ReuseDetections != 0 || b.tabs.Load() != 1 {
			t.Errorf("%d refreshes, %d reuses, %d tabs", stats.Refreshes, stats.ReuseDetections, b.tabs.Load())
		}
	})(t)
}

// With lifetimes far below a fixed margin three processes that
// are always busy refresh once per lifetime, before the server has to refuse,
// and nobody is asked.
func TestShortLifetimesAreRefreshedRarely(t *testing.T) {
	for _, life := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second} {
		t.Run(fmt.Sprint(life), inBubble(func(c *devidp.Config) { c.AccessTokenTTL, c.ReuseLeeway = life, -1 }, func(t *testing.T, b *lab) {
			refused, s := b.exact(), b.store("")
			clients := b.processes(3, s, "", nil)
			const lifetimes, calls = 10, 40
			for range lifetimes * calls {
				b.mustAll(clients)
				time.Sleep(life / calls)
			}
			for i, pause := range b.wire.pauses(tokenPath, time.Time{}) {
				if i > 0 && pause < life*8/10 { // margin and spread take 15 % at most
					t.Errorf("refresh %d came %v after the one before", i, pause)
				}
			}
			stats := b.idp.Stats()
			if stats.Refreshes < lifetimes-1 || stats.Refreshes > lifetimes*12/10 || refused.Load() != 0 || b.tabs.Load() != 1 {
				t.Errorf("%d refreshes in %d lifetimes, %d refusals, %d tabs", stats.Refreshes, lifetimes, refused.Load(), b.tabs.Load())
			}
		}))
	}
}

// The burst at a start with a token that has ended leads to
// one refresh, even when the answer takes most of the new token's life.
func TestBurstLeadsToOneRefresh(t *testing.T) {
	inBubble(func(c *devidp.Config) { c.AccessTokenTTL, c.ReuseLeeway = 5*time.Second, -1 }, func(t *testing.T, b *lab) {
		b.exact()
		s := b.store("")
		_, h := b.client(s, nil)
		b.mustCall(h, "login")
		time.Sleep(time.Minute)
		b.idp.SetFaults(devidp.Faults{TokenDelay: 4 * time.Second})
		b.mustAll(slices.Repeat(b.processes(8, s, "", nil), 3))
		if stats := b.idp.Stats(); stats.Refreshes != 1 || b.tabs.Load() != 1 {
			t.Errorf("%d refreshes, %d tabs", stats.Refreshes, b.tabs.Load())
		}
	})(t)
}

// A login that was stored under another time than today's (the
// clock was ten minutes ahead, or behind) costs one refresh at most, no matter
// how many processes and calls there are, and no browser.
func TestClockSkewLeadsToOneRefresh(t *testing.T) {
	for _, life := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, time.Hour} {
		for _, skew := range []time.Duration{-10 * time.Minute, 10 * time.Minute} {
			t.Run(fmt.Sprint(life, skew), inBubble(func(c *devidp.Config) { c.AccessTokenTTL, c.ReuseLeeway = life, -1 }, func(t *testing.T, b *lab) {
				b.exact()
				s := b.store("")
				_, h := b.client(s, nil)
				b.mustCall(h, "login")
				cred := b.stored(s)
				cred.ObtainedAt, cred.Expiry = cred.ObtainedAt.Add(skew), cred.Expiry.Add(skew)
				b.save(s, cred)
				time.Sleep(min(life+time.Millisecond, time.Minute)) // the short ones have ended
				b.mustAll(slices.Repeat(b.processes(8, s, "", nil), 3))
				if stats := b.idp.Stats(); stats.Refreshes > 1 || stats.ReuseDetections != 0 || b.tabs.Load() != 1 {
					t.Errorf("%d refreshes, %d reuses, %d tabs", stats.Refreshes, stats.ReuseDetections, b.tabs.Load())
				}
			}))
		}
	}
}
