package loopback

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// exchange writes bytes as they are and returns all that comes back.
func exchange(t *testing.T, l *Listener, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", l.host)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(c, request)
	all, _ := io.ReadAll(bufio.NewReader(c))
	return string(all)
}

// What a page elsewhere, a program that guesses the port, or a faulty request can
// bring: nothing is led anywhere, nothing is marked, no other origin may read it,
// and the address and the answer of the person count as before.
func TestStrangersGetNothing(t *testing.T) {
	l, here, _, ch := led(t, Options{})
	secret := strings.TrimPrefix(here, "http://"+l.host)
	_, port, _ := net.SplitHostPort(l.host)
	head := func(line, host string, more ...string) string {
		return line + "\r\nHost: " + host + "\r\nConnection: close\r\n" + strings.Join(append(more, ""), "\r\n") + "\r\n"
	}
	for name, request := range map[string]string{
		"a preflight":                 head("OPTIONS "+secret+" HTTP/1.1", l.host, "Origin: https://evil.example", "Access-Control-Request-Method: GET", "Access-Control-Request-Private-Network: true"),
		"a preflight of the answer":   head("OPTIONS /callback HTTP/1.1", l.host, "Origin: https://evil.example", "Access-Control-Request-Method: GET"),
		"a form of the answer":        head("POST /callback?code=c&state=s HTTP/1.1", l.host, "Content-Length: 0"),
		"a HEAD of the answer":        head("HEAD /callback?code=c&state=s HTTP/1.1", l.host),
		"a name that points here":     head("GET "+secret+" HTTP/1.1", "evil.example:"+port),
		"an answer by such a name":    head("GET /callback?code=c&state=s HTTP/1.1", "evil.example:"+port),
		"a host without the port":     head("GET "+secret+" HTTP/1.1", "127.0.0.1"),
		"another port":                head("GET "+secret+" HTTP/1.1", "127.0.0.1:1"),
		"a host with a user":          head("GET "+secret+" HTTP/1.1", "x@"+l.host),
		"a host with a dot":           head("GET "+secret+" HTTP/1.1", "127.0.0.1.:"+port),
		"a name below localhost":      head("GET "+secret+" HTTP/1.1", "evil.localhost:"+port),
		"a number for the host":       head("GET "+secret+" HTTP/1.1", "2130706433:"+port),
		"two hosts":                   head("GET "+secret+" HTTP/1.1", l.host, "Host: evil.example"),
		"no host":                     "GET " + secret + " HTTP/1.0\r\n\r\n",
		"a whole address elsewhere":   head("GET http://evil.example"+secret+" HTTP/1.1", l.host),
		"a host that is forwarded":    head("GET "+secret+" HTTP/1.1", "evil.example", "X-Forwarded-Host: "+l.host, "Forwarded: host="+l.host),
		"a longer path":               head("GET "+secret+"/ HTTP/1.1", l.host),
		"a doubled slash":             head("GET /"+secret+" HTTP/1.1", l.host),
		"dots in the path":            head("GET /x/.."+secret+" HTTP/1.1", l.host),
		"another case":                head("GET "+strings.ToLower(secret)+" HTTP/1.1", l.host),
		"a guess":                     head("GET /callback/AAAAAAAAAAAAAAAAAAAAAAAAAA HTTP/1.1", l.host),
		"a line break in the path":    head("GET "+secret+"%0d%0aSet-Cookie:%20x=y HTTP/1.1", l.host),
		"a line break in the state":   head("GET /callback?code=c&state=t%0d%0aLocation:%20https://evil.example HTTP/1.1", l.host),
		"a state that stands twice":   head("GET /callback?code=c&state=s&state=s HTTP/1.1", l.host),
		"a state with a semicolon":    head("GET /callback?code=c;state=s HTTP/1.1", l.host),
		"a state in another case":     head("GET /callback?code=c&State=s HTTP/1.1", l.host),
		"a state of an array":         head("GET /callback?code=c&state[]=s HTTP/1.1", l.host),
		"a state and neither of both": head("GET /callback?state=s HTTP/1.1", l.host),
		"a length and chunks":         head("GET /callback?code=c&state=t HTTP/1.1", l.host, "Content-Length: 3", "Transfer-Encoding: chunked") + "0\r\n\r\n",
		"HTTP/2 at once":              "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"nonsense":                    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
		"cookies of other programs":   head("GET "+secret+" HTTP/1.1", l.host, "Cookie: "+strings.Repeat("a=b; ", 9<<10)),
		"a page that is prerendered":  head("GET "+secret+" HTTP/1.1", l.host, "Sec-Purpose: prefetch;prerender;anonymous-client-ip"),
	} {
		got := strings.ToLower(exchange(t, l, request))
		first, _, _ := strings.Cut(got, "\r\n")
		if got != "" && !strings.Contains(first, " 4") && !strings.Contains(first, " 503") && !strings.Contains(first, " 505") {
			t.Errorf("%s: %s", name, first)
		}
		for _, header := range []string{"\nlocation:", "\nset-cookie:", "\naccess-control-", "provider.example"} {
			if strings.Contains(got, header) {
				t.Errorf("%s: it gets %q:\n%s", name, header, got)
			}
		}
	}
	b := newBrowser(t)
	if status, to, _ := b.open("GET", here); status != http.StatusSeeOther || to != provider {
		t.Fatalf("the person's browser: %d to %q", status, to)
	}
	answered(t, b, l, ch, "c", "s")
}

