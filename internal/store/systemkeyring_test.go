//go:build windows || darwin

package store

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/zalando/go-keyring"
)

// The shared suite over the keyring of the system itself: Credential Manager,
// also as Wine has it, or the Keychain. The key is removed at the end. A
// Keychain that nobody can unlock, as over SSH, skips with its state.
func TestSystemKeyring(t *testing.T) {
	dir, err := os.MkdirTemp("", "system-keyring") //nolint:usetesting // Wine cannot remove it the way t.TempDir does
	must(t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	open := func(t testing.TB) *Store {
		return mustOpen(t, Options{Dir: dir, Kind: KindKeyring, Notice: func(string, string) {}})
	}
	first := open(t)
	defer func() { _ = keyring.Delete(keyringService, first.account) }()
	if err := first.Save(t.Context(), keyFor("a"), numbered(1)); err != nil {
		var ke *KeyringError
		if runtime.GOOS == "darwin" && errors.As(err, &ke) {
			t.Skipf("no Keychain to write to here: %v", ke)
		}
		t.Fatal(err)
	}
	t.Logf("real part: the keyring of %s", runtime.GOOS)
	testStore(t, open)
	if deleted, err := first.DeleteKey(t.Context()); !deleted || err != nil {
		t.Error(deleted, err)
	}
	fails(t, open(t), keyFor("savers"), ErrKeyLost, "after the key was deleted")
}
