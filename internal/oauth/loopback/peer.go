package loopback

import (
	"net"
	"net/http"
	"net/netip"
	"os"
	"strconv"
)

// peer is who is at the other end of a connection within this machine.
type peer struct {
	uid   int
	known bool
	// gone tells that the connection has ended at the other end: whoever asks
	// does not wait for an answer, as every browser does.
	gone bool
}

// otherUser reports whether a request comes from another user of this machine,
// who has no business here. Who is not known passes: the system does not tell, or
// the browser is elsewhere and something forwards its connection. So does root,
// as which such programs run, and who can do everything anyway; and the user who
// has become root by sudo to run this program.
func (l *Listener) otherUser(r *http.Request) bool {
	local, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if local == nil || err != nil {
		return false
	}
	here, err := netip.ParseAddrPort(local.String())
	if err != nil {
		return false
	}
	p := peerOf(here, remote)
	if allowed(p, os.Geteuid(), os.Getenv("SUDO_UID")) { //nolint:forbidigo // whose process this is, and no setting
		return false
	}
	l.log.Warn("a connection of another user of this machine to the sign-in is refused", "uid", p.uid, "gone", p.gone)
	return true
}

// allowed judges a peer of a process that runs as user self.
func allowed(p peer, self int, sudoUser string) bool {
	switch {
	case p.gone:
		return false
	case !p.known || p.uid == self || p.uid == 0:
		return true
	}
	behind, err := strconv.Atoi(sudoUser)
	return self == 0 && err == nil && p.uid == behind
}
