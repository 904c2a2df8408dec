package real

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
)

// FreeAddress returns 127.0.0.1 with a [FreePort].
func FreeAddress(t testing.TB) string {
	t.Helper()
	return local(FreePort(t))
}

// FreePort returns a port of 127.0.0.1 at which nobody listens until the test ends, unless the
// test does: for what has to know its port before it listens, or is to find nobody. What can
// listen on port 0 and say where does better.
//
// The system gives no such port away, neither to an outgoing connection nor to a listener on
// port 0, because it is below those that it gives. No other caller gets it, in this process or
// in one that tests another package, because the test holds the UDP port of that number.
func FreePort(t testing.TB) int {
	t.Helper()
	port, release, err := HoldPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// Listen serves each connection to the address that it returns, until the test ends.
func Listen(t testing.TB, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

// HoldPort is [FreePort] where there is no test: nobody else gets the port until release.
func HoldPort() (port int, release func(), err error) {
	given := firstGiven()
	for range 100 {
		port := given/2 + rand.IntN(given-given/2)
		held, err := net.ListenPacket("udp4", local(port))
		if err != nil {
			continue // another test's
		}
		l, err := net.Listen("tcp4", local(port))
		if err != nil {
			_ = held.Close() // a program of this machine listens there
			continue
		}
		_ = l.Close()
		return port, func() { _ = held.Close() }, nil
	}
	return 0, nil, fmt.Errorf("no port below %d is free", given)
}

func local(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// firstGiven is the first port that the system gives away: on Linux as it is set, elsewhere
// that of RFC 6335, section 6, as macOS and Windows have it.
func firstGiven() int {
	first := 49152
	if said, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		_, _ = fmt.Sscan(string(said), &first)
	}
	return first
}
