package storage

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

func TestMain(m *testing.M) { binary.Main(m, nil) }

// approve is the browser, as alice.
func approve(address string) int { return binary.Browse("approve", "alice", address) }

// lab is an MCP server that can refuse the tokens it has seen, a provider, and
// one store that all bridges share.
type lab struct {
	t       *testing.T
	url     string
	idp     *devidp.Server
	dir     string
	kind    store.Kind
	extra   []string      // environment of the bridges
	slowest time.Duration // of all rounds, from the requests to the last answer
	getenv  func(string) string

	mu      sync.Mutex
	seen    map[string]bool
	revoked map[string]bool
}

const passphrase = "correct horse battery staple"

func newLab(t *testing.T, kind store.Kind, leeway time.Duration) *lab {
	t.Helper()
	l := &lab{t: t, dir: filepath.Join(t.TempDir(), "state"), kind: kind, seen: map[string]bool{}, revoked: map[string]bool{}, getenv: os.Getenv}
	if kind == store.KindPassphrase {
		l.extra = []string{"MCP_LOGIN_PASSPHRASE=" + passphrase}
		l.getenv = func(name string) string {
			if name == "MCP_LOGIN_PASSPHRASE" {
				return passphrase
			}
			return ""
		}
	}
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	l.url = server.URL + "/mcp"
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", devidp.Config{
		Registration: true, ReuseLeeway: leeway, Resources: []devidp.Resource{{Indicator: l.url}},
		Clients: []devidp.Client{{ID: "app", RedirectURIs: []string{"http://127.0.0.1/callback"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = idp.Close() })
	l.idp = idp
	mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"resource":%q,"authorization_servers":[%q]}`, l.url, idp.Issuer())
	})
	mux.HandleFunc("POST /mcp", l.post)
	return l
}

func (l *lab) post(w http.ResponseWriter, r *http.Request) {
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	claims := jwt.MapClaims{}
	_, _, err := jwt.NewParser().ParseUnverified(token, claims)
	l.mu.Lock()
	good := err == nil && claims["aud"] == l.url && !l.revoked[token]
	l.seen[token] = true
	l.mu.Unlock()
	if !good {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var m struct {
		ID json.RawMessage `json:"id"`
	}
	if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if m.ID == nil {
		w.WriteHeader(http.StatusAccepted)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"lab","version":"1"},"tools":[]}}`, m.ID)
}

func (l *lab) key() oauth.Key { return oauth.Key{Server: l.url} }

// open opens the store as the bridges do.
func (l *lab) open() *store.Store {
	l.t.Helper()
	s, err := store.Open(store.Options{Dir: l.dir, Kind: l.kind, Getenv: l.getenv})
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// expire makes the stored access token one that has ended, for the program
// and for the server.
func (l *lab) expire() { l.t.Helper(); l.expireKey(l.key()) }

// expireKey is expire for another account.
func (l *lab) expireKey(key oauth.Key) {
	l.t.Helper()
	s := l.open()
	cred, err := s.Load(l.t.Context(), key)
	if err == nil {
		cred.Expiry, cred.ObtainedAt = time.Now().Add(-time.Minute), time.Now().Add(-time.Hour)
		err = s.Save(l.t.Context(), key, cred)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for token := range l.seen {
		l.revoked[token] = true
	}
}

// intact fails unless the stored login can be read and is listed without a
// problem.
func (l *lab) intact() {
	l.t.Helper()
	s := l.open()
	if _, err := s.Load(l.t.Context(), l.key()); err != nil {
		l.t.Errorf("the stored login: %v", err)
	}
	list, err := s.List(l.t.Context())
	if err != nil || len(list) != 1 || list[0].Problem != "" {
		l.t.Errorf("the list of logins: %+v %v", list, err)
	}
}

// bridge is one running program.
type bridge struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *strings.Builder
}

// command prepares the program with the store of the lab. It is killed after
// two minutes.
func (l *lab) command(args ...string) *exec.Cmd {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	l.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, binary.Build(l.t, "mcp-login"), args...)
	cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+l.dir, "MCP_LOGIN_STORE="+string(l.kind), "MCP_LOGIN_BROWSER="+binary.Self(l.t)+" approve alice", "NO_PROXY=127.0.0.1")
	cmd.Env = append(cmd.Env, l.extra...)
	return cmd
}

// start starts n bridges at once.
func (l *lab) start(n int) []bridge {
	l.t.Helper()
	return l.startOf(binary.Build(l.t, "mcp-login"), n)
}

// startOf is start with another program.
func (l *lab) startOf(program string, n int) []bridge {
	l.t.Helper()
	var all []bridge
	for range n {
		cmd := l.command(l.url)
		cmd.Path, cmd.Args[0] = program, program
		b := bridge{cmd: cmd, err: &strings.Builder{}}
		cmd.Stderr = b.err
		in, err1 := cmd.StdinPipe()
		out, err2 := cmd.StdoutPipe()
		if err := errors.Join(err1, err2); err != nil {
			l.t.Fatal(err)
		}
		b.in, b.out = in, bufio.NewReader(out)
		if err := cmd.Start(); err != nil {
			l.t.Fatal(err)
		}
		l.t.Cleanup(b.end)
		all = append(all, b)
	}
	return all
}

func (b bridge) end() {
	_ = b.in.Close()
	_ = b.cmd.Wait()
}

// ask sends one request to each bridge at once. It returns how many were
// answered with a result, and the answers
// that are errors.
func ask(all []bridge) (results int, refused []string) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, b := range all {
		wg.Go(func() {
			fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
			line, err := b.out.ReadString('\n')
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil && strings.Contains(line, `"result"`):
				results++
			case err == nil:
				refused = append(refused, line)
			}
		})
	}
	wg.Wait()
	return results, refused
}

// signIn leaves a login behind and nothing running.
func (l *lab) signIn() {
	l.t.Helper()
	one := l.start(1)
	if n, _ := ask(one); n != 1 {
		one[0].end()
		l.t.Fatalf("the first login failed: %s", one[0].err)
	}
	one[0].end()
}
