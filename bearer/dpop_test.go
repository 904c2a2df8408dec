package bearer

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/dpop"
	"mcp-login/test/issuer"
)

// callProven sends a call with these proofs and what else a client says.
func callProven(h http.Handler, holder issuer.Holder, header []string, proofs ...string) *http.Response {
	return call(h, "POST", "/mcp", "", callWhoami, append(holder.Header(proofs...), header...)...)
}

// refusal is what a client is told by a 401: the error of each scheme.
func refusal(t *testing.T, resp *http.Response) string {
	t.Helper()
	said := fmt.Sprint(resp.StatusCode)
	challenges := issuer.Challenges(t, resp)
	for _, scheme := range []string{"bearer", "dpop"} {
		if challenge, there := challenges[scheme]; there {
			said += strings.TrimRight(" "+scheme+" "+challenge["error"], " ")
			if challenge["resource_metadata"] == "" || (challenge["algs"] == "ES256 EdDSA") != (scheme == "dpop") {
				t.Errorf("%s: %v", scheme, challenge)
			}
		}
	}
	if resp.Header.Get("Dpop-Nonce") != "" {
		said += " nonce"
	}
	return said
}

// What is taken, and how a refusal tells, without DPoP, beside bearer tokens, and where it is
// required: the error stands in the challenge of the scheme that was used.
func TestBoundTokensByConfiguration(t *testing.T) {
	i := issuer.Start(t)
	alice := i.Bind(t, issuer.Change{})
	good, poor := i.Sign(t, issuer.Change{}), i.Bind(t, issuer.Change{Claims: map[string]any{"scope": nil}})
	expired := i.Bind(t, issuer.Change{Claims: map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}})
	proven := func(h issuer.Holder) []string { return h.Header(h.Proof(t, "POST", issuer.Resource, "")) }
	plain := func(token string) []string { return []string{"Authorization", "Bearer " + token} }
	for name, tt := range map[string]struct {
		header                         func() []string
		off, accepted, required, nonce string
	}{
		"bound, proven":     {func() []string { return proven(alice) }, "401 bearer", "200", "200", "401 dpop use_dpop_nonce nonce"},
		"bound, as Bearer":  {func() []string { return plain(alice.Token) }, "401 bearer invalid_token", "401 bearer invalid_token dpop", "401 dpop invalid_token", "401 bearer invalid_token dpop nonce"},
		"not bound":         {func() []string { return plain(good) }, "200", "200", "401 dpop invalid_token", "200"},
		"none":              {func() []string { return nil }, "401 bearer", "401 bearer dpop", "401 dpop", "401 bearer dpop nonce"},
		"another scheme":    {func() []string { return []string{"Authorization", "Basic eDp5"} }, "401 bearer", "401 bearer dpop", "401 dpop", "401 bearer dpop nonce"},
		"no proof":          {func() []string { return alice.Header() }, "401 bearer", "401 dpop invalid_dpop_proof", "401 dpop invalid_dpop_proof", "401 dpop invalid_dpop_proof nonce"},
		"over":              {func() []string { return proven(expired) }, "401 bearer", "401 bearer dpop invalid_token", "401 dpop invalid_token", "401 bearer dpop invalid_token nonce"},
		"without the scope": {func() []string { return proven(poor) }, "401 bearer", "403 dpop insufficient_scope", "403 dpop insufficient_scope", "401 dpop use_dpop_nonce nonce"},
		"no token":          {func() []string { return []string{"Authorization", "DPoP"} }, "401 bearer", "400 dpop invalid_request", "400 dpop invalid_request", "400 dpop invalid_request"},
	} {
		for use, c := range map[*DPoP]string{nil: tt.off, {}: tt.accepted, {Required: true}: tt.required, {NonceRequired: true}: tt.nonce} {
			s := newServer(t, i, func(c *Config) { c.DPoP, c.RequiredScopes = use, []string{"mcp:read"} })
			resp := call(s, "POST", "/mcp", "", callWhoami, tt.header()...)
			if got := refusal(t, resp); got != c {
				t.Errorf("%s, %+v: %s, want %s", name, use, got, c)
			}
		}
	}
}

