package store

import (
	"os"
	"path/filepath"
	"time"
)

// lastUsePrecision is how exact the time of the last use is: writing it at every
// request would keep a disk awake for nothing.
const lastUsePrecision = time.Minute

// recordUse remembers that a credential was read, for people who look at status.
// The modification time of the identity's lock file, which is empty, holds it:
// one system call, nothing that could be torn, and nothing that matters when
// it fails.
func (s *Store) recordUse(id string, now time.Time) {
	path := filepath.Join(s.dir, id+lockSuffix)
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() || !ownedByUs(info) || now.Sub(info.ModTime()).Abs() < lastUsePrecision {
		return
	}
	_ = os.Chtimes(path, now, now)
}

// lastUse is the later of the last time a credential was read and written.
func (s *Store) lastUse(id string, savedAt time.Time) time.Time {
	info, err := os.Lstat(filepath.Join(s.dir, id+lockSuffix))
	if err != nil || info.ModTime().Before(savedAt) {
		return savedAt
	}
	return utc(info.ModTime())
}
