package grant

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// What an ID token is exchanged for (RFC 8693, sections 2.1 and 3; Identity Assertion JWT
// Authorization Grant, draft-ietf-oauth-identity-assertion-authz-grant-04, section 4.3).
const (
	// TypeTokenExchange is the grant type of an exchange.
	TypeTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange" //nolint:gosec // a name, no credential
	tokenTypeIDToken  = "urn:ietf:params:oauth:token-type:id_token"       //nolint:gosec // a name, no credential
	tokenTypeIDJAG    = "urn:ietf:params:oauth:token-type:id-jag"         //nolint:gosec // a name, no credential
)

// ExchangeIDToken exchanges an ID token at the provider that issued it for an ID-JAG, an
// assertion about its person to the authorization server with the issuer audience (MCP
// extension Enterprise-Managed Authorization). Resource and Scopes of t are those of the
// MCP server. scopes are those that the assertion is good for, nil where the provider does
// not say: then those of t. The provider's refusal is its policy, which the hint says.
func (c *Client) ExchangeIDToken(ctx context.Context, t *Target, idToken Secret, audience string) (assertion Secret, scopes []string, err error) {
	const op = "exchange the ID token"
	form := url.Values{
		"grant_type": {TypeTokenExchange}, "requested_token_type": {tokenTypeIDJAG}, "audience": {audience},
		"subject_token": {idToken.Reveal()}, "subject_token_type": {tokenTypeIDToken},
	}
	if t.Resource != "" {
		form.Set("resource", t.Resource)
	}
	if len(t.Scopes) > 0 {
		form.Set("scope", strings.Join(t.Scopes, " "))
	}
	answer, err := c.postToken(ctx, t, form)
	switch {
	case errors.Is(err, ErrNotSent):
		return Secret{}, nil, err
	case err != nil:
		return Secret{}, nil, unavailable(op, err)
	case answer.isBusy():
		return Secret{}, nil, busy(op, answer.status)
	case !answer.isGrant():
		return Secret{}, nil, c.notExchanged(op, answer, t, audience)
	}
	o := answer.object
	assertion = NewSecret(o.Text("access_token"))
	switch issued, kind := o.Text("issued_token_type"), o.Text("token_type"); {
	case issued != tokenTypeIDJAG:
		err = fmt.Errorf("it issued a token of the type %q, and an ID-JAG was asked for", foreign.Line(issued))
	case !strings.EqualFold(kind, "N_A"): // RFC 8693, section 2.2.1
		err = fmt.Errorf("it calls the ID-JAG a token of the type %q, not N_A", foreign.Line(kind))
	default:
		var claims AssertionClaims
		if claims, err = ReadAssertion(assertion); err == nil && !claims.For(audience) {
			err = fmt.Errorf("the ID-JAG is for %s, and one for %s was asked for", foreign.Quote(strings.Join(claims.Audience, " ")), foreign.ShortAddress(audience))
		}
	}
	if err != nil {
		return Secret{}, nil, &Error{Op: op, Err: err, Hint: "nothing was sent on; this is a fault of " + foreign.ShortAddress(t.Server.Issuer) + ": tell its administrator"}
	}
	return assertion, discovery.UsableScopes(o.List("scope")), nil
}

// notExchanged is the error of a provider that gives no ID-JAG. Most of the time that is
// a decision of its administrator, which no sign-in changes.
func (c *Client) notExchanged(op string, answer response, t *Target, audience string) error {
	err := answer.asError(op, t.Resource)
	refused := (*Error)(nil)
	if !errors.As(err, &refused) {
		return err
	}
	at := foreign.ShortAddress(t.Server.Issuer)
	refused.Hint = "ask the administrator of " + at + " to let the client " + foreign.Line(t.Registration.ClientID) + " use " + foreign.ShortAddress(t.Resource) + " at " + foreign.ShortAddress(audience) + " for this account"
	switch refused.Code {
	case "invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_request":
		refused.Hint = "ask the administrator of " + at + " whether the client " + foreign.Line(t.Registration.ClientID) + " may exchange ID tokens for ID-JAGs there (RFC 8693, Enterprise-Managed Authorization)"
	case "invalid_scope":
		refused.Hint += ", with the scopes " + foreign.Line(strings.Join(t.Scopes, " ")) + "; or choose others with --scope"
	case "invalid_grant", "insufficient_user_authentication": // RFC 9470, section 3
		refused.Hint = "sign in there again, run: " + c.SignInAgain + "; or " + refused.Hint
	}
	return err
}

// CheckIDToken refuses an ID token of another issuer, for another client, or that has ended
// (OpenID Connect Core 1.0, section 3.1.3.7, numbers 2, 3 and 9). Its signature is not
// checked: the token came from the token endpoint, or is given by the person, and goes to
// its issuer alone, who knows what it has issued.
func CheckIDToken(token Secret, issuer discovery.Provider, clientID string, now time.Time) error {
	var claims struct {
		Issuer   string         `json:"iss"`
		Audience jsontext.Value `json:"aud"`
		Subject  string         `json:"sub"`
	}
	if json.Unmarshal(payloadOf(token.Reveal()), &claims) != nil || claims.Subject == "" {
		return errors.New("it is no ID token")
	}
	switch expiry, _ := TokenTimes(token); {
	case !issuer.Issued(claims.Issuer):
		return fmt.Errorf("the ID token is of another issuer, %s, and not of %s", foreign.ShortAddress(claims.Issuer), issuer)
	case !audienceHas(claims.Audience, clientID):
		return fmt.Errorf("the ID token is for another client than %s", foreign.Line(clientID))
	case !expiry.IsZero() && now.After(expiry.Add(clockSkew)):
		return fmt.Errorf("the ID token ended at %s", expiry.UTC().Format(time.RFC3339))
	}
	return nil
}

// clockSkew is how far the clock of a provider may be from this machine's.
const clockSkew = 5 * time.Minute

// SameSubject reports whether two ID tokens are about the same person: iss and sub of one
// that came with a refresh must be those of the one before (OpenID Connect Core 1.0,
// section 12.2).
func SameSubject(before, now Secret) bool {
	type subject struct {
		Issuer  string `json:"iss"`
		Subject string `json:"sub"`
	}
	var a, b subject
	return json.Unmarshal(payloadOf(before.Reveal()), &a) == nil && json.Unmarshal(payloadOf(now.Reveal()), &b) == nil && a == b
}
