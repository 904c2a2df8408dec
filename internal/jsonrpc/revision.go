package jsonrpc

import "slices"

// Stateless is the MCP revision 2026-07-28, in which every request stands for itself
// and names its revision and its client in _meta.
const Stateless = "2026-07-28"

// SessionRevisions are the MCP revisions that begin with initialize and keep a
// session, oldest first.
var SessionRevisions = []string{"2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"}

// LatestSession is the newest of SessionRevisions.
const LatestSession = "2025-11-25"

// Members of _meta in which a message of 2026-07-28 names its revision and its client, and
// what that can do.
const (
	MetaRevision     = "io.modelcontextprotocol/protocolVersion"
	MetaClientInfo   = "io.modelcontextprotocol/clientInfo"
	MetaCapabilities = "io.modelcontextprotocol/clientCapabilities"
)

// Revision returns the MCP revision that a message names in its _meta, "" for none, as
// in those of the revisions with sessions.
func (m Message) Revision() string {
	revision, _ := Text(m.Param("_meta", MetaRevision))
	return revision
}

// Stateless reports whether m needs no session: it names its revision in its _meta. An
// initialize that names one with sessions, or one before 2026-07-28, begins a session all
// the same.
func (m Message) Stateless() bool {
	revision := m.Revision()
	return revision != "" && (m.Method != "initialize" || revision >= Stateless && !KeepsSession(revision))
}

// KeepsSession reports whether a revision is one of SessionRevisions.
func KeepsSession(revision string) bool { return slices.Contains(SessionRevisions, revision) }

// ClientInfo returns what a request says about its client, as a raw object, nil for
// nothing: initialize in its params, a request of 2026-07-28 in its _meta.
func (m Message) ClientInfo() []byte {
	if m.Method == "initialize" {
		return m.Param("clientInfo")
	}
	return m.Param("_meta", MetaClientInfo)
}
