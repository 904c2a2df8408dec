package oauth_test

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/oauth"
)

// signedIn returns a bubble with a login by browser in s, whose token the
// server refuses from now on: whatever comes next needs a refresh.
func signedIn(t *testing.T, dir string, change func(*devidp.Config)) (*bubble, oauth.Store) {
	t.Helper()
	b := newBubble(t, change)
	b.device = oauth.DeviceNever
	s := b.store(dir)
	_, h := b.client(s, nil)
	b.mustCall(h, "login")
	b.res.revokeSeen()
	if cred := b.stored(s); cred.RefreshToken.IsZero() {
		t.Fatal("the login has no refresh token")
	}
	return b, s
}

func (b *bubble) stored(s oauth.Store) oauth.Credential {
	b.t.Helper()
	cred, err := s.Load(b.t.Context(), oauth.Key{Server: b.server().String()})
	if err != nil {
		b.t.Fatal(err)
	}
	return cred
}

// all sends one request with each client at once and returns the errors.
func (b *bubble) all(clients []*http.Client) (failures []error) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, h := range clients {
		wg.Go(func() {
			status, _, err := b.call(h, "x")
			if err == nil && status != http.StatusOK {
				err = fmt.Errorf("status %d", status)
			}
			if err != nil {
				mu.Lock()
				failures = append(failures, err)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return failures
}

// Security row 28: eight processes and a provider that answers a refresh after
// 35 and 90 s. Each waits, the refresh token is spent once, nobody is asked. The
// delay lies before the provider's work and after it.
func TestRow28SlowProvider(t *testing.T) {
	for _, delay := range []time.Duration{35 * time.Second, 90 * time.Second} {
		for name, faults := range map[string]devidp.Faults{"before": {TokenDelay: delay}, "after": {TokenAnswerDelay: delay}} {
			for _, dir := range []string{"", t.TempDir()} {
				t.Run(fmt.Sprint(delay, name, dir != ""), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) { slowProvider(t, delay, faults, dir) })
				})
			}
		}
	}
}

func slowProvider(t *testing.T, delay time.Duration, faults devidp.Faults, dir string) {
	b, s := signedIn(t, dir, func(c *devidp.Config) { c.ReuseLeeway = -1 })
	b.idp.SetFaults(faults)
	var clients []*http.Client
	for range 8 {
		if dir != "" {
			s = b.store(dir) // a process of its own, with the same directory
		}
		_, h := b.client(s, nil)
		clients = append(clients, h)
	}
	start := time.Now()
	if failures := b.all(clients); len(failures) != 0 {
		t.Errorf("%d of 8 failed: %v", len(failures), failures[0])
	}
	stats := b.idp.Stats()
	if took := time.Since(start); stats.Refreshes != 1 || stats.ReuseDetections != 0 || b.tabs.Load() != 1 || took < delay || took > delay+time.Second {
		t.Errorf("after %v: %d refreshes, %d reuses, %d tabs", took, stats.Refreshes, stats.ReuseDetections, b.tabs.Load())
	}
}

// Security row 30, the answers: the token is kept, a request ends after at most
// three tries, Retry-After is kept when it is short and ends the tries when it
// is long, nobody is asked, and when the trouble is over the login works.
func TestRow30BusyProvider(t *testing.T) {
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
		t.Run(fmt.Sprint(tc.status, tc.retryAfter), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := signedIn(t, "", nil)
				_, h := b.client(s, nil)
				b.idp.SetFaults(devidp.Faults{TokenStatus: tc.status, TokenStatusTimes: 1000, TokenRetryAfter: tc.retryAfter})
				before, start := b.stored(s), time.Now()
				asked := len(b.wire.times(tokenPath))
				if _, _, err := b.call(h, "1"); !errors.Is(err, oauth.ErrUnavailable) {
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
				b.mustCall(h, "2")
				if b.tabs.Load() != 1 {
					t.Errorf("%d tabs", b.tabs.Load())
				}
			})
		})
	}
}

// Security row 30: trouble that passes within the tries is not noticed at all;
// a wish to be asked again at a date is granted as one in seconds is.
func TestRow30TroubleThatPasses(t *testing.T) {
	for name, faults := range map[string]devidp.Faults{
		"503 twice": {TokenStatus: 503, TokenStatusTimes: 2},
		"429 once":  {TokenStatus: 429, TokenStatusTimes: 1, TokenRetryAfter: 2},
		"nonsense":  {TokenStatus: 503, TokenStatusTimes: 1, TokenRetryAfterText: "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := signedIn(t, "", nil)
				_, h := b.client(s, nil)
				b.idp.SetFaults(faults)
				b.mustCall(h, "1")
				if stats := b.idp.Stats(); stats.Refreshes != 1 || b.tabs.Load() != 1 {
					t.Errorf("%d refreshes, %d tabs", stats.Refreshes, b.tabs.Load())
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		b, s := signedIn(t, "", nil)
		_, h := b.client(s, nil)
		start := time.Now()
		at := start.Add(9 * time.Second).UTC().Format(http.TimeFormat)
		b.idp.SetFaults(devidp.Faults{TokenStatus: 429, TokenStatusTimes: 1, TokenRetryAfterText: at})
		b.mustCall(h, "1")
		if took := time.Since(start); took < 8*time.Second || took > 11*time.Second {
			t.Errorf("asked again after %v", took)
		}
	})
}

// Security row 30, the network: what never reached the provider is tried three
// times, what may have reached it once per try of the server's client; the
// token is kept and nobody is asked.
func TestRow30Network(t *testing.T) {
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
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b, s := signedIn(t, "", nil)
				_, h := b.client(s, nil)
				before, asked := b.stored(s), len(b.wire.times(tokenPath))
				b.wire.fail = func(r *http.Request) error {
					if r.URL.Host == bubbleProvider {
						return tc.err
					}
					return nil
				}
				if _, _, err := b.call(h, "1"); !errors.Is(err, oauth.ErrUnavailable) {
					t.Errorf("%v", err)
				}
				if tries := len(b.wire.times(tokenPath)) - asked; tries != tc.tries {
					t.Errorf("%d tries, want %d", tries, tc.tries)
				}
				if now := b.stored(s); !now.RefreshToken.Equal(before.RefreshToken) || b.tabs.Load() != 1 {
					t.Errorf("refresh token kept: %v; %d tabs", now.RefreshToken.Equal(before.RefreshToken), b.tabs.Load())
				}
				b.wire.fail = nil
				b.mustCall(h, "2")
				if b.tabs.Load() != 1 {
					t.Errorf("%d tabs", b.tabs.Load())
				}
			})
		})
	}
}

// Security row 30: an answer that was lost after the provider spent the token
// ends the request, with no repeat and no browser.
func TestRow30LostAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, s := signedIn(t, "", func(c *devidp.Config) { c.ReuseLeeway = -1 })
		_, h := b.client(s, nil)
		b.idp.SetFaults(devidp.Faults{TokenAnswersLost: 1})
		if _, _, err := b.call(h, "1"); !errors.Is(err, oauth.ErrUnavailable) {
			t.Errorf("%v", err)
		}
		if stats := b.idp.Stats(); stats.Refreshes != 1 || stats.ReuseDetections != 0 || b.tabs.Load() != 1 {
			t.Errorf("%d refreshes, %d reuses, %d tabs", stats.Refreshes, stats.ReuseDetections, b.tabs.Load())
		}
	})
}
