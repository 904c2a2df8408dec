// Package era will speak for a client of the session-based protocol
// (2024-11-05 to 2025-11-25) to a server of the stateless one (2026-07-28), and
// the reverse: a pure translation between two message streams.
//
// Until then messages of both eras are relayed as they are, so that client and
// server have to share one. The room exists so that the bridge does not grow
// around its absence.
package era
