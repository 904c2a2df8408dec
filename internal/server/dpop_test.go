package server

import (
	"context"
	"crypto/sha256"
	"errors"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/prometheus/client_golang/prometheus"

	"mcp-login/bearer"
	"mcp-login/internal/dpop"
	"mcp-login/internal/server/gateway"
	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

var nonceSecret = []byte(strings.Repeat("s", 32))

// accepting takes bound tokens beside others. Replicas that have taken nothing yet remember with it, so
// that it takes proofs without a nonce at once.
func accepting(c *Config) {
	c.DPoP = &bearer.DPoP{NonceSecret: nonceSecret, Remember: func(context.Context, [sha256.Size]byte, time.Time) (bool, error) { return true, nil }}
}

// forged is a proof of the holder that is signed in another way than by its key.
func forged(t *testing.T, h issuer.Holder, method jwt.SigningMethod, key any) string {
	t.Helper()
	good, _, err := jwt.NewParser().ParseUnverified(h.Proof(t, "POST", issuer.Resource, ""), jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	proof := jwt.NewWithClaims(method, good.Claims)
	maps.Copy(proof.Header, good.Header)
	proof.Header["alg"] = method.Alg()
	signed, err := proof.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// Whoever has a token that is bound to a key has nothing without that key, whatever proof is
// shown with it; and a proof is good for one request, once (RFC 9449 sections 4.3, 7 and 11).
func TestOnlyWhoHasTheKeyUsesABoundToken(t *testing.T) {
	onBothBackends(t, onlyWhoHasTheKeyUsesABoundToken)
}

func onlyWhoHasTheKeyUsesABoundToken(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(func(c *Config) {
		accepting(c)
		c.AllowedHosts = []string{"evil.example"}
	}))
	alice, mallory := i.Bind(t, issuer.Change{}), i.Bind(t, issuer.Change{Claims: map[string]any{"sub": "mallory"}})
	thief := issuer.Holder{Key: mallory.Key, Token: alice.Token}
	unbound := issuer.Holder{Key: alice.Key, Token: i.Sign(t, issuer.Change{})}
	certificate := i.Bind(t, issuer.Change{Claims: map[string]any{"cnf": map[string]any{"x5t#S256": alice.Key.Thumbprint()}}})
	both := i.Bind(t, issuer.Change{})
	both.Token = i.Claim(t, "cnf", map[string]any{"jkt": both.Key.Thumbprint(), "x5t#S256": "x"})
	proof := func() string { return alice.Proof(t, "POST", issuer.Resource, "") }
	used := proof()
	if resp := call(s, "POST", "/mcp", "", callWhoami, alice.Header(used)...); resp.StatusCode != 200 {
		t.Fatalf("the good proof: %d", resp.StatusCode)
	}
	elsewhere := dpop.NewNonces(nonceSecret, "http://127.0.0.1:3001/other")
	ours := dpop.NewNonces(nonceSecret, issuer.Resource)
	const invalid, useNonce = "invalid_dpop_proof", "use_dpop_nonce"
	for name, tt := range map[string]struct {
		header []string
		want   string
	}{
		"no proof":                    {alice.Header(), invalid},
		"an empty proof":              {alice.Header(""), invalid},
		"used already":                {alice.Header(used), invalid},
		"used already, another case":  {[]string{"Authorization", "dpop " + alice.Token, "Dpop", used}, invalid},
		"by another key":              {thief.Header(thief.Proof(t, "POST", issuer.Resource, "")), invalid},
		"another's proof":             {alice.Header(mallory.Proof(t, "POST", issuer.Resource, "")), invalid},
		"for another endpoint":        {alice.Header(alice.Proof(t, "POST", "http://127.0.0.1:3001/sse", "")), invalid},
		"for another path":            {alice.Header(alice.Proof(t, "POST", issuer.Resource+"/", "")), invalid},
		"for another origin":          {alice.Header(alice.Proof(t, "POST", "http://evil.example/mcp", "")), invalid},
		"for the origin of Host":      {append(alice.Header(alice.Proof(t, "POST", "http://evil.example/mcp", "")), "Host", "evil.example", "X-Forwarded-Host", "evil.example", "Forwarded", "host=evil.example"), invalid},
		"for another scheme":          {alice.Header(alice.Proof(t, "POST", "https://127.0.0.1:3001/mcp", "")), invalid},
		"for another method":          {append(alice.Header(alice.Proof(t, "GET", issuer.Resource, "")), "X-Forwarded-Method", "GET", "X-Http-Method-Override", "GET"), invalid},
		"for another token":           {alice.Header(unbound.Proof(t, "POST", issuer.Resource, "")), invalid},
		"for the token endpoint":      {alice.Header(issuer.Holder{Key: alice.Key}.Proof(t, "POST", issuer.Resource, "")), invalid},
		"unsigned":                    {alice.Header(forged(t, alice, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType)), invalid},
		"a MAC with the key":          {alice.Header(forged(t, alice, jwt.SigningMethodHS256, []byte(alice.Key.Thumbprint()))), invalid},
		"two proofs":                  {alice.Header(proof(), proof()), invalid},
		"one proof twice":             {alice.Header(used, used), invalid},
		"two proofs in one":           {alice.Header(proof() + ", " + proof()), invalid},
		"a nonce of another resource": {alice.Header(alice.Proof(t, "POST", issuer.Resource, elsewhere.Issue(time.Now()))), useNonce},
		"a nonce that is over":        {alice.Header(alice.Proof(t, "POST", issuer.Resource, ours.Issue(time.Now().Add(-6*time.Minute)))), useNonce},
		"an invented nonce":           {alice.Header(alice.Proof(t, "POST", issuer.Resource, "x")), useNonce},
		"made long ago":               {alice.Header(alice.ProofAt(t, time.Now().Add(-2*time.Minute), "POST", issuer.Resource, "")), useNonce},
		"made in advance":             {alice.Header(alice.ProofAt(t, time.Now().Add(2*time.Minute), "POST", issuer.Resource, "")), useNonce},
		"a token that is not bound":   {unbound.Header(unbound.Proof(t, "POST", issuer.Resource, "")), "invalid_token"},
		"one without a proof":         {unbound.Header(), "invalid_token"},
		"bound to a certificate":      {certificate.Header(certificate.Proof(t, "POST", issuer.Resource, "")), "invalid_token"},
		"bound to that as well":       {both.Header(both.Proof(t, "POST", issuer.Resource, "")), "invalid_token"},
		"as Bearer":                   {[]string{"Authorization", "Bearer " + alice.Token}, "invalid_token"},
		"as Bearer, with a proof":     {[]string{"Authorization", "Bearer " + alice.Token, "Dpop", proof()}, "invalid_token"},
	} {
		resp := call(s, "POST", "/mcp", "", callWhoami, tt.header...)
		challenges := issuer.Challenges(t, resp)
		scheme := strings.ToLower(strings.Split(tt.header[1], " ")[0])
		if got := challenges[scheme]["error"]; resp.StatusCode != 401 || got != tt.want || challenges["dpop"]["algs"] != "ES256 EdDSA" || challenges[scheme]["resource_metadata"] == "" {
			t.Errorf("%s: %d, %v", name, resp.StatusCode, challenges)
		}
		if has := resp.Header.Get("Dpop-Nonce") != ""; has != (tt.want == useNonce) {
			t.Errorf("%s: a nonce: %t", name, has)
		}
	}
	if resp := call(s, "POST", "/mcp", "", callWhoami, alice.Header(proof())...); resp.StatusCode != 200 {
		t.Errorf("the true owner afterwards: %d", resp.StatusCode)
	}
	if resp := call(s, "POST", "/mcp", unbound.Token, callWhoami); resp.StatusCode != 200 {
		t.Errorf("a bearer token beside: %d", resp.StatusCode)
	}
}

// What is wrong with proofs is counted by its reason.
func TestRefusedProofsAreCounted(t *testing.T) {
	i := issuer.Start(t)
	registry := prometheus.NewRegistry()
	s := newServer(t, i, func(c *Config) {
		accepting(c)
		c.Metrics = registry
	})
	alice := i.Bind(t, issuer.Change{})
	used := alice.Proof(t, "POST", issuer.Resource, "")
	for _, proof := range []string{used, used, "x"} {
		call(s, "POST", "/mcp", "", callWhoami, alice.Header(proof)...)
	}
	s.metrics.refusedProof("full") // it would take 8,192 requests
	text := httptestGet(s.OperationsHandler(registry), "/metrics").Body.String()
	for _, want := range []string{`proofs_refused_total{reason="replay"} 1`, `{reason="proof"} 1`, `{reason="nonce"} 0`, `{reason="unavailable"} 0`, `limited_total{limit="proofs"} 1`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in the metrics", want)
		}
	}
}

// Who is over the rate fills nothing: the proof is good again once there is room. And who has copied
// a request uses nothing up of its owner's rate at the replica that has taken it.
func TestProofsOverTheRateAreNotRemembered(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) {
		accepting(c)
		c.SubjectRate = 0.2 // two at once
	})
	alice := i.Bind(t, issuer.Change{})
	ask := func(proof string) int {
		return call(s, "POST", "/mcp", "", callWhoami, alice.Header(proof)...).StatusCode
	}
	first := alice.Proof(t, "POST", issuer.Resource, "")
	got := []int{ask(first), ask(first), ask(first), ask(alice.Proof(t, "POST", issuer.Resource, ""))}
	late := alice.Proof(t, "POST", issuer.Resource, "")
	if got = append(got, ask(late), ask(late)); !slices.Equal(got, []int{200, 401, 401, 200, 429, 429}) {
		t.Error(got)
	}
}

