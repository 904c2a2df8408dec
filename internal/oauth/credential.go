package oauth

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"time"

	"mcp-login/internal/dpop"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Key names one account: everything a person chose that leads to a different
// token. What discovery finds (issuer, registration) belongs to the
// Credential, because it can change under the same account.
type Key struct {
	// Server is the MCP endpoint in the form CanonicalServer returns.
	Server string `json:"server"`
	// Profile separates several accounts on one server; "" is the default one.
	Profile string `json:"profile,omitzero"`
	// ClientID is the client identifier given by the person, "" when the
	// client registers itself.
	ClientID string `json:"client_id,omitzero"`
	// Resource is the override of the RFC 8707 resource: "" means the one the
	// server publishes, "none" that the parameter is left out.
	Resource string `json:"resource,omitzero"`
	// Scopes are the scopes asked for by the person, nil when the server's
	// challenge and metadata decide, NoScopes for none.
	Scopes []string `json:"scopes,omitempty"`
	// Grant is the grant type where it is not the person's login to a server:
	// [GrantClientCredentials], [GrantJWTBearer], or GrantEnterprise, where Server is
	// a company's provider; else "".
	Grant string `json:"grant_type,omitzero"`
	// Issuer is the authorization server that the person named, "" when the
	// server's metadata decides.
	Issuer string `json:"issuer,omitzero"`
	// Params are further parameters of the authorization request that the
	// person chose, as "name=value".
	Params []string `json:"request_parameters,omitempty"`
	// Enterprise is the company's provider that vouches for the person, as CanonicalIssuer
	// returns it, and EnterpriseClientID the client there that the person named; "" where
	// people sign in at the server's own provider.
	Enterprise         string `json:"enterprise,omitzero"`
	EnterpriseClientID string `json:"enterprise_client_id,omitzero"`
}

// NoScopes stand in Key.Scopes where none are asked for: one that is none, since an
// account that asks for none is another than one where nothing is said.
func NoScopes() []string { return []string{""} }

