package oauth

import (
	"context"
	"encoding/binary"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// names makes this process resolve names by a server of its own for the test:
// each name to its addresses, in turn where there are several.
func names(t *testing.T, known map[string][]string) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf, asked := make([]byte, 1500), map[string]int{}
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if answer := dnsAnswer(buf[:n], known, asked); answer != nil {
				_, _ = conn.WriteTo(answer, from)
			}
		}
	}()
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp4", conn.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		_ = conn.Close()
		<-done
	})
}

// dnsAnswer answers one question (RFC 1035, section 4.1) with the next address
// of the name, or with none when it has none of the kind asked for.
func dnsAnswer(question []byte, known map[string][]string, asked map[string]int) []byte {
	const header = 12
	var labels []string
	at := header
	for at < len(question) && question[at] != 0 {
		size := int(question[at])
		if at+1+size >= len(question) {
			return nil
		}
		labels = append(labels, string(question[at+1:at+1+size]))
		at += 1 + size
	}
	end := at + 5 // the final zero, type and class
	if end > len(question) {
		return nil
	}
	kind := binary.BigEndian.Uint16(question[at+1:])
	answer := append([]byte{}, question[:end]...)
	copy(answer[2:header], []byte{0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}) // authoritative, one question
	name := strings.Join(labels, ".")
	addresses := known[name]
	if len(addresses) == 0 {
		return answer
	}
	ip := netip.MustParseAddr(addresses[min(asked[name], len(addresses)-1)])
	data := ip.AsSlice()
	if kind != map[int]uint16{4: 1, 16: 28}[len(data)] {
		return answer
	}
	asked[name]++
	answer[7] = 1
	answer = append(answer, 0xc0, header, byte(kind>>8), byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(len(data)))
	return append(answer, data...)
}

// Security row 15: a public server points its login into private networks, in
// every range and spelling, by number and by name; no connection is made. A name
// is judged by the address that is about to be connected to, whatever it was
// before.
func TestRow15PrivateAddresses(t *testing.T) {
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
	client := NewHTTPClient(&url.URL{Scheme: "https", Host: "93.184.216.34"}, nil)
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

// Security row 15, rebinding: the name of the provider was a harmless address
// when it was first used, and is another one now.
func TestRow15Rebinding(t *testing.T) {
	s := newSite(t)
	s.set("/m", "{}")
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	names(t, map[string][]string{"moving.example": {"127.0.0.1", "169.254.169.254"}})
	client := NewHTTPClient(&url.URL{Scheme: "http", Host: "127.0.0.1"}, nil) // here 127.0.0.1 is harmless
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

// Security row 15, redirects: metadata that is elsewhere is fetched from there
// only when that would be allowed at first hand.
func TestRow15Redirects(t *testing.T) {
	names(t, map[string][]string{"cloud.example": {"169.254.169.254"}})
	for _, target := range []string{"https://169.254.169.254/latest/meta-data", "https://[fe80::1]/x", "https://[::ffff:169.254.169.254]/x", "https://cloud.example/x"} {
		for _, status := range []string{"301", "302", "303", "307", "308"} {
			s := newSite(t)
			s.set("/.well-known/oauth-protected-resource/mcp", status+" "+target)
			if _, err := s.discover(t, "/mcp", ""); err == nil || !strings.Contains(err.Error(), "refused to connect") {
				t.Errorf("%s to %s: %v", status, target, err)
			}
		}
	}
}
