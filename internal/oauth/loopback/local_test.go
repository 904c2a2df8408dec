package loopback

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"mcp-login/internal/hint"
)

// browser keeps cookies and follows no redirects.
type browser struct {
	t *testing.T
	*http.Client
}

func newBrowser(t *testing.T) browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return browser{t, &http.Client{Jar: jar, Timeout: patience, Transport: direct{}, CheckRedirect: client.CheckRedirect}}
}

// open returns the status, where the browser is sent, and the cookie it gets.
func (b browser) open(method, address string, header ...string) (status int, to, cookie string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, address, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode, resp.Header.Get("Location"), resp.Header.Get("Set-Cookie")
}

const provider = "https://provider.example/authorize?state=s&x=%20"

// patience is when a test gives up waiting for a listener that does not answer.
const patience = 20 * time.Second

// led is a listener that waits, with its one-time address.
func led(t *testing.T, o Options) (l *Listener, here, mark string, ch <-chan received) {
	t.Helper()
	l = listen(t, o)
	here, mark = l.Local(provider, nil)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return l, here, mark, receive(ctx, l, "s")
}

// The address leads to the provider for one browser, which may come again,
// and whose answer is taken. What fetches in advance, or asks for the head alone,
// uses nothing up.
func TestLocalAddressLeadsOneBrowser(t *testing.T) {
	for _, o := range []Options{{}, {Host: "localhost"}, {Host: "::1"}, {Path: "/"}, {Path: "/oauth/callback/"}} {
		l, here, mark, ch := led(t, o)
		b, other := newBrowser(t), newBrowser(t)
		if strings.Contains(here, "state") || strings.Contains(here, "provider") || !strings.HasPrefix(here, strings.TrimSuffix(l.URI(), "/")+"/") {
			t.Errorf("%s for %s", here, l.URI())
		}
		for _, early := range [][]string{{"Sec-Purpose", "prefetch;prerender"}, {"Purpose", "prefetch"}, {"X-Moz", "prefetch"}} {
			if status, to, cookie := other.open("GET", here, early...); status != http.StatusServiceUnavailable || to != "" || cookie != "" {
				t.Errorf("%v: %d to %q, %q", early, status, to, cookie)
			}
		}
		if status, to, cookie := other.open("HEAD", here); status != http.StatusMethodNotAllowed || to != "" || cookie != "" {
			t.Errorf("HEAD: %d to %q, %q", status, to, cookie)
		}
		for range 3 {
			status, to, cookie := b.open("GET", here)
			if status != http.StatusSeeOther || to != provider || !strings.HasPrefix(cookie, mark+";") || !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") || strings.Contains(cookie, "Domain") {
				t.Fatalf("%d to %q, %q", status, to, cookie)
			}
		}
		answered(t, b, l, ch, "c", "s")
		if status, to, _ := other.open("GET", here); status != http.StatusBadRequest || to != "" {
			t.Errorf("after the login: %d to %q", status, to)
		}
	}
}

// A second browser ends the login, learns nothing of it, and its words say
// why.
func TestSecondBrowserEndsTheLogin(t *testing.T) {
	l, here, _, ch := led(t, Options{})
	b, other := newBrowser(t), newBrowser(t)
	if status, _, _ := b.open("GET", here); status != http.StatusSeeOther {
		t.Fatal(status)
	}
	if status, to, cookie := other.open("GET", here, "Cookie", "mcp-login-1=x"); status != http.StatusForbidden || to != "" || cookie != "" {
		t.Errorf("%d to %q, %q", status, to, cookie)
	}
	r := <-ch
	if !errors.Is(r.err, ErrOpenedTwice) || hint.Of(r.err) == "" {
		t.Errorf("%v", r.err)
	}
	if status, _, _ := b.open("GET", l.URI()+"?code=c&state=s"); status != http.StatusBadRequest {
		t.Errorf("an answer after that: %d", status)
	}
}

// The answer of another browser is refused, and the right one still counts;
// so does one with the mark that was given to the person's own process.
func TestOnlyTheMarkedBrowserMayAnswer(t *testing.T) {
	for _, pasted := range []bool{false, true} {
		l, here, mark, ch := led(t, Options{})
		l.grace = time.Hour
		b, other := newBrowser(t), newBrowser(t)
		b.open("GET", here)
		for _, cookie := range []string{"", "x=y", strings.ToLower(mark), mark + "x", strings.SplitAfter(mark, "=")[0]} {
			if status, _, _ := other.open("GET", l.URI()+"?code=evil&state=s", "Cookie", cookie); status != http.StatusForbidden {
				t.Errorf("cookie %q: %d", cookie, status)
			}
		}
		if status, _, _ := other.open("GET", l.URI()+"?code=evil&state=t"); status != http.StatusBadRequest {
			t.Errorf("another state: %d", status)
		}
		if pasted {
			answered(t, other, l, ch, "c", "s", "Cookie", mark)
		} else {
			answered(t, b, l, ch, "c", "s")
		}
	}
}

