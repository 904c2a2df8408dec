package interop

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/internal/dpop"
	"mcp-login/test/binary"
)

// boundServer is an MCP server that takes nothing but tokens that are bound to a key, with a
// proof that is good, fresh, by that key and with its nonce (RFC 9449, section 4.3). That the
// token itself is good is not what is tested here.
type boundServer struct {
	*httptest.Server
	issuer string
	nonces *dpop.Nonces

	mu   sync.Mutex
	used map[string]bool
}

func newBoundServer(t *testing.T, issuer string) *boundServer {
	t.Helper()
	s := &boundServer{issuer: issuer, nonces: dpop.NewNonces([]byte(rand.Text()+rand.Text()), "test"), used: map[string]bool{}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// ServeHTTP implements http.Handler.
func (s *boundServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource") {
		fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q]}`, s.URL+"/mcp", s.issuer)
		return
	}
	claims, code := s.judge(r)
	if claims == nil {
		w.Header().Set("DPoP-Nonce", s.nonces.Issue(time.Now()))
		w.Header().Set("WWW-Authenticate", `DPoP algs="ES256", error="`+code+`", resource_metadata="`+s.URL+`/.well-known/oauth-protected-resource/mcp"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var message struct {
		ID     json.RawMessage
		Method string
	}
	body, _ := io.ReadAll(r.Body)
	if json.Unmarshal(body, &message) != nil || message.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	var result any
	switch message.Method {
	case "initialize":
		result = map[string]any{"protocolVersion": "2025-06-18", "capabilities": map[string]any{"tools": map[string]any{}}, "serverInfo": map[string]any{"name": "bound", "version": "1"}}
	case "tools/call":
		result = map[string]any{"content": []any{}, "structuredContent": claims}
	default:
		result = map[string]any{"tools": []any{}}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": message.ID, "result": result})
}

// judge returns the claims of the token of a request, or why it is refused.
func (s *boundServer) judge(r *http.Request) (claims jwt.MapClaims, code string) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token == "" || !strings.EqualFold(scheme, dpop.Scheme) {
		return nil, "invalid_token"
	}
	at, err := url.Parse(s.URL + r.URL.Path)
	if err != nil {
		return nil, "invalid_request"
	}
	proof, err := dpop.Verify(r.Header.Get("DPoP"), dpop.Request{Method: r.Method, URL: at, Token: token})
	s.mu.Lock()
	defer s.mu.Unlock()
	switch _, _, parsed := jwt.NewParser().ParseUnverified(token, &claims); {
	case err != nil || s.used[proof.ID]:
		return nil, dpop.ErrorCode
	case !s.nonces.Taken(proof.Nonce, time.Now()):
		return nil, dpop.ErrUseNonce
	case parsed != nil || !boundTo(claims, proof.Thumbprint):
		return nil, "invalid_token"
	}
	s.used[proof.ID] = true
	return claims, ""
}

func boundTo(claims jwt.MapClaims, thumbprint string) bool {
	confirmation, _ := claims["cnf"].(map[string]any)
	return confirmation["jkt"] == thumbprint
}

