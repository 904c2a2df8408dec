package mcpremote

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
)

// metadataTimeout bounds the request for one metadata document.
const metadataTimeout = 30 * time.Second

// Credential is what is kept of the login under key: what mcp-remote has stored, with the
// endpoints that the provider publishes and the resource that the token is for. client
// fetches metadata; no token is sent. Errors wrap discovery.ErrUnavailable where somebody
// could not be reached, and most have a hint.
func (l *Login) Credential(ctx context.Context, client *http.Client, server *url.URL, key oauth.Key) (oauth.Credential, error) {
	cred, err := l.stored(key)
	if err != nil {
		return cred, err
	}
	if err := addEndpoints(ctx, client, &cred); err != nil {
		return cred, err
	}
	switch l.Identity.Resource {
	case "":
		cred.Resource, err = l.resource(ctx, client, server, key, cred.Issuer)
	case oauth.NoResource:
	default:
		cred.Resource = l.Identity.Resource
	}
	return cred, err
}

// later adds a hint where somebody could not be reached.
func later(err error) error {
	if errors.Is(err, discovery.ErrUnavailable) {
		return hint.With(err, "try again when it can be reached; nothing was changed")
	}
	return err
}

// addEndpoints fetches the metadata of the issuer (RFC 8414).
func addEndpoints(ctx context.Context, client *http.Client, cred *oauth.Credential) error {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	m, err := discovery.FetchServer(ctx, client, cred.Issuer, discovery.IssuerChoice{})
	if err != nil {
		return later(err)
	}
	cred.TokenEndpoint, cred.RevocationEndpoint, cred.EndSessionEndpoint = m.TokenEndpoint, m.RevocationEndpoint, m.EndSessionEndpoint
	return nil
}

// resource is the resource (RFC 8707) that mcp-remote asked the token for: the one that
// the server publishes (RFC 9728), else the token's audience if that covers the server.
// "" is none.
func (l *Login) resource(ctx context.Context, client *http.Client, server *url.URL, key oauth.Key, issuer string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataTimeout)
	defer cancel()
	m, found, err := discovery.FetchResource(ctx, client, server, discovery.Challenge{}, false)
	switch audience := l.audience(); {
	case err != nil:
		return "", later(err)
	case found && !slices.ContainsFunc(m.Issuers(server), func(listed string) bool { return discovery.SameIssuer(listed, issuer) }):
		return "", hint.With(errors.New("the server trusts another provider now"), "run: "+oauth.Command("login", key, "", ""))
	case found:
		return m.Resource, nil
	case covers(audience, server):
		return audience, nil
	}
	return "", nil
}

// covers reports whether a resource is the server, or a path above it.
func covers(resource string, server *url.URL) bool {
	r, err := oauth.CanonicalServer(resource, true)
	if err != nil || r.Scheme != server.Scheme || r.Host != server.Host {
		return false
	}
	base := strings.TrimSuffix(r.Path, "/")
	return server.Path == r.Path || base == strings.TrimSuffix(server.Path, "/") || strings.HasPrefix(server.Path, base+"/")
}