// A client whose clock is wrong gets a nonce, by which its login goes on.
func TestAWrongClockNeedsANonce(t *testing.T) { onBothBackends(t, aWrongClockNeedsANonce) }

func aWrongClockNeedsANonce(t *testing.T, on setUp) {
	i := issuer.Start(t)
	s := newServer(t, i, on(accepting))
	alice := i.Bind(t, issuer.Change{})
	for _, wrong := range []time.Duration{-10 * time.Minute, 3 * time.Hour} {
		at := time.Now().Add(wrong)
		refused := call(s, "POST", "/mcp", "", callWhoami, append(alice.Header(alice.ProofAt(t, at, "POST", issuer.Resource, "")), "Origin", "http://127.0.0.1:3001")...)
		nonce := refused.Header.Get("Dpop-Nonce")
		if refused.StatusCode != 401 || nonce == "" || issuer.Challenges(t, refused)["dpop"]["error"] != "use_dpop_nonce" ||
			!strings.Contains(refused.Header.Get("Access-Control-Expose-Headers"), "DPoP-Nonce") {
			t.Fatalf("%s: %d, %v", wrong, refused.StatusCode, refused.Header)
		}
		for range 2 {
			if resp := call(s, "POST", "/mcp", "", callWhoami, alice.Header(alice.ProofAt(t, at, "POST", issuer.Resource, nonce))...); resp.StatusCode != 200 {
				t.Errorf("%s, with the nonce: %d", wrong, resp.StatusCode)
			}
		}
	}
}

