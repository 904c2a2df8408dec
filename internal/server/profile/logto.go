package profile

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
)

const (
	// visitTimeout bounds one visit, a token for it included.
	visitTimeout = 10 * time.Second
	// maxAnswer bounds what is read about a user.
	maxAnswer = 256 << 10
	// maxHeader bounds the header of an answer.
	maxHeader = 64 << 10
)

// errUnknownUser is Logto's 404.
var errUnknownUser = errors.New("there is no such user")

// Config says whom to ask.
type Config struct {
	// Endpoint is the address of Logto; its issuer is Endpoint/oidc, its Management API
	// Endpoint/api.
	Endpoint string
	// Resource is the Management API's identifier: Endpoint/api on Logto Cloud, also
	// where Endpoint is a domain of one's own and Resource is not, and
	// https://default.logto.app/api at a Logto of one's own.
	Resource string
	// ClientID and ClientSecret are of a machine-to-machine application that has a role
	// with the permission all of the Management API.
	ClientID, ClientSecret string
	// Transport performs the requests; nil means one of its own.
	Transport http.RoundTripper
	// Log gets one line for each pause after a failure.
	Log *slog.Logger
}

// logto asks one Logto.
type logto struct {
	issuer, users string
	client        *http.Client
	token         clientcredentials.Config

	mu     sync.Mutex
	latest *oauth2.Token
}

func newLogto(cfg Config) *logto {
	l := &logto{
		issuer: cfg.Endpoint + "/oidc", users: cfg.Endpoint + "/api/users/",
		client: &http.Client{
			Transport:     cfg.Transport, // redirects would take the token elsewhere
			CheckRedirect: origin.NoRedirect,
		},
		token: clientcredentials.Config{
			ClientID: cfg.ClientID, ClientSecret: cfg.ClientSecret, TokenURL: cfg.Endpoint + "/oidc/token", Scopes: []string{"all"},
			EndpointParams: url.Values{"resource": {cfg.Resource}}, AuthStyle: oauth2.AuthStyleInHeader,
		},
	}
	if t, ok := http.DefaultTransport.(*http.Transport); ok && cfg.Transport == nil {
		t = t.Clone()
		t.MaxResponseHeaderBytes = maxHeader
		l.client.Transport = t
	}
	return l
}

// user returns the claims of a user.
func (l *logto) user(ctx context.Context, id string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	token, err := l.accessToken(ctx)
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.users+id, nil)
	if err != nil {
		return nil, fmt.Errorf("ask about a user: %w", err)
	}
	token.SetAuthHeader(req)
	resp, err := l.client.Do(req) //nolint:bodyclose // foreign.ReadBody closes it
	if err != nil {
		return nil, fmt.Errorf("ask about a user: %w", foreign.HTTPError(err))
	}
	body, err := foreign.ReadBody(resp, maxAnswer, visitTimeout)
	switch {
	case resp.StatusCode == http.StatusNotFound:
		return nil, errUnknownUser
	case resp.StatusCode == http.StatusUnauthorized:
		l.forget(token)
		return nil, errors.New("ask about a user: 401: the Management API does not accept the token; is the resource right?")
	case resp.StatusCode == http.StatusForbidden:
		l.forget(token)
		return nil, errors.New("ask about a user: 403: the application has no role with the permission all of the Management API")
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("ask about a user: status %d", resp.StatusCode)
	case err != nil:
		return nil, fmt.Errorf("ask about a user: %w", err)
	}
	return claimsOf(body)
}

// claimsOf reads what is shown of a user, under the names of OpenID Connect. The rest,
// such as telephone numbers and accounts elsewhere, is not kept.
func claimsOf(body []byte) (map[string]any, error) {
	user, err := foreign.ParseObject(body)
	if err != nil {
		return nil, fmt.Errorf("ask about a user: the answer is %w", err)
	}
	claims := map[string]any{}
	for name, member := range map[string]string{"username": "username", "name": "name", "email": "primaryEmail", "picture": "avatar"} {
		if value := user.Text(member); value != "" && len(value) <= maxText {
			claims[name] = value
		}
	}
	return claims, nil
}

// accessToken is one for the Management API, fetched when the last one is about to end.
func (l *logto) accessToken(ctx context.Context) (*oauth2.Token, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest.Valid() {
		return l.latest, nil
	}
	token, err := l.token.Token(context.WithValue(ctx, oauth2.HTTPClient, l.client))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) { // its text has the whole answer
			return nil, fmt.Errorf("get a token for the Management API: status %d, %s", refused.Response.StatusCode, foreign.Line(refused.ErrorCode))
		}
		return nil, fmt.Errorf("get a token for the Management API: %w", foreign.HTTPError(err))
	}
	l.latest = token
	return token, nil
}

// forget drops a token that was refused.
func (l *logto) forget(token *oauth2.Token) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.latest == token {
		l.latest = nil
	}
}
