package bearer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"mcp-login/internal/dpop"
)

// malformed is a request that RFC 6750 section 3.1 calls invalid_request.
type malformed string

func (m malformed) Error() string { return string(m) }

// credential is the token of a request, and whether it came with the scheme DPoP, which
// promises a proof.
type credential struct {
	token  string
	proven bool
}

// credentialOf returns the one token of a request (RFC 6750 section 2.1, RFC 9449 section 7.1). A
// token in the query is refused even beside a proper header: it has been in
// logs and histories by then. The other way of RFC 6750, a form field,
// counts as none. So does a credential of another scheme, for which
// section 3.1 wants a challenge without an error code.
func (p *Resource) credentialOf(r *http.Request) (credential, error) {
	if r.URL.RawQuery != "" && r.URL.Query().Has("access_token") {
		return credential{}, malformed("The access token must be sent in the Authorization header only.")
	}
	values := r.Header.Values("Authorization")
	switch {
	case len(values) == 0:
		return credential{}, ErrNoToken
	case len(values) > 1:
		return credential{}, malformed("There must be one Authorization header.")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	form, proven := bearerScheme, p.proofs != nil && strings.EqualFold(scheme, dpop.Scheme)
	if proven {
		form = dpop.Scheme
	} else if !strings.EqualFold(scheme, bearerScheme) {
		return credential{}, ErrNoToken
	}
	if token = strings.Trim(token, " "); len(token) > maxTokenBytes {
		return credential{}, invalidTokenError("too long")
	}
	if !isB64Token(token) {
		return credential{}, malformed("The Authorization header is not of the form: " + form + " TOKEN.")
	}
	return credential{token, proven}, nil
}

// isB64Token implements b64token of RFC 6750 section 2.1.
func isB64Token(s string) bool {
	body := strings.TrimRight(s, "=")
	for k := range len(body) {
		if !inToken[body[k]] {
			return false
		}
	}
	return body != ""
}

// inToken are the characters of a token but for the = at its end.
var inToken = func() (in [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~+/") {
		in[c] = true
	}
	return in
}()

// errClaim is a good token that is not for the organization, or the like, that this
// resource is for.
var errClaim = errors.New("a required claim is missing or has another value")

// Authenticate returns who sent r: the bearer of its one token, which has every
// required scope and claim and comes of a sign-in that suffices; of one that is bound to a key,
// who has proved to have it. Its error is for [Resource.Refuse].
func (p *Resource) Authenticate(r *http.Request) (Identity, error) {
	c, err := p.credentialOf(r)
	if err != nil {
		return Identity{}, err
	}
	id, shown, err := p.verifyFrom(r.Context(), r, c)
	if err != nil {
		return Identity{}, err
	}
	if err := p.require(id, p.cfg.RequiredScopes); err != nil {
		return Identity{}, err
	}
	if err := p.signedInWell(id); err != nil {
		return Identity{}, err
	}
	if p.cfg.Admit != nil {
		if err := p.cfg.Admit(r, id); err != nil {
			return Identity{}, err
		}
	}
	if err := p.proofs.remember(r.Context(), shown); err != nil {
		return Identity{}, err
	}
	return id, nil
}

// verifyFrom decides about a token that came with r, which is nil where it came by another way.
func (p *Resource) verifyFrom(ctx context.Context, r *http.Request, c credential) (id Identity, shown shownProof, err error) {
	client := ""
	if r != nil {
		client = p.cfg.ClientAddress(r)
	}
	if c.proven && p.cfg.Verify == nil && p.cfg.Introspection == nil {
		if _, is := parseJWTHeader(c.token); !is {
			return id, shown, errUnbound // userinfo tells of no key, so it need not be asked
		}
	}
	if id, err = p.verify(ctx, client, c.token); err != nil {
		return Identity{}, shown, err
	}
	if id.Subject == "" {
		// Sessions are bound to the subject, so there must be one.
		return Identity{}, shown, errors.New("verifier returned an identity without subject")
	}
	if shown, err = p.held(r, c, id); err != nil {
		return Identity{}, shown, err
	}
	for name, allowed := range p.cfg.RequiredClaims {
		if value, ok := id.Claims[name].(string); !ok || !slices.Contains(allowed, value) {
			return Identity{}, shown, fmt.Errorf("%s: %w", name, errClaim)
		}
	}
	return id, shown, nil
}

// signedInWell returns an *InsufficientAuthenticationError if the sign-in behind a token does
// not suffice (RFC 9470 section 4).
func (p *Resource) signedInWell(id Identity) error {
	err := &InsufficientAuthenticationError{ACRValues: p.cfg.ACRValues, MaxAge: p.cfg.MaxAge}
	acr, hasACR := id.Claims["acr"].(string)
	at, hasTime := seconds(id.Claims["auth_time"])
	wantACR, wantTime := len(p.cfg.ACRValues) > 0, p.cfg.MaxAge != 0
	switch {
	case wantACR && !hasACR:
		err.lacks = "acr"
	case wantTime && !hasTime:
		err.lacks = "auth_time"
	case wantACR && !slices.Contains(p.cfg.ACRValues, acr), wantTime && time.Since(at) > p.cfg.MaxAge+p.cfg.leeway():
	default:
		return nil
	}
	return err
}

// Refuse answers a request that failed with err, an error of [Resource.Authenticate],
// [Resource.MayCall], [ReadMessage] or a [Verifier]: 400, 401, 403 with challenges, 503
// with Retry-After, and 500 for any other. The body says no more than that, as JSON; an
// X-Request-Id that the answer has already is repeated there. Every refusal should be given
// here: only so do clients get what they need for the next attempt, today the metadata, scopes
// and nonces.
func (p *Resource) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	answer, challenges := p.refusalOf(err)
	if answer.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", strconv.Itoa(pauseAfter(err)))
	}
	for _, with := range challenges {
		p.challenge(w.Header(), r, answer.status, with)
	}
	answer.write(w)
}

