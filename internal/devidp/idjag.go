package devidp

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// What an Identity Assertion JWT Authorization Grant is called
// (draft-ietf-oauth-identity-assertion-authz-grant-04, sections 3, 4.3 and 7).
const (
	typeIDJAG      = "oauth-id-jag+jwt"
	tokenTypeIDJAG = "urn:ietf:params:oauth:token-type:id-jag"   //nolint:gosec // the name of a kind of token
	tokenTypeID    = "urn:ietf:params:oauth:token-type:id_token" //nolint:gosec // the name of a kind of token
	profileIDJAG   = "urn:ietf:params:oauth:grant-profile:id-jag"
)

// idJAGTTL is how long one is good: long enough to present it at once.
const idJAGTTL = 5 * time.Minute

// Application is the authorization server of somebody's servers, at which this provider,
// as a company's, signs its people in without asking them.
type Application struct {
	// Issuer is that of the authorization server, compared character for character.
	Issuer string
	// Resources are those that people may use there; nil is all.
	Resources []string
	// Scopes are those that they may have there; nil is all that a client asks for.
	Scopes []string
	// Clients has the IDs there of clients here; one that is not in it is called the same.
	Clients map[string]string
	// Denied are the usernames of people whom the company's policy keeps out.
	Denied []string
}

// AddApplication adds one, in the place of one of its issuer: the issuer of another devidp
// is known only when that listens.
func (p *Provider) AddApplication(a Application) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.applications[a.Issuer] = a
}

func (p *Provider) issuesIDJAGs() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.applications) > 0
}

// idJAGGrant makes an ID-JAG of an ID token (RFC 8693, section 2.1, and section 4.3 of the draft).
func (p *Provider) idJAGGrant(req tokenRequest) (map[string]any, *oauthError) {
	for _, name := range []string{"subject_token", "subject_token_type", "audience"} {
		if req.form.Get(name) == "" {
			return nil, missing(name)
		}
	}
	user, valid := p.identified(req.form.Get("subject_token"), req.client)
	if req.form.Get("subject_token_type") != tokenTypeID || !valid {
		return nil, badRequest("invalid_grant", "the subject token is no ID token of this provider for this client, or has expired")
	}
	p.mu.Lock()
	app, known := p.applications[req.form.Get("audience")]
	p.mu.Unlock()
	resources := req.form["resource"]
	switch {
	case !known, app.Resources != nil && len(only(resources, app.Resources)) != len(resources):
		return nil, invalidTarget()
	case slices.Contains(app.Denied, user.Username):
		return nil, badRequest("access_denied", "the company's policy does not let this person in there")
	}
	scopes := strings.Fields(req.form.Get("scope"))
	if app.Scopes != nil {
		scopes = only(scopes, app.Scopes)
	}
	now := time.Now()
	claims := jwt.MapClaims{
		"iss": p.issuer, "sub": user.Subject, "aud": app.Issuer, "client_id": cmp.Or(app.Clients[req.client.ID], req.client.ID),
		"jti": randomText(16), "iat": now.Unix(), "exp": seconds(now.Add(idJAGTTL)),
	}
	answer := map[string]any{"issued_token_type": tokenTypeIDJAG, "token_type": "N_A", "expires_in": int(idJAGTTL.Seconds())}
	switch len(resources) {
	case 0:
	case 1:
		claims["resource"] = resources[0]
	default:
		claims["resource"] = resources
	}
	if len(scopes) > 0 {
		claims["scope"], answer["scope"] = strings.Join(scopes, " "), strings.Join(scopes, " ")
	}
	maps.Copy(claims, p.fault().IDJAGClaims)
	signed, err := p.sign(typeIDJAG, claims)
	if err != nil {
		return nil, cannotSign()
	}
	answer["access_token"] = signed
	return answer, nil
}

// identified is who an ID token is about, if it is one of this provider for the client.
func (p *Provider) identified(token string, client Client) (User, bool) {
	var claims jwt.RegisteredClaims
	t, err := jwt.ParseWithClaims(token, &claims, p.ownKey, jwt.WithValidMethods([]string{"ES384"}),
		jwt.WithIssuer(p.issuer), jwt.WithAudience(client.ID), jwt.WithExpirationRequired())
	if err != nil || t.Header["typ"] != nil { // as its access tokens and ID-JAGs have
		return User{}, false
	}
	return p.cfg.subject(claims.Subject)
}

// ownKey verifies what this provider has signed.
func (p *Provider) ownKey(*jwt.Token) (any, error) { return &p.key.private.PublicKey, nil }
