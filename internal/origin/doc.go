// Package origin judges addresses: whether a host is this machine, whether two
// addresses are of one origin, and where in the world an IP
// address is. Whoever sends a secret or opens a connection asks here, so that
// the same question has one answer.
//
//   - [Loopback] takes a host name or an IP literal and asks no DNS;
//     [LoopbackHostPort] takes a Host header, [LoopbackAddr] what is bound.
//   - [ValidHost] and [ValidPort] say whether there can be such a host or port.
//   - [SameOrigin] compares scheme, host and port (RFC 6454, section 5).
//   - [SafeRedirect] says whether a redirect may take the headers of a request along;
//     [NoRedirect] follows none.
//   - [Dial] keeps connections to names of this machine on it.
//   - [Classify] says whether an IP address can be reached from the public Internet, [Host]
//     what counts as one host.
package origin