// RFC 9728: clients learn from the metadata that proofs are taken, and whether they are required.
func TestMetadataTellOfProofs(t *testing.T) {
	i := issuer.Start(t)
	for use, want := range map[*DPoP]string{nil: "[] false", {}: "[ES256 EdDSA] false", {Required: true}: "[ES256 EdDSA] true"} {
		var said struct {
			Algorithms []string `json:"dpop_signing_alg_values_supported"`
			Required   bool     `json:"dpop_bound_access_tokens_required"`
		}
		resp := call(newServer(t, i, func(c *Config) { c.DPoP = use }), "GET", metadataPath+"/mcp", "", "")
		if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || fmt.Sprint(said.Algorithms, said.Required) != want {
			t.Errorf("%+v: %+v, %v", use, said, err)
		}
	}
}

// A token that comes by another way than a request has no proof, so that a bound one is refused
// there; where all must be bound, every one is.
func TestVerifyTakesNoBoundTokens(t *testing.T) {
	i := issuer.Start(t)
	for use, want := range map[*DPoP][2]bool{nil: {false, true}, {}: {false, true}, {Required: true}: {false, false}} {
		s := newServer(t, i, func(c *Config) { c.DPoP = use })
		for k, token := range []string{i.Bind(t, issuer.Change{}).Token, i.Sign(t, issuer.Change{})} {
			if _, err := s.Verify(t.Context(), token); (err == nil) != want[k] || err != nil && !errors.Is(err, ErrInvalidToken) {
				t.Errorf("%+v, %d: %v", use, k, err)
			}
		}
	}
}

// A proof is taken within a minute of its time, either way, and with a nonce for as long as that
// is taken; and never twice in all that time, however often the memory is swept.
func TestAProofIsTakenOnceForAsLongAsItCouldBe(t *testing.T) {
	simulated(t, func(c *Config) { c.DPoP = &DPoP{} }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		alice := i.Bind(t, issuer.Change{})
		for _, made := range []time.Duration{-2 * time.Minute, -61 * time.Second, -60 * time.Second, 0, 60 * time.Second, 61 * time.Second} {
			<-time.After(time.Until(time.Now().Truncate(time.Second).Add(time.Second))) // iat has no fractions
			proof := alice.ProofAt(t, time.Now().Add(made), "POST", issuer.Resource, "")
			want := "200"
			if made.Abs() > time.Minute {
				want = "401 dpop use_dpop_nonce nonce"
			}
			if got := refusal(t, callProven(s, alice, nil, proof)); got != want {
				t.Errorf("made at %s: %s", made, got)
			}
			taken := 0
			if want == "200" {
				taken++
			}
			for range 200 { // until it is surely over
				<-time.After(time.Second)
				if got := callProven(s, alice, nil, proof); got.StatusCode == 200 {
					taken++
				}
			}
			if once := made >= -time.Minute; taken > 1 || (taken == 1) != once { // what is ahead of us is taken later
				t.Errorf("made at %s: taken %d times", made, taken)
			}
		}
		nonce := callProven(s, alice, nil, alice.ProofAt(t, time.Now().Add(time.Hour), "POST", issuer.Resource, "")).Header.Get("Dpop-Nonce")
		proof := alice.ProofAt(t, time.Now().Add(time.Hour), "POST", issuer.Resource, nonce)
		if resp := callProven(s, alice, nil, proof); resp.StatusCode != 200 {
			t.Errorf("with a nonce: %d", resp.StatusCode)
		}
		if until := s.proofs.nonces.Until(nonce, time.Now()); len(s.proofs.taken.ends[until.Unix()+1]) != 1 {
			t.Errorf("it is not kept until %s, when its nonce is over", until)
		}
		for range 500 {
			<-time.After(time.Second)
			if resp := callProven(s, alice, nil, proof); resp.StatusCode != 401 {
				t.Fatalf("with a nonce, again: %d", resp.StatusCode)
			}
		}
		s.proofs.taken.sweep(time.Now().Unix())
		if held := len(s.proofs.taken.seen); held != 0 || len(s.proofs.taken.ends) != 0 || len(s.proofs.taken.each) != 0 {
			t.Errorf("%d proofs are remembered after all are over", held)
		}
	})
}

