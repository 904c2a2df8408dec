package bridge

import (
	"bytes"
	"context"
	"strings"

	"mcp-login/internal/jsonrpc"
)

// Filter hides tools of the server from the client: they are taken out of
// tools/list, and a call of one is refused here. Patterns are names in which *
// stands for any characters. Ignore wins over Allow.
type Filter struct {
	// Allow lists what is shown; empty is everything.
	Allow []string
	// Ignore lists what is not shown, in any case of its letters.
	Ignore []string
}

// Stage returns a stage above below that hides tools, or below itself when there is
// nothing to hide.
func (f Filter) Stage(below jsonrpc.Stage) jsonrpc.Stage {
	if len(f.Allow)+len(f.Ignore) == 0 {
		return below
	}
	return filterStage{below, f}
}

// filterStage is a [jsonrpc.Stage] that lets no message pass that could reach a hidden
// tool: what the filter and the server read differently is not let through.
type filterStage struct {
	jsonrpc.Stage
	filter Filter
}

func (s filterStage) Send(ctx context.Context, m jsonrpc.Message, sink jsonrpc.Sink) error {
	shown, clear := s.filter.shows(m)
	switch {
	case shown && clear && m.Kind == jsonrpc.Request && m.Method == methodList:
		sink = listSink{m, s.filter, sink}
	case shown && clear:
	case m.Kind != jsonrpc.Request:
		return nil
	default:
		text := "the user's configuration hides this tool"
		if !clear {
			text = "a call that can be read in more than one way does not pass a filter of tools"
		}
		sink.Message(jsonrpc.Built(jsonrpc.Refusal(m.ID, jsonrpc.CodeHidden, text, "look at --allow-tool and --ignore-tool")))
		return nil
	}
	return jsonrpc.First(s.Stage, m).Send(ctx, m, sink)
}

// listSink takes the hidden tools out of the answer to tools/list, which has to be whole
// for that.
type listSink struct {
	request jsonrpc.Message
	filter  Filter
	sink    jsonrpc.Sink
}

func (l listSink) Message(m jsonrpc.Message) {
	if m.Answers(l.request) {
		if raw := l.filter.shown(m); !bytes.Equal(raw, m.Raw) {
			m = jsonrpc.Built(raw)
		}
	}
	l.sink.Message(m)
}

func (listSink) Pieces() jsonrpc.Pieces { return nil }

// Hides reports whether a tool is hidden.
func (f Filter) Hides(tool string) bool {
	shown := len(f.Allow) == 0
	for _, pattern := range f.Allow {
		shown = shown || matches(pattern, tool)
	}
	for _, pattern := range f.Ignore {
		// Some servers do not look at the case of names.
		shown = shown && !matches(strings.ToLower(pattern), strings.ToLower(tool))
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

// shows reports whether a message of the client may pass. clear is false for one
// that can be read in more than one way.
func (f Filter) shows(m jsonrpc.Message) (shown, clear bool) {
	if m.Kind == jsonrpc.Response { // unless a server finds a method in it
		_, found := readings(m.Raw, "method")
		return true, found == 0
	}
	if _, clear := only(m.Raw, "method"); !clear {
		return false, false
	}
	if m.Method != methodCall {
		return true, !spelled(m.Method, methodCall) && (m.Method == methodList || !spelled(m.Method, methodList))
	}
	params, clear := only(m.Raw, "params")
	if !clear {
		return false, false
	}
	name, clear := only(params, "name")
	tool, text := jsonrpc.Text(name)
	if !clear || !text || !plain(tool) {
		return false, false
	}
	return !f.Hides(tool), true
}

const (
	methodCall = "tools/call"
	methodList = "tools/list"
)

// shown is an answer to tools/list without the hidden tools, and without
// those whose name can be read in more than one way; the others keep their bytes.
func (f Filter) shown(m jsonrpc.Message) []byte {
	if m.Result == nil {
		return m.Raw
	}
	tools, clear := only(m.Result, "tools")
	kept := jsonrpc.EditElements(tools, func(tool []byte) []byte {
		name, sure := only(tool, "name")
		if text, ok := jsonrpc.Text(name); sure && ok && plain(text) && !f.Hides(text) {
			return tool
		}
		return nil
	})
	list := len(tools) > 0 && tools[0] == '['
	if clear && list && len(kept) == len(tools) {
		return m.Raw
	}
	if !list {
		kept = []byte("[]")
	}
	edits := []jsonrpc.Edit{{Name: "tools", Value: kept}}
	for name := range jsonrpc.AllMembers(m.Result) {
		if name != "tools" && spelled(name, "tools") {
			edits = append(edits, jsonrpc.Edit{Name: name})
		}
	}
	if tools == nil && len(edits) == 1 {
		return m.Raw // no list at all
	}
	return jsonrpc.With(m.Raw, "result", jsonrpc.Edited(m.Result, edits...))
}
