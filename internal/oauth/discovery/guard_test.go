package discovery

import (
	"context"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/origin"
)

// guardOf returns the guard for an MCP server whose host is an IP address or localhost.
func guardOf(server string) *Guard {
	if strings.Contains(server, ":") {
		server = "[" + server + "]"
	}
	return NewGuard(&url.URL{Scheme: "https", Host: server}, nil, nil)
}

// Which addresses a login may connect to, judged after
// name resolution.
func TestGuardJudgesAddresses(t *testing.T) {
	machine := []string{"127.0.0.1:80", "[::1]:443", "0.0.0.0:80", "[::]:80", "[::ffff:127.0.0.1]:80", "[64:ff9b::7f00:1]:80", "[2002:7f00:1::]:80"}
	private := []string{"10.0.0.1:443", "172.16.5.4:443", "192.168.1.1:80", "[fd00::1]:443", "100.64.0.1:443", "[::ffff:10.0.0.1]:443", "[64:ff9b::a00:1]:443", "198.18.0.1:443"}
	link := []string{"169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80", "[64:ff9b::a9fe:a9fe]:80"}
	public := []string{"93.184.216.34:443", "[2606:2800:220:1::1]:443", "8.8.8.8:443"}
	bad := []string{"224.0.0.1:443", "255.255.255.255:443", "[ff02::1]:443", "nonsense"}
	check := func(server string, addresses []string, want bool) {
		t.Helper()
		for _, a := range addresses {
			err := guardOf(server).control(t.Context(), "tcp", a, nil)
			if (err == nil) != want {
				t.Errorf("server %s, address %s: %v", server, a, err)
			}
		}
	}
	for server, may := range map[string]struct{ machine, private, link bool }{
		"93.184.216.34": {}, "2606:2800:220:1::1": {},
		"127.0.0.1": {machine: true, private: true}, "localhost": {machine: true, private: true}, "::1": {machine: true, private: true},
		"10.1.2.3": {private: true}, "fd00::7": {private: true}, "100.64.3.2": {private: true},
		"169.254.1.1": {link: true},
	} {
		check(server, public, true)
		check(server, machine, may.machine)
		check(server, private, may.private)
		check(server, link, may.link)
		check(server, bad, false)
	}
}

// The guard is in the way of real requests: a public server that points its
// login at this machine gets no connection.
func TestGuardJudgesRealConnections(t *testing.T) {
	s := newSite(t)
	s.set("/m", "{}")
	server := &url.URL{Scheme: "https", Host: "93.184.216.34"}
	_, err := fetch(t.Context(), NewGuard(server, nil, nil).HTTPClient(), s.URL+"/m", nil)
	if err == nil || !strings.Contains(err.Error(), "refused to connect") || len(s.asked) != 0 {
		t.Fatalf("err %v, asked %q", err, s.asked)
	}
	if !strings.Contains(hint.Of(err), "--issuer") {
		t.Errorf("no hint: %v", err)
	}
}

// A name with a private address makes the server private only if the server
// proves its name there; a server behind a proxy is not known to be anywhere.
func TestServerIsWhereItProvesItsName(t *testing.T) {
	names(t, map[string][]string{"example.com": {"127.0.0.1"}, "other.example": {"127.0.0.1"}})
	secure := httptest.NewTLSServer(http.NotFoundHandler()) // its certificate is for example.com
	defer secure.Close()
	roots := x509.NewCertPool()
	roots.AddCert(secure.Certificate())
	port := secure.URL[strings.LastIndex(secure.URL, ":"):]
	toLocal := func(g *Guard) error { return g.control(t.Context(), "tcp", "10.0.0.1:443", nil) }

	if err := toLocal(NewGuard(&url.URL{Scheme: "https", Host: "example.com" + port}, nil, roots)); err != nil {
		t.Errorf("a server that is here: %v", err)
	}
	if err := toLocal(NewGuard(&url.URL{Scheme: "https", Host: "other.example" + port}, nil, roots)); err == nil {
		t.Error("a name that points here, where another server answers, made its server private")
	}
	if err := toLocal(NewGuard(&url.URL{Scheme: "https", Host: "other.example:1"}, nil, roots)); err == nil {
		t.Error("a name that points here, where nobody answers, made its server private")
	}
	proxy := func(*http.Request) (*url.URL, error) { return url.Parse("http://127.0.0.1:9") }
	err := toLocal(NewGuard(&url.URL{Scheme: "https", Host: "example.com" + port}, proxy, roots))
	if err == nil || !strings.Contains(err.Error(), "proxy") {
		t.Errorf("behind a proxy: %v", err)
	}
	if err := toLocal(NewGuard(&url.URL{Scheme: "http", Host: "other.example" + port}, nil, nil)); err != nil {
		t.Errorf("plain http, all addresses of one kind: %v", err)
	}
	one, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("93.184.216.34")
	for _, ips := range [][]netip.Addr{{one, other}, {other, one}, {}} {
		if class, ok := commonClass(ips); ok {
			t.Errorf("%v: %v", ips, class)
		}
	}
}

