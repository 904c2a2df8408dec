package signin

import (
	"strings"
	"time"

	"mcp-login/internal/jsonrpc"
)

// DefaultPatience is that of a client that is not known.
const DefaultPatience = 15 * time.Second

// knownClients are those whose patience is known, by the name that they give themselves in
// clientInfo, or by how it begins. docs/clients.md says where each figure is from. A
// client that gives up early is answered before it does. A client that lists the tools
// only once is answered as late as it waits, because until then the sign-in may be over
// and the real list be known.
var knownClients = []struct {
	name     string
	prefix   bool
	patience time.Duration
}{
	{"@cline/core", false, 2 * time.Second},
	{"stdio: ", true, 4 * time.Second},
	{"opencode", false, 4 * time.Second},
	{"codex-mcp-client", false, 8 * time.Second},
	{"crush", false, 8 * time.Second},
	{"qwen-cli-mcp-client-", true, 25 * time.Second},
}

// PatienceOf returns how long the client that calls itself name lets initialize wait,
// with a margin.
func PatienceOf(name string) time.Duration {
	for _, c := range knownClients {
		if name == c.name || c.prefix && strings.HasPrefix(name, c.name) {
			return c.patience
		}
	}
	return DefaultPatience
}

// patience is Config.Patience for the client that has sent m.
func (s *Stage) patience(m jsonrpc.Message) time.Duration {
	if s.cfg.Patience == nil {
		return 0
	}
	name, _ := jsonrpc.Text(jsonrpc.Member(m.ClientInfo(), "name"))
	return s.cfg.Patience(name)
}
