package store

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// sealedHeader starts every sealed file: what it is, for people, and the format
// version. After it come the id of the key and the AES-256-GCM output with its
// random 96-bit nonce in front.
const (
	sealedPrefix  = "mcp-login sealed "
	sealedHeader  = sealedPrefix + formatVersion
	formatVersion = "1\n"
)

// additionalData binds a sealed file to its format version, kind of store, key
// and identity.
func additionalData(k *sealingKey, id string) []byte {
	ad := append([]byte(sealedHeader+string(k.kind)+"\n"), k.id[:]...)
	return append(ad, id...)
}

// newGCM returns AES-256-GCM under key. The nonce is random: at one file per save,
// 2^32 saves are far away.
func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("prepare the cipher: %w", err)
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("prepare the cipher: %w", err)
	}
	return gcm, nil
}

// seal returns the sealed file of plaintext for the identity id.
func seal(k *sealingKey, id string, plaintext []byte) ([]byte, error) {
	gcm, err := newGCM(k.secret[:])
	if err != nil {
		return nil, err
	}
	file := make([]byte, 0, len(sealedHeader)+keyIDLength+len(plaintext)+gcm.Overhead())
	file = append(file, sealedHeader...)
	file = append(file, k.id[:]...)
	return gcm.Seal(file, nil, plaintext, additionalData(k, id)), nil
}

// sealedKeyID returns the id of the key that sealed file: ErrDamaged when it
// is not a sealed file, ErrNewer when its format is a later one.
func sealedKeyID(file []byte) (id [keyIDLength]byte, err error) {
	rest, err := cutHeader(file, sealedPrefix)
	switch {
	case err != nil:
		return id, err
	case len(rest) < keyIDLength:
		return id, ErrDamaged
	}
	copy(id[:], rest)
	return id, nil
}

// cutHeader returns what follows the header of a file: ErrNewer when its format is a
// later one, ErrDamaged when it has no such header.
func cutHeader(file []byte, prefix string) (rest []byte, err error) {
	version, ok := bytes.CutPrefix(file, []byte(prefix))
	if rest, current := bytes.CutPrefix(version, []byte(formatVersion)); ok && current {
		return rest, nil
	}
	if ok && laterVersion(version) {
		return nil, ErrNewer
	}
	return nil, ErrDamaged
}

