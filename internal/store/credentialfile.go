package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// candidates is what one look at the two possible files of an identity gave.
type candidates struct {
	plain     *record
	plainErr  error
	sealed    []byte
	sealedErr error
}

// readRecord returns the newest readable record of an identity. Usually there
// is one file. There are two when a writer died between writing one kind and
// removing the other; the later one counts, because the refresh token in the
// earlier one may have been spent.
func (s *Store) readRecord(ctx context.Context, id string) (*record, error) {
	if err := checkDirectory(s.dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, oauth.ErrNotFound
		}
		return nil, err
	}
	f := s.readCandidates(ctx, id)
	if f.plain == nil && f.sealed == nil {
		return nil, s.keyringChecked(ctx, id, whyNone(f.plainErr, f.sealedErr))
	}
	if f.sealed == nil {
		return f.plain, nil
	}
	rec, err := s.openSealed(ctx, id, f.sealed)
	switch {
	case f.plain != nil && (err != nil || f.plain.SavedAt.After(rec.SavedAt)):
		return f.plain, nil
	case err == nil:
		return rec, nil
	case s.kind == KindAuto && keyringState(err) == KeyringUnavailable:
		// Nobody can unlock a keyring that is not there: a new login is the
		// way on, and KindAuto has a place for it.
		return nil, fmt.Errorf("%w that can be read here: %w", oauth.ErrNotFound, err)
	}
	return nil, err
}

// readCandidates reads both files. Another process may move a credential from one to
// the other between the two reads, so that "both missing" is checked again.
func (s *Store) readCandidates(ctx context.Context, id string) (f candidates) {
	for range 3 {
		f = candidates{plainErr: fs.ErrNotExist, sealedErr: fs.ErrNotExist}
		if s.reads(KindFile) {
			f.plain, f.plainErr = s.readPlain(ctx, id)
		}
		if s.kind == KindFile {
			return f
		}
		s.betweenReads()
		f.sealed, f.sealedErr = readPrivate(ctx, filepath.Join(s.dir, id+s.sealedFileSuffix()))
		if !errors.Is(f.plainErr, fs.ErrNotExist) || !errors.Is(f.sealedErr, fs.ErrNotExist) {
			break
		}
	}
	return f
}

// whyNone picks the error to report when neither file gave a record.
func whyNone(plain, sealed error) error {
	switch {
	case !errors.Is(plain, fs.ErrNotExist):
		return plain
	case !errors.Is(sealed, fs.ErrNotExist):
		return sealed
	}
	return oauth.ErrNotFound
}

// keyringChecked replaces "not found" by what is wrong with the keyring when the person
// has asked for it by name and a login is about to be made under the lock:
// better than signing in first and failing to save after.
func (s *Store) keyringChecked(ctx context.Context, id string, err error) error {
	if s.kind != KindKeyring && s.kind != KindPassphrase || !errors.Is(err, oauth.ErrNotFound) || !s.isHeld(id+lockSuffix) && !s.isHeld(id+loginSuffix) {
		return err
	}
	if _, kerr := s.readKey(ctx, nil); kerr != nil && !errors.Is(kerr, ErrKeyLost) {
		return kerr
	}
	return err
}

func (s *Store) readPlain(ctx context.Context, id string) (*record, error) {
	b, err := readPrivate(ctx, filepath.Join(s.dir, id+plainSuffix))
	if err != nil {
		return nil, err
	}
	defer clear(b)
	return decodeRecord(b, id)
}

func (s *Store) openSealed(ctx context.Context, id string, file []byte) (*record, error) {
	plaintext, err := s.unseal(ctx, id, file)
	if err != nil {
		return nil, err
	}
	defer clear(plaintext)
	return decodeRecord(plaintext, id)
}

// unseal opens a sealed file of what id names, with the key that it was sealed with.
func (s *Store) unseal(ctx context.Context, id string, file []byte) ([]byte, error) {
	keyID, err := sealedKeyID(file)
	if err != nil {
		return nil, err
	}
	k, err := s.readKey(ctx, &keyID)
	if err != nil {
		return nil, err
	}
	if k.id != keyID {
		return nil, ErrKeyLost
	}
	return open(k, id, file)
}

