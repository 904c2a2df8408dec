package script

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
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
	"mcp-login/internal/oauth"
	"mcp-login/internal/store"
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
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// storm is a fickle server, a provider that revokes everything when a refresh
// token comes twice, and a store that all bridges share.
type storm struct {
	t      *testing.T
	server *fickle
	idp    *devidp.Server
	state  string
}

func newStorm(t *testing.T, change func(*devidp.Config)) *storm {
	t.Helper()
	f := newFickle(t)
	cfg := devidp.Config{Registration: true, ReuseLeeway: -1, Resources: []devidp.Resource{{Indicator: f.URL + "/mcp"}}}
	if change != nil {
		change(&cfg)
	}
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	f.issuer = idp.Issuer()
	return &storm{t, f, idp, filepath.Join(t.TempDir(), "state")}
}

// start starts n bridges.
func (s *storm) start(n int) []sibling {
	s.t.Helper()
	var list []sibling
	for range n {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		cmd := exec.CommandContext(ctx, binary.Build(s.t, "mcp-login"), s.server.URL+"/mcp")
		cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+s.state, "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER="+binary.Self(s.t)+" approve alice")
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err1 != nil || err2 != nil {
			s.t.Fatal(err1, err2)
		}
		if err := cmd.Start(); err != nil {
			s.t.Fatal(err)
		}
		s.t.Cleanup(func() {
			_ = in.Close()
			_ = cmd.Wait()
			cancel()
		})
		list = append(list, sibling{cmd, in, bufio.NewReader(out)})
	}
	return list
}

// expire makes the stored access token one that has ended.
func (s *storm) expire() {
	s.t.Helper()
	st, err := store.Open(store.Options{Dir: s.state, Kind: store.KindFile})
	if err != nil {
		s.t.Fatal(err)
	}
	key := oauth.Key{Server: s.server.URL + "/mcp"}
	cred, err := st.Load(s.t.Context(), key)
	if err == nil {
		cred.Expiry, cred.ObtainedAt = time.Now().Add(-time.Minute), time.Now().Add(-time.Hour)
		err = st.Save(s.t.Context(), key, cred)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.server.revokeSeen()
}

// signIn leaves a login behind and nothing running.
func (s *storm) signIn() {
	s.t.Helper()
	one := s.start(1)
	if ask(s.t, one, 1) != 1 {
		s.t.Fatal("the first login failed")
	}
	_ = one[0].in.Close()
	_ = one[0].cmd.Wait()
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
				} else if !errors.Is(err, io.EOF) {
					t.Logf("answer %.200q, %v", line, err)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return results
}

// surprise starts bridges at once with an empty store: one registration, one
// tab, one code. Then the server refuses a token that has an hour to live, again
// and again: each time all calls are answered after one refresh, without a tab.
func surprise(t *testing.T, processes, calls, rounds int) {
	s := newStorm(t, nil)
	all := s.start(processes)
	if n := ask(t, all, 1); n != processes {
		t.Fatalf("first start: %d of %d answered", n, processes)
	}
	if got := s.idp.Stats(); got.Registrations != 1 || got.Logins != 1 || got.CodeExchanges != 1 || got.Refreshes != 0 {
		t.Fatalf("first start: %d registrations, %d logins, %d code exchanges, %d refreshes", got.Registrations, got.Logins, got.CodeExchanges, got.Refreshes)
	}
	for round := 1; round <= rounds; round++ {
		s.server.revokeSeen()
		n := ask(t, all, calls)
		if got := s.idp.Stats(); n != processes*calls || got.Refreshes != round || got.Logins != 1 || got.ReuseDetections != 0 {
			t.Fatalf("round %d: %d of %d answered, %d refreshes, %d logins, %d reuses", round, n, processes*calls, got.Refreshes, got.Logins, got.ReuseDetections)
		}
	}
}

// 8 real processes, 3 calls each, 50 surprises: 24 of 24
// answered, one refresh, no browser (mcp-remote: 0 of 24, 14 windows).
func TestSurpriseRefusalsAcrossProcesses(t *testing.T) { surprise(t, 8, 3, 50) }

// 32 processes, 20 calls each: 640 of 640, one refresh.
func TestManyCallsAcrossProcesses(t *testing.T) { surprise(t, 32, 20, 1) }

// And the same with 20: bridges that start at once with a token
// that has ended make one refresh and all succeed.
func TestExpiredAtStartIsRefreshedOnce(t *testing.T) {
	for _, processes := range []int{8, 20} {
		s := newStorm(t, nil)
		s.signIn()
		s.expire()
		if n := ask(t, s.start(processes), 1); n != processes {
			t.Errorf("%d of %d answered", n, processes)
		}
		if got := s.idp.Stats(); got.Refreshes != 1 || got.Logins != 1 || got.ReuseDetections != 0 {
			t.Errorf("%d processes: %d refreshes, %d logins, %d reuses", processes, got.Refreshes, got.Logins, got.ReuseDetections)
		}
	}
}
