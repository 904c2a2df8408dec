package store

import "context"

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

// Ready finds out in which kind of store a login made now would be kept. It asks
// the keyring, or for the passphrase, within the deadline of such a call, and
// writes nothing. With KindAuto the kind is KindFile when the keyring does not
// work, and the error says why; with a kind asked for by name an error means that
// no login can be kept. Errors are *KeyringError, those of a passphrase, and that
// of ctx.
func (s *Store) Ready(ctx context.Context) (Kind, error) {
	if s.memory != nil || s.kind == KindFile {
		return s.kind, nil
	}
	_, err := s.fetchKey(ctx)
	if keyringState(err) == KeyringNotFound { // it works, and makes the key at the first login
		err = nil
	}
	switch {
	case s.kind != KindAuto:
		return s.kind, err
	case err != nil:
		return KindFile, err
	}
	return KindKeyring, nil
}

// InMemory reports whether logins are kept for this process only: what another
// one keeps is not seen then.
func (s *Store) InMemory() bool { return s.memory != nil }
