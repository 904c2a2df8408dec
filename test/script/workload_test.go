package script

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/rogpeppe/go-internal/testscript"

	"mcp-login/internal/devidp"
)

// platform FILE is a platform that gives a token to the programs on it, and makes the provider of
// the last lab trust it (RFC 7523): $URL has a token for the platform's, as the grant or in the
// place of a client's secret. Each is taken once, and replaced in FILE when it was taken. With
// "platform FILE ended" the first access token has ended before its time. "platform FILE CLAIM
// VALUE" writes a token of another platform, which is not trusted, with such a claim.
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
			life = time.Hour
			err = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": 3600})
		}
		if err == nil {
			_, err = write(nil)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "platform:", err)
		}
	}
	idp.SetFaults(devidp.Faults{Endpoints: map[string]http.HandlerFunc{"POST /token": answer}})
	token, err := write(nil)
	ts.Check(err)
	ts.Setenv("PLATFORM_TOKEN", token)
}
