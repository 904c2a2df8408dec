package grant

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// maxAccountName bounds the name shown to people.
const maxAccountName = 100

// payloadOf returns the claims of a JSON web token (RFC 7519, section 3), nil for
// what is none.
func payloadOf(token string) []byte {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil
	}
	return payload
}

// accountName reads from an ID token whom to greet, "" when it does not say.
// The token came straight from the token endpoint, so its signature need not
// be checked (OpenID Connect Core, section 3.1.3.7); the name decides nothing.
func accountName(idToken string, issuer discovery.Provider, clientID string) string {
	var claims struct {
		Issuer            string         `json:"iss"`
		Audience          jsontext.Value `json:"aud"`
		Email             string         `json:"email"`
		PreferredUsername string         `json:"preferred_username"`
		Username          string         `json:"username"`
		Name              string         `json:"name"`
		Subject           string         `json:"sub"`
	}
	if json.Unmarshal(payloadOf(idToken), &claims) != nil || !issuer.Issued(claims.Issuer) || !audienceHas(claims.Audience, clientID) {
		return ""
	}
	for _, name := range []string{claims.Email, claims.PreferredUsername, claims.Username, claims.Name, claims.Subject} {
		if name = strings.TrimSpace(foreign.LineOf(name, maxAccountName)); name != "" {
			return name
		}
	}
	return ""
}

// TokenTimes returns when a JSON web token was issued and when it ends, zero where
// it does not say, or the token is of another kind. Nothing is verified.
func TokenTimes(token Secret) (expiry, issued time.Time) {
	var claims struct {
		Expiry float64 `json:"exp"`
		Issued float64 `json:"iat"`
	}
	if json.Unmarshal(payloadOf(token.Reveal()), &claims) != nil {
		return time.Time{}, time.Time{}
	}
	return numericDate(claims.Expiry), numericDate(claims.Issued)
}

// numericDate reads a time of a JSON web token (RFC 7519, section 2), zero for one that no
// token has.
func numericDate(seconds float64) time.Time {
	if seconds <= 0 || seconds > 1<<40 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0)
}

// NonceIn returns the nonce of an ID token, "" where it has none.
func NonceIn(token Secret) string {
	claims, err := foreign.ParseObject(payloadOf(token.Reveal()))
	if err != nil {
		return ""
	}
	return claims.Text("nonce")
}

func audienceHas(aud jsontext.Value, clientID string) bool {
	return slices.Contains(audiences(aud), clientID)
}

// audiences reads the claim aud (RFC 7519, section 4.1.3): one or several, nil for neither.
func audiences(aud jsontext.Value) (many []string) {
	var one string
	if json.Unmarshal(aud, &one) == nil {
		return []string{one}
	}
	if json.Unmarshal(aud, &many) != nil {
		return nil
	}
	return many
}
