package oauth

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/origin"
)

// Token endpoint authentication methods (RFC 7591, section 2).
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
	// authBasicPlain is Basic without the encoding of RFC 6749, section 2.3.1.
	authBasicPlain = "client_secret_basic_plain"
)

// registrationTimeout bounds one registration request.
const registrationTimeout = 30 * time.Second

// maxResponseBytes bounds the answers of registration, token and revocation
// endpoints.
const maxResponseBytes = 1 << 20

// Identity is how the client is known to authorization servers, as far as the
// person chose (C19, C20).
type Identity struct {
	// ClientID and ClientSecret of a client registered by hand.
	ClientID     string
	ClientSecret Secret
	// ClientKey signs assertions for a client registered with its public key;
	// it goes before ClientSecret.
	ClientKey *ClientKey
	// Name is shown by consent pages for clients that register themselves, unless
	// Chosen has another one.
	Name string
	// Chosen are the members of the registration that the person chose.
	Chosen ClientMetadata
}

// register decides which client to be at an authorization server (C19): the
// one the person gave, else the metadata document, else the stored
// registration if it is for this issuer, unexpired and for this redirect URI,
// else a new dynamic registration. redirectURI is "" for a login by device. A
// stored one that is in doubt serves where no other can be had.
func (c *Client) register(ctx context.Context, meta discovery.ServerMetadata, previous Credential, redirectURI string, w want) (Registration, error) {
	id, stored, document := c.cfg.Identity, previous.Registration, c.cfg.Over(previous.Choices).MetadataURL
	chosen := c.chosen(stored)
	w.progress.remembered = false
	usable := stored.usableAt(meta.Provider(), redirectURI, c.now()) && stored.Chosen == chosen
	switch {
	case id.ClientID != "":
		c.noteUnused("the client is registered already")
		return c.givenClient(meta, stored, redirectURI)
	case document != "" && meta.ClientIDMetadata:
		c.noteUnused("the client is known by its metadata document")
		return Registration{Issuer: meta.Issuer, FoundAt: meta.FoundAt, ClientID: document, RedirectURI: redirectURI, AuthMethod: authNone}, nil
	case usable && (!stored.Doubted || meta.RegistrationEndpoint == ""):
		w.progress.remembered = true
		return stored, nil
	case w.progress.refusal != nil:
		return Registration{}, w.progress.refusal
	case meta.RegistrationEndpoint != "":
		reg, err := c.registerDynamically(ctx, meta, redirectURI, chosen)
		if w.progress.refusal = err; err != nil && usable {
			c.log.Debug("no new registration; the earlier one goes on", "error", err)
			w.progress.remembered = true
			return stored, nil
		}
		return reg, nothingPublished(meta, err)
	}
	where := "with the redirect URI " + withoutPort(redirectURI) + " (any port) or " + redirectURI
	switch {
	case redirectURI == "":
		where = "with the device grant"
	case strings.HasPrefix(redirectURI, "https:"):
		where = "with the redirect URI " + redirectURI
	}
	return Registration{}, &Error{
		Op:   "register client",
		Err:  meta.Missing("registration_endpoint", foreign.ShortAddress(meta.Issuer)+" lets no client register itself"),
		Hint: "register a native (public) application there by hand, " + where + ", and start again with --client-id ID",
	}
}

// nothingPublished is a failure at an endpoint of which only the name was assumed:
// what the server wants is no OAuth at all, or the way past it is to name the provider.
func nothingPublished(m discovery.ServerMetadata, err error) error {
	var refused *Error
	if m.Assumed() && errors.As(err, &refused) && !errors.Is(err, discovery.ErrUnavailable) {
		refused.Hint = "the server publishes nothing about its provider: if it, or a gateway before it, wants a key or a sign-in of its own, give it what it takes with --header 'Name: ${VARIABLE}'; else name the provider, as in --issuer https://login.example.com, or " + refused.Hint
	}
	return err
}

// givenClient is the client that the person registered. Its secret may have
// been given with an earlier login and be in the store since. It belongs to the
// issuer of that login: when the server names another one, nothing of it is
// presented there (C40).
func (c *Client) givenClient(meta discovery.ServerMetadata, stored Registration, redirectURI string) (Registration, error) {
	id := c.cfg.Identity
	if stored.ClientID == id.ClientID && !stored.Dynamic {
		if !stored.Provider().Same(meta.Provider()) {
			return Registration{}, &Error{
				Op:   "register client",
				Err:  fmt.Errorf("the client %s belongs to %s, and the server now names %s", foreign.Line(id.ClientID), stored.Provider(), meta.Provider()),
				Hint: "if that is right, register a client at the new provider" + pinHint(", and name it: ", meta.Provider().RequestedAs()) + "; mcp-login logout " + c.cfg.Server.Redacted() + " forgets the old one",
			}
		}
		if id.ClientSecret.IsZero() {
			id.ClientSecret = stored.ClientSecret
		}
	}
	r := Registration{Issuer: meta.Issuer, FoundAt: meta.FoundAt, ClientID: id.ClientID, ClientSecret: id.ClientSecret, RedirectURI: redirectURI, Chosen: c.chosen(stored)}
	r.AuthMethod = authMethod(meta, r.Chosen.object().Text("token_endpoint_auth_method"), !id.ClientSecret.IsZero())
	learned := stored.AuthMethod == authBasicPlain || stored.AuthMethod == authPost
	if r.AuthMethod == authBasic && learned && stored.ClientID == id.ClientID && stored.Provider().Same(meta.Provider()) {
		r.AuthMethod = stored.AuthMethod
	}
	switch {
	case id.ClientKey != nil:
		r.AuthMethod, r.ClientSecret = authKey, Secret{}
	case r.AuthMethod == authNone: // it has a secret that this provider does not get
		r.ClientSecret = Secret{}
	case stored.ClientID != id.ClientID || stored.Dynamic || stored.ClientSecret.IsZero():
		return r, c.maySendSecret(meta)
	}
	return r, nil
}