// steal sends a request with a stolen token.
func (s *boundServer) steal(t *testing.T, scheme, token string, key *dpop.Key) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/mcp", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	if err != nil {
		t.Fatal(err)
	}
	if key != nil {
		if err := key.Sign(req, token, s.nonces.Issue(time.Now()), time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	req.Header.Set("Authorization", scheme+" "+token)
	resp, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// An independent provider that wants its nonce in each proof, and a server that wants one of its
// own: one login, whose tokens are bound to one key, in the next process as well; the refresh
// is by that key, and after the key was replaced by another one the provider refuses it, so
// that somebody has to sign in. Whoever steals a token gets nothing for it; people are told that
// the token is bound.
func TestBoundTokensAtOIDCProvider(t *testing.T) {
	issuer := oidcProvider(t, "ACCESS_TTL=3", "CLIENT_ID=native", "DPOP=1", "DPOP_NONCE=1")
	server := newBoundServer(t, issuer)
	env, program := oidcEnv(t), binary.Build(t, "mcp-login")
	at := []string{"--client-id", "native", server.URL + "/mcp"}
	s := open(t, env, program, at...)
	first := s.whoami()
	second := first
	for deadline := time.Now().Add(20 * time.Second); second["jti"] == first["jti"] && time.Now().Before(deadline); {
		<-time.After(100 * time.Millisecond) // the token lives for three seconds of the provider's clock
		second = s.again()
	}
	s.end()
	if n := strings.Count(s.errOut.String(), "/callback/"); n != 1 || first["sub"] != "alice" || second["jti"] == first["jti"] {
		t.Errorf("%d logins, %v, %v", n, first, second)
	}
	if thumbprint, _ := first["cnf"].(map[string]any)["jkt"].(string); !boundTo(second, thumbprint) {
		t.Errorf("bound to %s, and then to %v", thumbprint, second["cnf"])
	}

	var token struct {
		Kind  string `json:"token_type"`
		Token string `json:"token"`
	}
	if err := json.Unmarshal([]byte(run(t, env, program, append([]string{"token", "--json"}, at...)...)), &token); err != nil || token.Kind != "DPoP" {
		t.Fatalf("%v, a token of type %s", err, token.Kind)
	}
	for what, status := range map[string]int{
		"as a bearer token": server.steal(t, "Bearer", token.Token, nil), "without a proof": server.steal(t, "DPoP", token.Token, nil),
		"with another key": server.steal(t, "DPoP", token.Token, dpop.NewKey()), "with a proof as a bearer token": server.steal(t, "Bearer", token.Token, dpop.NewKey()),
	} {
		if status != http.StatusUnauthorized {
			t.Errorf("a stolen token %s: %d", what, status)
		}
	}

	if out, code := runFails(t, env, program, append([]string{"token", "--header-line"}, at...)...); code != 1 || strings.Contains(out, token.Token) {
		t.Errorf("exit %d: %s", code, out)
	} else {
		want(t, out, "it is bound to the key of this login (DPoP)", "mcp-login tools")
	}
	run(t, env, program, append([]string{"tools"}, at...)...)
	want(t, run(t, env, program, append([]string{"status", "--json"}, at...)...), `"bound_to_key": true`, `"check": "works"`)
	want(t, run(t, env, program, append([]string{"doctor"}, at...)...), "DPoP (tokens that are bound to a key), metadata at", "bound to a key that is kept with it (DPoP)")

	replaceKey(t, env)
	next := open(t, env, program, at...)
	if claims := next.whoami(); claims["sub"] != "alice" {
		t.Errorf("claims %v", claims)
	}
	next.end()
	if n := strings.Count(next.errOut.String(), "/callback/"); n != 1 {
		t.Errorf("%d logins with another key", n)
	}
}

// whoami-server that takes no other tokens, and wants its nonce: over Streamable HTTP with its
// GET and DELETE, and over HTTP+SSE, each request has a proof of its own, and one login is
// enough for both processes.
func TestBoundTokensAtWhoami(t *testing.T) {
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{Registration: true, TokenClaims: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	idp.SetFaults(devidp.Faults{DPoPNonce: true})
	base := whoami(t, idp.Issuer(), "--dpop", "require", "--dpop-nonce", "--stateful")
	env, program := bridgeEnv(t), binary.Build(t, "mcp-login")
	for _, path := range []string{"/mcp", "/sse"} {
		idp.AddResource(devidp.Resource{Indicator: base + path})
		for _, logins := range []int{1, 0} {
			s := open(t, env, program, base+path)
			claims := s.whoami()
			s.end()
			_, bound := claims["cnf"].(map[string]any)
			if n := strings.Count(s.errOut.String(), "/callback/"); n != logins || !bound || claims["username"] != "alice" || s.errOut.String() != "" && logins == 0 {
				t.Errorf("%s: %d logins, %v\n%s", path, n, claims, s.errOut.String())
			}
		}
	}
}

// runFails executes a program that is to fail, and returns all that it says.
func runFails(t *testing.T, env []string, name string, args ...string) (said string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("%q succeeds: %s", args, out)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// replaceKey puts another key into the one login that is kept, whose token has ended.
func replaceKey(t *testing.T, env []string) {
	t.Helper()
	for _, v := range env {
		dir, ok := strings.CutPrefix(v, "MCP_LOGIN_DIR=")
		if !ok {
			continue
		}
		files, err := filepath.Glob(filepath.Join(dir, "*.plain"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%v, %v", files, err)
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for member, value := range map[string]string{"dpop_key": dpop.NewKey().Encode(), "expires_at": "2020-01-01T00:00:00Z"} {
			old := regexp.MustCompile(`"` + member + `":"[^"]*"`)
			if len(old.FindAll(text, -1)) != 1 {
				t.Fatalf("no %s in %s", member, files[0])
			}
			text = old.ReplaceAll(text, []byte(`"`+member+`":"`+value+`"`))
		}
		if err := os.WriteFile(files[0], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