// Nothing of a proof is in the log, and why it was refused is.
func TestNoProofInTheLog(t *testing.T) { onBothBackends(t, noProofInTheLog) }

func noProofInTheLog(t *testing.T, on setUp) {
	i := issuer.Start(t)
	var log binary.Output
	s := newServer(t, i, on(func(c *Config) {
		accepting(c)
		c.Log = log.Logger()
	}))
	alice := i.Bind(t, issuer.Change{})
	proof := alice.Proof(t, "POST", issuer.Resource, "")
	for _, header := range [][]string{alice.Header(proof), alice.Header(proof), alice.Header(proof, proof), alice.Header(proof + "x")} {
		call(s, "POST", "/mcp", "", callWhoami, header...)
	}
	said := log.String()
	for part := range strings.SplitSeq(proof+"."+alice.Token, ".") {
		if strings.Contains(said, part) {
			t.Errorf("%s is in %s", part, said)
		}
	}
	for _, reason := range []string{"the DPoP proof was used before", "2 DPoP headers", "is not a JWT with a good signature"} {
		if !strings.Contains(said, reason) {
			t.Errorf("no %q in %s", reason, said)
		}
	}
}

// once is what buses of several replicas remember together.
type once struct {
	mu   sync.Mutex
	seen map[[sha256.Size]byte]bool
	fail error
}