// maySendSecret judges the first contact of a client secret with an issuer. The
// server names it, and whoever runs the server would get the secret by naming one
// of its own: so the person names it as well, or it is of the server's own site,
// which had the secret given to it, or of this machine. A name that was accepted
// names nobody: there, everything that the secret is sent because of must be near.
func (c *Client) maySendSecret(meta discovery.ServerMetadata) error {
	p := meta.Provider()
	c.mu.Lock()
	before := c.secretAt
	c.mu.Unlock()
	near := c.near(p.Issuer)
	if p.FoundAt != "" {
		for _, address := range []string{p.FoundAt, meta.TokenEndpoint, meta.RevocationEndpoint, meta.DeviceEndpoint} {
			near = near && (address == "" || c.near(address))
		}
	}
	switch {
	case near, c.cfg.Named != "" && p.HasName(c.cfg.Named), p.Same(before), c.cfg.TokenEndpoint != "" && c.cfg.Key.Grant == GrantClientCredentials:
		return nil
	}
	return &Error{
		Op:   "send the client secret",
		Err:  fmt.Errorf("only the server %s names the provider %s, and it has not had the secret before: %w", c.cfg.Server.Host, p, ErrLoginRequired),
		Hint: "if this is the provider where the client is registered" + pinHint(", add: ", p.RequestedAs()),
	}
}

// near reports whether an address is of the server's own site, or of this machine.
func (c *Client) near(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (origin.Loopback(u.Hostname()) || origin.SameSite(u, c.cfg.Server))
}

// pinHint is the flag that names an issuer. One that needs quoting is described:
// what a stranger wrote is not for a shell.
func pinHint(add, issuer string) string {
	if issuer != hint.Quote(issuer) {
		return add + "--issuer with its exact address"
	}
	return add + "--issuer " + issuer
}

// usableAt reports whether a stored dynamic registration can be used again:
// never at another issuer, not with an ended secret (RFC 7591, section 3.2.1), and
// only with the redirect URI it was made for, port included, because many servers
// compare the whole string.
func (r Registration) usableAt(issuer discovery.Provider, redirectURI string, now time.Time) bool {
	fits := r.RedirectURI == redirectURI
	if redirectURI == "" {
		fits = r.DeviceGrant
	}
	return r.Dynamic && r.ClientID != "" && r.Provider().Same(issuer) && fits &&
		(r.SecretExpiry.IsZero() || now.Before(r.SecretExpiry))
}

// deviceRedirectURI stands in the registration of a client that uses none:
// many servers refuse one without.
const deviceRedirectURI = "http://127.0.0.1/callback"

