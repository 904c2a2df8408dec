package store

import (
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/oauth"
)

// recordFormat is the version of the record inside a sealed or plain file.
const recordFormat = 1

// record is a credential on its way to or from disk. oauth.Secret redacts
// itself in every encoder, so that this private struct, and nothing else in
// the program, writes secrets out.
type record struct {
	Format     int            `json:"format"`
	Key        wireKey        `json:"key"`
	Credential wireCredential `json:"credential"`
	SavedAt    time.Time      `json:"saved_at"`
}

type wireKey struct {
	Server   string   `json:"server"`
	Profile  string   `json:"profile,omitzero"`
	ClientID string   `json:"client_id,omitzero"`
	Resource string   `json:"resource,omitzero"`
	Scopes   []string `json:"scopes,omitempty"`
	Grant    string   `json:"grant_type,omitzero"`
	Issuer   string   `json:"issuer,omitzero"`
	Params   []string `json:"request_parameters,omitempty"`
}

type wireAttempt struct {
	Issuer    string    `json:"issuer,omitzero"`
	Asked     time.Time `json:"asked_at,omitzero"`
	Succeeded bool      `json:"succeeded,omitzero"`
	Ended     time.Time `json:"ended_at,omitzero"`
	Void      bool      `json:"void,omitzero"`
	Repeated  bool      `json:"repeated,omitzero"`
	Kind      string    `json:"kind,omitzero"`
	Op        string    `json:"op,omitzero"`
	Code      string    `json:"code,omitzero"`
	Text      string    `json:"text,omitzero"`
	Hint      string    `json:"hint,omitzero"`

	RefusedClient string `json:"refused_client,omitzero"`
}

type wireRegistration struct {
	Issuer       string    `json:"issuer,omitzero"`
	FoundAt      string    `json:"issuer_found_at,omitzero"`
	ClientID     string    `json:"client_id,omitzero"`
	ClientSecret string    `json:"client_secret,omitzero"`
	SecretExpiry time.Time `json:"client_secret_expires_at,omitzero"`
	RedirectURI  string    `json:"redirect_uri,omitzero"`
	AuthMethod   string    `json:"token_endpoint_auth_method,omitzero"`
	ManageURI    string    `json:"registration_client_uri,omitzero"`
	ManageToken  string    `json:"registration_access_token,omitzero"`
	Dynamic      bool      `json:"dynamic,omitzero"`
	DeviceGrant  bool      `json:"device_grant,omitzero"`
	Chosen       string    `json:"client_metadata,omitzero"`
	Doubted      bool      `json:"doubted,omitzero"`
}

type wireCredential struct {
	Server             string               `json:"server,omitzero"`
	Resource           string               `json:"resource,omitzero"`
	Issuer             string               `json:"issuer,omitzero"`
	FoundAt            string               `json:"issuer_found_at,omitzero"`
	Named              string               `json:"issuer_named,omitzero"`
	TokenEndpoint      string               `json:"token_endpoint,omitzero"`
	RevocationEndpoint string               `json:"revocation_endpoint,omitzero"`
	EndSessionEndpoint string               `json:"end_session_endpoint,omitzero"`
	Registration       wireRegistration     `json:"registration,omitzero"`
	Metadata           oauth.ServerMetadata `json:"issuer_metadata,omitzero"`
	MetadataAt         time.Time            `json:"issuer_metadata_read_at,omitzero"`
	Attempt            wireAttempt          `json:"attempt,omitzero"`
	AccessToken        string               `json:"access_token,omitzero"`
	TokenType          string               `json:"token_type,omitzero"`
	RefreshToken       string               `json:"refresh_token,omitzero"`
	IDToken            string               `json:"id_token,omitzero"`
	Unanswered         time.Time            `json:"unanswered_at,omitzero"`
	Expiry             time.Time            `json:"expires_at,omitzero"`
	ObtainedAt         time.Time            `json:"obtained_at,omitzero"`
	RequestedScopes    []string             `json:"requested_scopes,omitempty"`
	GrantedScopes      []string             `json:"granted_scopes,omitzero"`
	RepeatScopes       bool                 `json:"repeat_scopes,omitzero"`
	WithoutOffline     bool                 `json:"without_offline_access,omitzero"`
	Consents           int                  `json:"consents_in_a_row,omitzero"`
	Choices            oauth.Choices        `json:"choices,omitzero"`
	Established        bool                 `json:"established,omitzero"`
	Account            string               `json:"account,omitzero"`
}

