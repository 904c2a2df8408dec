package store

import "context"

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
