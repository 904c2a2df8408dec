package oauth_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"mcp-login/internal/devidp"
	"mcp-login/internal/dpop"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/oauth/grant"
	"mcp-login/internal/store"
)

// binder stands before the server of a lab, which takes a bound token with a good and fresh
// proof by its key alone (RFC 9449).
type binder struct {
	*lab
	challenge string         // in front of the parameters of each challenge: "DPoP ", or others as well
	metadata  map[string]any // added to that of the resource
	strict    bool           // the server takes no bearer tokens
	rotate    bool           // the server asks for a nonce that nobody has sent

	mu    sync.Mutex
	used  map[string]bool // identifiers of proofs
	nonce string          // that the server wants
	next  string          // the nonce of the next good answer; "": it has none
	count int
	// jkts are the dpop_jkt of authorization requests, and proofs how many requests came with
	// one: good ones to the server, any to the token endpoint of devidp, which judges them.
	jkts           []string
	proofs, tokens int
}

func (b *lab) bind(challenge string) *binder {
	d := &binder{lab: b, challenge: challenge, strict: true, used: map[string]bool{}}
	next := b.wire.hosts[bubbleServer]
	b.wire.hosts[bubbleServer] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.resource(w, r, next) })
	b.wire.before(bubbleProvider, func(_ http.ResponseWriter, r *http.Request) bool {
		d.mu.Lock()
		defer d.mu.Unlock()
		switch {
		case r.URL.Path == "/oidc/auth" && r.URL.Query().Get("prompt") != "none":
			d.jkts = append(d.jkts, r.URL.Query().Get("dpop_jkt"))
		case r.URL.Path == "/oidc/token" && r.Header.Get("DPoP") != "":
			d.tokens++
		}
		return false
	})
	return d
}

// prove checks the proof of a request for a token that is bound to key, and returns an error code.
func (d *binder) prove(w http.ResponseWriter, r *http.Request, token, key string) (code string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, err := url.Parse("http://" + r.Host + r.URL.RequestURI())
	if err != nil {
		d.t.Error(err)
	}
	proof, err := dpop.Verify(r.Header.Get("DPoP"), dpop.Request{Method: r.Method, URL: at, Token: token})
	if err != nil || d.used[proof.ID] {
		return dpop.ErrorCode
	}
	d.used[proof.ID] = true
	if d.rotate {
		d.count++
		d.nonce = "nonce-" + strconv.Itoa(d.count)
	}
	switch {
	case d.nonce != "" && d.nonce != proof.Nonce:
		w.Header().Set("DPoP-Nonce", d.nonce)
		return dpop.ErrUseNonce
	case proof.Thumbprint != key:
		return "invalid_token"
	}
	d.proofs++
	if d.next != "" {
		d.nonce, d.next = d.next, ""
		w.Header().Set("DPoP-Nonce", d.nonce)
	}
	return ""
}

// keyOf is the thumbprint of the key that a token is bound to, "" for none.
func keyOf(token string) string {
	var claims struct {
		jwt.MapClaims `json:"-"`

		Confirmation struct {
			Key string `json:"jkt"`
		} `json:"cnf"`
	}
	_, _, _ = jwt.NewParser().ParseUnverified(token, &claims)
	return claims.Confirmation.Key
}

func (d *binder) resource(w http.ResponseWriter, r *http.Request, next http.Handler) {
	rec := httptest.NewRecorder()
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key := keyOf(token)
	switch {
	case r.URL.Path != "/mcp":
		next.ServeHTTP(rec, r)
		var document map[string]any
		if json.Unmarshal(rec.Body.Bytes(), &document) == nil {
			maps.Copy(document, d.metadata)
			_ = json.NewEncoder(w).Encode(document)
		}
		return
	case token == "", scheme == "Bearer" && key == "" && !d.strict:
		next.ServeHTTP(rec, r)
	case scheme != "DPoP" || key == "": // also a bound token as a bearer token (section 7.2)
		d.refuse(w, "invalid_token")
		return
	default:
		if code := d.prove(w, r, token, key); code != "" {
			d.refuse(w, code)
			return
		}
		r.Header.Set("Authorization", "Bearer "+token)
		next.ServeHTTP(rec, r)
	}
	for _, challenge := range rec.Header().Values("WWW-Authenticate") {
		w.Header().Add("WWW-Authenticate", strings.Replace(challenge, "Bearer ", d.challenge, 1))
	}
	w.WriteHeader(rec.Code)
	_, _ = io.Copy(w, rec.Body)
}

