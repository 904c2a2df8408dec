package hosts

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
)

// intent is what edits are meant to do to one entry. Without want the entry is to be
// removed. With words only its command line is to change, and the member named limit to be
// added, "" for none.
type intent struct {
	group []string
	name  string
	want  *Server
	words bool
	limit string
}

// verify applies edits, and returns the result only if it differs from body in what is
// intended and in nothing else.
func (h Host) verify(body []byte, edits []edit, intents ...intent) ([]byte, error) {
	out, err := apply(body, edits)
	if err != nil {
		return nil, err
	}
	doc, err := h.parse(out)
	if err != nil {
		return nil, fmt.Errorf("%w: the change would break it", ErrLayout)
	}
	all := doc.tree().entries()
	for _, in := range intents {
		i := slices.IndexFunc(all, func(e entry) bool { return e.Name == in.name && slices.Equal(e.Group, in.group) })
		switch {
		case in.want == nil && i >= 0:
			return nil, fmt.Errorf("%w: the entry would stay", ErrLayout)
		case in.want != nil && (i < 0 || all[i].Command != in.want.Command || !slices.Equal(all[i].Args, in.want.Args)):
			return nil, fmt.Errorf("%w: the entry would not be what was wished", ErrLayout)
		}
	}
	before, err := h.decode(body)
	if err != nil {
		return nil, err
	}
	after, err := h.decode(out)
	if err != nil {
		return nil, fmt.Errorf("%w: the change would break it", ErrLayout)
	}
	for _, in := range intents {
		before, after = h.without(before, intent{group: in.group, name: in.name, words: in.words}), h.without(after, in)
	}
	if !reflect.DeepEqual(before, after) {
		return nil, fmt.Errorf("%w: the change would touch more than the entry", ErrLayout)
	}
	return out, nil
}

// decode reads a file into maps and slices.
func (h Host) decode(body []byte) (any, error) {
	switch h.Format {
	case TOML:
		return decodeTOML(body)
	case YAML:
		return decodeYAML(body)
	}
	return decodeJSON(body)
}

// without takes the changed entry, or only its command line, out of a decoded
// file. Objects of servers that are empty then are taken out as well: adding the
// first server may have made them.
func (h Host) without(tree any, in intent) any {
	path := in.group
	if len(path) == 0 {
		path = h.path
	}
	return descend(tree, path, func(servers any) any {
		switch servers := servers.(type) {
		case map[string]any:
			if in.words {
				servers[in.name] = withoutWords(servers[in.name], in.limit)
			} else {
				delete(servers, in.name)
			}
			if len(servers) == 0 {
				return nil
			}
		case []any:
			for i, item := range servers {
				if m, ok := item.(map[string]any); ok && m["name"] == in.name {
					if in.words {
						servers[i] = withoutWords(m, in.limit)
						return servers
					}
					servers = slices.Delete(servers, i, i+1)
					break
				}
			}
			if len(servers) == 0 {
				return nil
			}
			return servers
		}
		return servers
	})
}

func withoutWords(v any, limit string) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	m = maps.Clone(m)
	if limit != "" {
		delete(m, limit)
	}
	for _, name := range append([]string{"args"}, commandNames...) {
		if inner, ok := m[name].(map[string]any); ok { // Zed's earlier form
			inner = maps.Clone(inner)
			delete(inner, "path")
			delete(inner, "args")
			m[name] = inner
			continue
		}
		delete(m, name)
	}
	return m
}

// descend applies f to what stands at a path, and drops what f makes nil.
func descend(tree any, path []string, f func(any) any) any {
	if len(path) == 0 {
		return f(tree)
	}
	m, ok := tree.(map[string]any)
	if !ok {
		return tree
	}
	child, ok := m[path[0]]
	if !ok {
		return tree
	}
	if child = descend(child, path[1:], f); child == nil {
		delete(m, path[0])
	} else {
		m[path[0]] = child
	}
	return tree
}
