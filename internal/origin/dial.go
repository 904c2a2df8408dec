package origin

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Dial is d.DialContext, but refuses to connect to another machine for a name that
// [Loopback] accepts: a resolver may break RFC 6761, section 6.3.
func Dial(ctx context.Context, d net.Dialer, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	if Loopback(host) {
		before, beforeContext := d.Control, d.ControlContext
		d.ControlContext = func(ctx context.Context, network, at string, c syscall.RawConn) error {
			ap, err := netip.ParseAddrPort(at)
			switch {
			case err != nil || Classify(ap.Addr()) != ThisMachine:
				return fmt.Errorf("refused to connect to %s: the name %s is of this machine only", at, host)
			case beforeContext != nil:
				return beforeContext(ctx, network, at, c)
			case before != nil:
				return before(network, at, c)
			}
			return nil
		}
	}
	return d.DialContext(ctx, network, address)
}