func (d *binder) refuse(w http.ResponseWriter, code string) {
	w.Header().Set("WWW-Authenticate", d.challenge+`error="`+code+`", resource_metadata="`+d.res.url+`/.well-known/oauth-protected-resource/mcp"`)
	w.WriteHeader(http.StatusUnauthorized)
}

// send sends a request to the server as a thief would.
func (d *binder) send(authorization, proof string) int {
	d.t.Helper()
	req := httptest.NewRequest(http.MethodPost, d.lab.server().String(), strings.NewReader("theft"))
	req.Header.Set("Authorization", authorization)
	req.Header.Set("DPoP", proof)
	resp, err := d.wire.RoundTrip(req)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// However the server asks for it, a login leads to tokens that are bound to one key: at the
// authorization endpoint, at the token endpoint, and with a proof of its own for each
// request. A renewal, another process and one more scope keep the key. Whoever steals the
// token alone gets nothing for it.
func TestTokensAreBoundToAKey(t *testing.T) {
	for name, tc := range map[string]struct {
		challenge string
		metadata  map[string]any
	}{
		"by a challenge":          {"DPoP ", nil},
		"by one of two":           {`DPoP algs="RS256 ES256", Bearer `, nil},
		"by the other one of two": {`Bearer, DPoP algs="ES256", `, nil},
		"by its metadata":         {"Bearer ", map[string]any{"dpop_bound_access_tokens_required": true}},
		"by its algorithms":       {"Bearer ", map[string]any{"dpop_signing_alg_values_supported": []string{"ES256"}}},
	} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			d := b.bind(tc.challenge)
			d.metadata = tc.metadata
			s := b.store("")
			_, h := b.client(s, nil)
			b.mustCall(h, "1")
			b.mustCall(h, "2")
			first := b.stored(s)
			key, err := dpop.ParseKey(first.ProofKey.Reveal())
			if err != nil || !first.Bound() || !slices.Equal(d.jkts, []string{key.Thumbprint()}) {
				t.Fatalf("%v, bound %v, dpop_jkt %v", err, first.Bound(), d.jkts)
			}
			b.res.revokeSeen()
			_, other := b.client(s, nil)
			b.mustCall(other, "3")
			b.res.demand("mcp:write")
			b.mustCall(other, "4")
			last := b.stored(s)
			if !last.ProofKey.Equal(first.ProofKey) || last.AccessToken.Equal(first.AccessToken) || b.idp.Stats().Refreshes != 1 || b.tabs.Load() != 2 {
				t.Errorf("the same key: %v; %d refreshes, %d tabs", last.ProofKey.Equal(first.ProofKey), b.idp.Stats().Refreshes, b.tabs.Load())
			}
			if d.tokens != 3 || d.proofs < 5 {
				t.Errorf("%d proofs for tokens, %d for requests", d.tokens, d.proofs)
			}
			token, at := last.AccessToken.Reveal(), b.server()
			proof := func(k *dpop.Key, method, token string) string {
				p, err := k.Proof(method, at, token, "", first.ObtainedAt)
				if err != nil {
					t.Fatal(err)
				}
				return p
			}
			for what, status := range map[string]int{
				"as a bearer token":         d.send("Bearer "+token, ""),
				"without a proof":           d.send("DPoP "+token, ""),
				"by another key":            d.send("DPoP "+token, proof(dpop.NewKey(), "POST", token)),
				"a proof of another method": d.send("DPoP "+token, proof(key, "GET", token)),
				"a proof of another token":  d.send("DPoP "+token, proof(key, "POST", first.AccessToken.Reveal())),
			} {
				if status != http.StatusUnauthorized {
					t.Errorf("%s: %d", what, status)
				}
			}
			if status := d.send("DPoP "+token, proof(key, "POST", token)); status != http.StatusOK {
				t.Errorf("the resource refuses the owner as well: %d", status)
			}
		}))
	}
}

