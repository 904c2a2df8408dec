package script

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spiffe/go-spiffe/v2/proto/spiffe/workload"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"mcp-login/internal/devidp"
)

// platform FILE is a platform that gives a token to the programs on it, and makes the provider of
// the last lab trust it (RFC 7523): $URL has a token for the platform's, as the grant or in the
// place of a client's secret. Each is taken once, and replaced in FILE when it was taken. The
// SPIFFE Workload API at $AGENT has that of FILE, for the provider alone. With "platform FILE
// ended" the first access token has ended before its time, with "over" each one. "platform FILE CLAIM VALUE" writes a
// token of another platform, which is not trusted, with such a claim.
func platform(ts *testscript.TestScript, _ bool, args []string) {
	idp := *ts.Value(providerOf).(**devidp.Server)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	path := ts.MkAbs(args[0])
	write := func(more map[string]any) (token string, err error) {
		claims := jwt.MapClaims{"iss": "https://platform.example", "sub": "workload", "aud": idp.Issuer(), "exp": time.Now().Add(time.Hour).Unix(), "jti": rand.Text()}
		for name, value := range more {
			claims[name] = value
		}
		if token, err = jwt.NewWithClaims(jwt.SigningMethodES256, claims).SignedString(key); err != nil {
			return "", err
		}
		return token, os.WriteFile(path, []byte(token+"\n"), 0o600)
	}
	if len(args) > 2 {
		var value any
		ts.Check(json.Unmarshal([]byte(args[2]), &value))
		_, err := write(map[string]any{args[1]: value})
		ts.Check(err)
		return
	}
	var mu sync.Mutex
	seen, life := map[string]bool{}, time.Hour
	if len(args) > 1 {
		life = -time.Minute
	}
	always := len(args) > 1 && args[1] == "over"
	answer := func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		claims := jwt.MapClaims{}
		_, err := jwt.ParseWithClaims(r.PostFormValue("assertion")+r.PostFormValue("client_assertion"), claims,
			func(*jwt.Token) (any, error) { return &key.PublicKey, nil }, jwt.WithExpirationRequired())
		jti, _ := claims["jti"].(string)
		if err != nil || seen[jti] {
			w.WriteHeader(http.StatusBadRequest)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": "invalid_grant", "error_description": "not trusted, or presented before"})
			return
		}
		seen[jti] = true
		token, err := idp.IssueToken(devidp.TokenRequest{ClientID: r.PostFormValue("client_id"), Resource: r.PostFormValue("resource"), Scopes: []string{"openid", "profile", "email"}, TTL: life})
		if err == nil {
			if !always {
				life = time.Hour
			}
			err = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
		}
		if err == nil {
			_, err = write(nil)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "platform:", err)
		}
	}
	idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{"POST /token": answer, "POST /token/revocation": func(http.ResponseWriter, *http.Request) {}}})
	token, err := write(nil)
	ts.Check(err)
	ts.Setenv("PLATFORM_TOKEN", token)
	ts.Setenv("AGENT", serveAgent(ts, &agent{audience: idp.Issuer(), file: path}))
}

// agent is a SPIFFE Workload API, made of the service of go-spiffe and grpc-go.
type agent struct {
	workload.UnimplementedSpiffeWorkloadAPIServer
	audience, file string
}

// FetchJWTSVID implements the one call that mcp-login makes.
func (a *agent) FetchJWTSVID(ctx context.Context, r *workload.JWTSVIDRequest) (*workload.JWTSVIDResponse, error) {
	header, _ := metadata.FromIncomingContext(ctx)
	token, err := os.ReadFile(a.file)
	if err != nil || !slices.Equal(header["workload.spiffe.io"], []string{"true"}) || !slices.Equal(r.GetAudience(), []string{a.audience}) {
		return nil, status.Error(codes.InvalidArgument, fmt.Sprint(err, header, r.GetAudience()))
	}
	return &workload.JWTSVIDResponse{Svids: []*workload.JWTSVID{{SpiffeId: "spiffe://example.org/workload", Svid: strings.TrimSpace(string(token))}}}, nil
}

// serveAgent returns the address of a socket that a answers at until the script ends.
func serveAgent(ts *testscript.TestScript, a *agent) string {
	dir, err := os.MkdirTemp("", "spiffe") // the path of a script is too long for a socket
	ts.Check(err)
	l, err := net.Listen("unix", filepath.Join(dir, "s"))
	ts.Check(err)
	srv := grpc.NewServer()
	workload.RegisterSpiffeWorkloadAPIServer(srv, a)
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(l) }()
	ts.Defer(func() {
		srv.Stop()
		<-served
		_ = os.RemoveAll(dir)
	})
	return "unix://" + filepath.ToSlash(filepath.Join(dir, "s"))
}
