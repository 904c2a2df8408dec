package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
)

// Options says where and how a store keeps credentials.
type Options struct {
	// Dir is the absolute path of the store's directory, made with mode 0700
	// at the first write. See DefaultDir. KindMemory needs none.
	Dir string
	// Kind is where to keep credentials; "" is KindAuto.
	Kind Kind
	// Getenv shows the environment in which the OS keyring is looked for, and the
	// passphrase: MCP_LOGIN_PASSPHRASE, or the file that MCP_LOGIN_PASSPHRASE_FILE
	// names. nil is the one of the process, which the keyring libraries read as well.
	Getenv func(string) string
	// Notice tells the person something, where no call fails. What has a hint is trouble;
	// without one it can wait for the end of the command:
	// the announcements of KindAuto and of a file system without locks, each
	// once per directory, and a login that can no longer be read. It may be
	// called from any goroutine. nil logs a warning instead.
	Notice func(message, hint string)
	// Log gets what helps to find faults, and never a secret; nil drops it.
	Log *slog.Logger

	// keyring stands for the one of the operating system, and keyringTimeout for how
	// long one call to it may take, in tests.
	keyring        keyringBackend
	keyringTimeout time.Duration
}

// Store is an oauth.Store. Make one with Open.
type Store struct {
	dir     string
	disk    *disk
	kind    Kind
	account string
	keyring *boundedKeyring
	notice  func(message, hint string)
	log     *slog.Logger
	memory  *memory // only of KindMemory

	// tryKernelLock is replaced where a test plays a file system without locks.
	tryKernelLock func(path string) (release func(), ok bool, err error)
	// betweenReads is called between the looks at the plain and the sealed
	// file; a test moves them at that moment.
	betweenReads func()

	// key is guarded by the in-process lock keyLockName.
	key *sealingKey

	mu       sync.Mutex
	asks     map[string][]byte              // what ChangeAsks could not write, by identity
	locks    map[string]*semaphore.Weighted // in-process locks by name
	held     map[string]bool                // locks and pending records of this store
	notified map[string]bool                // notices given by this process
	// seen are the logins of other processes that were waited for, and published
	// those that this store has published, by identity.
	seen      map[string]seenLogin
	published map[string]seenLogin
}

var _ oauth.Store = (*Store)(nil)

// Open returns the store that o describes. It touches neither disk nor
// keyring: that waits for the first use. The error is about o.
func Open(o Options) (*Store, error) {
	s := &Store{
		dir: o.Dir, kind: o.Kind, notice: o.Notice, log: o.Log,
		tryKernelLock: tryKernelLock, betweenReads: func() {},
		asks: map[string][]byte{}, locks: map[string]*semaphore.Weighted{}, held: map[string]bool{}, notified: map[string]bool{},
		seen: map[string]seenLogin{}, published: map[string]seenLogin{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	switch s.kind {
	case "":
		s.kind = KindAuto
	case KindAuto, KindKeyring, KindPassphrase, KindFile:
	case KindMemory:
		s.memory = newMemory()
		return s, nil
	default:
		return nil, &hint.Error{Op: "open the store", Err: fmt.Errorf("unknown kind of store %q", string(o.Kind)), Hint: "use auto, keyring, passphrase, file or memory"}
	}
	if !filepath.IsAbs(s.dir) {
		return nil, &hint.Error{Op: "open the store", Err: errors.New("its directory is not an absolute path"), Hint: useAbsolutePath}
	}
	s.dir = filepath.Clean(s.dir)
	s.account, s.disk = keyringAccount(s.dir, runtime.GOOS), &disk{dir: s.dir}
	s.keyring = o.keyringFor(s.kind, s.disk)
	return s, nil
}

// keyringFor returns what holds the key of a directory.
func (o Options) keyringFor(kind Kind, d *disk) *boundedKeyring {
	getenv := o.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	inner, limit := o.keyring, keyringTimeout
	switch {
	case kind == KindPassphrase:
		inner, limit = &passphraseKeyring{disk: d, ask: passphraseFrom(getenv)}, passphraseTimeout
	case inner == nil:
		inner = osKeyring{getenv}
	}
	if o.keyringTimeout > 0 {
		limit = o.keyringTimeout
	}
	return newBoundedKeyring(inner, limit)
}

// Load implements oauth.Store. Besides oauth.ErrNotFound the errors are
// ErrKeyLost and ErrDamaged, which wrap it; ErrUnsafe, ErrNewer,
// ErrPassphrase, *KeyringError
// while a keyring that has the key does not give it, and those of the system.
func (s *Store) Load(ctx context.Context, key oauth.Key) (oauth.Credential, error) {
	if err := ctx.Err(); err != nil {
		return oauth.Credential{}, err
	}
	if s.memory != nil {
		return s.memory.load(key)
	}
	rec, err := s.readRecord(ctx, key.ID())
	if err != nil {
		s.notifyUnreadable(key, err)
		return oauth.Credential{}, fmt.Errorf("load the credential: %w", err)
	}
	s.recordUse(key.ID(), time.Now())
	return rec.Credential, nil
}

// Save implements oauth.Store. With KindAuto a keyring that fails for any
// reason leads to a plain file: what a login has just led to is not lost. Where nothing
// can be written it is oauth.ErrUnwritable, and the person has been told.
func (s *Store) Save(ctx context.Context, key oauth.Key, cred oauth.Credential) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.memory != nil {
		s.memory.save(key, cred, time.Now())
		return nil
	}
	err := s.saveFile(ctx, key, cred)
	switch {
	case err == nil:
		return nil
	case unwritable(err):
		s.notifyUnwritable(err)
		err = fmt.Errorf("%w: %w", oauth.ErrUnwritable, err)
	}
	return fmt.Errorf("save the credential: %w", err)
}

// Delete implements oauth.Store. It removes the sealed and the plain file and
// the entry of the index; it needs no keyring, and removes a file that Load
// refuses.
func (s *Store) Delete(ctx context.Context, key oauth.Key) error {
	if s.memory != nil {
		s.memory.delete(key)
		return nil
	}
	if err := checkDirectory(s.dir); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return fmt.Errorf("delete the credential: %w", err)
	}
	id := key.ID()
	return s.withWriteLock(ctx, func() error {
		err := errors.Join(s.disk.remove(ctx, id+sealedSuffix), s.disk.remove(ctx, id+passphraseSuffix), s.disk.remove(ctx, id+plainSuffix), s.removeCache(ctx, id))
		if err == nil {
			err = s.disk.sync()
		}
		if err != nil {
			return fmt.Errorf("delete the credential: %w", err)
		}
		s.updateIndex(ctx, func(x index) { delete(x, id) })
		return nil
	})
}

