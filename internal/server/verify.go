package server

import "context"

// maxTokenBytes bounds a token before anything looks into it. Real ones are
// well under 8 KiB.
const maxTokenBytes = 16 << 10

// tokenVerifier is the built-in [Verifier]: it chooses by what arrives.
type tokenVerifier struct {
	jwt      *jwtVerifier
	userinfo *userinfoVerifier // nil: opaque tokens are refused
}

func (v *tokenVerifier) verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxTokenBytes {
		return Identity{}, refusal("too long")
	}
	if header, ok := parseJWTHeader(token); ok {
		return v.jwt.verify(ctx, token, header)
	}
	if v.userinfo == nil {
		return Identity{}, refusal("opaque")
	}
	return v.userinfo.verify(ctx, token)
}
