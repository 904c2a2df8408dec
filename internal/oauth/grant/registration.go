package grant

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// Token endpoint authentication methods (RFC 7591, section 2).
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
	// authCertificate stands for both methods of RFC 8705, section 2: the certificate is
	// shown while the connection is made, and the form names the client.
	authCertificate = "tls_client_auth"
	// authBasicPlain is Basic without the encoding of RFC 6749, section 2.3.1.
	authBasicPlain = "client_secret_basic_plain"
	// authAssertion is a JWT that somebody else has signed (RFC 7523, section 2.2), which
	// has no name of its own there.
	authAssertion = "client_assertion"
)

// Identity is how the client is known to authorization servers, as far as the
// person chose.
type Identity struct {
	// ClientID and ClientSecret of a client registered by hand.
	ClientID     string
	ClientSecret Secret
	// ClientKey signs assertions for a client registered with its public key;
	// it goes before ClientSecret.
	ClientKey *ClientKey
	// Assertion is where the client gets the token of its platform, nil for nowhere.
	Assertion TokenSource
	// Certificate tells that Client.MutualTLS shows a certificate. A client without a
	// secret and a key authenticates with it where the server takes nothing else, and one
	// that is Confidential wherever the server takes that.
	Certificate, Confidential bool
	// Name is shown by consent pages for clients that register themselves, unless
	// Chosen has another one.
	Name string
	// Chosen are the members of the registration that the person chose.
	Chosen ClientMetadata
	// Document is the address of the project's client ID metadata document, "" for none.
	Document string
}

// Registration returns the client that the person registered, for the server with this
// metadata. stored is the registration of an earlier login, or zero: the way that its
// secret was taken is kept. chosen are the members of the registration that the person
// chose, now or earlier. The secret is left out where it would not be sent.
func (id Identity) Registration(server *discovery.ServerMetadata, stored Registration, redirectURI string, chosen ClientMetadata) Registration {
	r := Registration{Issuer: server.Issuer, FoundAt: server.FoundAt, ClientID: id.ClientID, ClientSecret: id.ClientSecret, RedirectURI: redirectURI, Chosen: chosen}
	r.AuthMethod = authMethod(server, chosen.object().Text("token_endpoint_auth_method"), !id.ClientSecret.IsZero())
	learned := stored.AuthMethod == authBasicPlain || stored.AuthMethod == authPost
	if r.AuthMethod == authBasic && learned && stored.ClientID == id.ClientID && stored.Provider().Same(server.Provider()) {
		r.AuthMethod = stored.AuthMethod
	}
	switch {
	case id.ClientKey != nil:
		r.AuthMethod, r.ClientSecret = authKey, Secret{}
	case id.Certificate && id.ClientSecret.IsZero() && server.TakesCertificate(id.Confidential):
		r.AuthMethod = authCertificate
	case r.AuthMethod == authNone: // it has a secret that this server does not get
		r.ClientSecret = Secret{}
	}
	return r
}

// Public reports whether the client authenticates neither with a secret nor a key (RFC
// 6749, section 2.1).
func (r Registration) Public() bool { return r.AuthMethod == authNone }

// proves reports whether the client authenticates by something that ends, turns or depends on
// the clock of this machine: a certificate, or an assertion. That it is refused says nothing of
// what it presents.
func (r Registration) proves() bool {
	return slices.Contains([]string{authKey, authAssertion, authCertificate}, r.AuthMethod)
}

// UsableAt reports whether a stored dynamic registration can be used again:
// never at another issuer, not with an ended secret (RFC 7591, section 3.2.1), and
// only with the redirect URI it was made for, port included, because many servers
// compare the whole string.
func (r Registration) UsableAt(issuer discovery.Provider, redirectURI string, now time.Time) bool {
	fits := r.RedirectURI == redirectURI
	if redirectURI == "" {
		fits = r.DeviceGrant
	}
	return r.Dynamic && r.ClientID != "" && r.Provider().Same(issuer) && fits &&
		(r.SecretExpiry.IsZero() || now.Before(r.SecretExpiry))
}

// deviceRedirectURI is registered for a client that uses none: many servers refuse a
// registration without.
const deviceRedirectURI = "http://127.0.0.1/callback"