// A browser that keeps no cookies hears of it, and so does the person.
func TestBrowserWithoutCookies(t *testing.T) {
	l, here, _, ch := led(t, Options{})
	l.grace = time.Millisecond
	b := newBrowser(t)
	b.Jar = nil
	b.open("GET", here)
	if status, _, _ := b.open("GET", l.URI()+"?code=c&state=s"); status != http.StatusForbidden {
		t.Error(status)
	}
	if r := <-ch; !errors.Is(r.err, ErrUnmarked) {
		t.Errorf("%v", r.err)
	}
}

// Over SSH, with a pasted answer or a code on paper, nobody opens the address:
// every browser may answer.
func TestUnopenedAddressMarksNobody(t *testing.T) {
	l, _, _, ch := led(t, Options{})
	answered(t, newBrowser(t), l, ch, "c", "s")
}

// The pages that end a login are in every language.
func TestLocalPages(t *testing.T) {
	for _, w := range languages {
		for _, why := range []reason{reasonTwice, reasonUnmarked} {
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/callback/x", nil)
			r.Header.Set("Accept-Language", w.tag)
			rec := httptest.NewRecorder()
			newPages(Options{Server: "mcp.example"}).fail(rec, r, http.StatusForbidden, why)
			if body := rec.Body.String(); rec.Code != http.StatusForbidden || !strings.Contains(body, w.reasons[why].what) || !strings.Contains(body, "mcp.example") {
				t.Errorf("%s: %d %s", w.tag, rec.Code, body)
			}
		}
	}
}

// Who may come, besides the user who signs in.
func TestPeersAreJudged(t *testing.T) {
	for _, tc := range []struct {
		peer peer
		self int
		sudo string
		want bool
	}{
		{peer{}, 1000, "", true},
		{peer{uid: 1000, known: true}, 1000, "", true},
		{peer{uid: 0, known: true}, 1000, "", true},
		{peer{uid: 1001, known: true}, 1000, "", false},
		{peer{uid: 65534, known: true}, 0, "", false},
		{peer{gone: true}, 1000, "", false},
		{peer{uid: 1000, known: true}, 0, "1000", true},
		{peer{uid: 1001, known: true}, 0, "1000", false},
		{peer{uid: 1001, known: true}, 1000, "1001", false},
		{peer{uid: 0, known: true}, 1000, "x", true},
	} {
		if got := allowed(tc.peer, tc.self, tc.sudo); got != tc.want {
			t.Errorf("%+v: %v", tc, got)
		}
	}
}

// Where a visit leads is made when the browser comes. A person who loads the page again
// meanwhile is no second browser: the first visit has led nowhere.
func TestVisitIsLedWhenItComes(t *testing.T) {
	l := listen(t, Options{})
	began := make(chan struct{}, 1)
	first := true
	here, _ := l.Local(provider, func(ctx context.Context) (string, error) {
		if first {
			first = false
			began <- struct{}{}
			<-ctx.Done() // of a provider that takes its time
			return "", ctx.Err()
		}
		return provider + "&short=1", nil
	})
	wait, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ch := receive(wait, l, "s")
	gone, leave := context.WithCancel(wait)
	left := make(chan struct{})
	go func() {
		defer close(left)
		req, _ := http.NewRequestWithContext(gone, http.MethodGet, here, nil)
		resp, err := direct{}.RoundTrip(req)
		if err != nil {
			return
		}
		_ = resp.Body.Close()
		if resp.Header.Get("Location") != "" || resp.Header.Get("Set-Cookie") != "" {
			t.Error("a visit that was given up was led somewhere")
		}
	}()
	<-began
	leave()
	<-left
	b := newBrowser(t)
	if status, to, _ := b.open("GET", here); status != http.StatusSeeOther || to != provider+"&short=1" {
		t.Fatalf("%d to %q", status, to)
	}
	answered(t, b, l, ch, "c", "s")
}

// Of many browsers that come at once one is led, and that there was another ends the login.
func TestVisitsAreServedInTurn(t *testing.T) {
	l := listen(t, Options{})
	var under atomic.Int32
	here, _ := l.Local(provider, func(context.Context) (string, error) {
		if under.Add(1) > 1 {
			t.Error("two visits at once")
		}
		for range 1000 {
			runtime.Gosched()
		}
		under.Add(-1)
		return provider, nil
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ch := receive(ctx, l, "s")
	var led atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		b := newBrowser(t)
		all.Go(func() {
			if status, _, _ := b.open("GET", here); status == http.StatusSeeOther {
				led.Add(1)
			}
		})
	}
	all.Wait()
	if r := <-ch; !errors.Is(r.err, ErrOpenedTwice) || led.Load() != 1 {
		t.Errorf("%d were led, %v", led.Load(), r.err)
	}
}

// A visit that cannot be led anywhere ends the login, and the tab says so.
func TestVisitThatFailsEndsTheLogin(t *testing.T) {
	l := listen(t, Options{})
	broken := errors.New("broken")
	here, _ := l.Local(provider, func(context.Context) (string, error) { return "", broken })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ch := receive(ctx, l, "s")
	if status, to, cookie := newBrowser(t).open("GET", here); status != http.StatusOK || to != "" || cookie != "" {
		t.Errorf("%d to %q, %q", status, to, cookie)
	}
	if r := <-ch; !errors.Is(r.err, broken) {
		t.Errorf("%v", r.err)
	}
}
