package store

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

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
