package loopback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"testing"

	"mcp-login/test/leak"
	"mcp-login/test/real"
)

func TestMain(m *testing.M) { leak.Main(m) }

type received struct {
	query  url.Values
	finish func(string, error)
	err    error
}

func listen(t *testing.T, o Options) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	listeners.Store(l.host, l)
	t.Cleanup(func() { listeners.Delete(l.host); _ = l.Close() })
	return l
}

func receive(ctx context.Context, l *Listener, state string) <-chan received {
	ch, ready := make(chan received, 1), make(chan struct{})
	go func() {
		var r received
		r.query, r.finish, r.err = l.Receive(ctx, state, func() { close(ready) })
		ch <- r
	}()
	<-ready
	return ch
}

// listeners are those of the tests by the host of their address.
var listeners sync.Map

// direct takes requests to a listener of this process without a network, as it reads
// the kernel's table of all connections for each one that comes over it; other hosts
// are asked over the network.
type direct struct{}

func (direct) RoundTrip(r *http.Request) (*http.Response, error) {
	l, here := listeners.Load(r.URL.Host)
	if !here {
		return (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	}
	in := r.Clone(r.Context())
	in.Host, in.RequestURI, in.Body = cmp.Or(r.Host, r.URL.Host), r.URL.RequestURI(), http.NoBody
	rec := httptest.NewRecorder()
	l.(*Listener).serve(rec, in)
	return rec.Result(), nil
}

var client = &http.Client{Transport: direct{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

func get(t *testing.T, method, address, host string) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), resp.Header
}

// Nothing but the right answer ends the wait,
// however often it is tried, and the right one still works afterwards.
func TestForgedAnswersChangeNothing(t *testing.T) {
	l := listen(t, Options{})
	ch := receive(t.Context(), l, "right")
	base := strings.TrimSuffix(l.URI(), DefaultPath)
	forged := []struct {
		method, path, host string
		status             int
	}{
		{"GET", "/callback?code=c&state=wrong", "", 400},
		{"GET", "/callback?code=c", "", 400},
		{"GET", "/callback?code=c&state=", "", 400},
		{"GET", "/callback?code=c&state=right&state=right", "", 400},
		{"GET", "/callback?code=c&state=wrong&state=right", "", 400},
		{"GET", "/callback?error=access_denied&state=wrong", "", 400},
		{"GET", "/callback?error=access_denied", "", 400},
		{"GET", "/callback?state=right", "", 400},
		{"GET", "/callback", "", 400},
		{"GET", "/callback?code=%zz&state=right", "", 400},
		{"GET", "/favicon.ico", "", 404},
		{"GET", "/", "", 404},
		{"GET", "/callback/?code=c&state=right", "", 404},
		{"GET", "/Callback?code=c&state=right", "", 404},
		{"HEAD", "/callback?code=c&state=right", "", 405},
		{"POST", "/callback?code=c&state=right", "", 405},
		{"OPTIONS", "/callback?code=c&state=right", "", 405},
		{"GET", "/callback?code=c&state=right", "evil.example", 403},
		{"GET", "/callback?code=c&state=right", "127.0.0.1", 403},
	}
	for range 25 {
		for _, f := range forged {
			status, body, h := get(t, f.method, base+f.path, f.host)
			if status != f.status || strings.Contains(body, "Signed in") {
				t.Fatalf("%s %s host %q: status %d", f.method, f.path, f.host, status)
			}
			if h.Get("Access-Control-Allow-Origin") != "" {
				t.Fatal("CORS header")
			}
		}
	}
	select {
	case r := <-ch:
		t.Fatalf("a forged answer ended the wait: %v", r.query)
	default:
	}
	page := make(chan string, 1)
	go func() {
		_, body, _ := get(t, "GET", l.URI()+"?code=real&state=right&iss=i", "")
		page <- body
	}()
	r := <-ch
	if r.err != nil || r.query.Get("code") != "real" {
		t.Fatalf("%v, %v", r.query, r.err)
	}
	select {
	case <-page:
		t.Fatal("the page came before the outcome was known")
	default:
	}
	r.finish("alice@example.test", nil)
	r.finish("", errors.New("ignored")) // a second call changes nothing
	if body := <-page; !strings.Contains(body, "Signed in") || !strings.Contains(body, "alice@example.test") {
		t.Errorf("page: %s", body)
	}
	// A valid answer counts once.
	if status, _, _ := get(t, "GET", l.URI()+"?code=real&state=right", ""); status != 400 {
		t.Errorf("second use: %d", status)
	}
}

type coded struct{ code string }

func (c coded) Error() string     { return "with <script>alert(1)</script> in it" }
func (c coded) OAuthCode() string { return c.code }

// Pages are static per outcome and language; markup in parameters, in
// the error or in the account does not reach the tab as markup.
func TestPagesReflectNothing(t *testing.T) {
	const markup = "%3Cscript%3Ealert(1)%3C/script%3E"
	l := listen(t, Options{Server: "mcp.example"})
	bodies := map[string]int{}
	for i := range 10 {
		state := fmt.Sprintf("s%d", i)
		ch := receive(t.Context(), l, state)
		page := make(chan string, 1)
		go func() {
			_, body, h := get(t, "GET", fmt.Sprintf("%s?error=%s%d&error_description=%s&error_uri=%s&state=%s", l.URI(), markup, i, markup, markup, state), "")
			if !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") || h.Get("Cache-Control") != "no-store" || h.Get("Referrer-Policy") != "no-referrer" || h.Get("X-Content-Type-Options") != "nosniff" {
				t.Errorf("headers: %v", h)
			}
			page <- body
		}()
		r := <-ch
		r.finish("", coded{"access_denied"})
		bodies[<-page]++
	}
	if len(bodies) != 1 {
		t.Errorf("%d different pages for one outcome", len(bodies))
	}
	for body := range bodies {
		if strings.Contains(strings.ToLower(body), "<script") || strings.Contains(body, "alert(1)") {
			t.Errorf("markup on the page: %s", body)
		}
	}
	ch := receive(t.Context(), l, "last")
	page := make(chan string, 1)
	go func() { _, b, _ := get(t, "GET", l.URI()+"?code=c&state=last", ""); page <- b }()
	r := <-ch
	r.finish("<script>alert(1)</script>", nil)
	if body := <-page; strings.Contains(body, "<script>") {
		t.Errorf("account as markup: %s", body)
	}
}

