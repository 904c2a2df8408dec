package server

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// maxToolList bounds how much of a list of tools is looked at.
const maxToolList = 1 << 20

// toolNames are the tools that have scopes, of which no list of the upstream has told yet.
// One that is misspelt leaves the tool it is meant for without any: nothing else tells that,
// as the tools are not known before somebody asks for them.
type toolNames struct {
	log *slog.Logger

	mu     sync.Mutex
	unseen []string
}

func newToolNames(scopes map[string][]string, log *slog.Logger) *toolNames {
	return &toolNames{log: log, unseen: slices.Sorted(maps.Keys(scopes))}
}

// watch looks at a list of tools while it is passed on.
func (t *toolNames) watch(resp *http.Response) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.unseen) > 0 && resp.StatusCode == http.StatusOK {
		events := strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream")
		resp.Body = &toolList{ReadCloser: resp.Body, names: t, events: events}
	}
}

// listed warns, once, of names that a whole list does not have, whose pages come one by one.
func (t *toolNames) listed(list []byte) {
	if !bytes.Contains(list, []byte(`"tools"`)) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unseen = slices.DeleteFunc(t.unseen, func(name string) bool { return bytes.Contains(list, []byte(strconv.Quote(name))) })
	if bytes.Contains(list, []byte(`"nextCursor"`)) {
		return
	}
	missing := t.unseen
	if t.unseen = nil; len(missing) > 0 {
		t.log.Warn("tool-scope names tools that are not in this caller's list; they protect nothing if they are misspelt",
			slog.String("tools", strings.Join(missing, " ")))
	}
}

type toolList struct {
	io.ReadCloser
	names  *toolNames
	events bool
	seen   []byte
}

// Read implements io.Reader.
func (l *toolList) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	if len(l.seen) < maxToolList {
		l.seen = append(l.seen, p[:n]...)
		// An event is looked at before it is passed on: the client asks for the next page at once.
		whole := l.events && (bytes.HasSuffix(l.seen, []byte("\n\n")) || bytes.HasSuffix(l.seen, []byte("\n\r\n")))
		if whole || errors.Is(err, io.EOF) {
			l.names.listed(l.seen)
			l.seen = l.seen[:0]
		}
	}
	return n, err
}
