package upstream

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"sync"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/foreign"
	"mcp-login/internal/jsonrpc"
)

// codeHeaderMismatch is the code of the error for headers that do not fit the body (MCP
// 2026-07-28, Transports).
const codeHeaderMismatch = "-32020"

// Bounds of what is remembered of a server's tools.
const (
	maxTools = 10_000
	maxPages = 100
)

// toolList remembers which arguments of which tools go into headers: from the answers to
// the client's tools/list, or from a list of our own where the client asked for none.
type toolList struct {
	log     *slog.Logger
	listing *semaphore.Weighted // a mutex: held while a list of our own is under way

	mu       sync.Mutex
	headers  map[string][]paramHeader // by the name of the tool
	complete bool                     // a list was seen to its end
	listings int                      // how many of our own there were
}

func newToolList(log *slog.Logger) *toolList {
	return &toolList{log: log, listing: semaphore.NewWeighted(1), headers: map[string][]paramHeader{}}
}

// learn reads an answer to tools/list and returns it without the tools that must not be
// offered; the others stay byte for byte.
func (l *toolList) learn(m jsonrpc.Message) jsonrpc.Message {
	tools := jsonrpc.Member(m.Result, "tools")
	l.mu.Lock()
	kept := jsonrpc.EditElements(tools, func(tool []byte) []byte {
		name, _ := jsonrpc.Text(jsonrpc.Member(tool, "name"))
		found, err := paramHeaders(jsonrpc.Member(tool, "inputSchema"))
		if err != nil {
			l.log.Warn("left out a tool of the server", "tool", foreign.Line(name), "reason", err)
			delete(l.headers, name)
			return nil
		}
		if len(found) > 0 && len(l.headers) < maxTools {
			l.headers[name] = found
		} else {
			delete(l.headers, name)
		}
		return tool
	})
	if m.Result != nil && nextPage(m) == nil {
		l.complete = true
	}
	l.mu.Unlock()
	if bytes.Equal(kept, tools) {
		return m
	}
	return jsonrpc.Built(jsonrpc.With(m.Raw, "result", jsonrpc.With(m.Result, "tools", kept)))
}

// nextPage returns the raw cursor of the next page, nil after the last one.
func nextPage(list jsonrpc.Message) []byte {
	next := jsonrpc.Member(list.Result, "nextCursor")
	if _, ok := jsonrpc.Text(next); !ok {
		return nil
	}
	return next
}

// setHeaders puts the Mcp-Param headers of a call on a request.
func (l *toolList) setHeaders(h http.Header, m jsonrpc.Message) {
	if m.Method != "tools/call" {
		return
	}
	name, _ := jsonrpc.Text(m.Param("name"))
	l.mu.Lock()
	list := l.headers[name]
	l.mu.Unlock()
	if len(list) == 0 {
		return
	}
	eachParamValue(list, m.Param("arguments"), func(header, value string) { h.Set(headerParam+header, value) })
}

// unlisted reports whether nothing is known about the tool of a call, and the listings so
// far, for list.
func (l *toolList) unlisted(m jsonrpc.Message) (unlisted bool, listings int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name, _ := jsonrpc.Text(m.Param("name"))
	_, known := l.headers[name]
	return !known && !l.complete, l.listings
}

func (l *toolList) listingsSoFar() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.listings
}

// list lists all tools on behalf of the call m, unless another call has done so after there
// were seen listings.
func (l *toolList) list(ctx context.Context, m jsonrpc.Message, seen int, send jsonrpc.Send) error {
	if l.listing.Acquire(ctx, 1) != nil {
		return context.Cause(ctx)
	}
	defer l.listing.Release(1)
	if l.listingsSoFar() != seen {
		return nil
	}
	var next []byte
	for range maxPages {
		page, err := l.page(ctx, m, next, send)
		if err != nil {
			return err
		}
		if page.Error != nil {
			break // a server without tools: the call gets its own answer
		}
		l.learn(page)
		if next = nextPage(page); next == nil {
			break
		}
	}
	l.mu.Lock()
	l.listings++
	l.complete = true
	l.mu.Unlock()
	return nil
}

// page asks for one page with the _meta of m, so that the server sees the same client.
func (l *toolList) page(ctx context.Context, m jsonrpc.Message, next []byte, send jsonrpc.Send) (jsonrpc.Message, error) {
	params := jsonrpc.With(nil, "_meta", jsonrpc.Without(m.Param("_meta"), "progressToken"))
	if next != nil {
		params = jsonrpc.With(params, "cursor", next)
	}
	return jsonrpc.Ask(ctx, send, jsonrpc.NewRequest(jsonrpc.NewID(""), "tools/list", params), nil)
}
