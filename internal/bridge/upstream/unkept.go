package upstream

import "mcp-login/internal/jsonrpc"

// unkept passes over a message that is too large to be kept, and finds out whose
// answer it is.
type discarded struct{ scan jsonrpc.Scanner }

func newDiscarded() *discarded {
	u := new(discarded)
	u.scan.KeepID(maxStreamedID)
	return u
}

// Write implements io.Writer. It does not fail.
func (u *discarded) Write(p []byte) (int, error) {
	_ = u.scan.Feed(p)
	return len(p), nil
}

// answers returns the raw id of the request that the message answers.
func (u *discarded) answeredID() (id []byte, ok bool) {
	if u.scan.End() != nil || u.scan.Method() {
		return nil, false
	}
	return u.scan.ID()
}