// A provider that could bind tokens is no reason to ask for it, nor is a server that takes
// proofs by other algorithms alone, besides bearer tokens.
func TestNothingIsBoundUnasked(t *testing.T) {
	for _, challenge := range []string{"Bearer ", `DPoP algs="PS256", Bearer `} {
		t.Run(challenge, inBubble(nil, func(t *testing.T, b *lab) {
			d := b.bind(challenge)
			d.strict = false
			s := b.store("")
			_, h := b.client(s, nil)
			b.mustCall(h, "1")
			if cred := b.stored(s); cred.Bound() || !cred.ProofKey.IsZero() || cred.TokenType != "Bearer" || d.tokens != 0 || !slices.Equal(d.jkts, []string{""}) {
				t.Errorf("%s, %d proofs, dpop_jkt %q", cred.TokenType, d.tokens, d.jkts)
			}
		}))
	}
}

// What nobody can have ends before anybody is asked, and says who can change it.
func TestNoCommonAlgorithm(t *testing.T) {
	for name, tc := range map[string]struct {
		challenge string
		provider  []string
		says      string
	}{
		"the server's":   {`DPoP algs="PS256", `, []string{"ES256"}, "no proofs by ES256"},
		"the provider's": {"DPoP ", []string{"RS256"}, "the authorization server lists no proofs by ES256"},
		"nothing":        {"DPoP ", nil, "the authorization server lists no proofs by ES256"},
	} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			b.bind(tc.challenge)
			b.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"dpop_signing_alg_values_supported": tc.provider}})
			_, h := b.client(b.store(""), nil)
			_, _, err := b.call(h, "1")
			if err == nil || !strings.Contains(err.Error(), tc.says) || b.tabs.Load() != 0 {
				t.Errorf("%v, %d tabs", err, b.tabs.Load())
			}
		}))
	}
}

// An ID token cannot be bound: where the server takes nothing else, that is said before anybody is
// asked, and elsewhere nothing is bound for it.
func TestIDTokenIsNotBound(t *testing.T) {
	byIDToken := func(c *oauth.Config) { c.IDToken = true }
	t.Run("required", inBubble(nil, func(t *testing.T, b *lab) {
		b.bind("DPoP ")
		_, h := b.client(b.store(""), byIDToken)
		_, _, err := b.call(h, "1")
		if !strings.Contains(hint.Of(err), "leave out --id-token") || b.tabs.Load() != 0 {
			t.Errorf("%v, hint %q, %d tabs", err, hint.Of(err), b.tabs.Load())
		}
	}))
	t.Run("bound before", inBubble(nil, func(t *testing.T, b *lab) {
		b.bind("DPoP, Bearer ").strict = false
		s := b.store("")
		c, h := b.client(s, nil)
		b.mustCall(h, "1")
		_, byID := b.client(s, byIDToken)
		_, _, err := b.call(byID, "2")
		if err == nil || !strings.Contains(err.Error(), "this login is bound to a key") || !strings.HasPrefix(hint.Of(err), "leave out --id-token") || !strings.HasSuffix(hint.Of(err), "mcp-login logout "+b.server().String()) || b.tabs.Load() != 1 {
			t.Errorf("%v, hint %q, %d tabs", err, hint.Of(err), b.tabs.Load())
		}
		if _, err := c.Logout(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		_, byID = b.client(s, byIDToken)
		_, _, _ = b.call(byID, "3") // this server takes no ID tokens
		if cred := b.stored(s); cred.IDToken.IsZero() || cred.Bound() {
			t.Errorf("signed in: %v, bound: %v", !cred.IDToken.IsZero(), cred.Bound())
		}
	}))
	t.Run("asked for", inBubble(nil, func(t *testing.T, b *lab) {
		d := b.bind("DPoP, Bearer ")
		d.strict = false
		s := b.store("")
		_, h := b.client(s, byIDToken)
		_, _, _ = b.call(h, "1") // this server takes no ID tokens
		if cred := b.stored(s); cred.IDToken.IsZero() || cred.Bound() || d.tokens != 0 || d.jkts[0] != "" {
			t.Errorf("signed in: %v, bound: %v, %d proofs, dpop_jkt %q", !cred.IDToken.IsZero(), cred.Bound(), d.tokens, d.jkts)
		}
	}))
}

// A bearer token in answer is an error where the server takes no others, and for an account
// that has been bound; else it is taken for what it is.
func TestBearerTokenInAnswer(t *testing.T) {
	const said = "not one that is bound to the key"
	answers := map[string]any{"token_type": "Bearer"}
	t.Run("required", inBubble(nil, func(t *testing.T, b *lab) {
		b.bind("DPoP ")
		b.idp.SetFaults(devidp.Faults{TokenMembers: answers})
		s := b.store("")
		_, h := b.client(s, nil)
		if _, _, err := b.call(h, "1"); err == nil || !strings.Contains(err.Error(), said) {
			t.Error(err)
		}
		if cred := b.stored(s); cred.HasToken() || cred.Bound() {
			t.Error("something of it is kept")
		}
	}))
	t.Run("asked for", inBubble(func(c *devidp.Config) { c.NoDPoP = true }, func(t *testing.T, b *lab) {
		d := b.bind("DPoP, Bearer ")
		b.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"dpop_signing_alg_values_supported": []string{"ES256"}}})
		d.strict = false
		s := b.store("")
		_, h := b.client(s, nil)
		b.mustCall(h, "1")
		if cred := b.stored(s); cred.Bound() || !cred.ProofKey.IsZero() || d.tokens != 1 {
			t.Errorf("the account is bound to a key that no token is bound to, or nothing was asked for: %d", d.tokens)
		}
	}))
	t.Run("bound", inBubble(nil, func(t *testing.T, b *lab) {
		d := b.bind("DPoP, Bearer ")
		s := b.store("")
		_, h := b.client(s, nil)
		b.mustCall(h, "1")
		key := b.stored(s).ProofKey
		b.idp.SetFaults(devidp.Faults{TokenMembers: answers})
		d.strict = false
		b.res.revokeSeen()
		if _, _, err := b.call(h, "2"); err == nil || !strings.Contains(err.Error(), said) {
			t.Error(err)
		}
		if cred := b.stored(s); !cred.Bound() || !cred.ProofKey.Equal(key) || d.proofs != 2 {
			t.Errorf("bound: %v, %d proofs", cred.Bound(), d.proofs)
		}
		// Nor is there a way back by the metadata.
		b.idp.SetFaults(devidp.Faults{MetadataMembers: map[string]any{"dpop_signing_alg_values_supported": nil}})
		if _, _, err := b.call(h, "3"); err == nil || !strings.Contains(err.Error(), "this login is bound to a key") {
			t.Error(err)
		}
	}))
}