// registrationRequest is the client metadata sent (RFC 7591, section 2): what the
// person chose, and else defaults. application_type native is what MCP demands of
// loopback clients, and refresh_token among the grants what it recommends (MCP
// 2026-07-28, Authorization, Dynamic Client Registration). The first redirect URI is
// where we listen, whatever was chosen.
func (c *Client) registrationRequest(server *discovery.ServerMetadata, redirectURI string, chosen ClientMetadata) ([]byte, error) {
	o := chosen.object()
	redirects := []string{cmp.Or(redirectURI, deviceRedirectURI)}
	for _, u := range chosen.Redirects() {
		redirects = append(redirects, u.String())
	}
	grants := o.List("grant_types")
	if grants == nil {
		grants = []string{typeCode, "refresh_token"}
	}
	if grants = append(grants, c.Grants...); redirectURI == "" && !slices.Contains(c.Grants, TypeJWTBearer) {
		grants = append(grants, TypeDevice)
	}
	request := map[string]any{
		"client_name": c.Name, "application_type": "native", "token_endpoint_auth_method": preferredAuthMethod(server),
	}
	if strings.HasPrefix(redirectURI, "https:") { // which native clients must not have (OpenID Connect Registration, section 2)
		request["application_type"] = "web"
	}
	if c.MutualTLS != nil && server.BindsToCertificate() { // RFC 8705, section 3.4
		request["tls_client_certificate_bound_access_tokens"] = true
	}
	for name, value := range o.Members {
		request[name] = value
	}
	request["redirect_uris"], request["grant_types"], request["response_types"] = discovery.Union(redirects), discovery.Union(grants), []string{"code"}
	return json.Marshal(request, json.Deterministic(true))
}

// lastSecond is the end of the year 9999, beyond which no time can be stored. A
// server that says more (milliseconds, usually) means no near end.
const lastSecond = 253402300799