// pauseAfter is the number of seconds that a client should wait after err.
func pauseAfter(err error) int {
	pause := retryPause
	var known *unavailable
	if errors.As(err, &known) {
		pause = known.after
	}
	return max(1, int((pause+time.Second-1)/time.Second))
}

// refusalOf chooses the answer to a failed request, and its challenges.
func (p *Resource) refusalOf(err error) (*problem, []challenge) {
	var bad malformed
	var scope *InsufficientScopeError
	var authentication *InsufficientAuthenticationError
	var proof *proofError
	var ready *problem
	challenged := func(status int, c challenge) (*problem, []challenge) {
		return &problem{status: status, code: c.code, text: c.text}, []challenge{c}
	}
	switch {
	case errors.As(err, &ready):
		return ready, nil
	case errors.Is(err, ErrNoToken):
		return &problem{status: http.StatusUnauthorized, code: "unauthorized", text: "An access token is required."}, []challenge{{scopes: p.scopes}}
	case errors.As(err, &bad):
		return challenged(http.StatusBadRequest, challenge{code: "invalid_request", text: string(bad)})
	case errors.Is(err, ErrInvalidToken):
		return challenged(http.StatusUnauthorized, challenge{
			scopes: p.scopes, code: "invalid_token", text: "The access token is expired, invalid, or meant for another server.",
		})
	case errors.As(err, &proof) && proof.code == dpop.ErrUseNonce:
		return challenged(http.StatusUnauthorized, challenge{code: proof.code, text: "The DPoP proof must have the nonce of this answer."})
	case errors.As(err, &proof):
		return challenged(http.StatusUnauthorized, challenge{code: proof.code, text: "The DPoP proof is missing, not good, used already, or for another request."})
	case errors.As(err, &scope):
		return challenged(http.StatusForbidden, challenge{
			scopes: scope.Scopes, code: "insufficient_scope", text: "The access token lacks a required scope.",
		})
	case errors.Is(err, errClaim): // RFC 6750 section 3.1 has no other code for a good token
		return challenged(http.StatusForbidden, challenge{
			code: "insufficient_scope", text: "The access token lacks a claim that is required here, such as the organization.",
		})
	case errors.As(err, &authentication):
		return challenged(http.StatusUnauthorized, challenge{
			scopes: p.scopes, code: "insufficient_user_authentication", text: "A different or a more recent sign-in is required.",
			acrValues: authentication.ACRValues, maxAge: authentication.MaxAge,
		})
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &problem{
			status: http.StatusServiceUnavailable, code: "temporarily_unavailable",
			text: "The authorization server cannot be reached, so the access token cannot be checked. Try again.",
		}, nil
	}
	return &problem{status: http.StatusInternalServerError, code: "server_error", text: "The request could not be handled."}, nil
}
