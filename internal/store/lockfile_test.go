package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"

	"mcp-login/internal/oauth"
)

// withoutKernelLocks makes a store on a file system that has none.
func withoutKernelLocks(t testing.TB, o Options) *Store {
	s := mustOpen(t, o)
	s.tryKernelLock = func(string) (func(), bool, error) { return nil, false, errors.ErrUnsupported }
	return s
}

// Without kernel locks the lock still excludes: 8 stores, as of
// 8 processes, 50 renewals each, none of them overlaps and none is lost.
func TestLockFilesExclude(t *testing.T) {
	dir := t.TempDir()
	const stores, rounds = 8, 50
	key := keyFor("a")
	var wg sync.WaitGroup
	var told sync.Map
	for i := range stores {
		wg.Go(func() {
			s := withoutKernelLocks(t, Options{Dir: dir, Kind: KindFile, Notice: func(m, _ string) { told.Store(i, m) }})
			for range rounds {
				unlock, err := s.Lock(t.Context(), key)
				if err != nil {
					t.Error(err)
					return
				}
				// A read and a write with room for others in between.
				cred, err := s.Load(t.Context(), key)
				if err == nil || errors.Is(err, oauth.ErrNotFound) {
					cred.Server = key.Server
					cred.RequestedScopes = append(cred.RequestedScopes, "x")
					err = s.Save(t.Context(), key, cred)
				}
				if err != nil {
					t.Error(err)
				}
				unlock()
			}
		})
	}
	wg.Wait()
	cred, err := fileStore(t, dir).Load(t.Context(), key)
	if err != nil || len(cred.RequestedScopes) != stores*rounds {
		t.Errorf("%d of %d renewals, %v", len(cred.RequestedScopes), stores*rounds, err)
	}
	notices := 0
	told.Range(func(_, _ any) bool { notices++; return true })
	if notices != 1 {
		t.Errorf("the person was told %d times", notices)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*"+lockFileSuffix+"*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A holder that died is succeeded after its silence; one that lives is not,
// however long it works.
func TestLockFileOfADeadHolder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		s := withoutKernelLocks(t, Options{Dir: dir, Kind: KindFile})
		path := filepath.Join(dir, "x.lock")
		must(t, os.MkdirAll(dir, 0o700))
		must(t, createLockFile(path+lockFileSuffix, "the dead"))
		release, err := s.amongProcesses(t.Context(), "x.lock", nil)
		must(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*staleAfter)
		defer cancel()
		if _, err := s.amongProcesses(ctx, "x.lock", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a living holder was succeeded: %v", err)
		}
		release()
		release, err = s.amongProcesses(t.Context(), "x.lock", nil)
		must(t, err)
		release()
	})
}
