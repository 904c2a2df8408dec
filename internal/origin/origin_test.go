package origin

import (
	"net"
	"net/netip"
	"net/url"
	"testing"
)

func TestLoopbackNamesAndLiterals(t *testing.T) {
	for _, host := range []string{"localhost", "LOCALHOST", "localhost.", "a.localhost", "127.0.0.1", "127.8.9.10", "::1", "[::1]", "::ffff:127.0.0.1"} {
		if !Loopback(host) {
			t.Errorf("%s is not loopback", host)
		}
	}
	for _, host := range []string{"", ".", "example.com", "localhost.example.com", "notlocalhost", "127.0.0.1.example.com", "128.0.0.1", "0.0.0.0", "::", "[localhost]", "10.0.0.1", "2130706433", "0x7f.1", "127.1", "::ffff:10.0.0.1"} {
		if Loopback(host) {
			t.Errorf("%q is loopback", host)
		}
	}
}

func TestLoopbackWithAPort(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost:1": true, "localhost": true, "[::1]:80": true, "[::1]": true, "::1": true, "127.0.0.1:0": true,
		"example.com:80": false, "10.0.0.1": false, "": false, ":80": false,
	} {
		if got := LoopbackHostPort(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
	for address, want := range map[net.Addr]bool{
		&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}: true, &net.TCPAddr{IP: net.IPv6loopback}: true,
		&net.TCPAddr{IP: net.IPv6unspecified}: false, &net.TCPAddr{}: false, &net.UnixAddr{}: false,
	} {
		if got := LoopbackAddr(address); got != want {
			t.Errorf("%v: %v", address, got)
		}
	}
}

func TestSameOrigin(t *testing.T) {
	cases := []struct {
		a, b string
		same bool
	}{
		{"https://a.example/x", "https://A.EXAMPLE:443/y", true},
		{"http://a.example", "http://a.example:80", true},
		{"http://a.example", "https://a.example", false},
		{"https://a.example", "https://a.example:8443", false},
		{"https://a.example", "https://b.example", false},
		{"https://a.example", "https://x.a.example", false},
		{"https://a.example", "https://a.example.", false},
		{"https://10.0.0.1", "https://10.0.0.1:9", false},
	}
	for _, c := range cases {
		a, errA := url.Parse(c.a)
		b, errB := url.Parse(c.b)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if SameOrigin(a, b) != c.same || SameOrigin(b, a) != c.same {
			t.Errorf("%s, %s: not %v", c.a, c.b, c.same)
		}
	}
}

func TestClassifySaysWhereAnAddressIs(t *testing.T) {
	cases := map[Class][]string{
		Public:         {"1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::1.1.1.1", "2002:101:101::1"},
		ThisMachine:    {"127.0.0.1", "::1", "::", "0.0.0.0", "0.1.2.3", "::ffff:127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::127.0.0.1", "::ffff:0:7f00:1"},
		PrivateNetwork: {"10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "198.18.0.1", "fd00::1", "fec0::1", "192.0.0.1", "192.0.0.4", "::ffff:0:a00:1", "64:ff9b::a00:1", "64:ff9b:1::1"},
		LinkLocal:      {"169.254.169.254", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254", "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::"},
		Unusable:       {"224.0.0.1", "ff02::1", "240.0.0.1", "255.255.255.255"},
	}
	for want, all := range cases {
		for _, raw := range all {
			if got := Classify(netip.MustParseAddr(raw)); got != want {
				t.Errorf("%s: %d, want %d", raw, got, want)
			}
		}
	}
	if Classify(netip.Addr{}) != Unusable {
		t.Error("no address at all")
	}
}

func TestAHostOfIPv6IsANetwork(t *testing.T) {
	for raw, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "::ffff:192.0.2.1": "192.0.2.1", "2001:db8:1:2::9": "2001:db8:1:2::/64", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Host(netip.MustParseAddr(raw)); got != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}
