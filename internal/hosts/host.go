package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
)

// MaxSize is the largest file that is read, in bytes. Claude Code keeps its
// history beside its servers, and grows to several MiB.
const MaxSize = 32 << 20

// Errors that callers branch on. No error of this package holds content of a file.
var (
	// ErrBroken is a file that is not valid in its format.
	ErrBroken = errors.New("the file is broken")
	// ErrLayout is a valid file that cannot be changed without touching more
	// than the entry.
	ErrLayout = errors.New("the file is laid out in a way that is not edited here")
	// ErrExists is another server under the same name.
	ErrExists = errors.New("there is another server of that name")
	// ErrNotFound is a name that no server has.
	ErrNotFound = errors.New("there is no server of that name")
)

// Set adds a server, or replaces the one of its name when replace is set.
// Without replace another server of that name is [ErrExists]. A server that is
// there already, with the same command line, leaves the file as it is. An empty
// file is one without servers.
func (h Host) Set(data []byte, s Server, replace bool) ([]byte, error) {
	if err := s.valid(); err != nil {
		return nil, err
	}
	f, err := h.open(data)
	if err != nil {
		return nil, err
	}
	for _, e := range f.entries() {
		if e.Name != s.Name || len(e.Group) > 0 {
			continue
		}
		if e.Command == s.Command && slices.Equal(e.Args, s.Args) {
			return data, nil
		}
		if !replace {
			return nil, fmt.Errorf("%w: %q", ErrExists, s.Name)
		}
	}
	edits, err := f.doc.set(s)
	if err != nil {
		return nil, err
	}
	return f.edit(edits, intent{name: s.Name, want: &s})
}

// Remove takes the server of a name out, or says [ErrNotFound].
func (h Host) Remove(data []byte, name string) ([]byte, error) {
	f, err := h.open(data)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(f.entries(), func(e entry) bool { return e.Name == name && len(e.Group) == 0 }) {
		return nil, fmt.Errorf("%w: %q", ErrNotFound, name)
	}
	edits, err := f.doc.remove(name)
	if err != nil {
		return nil, err
	}
	return f.edit(edits, intent{name: name})
}

// List returns the servers of a file, in its order. Entries that are no servers
// in any known form are left out.
func (h Host) List(data []byte) ([]Server, error) {
	f, err := h.open(data)
	if err != nil {
		return nil, err
	}
	var all []Server
	for _, e := range f.entries() {
		if e.Command != "" || e.URL != "" {
			all = append(all, e.Server)
		}
	}
	return all, nil
}

// Snippet is what a person pastes into an empty file: the whole way from the top
// to the entry.
func (h Host) Snippet(s Server) ([]byte, error) {
	if err := s.valid(); err != nil {
		return nil, err
	}
	h.emptyFile = ""
	return h.Set(nil, s, false)
}

// file is one file of a host.
type file struct {
	*parsed
	bom []byte
	doc document
}

// open parses a file. One without content is as the host would create it.
func (h Host) open(data []byte) (f file, err error) {
	bom, body := cutBOM(data)
	if len(bytes.TrimSpace(body)) == 0 {
		if body = []byte(h.emptyFile); h.Format == JSON {
			body = []byte("{}\n")
		}
	}
	doc, err := h.parse(body)
	if err != nil {
		return file{}, err
	}
	f = file{doc.tree(), bom, doc}
	f.host = h.formOf(f.root)
	return f, nil
}

// edit returns the file with edits made, see verify.
func (f file) edit(edits []edit, intents ...intent) ([]byte, error) {
	out, err := f.host.verify(f.data, edits, intents...)
	if err != nil {
		return nil, err
	}
	return append(f.bom, out...), nil
}

// formOf is the host with the form that a file has, if there are two.
func (h Host) formOf(root *node) Host {
	if h.alternative == nil {
		return h
	}
	for _, step := range h.alternative.path {
		if root = root.member(step); root == nil || root.kind != '{' {
			return h
		}
	}
	h.path, h.shape = h.alternative.path, h.alternative.shape
	return h
}

// parsed is what has been read of a file.
type parsed struct {
	host Host // with the form that the file has
	data []byte
	root *node // an object
}

func (p *parsed) tree() *parsed { return p }

func (p *parsed) entries() []entry { return p.host.entries(p.root) }

// document is a parsed file that can be edited.
type document interface {
	tree() *parsed
	// set adds or replaces a server, remove takes it out.
	set(s Server) ([]edit, error)
	remove(name string) ([]edit, error)
	// add adds a member to an entry; false says that its layout has no place for one.
	add(e entry, f field) ([]edit, bool)
	// quote writes one string so that it can stand in the place of another one.
	quote(text string) string
}

func (h Host) parse(body []byte) (document, error) {
	if len(body) > MaxSize {
		return nil, fmt.Errorf("%w: it has more than %d bytes", ErrBroken, MaxSize)
	}
	switch h.Format {
	case TOML:
		return parseTOML(h, body)
	case YAML:
		return parseYAML(h, body)
	}
	return parseJSON(h, body)
}

// edit replaces the bytes [start, end) with text.
type edit struct {
	start, end int
	text       string
}

// apply makes the edits, which must not overlap. Those at one place stay in
// their order.
func apply(data []byte, edits []edit) ([]byte, error) {
	edits = slices.Clone(edits)
	slices.SortStableFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.start < at || e.end < e.start || e.end > len(data) {
			return nil, fmt.Errorf("%w: edits overlap", ErrLayout)
		}
		out = append(append(out, data[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, data[at:]...), nil
}

// cutBOM splits off the byte order mark, which some editors on Windows write.
func cutBOM(data []byte) (bom, body []byte) {
	if body, ok := bytes.CutPrefix(data, []byte("\ufeff")); ok {
		return []byte("\ufeff"), body
	}
	return nil, data
}

// newline is the line end of a file.
func newline(data []byte) string {
	if i := bytes.IndexByte(data, '\n'); i > 0 && data[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

// lineStart is the offset of the first byte of the line that at is in.
func lineStart(data []byte, at int) int {
	return bytes.LastIndexByte(data[:at], '\n') + 1
}

// lineEnd is the offset behind the line that at is in, its line end included.
func lineEnd(data []byte, at int) int {
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(data)
}

// indentOf is the white space that the line of an offset begins with.
func indentOf(data []byte, at int) string {
	line := data[lineStart(data, at):]
	return string(line[:len(line)-len(bytes.TrimLeft(line, " \t"))])
}
