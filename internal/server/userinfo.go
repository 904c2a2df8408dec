package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"golang.org/x/sync/singleflight"
)

const (
	maxUserinfoBytes = 256 << 10
	// userinfoTTL is how long an answer is reused, and so how long a revoked
	// opaque token may still be accepted.
	userinfoTTL = 30 * time.Second
	// maxUserinfoEntries bounds the cache.
	maxUserinfoEntries = 1024
	// maxUserinfoCalls bounds the calls under way. Anyone can send random
	// tokens, and each costs the provider a call.
	maxUserinfoCalls = 64
)

// userinfoVerifier shows opaque tokens to the issuer's userinfo endpoint
// (OpenID Connect Core section 5.3).
type userinfoVerifier struct {
	provider *provider
	life     context.Context
	scopes   []string // named to a client whose token lacks openid
	cache    userinfoCache
	flight   singleflight.Group
	slots    chan struct{}
}

func newUserinfoVerifier(life context.Context, p *provider, scopes []string) *userinfoVerifier {
	if !slices.Contains(scopes, "openid") {
		scopes = append([]string{"openid"}, scopes...)
	}
	return &userinfoVerifier{
		provider: p, life: life, scopes: scopes,
		cache: userinfoCache{entries: make(map[tokenKey]userinfoEntry)},
		slots: make(chan struct{}, maxUserinfoCalls),
	}
}

// tokenKey stands for a token where it is remembered, so that no token is kept.
type tokenKey [sha256.Size]byte

// verify returns the token's identity, from the cache or from one call that
// all who ask about the same token share. The call does not end with the
// request that caused it.
func (v *userinfoVerifier) verify(ctx context.Context, token string) (Identity, error) {
	key := tokenKey(sha256.Sum256([]byte(token)))
	if id, ok := v.cache.get(key); ok {
		return id, nil
	}
	answer := v.flight.DoChan(hex.EncodeToString(key[:]), func() (any, error) {
		ctx, cancel := context.WithTimeout(v.life, fetchTimeout)
		defer cancel()
		id, err := v.ask(ctx, token)
		if err == nil {
			v.cache.put(key, id)
		}
		return id, err
	})
	select {
	case r := <-answer:
		id, _ := r.Val.(Identity)
		return id, r.Err
	case <-ctx.Done():
		return Identity{}, fmt.Errorf("wait for userinfo: %w: %w", ErrUnavailable, ctx.Err())
	}
}

func (v *userinfoVerifier) ask(ctx context.Context, token string) (Identity, error) {
	meta, _, err := v.provider.metadata.get(ctx)
	if err != nil {
		return Identity{}, err
	}
	if meta.UserinfoEndpoint == "" {
		return Identity{}, refusal("opaque, and the issuer has no userinfo endpoint")
	}
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return Identity{}, fmt.Errorf("wait for a userinfo slot: %w: %w", ErrUnavailable, ctx.Err())
	}
	status, header, body, err := v.provider.read(ctx, meta.UserinfoEndpoint, token, maxUserinfoBytes)
	if err != nil {
		v.provider.log.Warn("userinfo could not be read", "issuer", v.provider.issuer, "error", err)
		return Identity{}, fmt.Errorf("userinfo: %w: %w", ErrUnavailable, err)
	}
	return v.judge(status, header, body)
}

// judge reads the endpoint's answer. Logto says 400 for a suspended user, 401
// for an unknown token and 403 for one without the openid scope. Every other
// status says nothing about the token.
func (v *userinfoVerifier) judge(status int, header http.Header, body []byte) (Identity, error) {
	switch status {
	case http.StatusOK:
		return v.identity(body)
	case http.StatusForbidden:
		if lacksScope(header, body) {
			// The token is good but was issued without openid. Named scopes
			// let the client ask for it, where a 401 would make it repeat the
			// same request.
			return Identity{}, &InsufficientScopeError{Scopes: v.scopes}
		}
		return Identity{}, refusal("refused by userinfo (403)")
	case http.StatusBadRequest, http.StatusUnauthorized:
		return Identity{}, refusal(fmt.Sprintf("refused by userinfo (%d)", status))
	}
	v.provider.log.Warn("userinfo answered neither yes nor no", "issuer", v.provider.issuer, "status", status)
	return Identity{}, fmt.Errorf("userinfo answered %d: %w", status, ErrUnavailable)
}

// lacksScope reports insufficient_scope, from the body or the challenge.
func lacksScope(header http.Header, body []byte) bool {
	var answer struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &answer) == nil && answer.Error != "" {
		return answer.Error == "insufficient_scope"
	}
	return strings.Contains(strings.Join(header.Values("WWW-Authenticate"), ","), `error="insufficient_scope"`)
}

func (v *userinfoVerifier) identity(body []byte) (Identity, error) {
	claims, err := decodeClaims(body)
	if err != nil {
		// A signed or encrypted answer, or no answer of a userinfo endpoint
		// at all. Not the caller's fault.
		v.provider.log.Warn("userinfo is not a JSON object", "issuer", v.provider.issuer)
		return Identity{}, fmt.Errorf("decode userinfo: %w", ErrUnavailable)
	}
	sub, _ := claims["sub"].(string)
	if sub == "" {
		v.provider.log.Warn("userinfo has no sub", "issuer", v.provider.issuer)
		return Identity{}, fmt.Errorf("userinfo without sub: %w", ErrUnavailable)
	}
	return Identity{Subject: sub, Issuer: v.provider.issuer, Claims: claims}, nil
}

type userinfoEntry struct {
	identity Identity
	until    time.Time
}

// userinfoCache remembers good answers for userinfoTTL, and never past an
// expiry where one is known. Bad answers are not remembered.
type userinfoCache struct {
	mu      sync.Mutex
	entries map[tokenKey]userinfoEntry
}

func (c *userinfoCache) get(key tokenKey) (Identity, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok || !time.Now().Before(e.until) {
		delete(c.entries, key)
		return Identity{}, false
	}
	return e.identity, true
}

func (c *userinfoCache) put(key tokenKey, id Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if len(c.entries) >= maxUserinfoEntries {
		c.evict(now)
	}
	until := now.Add(userinfoTTL)
	if !id.Expiry.IsZero() && id.Expiry.Before(until) {
		until = id.Expiry
	}
	c.entries[key] = userinfoEntry{identity: id, until: until}
}

// evict drops what has ended, and any one entry if nothing has.
func (c *userinfoCache) evict(now time.Time) {
	for k, e := range c.entries {
		if !now.Before(e.until) {
			delete(c.entries, k)
		}
	}
	for k := range c.entries {
		if len(c.entries) < maxUserinfoEntries {
			return
		}
		delete(c.entries, k)
	}
}
