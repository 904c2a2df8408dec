//go:build !linux

package loopback

import "net/netip"

// peerOf knows nobody: these systems do not tell without more rights.
func peerOf(_, _ netip.AddrPort) peer { return peer{} }
