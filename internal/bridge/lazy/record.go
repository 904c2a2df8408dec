package lazy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strconv"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/jsonrpc"
)

const (
	// recordFormat is the version of a record; any other is as good as none.
	recordFormat = 1
	// maxRecord bounds what is kept for one client, in bytes of the server's answers. A list
	// that does not fit is not kept.
	maxRecord = 700 << 10
)

// record is what a server has said to one client of one account.
type record struct {
	Format int
	// Owner is that of [Memory], and Client what the client said about itself, see hello.
	Owner, Client string
	// Refused is the hello of a server/discover that led to no result: the client then began
	// a session.
	Refused string `json:",omitempty"`
	// Opening is the result of initialize or server/discover, nil where there was none.
	Opening []byte `json:",omitempty"`
	// Lists are whole lists, by method.
	Lists map[string]outcome `json:",omitempty"`
}

// outcome is a result, or an error that stays: that the server has no such list.
type outcome struct {
	Result []byte `json:",omitempty"`
	Error  []byte `json:",omitempty"`
}

// list is one of a server's lists.
type list struct {
	method string
	member string // of the result
	kind   string // what is declared changed
}

var lists = []list{
	{"tools/list", "tools", "tools"},
	{"prompts/list", "prompts", "prompts"},
	{"resources/list", "resources", "resources"},
	{"resources/templates/list", "resourceTemplates", "resources"},
}

// listOf returns the list that m asks for. One that is asked for with further parameters may
// be another list.
func listOf(m jsonrpc.Message) (l list, ok bool) {
	i := slices.IndexFunc(lists, func(l list) bool { return m.Kind == jsonrpc.Request && m.Method == l.method })
	if i < 0 {
		return list{}, false
	}
	for name := range jsonrpc.Members(m.Params) {
		if name != "cursor" && name != "_meta" {
			return list{}, false
		}
	}
	return lists[i], true
}

// opens reports whether the answer to m describes the server.
func opens(m jsonrpc.Message) bool {
	return m.Kind == jsonrpc.Request && (m.Method == "initialize" || m.Method == "server/discover")
}

// hello recognizes what a client says about itself with initialize, or with each request of
// 2026-07-28: revision, name, version and capabilities. Servers may go by all of it.
func hello(m jsonrpc.Message) string {
	said := [][]byte{[]byte("initialize"), jsonrpc.Without(m.Params, "_meta")}
	if m.Method != "initialize" {
		said = [][]byte{m.Param("_meta", jsonrpc.MetaRevision), m.ClientInfo(), m.Param("_meta", jsonrpc.MetaCapabilities)}
	}
	sum := sha256.Sum256(bytes.Join(said, []byte("\n")))
	return hex.EncodeToString(sum[:])
}

// nameOf is the name of the record of the client that says m. There are 256 of them at most,
// whatever clients call themselves; two that share one overwrite each other's.
func nameOf(m jsonrpc.Message) string {
	name, _ := jsonrpc.Text(jsonrpc.Member(m.ClientInfo(), "name"))
	sum := sha256.Sum256([]byte(name))
	return "lazy-" + hex.EncodeToString(sum[:1])
}

// answer is what is kept for a request of the client who, nil for nothing.
func (r *record) answer(m jsonrpc.Message, who string) []byte {
	switch l, listed := listOf(m); {
	case m.Method == "server/discover" && r.Refused == who:
		const refused = "the server has refused this the last time; begin with initialize"
		return jsonrpc.Refusal(m.ID, jsonrpc.CodeMethodNotFound, refused, "")
	case r.Client != who:
	case opens(m) && r.Opening != nil:
		return jsonrpc.Result(m.ID, string(stale(m, r.Opening)))
	case listed && r.Lists[l.method].Error != nil:
		return jsonrpc.WithError(m.ID, r.Lists[l.method].Error)
	case listed && r.Lists[l.method].Result != nil && m.Param("cursor") == nil:
		return jsonrpc.Result(m.ID, string(stale(m, r.Lists[l.method].Result)))
	}
	return nil
}

