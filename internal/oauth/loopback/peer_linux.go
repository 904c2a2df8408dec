package loopback

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

// maxTable bounds what is read of the kernel's table of connections: 150 bytes
// for each.
const maxTable = 16 << 20

// peerOf looks for both ends of the connection in the kernel's tables; see
// proc_pid_net(5). The browser may use an IPv6 socket for an IPv4 address.
func peerOf(here, remote netip.AddrPort) peer {
	var ours, theirs entry
	listed := false
	for _, name := range []string{"/proc/self/net/tcp", "/proc/self/net/tcp6"} {
		f, err := os.Open(name)
		if err != nil {
			continue
		}
		a, b, l := ends(io.LimitReader(f, maxTable), here, remote)
		_ = f.Close()
		listed = listed || l
		if a.found {
			ours = a
		}
		if b.found {
			theirs = b
		}
		if listed && ours.found && theirs.found {
			break // a table takes the kernel 10 ms where it has room for many connections
		}
	}
	return peerFrom(listed, ours, theirs, overflowUser())
}

// States of include/net/tcp_states.h.
const (
	established = "01"
	listening   = "0A"
)

// peerFrom says who is at the other end. A socket that its process has closed
// belongs to root by the table, and one that was reset is in none, so that only
// open ones tell. listed says that our listener is in the table: where it is not,
// the table is none of ours; where our end is open without another one, the other
// one is not of this machine.
func peerFrom(listed bool, ours, theirs entry, nobody int) peer {
	switch {
	case !listed:
		return peer{}
	case ours.state != established, theirs.found && theirs.state != established:
		return peer{gone: true}
	case !theirs.found || theirs.uid == nobody:
		return peer{}
	}
	return peer{uid: theirs.uid, known: true}
}

// overflowUser is the user that stands for all whom this process's user namespace
// does not know, -1 if it knows everybody.
func overflowUser() int {
	mapping, err := os.ReadFile("/proc/self/uid_map")
	if f := strings.Fields(string(mapping)); err != nil || len(f) == 3 && f[0] == "0" && f[1] == "0" && f[2] == "4294967295" {
		return -1
	}
	b, err := os.ReadFile("/proc/sys/kernel/overflowuid")
	if err != nil {
		return 65534
	}
	uid, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return 65534
	}
	return uid
}

// entry is one line of the table.
type entry struct {
	found bool
	state string
	uid   int
}

// ends finds the two lines of one connection, and whether its listener is listed.
// What it cannot read it leaves out.
func ends(table io.Reader, here, remote netip.AddrPort) (ours, theirs entry, listed bool) {
	lines := bufio.NewScanner(table)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 8 {
			continue
		}
		local, ok1 := tableAddress(f[1])
		other, ok2 := tableAddress(f[2])
		uid, err := strconv.Atoi(f[7])
		if !ok1 || !ok2 || err != nil {
			continue
		}
		switch e := (entry{true, f[3], uid}); {
		case local == plain(here) && other == plain(remote):
			ours = e
		case local == plain(remote) && other == plain(here):
			theirs = e
		case f[3] == listening && local.Port() == here.Port():
			listed = true
		}
	}
	return ours, theirs, listed
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// tableAddress reads an address as the table has it: words of four bytes in the
// order of the machine, and a port.
func tableAddress(s string) (netip.AddrPort, bool) {
	host, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	ip, ok := netip.AddrFromSlice(raw)
	n, err := strconv.ParseUint(port, 16, 16)
	if err != nil || !ok || len(port) != 4 {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(ip.Unmap(), uint16(n)), true
}