// Files are those of the identity with this [Entry.ID], as a pattern for people and
// their shells.
func (s *Store) Files(id string) string { return hint.Quote(filepath.Join(s.dir, id)) + "*" }

// Describe says for people where the credential under key is kept, as the end
// of a sentence that starts with "kept in". It asks no keyring.
func (s *Store) Describe(key oauth.Key) string {
	switch path, kind := s.locate(key); kind {
	case KindMemory:
		return "memory, until this program ends"
	case KindFile:
		return "the plain file " + path + ", readable for you only"
	case KindPassphrase:
		return "the file " + path + ", encrypted under your passphrase"
	case KindKeyring:
		return "the file " + path + ", encrypted with a key from the OS keyring"
	}
	return "nothing (no login is stored)"
}

// KeptIn returns the kind of store that holds the credential under key, "" when
// none does. It asks no keyring.
func (s *Store) KeptIn(key oauth.Key) Kind {
	_, kind := s.locate(key)
	return kind
}

// locate is the file that Load would take, and its kind.
func (s *Store) locate(key oauth.Key) (path string, kind Kind) {
	if s.memory != nil {
		return "", KindMemory
	}
	id := key.ID()
	sealed, plain := filepath.Join(s.dir, id+s.sealedFileSuffix()), filepath.Join(s.dir, id+plainSuffix)
	switch {
	case exists(plain) && (s.kind == KindFile || !exists(sealed)):
		return plain, KindFile
	case exists(sealed):
		return sealed, s.sealedKind()
	}
	return "", ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// Kind says where credentials are kept.
type Kind string

// The kinds of store.
const (
	// KindAuto is KindKeyring where a keyring works, else KindFile, which is
	// then announced once per directory. It finds what either has saved.
	KindAuto Kind = "auto"
	// KindKeyring is a file per identity, sealed by a key in the OS keyring.
	KindKeyring Kind = "keyring"
	// KindPassphrase is a file per identity, sealed by a key that a passphrase
	// opens: for servers that have no keyring.
	KindPassphrase Kind = "passphrase"
	// KindFile is a plain file per identity, mode 0600.
	KindFile Kind = "file"
	// KindMemory ends with the process.
	KindMemory Kind = "memory"
)

// credentialSuffixes are the files in which a credential can stand, by the end of their
// names, and the kind of store that writes them.
var credentialSuffixes = map[string]Kind{sealedSuffix: KindKeyring, passphraseSuffix: KindPassphrase, plainSuffix: KindFile}

// sealedKind is the kind of the sealed files that this store reads and writes.
func (s *Store) sealedKind() Kind {
	if s.kind == KindPassphrase {
		return KindPassphrase
	}
	return KindKeyring
}

// sealedFileSuffix is the end of their names.
func (s *Store) sealedFileSuffix() string {
	if s.kind == KindPassphrase {
		return passphraseSuffix
	}
	return sealedSuffix
}

// reads reports whether this store looks at files of a kind. A store whose
// seal was asked for by name does not believe a file without one: whoever can
// write a file could otherwise put a login of his own in the place of a sealed
// one.
func (s *Store) reads(kind Kind) bool {
	if s.kind == KindAuto {
		return kind == KindFile || kind == KindKeyring
	}
	return kind == s.kind
}

// unreadReason says for people why a login of another kind is not looked at.
func (s *Store) unreadReason(kind Kind) string {
	switch {
	case kind == KindFile:
		return "kept in a plain file, which --store " + string(s.kind) + " does not take"
	case kind == KindPassphrase:
		return "kept behind a passphrase; to use it: --store passphrase"
	case s.kind == KindFile:
		return "kept behind the OS keyring, which --store file does not ask"
	}
	return "kept behind the OS keyring, which --store " + string(s.kind) + " does not ask"
}

// InMemory reports whether logins are kept for this process only: what another
// one keeps is not seen then.
func (s *Store) InMemory() bool { return s.memory != nil }
