package bearer

import (
	"context"
	"slices"
)

// maxTokenBytes bounds a token before anything looks into it. Real ones are
// well under 8 KiB.
const maxTokenBytes = 16 << 10

// tokenVerifier is the built-in [Verifier] without its memory: it chooses by
// what arrives.
type tokenVerifier struct {
	jwt     map[string]*jwtVerifier // by issuer
	opaque  *opaqueVerifier         // nil: opaque tokens are refused
	clients []string                // none: any

	otherIssuer invalidTokenError // says which were expected
}

func (v *tokenVerifier) verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxTokenBytes {
		return Identity{}, invalidTokenError("too long")
	}
	id, err := v.identify(ctx, token)
	if err == nil && len(v.clients) > 0 && !v.clientAllowed(id) {
		return Identity{}, invalidTokenError("another application")
	}
	return id, err
}

func (v *tokenVerifier) identify(ctx context.Context, token string) (Identity, error) {
	header, ok := parseJWTHeader(token)
	if !ok {
		if v.opaque == nil {
			return Identity{}, invalidTokenError("opaque")
		}
		return v.opaque.verify(ctx, token)
	}
	claims, err := readClaims(token)
	if err != nil {
		return Identity{}, invalidTokenError("claims cannot be decoded")
	}
	iss, _ := claims.MapClaims["iss"].(string)
	if iss == "" {
		return Identity{}, missingClaim("iss")
	}
	issuer := v.jwt[iss]
	if issuer == nil {
		return Identity{}, v.otherIssuer
	}
	return issuer.verify(ctx, token, header, claims)
}

// clientAllowed reports whether the application that the token was issued to
// may use this server. A token may name it twice, as client_id and as azp; then
// both count.
func (v *tokenVerifier) clientAllowed(id Identity) bool {
	for _, name := range []string{"client_id", "azp"} {
		if other, given := id.Claims[name]; given {
			if s, ok := other.(string); !ok || !slices.Contains(v.clients, s) {
				return false
			}
		}
	}
	return slices.Contains(v.clients, id.ClientID)
}
