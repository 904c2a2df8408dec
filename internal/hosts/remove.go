package hosts

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
)

// RemoveOwn takes the servers that run mcp-login out, those of projects included, and
// returns them. The error is of those that cannot be taken out; the others are all the same.
func (h Host) RemoveOwn(data []byte) (out []byte, gone []Server, err error) {
	all, err := h.List(data)
	if err != nil {
		return nil, nil, err
	}
	var failures []error
	for _, s := range all {
		if s.Kind() != KindOwn {
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