// The provider and the server have nonces of their own. What is refused for want of one is
// sent once more, beside the one renewal and its replay: with a token that has ended, and
// nonces that have changed meanwhile, a request still gets through.
func TestNoncesAreOfEachServer(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		d := b.bind("DPoP ")
		b.idp.SetFaults(devidp.Faults{DPoPNonce: true})
		d.nonce = "of-the-server"
		s := b.store("")
		_, h := b.client(s, nil)
		b.mustCall(h, "1")
		before := len(b.wire.times("POST /mcp"))
		b.mustCall(h, "2")
		if sent := len(b.wire.times("POST /mcp")) - before; sent != 1 {
			t.Errorf("%d requests with a nonce that is known", sent)
		}
		d.next = "of-a-good-answer" // RFC 9449 section 8.2
		before = len(b.wire.times("POST /mcp"))
		b.mustCall(h, "renewed")
		b.mustCall(h, "with the new one")
		if sent := len(b.wire.times("POST /mcp")) - before; sent != 2 {
			t.Errorf("%d requests for two calls with a nonce that a good answer has renewed", sent)
		}
		b.res.revokeSeen()
		before = len(b.wire.times("POST /mcp"))
		b.mustCall(h, "3") // with a nonce of the provider in between
		if sent := len(b.wire.times("POST /mcp")) - before; sent != 2 {
			t.Errorf("%d requests with a nonce that is known, and a token that has ended", sent)
		}
		b.res.revokeSeen()
		<-time.After(5 * time.Minute) // of the bubble: the nonce of the provider has ended
		d.nonce = "next-of-the-server"
		tokens := d.tokens
		b.mustCall(h, "4")
		if d.tokens-tokens != 2 {
			t.Errorf("%d requests for a token with a nonce that has ended", d.tokens-tokens)
		}
		if stats := b.idp.Stats(); stats.ReuseDetections != 0 || b.tabs.Load() != 1 {
			t.Errorf("%d refresh tokens used again, %d tabs", stats.ReuseDetections, b.tabs.Load())
		}
	})(t)
}