// ID returns a file-name-safe identifier, 64 hexadecimal characters. Two keys
// have the same ID exactly when they are equal: each part is hashed with its
// length in front, so that no two different keys are spelled alike. The order
// of scopes does not matter (RFC 6749, section 3.3).
func (k Key) ID() string {
	h := sha256.New()
	scopes := slices.Clone(k.Scopes)
	slices.Sort(scopes)
	parts := append([]string{"mcp-login key 1", k.Server, k.Profile, k.ClientID, k.Resource}, scopes...)
	// The headings hold a blank, which no scope has.
	if k.Grant != "" {
		parts = append(parts, "grant type", k.Grant)
	}
	if k.Issuer != "" {
		parts = append(parts, "issuer identifier", k.Issuer)
	}
	if len(k.Params) > 0 {
		parts = append(parts, "request parameters")
		parts = append(parts, slices.Sorted(slices.Values(k.Params))...)
	}
	if k.Enterprise != "" || k.EnterpriseClientID != "" {
		parts = append(parts, "enterprise provider", k.Enterprise, k.EnterpriseClientID)
	}
	for _, part := range parts {
		h.Write([]byte(strconv.Itoa(len(part)) + ":" + part))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Credential is what one login leaves behind.
type Credential struct {
	// Server is the MCP endpoint the tokens are for, and Resource the value
	// of the RFC 8707 parameter they were requested with, "" when none was.
	Server   string `json:"server,omitzero"`
	Resource string `json:"resource,omitzero"`
	// Issuer is the authorization server that issued the tokens; they are
	// refreshed and revoked nowhere else.
	Issuer string `json:"issuer,omitzero"`
	// FoundAt is ServerMetadata.FoundAt: where it is not "", a person has accepted
	// that the metadata there calls itself Issuer, for this account.
	FoundAt string `json:"issuer_found_at,omitzero"`
	// Named is IssuerChoice.Named of the login, "" where the server named the issuer.
	Named string `json:"issuer_named,omitzero"`
	// TokenEndpoint and RevocationEndpoint of that issuer, so that a refresh
	// needs no discovery.
	TokenEndpoint      string `json:"token_endpoint,omitzero"`
	RevocationEndpoint string `json:"revocation_endpoint,omitzero"`
	// EndSessionEndpoint ends the person's session in the browser (OpenID
	// Connect RP-Initiated Logout 1.0), "" when the issuer has none.
	EndSessionEndpoint string             `json:"end_session_endpoint,omitzero"`
	Registration       grant.Registration `json:"registration,omitzero"`
	// Metadata of the issuer as it was read at MetadataAt: a login soon
	// afterwards need not read it again.
	Metadata   discovery.ServerMetadata `json:"issuer_metadata,omitzero"`
	MetadataAt time.Time                `json:"issuer_metadata_read_at,omitzero"`
	// Attempt is the latest time that the person was asked.
	Attempt Attempt `json:"attempt,omitzero"`

	AccessToken  grant.Secret `json:"access_token,omitzero"`
	RefreshToken grant.Secret `json:"refresh_token,omitzero"`
	// TokenType is Bearer, or DPoP for an account whose tokens are bound to ProofKey
	// (RFC 9449). One that has been bound stays so.
	TokenType string       `json:"token_type,omitzero"`
	ProofKey  grant.Secret `json:"dpop_key,omitzero"`
	// Unanswered is when the refresh token was sent and no answer came: whether
	// it is spent is unknown.
	Unanswered time.Time    `json:"unanswered_at,omitzero"`
	IDToken    grant.Secret `json:"id_token,omitzero"`
	// Expiry is when the access token ends; zero when the issuer did not say.
	Expiry time.Time `json:"expires_at,omitzero"`
	// ObtainedAt is when the access token was issued, to scale the margin of
	// an early refresh to the token's lifetime.
	ObtainedAt time.Time `json:"obtained_at,omitzero"`
	// RequestedScopes is the union of all scopes asked for so far; step-up
	// adds to it. GrantedScopes is what a token response named last, nil if none did.
	RequestedScopes []string `json:"requested_scopes,omitempty"`
	GrantedScopes   []string `json:"granted_scopes,omitzero"`
	// Authentication is what the server wanted last of the sign-in. A later sign-in asks
	// for it as well: without it the server would have somebody sign in twice.
	Authentication discovery.Authentication `json:"authentication,omitzero"`
	// RepeatScopes tells that the issuer wants the requested ones at a refresh.
	RepeatScopes bool `json:"repeat_scopes,omitzero"`
	// WithoutOffline tells that the issuer has refused offline_access, which is not
	// requested again then, and Consents how many times in a row a person was sent
	// there with prompt=consent.
	WithoutOffline bool `json:"without_offline_access,omitzero"`
	Consents       int  `json:"consents_in_a_row,omitzero"`
	// Choices are what the person said when the account signed in.
	Choices Choices `json:"choices,omitzero"`
	// SignedIn is when a person signed in to this account; a renewal does not change it.
	SignedIn time.Time `json:"signed_in_at,omitzero"`
	// EnterpriseClientID is the client at the company's provider whose login has led to the
	// token, where Key names none.
	EnterpriseClientID string `json:"enterprise_client_id,omitzero"`
	// Established tells that somebody has signed in to this account, whose tokens are
	// gone: what was said for it holds on.
	Established bool `json:"established,omitzero"`
	// Account is a name for people, taken from the ID token: e-mail,
	// preferred_username, username, name or sub. It decides nothing.
	Account string `json:"account,omitzero"`
}

// Provider returns the authorization server that issued the tokens.
func (c *Credential) Provider() discovery.Provider {
	return discovery.Provider{Issuer: c.Issuer, FoundAt: c.FoundAt}
}

// target is what requests for the credential have in common. server is the metadata
// that was discovered; what is kept of it is taken where it is nil.
func (c *Credential) target(server *discovery.ServerMetadata) *grant.Target {
	if server == nil {
		kept := c.Metadata
		kept.Issuer, kept.FoundAt, kept.TokenEndpoint, kept.RevocationEndpoint = c.Issuer, c.FoundAt, c.TokenEndpoint, c.RevocationEndpoint
		server = &kept
	}
	return &grant.Target{
		Server: *server, Registration: c.Registration, Resource: c.Resource, Scopes: c.RequestedScopes, RepeatScopes: c.RepeatScopes,
		ProofKey: c.ProofKey, BoundOnly: c.Bound(),
	}
}

// Bound reports whether the account takes only tokens that are bound to its key.
func (c *Credential) Bound() bool { return c.TokenType == dpop.Scheme }

// apply puts a token into the credential, and what t has learned about the client. An
// answer without a new refresh token keeps the old one (RFC 6749, section 6), and one
// without scope the granted ones. Those are for show: they are not what the next refresh
// asks for, since servers name fewer than they granted.
func (c *Credential) apply(token grant.Token, t *grant.Target, now time.Time) {
	c.Registration.AuthMethod, c.RepeatScopes = t.Registration.AuthMethod, t.RepeatScopes
	if c.AccessToken, c.TokenType = token.AccessToken, dpop.Scheme; !token.Bound {
		c.TokenType, c.ProofKey = "Bearer", grant.Secret{}
	}
	c.ObtainedAt, c.Expiry, c.Unanswered = now, time.Time{}, time.Time{}
	if token.Lifetime > 0 {
		c.Expiry = now.Add(token.Lifetime)
	}
	if !token.RefreshToken.IsZero() {
		c.RefreshToken = token.RefreshToken
	}
	if !token.IDToken.IsZero() {
		c.IDToken = token.IDToken
	}
	c.Account = cmp.Or(token.Account, c.Account)
	if token.Scopes != nil {
		c.GrantedScopes = token.Scopes
	}
}

// withoutTokens is what remains of a login whose tokens have ended: the account, with
// what was said for it, and that it is bound to a key.
func (c *Credential) withoutTokens() Credential {
	kept := Credential{
		Server: c.Server, Issuer: c.Issuer, FoundAt: c.FoundAt, Named: c.Named, Registration: c.Registration,
		Choices: c.Choices, Authentication: c.Authentication, Account: c.Account, SignedIn: c.SignedIn, Established: c.Established || c.HasToken(),
		EnterpriseClientID: c.EnterpriseClientID,
	}
	if c.Bound() {
		kept.TokenType, kept.ProofKey = c.TokenType, c.ProofKey
	}
	return kept
}

// Login tells one sign-in to the account from another, whoever it was that signed in; "" is
// no sign-in, or one of which that is not known. Earlier versions have kept only when a person
// was asked.
func (c *Credential) Login() string {
	at := c.SignedIn
	if at.IsZero() {
		at = c.Attempt.Asked
	}
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339Nano)
}

// HasToken reports whether there is an access token at all, valid or not.
func (c *Credential) HasToken() bool { return !c.AccessToken.IsZero() }

// maxEarly is the longest time before expiry at which a token counts as used
// up, so that it does not run out on the way.
const maxEarly = 60 * time.Second

// Fresh reports whether the access token can be presented at the time now.
// The margin is a tenth of the lifetime, at most one minute: a fixed margin
// would refresh short-lived tokens on every use.
func (c *Credential) Fresh(now time.Time) bool { return c.freshFor(now, 1) }

// freshFor is Fresh with the margin multiplied by spread, so that programs that
// share a login do not all renew it in the same second.
func (c *Credential) freshFor(now time.Time, spread float64) bool {
	if !c.HasToken() {
		return false
	}
	if c.Expiry.IsZero() {
		return true
	}
	margin := maxEarly
	if life := c.Expiry.Sub(c.ObtainedAt); !c.ObtainedAt.IsZero() && life/10 < margin {
		margin = life / 10
	}
	return now.Add(time.Duration(float64(margin) * spread)).Before(c.Expiry)
}
