package loopback

import (
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"

	"mcp-login/test/real"
)

// connected makes a connection within this machine.
func connected(t *testing.T, network, listen string) (client, server net.Conn) {
	t.Helper()
	ln, err := net.Listen(network, listen)
	if err != nil {
		real.Missing(t, "the address "+listen, "give this machine IPv6")
	}
	t.Cleanup(func() { _ = ln.Close() })
	client, err = net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	server, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	return client, server
}

func peerAt(c net.Conn) peer {
	return peerOf(netip.MustParseAddrPort(c.LocalAddr().String()), netip.MustParseAddrPort(c.RemoteAddr().String()))
}

// The kernel says who is at the other end, for both families; who has closed
// or reset the connection already is nobody.
func TestPeerIsTheKernelsWord(t *testing.T) {
	for _, where := range [][2]string{{"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"}} {
		_, server := connected(t, where[0], where[1])
		if p := peerAt(server); !p.known || p.uid != os.Geteuid() || p.gone {
			t.Errorf("%v: %+v", where, p)
		}
		closed, server := connected(t, where[0], where[1])
		_ = closed.Close()
		if p := peerAt(server); !p.gone {
			t.Errorf("%v, closed: %+v", where, p)
		}
		reset, server := connected(t, where[0], where[1])
		_ = reset.(*net.TCPConn).SetLinger(0)
		_ = reset.Close()
		if p := peerAt(server); !p.gone {
			t.Errorf("%v, reset: %+v", where, p)
		}
	}
	// A table that does not list us, and a connection that ends elsewhere.
	if p := peerFrom(false, entry{}, entry{}, -1); p.known || p.gone {
		t.Errorf("%+v", p)
	}
	if p := peerFrom(true, entry{true, established, 0}, entry{}, -1); p.known || p.gone {
		t.Errorf("%+v", p)
	}
	if p := peerFrom(true, entry{true, established, 0}, entry{true, established, 65534}, 65534); p.known {
		t.Errorf("%+v", p)
	}
}

// Whatever the table holds, it is read to its end or not at all.
func FuzzConnectionTable(f *testing.F) {
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(string(b))
		}
	}
	f.Add("  0: 0100007F:1F90 0100007F:A000 01 00000000:00000000 00:00000000 00000000  1000 0 1 1 0 20 4 30 10 -1\n")
	here, remote := netip.MustParseAddrPort("127.0.0.1:8080"), netip.MustParseAddrPort("127.0.0.1:40960")
	f.Fuzz(func(t *testing.T, table string) {
		ours, theirs, listed := ends(strings.NewReader(table), here, remote)
		if (ours.found || theirs.found || listed) && !strings.Contains(strings.ToUpper(table), ":1F90") {
			t.Errorf("%+v %+v %v of %q", ours, theirs, listed, table)
		}
	})
}