// Whoever goes on asking for nonces ends the request, soon and in words. No login is lost by
// it, and nobody is asked.
func TestNonceStorm(t *testing.T) {
	for name, host := range map[string]string{"server": bubbleServer, "provider": bubbleProvider} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			d := b.bind("DPoP ")
			s := b.store("")
			_, h := b.client(s, nil)
			b.mustCall(h, "1")
			before := b.stored(s)
			if d.rotate = host == bubbleServer; !d.rotate {
				b.res.revokeSeen()
				b.idp.SetFaults(devidp.Faults{NonceStorm: true})
			}
			asked := len(b.wire.times("POST /mcp")) + len(b.wire.times(tokenPath))
			_, _, err := b.call(h, "2")
			var refused *grant.Error
			if !errors.As(err, &refused) || refused.Code != dpop.ErrUseNonce || refused.Hint == "" {
				t.Errorf("%v", err)
			}
			if sent := len(b.wire.times("POST /mcp")) + len(b.wire.times(tokenPath)) - asked; sent > 4 {
				t.Errorf("%d requests", sent)
			}
			if now := b.stored(s); b.tabs.Load() != 1 || !now.RefreshToken.Equal(before.RefreshToken) {
				t.Errorf("%d tabs; the login is kept: %v", b.tabs.Load(), now.RefreshToken.Equal(before.RefreshToken))
			}
			d.rotate, d.nonce = false, ""
			b.idp.SetFaults(devidp.Faults{})
			b.mustCall(h, "3")
		}))
	}
}

// A nonce that is asked for and not given, or that cannot stand in a header, is an error at once.
func TestNonceThatIsNone(t *testing.T) {
	for _, nonce := range []string{"", "a b", strings.Repeat("n", 2000)} {
		t.Run(nonce[:min(3, len(nonce))], inBubble(nil, func(t *testing.T, b *lab) {
			b.bind("DPoP ")
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
			b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
				w.Header().Set("DPoP-Nonce", nonce)
				w.Header().Set("WWW-Authenticate", `DPoP error="use_dpop_nonce"`)
				w.WriteHeader(http.StatusUnauthorized)
				return true
			})
			before := len(b.wire.times("POST /mcp"))
			if _, _, err := b.call(h, "2"); err == nil || !strings.Contains(err.Error(), dpop.ErrUseNonce) || len(b.wire.times("POST /mcp")) != before+1 {
				t.Errorf("%v after %d requests", err, len(b.wire.times("POST /mcp"))-before)
			}
		}))
	}
}

// A server that refuses proofs gets another one once, and then the person hears of the clock;
// nobody is asked to sign in for it. The command in the hint leads to another key.
func TestRefusedProofIsNoLogin(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.bind("DPoP ")
		s := b.store("")
		c, h := b.client(s, nil)
		b.mustCall(h, "1")
		refusals := 1
		b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
			if refusals == 0 {
				return false
			}
			refusals--
			w.Header().Set("WWW-Authenticate", `DPoP error="invalid_dpop_proof"`)
			w.WriteHeader(http.StatusUnauthorized)
			return true
		})
		b.mustCall(h, "2")
		refusals = 2
		_, _, err := b.call(h, "3")
		var refused *grant.Error
		if !errors.As(err, &refused) || !strings.Contains(refused.Hint, "clock") || b.tabs.Load() != 1 || b.idp.Stats().Refreshes != 0 {
			t.Fatalf("%v, %d tabs", err, b.tabs.Load())
		}
		b.forgetsKey(s, c, h, refused.Hint)
	})(t)
}