// stored is the credential as far as mcp-remote has stored it.
func (l *Login) stored(key oauth.Key) (oauth.Credential, error) {
	issuer := cmp.Or(l.tokens.Issuer, l.client.Issuer)
	expiry := time.Time{}
	if l.tokens.ExpiresAt > 0 {
		expiry = time.UnixMilli(int64(l.tokens.ExpiresAt)).UTC()
	}
	usable := l.tokens.AccessToken != "" && (expiry.IsZero() || time.Now().Before(expiry)) || l.tokens.RefreshToken != ""
	again := "run: " + oauth.Command("login", key, "", "")
	switch {
	case !usable:
		return oauth.Credential{}, hint.With(errors.New("its token has ended and cannot be renewed"), again)
	case issuer == "":
		return oauth.Credential{}, hint.With(errors.New("this release of mcp-remote did not note the provider, and a token goes to no other"), again)
	case l.client.Issuer != "" && !discovery.SameIssuer(l.client.Issuer, issuer):
		return oauth.Credential{}, hint.With(errors.New("its registration and its token are of different providers"), again)
	case l.client.ClientID == "":
		return oauth.Credential{}, hint.With(errors.New("mcp-remote got its client by --static-oauth-client-info and did not keep it"), "run: "+oauth.Command("login", key, "", "", "--client-id", "ID"))
	}
	if err := grant.CheckToken(grant.NewSecret(l.tokens.AccessToken)); l.tokens.AccessToken != "" && err != nil {
		return oauth.Credential{}, hint.With(err, again)
	}
	if grant.CheckToken(grant.NewSecret(l.tokens.IDToken)) != nil {
		l.tokens.IDToken = ""
	}
	cred := oauth.Credential{
		Server: key.Server, Issuer: issuer, Registration: l.registration(issuer),
		AccessToken: grant.NewSecret(l.tokens.AccessToken), RefreshToken: grant.NewSecret(l.tokens.RefreshToken),
		IDToken: grant.NewSecret(l.tokens.IDToken), TokenType: cmp.Or(l.tokens.TokenType, "Bearer"), Expiry: expiry,
		RequestedScopes: discovery.UsableScopes(strings.Fields(l.tokens.RequestedScope)), GrantedScopes: discovery.UsableScopes(strings.Fields(l.tokens.Scope)),
		Account: l.account(), SignedIn: time.Now(), // it is one sign-in from here on
	}
	if life := time.Duration(l.tokens.ExpiresIn * float64(time.Second)); !expiry.IsZero() && life > 0 {
		cred.ObtainedAt = expiry.Add(-life)
	}
	return cred, nil
}

func (l *Login) registration(issuer string) grant.Registration {
	r := grant.Registration{
		Issuer: issuer, ClientID: l.client.ClientID, ClientSecret: grant.NewSecret(l.client.ClientSecret),
		AuthMethod: cmp.Or(l.client.AuthMethod, "client_secret_basic"), Dynamic: true, // the default of RFC 7591, section 2
	}
	if l.client.AuthMethod == "" && r.ClientSecret.IsZero() {
		r.AuthMethod = "none"
	}
	if len(l.client.RedirectURIs) > 0 {
		r.RedirectURI = l.client.RedirectURIs[0]
	}
	if l.client.SecretExpiry > 0 {
		r.SecretExpiry = time.Unix(int64(l.client.SecretExpiry), 0).UTC()
	}
	return r
}

// claims decodes the payload of a JSON Web Token (RFC 7519) without verifying it: it
// decides nothing but the name that is shown and which addresses are tried.
func claims(token string, v any) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return
	}
	if b, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
		_ = json.Unmarshal(b, v)
	}
}

// audience is the only audience of the access token, "" if there is none or several.
func (l *Login) audience() string {
	var c struct {
		Audience jsontext.Value `json:"aud"`
	}
	claims(l.tokens.AccessToken, &c)
	var one string
	var many []string
	if json.Unmarshal(c.Audience, &one) != nil && json.Unmarshal(c.Audience, &many) == nil && len(many) == 1 {
		one = many[0]
	}
	return one
}

// maxAccount bounds the name shown to people, in characters.
const maxAccount = 100

// account is the person's name by the ID token, "" if it has none.
func (l *Login) account() string {
	var c struct {
		Email    string `json:"email"`
		Name     string `json:"preferred_username"`
		Username string `json:"username"`
		Subject  string `json:"sub"`
	}
	claims(l.tokens.IDToken, &c)
	for _, name := range []string{c.Email, c.Name, c.Username, c.Subject} {
		if name = strings.TrimSpace(foreign.LineOf(name, maxAccount)); name != "" {
			return name
		}
	}
	return ""
}