// answered delivers an answer and looks that it is the one that is taken.
func answered(t *testing.T, b browser, l *Listener, ch <-chan received, code, state string, header ...string) {
	t.Helper()
	status := make(chan int, 1)
	go func() {
		got, _, _ := b.open("GET", l.Here()+"?"+url.Values{"code": {code}, "state": {state}}.Encode(), header...)
		status <- got
	}()
	r := <-ch
	if r.err != nil || r.query.Get("code") != code {
		t.Fatalf("%q, %v", r.query.Get("code"), r.err)
	}
	r.finish("", nil)
	if got := <-status; got != http.StatusOK {
		t.Errorf("the tab: %d", got)
	}
}

// Cookies know no ports: two logins at once in one browser, and programs on other
// ports of this machine that set cookies of the same name, take nobody's mark away
// and give nobody one.
func TestCookiesOfOtherLoginsDoNotCount(t *testing.T) {
	one, hereOne, markOne, chOne := led(t, Options{})
	two, hereTwo, _, chTwo := led(t, Options{})
	b, other := newBrowser(t), newBrowser(t)
	b.open("GET", hereOne)
	b.open("GET", hereTwo)
	name, _, _ := strings.Cut(markOne, "=")
	at, _ := url.Parse(one.URI())
	for _, jar := range []browser{b, other} {
		jar.Jar.SetCookies(at, []*http.Cookie{
			{Name: name, Value: "evil", Path: "/"},
			{Name: name, Value: "evil", Path: "/callback/x"},
			{Name: "mcp-login", Value: strings.Repeat("x", 3000), Path: "/"},
		})
	}
	one.grace, two.grace = time.Hour, time.Hour
	for _, l := range []*Listener{one, two} {
		if status, _, _ := other.open("GET", l.URI()+"?code=evil&state=s"); status != http.StatusForbidden {
			t.Errorf("a cookie that is not ours: %d", status)
		}
	}
	// The mark of one login is none for the other.
	if status, _, _ := other.open("GET", two.URI()+"?code=evil&state=s", "Cookie", markOne); status != http.StatusForbidden {
		t.Errorf("the mark of another login: %d", status)
	}
	b.open("GET", hereOne) // a tab that is restored
	answered(t, b, two, chTwo, "second", "s")
	answered(t, b, one, chOne, "first", "s")
}