// forgetsKey does what a hint says last, which is to lead to a login with another key.
func (b *lab) forgetsKey(s oauth.Store, c *oauth.Client, h *http.Client, said string) {
	b.t.Helper()
	before, end := b.stored(s).ProofKey, c.LogoutForNewLogin // login --again
	if strings.HasSuffix(said, "run: mcp-login logout "+b.server().String()) {
		end = func(ctx context.Context) error { _, err := c.Logout(ctx, false); return err }
	}
	if err := end(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
	b.mustCall(h, "after the hint")
	if now := b.stored(s); !now.Bound() || now.ProofKey.Equal(before) {
		b.t.Errorf("the hint leads to the same key: %q", said)
	}
}

// A provider that refuses the proof at a renewal has not looked at the refresh token: the login
// is kept, nobody is asked, and the hint is about the clock. When that is right, the login goes on;
// the command in the hint leads to another key.
func TestRefusedProofAtRefreshCostsNoLogin(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.bind("DPoP ")
		s := b.store("")
		c, h := b.client(s, notInteractive)
		b.mustCall(h, "1")
		before, wrong := b.stored(s), true
		b.wire.before(bubbleProvider, func(w http.ResponseWriter, r *http.Request) bool {
			if wrong && r.URL.Path == "/oidc/token" {
				says(http.StatusBadRequest, `{"error":"invalid_dpop_proof","error_description":"iat is too far in the future"}`)(w, r)
				return true
			}
			return false
		})
		b.res.revokeSeen()
		_, _, err := b.call(h, "2")
		if now := b.stored(s); !errors.Is(err, discovery.ErrUnavailable) || !strings.HasPrefix(hint.Of(err), "is the clock") || !now.RefreshToken.Equal(before.RefreshToken) || b.tabs.Load() != 1 {
			t.Errorf("%v, hint %q; the login is kept: %v; %d tabs", err, hint.Of(err), now.RefreshToken.Equal(before.RefreshToken), b.tabs.Load())
		}
		wrong = false
		b.mustCall(h, "3")
		if b.tabs.Load() != 1 {
			t.Errorf("%d tabs", b.tabs.Load())
		}
		b.forgetsKey(s, c, h, hint.Of(err))
	})(t)
}

// A key that is lost, or another one, which the provider refuses, is a new login, and no
// reason to take bearer tokens. That it is lost is said once.
func TestLostKeyIsANewLogin(t *testing.T) {
	for name, key := range map[string]grant.Secret{"lost": {}, "damaged": grant.NewSecret("AAAA"), "another one": grant.NewProofKey()} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			d := b.bind("DPoP, Bearer ")
			s := b.store("")
			_, h := b.client(s, nil)
			b.mustCall(h, "1")
			cred := b.stored(s)
			before := cred.ProofKey
			cred.ProofKey = key
			b.save(s, cred)
			b.res.revokeSeen()
			d.strict = false
			var log bytes.Buffer
			_, other := b.client(s, func(c *oauth.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
			b.mustCall(other, "2")
			if said := strings.Count(log.String(), "bound to a key that is lost"); said != map[string]int{"lost": 1, "damaged": 1}[name] {
				t.Errorf("said %d times", said)
			}
			now := b.stored(s)
			if !now.Bound() || now.ProofKey.IsZero() || now.ProofKey.Equal(before) || b.tabs.Load() != 2 {
				t.Errorf("bound: %v, %d tabs", now.Bound(), b.tabs.Load())
			}
		}))
	}
}

// A server that begins to ask for it gets it with one login; after a logout nothing is left of
// the key.
func TestServerBeginsToAsk(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		d := b.bind("Bearer ")
		d.strict = false
		s := b.store("")
		c, h := b.client(s, nil)
		b.mustCall(h, "1")
		d.challenge, d.strict = "DPoP ", true
		b.mustCall(h, "2")
		if cred := b.stored(s); !cred.Bound() || b.tabs.Load() != 2 {
			t.Errorf("bound: %v, %d tabs", cred.Bound(), b.tabs.Load())
		}
		err := c.LogoutForNewLogin(t.Context())
		if kept := b.stored(s); err != nil || !kept.Bound() || kept.HasToken() {
			t.Errorf("a login that is to be repeated: bound %v, %v", kept.Bound(), err)
		}
		if _, err := c.Logout(t.Context(), false); err != nil {
			t.Error(err)
		}
		if _, err := s.Load(t.Context(), oauth.Key{Server: b.server().String()}); !errors.Is(err, oauth.ErrNotFound) {
			t.Errorf("the key is kept: %v", err)
		}
	})(t)
}

// What an earlier version has kept of the provider says nothing of DPoP: after an upgrade that is
// read anew where the server asks for bound tokens, also beside bearer tokens.
func TestKeptMetadataOfAnEarlierVersion(t *testing.T) {
	for name, tc := range map[string]struct {
		challenge string
		metadata  map[string]any
	}{
		"by a challenge": {"DPoP, Bearer ", nil},
		"by metadata":    {"Bearer ", map[string]any{"dpop_signing_alg_values_supported": []string{"ES256"}}},
	} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			d := b.bind("Bearer ")
			d.strict = false
			s := b.store("")
			_, h := b.client(s, nil)
			b.mustCall(h, "1")
			cred := b.stored(s)
			cred.Metadata.DPoPAlgorithms, cred.RefreshToken = nil, grant.Secret{}
			b.save(s, cred)
			b.res.revokeSeen()
			d.challenge, d.metadata = tc.challenge, tc.metadata
			_, h = b.client(s, nil)
			b.mustCall(h, "2")
			if cred := b.stored(s); !cred.Bound() {
				t.Error("not bound")
			}
		}))
	}
}

