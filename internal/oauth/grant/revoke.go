package grant

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
)

// Revoke tells the server that a token is no longer used (RFC 7009). typeHint is
// refresh_token or access_token. revoked is false without an error where the server
// cannot revoke tokens of this type (unsupported_token_type).
func (c *Client) Revoke(ctx context.Context, t *Target, token Secret, typeHint string) (revoked bool, err error) {
	const op = "revoke tokens"
	answer, err := c.postForm(ctx, t.Server.RevocationEndpoint, t, url.Values{"token": {token.Reveal()}, "token_type_hint": {typeHint}})
	if err != nil {
		return false, unavailable(op, err)
	}
	switch {
	case answer.status == http.StatusOK:
		return true, nil
	case answer.Code == "unsupported_token_type":
		return false, nil
	}
	return false, &Error{Op: op, Code: answer.Code, Err: fmt.Errorf("status %d", answer.status)}
}
