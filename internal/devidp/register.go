package devidp

import (
	"cmp"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

// metadataOf is what is read of a client's metadata (RFC 7591, section 2).
type metadataOf struct {
	Name            string         `json:"client_name"`
	RedirectURIs    []string       `json:"redirect_uris"`
	ApplicationType string         `json:"application_type"`
	AuthMethod      string         `json:"token_endpoint_auth_method"`
	GrantTypes      []string       `json:"grant_types"`
	JWKS            jsontext.Value `json:"jwks"`
	DPoPBound       bool           `json:"dpop_bound_access_tokens"`
}

// register is dynamic client registration (RFC 7591, section 3.1).
func (p *Provider) register(w http.ResponseWriter, r *http.Request) *oauthError {
	w.Header().Set("Cache-Control", "no-store")
	body, err := io.ReadAll(io.LimitReader(r.Body, maxRegister+1))
	answer := map[string]any{}
	if err != nil || len(body) > maxRegister || json.Unmarshal(body, &answer) != nil || answer == nil {
		return badRequest("invalid_request", "client metadata must be a JSON object of moderate size")
	}
	var meta metadataOf
	if err := json.Unmarshal(body, &meta); err != nil {
		refusal := badRequest("invalid_client_metadata", "client metadata has members of another type than they should")
		if _, list := answer["redirect_uris"].([]any); !list && answer["redirect_uris"] != nil {
			refusal.code = "invalid_redirect_uri"
		}
		return refusal
	}
	f := p.fault()
	name, _ := answer["client_name"].(string)
	if f.RegistrationNames != nil && !slices.Contains(f.RegistrationNames, name) {
		return &oauthError{status: http.StatusForbidden, code: "access_denied", description: "registration is not open to you"}
	}
	c, refusal := newClient(meta, f)
	if refusal != nil {
		return refusal
	}
	p.keep(c)
	// Everything sent is echoed, but for what only the provider can say (RFC
	// 7591, section 3.2.1).
	for _, name := range []string{"client_secret", "client_secret_expires_at", "registration_access_token", "registration_client_uri"} {
		delete(answer, name)
	}
	answer["client_id_issued_at"] = time.Now().Unix()
	answer["client_id"], answer["redirect_uris"], answer["grant_types"] = c.ID, c.RedirectURIs, c.GrantTypes
	answer["application_type"], answer["token_endpoint_auth_method"] = c.ApplicationType, c.AuthMethod
	if answer["response_types"] = []string{}; c.may(grantCode) {
		answer["response_types"] = []string{"code"}
	}
	if c.Secret != "" {
		answer["client_secret"], answer["client_secret_expires_at"] = c.Secret, 0
	}
	changed(answer, f.RegistrationMembers)
	return writeJSON(w, http.StatusCreated, answer)
}

// newClient makes a client of its metadata, with the defaults of RFC 7591,
// section 2, and of OpenID Connect Dynamic Client Registration 1.0, section 2.
// Grant types that do not exist here are left out.
func newClient(meta metadataOf, f Faults) (Client, *oauthError) {
	c := Client{
		ID: randomText(16), Name: foreign.Line(meta.Name), ApplicationType: meta.ApplicationType, RedirectURIs: slices.Clone(meta.RedirectURIs), AuthMethod: meta.AuthMethod, DPoPBound: meta.DPoPBound,
		GrantTypes: only(meta.GrantTypes, []string{grantCode, grantRefresh, grantDevice, grantClient}),
	}
	c.ApplicationType = cmp.Or(c.ApplicationType, "web")
	if meta.GrantTypes == nil {
		c.GrantTypes = []string{grantCode}
	}
	if c.RedirectURIs == nil {
		c.RedirectURIs = []string{}
	}
	c.AuthMethod = cmp.Or(f.RegisteredAuthMethod, c.AuthMethod, authBasic)
	switch {
	case !slices.Contains([]string{"native", "web"}, c.ApplicationType):
		return c, badRequest("invalid_client_metadata", "application_type must be native or web")
	case !slices.Contains([]string{authNone, authBasic, authPost, authKey}, c.AuthMethod):
		return c, badRequest("invalid_client_metadata", "token_endpoint_auth_method is not supported")
	case !c.may(grantCode) && !c.may(grantDevice) && !c.may(grantClient):
		return c, badRequest("invalid_client_metadata", "grant_types must have one to begin with")
	case c.may(grantCode) && len(c.RedirectURIs) == 0:
		return c, badRequest("invalid_redirect_uri", "redirect_uris must contain members")
	case f.RefuseLoopback && slices.ContainsFunc(c.RedirectURIs, func(uri string) bool { return !strings.HasPrefix(uri, "https:") }):
		return c, badRequest("invalid_redirect_uri", "redirect_uris must be https")
	case !c.redirectsUsable():
		return c, badRequest("invalid_redirect_uri", "redirect_uris must be https, http on loopback, or, for native clients, of a private scheme")
	}
	switch c.AuthMethod {
	case authBasic, authPost:
		c.Secret = randomText(32)
	case authKey:
		keys, err := ParseKeys(meta.JWKS)
		if err != nil {
			return c, badRequest("invalid_client_metadata", "jwks must hold a public key for private_key_jwt")
		}
		c.Keys = keys
	}
	return c, nil
}

// redirectsUsable checks redirect URIs (RFC 8252, section 7).
func (c Client) redirectsUsable() bool {
	for _, raw := range c.RedirectURIs {
		u, err := url.Parse(raw)
		switch {
		case err != nil || strings.Contains(raw, "#"):
			return false
		case u.Scheme == "https" && u.Hostname() != "", u.Scheme == "http" && origin.Loopback(u.Hostname()):
		case c.ApplicationType == "native" && strings.Contains(u.Scheme, "."):
		default:
			return false
		}
	}
	return true
}

// keep adds a registered client; the oldest of them make room.
func (p *Provider) keep(c Client) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stats.Registrations++
	if len(p.dynamic) >= maxDynamic {
		delete(p.clients, p.dynamic[0])
		p.dynamic = slices.Delete(p.dynamic, 0, 1)
	}
	p.clients[c.ID] = c
	p.dynamic = append(p.dynamic, c.ID)
}