// laterVersion reports whether text starts with a line that is a number above 1.
func laterVersion(text []byte) bool {
	line, _, ok := bytes.Cut(text, []byte("\n"))
	if !ok || len(line) == 0 || len(line) > 4 || line[0] == '0' || string(line) == "1" {
		return false
	}
	for _, c := range line {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// open returns the plaintext of a sealed file, or ErrDamaged. The caller has
// compared the key's id.
func open(k *sealingKey, id string, file []byte) ([]byte, error) {
	gcm, err := newGCM(k.secret[:])
	if err != nil {
		return nil, err
	}
	if len(file) < len(sealedHeader)+keyIDLength {
		return nil, ErrDamaged
	}
	plaintext, err := gcm.Open(nil, nil, file[len(sealedHeader)+keyIDLength:], additionalData(k, id))
	if err != nil {
		return nil, ErrDamaged
	}
	return plaintext, nil
}

const (
	// keyringService is the name under which people find the item.
	keyringService = "mcp-login"
	keyLength      = 32 // AES-256
	keyIDLength    = 8
	// keyLockWait bounds the wait for another process that creates the key.
	keyLockWait = 15 * time.Second
)

// sealingKey is the key of one store directory, and what names it in the
// files it has sealed.
type sealingKey struct {
	kind   Kind // KindKeyring or KindPassphrase
	secret [keyLength]byte
	id     [keyIDLength]byte
}

func newSealingKey(kind Kind, secret []byte) *sealingKey {
	k := &sealingKey{kind: kind}
	copy(k.secret[:], secret)
	// The key is 256 random bits: a few bytes of its hash give nothing away.
	sum := sha256.Sum256(append([]byte("mcp-login key id 1\n"), secret...))
	copy(k.id[:], sum[:])
	return k
}

// keyringAccount names the key of one directory. Where file names ignore case
// the same directory may be spelled in several ways; that two directories
// could then share a key does no harm.
func keyringAccount(dir, goos string) string {
	dir = filepath.Clean(dir)
	if goos == "windows" || goos == "darwin" {
		dir = strings.ToLower(dir)
	}
	sum := sha256.Sum256([]byte(dir))
	return "store-" + hex.EncodeToString(sum[:16])
}

// readKey returns the key from memory or the keyring, and ErrKeyLost when the
// keyring works but has none. A key in memory whose id is not wanted is read
// again: another process may have replaced a lost key. want nil takes any.
func (s *Store) readKey(ctx context.Context, want *[keyIDLength]byte) (*sealingKey, error) {
	release, err := s.inProcess(ctx, keyLockName)
	if err != nil {
		return nil, err
	}
	defer release()
	if k := s.key; k != nil && (want == nil || k.id == *want) {
		return k, nil
	}
	k, err := s.fetchKey(ctx)
	if keyringState(err) == KeyringNotFound {
		s.key = nil
		return nil, ErrKeyLost
	}
	if err != nil {
		return nil, err
	}
	s.key = k
	return k, nil
}

// ensureKey is readKey that creates a missing key, once for all processes.
func (s *Store) ensureKey(ctx context.Context, want *[keyIDLength]byte) (*sealingKey, error) {
	k, err := s.readKey(ctx, want)
	if !errors.Is(err, ErrKeyLost) {
		return k, err
	}
	inside, err := s.inProcess(ctx, keyLockName)
	if err != nil {
		return nil, err
	}
	defer inside()
	wait, cancel := context.WithTimeout(ctx, keyLockWait)
	defer cancel()
	lock := keyLockName
	if s.kind == KindPassphrase {
		lock = passphraseLock
	}
	outside, err := s.amongProcesses(wait, lock, nil)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil, &KeyringError{Op: "write", State: KeyringTimeout, Err: errors.New("another process has not finished creating the key")}
	case err != nil:
		return nil, fmt.Errorf("lock the store's key: %w", err)
	}
	// A write that is overdue may still take effect. Until it has, no other
	// process may create a key, or it would be overwritten after its first use.
	defer s.keyring.whenIdle(outside)
	k, err = s.fetchKey(ctx)
	if keyringState(err) == KeyringNotFound {
		k, err = s.createKey(ctx)
	}
	if err != nil {
		return nil, err
	}
	s.key = k
	return k, nil
}

// createKey is called under the key's lock.
func (s *Store) createKey(ctx context.Context) (*sealingKey, error) {
	secret := make([]byte, keyLength)
	_, _ = rand.Read(secret) // never fails: the program ends before it would
	k := newSealingKey(s.sealedKind(), secret)
	text := base64.StdEncoding.EncodeToString(secret)
	clear(secret)
	if err := s.keyring.set(ctx, keyringService, s.account, text); err != nil {
		return nil, err
	}
	// Not every keyring reports a failed write, and a key that cannot be read
	// back would cost the next process its credential.
	kept, err := s.fetchKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read back the new key: %w", err)
	}
	if kept.id != k.id {
		return nil, &KeyringError{Op: "write", State: KeyringOther, Err: errors.New("another value was read back than was written")}
	}
	s.log.Debug("created the key of the store", "keyring_account", s.account)
	return kept, nil
}

// fetchKey asks the keyring. An item that is no key counts as a missing one.
func (s *Store) fetchKey(ctx context.Context) (*sealingKey, error) {
	text, err := s.keyring.get(ctx, keyringService, s.account)
	if err != nil {
		return nil, err
	}
	secret, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(secret) != keyLength {
		s.log.Warn("the keyring item of the store is not a key", "keyring_account", s.account)
		return nil, &KeyringError{Op: "read", State: KeyringNotFound}
	}
	defer clear(secret)
	return newSealingKey(s.sealedKind(), secret), nil
}
