//go:build unix

package hosts

import (
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives a new file to the owner of the one it replaces: one may be
// root, and the file a person's.
func keepOwner(f *os.File, like fs.FileInfo) error {
	old, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	info, err := f.Stat()
	if err != nil {
		return err
	}
	now, ok := info.Sys().(*syscall.Stat_t)
	if ok && now.Uid == old.Uid && now.Gid == old.Gid {
		return nil
	}
	err = f.Chown(int(old.Uid), int(old.Gid))
	if ok && now.Uid == old.Uid {
		return nil // only the group: it has become the owner's own, which lets nobody in
	}
	return err
}