// A redirect on the server's own origin is followed with a proof for the address that it leads to.
func TestRedirectHasItsOwnProof(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		b.bind("DPoP ")
		_, h := b.client(b.store(""), nil)
		b.mustCall(h, "1")
		var first string
		b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
			if r.URL.Path == "/mcp" {
				first = r.Header.Get("DPoP")
				http.Redirect(w, r, "/other", http.StatusTemporaryRedirect)
				return true
			}
			_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
			at := &url.URL{Scheme: "http", Host: r.Host, Path: "/other"}
			if _, err := dpop.Verify(r.Header.Get("DPoP"), dpop.Request{Method: http.MethodPost, URL: at, Token: token}); err != nil || r.Header.Get("DPoP") == first {
				t.Errorf("%s: %v", r.URL.Path, err)
			}
			_, _ = io.WriteString(w, "sub=")
			return true
		})
		b.mustCall(h, "2")
		if first == "" {
			t.Error("nothing was redirected")
		}
	})(t)
}

// A server that asks for it no longer, and refuses bound tokens, is told apart: the hint names the
// command that ends the binding, after which a bearer token does. Nobody is asked to sign in before,
// which could not help.
func TestServerGoesBackToBearer(t *testing.T) {
	inBubble(nil, func(t *testing.T, b *lab) {
		d := b.bind("DPoP ")
		s := b.store("")
		c, h := b.client(s, nil)
		b.mustCall(h, "1")
		d.challenge, d.strict = "Bearer ", false
		b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
			if strings.HasPrefix(r.Header.Get("Authorization"), "DPoP ") {
				d.refuse(w, "invalid_token")
				return true
			}
			return false
		})
		for name, more := range map[string]func(*oauth.Config){"a client": nil, "doctor and status": func(c *oauth.Config) { c.Listen = nil }} {
			_, h := b.client(s, more)
			_, _, err := b.call(h, "2")
			if err == nil || !strings.HasSuffix(hint.Of(err), "mcp-login logout "+b.server().String()) || b.tabs.Load() != 1 {
				t.Fatalf("%s: %v, hint %q, %d tabs", name, err, hint.Of(err), b.tabs.Load())
			}
		}
		if _, err := c.Logout(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		b.mustCall(h, "3")
		if cred := b.stored(s); cred.Bound() {
			t.Error("still bound")
		}
	})(t)
}

// A server has gone back only where neither its challenge nor its metadata asks for bound tokens.
// One that asks in its metadata alone, and one that says nothing at all, get a login where they
// refuse a renewed token as well, and no hint about the key.
func TestServerThatStillAsks(t *testing.T) {
	for name, tc := range map[string]struct {
		challenge string
		metadata  map[string]any
		bare      bool
	}{
		"by its metadata":     {"Bearer ", map[string]any{"dpop_bound_access_tokens_required": true}, false},
		"by its algorithms":   {"Bearer ", map[string]any{"dpop_signing_alg_values_supported": []string{"ES256"}}, false},
		"without a challenge": {"DPoP ", nil, true},
	} {
		t.Run(name, inBubble(nil, func(t *testing.T, b *lab) {
			d := b.bind(tc.challenge)
			d.metadata = tc.metadata
			_, h := b.client(b.store(""), nil)
			b.mustCall(h, "1")
			deaf := false // no token helps
			b.wire.before(bubbleServer, func(w http.ResponseWriter, r *http.Request) bool {
				switch {
				case r.URL.Path != "/mcp", !deaf && b.tabs.Load() > 1:
					return false
				case tc.bare:
					w.WriteHeader(http.StatusUnauthorized)
				default:
					d.refuse(w, "invalid_token")
				}
				return true
			})
			b.mustCall(h, "2")
			if b.tabs.Load() != 2 || b.idp.Stats().Refreshes != 1 {
				t.Errorf("%d tabs, %d refreshes", b.tabs.Load(), b.idp.Stats().Refreshes)
			}
			deaf = true
			_, _, err := b.call(h, "3")
			if err == nil || !strings.Contains(err.Error(), "issued for it a moment ago") || strings.Contains(hint.Of(err), "bound to a key") {
				t.Errorf("%v, hint %q", err, hint.Of(err))
			}
		}))
	}
}