// stale is a kept result as a client may take it: what it describes may have changed
// meanwhile. It says so where the server has not.
func stale(m jsonrpc.Message, result []byte) []byte {
	switch capabilities := jsonrpc.Member(result, "capabilities"); {
	case m.Stateless():
		return jsonrpc.With(result, "ttlMs", []byte("0"))
	case m.Method == "initialize":
		for _, l := range lists {
			if members := jsonrpc.Member(capabilities, l.kind); jsonrpc.IsObject(members) {
				capabilities = jsonrpc.With(capabilities, l.kind, jsonrpc.With(members, "listChanged", []byte("true")))
			}
		}
		if capabilities != nil {
			return jsonrpc.With(result, "capabilities", capabilities)
		}
	}
	return result
}

// keep takes a whole list, unless the record has no room for it.
func (r *record) keep(l list, o outcome) {
	size := len(r.Opening) + len(o.Result) + len(o.Error)
	for method, other := range r.Lists {
		if method != l.method {
			size += len(other.Result) + len(other.Error)
		}
	}
	if r.Lists == nil {
		r.Lists = map[string]outcome{}
	}
	if r.Lists[l.method] = o; size > maxRecord {
		delete(r.Lists, l.method)
	}
}

// same reports whether a list has the same entries. Where none is, both have none.
func (o outcome) same(other outcome, l list) bool {
	was, is := jsonrpc.Member(o.Result, l.member), jsonrpc.Member(other.Result, l.member)
	return (o.Error == nil) == (other.Error == nil) && bytes.Equal(was, is)
}

// lasting reports whether an error is about the server, not about this moment.
func lasting(rawError []byte) bool {
	return jsonrpc.Key(jsonrpc.Member(rawError, "code")) == strconv.Itoa(jsonrpc.CodeMethodNotFound)
}

// unheardOf reports whether an error is what servers with sessions answer to a request without
// one, and not that they cannot answer at this moment.
func unheardOf(rawError []byte) bool {
	switch jsonrpc.Key(jsonrpc.Member(rawError, "code")) {
	case "-32601", "-32600", "-32602", "-32000":
		return true
	}
	return false
}

// join puts the next page of a list behind those before, which may be nil. The cursor is that
// of the new page.
func (l list) join(before, page []byte) []byte {
	if before == nil {
		return page
	}
	var all [][]byte
	for _, one := range [][]byte{before, page} {
		for element := range jsonrpc.Elements(jsonrpc.Member(one, l.member)) {
			all = append(all, element)
		}
	}
	entries := append(append([]byte("["), bytes.Join(all, []byte(","))...), ']')
	next := jsonrpc.Edit{Name: "nextCursor", Value: jsonrpc.Member(page, "nextCursor")}
	return jsonrpc.Edited(before, jsonrpc.Edit{Name: l.member, Value: entries}, next)
}

// nextPage is the cursor of the page behind a result, "" for none.
func nextPage(result []byte) string {
	cursor, _ := jsonrpc.Text(jsonrpc.Member(result, "nextCursor"))
	return cursor
}

// encode writes the record down for decode.
func (r *record) encode() []byte {
	r.Format = recordFormat
	b, _ := json.Marshal(r, json.Deterministic(true)) // text and bytes alone
	return b
}

// decode returns what was written down: an empty record for what is of another format, or is
// none.
func decode(b []byte) record {
	var r record
	if json.Unmarshal(b, &r) != nil || r.Format != recordFormat || r.Opening != nil && !object(r.Opening) {
		return record{}
	}
	for _, o := range r.Lists {
		if !object(o.Result) && !object(o.Error) || o.Result != nil && o.Error != nil {
			return record{}
		}
	}
	return r
}

// object reports whether raw is one JSON object.
func object(raw []byte) bool {
	_, err := jsonrpc.Parse(raw)
	return !errors.Is(err, jsonrpc.ErrSyntax) && jsonrpc.IsObject(raw)
}