// saveFile writes the credential as the kind of store says.
func (s *Store) saveFile(ctx context.Context, key oauth.Key, cred oauth.Credential) error {
	now := time.Now()
	plaintext, err := encodeRecord(key, cred, now)
	if err != nil {
		return err
	}
	defer clear(plaintext)
	if len(plaintext) > maxFile/2 {
		return fmt.Errorf("a credential of %d bytes is larger than the store takes", len(plaintext))
	}
	if err := ensureDirectory(s.dir); err != nil {
		return err
	}
	id := key.ID()
	k, err := s.keyToSave(ctx, id)
	if err != nil {
		return err
	}
	kind, data, suffix := KindFile, plaintext, plainSuffix
	if k != nil {
		if data, err = seal(k, id, plaintext); err != nil {
			return err
		}
		kind, suffix = s.sealedKind(), s.sealedFileSuffix()
	}
	return s.withWriteLock(ctx, func() error {
		info, err := s.disk.write(ctx, id+suffix, data, true)
		if err != nil {
			return err
		}
		for other := range credentialSuffixes {
			if other == suffix {
				continue
			}
			if err := s.disk.remove(ctx, id+other); err != nil {
				s.log.Warn("cannot remove the older form of a stored login", "file", id+other, "error", err)
			}
		}
		entry := entryOf(key, cred, now, kind)
		s.updateIndex(ctx, func(x index) { x[id] = indexed{entryFormat, entry, stampOf(info)} })
		s.disk.removeStaleTemps(now)
		return nil
	})
}

// keyToSave returns the key to seal with, or nil for a plain file.
func (s *Store) keyToSave(ctx context.Context, id string) (*sealingKey, error) {
	if s.kind == KindFile {
		return nil, nil
	}
	k, err := s.ensureKey(ctx, s.currentKeyID(ctx, id))
	var ke *KeyringError
	if err == nil || s.kind != KindAuto || !errors.As(err, &ke) {
		return k, err
	}
	s.log.Debug("the keyring does not work", "error", ke)
	s.notifyOnce(fallbackMarker, "no working OS keyring ("+string(ke.State)+"): logins are kept in plain files", "")
	return nil, nil
}

// currentKeyID is the id of the key that the present sealed file needs: when
// it is not the one in memory, another process has replaced a lost key.
func (s *Store) currentKeyID(ctx context.Context, id string) *[keyIDLength]byte {
	file, err := readPrivate(ctx, filepath.Join(s.dir, id+s.sealedFileSuffix()))
	if err != nil {
		return nil
	}
	keyID, err := sealedKeyID(file)
	if err != nil {
		return nil
	}
	return &keyID
}

// recordFormat is the version of the record inside a sealed or plain file.
const recordFormat = 1

// record is a credential on its way to or from disk.
type record struct {
	Format     int              `json:"format"`
	Key        oauth.Key        `json:"key"`
	Credential oauth.Credential `json:"credential"`
	SavedAt    time.Time        `json:"saved_at"`
}

// grant.Secret redacts itself in every encoder. These options, which are used for a
// record and nothing else, are the one way in which secrets are written out.
var (
	revealSecrets = json.WithMarshalers(json.JoinMarshalers(
		json.MarshalToFunc(func(e *jsontext.Encoder, s grant.Secret) error { return e.WriteToken(jsontext.String(s.Reveal())) }),
		json.MarshalFunc(func(t time.Time) ([]byte, error) { return t.UTC().MarshalJSON() }),
	))
	readSecrets = json.WithUnmarshalers(json.UnmarshalFromFunc(func(d *jsontext.Decoder, s *grant.Secret) error {
		var value string
		err := json.UnmarshalDecode(d, &value)
		*s = grant.NewSecret(value)
		return err
	}))
)

// encodeRecord returns the record as JSON. The caller clears the bytes when
// they have been sealed or written.
func encodeRecord(key oauth.Key, cred oauth.Credential, savedAt time.Time) ([]byte, error) {
	b, err := json.Marshal(record{recordFormat, key, cred, savedAt}, revealSecrets)
	if err != nil {
		return nil, fmt.Errorf("encode the credential: %w", err)
	}
	return b, nil
}

// decodeRecord reads what encodeRecord wrote for the identity id: ErrNewer for
// a later format, ErrDamaged for anything that is not such a record.
func decodeRecord(b []byte, id string) (*record, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		// The text of a decoding error may quote its input: it is dropped.
		return nil, ErrDamaged
	}
	if head.Format > recordFormat {
		return nil, ErrNewer
	}
	var rec record
	if head.Format != recordFormat || json.Unmarshal(b, &rec, readSecrets) != nil {
		return nil, ErrDamaged
	}
	// A sealed file is bound to its identity; for a plain one this is the check.
	if rec.Key.ID() != id {
		return nil, ErrDamaged
	}
	return &rec, nil
}

// utc drops the zone and the monotonic reading; zero stays zero.
func utc(t time.Time) time.Time { return t.UTC().Round(0) }
