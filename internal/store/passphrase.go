package store

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"sync"

	"golang.org/x/crypto/argon2"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// Where a passphrase comes from.
const (
	passphraseVariable     = "MCP_LOGIN_PASSPHRASE"      // #nosec G101 -- the name of a variable
	passphraseFileVariable = "MCP_LOGIN_PASSPHRASE_FILE" // #nosec G101 -- the name of a variable
)

const (
	// minPassphrase is the least number of bytes that is taken: a shorter one
	// is guessed from a stolen file, whatever the derivation costs (NIST SP
	// 800-63B, section 5.1.1.1).
	minPassphrase = 8
	// maxPassphrase bounds what is read from a passphrase file.
	maxPassphrase = 4 << 10

	wrapPrefix = "mcp-login passphrase key "
	wrapHeader = wrapPrefix + formatVersion
	saltLength = 16

	// The cost of argon2id, one of OWASP's equal choices: 19 MiB and two passes
	// take some 30 ms. The more expensive ones of RFC 9106 would ask for 64 MiB
	// in every bridge of a small server at the same moment. Other figures would
	// be another version in wrapHeader: figures read from a file could be made
	// to cost anything.
	argonPasses  = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
)

// passphraseKeyring keeps the key of one directory in a file of that
// directory, sealed under a key that is derived from a passphrase. The key
// itself is random, so that a new passphrase would not mean new credential
// files, and the file is not bound to the directory's path, so that a volume
// can be mounted elsewhere.
type passphraseKeyring struct {
	disk *disk
	ask  func() ([]byte, error)

	mu   sync.Mutex // guards the derived key, which is costly to make
	salt []byte
	kek  []byte
}

func (p *passphraseKeyring) path() string { return filepath.Join(p.disk.dir, passphraseKeyName) }

// Get implements keyringBackend. A wrong or missing passphrase is ErrPassphrase, and
// a file that is not a key counts as missing.
func (p *passphraseKeyring) Get(string, string) (string, error) {
	// Asked for first, so that a missing passphrase is known before a login.
	passphrase, err := p.ask()
	if err != nil {
		return "", err
	}
	defer clear(passphrase)
	file, err := readPrivate(context.Background(), p.path())
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrDamaged):
		return "", &KeyringError{State: KeyringNotFound}
	case err != nil:
		return "", err
	}
	rest, err := cutHeader(file, wrapPrefix)
	if errors.Is(err, ErrNewer) {
		return "", &hint.Error{Op: "read " + p.path(), Err: ErrNewer, Hint: "use the newer release of mcp-login"}
	}
	if err != nil || len(rest) < saltLength {
		return "", &KeyringError{State: KeyringNotFound}
	}
	secret, err := p.unwrap(passphrase, rest[:saltLength], rest[saltLength:])
	if err != nil {
		return "", err
	}
	defer clear(secret)
	return string(secret), nil
}

// Set implements keyringBackend.
func (p *passphraseKeyring) Set(_, _, secret string) error {
	passphrase, err := p.ask()
	if err != nil {
		return err
	}
	defer clear(passphrase)
	salt := make([]byte, saltLength)
	_, _ = rand.Read(salt) // never fails: the program ends before it would
	gcm, err := p.cipher(passphrase, salt)
	if err != nil {
		return err
	}
	head := append([]byte(wrapHeader), salt...)
	if _, err := p.disk.write(context.Background(), passphraseKeyName, gcm.Seal(bytes.Clone(head), nil, []byte(secret), head), true); err != nil {
		return fmt.Errorf("keep the key: %w", err)
	}
	return nil
}

func (p *passphraseKeyring) unwrap(passphrase, salt, sealed []byte) ([]byte, error) {
	gcm, err := p.cipher(passphrase, salt)
	if err != nil {
		return nil, err
	}
	secret, err := gcm.Open(nil, nil, sealed, append([]byte(wrapHeader), salt...))
	if err != nil {
		p.forget()
		// The cipher cannot tell one from the other.
		return nil, &hint.Error{
			Op: "open " + p.path(), Err: fmt.Errorf("%w: it is not the one the logins were kept with, or the file was changed", ErrPassphrase),
			Hint: "set " + passphraseVariable + " to the passphrase of this store; if it is lost, remove " + p.path() + " and sign in again",
		}
	}
	return secret, nil
}

// cipher derives the key that the store's key is sealed with.
func (p *passphraseKeyring) cipher(passphrase, salt []byte) (cipher.AEAD, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !bytes.Equal(p.salt, salt) {
		p.salt, p.kek = bytes.Clone(salt), argon2.IDKey(passphrase, salt, argonPasses, argonMemory, argonThreads, keyLength)
	}
	return newGCM(p.kek)
}

// forget drops a derived key that did not help: the next passphrase may.
func (p *passphraseKeyring) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.kek)
	p.salt, p.kek = nil, nil
}

// passphraseFrom reads the passphrase that the environment names.
func passphraseFrom(getenv func(string) string) func() ([]byte, error) {
	return func() ([]byte, error) {
		passphrase, from := []byte(getenv(passphraseVariable)), passphraseVariable
		if path := getenv(passphraseFileVariable); path != "" && len(passphrase) == 0 {
			var err error
			if passphrase, err = readPassphrase(path); err != nil {
				return nil, err
			}
			from = path
		}
		switch n := len(passphrase); {
		case n == 0:
			return nil, &hint.Error{
				Op: "open the store", Err: fmt.Errorf("%w is given", ErrPassphrase),
				Hint: "set " + passphraseVariable + ", or " + passphraseFileVariable + " to a file that holds it",
			}
		case n < minPassphrase:
			clear(passphrase)
			return nil, &hint.Error{
				Op: "open the store", Err: fmt.Errorf("%w: that of %s has fewer than %d characters", ErrPassphrase, from, minPassphrase),
				Hint: "a good one: openssl rand -base64 24",
			}
		}
		return passphrase, nil
	}
}

// readPassphrase reads a passphrase file without its last line end. Links are
// followed and other users' files taken: that is how container systems hand
// secrets in. It must be a file, because a pipe would give it only once, and
// the processes of one login ask several times.
func readPassphrase(path string) ([]byte, error) {
	refused := func(err error) error {
		return &hint.Error{Op: "read the passphrase from " + path, Err: fmt.Errorf("%w: %w", ErrPassphrase, err), Hint: "set " + passphraseFileVariable + " to a file that holds the passphrase on one line"}
	}
	b, err := foreign.ReadFile(path, maxPassphrase)
	if err != nil {
		return nil, refused(err)
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r")), nil
}
