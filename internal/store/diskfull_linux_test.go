package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

// On a full or read-only disk the stored login stays as it
// was, the lock still works inside the process, and the person is told. The
// helper runs in a mount namespace of its own.
func TestDiskFullOrReadOnly(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"full", "read-only"} {
		cmd := helper(t, "disk", filepath.Join(t.TempDir(), "store"), "auto", t.TempDir(), how)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSPC) || cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == 1 && string(out) == "helper: mount: operation not permitted\n" {
			t.Skipf("SKIPPED, no user namespaces here: %v", err)
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", how, err, out)
		}
	}
}

func init() { helpers["disk"] = helperDisk }

// helperDisk spoils the disk below the store: HOW.
func helperDisk(s *Store, args []string) error {
	dir := filepath.Dir(s.dir)
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k,nr_inodes=64,mode=0700"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	ctx, key := context.Background(), keyFor("a")
	var told notices
	o := Options{Dir: s.dir, keyring: s.keyring.inner, Notice: told.add}
	s.notice = told.add
	if err := s.Save(ctx, key, numbered(1)); err != nil {
		return err
	}
	if err := spoil(dir, args[0]); err != nil {
		return err
	}
	var saying notices
	s.notice = saying.add
	if err := s.Save(ctx, key, numbered(2)); !errors.Is(err, oauth.ErrUnwritable) || len(saying.all()) != 1 {
		return fmt.Errorf("a save that had no room: %w, %v", err, &saying)
	}
	again, err := Open(o)
	if err != nil {
		return err
	}
	got, err := again.Load(ctx, key)
	if err != nil || !got.RefreshToken.Equal(numbered(1).RefreshToken) {
		return fmt.Errorf("the stored login is gone: %+v %w", got, err)
	}
	for _, name := range []string{"a", "another"} { // with and without a lock file
		unlock, err := again.Lock(ctx, keyFor(name))
		if err != nil {
			return err
		}
		if args[0] == "read-only" || name == "another" {
			if len(told.all()) != 1 {
				return fmt.Errorf("told: %v", &told)
			}
		}
		unlock()
	}
	if _, _, err := again.Probe(ctx); !unwritable(err) || hint.Of(err) != useWritable(err) {
		return fmt.Errorf("probed: %w", err)
	}
	// What was asked is kept at least in this process.
	asked := oauth.AskState{Asks: []oauth.Ask{{Asked: time.Unix(1, 0).UTC()}}}
	var known oauth.AskState
	for range 2 {
		err := again.ChangeAsks(ctx, key, func(s oauth.AskState) oauth.AskState { known = s; return asked })
		if err != nil {
			return err
		}
	}
	if len(known.Asks) != 1 {
		return fmt.Errorf("known of what was asked: %+v", known)
	}
	if left, _ := filepath.Glob(filepath.Join(o.Dir, "*"+tempSuffix)); len(left) > 0 {
		return fmt.Errorf("left behind: %v", left)
	}
	return nil
}

func spoil(dir, how string) error {
	if how == "read-only" {
		return unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	// Fill all pages and then all inodes.
	big, err := os.Create(filepath.Join(dir, "big"))
	if err != nil {
		return err
	}
	defer big.Close()
	for err == nil {
		_, err = big.Write(make([]byte, 4096))
	}
	for i := 0; ; i++ {
		f, err := os.Create(filepath.Join(dir, fmt.Sprintf("inode-%d", i)))
		if err != nil {
			return nil
		}
		_ = f.Close()
	}
}
