package grant

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth/discovery"
)

// Limits of one request.
const (
	// tokenTimeout is for a request to a token or revocation endpoint. It is long:
	// whoever stops waiting for the answer to a refresh may have lost the login.
	tokenTimeout        = 2 * time.Minute
	registrationTimeout = 30 * time.Second
	// maxResponseBytes is for the answers of all these endpoints.
	maxResponseBytes = 1 << 20
)

// Client makes requests to authorization servers. All fields but MutualTLS, Key, Params and Proofs are
// required, and none changes after its first use. It is safe for concurrent use.
type Client struct {
	// HTTP is discovery.Guard.HTTPClient, which follows no redirects, and Guard judges
	// the addresses that a person is shown.
	HTTP  *http.Client
	Guard *discovery.Guard
	// MutualTLS shows a certificate, for requests with the authentication of the client
	// where it is that, or where tokens are to be bound to it (RFC 8705); nil for none.
	MutualTLS *http.Client
	// Log gets the steps at debug level, never a secret.
	Log *slog.Logger
	// Name is the client_name of a registration, unless another one is chosen.
	Name string
	// Key signs assertions, nil for none.
	Key *ClientKey
	// Assertion returns the JWT with which a client of [Registration.ByAssertion] authenticates
	// at p. Its error wraps [ErrNotSent].
	Assertion func(ctx context.Context, p discovery.Provider) (Secret, error)
	// Params are what a person adds to requests, as "name=value" (see [CheckParam]).
	Params []string
	// Proofs makes the proofs of the account; its zero value is ready.
	Proofs Proofs
	// SignInAgain is the command that hints show for a login that is of no use, and SignOut
	// the one for a login whose key is to be forgotten as well.
	SignInAgain, SignOut string
	// Grants are further grant types that a client registers for. With that of assertions it
	// needs no redirect URI, and no device grant in its place.
	Grants []string
}

// Target is what the requests of one login have in common.
type Target struct {
	// Server is the metadata of the authorization server, or as much of it as was
	// kept; only the endpoint that is used is required.
	Server discovery.ServerMetadata
	// Registration is the client there. Its AuthMethod is changed where the server
	// takes the secret in another way.
	Registration Registration
	// Resource is the RFC 8707 parameter, "" for none.
	Resource string
	// Scopes are those to request.
	Scopes []string
	// Consent sends prompt=consent, unless a person has chosen a prompt.
	Consent bool
	// Authentication is what the server wants of the sign-in, unless a person has chosen
	// something else.
	Authentication discovery.Authentication
	// RepeatScopes tells that the server wants the scopes at a refresh. It is set
	// where a refresh has shown that.
	RepeatScopes bool
	// ProofKey is the key to bind tokens to (RFC 9449), zero for none, and BoundOnly tells
	// that a bearer token is of no use.
	ProofKey  Secret
	BoundOnly bool
}

// requestToken gets a token by a grant that is no refresh.
func (c *Client) requestToken(ctx context.Context, op string, t *Target, form url.Values) (Token, error) {
	c.addTokenParams(form, t.Resource)
	answer, err := c.postToken(ctx, t, form)
	switch {
	case errors.Is(err, ErrNotSent):
		return Token{}, err
	case err != nil:
		return Token{}, unavailable(op, err)
	case answer.isBusy():
		return Token{}, busy(op, answer.status)
	case !answer.isGrant():
		return Token{}, c.explainParams(answer.asError(op, t.Resource))
	}
	token, err := answer.token(t)
	if err != nil {
		return Token{}, tokenError(op, err)
	}
	return token, nil
}

// postToken sends a form to the token endpoint.
func (c *Client) postToken(ctx context.Context, t *Target, form url.Values) (response, error) {
	return c.postAuthenticated(ctx, t.Server.TokenEndpoint, t, form)
}

// postAuthenticated sends a form to an endpoint that wants the authentication of the token
// endpoint. Where the client is refused, it is sent once more with each other way to
// present the same secret, if there is one; the way that worked is kept in t. A client
// that was refused has spent nothing.
func (c *Client) postAuthenticated(ctx context.Context, endpoint string, t *Target, form url.Values) (response, error) {
	answer, err := c.postProven(ctx, endpoint, t, form)
	if err != nil || !answer.mayRefuseClient() {
		return answer, err
	}
	for _, other := range t.Registration.otherAuthMethods(t.Server.TokenAuthMethods) {
		again := *t
		again.Registration.AuthMethod = other
		next, err := c.postProven(ctx, endpoint, &again, form)
		if err != nil {
			return answer, err
		}
		if next.isGrant() || answer.refusesClient() && !next.mayRefuseClient() {
			c.Log.Debug("the provider takes the secret in another way", "method", other)
			t.Registration.AuthMethod = other
			return next, nil
		}
	}
	return answer, nil
}

// postForm sends a form with the authentication of the client, and ends after
// tokenTimeout at the latest. It uses a new connection: the other end of an idle one
// may be gone unnoticed, when the machine has slept, and what the form holds can be
// sent only once.
func (c *Client) postForm(ctx context.Context, endpoint string, t *Target, form url.Values) (response, error) {
	return c.postWith(ctx, endpoint, t, form, nil)
}

// postWith is postForm for a request to which prove adds something; it may be nil.
func (c *Client) postWith(ctx context.Context, endpoint string, t *Target, form url.Values, prove func(*http.Request) error) (response, error) {
	via := c.HTTP
	if c.MutualTLS != nil && (t.Registration.AuthMethod == authCertificate || t.Server.BindsToCertificate()) {
		via, endpoint = c.MutualTLS, t.Server.AtCertificate(endpoint)
	}
	user, password, err := c.authenticate(ctx, form, endpoint, t.Registration, t.Server.TokenAuthAlgorithms)
	if err != nil {
		return response{}, err
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return response{}, errors.New("the endpoint is not a URL")
	}
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, EndpointURL(u, form).String(), strings.NewReader(form.Encode()))
	if err != nil {
		return response{}, errors.New("the endpoint is not a URL")
	}
	// net/http must not send a form twice by itself: what it holds may be spent.
	req.GetBody = nil
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if user != "" {
		req.SetBasicAuth(user, password)
	}
	if prove != nil {
		if err := prove(req); err != nil {
			return response{}, fmt.Errorf("%w: %w", ErrNotSent, err)
		}
	}
	defer withholdRequest(req, form)()
	via.CloseIdleConnections()
	answer, err := send(via, req)
	answer.nonce = c.Proofs.Learn(req.URL, answer.nonce)
	return answer, err
}

// withholdRequest withholds what is secret in a request with this form, until its answer
// is read.
func withholdRequest(req *http.Request, form url.Values) (release func()) {
	_, basic, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	secrets := []string{basic}
	for _, name := range []string{"code", "code_verifier", "device_code", "assertion", "client_assertion", "client_secret", "refresh_token", "token", "subject_token"} {
		secrets = append(secrets, form.Get(name))
	}
	var releases []func()
	for _, secret := range secrets {
		releases = append(releases, foreign.Withhold(secret))
	}
	return func() {
		for _, release := range releases {
			release()
		}
	}
}

// send performs a request and reads its bounded answer.
func send(via *http.Client, req *http.Request) (response, error) {
	resp, err := via.Do(req) //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return response{}, foreign.HTTPError(err)
	}
	body, err := foreign.ReadBody(resp, maxResponseBytes, foreign.AnswerTime)
	if err != nil {
		return response{}, fmt.Errorf("read answer: %w", err)
	}
	return newResponse(resp.StatusCode, resp.Header, body), nil
}
