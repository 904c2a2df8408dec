package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"mcp-login/internal/devidp"
)

// sizes is how much is measured in one round.
type sizes struct {
	connections int
	warm        int // calls of each connection before anything is measured
	calls       int // of each connection; a server on Node.js gets fewer
	slower      int // that many times fewer
	settle      time.Duration
	streams     int
	beat        time.Duration // between heartbeats
	beats       int64         // of each stream before it is measured, and again while
	opening     int           // streams that are being opened at a time
}

// whole is what docs/evidence/performance.md is made with, quick what CI looks at.
var (
	whole = sizes{connections: 32, warm: 60, calls: 1500, slower: 8, settle: time.Second, streams: 10_000, beat: 5 * time.Second, beats: 2, opening: 16}
	quick = sizes{connections: 8, warm: 4, calls: 25, slower: 1, settle: 10 * time.Millisecond, streams: 200, beat: time.Second, beats: 1, opening: 16}
)

// ttl is how long whoami-server believes a verdict: its default, said here
// because the number of checks is judged by it.
const ttl = 30 * time.Second

// resource is what the JWTs are for. It names the server and need not be where
// it listens.
const resource = "http://127.0.0.1:3001/mcp"

// lab is the provider, its users, and where things are built.
type lab struct {
	dir      string
	size     sizes
	provider *devidp.Server
	users    []string // subjects
	opaque   []string // tokens, one of each user
	jwts     []string

	oauth2Proxy   string // its program; "" if it is not measured
	oauth2Address string // where it is to listen: it does not tell
}

// maxUsers is enough for the bounds on the streams of one caller.
const maxUsers = 128

// openLab builds whoami-server and starts the provider.
func openLab(ctx context.Context, dir string, size sizes) (*lab, error) {
	l := &lab{dir: dir, size: size}
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", l.program(), "mcp-login/cmd/whoami-server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build whoami-server: %w\n%s", err, strings.TrimSpace(string(out)))
	}
	cfg := devidp.Config{TokenClaims: true, Resources: []devidp.Resource{{Indicator: resource, Scopes: []string{toolScope}}}}
	for i := range maxUsers {
		name := fmt.Sprintf("user%04d", i)
		cfg.Users = append(cfg.Users, devidp.User{Subject: "sub-" + name, Username: name, Name: "User " + name, Email: name + "@example.test"})
		l.users = append(l.users, "sub-"+name)
	}
	var err error
	if l.provider, err = devidp.Start(ctx, "127.0.0.1:0", cfg); err != nil {
		return nil, err
	}
	for _, u := range cfg.Users {
		request := devidp.TokenRequest{Username: u.Username, ClientID: "bench", Scopes: []string{"openid", "profile", "email", toolScope}, TTL: 24 * time.Hour}
		opaque, err := l.provider.IssueToken(request)
		if err != nil {
			return nil, err
		}
		request.Resource = resource
		jwt, err := l.provider.IssueToken(request)
		if err != nil {
			return nil, err
		}
		l.opaque, l.jwts = append(l.opaque, opaque), append(l.jwts, jwt)
	}
	return l, nil
}

func (l *lab) close() { _ = l.provider.Close() }

// program is the path of whoami-server.
func (l *lab) program() string {
	path := filepath.Join(l.dir, "whoami-server")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	return path
}

// tokens are those of a kind, by user.
func (l *lab) tokens(k kind) []string {
	if k == kindOpaque {
		return l.opaque
	}
	return l.jwts
}