// Register registers the client dynamically (RFC 7591). redirectURI is "" for a login by
// device.
func (c *Client) Register(ctx context.Context, server *discovery.ServerMetadata, redirectURI string, chosen ClientMetadata) (Registration, error) {
	const op = "register client"
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	body, err := c.registrationRequest(server, redirectURI, chosen)
	if err != nil {
		return Registration{}, fmt.Errorf("%s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, server.RegistrationEndpoint, bytes.NewReader(body))
	if err != nil {
		return Registration{}, fmt.Errorf("%s: %w", op, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	answer, err := send(c.HTTP, req)
	if err != nil {
		return Registration{}, unavailable(op, err)
	}
	if answer.isBusy() {
		return Registration{}, busy(op, answer.status)
	}
	reg, err := parseRegistration(server, answer.body, time.Now())
	if answer.status/100 != 2 || err != nil {
		return Registration{}, registrationError(answer, redirectURI, err)
	}
	reg.RedirectURI, reg.DeviceGrant, reg.Chosen = redirectURI, redirectURI == "", chosen
	return reg, nil
}

// parseRegistration reads the answer to a registration (RFC 7591, section 3.2.1). Only
// a missing client_id is an error; other members that are missing or of no use are left
// out.
func parseRegistration(server *discovery.ServerMetadata, answer []byte, now time.Time) (Registration, error) {
	o, err := foreign.ParseObject(answer)
	if err != nil {
		return Registration{}, err
	}
	reg := Registration{Issuer: server.Issuer, FoundAt: server.FoundAt, ClientID: o.Text("client_id"), ClientSecret: NewSecret(o.Text("client_secret")), Dynamic: true}
	if reg.ClientID == "" {
		return Registration{}, errors.New("the answer holds no client_id")
	}
	reg.AuthMethod = authMethod(server, o.Text("token_endpoint_auth_method"), !reg.ClientSecret.IsZero())
	address, token := o.Text("registration_client_uri"), o.Text("registration_access_token")
	if _, err := discovery.CheckEndpoint("registration_client_uri", address); err == nil && checkToken(token, "") == nil {
		reg.ManageURI, reg.ManageToken = address, NewSecret(token)
	}
	// An end that is past already is ignored: the provider has just issued the secret,
	// and would refuse it soon enough.
	if end, ok := o.Seconds("client_secret_expires_at"); ok && end > float64(now.Unix()) && end <= lastSecond && !reg.ClientSecret.IsZero() {
		reg.SecretExpiry = time.Unix(int64(end), 0)
	}
	return reg, nil
}

// Unregister deletes a dynamic registration at its server (RFC 7592, section
// 2.3). One that is gone already is no error.
func (c *Client) Unregister(ctx context.Context, reg Registration) error {
	const op = "delete the registration"
	if reg.ManageURI == "" {
		return &Error{Op: op, Err: errors.New("the provider gave no address for that"), Hint: "it is forgotten here all the same"}
	}
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodDelete, reg.ManageURI, nil)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	req.Header.Set("Authorization", "Bearer "+reg.ManageToken.Reveal())
	answer, err := send(c.HTTP, req)
	switch {
	case err != nil:
		return unavailable(op, err)
	case slices.Contains([]int{http.StatusNoContent, http.StatusOK, http.StatusUnauthorized, http.StatusNotFound}, answer.status):
		return nil // RFC 7592, section 2.3: 401 is the answer for a client that is gone
	}
	return &Error{Op: op, Err: fmt.Errorf("status %d", answer.status)}
}

// registrationError is the error of a refusal (RFC 7591, section 3.2.2), or of a success
// that could not be parsed because of unread.
func registrationError(answer response, redirectURI string, unread error) error {
	e := &Error{Op: "register client", Err: fmt.Errorf("the provider answered with status %d", answer.status)}
	switch {
	case answer.Code != "":
		e.Code, e.Err = answer.Code, errors.New(answer.describe())
	case answer.Description != "":
		e.Err = fmt.Errorf("%w: %s", e.Err, answer.Description)
	case answer.status/100 == 2:
		e.Err = unread
	}
	e.Hint = "if the provider registers only clients whose name it knows, choose one with --client-name NAME; else register a client by hand and give it with --client-id"
	if e.Code == "invalid_redirect_uri" || strings.Contains(e.Err.Error(), "redirect_uri") {
		e.Hint = "the provider does not accept " + redirectURI + "; register a native client by hand and give it with --client-id, or name an https address of yours with --redirect-uri"
	}
	return e
}

// Registration is a client known to one authorization server, either given by
// the person or obtained by dynamic registration (RFC 7591). It is never
// presented to another issuer, nor to metadata that only bears its name.
type Registration struct {
	Issuer string `json:"issuer,omitzero"`
	// FoundAt is ServerMetadata.FoundAt of that issuer.
	FoundAt      string `json:"issuer_found_at,omitzero"`
	ClientID     string `json:"client_id,omitzero"`
	ClientSecret Secret `json:"client_secret,omitzero"`
	// SecretExpiry is when the secret ends; zero means never
	// (client_secret_expires_at = 0).
	SecretExpiry time.Time `json:"client_secret_expires_at,omitzero"`
	// RedirectURI is the redirect URI that was registered. An authorization
	// server that grants the RFC 8252 port freedom takes it with any port.
	RedirectURI string `json:"redirect_uri,omitzero"`
	// AuthMethod is the token endpoint authentication method, one of none,
	// client_secret_basic, client_secret_post, private_key_jwt, tls_client_auth, and
	// client_secret_basic_plain for Basic without its form-encoding.
	AuthMethod string `json:"token_endpoint_auth_method,omitzero"`
	// DeviceGrant tells that the client may use the device grant (RFC 8628), or the other
	// one that it was registered for without a redirect URI.
	DeviceGrant bool `json:"device_grant,omitzero"`
	// ManageURI and ManageToken let the registration be deleted at the server
	// (RFC 7592); "" where it does not offer that.
	ManageURI   string `json:"registration_client_uri,omitzero"`
	ManageToken Secret `json:"registration_access_token,omitzero"`
	// Dynamic tells a registration that can be repeated from one that a
	// person gave.
	Dynamic bool `json:"dynamic,omitzero"`
	// Chosen are the members of the registration that the person chose.
	Chosen ClientMetadata `json:"client_metadata,omitzero"`
	// Doubted tells that a browser was sent to the provider with this registration
	// of an earlier login, and no answer has come: the provider may have forgotten
	// it and have shown a page that leads nowhere.
	Doubted bool `json:"doubted,omitzero"`
}

// Provider returns the authorization server that knows the client.
func (r Registration) Provider() discovery.Provider {
	return discovery.Provider{Issuer: r.Issuer, FoundAt: r.FoundAt}
}
