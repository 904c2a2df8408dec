package script

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// fickle is an MCP server that can refuse every token it has seen so far, long
// before they expire.
type fickle struct {
	*httptest.Server
	issuer string

	mu      sync.Mutex
	seen    map[string]bool
	revoked map[string]bool
}

func newFickle(t *testing.T) *fickle {
	f := &fickle{seen: map[string]bool{}, revoked: map[string]bool{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"resource":"%s/mcp","authorization_servers":["%s"]}`, f.URL, f.issuer)
	})
	mux.HandleFunc("POST /mcp", f.post)
	f.Server = httptest.NewServer(mux)
	t.Cleanup(f.Close)
	return f
}

func (f *fickle) post(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	f.mu.Lock()
	good := err == nil && claims["aud"] == f.URL+"/mcp" && !f.revoked[token]
	f.seen[token] = true
	f.mu.Unlock()
	if !good {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	body, _ := io.ReadAll(r.Body)
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	_ = json.Unmarshal(body, &m)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18"}}`, m.ID)
}

// revokeSeen refuses all tokens seen from now on.
func (f *fickle) revokeSeen() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for token := range f.seen {
		f.revoked[token] = true
	}
}

// sibling is one of several bridges on one store.
type sibling struct {
	in  io.Writer
	out *bufio.Reader
}

func startSiblings(t *testing.T, n int, url string) []sibling {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	state := filepath.Join(t.TempDir(), "state")
	var list []sibling
	for range n {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, binary.Build(t, "mcp-login"), url)
		cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+state, "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER="+self+" approve alice")
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = in.Close()
			_ = cmd.Wait()
			cancel()
		})
		list = append(list, sibling{in, bufio.NewReader(out)})
	}
	return list
}

// ask sends n requests to every sibling at once and counts the results.
func ask(t *testing.T, all []sibling, n int) (results int) {
	t.Helper()
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() {
			for i := range n {
				fmt.Fprintf(s.in, `{"jsonrpc":"2.0","id":%d,"method":"tools/list"}`+"\n", i)
			}
			for range n {
				line, err := s.out.ReadString('\n')
				mu.Lock()
				if err == nil && strings.Contains(line, `"result"`) {
					results++
				} else {
					t.Logf("answer %q, %v", line, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return results
}

// Security row 26 and the first start, across real processes: the provider
// revokes everything when a refresh token comes twice. Eight bridges start at
// once with an empty store: one registration, one tab, one code. Then the server
// refuses a token that has an hour to live, three calls each, five times over:
// 24 of 24 answered, one refresh, no tab.
func TestRow26AcrossProcesses(t *testing.T) {
	f := newFickle(t)
	idp, err := devidp.Start(t.Context(), "127.0.0.1:0", devidp.Config{
		Registration: true, ReuseLeeway: -1, Resources: []devidp.Resource{{Indicator: f.URL + "/mcp"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	f.issuer = idp.Issuer()
	const processes, calls, rounds = 8, 3, 5
	all := startSiblings(t, processes, f.URL+"/mcp")
	if n := ask(t, all, 1); n != processes {
		t.Fatalf("first start: %d of %d answered", n, processes)
	}
	if s := idp.Stats(); s.Registrations != 1 || s.Logins != 1 || s.CodeExchanges != 1 || s.Refreshes != 0 {
		t.Fatalf("first start: %d registrations, %d logins, %d code exchanges, %d refreshes", s.Registrations, s.Logins, s.CodeExchanges, s.Refreshes)
	}
	for round := 1; round <= rounds; round++ {
		f.revokeSeen()
		n := ask(t, all, calls)
		if s := idp.Stats(); n != processes*calls || s.Refreshes != round || s.Logins != 1 || s.ReuseDetections != 0 {
			t.Fatalf("round %d: %d of %d answered, %d refreshes, %d logins, %d reuses", round, n, processes*calls, s.Refreshes, s.Logins, s.ReuseDetections)
		}
	}
}
