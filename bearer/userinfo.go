package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
)

const maxUserinfoBytes = 256 << 10

// userinfo shows opaque tokens to the issuer's userinfo endpoint (OpenID
// Connect Core section 5.3).
type userinfo struct {
	provider *provider
	scopes   []string // named to a client whose token lacks openid
}

func newUserinfo(p *provider, scopes []string) *opaqueVerifier {
	if !slices.Contains(scopes, "openid") {
		scopes = append([]string{"openid"}, scopes...)
	}
	u := &userinfo{provider: p, scopes: scopes}
	return newOpaqueVerifier(p, "userinfo", u.ask)
}

func (u *userinfo) ask(ctx context.Context, meta metadata, token string) (Identity, error) {
	if meta.UserinfoEndpoint == "" {
		return Identity{}, invalidTokenError("opaque, and the issuer has no userinfo endpoint")
	}
	status, header, body, err := u.provider.read(ctx, meta.UserinfoEndpoint, token, maxUserinfoBytes)
	if err != nil {
		return Identity{}, &unanswered{err: fmt.Errorf("userinfo: %w", err)}
	}
	return u.judge(status, header, body)
}

// judge reads the endpoint's answer. Logto says 400 for a suspended user, 401
// for an unknown token and 403 for one without the openid scope. Every other
// status says nothing about the token.
func (u *userinfo) judge(status int, header http.Header, body []byte) (Identity, error) {
	switch status {
	case http.StatusOK:
		return u.identity(body)
	case http.StatusForbidden:
		if lacksScope(header, body) {
			// The token is good but was issued without openid. Named scopes
			// let the client ask for it, where a 401 would make it repeat the
			// same request.
			return Identity{}, &InsufficientScopeError{Scopes: u.scopes}
		}
		return Identity{}, invalidTokenError("refused by userinfo (403)")
	case http.StatusBadRequest, http.StatusUnauthorized:
		return Identity{}, invalidTokenError(fmt.Sprintf("refused by userinfo (%d)", status))
	}
	return Identity{}, noVerdict("userinfo", status, header)
}

// lacksScope reports insufficient_scope, from the body or the challenge.
func lacksScope(header http.Header, body []byte) bool {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error != "" {
		return answer.Error == "insufficient_scope"
	}
	return strings.Contains(strings.Join(header.Values("WWW-Authenticate"), ","), `error="insufficient_scope"`)
}

// identity reads the claims. An answer that has none is signed or encrypted, or
// no answer of a userinfo endpoint at all, and not the caller's fault.
func (u *userinfo) identity(body []byte) (Identity, error) {
	claims, err := decodeClaims(body)
	if err != nil {
		return Identity{}, &unanswered{err: errors.New("userinfo is not a JSON object")}
	}
	sub, _ := claims["sub"].(string)
	if sub == "" {
		return Identity{}, &unanswered{err: errors.New("userinfo has no sub")}
	}
	return Identity{Subject: sub, Issuer: u.provider.issuer, Claims: claims}, nil
}
