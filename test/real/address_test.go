package real

import (
	"net"
	"testing"
)

// An address stays free while others open connections, listen on port 0 and take such
// addresses.
func TestFreeAddressStaysFree(t *testing.T) {
	var addresses []string
	for range 200 {
		addresses = append(addresses, FreeAddress(t))
		if l, err := net.ListenPacket("udp4", addresses[len(addresses)-1]); err == nil {
			_ = l.Close()
			t.Fatal("another process may take it")
		}
	}
	for range 500 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		c, err := net.Dial("tcp4", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	for _, address := range addresses {
		l, err := net.Listen("tcp4", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
	}
}