// remembering is a bus with it.
type remembering struct {
	*wire
	*once
}

func (r remembering) Remember(_ context.Context, what [sha256.Size]byte, until time.Time) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Until(until) > 6*time.Minute+30*time.Second { // a nonce of a clock that is ahead, and another that is behind
		return false, errors.New("kept for too long")
	}
	first := !r.seen[what]
	r.seen[what] = true
	return first, r.fail
}

// A proof that one replica took is refused by the other, which takes the nonces of the first; and
// while nobody can tell it is 503, never a good answer. Bearer tokens need nobody.
func TestAProofIsTakenByOneReplica(t *testing.T) {
	i := issuer.Start(t)
	left, right := &wire{name: "a"}, &wire{name: "b"}
	left.other, right.other = right, left
	shared := &once{seen: make(map[[sha256.Size]byte]bool)}
	start := func(bus *wire, change func(*Config)) *Server {
		return newServer(t, i, func(c *Config) {
			accepting(c)
			c.DPoP.NonceRequired = true
			c.Bus = remembering{bus, shared}
			change(c)
		})
	}
	a, b := start(left, func(*Config) {}), start(right, func(*Config) {})
	alice := i.Bind(t, issuer.Change{})
	nonce := call(a, "POST", "/mcp", "", callWhoami).Header.Get("Dpop-Nonce")
	proof := alice.Proof(t, "POST", issuer.Resource, nonce)
	if resp := call(b, "POST", "/mcp", "", callWhoami, alice.Header(proof)...); resp.StatusCode != 200 {
		t.Fatalf("with a nonce of the other: %d", resp.StatusCode)
	}
	for name, s := range map[string]*Server{"the other": a, "the same": b} {
		resp := call(s, "POST", "/mcp", "", callWhoami, alice.Header(proof)...)
		if resp.StatusCode != 401 || issuer.Challenges(t, resp)["dpop"]["error"] != "invalid_dpop_proof" {
			t.Errorf("replayed at %s: %d", name, resp.StatusCode)
		}
	}
	shared.fail = errors.New("Redis is down")
	resp := call(a, "POST", "/mcp", "", callWhoami, alice.Header(alice.Proof(t, "POST", issuer.Resource, nonce))...)
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" || resp.Header.Get("WWW-Authenticate") != "" {
		t.Errorf("while nobody can tell: %d, %v", resp.StatusCode, resp.Header)
	}
	if resp := call(a, "POST", "/mcp", i.Sign(t, issuer.Change{}), callWhoami); resp.StatusCode != 200 {
		t.Errorf("a bearer token meanwhile: %d", resp.StatusCode)
	}
}

