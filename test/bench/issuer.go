package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// Well-known addresses of RFC 9728 and RFC 8414.
const (
	wellKnownResource = "/.well-known/oauth-protected-resource"
	wellKnownServer   = "/.well-known/oauth-authorization-server"
)

// issuer is an authorization server that says yes at once. It checks what a
// real one would: the code, its verifier, the refresh token.
type issuer struct {
	mu     sync.Mutex
	codes  map[string]string // challenge by code
	tokens map[string]bool   // access and refresh tokens
}

func (i *issuer) routes(mux *http.ServeMux, t *target) {
	i.codes, i.tokens = map[string]string{}, map[string]bool{}
	for _, path := range []string{pathJSON, pathSSE} {
		mux.HandleFunc(wellKnownResource+path, func(w http.ResponseWriter, _ *http.Request) {
			tell(w, http.StatusOK, map[string]any{"resource": t.plain + path, "authorization_servers": []string{t.plain}})
		})
	}
	mux.HandleFunc(wellKnownServer, func(w http.ResponseWriter, _ *http.Request) { tell(w, http.StatusOK, metadata(t.plain)) })
	mux.HandleFunc("POST /register", register)
	mux.HandleFunc("GET /authorize", func(w http.ResponseWriter, r *http.Request) { i.authorize(w, r, t.plain) })
	mux.HandleFunc("POST /token", i.token)
}

func metadata(base string) map[string]any {
	return map[string]any{
		"issuer":                                         base,
		"authorization_endpoint":                         base + "/authorize",
		"token_endpoint":                                 base + "/token",
		"registration_endpoint":                          base + "/register",
		"response_types_supported":                       []string{"code"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":               []string{"S256"},
		"token_endpoint_auth_methods_supported":          []string{"none"},
		"authorization_response_iss_parameter_supported": true,
	}
}

func tell(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// register gives every client the same name (RFC 7591).
func register(w http.ResponseWriter, r *http.Request) {
	var client map[string]any
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&client) != nil {
		tell(w, http.StatusBadRequest, map[string]string{"error": "invalid_client_metadata"})
		return
	}
	client["client_id"], client["token_endpoint_auth_method"] = "bench-client", "none"
	tell(w, http.StatusCreated, client)
}

func (i *issuer) authorize(w http.ResponseWriter, r *http.Request, base string) {
	q := r.URL.Query()
	back, err := url.Parse(q.Get("redirect_uri"))
	if err != nil || q.Get("code_challenge_method") != "S256" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	code := rand.Text()
	i.mu.Lock()
	i.codes[code] = q.Get("code_challenge")
	i.mu.Unlock()
	answer := back.Query()
	answer.Set("code", code)
	answer.Set("state", q.Get("state"))
	answer.Set("iss", base)
	back.RawQuery = answer.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound)
}

func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	i.mu.Lock()
	defer i.mu.Unlock()
	valid := false
	switch code := r.PostFormValue("code"); r.PostFormValue("grant_type") {
	case "authorization_code":
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		challenge, known := i.codes[code]
		valid = known && challenge == base64.RawURLEncoding.EncodeToString(sum[:])
		delete(i.codes, code)
	case "refresh_token":
		valid = i.tokens[r.PostFormValue("refresh_token")]
	}
	if !valid {
		tell(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	access, refresh := rand.Text(), rand.Text()
	i.tokens[access], i.tokens[refresh] = true, true
	tell(w, http.StatusOK, map[string]any{"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600})
}

// accepts reports whether a request brings a token of this issuer.
func (i *issuer) accepts(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	i.mu.Lock()
	defer i.mu.Unlock()
	return ok && i.tokens[token]
}