// The device grant, a client without a person, and a login in another process bind as well.
func TestOtherGrantsBind(t *testing.T) {
	t.Run("device", inBubble(nil, func(t *testing.T, b *lab) {
		b.device = oauth.DeviceAlways
		b.bind("DPoP ")
		s := b.store("")
		_, h := b.client(s, nil)
		b.mustCall(h, "1")
		if cred := b.stored(s); !cred.Bound() {
			t.Error("not bound")
		}
	}))
	for name, endpoint := range map[string]string{"client": "", "client with an endpoint": "http://" + bubbleProvider + "/oidc/token"} {
		machine := devidp.Client{ID: "machine", Secret: "s3cret", AuthMethod: "client_secret_basic", GrantTypes: []string{"client_credentials"}}
		t.Run(name, inBubble(func(c *devidp.Config) { c.Clients = []devidp.Client{machine} }, func(t *testing.T, b *lab) {
			d := b.bind("DPoP ")
			_, h := b.client(b.store(""), func(c *oauth.Config) {
				c.Listen, c.Key.Grant, c.Key.ClientID, c.TokenEndpoint = nil, oauth.GrantClientCredentials, "machine", endpoint
				c.Identity = grant.Identity{ClientID: "machine", ClientSecret: grant.NewSecret("s3cret")}
			})
			b.mustCall(h, "1")
			b.res.revokeSeen()
			b.mustCall(h, "2")
			if d.tokens != 2 || b.tabs.Load() != 0 {
				t.Errorf("%d proofs for tokens, %d tabs", d.tokens, b.tabs.Load())
			}
		}))
	}
	t.Run("another process", inBubble(nil, func(t *testing.T, b *lab) {
		d := b.bind("DPoP ")
		s := b.store("")
		var handed oauth.LoginRequest
		_, h := b.client(s, func(c *oauth.Config) {
			c.StartDetached = func(_ context.Context, r oauth.LoginRequest) error {
				text, err := json.Marshal(r)
				if err == nil {
					err = json.Unmarshal(text, &handed)
				}
				return cmp.Or(err, oauth.ErrNotDetached)
			}
		})
		b.mustCall(h, "1")
		s = b.store("")
		c, _ := b.client(s, nil)
		if err := c.RunDetached(t.Context(), handed, func() {}); err != nil {
			t.Fatal(err)
		}
		if cred := b.stored(s); !cred.Bound() || len(d.jkts) != 2 || d.jkts[1] == "" || d.jkts[1] == d.jkts[0] {
			t.Errorf("bound %v, dpop_jkt %v", cred.Bound(), d.jkts)
		}
	}))
}

type answering struct{}

func (answering) RoundTrip(req *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
}

// What it costs to sign a request, with a bearer token and with a proof.
func BenchmarkSignedRequest(b *testing.B) {
	for _, kind := range []string{"Bearer", "DPoP"} {
		b.Run(kind, func(b *testing.B) {
			server, err := url.Parse("https://mcp.example/mcp")
			if err != nil {
				b.Fatal(err)
			}
			s, err := store.Open(store.Options{Kind: store.KindMemory})
			if err != nil {
				b.Fatal(err)
			}
			key := oauth.Key{Server: server.String()}
			cred := oauth.Credential{Server: key.Server, AccessToken: grant.NewSecret(strings.Repeat("a", 700)), TokenType: kind, ProofKey: grant.NewProofKey()}
			if err := s.Save(b.Context(), key, cred); err != nil {
				b.Fatal(err)
			}
			c := oauth.New(oauth.Config{Server: server, Key: key, HTTP: http.DefaultClient, Store: s})
			defer c.Close()
			transport := c.Transport(answering{})
			req := httptest.NewRequest(http.MethodPost, key.Server, http.NoBody)
			b.ReportAllocs()
			for b.Loop() {
				resp, err := transport.RoundTrip(req)
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(err)
				}
			}
		})
	}
}
