package store

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
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
