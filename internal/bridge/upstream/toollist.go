package upstream

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// codeHeaderMismatch is the refusal of headers that do not fit the body (W8).
const codeHeaderMismatch = "-32020"

// Bounds of what is remembered of a server's tools.
const (
	maxTools = 10_000
	maxPages = 100
)

// toolbox remembers which arguments of which tools go into headers, from the
// lists that pass by, or from one of its own where the client asked for none
// (H13). It belongs to one server and one account.
type toolList struct {
	log    *slog.Logger
	asking turn // while a list of our own is under way

	mu       sync.Mutex
	headers  map[string][]paramHeader
	complete bool // a list was seen to its end
	listings int  // lists of our own; tells whether there was one meanwhile
}

func newToolList(log *slog.Logger) *toolList {
	return &toolList{log: log, asking: newTurn(), headers: map[string][]paramHeader{}}
}

// take learns from an answer to tools/list and returns it without the tools
// that must not be offered; the others stay byte for byte.
func (b *toolList) learn(m jsonrpc.Message) jsonrpc.Message {
	tools := jsonrpc.Member(m.Result, "tools")
	b.mu.Lock()
	kept := jsonrpc.EditElements(tools, func(tool []byte) []byte {
		name, _ := jsonrpc.Text(jsonrpc.Member(tool, "name"))
		found, err := paramHeaders(jsonrpc.Member(tool, "inputSchema"))
		if err != nil {
			b.log.Warn("left out a tool of the server", "tool", foreign.Line(name), "reason", err)
			delete(b.headers, name)
			return nil
		}
		if len(found) > 0 && len(b.headers) < maxTools {
			b.headers[name] = found
		} else {
			delete(b.headers, name)
		}
		return tool
	})
	if m.Result != nil && nextPage(m) == nil {
		b.complete = true
	}
	b.mu.Unlock()
	if bytes.Equal(kept, tools) {
		return m
	}
	result := jsonrpc.With(m.Result, "tools", kept)
	shorter, err := jsonrpc.Parse(jsonrpc.With(m.Raw, "result", result))
	if err != nil {
		return m
	}
	return shorter
}

// nextPage is where the next page begins, nil after the last one.
func nextPage(list jsonrpc.Message) []byte {
	next := jsonrpc.Member(list.Result, "nextCursor")
	if _, ok := jsonrpc.Text(next); !ok {
		return nil
	}
	return next
}

// set puts the Mcp-Param headers of a call on a request (H8).
func (b *toolList) setHeaders(h http.Header, m jsonrpc.Message) {
	if m.Method != "tools/call" {
		return
	}
	name, _ := jsonrpc.Text(m.Param("name"))
	b.mu.Lock()
	list := b.headers[name]
	b.mu.Unlock()
	if len(list) == 0 {
		return
	}
	eachParamValue(list, m.Param("arguments"), func(header, value string) { h.Set(headerParam+header, value) })
}

// needed reports whether nothing is known about the tool of a call, and the
// count to give to ask.
func (b *toolList) unlisted(m jsonrpc.Message) (bool, int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	name, _ := jsonrpc.Text(m.Param("name"))
	_, ok := b.headers[name]
	return m.Method == "tools/call" && !ok && !b.complete, b.listings
}

// generation returns the count to give to ask.
func (b *toolList) listingsSoFar() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.listings
}

// ask lists all tools on behalf of the call m, unless another call has done so
// since seen.
func (b *toolList) list(ctx context.Context, m jsonrpc.Message, seen int, send jsonrpc.Send) error {
	if err := b.asking.take(ctx); err != nil {
		return err
	}
	defer b.asking.give()
	if b.listingsSoFar() != seen {
		return nil
	}
	var next []byte
	for range maxPages {
		page, err := b.listPage(ctx, m, next, send)
		if err != nil {
			return err
		}
		if page.Error != nil {
			break // a server without tools; the call will say so
		}
		b.learn(page)
		if next = nextPage(page); next == nil {
			break
		}
	}
	b.mu.Lock()
	b.listings++
	b.complete = true
	b.mu.Unlock()
	return nil
}

// page asks for one page with the _meta of m, so that the server sees the same
// client.
func (b *toolList) listPage(ctx context.Context, m jsonrpc.Message, next []byte, send jsonrpc.Send) (jsonrpc.Message, error) {
	params := jsonrpc.With(nil, "_meta", jsonrpc.Without(m.Param("_meta"), "progressToken"))
	if next != nil {
		params = jsonrpc.With(params, "cursor", next)
	}
	return jsonrpc.Ask(ctx, send, jsonrpc.NewRequest(jsonrpc.NewID(""), "tools/list", params), nil)
}