// However many open the address at one time, one of them is led to the provider
// and marked, and the login ends.
func TestManyAnswersAtOnce(t *testing.T) {
	_, here, _, ch := led(t, Options{Host: "localhost"})
	const all = 24
	var ledThere, told [all]bool
	var crowd sync.WaitGroup
	for i := range all {
		b := newBrowser(t)
		crowd.Go(func() {
			status, to, cookie := b.open("GET", here)
			ledThere[i], told[i] = to != "" || cookie != "", status == http.StatusForbidden
		})
	}
	crowd.Wait()
	n, m := 0, 0
	for i := range all {
		if ledThere[i] {
			n++
		}
		if told[i] {
			m++
		}
	}
	if r := <-ch; !errors.Is(r.err, ErrOpenedTwice) || n != 1 || m == 0 {
		t.Errorf("%d led, %d told, %v", n, m, r.err)
	}
}

// Two tabs deliver answers at one time, one of them a copy with another code: one
// is taken, and only its tab hears how it ended.
func TestTwoAnswersAtOnce(t *testing.T) {
	l, here, _, ch := led(t, Options{})
	b := newBrowser(t)
	b.open("GET", here)
	const all = 8
	statuses := make(chan string, all)
	for i := range all {
		go func() {
			status, _, _ := b.open("GET", fmt.Sprintf("%s?code=%d&state=s", l.URI(), i))
			statuses <- fmt.Sprint(i, " ", status)
		}()
	}
	r := <-ch
	if r.err != nil {
		t.Fatal(r.err)
	}
	good := r.query.Get("code")
	for range all - 1 {
		if got := <-statuses; got[0] == good[0] || !strings.HasSuffix(got, "400") {
			t.Errorf("taken was %s, and a tab has %s", good, got)
		}
	}
	r.finish("", nil)
	if got := <-statuses; got != good+" 200" {
		t.Errorf("taken was %s: %s", good, got)
	}
}

// Before anybody waits nothing is used up, neither the address nor an answer; and
// what was refused in one login does not end the next one of the same listener.
func TestOrderOfAnswers(t *testing.T) {
	l := listen(t, Options{})
	l.grace = time.Hour
	here, _ := l.Local(provider, nil)
	b, other := newBrowser(t), newBrowser(t)
	for _, early := range []string{here, l.URI() + "?code=c&state=s", l.URI() + "?code=c&state="} {
		if status, to, cookie := other.open("GET", early); status != http.StatusBadRequest || to != "" || cookie != "" {
			t.Errorf("%s before the login: %d to %q, %q", early, status, to, cookie)
		}
	}
	ch := receive(t.Context(), l, "s")
	status, to, cookie := b.open("GET", here)
	if marked, err := http.ParseSetCookie(cookie); status != http.StatusSeeOther || to != provider || err != nil || marked.MaxAge <= 24*3600 {
		t.Fatalf("%d to %q, %q", status, to, cookie) // a login in the background may wait for a day
	}
	request := "GET /callback?code=evil&state=s HTTP/1.1\r\nHost: " + l.host + "\r\nConnection: close\r\n\r\n"
	if got := exchange(t, l, request); !strings.HasPrefix(got, "HTTP/1.1 403") {
		t.Error(got)
	}
	l.mu.Lock()
	late := l.late
	l.mu.Unlock()
	answered(t, b, l, ch, "c", "s")
	if late.Stop() {
		t.Error("it would end the next login of the listener")
	}
	answered(t, b, l, receive(t.Context(), l, "s2"), "d", "s2")
}

// A path that no cookie can be bound to, or that a browser writes otherwise, would
// end every login: it is refused before one begins.
func TestOnlyTheCallbackPath(t *testing.T) {
	for _, path := range []string{"/a;b", "/a b", "/\u00e9", "/a\\b", "/%2e%2e/x", "/a%20b", "/a\r\nb", "/\"", "/a,<b>", "/a|b", "/x?y", "/x#y", "x"} {
		if l, err := Listen(t.Context(), Options{Path: path}); err == nil {
			_ = l.Close()
			t.Errorf("%q is taken", path)
		}
	}
	for _, path := range []string{"/", "/callback", "/oauth/callback", "/a.b_c~d-e/", "/@x/a+b,c=d", "/v1:callback"} {
		l, here, _, ch := led(t, Options{Path: path})
		b := newBrowser(t)
		if status, _, _ := b.open("GET", here); status != http.StatusSeeOther {
			t.Errorf("%s: %d", path, status)
		}
		answered(t, b, l, ch, "c", "s")
	}
}