// A taken port is not waited for; another one is used and
// named, unless the person insists.
func TestTakenPort(t *testing.T) {
	taken, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	port := taken.Addr().(*net.TCPAddr).Port
	l := listen(t, Options{Port: port})
	u, err := url.Parse(l.URI())
	if err != nil || u.Port() == fmt.Sprint(port) || u.Hostname() != "127.0.0.1" || u.Path != DefaultPath {
		t.Errorf("URI %s", l.URI())
	}
	if _, err := Listen(t.Context(), Options{Port: port, Exact: true}); err == nil {
		t.Error("bound a taken port")
	}
}

func TestFreePortIsUsed(t *testing.T) {
	port := real.FreePort(t)
	l := listen(t, Options{Port: port, Exact: true, Path: "/oauth/callback"})
	if want := fmt.Sprintf("http://127.0.0.1:%d/oauth/callback", port); l.URI() != want {
		t.Errorf("URI %s, want %s", l.URI(), want)
	}
}

// A provider that knows the person answers within microseconds of begin; the
// answer must not come too early.
func TestAnswerInsideBegin(t *testing.T) {
	l := listen(t, Options{})
	page := make(chan int, 1)
	query, finish, err := l.Receive(t.Context(), "s", func() {
		reached := make(chan struct{})
		go func() {
			conn, err := net.Dial("tcp", l.host)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /callback?code=c&state=s HTTP/1.1\r\nHost: %s\r\n\r\n", l.host)
			close(reached)
			var status int
			_, _ = fmt.Fscanf(conn, "HTTP/1.1 %d", &status)
			page <- status
		}()
		<-reached
		for l.expecting() { // until the answer has been looked at
			runtime.Gosched()
		}
	})
	if err != nil || query.Get("code") != "c" {
		t.Fatal(query, err)
	}
	finish("", nil)
	if status := <-page; status != 200 {
		t.Errorf("status %d", status)
	}
}

func (l *Listener) expecting() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state != ""
}

// The listener is on 127.0.0.1 only.
func TestBoundToLoopback(t *testing.T) {
	l := listen(t, Options{})
	u, _ := url.Parse(l.URI())
	conn, err := net.Dial("tcp", net.JoinHostPort("::1", u.Port()))
	if err == nil {
		conn.Close()
		t.Error("reachable by another address")
	}
}

func TestReceiveEndsWithContext(t *testing.T) {
	l := listen(t, Options{})
	cause := errors.New("nobody came")
	ctx, cancel := context.WithCancelCause(t.Context())
	ch := receive(ctx, l, "s")
	cancel(cause)
	if r := <-ch; !errors.Is(r.err, cause) {
		t.Errorf("%v", r.err)
	}
	if status, _, _ := get(t, "GET", l.URI()+"?code=c&state=s", ""); status != 400 {
		t.Errorf("a late answer got %d", status)
	}
}

// A slow client holds up neither the login nor the end.
func TestSlowClientDoesNotBlock(t *testing.T) {
	l := listen(t, Options{})
	host := strings.TrimSuffix(strings.TrimPrefix(l.URI(), "http://"), DefaultPath)
	for range 50 {
		conn, err := net.Dial("tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "GET /callback?co")
	}
	ch := receive(t.Context(), l, "s")
	page := make(chan int, 1)
	go func() { status, _, _ := get(t, "GET", l.URI()+"?code=c&state=s", ""); page <- status }()
	r := <-ch
	r.finish("", nil)
	if status := <-page; status != 200 {
		t.Errorf("status %d", status)
	}
	if err := l.Close(); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("close: %v", err)
	}
}

// --success-url: the tab goes there after a login that worked, with nothing of
// ours in the address, and to our own page after one that did not.
func TestSuccessAddress(t *testing.T) {
	for _, failure := range []error{nil, errors.New("no")} {
		l := listen(t, Options{Success: "https://good.example/done"})
		ch, shown := receive(t.Context(), l, "s"), make(chan struct{})
		var status int
		var h http.Header
		go func() { status, _, h = get(t, "GET", l.URI()+"?code=c&state=s", ""); close(shown) }()
		r := <-ch
		r.finish("alice", failure)
		if <-shown; failure == nil && (status != http.StatusSeeOther || h.Get("Location") != "https://good.example/done") || failure != nil && status != http.StatusOK {
			t.Errorf("failure %v: %d to %q", failure, status, h.Get("Location"))
		}
	}
	for _, bad := range []string{"javascript:alert(1)", "http://evil.example/", "/done", "https://user@good.example", "data:text/html,x", "https:"} {
		if CheckSuccess(bad) == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	for _, good := range []string{"", "https://good.example/done?x=y", "http://127.0.0.1:8080/", "http://localhost/x"} {
		if err := CheckSuccess(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
}