func sumOf(n int) sum {
	full := sha256.Sum256(fmt.Append(nil, n))
	return sum(full[:])
}

// A restart makes no used proof good again: not one whose time was ahead of us, and not one with a
// nonce, whatever secret that followed from. Honest clients need a nonce for a minute; where replicas
// remember, nobody does.
func TestARestartMakesNoUsedProofGood(t *testing.T) {
	type remember = func(context.Context, [sha256.Size]byte, time.Time) (bool, error)
	for shared, together := range map[string]remember{"alone": nil, "with replicas": func(context.Context, [sha256.Size]byte, time.Time) (bool, error) { return true, nil }} {
		var start func() *Server
		simulated(t, nil, func(t *testing.T, i *issuer.Issuer, _ *Server) {
			start = func() *Server {
				s := newServer(t, i, func(c *Config) {
					c.DPoP = &DPoP{NonceSecret: []byte(strings.Repeat("s", leastNonceSecret)), Remember: together}
				})
				s.proofs.started = time.Now()
				return s
			}
			s := start()
			alice := i.Bind(t, issuer.Change{})
			without := func() string { return alice.Proof(t, "POST", issuer.Resource, "") }
			want := map[string]string{"alone": "401 dpop use_dpop_nonce nonce", "with replicas": "200"}[shared]
			if got := refusal(t, callProven(s, alice, nil, without())); got != want {
				t.Errorf("%s: at the start: %s", shared, got)
			}
			<-time.After(61 * time.Second)
			if got := refusal(t, callProven(s, alice, nil, without())); got != "200" {
				t.Errorf("%s: a minute later: %s", shared, got)
			}
			if together != nil {
				return
			}
			nonce := callProven(s, alice, nil, alice.ProofAt(t, time.Now().Add(time.Hour), "POST", issuer.Resource, "")).Header.Get("Dpop-Nonce")
			used := []string{alice.ProofAt(t, time.Now().Add(proofWindow), "POST", issuer.Resource, ""), alice.Proof(t, "POST", issuer.Resource, nonce)}
			for _, proof := range used {
				if got := refusal(t, callProven(s, alice, nil, proof)); got != "200" {
					t.Fatal(got)
				}
			}
			s = start()
			for range 150 {
				for k, proof := range used {
					if got := refusal(t, callProven(s, alice, nil, proof)); got != "401 dpop use_dpop_nonce nonce" {
						t.Fatalf("%d after a restart: %s", k, got)
					}
				}
				<-time.After(time.Second)
			}
		})
	}
}

// A client that takes the nonces of good answers repeats no request but the first, for as long as it
// calls; and no answer has one that its client has already, or does not use.
func TestGoodAnswersRenewTheNonce(t *testing.T) {
	simulated(t, func(c *Config) { c.DPoP = &DPoP{NonceRequired: true} }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		alice, nonce, renewed := i.Bind(t, issuer.Change{}), "", 0
		for n := range 20 {
			resp := callProven(s, alice, nil, alice.Proof(t, "POST", issuer.Resource, nonce))
			if (resp.StatusCode == 200) == (n == 0) {
				t.Errorf("%d: %d", n, resp.StatusCode)
			}
			if said := resp.Header.Get("Dpop-Nonce"); said == nonce {
				t.Errorf("%d: the nonce that it has", n)
			} else if said != "" {
				nonce = said
				renewed++
			}
			<-time.After(30 * time.Second)
		}
		if renewed < 4 || renewed > 6 {
			t.Errorf("%d nonces in ten minutes", renewed)
		}
	})
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.DPoP = &DPoP{} })
	alice := i.Bind(t, issuer.Change{})
	if resp := callProven(s, alice, nil, alice.Proof(t, "POST", issuer.Resource, "")); resp.StatusCode != 200 || resp.Header.Get("Dpop-Nonce") != "" {
		t.Errorf("without one: %d, %v", resp.StatusCode, resp.Header)
	}
}

