package loopback

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// elsewhere is an address of this machine that is not on loopback.
func elsewhere(t *testing.T) string {
	t.Helper()
	all, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr().String()
		}
	}
	real.Missing(t, "an address of this machine that is not on loopback", "connect it to a network")
	return ""
}

// What comes from other machines, which Options.Bind lets in, neither finishes nor
// ends a login without its state; with it, and the right host, it is the answer.
func TestBindLetsNobodyInWithoutTheState(t *testing.T) {
	addresses := []string{"0.0.0.0", elsewhere(t)}
	if probe, err := net.Listen("tcp", "[::1]:0"); err == nil {
		_ = probe.Close()
		addresses = append(addresses, "::")
	}
	for _, bind := range addresses {
		var log bytes.Buffer
		l := listen(t, Options{Bind: bind, Log: slog.New(slog.NewTextHandler(&log, nil))})
		if !strings.Contains(log.String(), "level=WARN") || !strings.Contains(log.String(), bind) {
			t.Errorf("%s: the log says %q", bind, log.String())
		}
		own, err := url.Parse(l.URI())
		if err != nil || own.Hostname() != "127.0.0.1" {
			t.Fatalf("%s: the redirect URI is %s", bind, l.URI())
		}
		local, _ := l.Local("https://issuer.example/authorize", nil)
		ch := receive(t.Context(), l, "right")
		there := "http://" + net.JoinHostPort(elsewhere(t), own.Port())
		guess := strings.TrimPrefix(local, "http://"+own.Host)
		guess = guess[:len(guess)-1] + "_"
		for path, want := range map[string]int{
			"/callback?code=c&state=wrong": 400, "/callback?error=access_denied": 400, "/callback?error=access_denied&state=wrong": 400, "/callback": 400,
			guess: 404, "/callback/": 404, "/": 404,
		} {
			if status, _, _ := get(t, "GET", there+path, own.Host); status != want {
				t.Errorf("%s: %s is answered with %d, want %d", bind, path, status, want)
			}
		}
		for _, host := range []string{"", "evil.example:" + own.Port()} { // names that a page elsewhere can have
			if status, _, _ := get(t, "GET", there+"/callback?code=c&state=right", host); status != 403 {
				t.Errorf("%s: host %q is answered with %d", bind, host, status)
			}
		}
		select {
		case r := <-ch:
			t.Fatalf("%s: the login ended: %v %v", bind, r.query, r.err)
		default:
		}
		shown := make(chan struct{})
		go func() { get(t, "GET", there+"/callback?code=c&state=right", own.Host); close(shown) }()
		r := <-ch
		if r.err != nil || r.query.Get("code") != "c" {
			t.Fatalf("%s: %v %v", bind, r.query, r.err)
		}
		r.finish("", nil)
		<-shown
		if status, _, _ := get(t, "GET", l.Here(), ""); status != 400 {
			t.Errorf("%s: this machine gets %d", bind, status)
		}
	}
}

// Without it nobody from elsewhere gets as far as a connection, and what is no
// address of this machine is an error.
func TestBindIsOptIn(t *testing.T) {
	l := listen(t, Options{Host: "localhost"})
	own, _ := url.Parse(l.URI())
	if c, err := net.Dial("tcp", net.JoinHostPort(elsewhere(t), own.Port())); err == nil {
		_ = c.Close()
		t.Error("it can be reached from elsewhere")
	}
	for _, bad := range []string{"example.com", "0.0.0.0:80", "eth0", "203.0.113.9", " "} {
		if l, err := Listen(t.Context(), Options{Bind: bad}); err == nil {
			_ = l.Close()
			t.Errorf("%q is taken", bad)
		}
	}
}

// A redirect URI that is not the listener's is what is registered and sent; the
// answer is taken here, with its state, and a tab that is to go on is sent on.
func TestChosenURI(t *testing.T) {
	l := listen(t, Options{URI: "https://app.example/done"})
	if l.URI() != "https://app.example/done" || !strings.HasPrefix(l.Here(), "http://127.0.0.1:") {
		t.Errorf("%s, at %s", l.URI(), l.Here())
	}
	ch := receive(t.Context(), l, "right")
	if status, _, _ := get(t, "GET", l.Here()+"?code=c&state=wrong", ""); status != 400 {
		t.Errorf("another state is answered with %d", status)
	}
	b := newBrowser(t)
	went := make(chan string, 1)
	go func() {
		_, to, _ := b.open("GET", l.Here()+"?error=invalid_scope&state=right")
		went <- to
	}()
	r := <-ch
	again := receive(t.Context(), l, "second")
	r.finish("", resume("https://issuer.example/authorize"))
	if to := <-went; to != "https://issuer.example/authorize" {
		t.Errorf("the tab was sent to %q", to)
	}
	if status, _, _ := get(t, "GET", l.Here()+"?code=c&state=right", ""); status != 400 {
		t.Errorf("the first state is answered with %d", status)
	}
	answered(t, b, l, again, "c", "second")
}

type resume string

func (resume) Error() string      { return "it goes on" }
func (r resume) ResumeAt() string { return string(r) }
