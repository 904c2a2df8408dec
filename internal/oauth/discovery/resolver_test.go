package discovery

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
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