// Proofs that cannot be remembered are refused, and none is forgotten for them: one user cannot take
// the room of the others, and all get theirs again once proofs are over.
func TestNoProofIsForgottenEarly(t *testing.T) {
	taken, now := newTakenProofs(), time.Unix(1_800_000_000, 0)
	fill := func(user, from int) (n int) {
		for ; ; n++ {
			if first, err := taken.take(sumOf(from+n), sumOf(user), now, now.Add(time.Minute)); err != nil || !first {
				if !errors.Is(err, errTooManyProofs) {
					t.Fatal(first, err)
				}
				return n
			}
		}
	}
	for user := range 32 {
		if n := fill(user, user*maxProofs); n != maxProofs/32 {
			t.Errorf("%d are remembered of one user", n)
		}
	}
	if n := fill(32, 32*maxProofs); n != 0 {
		t.Errorf("%d are remembered of one too many", n)
	}
	for _, n := range []int{0, maxProofs/32 - 1, maxProofs} {
		if first, err := taken.take(sumOf(n), sumOf(32), now.Add(time.Minute), now.Add(2*time.Minute)); first || err != nil {
			t.Errorf("%d is taken again: %v", n, err)
		}
	}
	now = now.Add(62 * time.Second)
	if n := fill(0, 0); n != maxProofs/32 {
		t.Errorf("%d afterwards", n)
	}
}