// registrationRequest is the client metadata sent (RFC 7591, section 2): what the
// person chose, and else what suits. application_type native is what MCP demands of
// loopback clients, and refresh_token among the grants what it recommends (MCP
// 2026-07-28, Authorization, Dynamic Client Registration). The redirect URI is where we listen, whatever was chosen.
func (c *Client) registrationRequest(meta discovery.ServerMetadata, redirectURI string, chosen ClientMetadata) ([]byte, error) {
	o := chosen.object()
	redirects := []string{cmp.Or(redirectURI, deviceRedirectURI)}
	for _, u := range chosen.Redirects() {
		redirects = append(redirects, u.String())
	}
	grants := o.List("grant_types")
	if grants == nil {
		grants = []string{"authorization_code", "refresh_token"}
	}
	if redirectURI == "" {
		grants = append(grants, grantDevice)
	}
	request := map[string]any{
		"client_name": c.cfg.Identity.Name, "application_type": "native", "token_endpoint_auth_method": preferredAuthMethod(meta),
	}
	if strings.HasPrefix(redirectURI, "https:") { // which native clients must not have (OpenID Connect Registration, section 2)
		request["application_type"] = "web"
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

func (c *Client) registerDynamically(ctx context.Context, meta discovery.ServerMetadata, redirectURI string, chosen ClientMetadata) (Registration, error) {
	const op = "register client"
	ctx, cancel := context.WithTimeout(ctx, registrationTimeout)
	defer cancel()
	body, err := c.registrationRequest(meta, redirectURI, chosen)
	if err != nil {
		return Registration{}, fmt.Errorf("%s: %w", op, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, meta.RegistrationEndpoint, bytes.NewReader(body))
	if err != nil {
		return Registration{}, fmt.Errorf("%s: %w", op, err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	status, header, answer, err := c.send(req)
	if err != nil {
		return Registration{}, unavailable(op, err)
	}
	if newTokenAnswer(status, header, answer, c.now()).busy() {
		return Registration{}, busy(op, status)
	}
	reg, err := registered(meta, answer, c.now())
	if status/100 != 2 || err != nil {
		return Registration{}, registrationRefused(status, answer, redirectURI, err)
	}
	reg.RedirectURI, reg.DeviceGrant, reg.Chosen = redirectURI, redirectURI == "", chosen
	return reg, nil
}

// registrationResponse is what counts of the answer.
type registrationResponse struct {
	ClientID     string         `json:"client_id"`
	ClientSecret string         `json:"client_secret"`
	SecretExpiry jsontext.Value `json:"client_secret_expires_at"`
	AuthMethod   string         `json:"token_endpoint_auth_method"`
	ManageURI    string         `json:"registration_client_uri"`
	ManageToken  string         `json:"registration_access_token"`
}

// registered reads the answer to a registration (RFC 7591, section 3.2.1): all that
// serves at the token endpoint. What is missing or makes no sense beside the
// client_id is no reason to fail.
func registered(meta discovery.ServerMetadata, answer []byte, now time.Time) (Registration, error) {
	o, err := foreign.ParseObject(answer)
	if err != nil {
		return Registration{}, err
	}
	r := registrationResponse{
		ClientID: o.Text("client_id"), ClientSecret: o.Text("client_secret"), SecretExpiry: o.Members["client_secret_expires_at"],
		AuthMethod: o.Text("token_endpoint_auth_method"), ManageURI: manageURI(o), ManageToken: o.Text("registration_access_token"),
	}
	reg := Registration{Issuer: meta.Issuer, FoundAt: meta.FoundAt, ClientID: r.ClientID, ClientSecret: NewSecret(r.ClientSecret), Dynamic: true}
	if reg.ClientID == "" {
		return Registration{}, errors.New("the answer holds no client_id")
	}
	reg.AuthMethod = authMethod(meta, r.AuthMethod, !reg.ClientSecret.IsZero())
	if r.ManageURI != "" && checkToken(r.ManageToken, "") == nil {
		reg.ManageURI, reg.ManageToken = r.ManageURI, NewSecret(r.ManageToken)
	}
	// An end that is past already is none: the provider has just given the secret,
	// and would refuse it soon enough.
	if end, ok := secondsOf(r.SecretExpiry); ok && end > float64(now.Unix()) && end <= lastSecond && !reg.ClientSecret.IsZero() {
		reg.SecretExpiry = time.Unix(int64(end), 0)
	}
	return reg, nil
}

// manageURI reads the address of the registration, "" where it must not be used.
func manageURI(o foreign.Object) string {
	address := o.Text("registration_client_uri")
	if _, err := discovery.CheckEndpoint("registration_client_uri", address); err != nil {
		return ""
	}
	return address
}

// unregister deletes a dynamic registration at its server (RFC 7592, section
// 2.3). One that is not there any more is no error.
func (c *Client) unregister(ctx context.Context, reg Registration) error {
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
	status, _, _, err := c.send(req)
	switch {
	case err != nil:
		return unavailable(op, err)
	case status == http.StatusNoContent, status == http.StatusOK, status == http.StatusUnauthorized, status == http.StatusNotFound:
		return nil // RFC 7592: 401 is the answer for a client that is gone
	}
	return &Error{Op: op, Err: fmt.Errorf("status %d", status)}
}

// registrationRefused turns a refusal (RFC 7591, section 3.2.2) into advice
// (C24).
func registrationRefused(status int, body []byte, redirectURI string, unread error) error {
	e := &Error{Op: "register client", Err: fmt.Errorf("the provider answered with status %d", status)}
	switch o, coded := (tokenAnswer{body: body}).told(); {
	case coded:
		e.Code, e.Err = o.Code, errors.New(o.describe())
	case o.Description != "":
		e.Err = fmt.Errorf("%w: %s", e.Err, o.Description)
	case status/100 == 2:
		e.Err = unread
	}
	e.Hint = "if the provider registers only clients whose name it knows, choose one with --client-name NAME; else register a client by hand and give it with --client-id"
	if e.Code == "invalid_redirect_uri" || strings.Contains(e.Err.Error(), "redirect_uri") {
		e.Hint = "the provider does not accept " + redirectURI + "; register a native client by hand and give it with --client-id, or name an https address of yours with --redirect-uri"
	}
	return e
}

// send performs a request of the OAuth side and reads its bounded answer.
func (c *Client) send(req *http.Request) (status int, header http.Header, body []byte, err error) {
	resp, err := c.cfg.HTTP.Do(req) //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return 0, nil, nil, foreign.HTTPError(err)
	}
	body, err = foreign.ReadBody(resp, maxResponseBytes, foreign.AnswerTime)
	if err != nil {
		return 0, nil, nil, fmt.Errorf("read answer: %w", err)
	}
	return resp.StatusCode, resp.Header, body, nil
}
