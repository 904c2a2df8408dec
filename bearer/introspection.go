package bearer

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	stdjson "encoding/json"

	"mcp-login/internal/dpop"
)

const maxIntrospectionBytes = 64 << 10

// Introspection makes the server ask the issuer's introspection endpoint (RFC
// 7662) about opaque tokens instead of userinfo. The answer has the token's
// scopes, application, audience and expiry, which userinfo does not tell.
type Introspection struct {
	// ClientID and ClientSecret are this server's own credentials at the
	// issuer. They are sent as client_secret_basic, or as client_secret_post
	// where the issuer's metadata lists only that.
	ClientID, ClientSecret string
	// Key takes the place of ClientSecret: each request is then signed as
	// private_key_jwt (RFC 7523), so that no secret travels. It is an
	// *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey, signs as RS256,
	// as ES256, ES384 or ES512, or as EdDSA, and the issuer has its public half.
	// KeyID is its kid there, if it has one.
	Key   crypto.Signer
	KeyID string
	// AudienceOptional accepts an answer that names no audience, from issuers
	// that do not bind opaque tokens to a resource. One that names others than
	// this server is refused in any case.
	AudienceOptional bool
}

// introspector asks the introspection endpoint.
type introspector struct {
	provider  *provider
	config    Introspection
	audiences []string
	leeway    time.Duration
}

func newIntrospection(p *provider, cfg Introspection, audiences []string, leeway time.Duration) *opaqueVerifier {
	i := &introspector{provider: p, config: cfg, audiences: audiences, leeway: leeway}
	return newOpaqueVerifier(p, "introspection", i.ask)
}

func (i *introspector) ask(ctx context.Context, meta metadata, token string) (Identity, error) {
	if meta.IntrospectionEndpoint == "" {
		return Identity{}, &unanswered{err: errors.New("issuer metadata has no introspection_endpoint")}
	}
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}
	basic, err := i.signIn(form, meta)
	if err != nil {
		return Identity{}, &unanswered{err: fmt.Errorf("sign in at the introspection endpoint: %w", err)}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, meta.IntrospectionEndpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return Identity{}, &unanswered{err: fmt.Errorf("make request: %w", err)}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if basic {
		// RFC 6749 section 2.3.1: both are form-encoded first.
		req.SetBasicAuth(url.QueryEscape(i.config.ClientID), url.QueryEscape(i.config.ClientSecret))
	}
	status, header, body, err := i.provider.perform(req, maxIntrospectionBytes)
	if err != nil {
		return Identity{}, &unanswered{err: fmt.Errorf("introspection: %w", err)}
	}
	switch status {
	case http.StatusOK:
	case http.StatusUnauthorized: // RFC 7662 section 2.3
		return Identity{}, &unanswered{err: errors.New("introspection answered 401: it refuses this server's own credentials")}
	default: // no status but 200 says anything about the token
		return Identity{}, noVerdict("introspection", status, header)
	}
	return i.judge(body)
}

// signIn puts this server's credentials into form, or says that they are sent as
// client_secret_basic.
func (i *introspector) signIn(form url.Values, meta metadata) (basic bool, err error) {
	if i.config.Key != nil {
		assertion, err := i.config.assertion(i.provider.issuer, meta.IntrospectionAlgorithms)
		form.Set("client_id", i.config.ClientID)
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
		return false, err
	}
	if !slices.Contains(meta.IntrospectionAuth, "client_secret_post") || slices.Contains(meta.IntrospectionAuth, "client_secret_basic") {
		return true, nil
	}
	form.Set("client_id", i.config.ClientID)
	form.Set("client_secret", i.config.ClientSecret)
	return false, nil
}

// judge reads an answer of RFC 7662 section 2.2.
func (i *introspector) judge(body []byte) (Identity, error) {
	claims, err := decodeClaims(body)
	if err != nil {
		return Identity{}, &unanswered{err: errors.New("introspection is not a JSON object")}
	}
	active, ok := claims["active"].(bool)
	if !ok {
		return Identity{}, &unanswered{err: errors.New("introspection has no active")}
	}
	if !active {
		return Identity{}, invalidTokenError("not active")
	}
	if err := i.check(claims); err != nil {
		return Identity{}, err
	}
	c := accessClaims{claims}
	id := Identity{
		Issuer: i.provider.issuer, ClientID: c.clientID(), Scopes: c.scopes(), Claims: claims,
	}
	id.Subject, _ = claims["sub"].(string)
	if id.Subject == "" {
		return Identity{}, invalidTokenError("no subject")
	}
	if exp, ok := seconds(claims["exp"]); ok {
		id.Expiry = exp
	}
	return id, nil
}

// check is for what an issuer should have looked at itself, and for what only
// this server knows: whom the token is meant for.
func (i *introspector) check(claims map[string]any) error {
	if iss, given := claims["iss"]; given && iss != i.provider.issuer {
		return invalidTokenError("another issuer than " + i.provider.issuer)
	}
	// RFC 9449 section 6.2: of a token that is bound to a key cnf says to which, and so is judged later.
	if kind, ok := claims["token_type"].(string); ok && !strings.EqualFold(kind, bearerScheme) &&
		!strings.EqualFold(kind, "access_token") && (claims["cnf"] == nil || !strings.EqualFold(kind, dpop.Scheme)) {
		return invalidTokenError("not a bearer token")
	}
	now := time.Now()
	if exp, ok := seconds(claims["exp"]); ok && !now.Before(exp.Add(i.leeway)) {
		return invalidTokenError("expired")
	}
	if nbf, ok := seconds(claims["nbf"]); ok && now.Add(i.leeway).Before(nbf) {
		return errNotYet
	}
	aud := oneOrMany(claims["aud"])
	if len(aud) == 0 && i.config.AudienceOptional {
		return nil
	}
	if !slices.ContainsFunc(aud, func(a string) bool { return slices.Contains(i.audiences, a) }) {
		return otherAudience(i.audiences[0])
	}
	return nil
}

// seconds reads a NumericDate (RFC 7519 section 2).
func seconds(v any) (time.Time, bool) {
	n, ok := v.(stdjson.Number)
	if !ok {
		return time.Time{}, false
	}
	f, err := n.Float64()
	if err != nil || f < 0 || f > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(f), 0), true
}

// oneOrMany reads a claim that is one string or a list of strings.
func oneOrMany(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			if s, ok := item.(string); ok {
				all = append(all, s)
			}
		}
		return all
	}
	return nil
}
