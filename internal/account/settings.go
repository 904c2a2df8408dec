package account

import (
	"cmp"
	"net/url"
	"slices"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// Settings are what a person has said about an account, as plain values: by flags
// and variables now, or when it signed in. The zero value says nothing. No secret,
// header, command or file is among them.
type Settings struct {
	// Profile, ClientID, Resource, Scopes, Grant and Params are those of oauth.Key:
	// another value makes another account.
	Profile  string   `json:"profile,omitzero"`
	ClientID string   `json:"client_id,omitzero"`
	Resource string   `json:"resource,omitzero"`
	Scopes   []string `json:"scopes,omitzero"`
	Grant    string   `json:"grant_type,omitzero"`
	Params   []string `json:"request_parameters,omitzero"`
	// Enterprise and EnterpriseClientID are those of oauth.Key as well.
	Enterprise         string `json:"enterprise,omitzero"`
	EnterpriseClientID string `json:"enterprise_client_id,omitzero"`
	// IssuerChoice is about the provider. Named makes another account unless one is
	// kept that signed in there anyway.
	discovery.IssuerChoice `json:"issuer,omitzero"`
	// Client are the members of the registration that were chosen.
	Client grant.ClientMetadata `json:"client_metadata,omitzero"`
	// Choices are all that is kept with a login besides.
	oauth.Choices `json:"choices,omitzero"`
}

// Key names the account of server that s makes.
func (s Settings) Key(server *url.URL) oauth.Key {
	key := oauth.Key{
		Server: server.String(), Profile: s.Profile, ClientID: s.ClientID, Resource: s.Resource,
		Scopes: s.Scopes, Grant: s.Grant, Issuer: s.Named, Params: s.Params,
		Enterprise: s.Enterprise, EnterpriseClientID: s.EnterpriseClientID,
	}
	if s.Grant == oauth.GrantEnterprise {
		key.Issuer = "" // it is the Server
	}
	return key
}

// Company returns what s says about the login at the company's provider: who signs in, as
// which client, and how the answer comes. What else to register with is for the server's
// provider.
func (s Settings) Company() Settings {
	c := Settings{Profile: s.Profile, ClientID: s.EnterpriseClientID, Grant: oauth.GrantEnterprise, Choices: s.Choices}
	c.Named, c.TokenEndpoint, c.IDToken = s.Enterprise, "", false
	return c
}

// For returns s for the account of key: what makes the account is taken from key, and
// so is the provider where s names none.
func (s Settings) For(key oauth.Key) Settings {
	s.Profile, s.ClientID, s.Resource = key.Profile, key.ClientID, key.Resource
	s.Scopes, s.Grant, s.Params = key.Scopes, key.Grant, key.Params
	s.Enterprise, s.EnterpriseClientID = key.Enterprise, key.EnterpriseClientID
	if key.Grant == oauth.GrantEnterprise {
		s.Named, s.OnlyListed = key.Server, false
	}
	if s.Named == "" {
		s.Named, s.OnlyListed = key.Issuer, false
	}
	return s
}

// With returns s with what is kept in the login itself, where s says nothing else. The
// index of the store has some of it as well, but it is not protected as a login is.
func (s Settings) With(cred oauth.Credential) Settings {
	if s.Named == "" {
		s.Named = cred.Named
	}
	s.IssuerChoice, s.Choices = s.WithKept(cred.Provider()), s.Over(cred.Choices)
	s.Client = cmp.Or(s.Client, cred.Registration.Chosen)
	s.EnterpriseClientID = cmp.Or(s.EnterpriseClientID, cred.EnterpriseClientID)
	return s
}

// Flags are further words of a command about the account, beside those that
// oauth.Command makes of its key.
func (s Settings) Flags() []string {
	return slices.Concat(s.Client.Flags(), s.Choices.Flags())
}
