package hosts

import (
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// node is a value of a file, in any format, with the place of its bytes. It is empty at a
// negative offset, which no edit accepts, where the place is not simple to see.
type node struct {
	start, end int
	// from is where the value begins in its list: its predecessors may be deleted up to there.
	from    int
	kind    jsontext.Kind
	text    string // of a string; the bytes of any other scalar in JSON
	members []member
	elems   []*node
}

type member struct {
	name  string
	start int // of the name, in JSON
	value *node
}

func (n *node) find(name string) *member {
	if i := slices.IndexFunc(n.members, func(m member) bool { return m.name == name }); i >= 0 {
		return &n.members[i]
	}
	return nil
}

// member is the value of a name in an object, nil for none.
func (n *node) member(name string) *node {
	if m := n.find(name); m != nil {
		return m.value
	}
	return nil
}

// name is that of a server in a list of them.
func (n *node) name() string {
	if named := n.member("name"); named != nil {
		return named.text
	}
	return ""
}

// words are a string, or the strings of a list of nothing else. What is not there has none.
func (n *node) words() ([]*node, bool) {
	switch {
	case n == nil:
		return nil, true
	case n.kind == '"':
		return []*node{n}, true
	case n.kind != '[', slices.ContainsFunc(n.elems, func(e *node) bool { return e.kind != '"' }):
		return nil, false
	}
	return slices.Clone(n.elems), true
}

// entry is a server with the values that its words come from.
type entry struct {
	Server
	value, command *node // nil where it is no server
	args           []*node
}

// variable is the value of a variable that the entry sets, "" for none.
func (e entry) variable(name string) string {
	for _, key := range []string{"env", "envs", "environment"} {
		if variables := e.value.member(key); variables != nil {
			if value := variables.member(name); value != nil {
				return value.text
			}
		}
	}
	return ""
}

// entries are all servers of a file, those in other groups included.
func (h Host) entries(root *node) []entry {
	all := h.collect(root, nil, nil, h.path, nil)
	for _, path := range h.furtherPaths {
		all = h.collect(root, nil, []string{}, path, all)
	}
	return all
}

// collect gathers the servers below a path, in which * is every name. A group
// that is not nil is where they are found.
func (h Host) collect(n *node, walked, group, path []string, all []entry) []entry {
	if len(path) > 0 {
		for _, m := range n.members {
			if m.name == path[0] || path[0] == "*" {
				all = h.collect(m.value, append(slices.Clone(walked), m.name), group, path[1:], all)
			}
		}
		return all
	}
	if group != nil {
		group = slices.Clone(walked)
	}
	for _, m := range n.members {
		all = append(all, serverOf(m.name, group, m.value))
	}
	if h.list {
		for _, e := range n.elems {
			all = append(all, serverOf(e.name(), group, e))
		}
	}
	return all
}

// Names under which hosts keep what is looked for.
var (
	commandNames = []string{"command", "cmd"}
	urlNames     = []string{"url", "serverUrl", "httpUrl", "uri"}
)

// serverOf reads a server from an entry, whatever the host: a command with
// args, a list that holds both, or an object with path and args; or an address.
func serverOf(name string, group []string, v *node) entry {
	e := entry{Server: Server{Name: name, Group: group}}
	for _, key := range commandNames {
		command, args := v.member(key), v.member("args")
		if command == nil {
			continue
		}
		if path := command.member("path"); path != nil {
			command, args = path, command.member("args")
		}
		words, ok := command.words()
		more, okArgs := args.words()
		if !ok || !okArgs || len(words) == 0 {
			return e
		}
		e.value, e.command, e.args = v, words[0], append(words[1:], more...)
		e.Command = e.command.text
		for _, w := range e.args {
			e.Args = append(e.Args, w.text)
		}
		return e
	}
	for _, key := range urlNames {
		if words, ok := v.member(key).words(); ok && len(words) == 1 {
			e.URL = words[0].text
			return e
		}
	}
	return e
}
