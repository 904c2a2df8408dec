package hosts

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// RemoveEach takes the servers out that are meant, those of projects included, and returns
// them. The error is of those that cannot be taken out; the others are all the same.
func (h Host) RemoveEach(data []byte, meant func(Server) bool) (out []byte, gone []Server, err error) {
	all, err := h.List(data)
	if err != nil {
		return nil, nil, err
	}
	var failures []error
	for _, s := range all {
		if !meant(s) {
			continue
		}
		without, err := h.removeOne(data, s, all)
		if err != nil {
			failures = append(failures, fmt.Errorf("%q: %w", s.Name, err))
			continue
		}
		data, gone = without, append(gone, s)
	}
	return data, gone, errors.Join(failures...)
}

// removeOne takes one of all servers out, wherever it stands.
func (h Host) removeOne(data []byte, s Server, all []Server) ([]byte, error) {
	same := func(other Server) bool { return other.Name == s.Name && slices.Equal(other.Group, s.Group) }
	if i := slices.IndexFunc(all, same); slices.ContainsFunc(all[i+1:], same) {
		return nil, fmt.Errorf("%w: it has two servers of that name", ErrLayout)
	}
	if len(s.Group) > 0 { // as if that were the usual place
		h.path, h.furtherPaths, h.alternative = s.Group, nil, nil
	}
	return h.Remove(data, s.Name)
}

// Backups are the copies of a host's file that Change.Write has kept beside it.
func Backups(path string) []string {
	target, err := filepath.EvalSymlinks(path)
	if err != nil { // it is gone
		target = path
	}
	return copies(target)
}

// Variable are the values that the servers that are meant set a variable to, in their
// environment or behind env.
func (h Host) Variable(data []byte, name string, meant func(Server) bool) (values []string) {
	f, err := h.open(data)
	if err != nil {
		return nil
	}
	for _, e := range f.entries() {
		if e.value == nil || !meant(e.Server) {
			continue
		}
		value := e.variable(name)
		from, _, _ := own(e.argv())
		for _, word := range e.argv()[:from] {
			if said, ok := strings.CutPrefix(word, name+"="); ok {
				value = said
			}
		}
		if value != "" {
			values = append(values, value)
		}
	}
	return values
}
