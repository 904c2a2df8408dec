package bridge

import (
	"strings"

	"mcp-login/internal/jsonrpc"
)

// Filter hides tools of the server from the client: they are taken out of
// tools/list, and a call of one is refused here. Patterns are names in which *
// stands for any characters. Ignore wins over Allow.
type Filter struct {
	// Allow lists what is shown; empty is everything.
	Allow []string
	// Ignore lists what is not shown.
	Ignore []string
}

func (f Filter) empty() bool { return len(f.Allow)+len(f.Ignore) == 0 }

// Hides reports whether a tool is hidden.
func (f Filter) Hides(tool string) bool {
	shown := len(f.Allow) == 0
	for _, pattern := range f.Allow {
		shown = shown || matches(pattern, tool)
	}
	for _, pattern := range f.Ignore {
		shown = shown && !matches(pattern, tool)
	}
	return !shown
}

// matches compares a name with a pattern.
func matches(pattern, name string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	name, ok := strings.CutPrefix(name, head)
	if !ok || !star {
		return ok && name == ""
	}
	parts := strings.Split(rest, "*")
	last := len(parts) - 1
	for _, part := range parts[:last] {
		_, after, found := strings.Cut(name, part)
		if !found {
			return false
		}
		name = after
	}
	return strings.HasSuffix(name, parts[last])
}

// refuse answers a call of a hidden tool.
func (f Filter) refuse(m jsonrpc.Message) (answer []byte, ok bool) {
	if m.Method != "tools/call" || f.empty() {
		return nil, false
	}
	name, _ := jsonrpc.Text(m.Param("name"))
	if !f.Hides(name) {
		return nil, false
	}
	data := errorData{Source: "mcp-login", Hint: "look at --allow-tool and --ignore-tool"}
	return jsonrpc.ErrorResponse(m.ID, CodeHidden, "the user's configuration hides this tool", data), true
}

// shown is an answer to a request of method without the hidden tools; the
// others keep their bytes.
func (f Filter) shown(method string, m jsonrpc.Message) []byte {
	if method != "tools/list" || f.empty() {
		return m.Raw
	}
	tools := jsonrpc.Member(m.Result, "tools")
	if len(tools) == 0 || tools[0] != '[' {
		return m.Raw
	}
	all := jsonrpc.Elements(tools)
	kept := make([][]byte, 0, len(all))
	for _, tool := range all {
		if name, _ := jsonrpc.Text(jsonrpc.Member(tool, "name")); !f.Hides(name) {
			kept = append(kept, tool)
		}
	}
	if len(kept) == len(all) {
		return m.Raw
	}
	return jsonrpc.With(m.Raw, "result", jsonrpc.With(m.Result, "tools", jsonrpc.Array(kept)))
}
