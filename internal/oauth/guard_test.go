package oauth

import (
	"net/url"
	"strings"
	"testing"
)

// A3, security row 15: which addresses a login may connect to, judged after
// name resolution.
func TestA3Guard(t *testing.T) {
	private := []string{"10.0.0.1:443", "172.16.5.4:443", "192.168.1.1:80", "127.0.0.1:80", "[::1]:443", "[fd00::1]:443", "100.64.0.1:443", "0.0.0.0:80", "[::]:80", "[::ffff:10.0.0.1]:443", "[64:ff9b::a00:1]:443", "198.18.0.1:443"}
	link := []string{"169.254.169.254:80", "[fe80::1]:80", "[::ffff:169.254.169.254]:80", "[64:ff9b::a9fe:a9fe]:80"}
	public := []string{"93.184.216.34:443", "[2606:2800:220:1::1]:443", "8.8.8.8:443"}
	bad := []string{"224.0.0.1:443", "255.255.255.255:443", "[ff02::1]:443", "nonsense"}
	check := func(server string, addresses []string, want bool) {
		t.Helper()
		for _, a := range addresses {
			err := (&guard{server: server}).control(t.Context(), "tcp", a, nil)
			if (err == nil) != want {
				t.Errorf("server %s, address %s: %v", server, a, err)
			}
		}
	}
	check("93.184.216.34", public, true)
	check("93.184.216.34", private, false)
	check("93.184.216.34", link, false)
	for _, server := range []string{"127.0.0.1", "localhost", "10.1.2.3", "::1"} {
		check(server, public, true)
		check(server, private, true)
		check(server, link, false)
	}
	check("169.254.1.1", link, true)
	check("127.0.0.1", bad, false)
}

// The guard is in the way of real requests: a public server that points its
// login at this machine gets no connection.
func TestA3GuardIsWired(t *testing.T) {
	s := newSite(t)
	s.set("/m", "{}")
	server := &url.URL{Scheme: "https", Host: "93.184.216.34"}
	_, _, err := fetchMetadata(t.Context(), NewHTTPClient(server, nil), s.URL+"/m", nil)
	if err == nil || !strings.Contains(err.Error(), "refused to connect") || len(s.asked) != 0 {
		t.Fatalf("err %v, asked %q", err, s.asked)
	}
}
