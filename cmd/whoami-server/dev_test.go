package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"

	"mcp-login/internal/devidp"
)

// newLogin returns the go-sdk's own login, with a person who signs in as bob.
func newLogin(t *testing.T) *auth.AuthorizationCodeHandler {
	t.Helper()
	redirected := make(chan url.Values, 1)
	callback := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		redirected <- r.URL.Query()
	}))
	t.Cleanup(callback.Close)
	h, err := auth.NewAuthorizationCodeHandler(&auth.AuthorizationCodeHandlerConfig{
		DynamicClientRegistrationConfig: &auth.DynamicClientRegistrationConfig{
			Metadata: &oauthex.ClientRegistrationMetadata{
				ClientName: "test", RedirectURIs: []string{callback.URL + "/callback"},
				TokenEndpointAuthMethod: "none",
			},
		},
		RedirectURL: callback.URL + "/callback",
		AuthorizationCodeFetcher: func(ctx context.Context, args *auth.AuthorizationArgs) (*auth.AuthorizationResult, error) {
			if _, err := devidp.Approve(ctx, http.DefaultClient, args.URL, "bob"); err != nil {
				return nil, err
			}
			select {
			case q := <-redirected:
				return &auth.AuthorizationResult{Code: q.Get("code"), State: q.Get("state"), Iss: q.Get("iss")}, nil
			default:
				return nil, errors.New("no redirect came")
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func callWhoami(t *testing.T, tr mcp.Transport) map[string]any {
	t.Helper()
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := c.Connect(t.Context(), tr, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "whoami"})
	if err != nil {
		t.Fatal(err)
	}
	claims, _ := result.StructuredContent.(map[string]any)
	return claims
}

// --dev shows how a client gets more rights: the go-sdk's client signs in for
// whoami, and once more for whoami_details because of the 403.
func TestDevStepUp(t *testing.T) {
	p := start(t, "--dev", "--listen", "127.0.0.1:0", "--dev-listen", "127.0.0.1:0")
	c := mcp.NewClient(&mcp.Implementation{Name: "test", Version: "1"}, nil)
	session, err := c.Connect(t.Context(), &mcp.StreamableClientTransport{Endpoint: p.resource, OAuthHandler: newLogin(t)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	for _, tool := range []string{"whoami", "whoami_details", "whoami"} {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: tool})
		if err != nil || result.IsError {
			t.Fatalf("%s: %+v, %v", tool, result, err)
		}
		details, _ := result.StructuredContent.(map[string]any)
		if tool == "whoami_details" && fmt.Sprint(details["scopes"]) != "[whoami:details]" {
			t.Errorf("%s: %v", tool, details)
		}
	}
	p.stop()
	if n := strings.Count(p.stderr.String(), "status=403"); n != 1 {
		t.Errorf("%d refusals, want 1, in\n%s", n, p.stderr.String())
	}
}

// --dev: a client that knows only the URL logs in and gets its answer, on
// Streamable HTTP with a token for .../mcp; then the stream of a legacy client,
// logged in with a token for .../sse, ends with the program (graceful stop).
func TestDevLoginOnBothTransports(t *testing.T) {
	p := start(t, "--dev", "--listen", "127.0.0.1:0", "--dev-listen", "127.0.0.1:0")
	out := p.stdout.String()
	for _, want := range []string{
		"not for production", `{"mcpServers":{"whoami":{"command":"mcp-login","args":["` + p.resource + `"]}}}`,
		"  mcp-login login " + p.resource + "\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in %s", want, out)
		}
	}

	claims := callWhoami(t, &mcp.StreamableClientTransport{Endpoint: p.resource, OAuthHandler: newLogin(t)})
	if claims["username"] != "bob" || claims["aud"] != p.resource {
		t.Errorf("streamable: %v", claims)
	}

	sse := "http://" + p.address + "/sse"
	login := newLogin(t)
	resp, _ := get(t, sse)
	if err := login.Authorize(t.Context(), resp.Request, resp); err != nil {
		t.Fatal(err)
	}
	source, err := login.TokenSource(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	client := oauth2.NewClient(context.Background(), source)
	claims = callWhoami(t, &mcp.SSEClientTransport{Endpoint: sse, HTTPClient: client})
	if claims["username"] != "bob" || claims["aud"] != sse {
		t.Errorf("sse: %v", claims)
	}
	if code := p.stop(); code != exitOK {
		t.Errorf("exit %d with a stream open:\n%s", code, p.stderr.String())
	}
}