// A proxy is not asked for what would be refused without it, as far as that
// can be seen.
func TestProxyIsNotAskedForPrivateAddresses(t *testing.T) {
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Host)
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer proxy.Close()
	client := NewGuard(&url.URL{Scheme: "https", Host: "mcp.example"}, func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }, nil, "https://10.0.0.9").HTTPClient()
	for address, want := range map[string]bool{
		"https://10.0.0.1/token": false, "https://169.254.169.254/": false, "http://127.0.0.1:9/": false, "https://[::ffff:10.0.0.1]/": false,
		"https://10.0.0.9/token": true, "https://mcp.example/x": true, "https://provider.example/": true,
	} {
		asked = nil
		resp, err := client.Get(address)
		if err == nil {
			_ = resp.Body.Close()
		}
		if (len(asked) > 0) != want || !want && !strings.Contains(err.Error(), "refused to connect") {
			t.Errorf("%s: asked %q, %v", address, asked, err)
		}
	}
}

// An issuer that a person has named may be private, and nothing else.
func TestNamedIssuerMayBePrivate(t *testing.T) {
	names(t, map[string][]string{"sso.corp.example": {"10.0.0.1"}, "evil.example": {"10.0.0.1"}, "sso.corp.example.evil.example": {"10.0.0.1"}})
	g := NewGuard(&url.URL{Scheme: "https", Host: "93.184.216.34"}, nil, nil, "https://sso.corp.example/realm")
	for address, want := range map[string]bool{
		"https://sso.corp.example/authorize": true, "https://SSO.corp.example:8443/authorize": true,
		"https://evil.example/authorize": false, "https://10.0.0.1/": false, "https://sso.corp.example.evil.example/": false,
	} {
		if _, err := g.BrowserURL(t.Context(), "authorization_endpoint", address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// hidden are addresses that no public server may send a browser to, in all
// spellings that a browser understands, and addresses that are none at all.
var hidden = []string{
	"http://127.0.0.1:8080/api/reboot", "http://localhost:8080/x", "http://a.localhost/x", "http://[::1]:8080/", "https://127.0.0.1/", "https://127.255.0.1/", "https://0.0.0.0/", "https://[::]/",
	"https://10.0.0.1/", "https://192.168.0.1/cgi-bin/reboot", "https://172.16.0.1/", "https://100.64.0.1/", "https://[fd00::1]/", "https://[fec0::1]/", "https://198.18.0.1/",
	"https://169.254.169.254/latest/meta-data", "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:a00:1]/", "https://[64:ff9b::7f00:1]/", "https://[64:ff9b:1::1]/",
	"https://[2002:7f00:1::]/", "https://[::127.0.0.1]/", "https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0177.0.0.1/", "https://017700000001/", "https://127.1/", "https://127.0.1/",
	"https://127.0.0.1./", "https://10.1/", "https://0xA9FEA9FE/", "https://0/", "https://0x/", "https://1.2.3.4.5/", "https://router.example/", "https://twice.example/", "https://six.example/", "https://%31%32%37.0.0.1/", "https://%6cocalhost/",
	"https://１２７.0.0.1/", "https://127。0。0。1/", "https://224.0.0.1/", "https://255.255.255.255/",
	"https://u@good.example/", "https://u:p@good.example/", "https://good.example/#f", "https://good.example:0/", "https://good.example:99999/", "javascript:alert(1)", "data:text/html,x", "http://good.example/", "//good.example/", "",
	// By way of a translation, and in spellings that a browser may understand otherwise than we do.
	"https://[::ffff:0:7f00:1]/", "https://[::ffff:0:a9fe:a9fe]/", "https://[::ffff:0:a00:1]/", "https://192.0.0.2/", "https://192.0.0.1/", "https://[64:ff9b::c000:2]/", "https://[64:ff9b:1:a9fe:a9:fe00::]/",
	"https://translated.example/", "https://clat.example/", "https://clat.example:443/",
	"https://0x7f.0x0.0x0.0x1/", "https://127.0.0.0x1/", "https://0300.0250.1/", "https://1.1.1.1.:443/", "https://x.0x7f/", "https://example.1/", "https://00000177.1/", "https://127.0.0.1:/", "https://[::1]:/", "https://[::1%25lo]/", "https://[0:0:0:0:0:0:0:1]/", "https://[::127.0.0.1]/",
	"https://127.0.0.1%2f@good.example/", "https://good.example%2f@127.0.0.1/", "https://good.example\\@127.0.0.1/", "https://good.example%00.evil.example/", "https://good.example:443:80/", "https://[::1/", "https://::1/", "https://[127.0.0.1]/",
	"https://\u24dbocalhost/", "https://localho\u017ft/", "https://local\u00adhost/", "https://127\uff0e0.0.1/", "https://\u2170.example/", "https://good.example\t/", "https://good.example\n.evil/", " https://good.example/", "https:good.example", "https:/good.example/", "https:///good.example", "https://@good.example/", "https://:@good.example/",
	"HTTP://good.example/", "file:///etc/passwd", "mcp://good.example/", "view-source:https://good.example/", "https://*/", "https://.example/", "https://a..b/",
}

// What the browser is sent to is judged as what is fetched, for a public
// server, for one on this machine, and for one in a private network.
func TestBrowserURLIsJudgedLikeAConnection(t *testing.T) {
	names(t, map[string][]string{"router.example": {"192.168.0.1"}, "twice.example": {"127.0.0.1"}, "six.example": {"fd00::1"}, "good.example": {"93.184.216.34"}, "translated.example": {"::ffff:0:7f00:1"}, "clat.example": {"192.0.0.4"}})
	public := guardOf("93.184.216.34")
	for _, address := range hidden {
		if got, err := public.BrowserURL(t.Context(), "authorization_endpoint", address); err == nil {
			t.Errorf("opened: %s", got)
		} else if strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q", err.Error())
		}
	}
	for _, address := range []string{"https://good.example/authorize?a=b", "https://good.example:8443/", "https://unknown.example/", "https://[2606:4700::1111]/x", "https://1.1.1.1/", "https://0x7f.example/", "https://93.184.216.34/other"} {
		if got, err := public.BrowserURL(t.Context(), "e", address); err != nil || got != address {
			t.Errorf("%s: %s, %v", address, got, err)
		}
	}
	for server, mays := range map[string]map[string]bool{
		"127.0.0.1": {"http://127.0.0.1:9/a": true, "http://localhost:9/a": true, "https://10.0.0.1/": true, "https://169.254.169.254/": false, "https://2130706433/": false},
		"10.1.2.3":  {"https://10.0.0.1/": true, "https://router.example/": true, "http://127.0.0.1:9/a": false, "https://169.254.169.254/": false},
	} {
		for address, may := range mays {
			if _, err := guardOf(server).BrowserURL(t.Context(), "e", address); (err == nil) != may {
				t.Errorf("server %s, %s: %v", server, address, err)
			}
		}
	}
}

// Nothing that means something to a shell, a terminal or a program that
// opens addresses is left in an address.
func TestBrowserURLIsEncoded(t *testing.T) {
	g := guardOf("93.184.216.34")
	got, err := g.BrowserURL(t.Context(), "e", "https://1.1.1.1/a b'c\"d`e$(f)|g;h<i>j\\k^l{m}?q=a b'c\"d`e$(f)|g;h<i>j\\k^l{m}\u202e\u00e9!*&x=%20%zz")
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got, " '\"`$()|;<>\\^{}!*\u202e\u00e9") || !strings.HasPrefix(got, "https://1.1.1.1/a%20b%27c%22d") || !strings.HasSuffix(got, "&x=%20%25zz") {
		t.Error(got)
	}
	for _, long := range []string{strings.Repeat("x", foreign.MaxAddress), strings.Repeat("\u00e9", foreign.MaxAddress/4)} { // as it is, and once it is encoded
		if got, err := g.BrowserURL(t.Context(), "e", "https://1.1.1.1/"+long); err == nil {
			t.Errorf("an address without a bound: %d bytes", len(got))
		}
	}
}

// Whatever is let through is https or on this machine, and made of the characters
// of an address.
func FuzzBrowserURL(f *testing.F) {
	for _, address := range append(hidden, "https://1.1.1.1/a?b=c", "https://[2606:4700::1111]:8443/", "https://[8::%25\x80]") {
		f.Add(address)
	}
	g := guardOf("93.184.216.34")
	ctx, cancel := context.WithCancel(f.Context())
	cancel() // no look-ups
	f.Fuzz(func(t *testing.T, address string) {
		got, err := g.BrowserURL(ctx, "e", address)
		if err != nil {
			return
		}
		u, err := url.Parse(got)
		if err != nil || u.Scheme != "https" || u.User != nil || strings.Contains(got, "#") {
			t.Fatalf("%q: %q", address, got)
		}
		for _, c := range []byte(got) {
			if c <= ' ' || c >= 0x7f || strings.IndexByte("'\"`$()|;<>\\^{}!*", c) >= 0 {
				t.Fatalf("%q: %q", address, got)
			}
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && origin.Classify(ip) != origin.Public {
			t.Fatalf("%q: %q", address, got)
		}
	})
}

// RFC 6761, section 6.3: a name below localhost is this machine. A resolver that
// says otherwise leads nobody elsewhere, and least of all over plain http.
func TestNamesBelowLocalhostStayOnThisMachine(t *testing.T) {
	s := newSite(t)
	s.set("/m", "{}")
	host := strings.Replace(s.URL, "127.0.0.1", "provider.localhost", 1)
	server := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for said, want := range map[string]bool{"93.184.216.34": false, "10.0.0.1": false, "127.0.0.1": true} {
		names(t, map[string][]string{"provider.localhost": {said}})
		_, err := fetch(t.Context(), NewGuard(server, nil, nil).HTTPClient(), host+"/m", nil)
		if ok := err == nil; ok != want || !want && (err == nil || !strings.Contains(err.Error(), "refused to connect")) {
			t.Errorf("the resolver says %s: %v, %v", said, ok, err)
		}
	}
}

// A proxy in the network is used however its address is written.
func TestProxyInTheNetworkIsUsed(t *testing.T) {
	for _, proxy := range []string{"http://127.0.0.1", "http://127.0.0.1:80", "https://127.0.0.1", "socks5://127.0.0.1", "http://user:word@127.0.0.1", "http://LOCALHOST"} {
		g := NewGuard(&url.URL{Scheme: "https", Host: "mcp.example"}, func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }, nil)
		resp, err := g.HTTPClient().Get("https://provider.example/")
		if err == nil {
			_ = resp.Body.Close()
			t.Error("somebody answers")
		} else if strings.Contains(err.Error(), "refused to connect to 127") {
			t.Errorf("%s: %v", proxy, err)
		}
	}
}

// A public server points its login into private networks, in
// every range and spelling, by number and by name; no connection is made. A name
// is judged by the address that is about to be connected to, whatever it was
// before.
func TestNoConnectionToPrivateAddresses(t *testing.T) {
	names(t, map[string][]string{
		"ten.example": {"10.0.0.1"}, "home.example": {"192.168.1.1"}, "cloud.example": {"169.254.169.254"}, "this.example": {"127.0.0.1"},
		"six.example": {"fd00::1"}, "loop.example": {"::1"}, "mapped.example": {"::ffff:10.0.0.1"}, "nat64.example": {"64:ff9b::a9fe:a9fe"},
		"shared.example": {"100.64.0.1"}, "zero.example": {"0.0.0.0"}, "0xa9fea9fe": {"169.254.169.254"},
	})
	hosts := []string{
		"10.0.0.1", "10.255.255.254", "172.16.0.1", "172.31.255.254", "192.168.0.1", "127.0.0.1", "127.8.9.1", "0.0.0.0", "100.64.0.1", "100.127.255.254", "198.18.0.1",
		"169.254.169.254", "169.254.170.2", "[::1]", "[::]", "[fd00::1]", "[fc00::1]", "[fe80::1]", "[fd00:ec2::254]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]", "[::ffff:a00:1]", "[64:ff9b::a00:1]", "[64:ff9b::7f00:1]",
		"224.0.0.1", "255.255.255.255", "240.0.0.1", "[ff02::1]",
		"ten.example", "home.example", "cloud.example", "this.example", "six.example", "loop.example", "mapped.example", "nat64.example", "shared.example", "zero.example", "this.example.",
		"0xa9fea9fe", "localhost",
	}
	// To a browser, and to C, these are 169.254.169.254; here they are no names.
	odd := []string{"2852039166", "0251.0376.0251.0376", "169.254.43518"}
	client := NewGuard(&url.URL{Scheme: "https", Host: "93.184.216.34"}, nil, nil).HTTPClient()
	for _, host := range append(hosts, odd...) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+host+":9/token", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		refused := err != nil && strings.Contains(err.Error(), "refused to connect")
		if slices.Contains(odd, host) {
			refused = err != nil && (refused || strings.Contains(err.Error(), "no such host"))
		}
		if !refused {
			t.Errorf("%s: %v", host, err)
		}
	}
}

// The name of the provider was a harmless address
// when it was first used, and is another one now.
func TestAddressIsJudgedAtEachConnection(t *testing.T) {
	s := newSite(t)
	s.set("/m", "{}")
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	names(t, map[string][]string{"moving.example": {"127.0.0.1", "169.254.169.254"}})
	client := NewGuard(&url.URL{Scheme: "http", Host: "127.0.0.1"}, nil, nil).HTTPClient() // here 127.0.0.1 is harmless
	client.Transport.(*http.Transport).DisableKeepAlives = true
	for i, want := range []bool{true, false} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://moving.example"+port+"/m", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err == nil) != want || !want && !strings.Contains(err.Error(), "refused to connect to 169.254.169.254") {
			t.Errorf("use %d: %v", i+1, err)
		}
	}
}