// encodeRecord returns the record as JSON. The caller clears the bytes when
// they have been sealed or written.
func encodeRecord(key oauth.Key, cred oauth.Credential, savedAt time.Time) ([]byte, error) {
	r := cred.Registration
	rec := record{
		Format: recordFormat,
		Key:    wireKey(key),
		Credential: wireCredential{
			Server: cred.Server, Resource: cred.Resource, Issuer: cred.Issuer, FoundAt: cred.FoundAt, Named: cred.Named,
			TokenEndpoint: cred.TokenEndpoint, RevocationEndpoint: cred.RevocationEndpoint, EndSessionEndpoint: cred.EndSessionEndpoint,
			Metadata: cred.Metadata, MetadataAt: utc(cred.MetadataAt), Attempt: wireAttempt(cred.Attempt),
			Registration: wireRegistration{
				Issuer: r.Issuer, FoundAt: r.FoundAt, ClientID: r.ClientID, ClientSecret: r.ClientSecret.Reveal(), SecretExpiry: utc(r.SecretExpiry),
				RedirectURI: r.RedirectURI, AuthMethod: r.AuthMethod, Dynamic: r.Dynamic, DeviceGrant: r.DeviceGrant,
				ManageURI: r.ManageURI, ManageToken: r.ManageToken.Reveal(), Chosen: string(r.Chosen), Doubted: r.Doubted,
			},
			AccessToken: cred.AccessToken.Reveal(), TokenType: cred.TokenType,
			RefreshToken: cred.RefreshToken.Reveal(), IDToken: cred.IDToken.Reveal(), Unanswered: utc(cred.Unanswered),
			Expiry: utc(cred.Expiry), ObtainedAt: utc(cred.ObtainedAt),
			RequestedScopes: cred.RequestedScopes, GrantedScopes: cred.GrantedScopes, RepeatScopes: cred.RepeatScopes,
			WithoutOffline: cred.WithoutOffline, Consents: cred.Consents, Choices: cred.Choices, Established: cred.Established, Account: cred.Account,
		},
		SavedAt: utc(savedAt),
	}
	rec.Credential.Attempt.Asked, rec.Credential.Attempt.Ended = utc(cred.Attempt.Asked), utc(cred.Attempt.Ended)
	b, err := json.Marshal(rec)
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
	if head.Format != recordFormat || json.Unmarshal(b, &rec) != nil {
		return nil, ErrDamaged
	}
	// A sealed file is bound to its identity; for a plain one this is the check.
	if oauth.Key(rec.Key).ID() != id {
		return nil, ErrDamaged
	}
	return &rec, nil
}

func (rec *record) credential() oauth.Credential {
	c, r := rec.Credential, rec.Credential.Registration
	return oauth.Credential{
		Server: c.Server, Resource: c.Resource, Issuer: c.Issuer, FoundAt: c.FoundAt, Named: c.Named,
		TokenEndpoint: c.TokenEndpoint, RevocationEndpoint: c.RevocationEndpoint, EndSessionEndpoint: c.EndSessionEndpoint,
		Metadata: c.Metadata, MetadataAt: c.MetadataAt, Attempt: oauth.Attempt(c.Attempt),
		Registration: oauth.Registration{
			Issuer: r.Issuer, FoundAt: r.FoundAt, ClientID: r.ClientID, ClientSecret: oauth.NewSecret(r.ClientSecret), SecretExpiry: r.SecretExpiry,
			RedirectURI: r.RedirectURI, AuthMethod: r.AuthMethod, Dynamic: r.Dynamic, DeviceGrant: r.DeviceGrant,
			ManageURI: r.ManageURI, ManageToken: oauth.NewSecret(r.ManageToken), Chosen: oauth.ClientMetadata(r.Chosen), Doubted: r.Doubted,
		},
		AccessToken: oauth.NewSecret(c.AccessToken), TokenType: c.TokenType,
		RefreshToken: oauth.NewSecret(c.RefreshToken), IDToken: oauth.NewSecret(c.IDToken), Unanswered: c.Unanswered,
		Expiry: c.Expiry, ObtainedAt: c.ObtainedAt,
		RequestedScopes: c.RequestedScopes, GrantedScopes: c.GrantedScopes, RepeatScopes: c.RepeatScopes,
		WithoutOffline: c.WithoutOffline, Consents: c.Consents, Choices: c.Choices, Established: c.Established, Account: c.Account,
	}
}

// utc drops the zone and the monotonic reading; zero stays zero.
func utc(t time.Time) time.Time { return t.UTC().Round(0) }