// However long the names of users are, all of it takes 24 MiB at most, for all resources of a group.
func TestRememberedProofsAreSmall(t *testing.T) {
	i := issuer.Start(t)
	first := newServer(t, i, func(c *Config) { c.DPoP = &DPoP{} })
	second := newServer(t, i, func(c *Config) { c.DPoP, c.Share = &DPoP{}, first.Resource })
	if first.proofs.taken != second.proofs.taken {
		t.Error("each resource of a group has room of its own")
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	taken, now := newTakenProofs(), time.Unix(1_800_000_000, 0)
	for n := range maxProofs {
		if _, err := taken.take(sumOf(n), sumOf(n%1000), now, now.Add(time.Duration(n%120)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+24<<20 { // it may be less, when others' garbage goes
		t.Errorf("%d bytes, after %d", after.HeapAlloc, before.HeapAlloc)
	}
	runtime.KeepAlive(taken)
}

// What is remembered is bounded by who has a good token and its key, and may call: nothing else gets that far.
func TestOnlyGoodProofsAreRemembered(t *testing.T) {
	i := issuer.Start(t)
	asked := 0
	errBusy := errors.New("too many requests")
	s := newServer(t, i, func(c *Config) {
		c.RequiredClaims, c.RequiredScopes, c.ACRValues = map[string][]string{"organization_id": {"ours"}}, []string{"mcp:read"}, []string{"mfa"}
		c.Admit = func(_ *http.Request, id Identity) error {
			if id.Subject == "busy" {
				return errBusy
			}
			return nil
		}
		c.DPoP = &DPoP{Remember: func(_ context.Context, _ [sha256.Size]byte, until time.Time) (bool, error) {
			if asked++; time.Until(until) < 80*time.Second { // a minute, and clocks that are behind
				t.Errorf("kept for %s", time.Until(until))
			}
			return true, nil
		}}
	})
	with := func(name, value string) issuer.Holder {
		claims := map[string]any{"organization_id": "ours", "acr": "mfa", "scope": "mcp:read"}
		claims[name] = value
		return i.Bind(t, issuer.Change{Claims: claims})
	}
	alice, mallory := with("sub", "alice"), with("sub", "mallory")
	for name, value := range map[string]string{"organization_id": "theirs", "scope": "mcp:write", "acr": "pwd", "sub": "busy"} {
		for range 2 {
			outsider := with(name, value)
			if resp := callProven(s, outsider, nil, outsider.Proof(t, "POST", issuer.Resource, "")); resp.StatusCode < 400 || asked != 0 || len(s.proofs.taken.seen) != 0 {
				t.Errorf("%s is %s: %d, %d remembered", name, value, resp.StatusCode, asked)
			}
		}
	}
	forged := issuer.Holder{Key: mallory.Key, Token: mallory.Token + "x"}
	for _, resp := range []*http.Response{
		callProven(s, forged, nil, forged.Proof(t, "POST", issuer.Resource, "")),
		callProven(s, alice, nil, mallory.Proof(t, "POST", issuer.Resource, "")),
		callProven(s, alice, nil, alice.Proof(t, "GET", issuer.Resource, "")),
		callProven(s, alice, nil, alice.ProofAt(t, time.Now().Add(time.Hour), "POST", issuer.Resource, "")),
	} {
		if resp.StatusCode != 401 || asked != 0 || len(s.proofs.taken.seen) != 0 {
			t.Errorf("%d, %d remembered", resp.StatusCode, asked)
		}
	}
	if resp := callProven(s, alice, nil, alice.Proof(t, "POST", issuer.Resource, "")); resp.StatusCode != 200 || asked != 1 {
		t.Errorf("%d, %d remembered", resp.StatusCode, asked)
	}
}

// Who else has it, and what it is for, is told by those who know; where they do not, nobody gets in.
func TestProofsBehindAProxyAndBesideReplicas(t *testing.T) {
	i := issuer.Start(t)
	var first bool
	var failed, lost error
	s := newServer(t, i, func(c *Config) {
		c.DPoP = &DPoP{
			Remember: func(context.Context, [sha256.Size]byte, time.Time) (bool, error) { return first, failed },
			Target: func(*http.Request) (string, *url.URL, error) {
				return "PUT", mustURL(t, "https://public.example/x"), lost
			},
		}
	})
	alice := i.Bind(t, issuer.Change{})
	for _, tt := range []struct {
		first        bool
		failed, lost error
		want         int
	}{{true, nil, nil, 200}, {false, nil, nil, 401}, {false, errors.New("down"), nil, 503}, {true, errors.New("down"), nil, 503}, {true, nil, errors.New("not known"), 401}} {
		first, failed, lost = tt.first, tt.failed, tt.lost
		resp := callProven(s, alice, nil, alice.Proof(t, "PUT", "https://public.example/x", ""))
		if resp.StatusCode != tt.want || (resp.Header.Get("Retry-After") != "") != (tt.want == 503) {
			t.Errorf("%+v: %d", tt, resp.StatusCode)
		}
	}
}

// An operator learns what is wrong with proofs, once for each request; of good ones nothing, nor of
// clients that leave before it is known.
func TestRefusedProofsAreTold(t *testing.T) {
	i := issuer.Start(t)
	var told []string
	var failed error
	left, leave := context.WithCancel(t.Context())
	s := newServer(t, i, func(c *Config) {
		c.DPoP = &DPoP{
			Refused: func(reason string) { told = append(told, reason) },
			Remember: func(context.Context, [sha256.Size]byte, time.Time) (bool, error) {
				if errors.Is(failed, context.Canceled) {
					leave()
				}
				return true, failed
			},
		}
	})
	alice := i.Bind(t, issuer.Change{})
	good := func() string { return alice.Proof(t, "POST", issuer.Resource, "") }
	used := good()
	for _, proof := range []string{used, used, good() + "x", alice.ProofAt(t, time.Now().Add(time.Hour), "POST", issuer.Resource, "")} {
		callProven(s, alice, nil, proof)
	}
	failed = errors.New("down")
	callProven(s, alice, nil, good())
	failed = context.Canceled
	r := httptest.NewRequestWithContext(left, "POST", issuer.Resource, nil)
	r.Header.Set("Authorization", "DPoP "+alice.Token)
	r.Header.Set("DPoP", good())
	if id, err := s.Authenticate(r); err == nil {
		t.Errorf("nobody knows whether the proof was used, and it lets %s in", id.Subject)
	}
	failed = nil
	for user := range s.proofs.taken.each {
		s.proofs.taken.each[user] = maxProofsEach
	}
	callProven(s, alice, nil, good())
	if got := fmt.Sprint(told); got != "[replay proof nonce unavailable full]" {
		t.Error(got)
	}
}

// Introspection tells which key a token is bound to (RFC 9449 section 6.2), and userinfo does not.
func TestOpaqueTokensThatAreBound(t *testing.T) {
	i := issuer.Start(t)
	alice := issuer.Holder{Key: dpop.NewKey(), Token: "opaque"}
	bound := fmt.Sprintf(`,"token_type":"DPoP","cnf":{"jkt":%q}`, alice.Key.Thumbprint())
	for said, want := range map[string]string{
		bound: "200", `,"token_type":"DPoP"`: "401 dpop invalid_token", "": "401 dpop invalid_token",
		`,"cnf":{}`: "401 dpop invalid_token", `,"cnf":"x"`: "401 dpop invalid_token", `,"cnf":{"jkt":7}`: "401 dpop invalid_token",
		strings.Replace(bound, `"}`, `","kid":"x"}`, 1): "401 dpop invalid_token",
	} {
		i := issuer.Start(t)
		introspect(i, "", issuer.Answer(200, `{"active":true,"sub":"u1","aud":"`+issuer.Resource+`"`+said+`}`))
		s := newServer(t, i, func(c *Config) {
			introspecting(c)
			c.DPoP = &DPoP{Required: true}
		})
		if got := refusal(t, callProven(s, alice, nil, alice.Proof(t, "POST", issuer.Resource, ""))); got != want {
			t.Errorf("%s: %s", said, got)
		}
	}
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	for want, use := range map[string]*DPoP{"401 dpop invalid_token": {Required: true}, "401 bearer dpop invalid_token": {}} {
		s := newServer(t, i, func(c *Config) { c.DPoP = use })
		if got := refusal(t, callProven(s, alice, nil, alice.Proof(t, "POST", issuer.Resource, ""))); got != want || i.UserinfoCalls.Load() != 0 {
			t.Errorf("without introspection: %s, userinfo was asked %d times", got, i.UserinfoCalls.Load())
		}
	}
}

// Nonces that replicas share need a secret that nobody guesses.
func TestShortNonceSecretIsRefused(t *testing.T) {
	cfg := Config{Resource: mustURL(t, issuer.Resource), Issuer: "https://id.example", DPoP: &DPoP{NonceSecret: []byte("short")}}
	if err := cfg.Check(); err == nil || strings.Contains(err.Error(), "short") {
		t.Error(err)
	}
}

// BenchmarkProven is BenchmarkMiddleware with a bound token and its proof, which is made outside
// of what is measured.
func BenchmarkProven(b *testing.B) {
	i := issuer.Start(b)
	s := newServer(b, i, func(c *Config) { c.DPoP = &DPoP{} })
	alice := i.Bind(b, issuer.Change{})
	var proofs []string
	b.ReportAllocs()
	for b.Loop() {
		if len(proofs) == 0 {
			b.StopTimer()
			s.proofs.taken = newTakenProofs() // a long run would fill it
			for range 1000 {
				proofs = append(proofs, alice.Proof(b, "POST", issuer.Resource, ""))
			}
			b.StartTimer()
		}
		var proof string
		proof, proofs = proofs[0], proofs[1:]
		if resp := callProven(s, alice, nil, proof); resp.StatusCode != 200 {
			b.Fatal(resp.StatusCode)
		}
	}
}