// A proof is for the address that clients use, whatever path a proxy makes of it.
func TestAProofIsForThePublicAddress(t *testing.T) {
	i := issuer.Start(t)
	for _, tt := range []struct {
		resource, arrives, htu string
		want                   int
	}{
		{"https://h.example/notes/mcp", "/notes/mcp", "https://h.example/notes/mcp", 200},
		{"https://h.example/notes/mcp", "/mcp", "https://h.example/notes/mcp", 200},
		{"https://h.example/notes/mcp", "/mcp", "https://h.example/mcp", 401},
		{"https://h.example/notes/mcp", "/mcp", "http://h.example/notes/mcp", 401},
		{"https://h.example/mcp/mcp", "/mcp", "https://h.example/mcp/mcp", 200},
		{"https://h.example/mcp/mcp", "/mcp/mcp", "https://h.example/mcp/mcp", 200},
		{"https://h.example", "/mcp", "https://h.example/mcp", 200},
		{"https://h.example/api", "/api", "https://h.example/api", 200},
		{"https://h.example/api", "/mcp", "https://h.example/api", 200},
		{"https://h.example/api", "/api", "https://h.example/mcp", 401},
		{"https://h.example/mcp", "/mcp?a=b", "https://h.example/mcp", 200},
		{"https://h.example/mcp/", "/mcp", "https://h.example/mcp/", 200},
		{"https://h.example/notes/mcp/", "/mcp", "https://h.example/notes/mcp/", 200},
		{"https://h.example/notes/mcp/", "/notes/mcp/", "https://h.example/notes/mcp/", 200},
		{"https://h.example/notes/mcp", "/messages?sessionId=x", "https://h.example/notes/messages", 404}, // no such session
		{"https://h.example/notes/mcp", "/notes/messages?sessionId=x", "https://h.example/notes/messages", 404},
		{"https://h.example/notes/mcp", "/messages?sessionId=x", "https://h.example/notes/mcp", 401},
	} {
		s := newServer(t, i, func(c *Config) {
			accepting(c)
			c.Resource = mustURL(t, tt.resource)
		})
		alice := i.Bind(t, issuer.Change{Claims: map[string]any{"aud": tt.resource}})
		header := append(alice.Header(alice.Proof(t, "POST", tt.htu, "")), "Host", "h.example")
		if resp := call(s, "POST", tt.arrives, "", callWhoami, header...); resp.StatusCode != tt.want {
			t.Errorf("%+v: %d", tt, resp.StatusCode)
		}
	}
}

// A proxy that asks has to say the method and the address, once each, for which the proof is. What
// it says changes nothing else: a preflight that a client makes up lets nobody in.
func TestForwardAuthChecksProofsForWhatTheProxySays(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) {
		accepting(c)
		c.ForwardAuth = []gateway.IdentityHeader{{Name: "X-Forwarded-User", Claim: "sub"}}
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	})
	alice := i.Bind(t, issuer.Change{})
	const method, uri = "X-Forwarded-Method", "X-Forwarded-Uri"
	for name, tt := range map[string]struct {
		said []string
		want int
	}{
		"both":               {[]string{method, "POST", uri, "/mcp?a=b"}, 204},
		"another method":     {[]string{method, "GET", uri, "/mcp"}, 401},
		"another address":    {[]string{method, "POST", uri, "/sse"}, 401},
		"another spelling":   {[]string{method, "POST", uri, "/x/../mcp"}, 401},
		"no method":          {[]string{uri, "/mcp"}, 401},
		"no address":         {[]string{method, "POST"}, 401},
		"neither":            {nil, 401},
		"an empty method":    {[]string{method, "", uri, "/mcp"}, 401},
		"two methods":        {[]string{method, "POST", method, "GET", uri, "/mcp"}, 401},
		"two in one":         {[]string{method, "POST, GET", uri, "/mcp"}, 401},
		"of the question":    {[]string{method, "GET", uri, "/forward-auth"}, 401},
		"a made up question": {[]string{method, "OPTIONS", uri, "/mcp", "Origin", "http://127.0.0.1:3001", "Access-Control-Request-Method", "POST"}, 401},
	} {
		header := append(alice.Header(alice.Proof(t, "POST", issuer.Resource, "")), tt.said...)
		if resp := call(s, "GET", "/forward-auth", "", "", header...); resp.StatusCode != tt.want {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	made := []string{method, "OPTIONS", uri, "/mcp", "Origin", "http://127.0.0.1:3001", "Access-Control-Request-Method", "POST"}
	if resp := call(s, "GET", "/forward-auth", "", "", made...); resp.StatusCode != 401 {
		t.Errorf("a preflight without a token: %d", resp.StatusCode)
	}
}
