package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"mcp-login/bearer"
)

var secret = []byte(strings.Repeat("s", LeastSecret))

func newGateway(t *testing.T, change func(*Config)) *Gateway {
	t.Helper()
	upstream, _ := url.Parse("http://127.0.0.1:8000/mcp")
	cfg := Config{Upstream: upstream, Resource: "https://mcp.example.com/mcp", Secret: secret}
	if change != nil {
		change(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

// A session is its owner's: nobody else's token, transport, secret or changed text opens it,
// and every replica with the same secret does.
func TestSealedIDsOpenForTheirOwnerAlone(t *testing.T) {
	g, replica := newGateway(t, nil), newGateway(t, nil)
	n := NewNonce()
	id := g.Seal(n, StreamableHTTP, "alice", "upstream-1")
	if got, value, ok := replica.Open(StreamableHTTP, "alice", id); !ok || value != "upstream-1" || got != n {
		t.Errorf("a replica does not know the session: %q, %v", value, ok)
	}
	stranger := newGateway(t, func(c *Config) { c.Secret = []byte(strings.Repeat("t", LeastSecret)) })
	random := newGateway(t, func(c *Config) { c.Secret = nil })
	for name, open := range map[string]func() bool{
		"another caller":    func() bool { _, _, ok := g.Open(StreamableHTTP, "bob", id); return ok },
		"another transport": func() bool { _, _, ok := g.Open(HTTPWithSSE, "alice", id); return ok },
		"another secret":    func() bool { _, _, ok := stranger.Open(StreamableHTTP, "alice", id); return ok },
		"no secret":         func() bool { _, _, ok := random.Open(StreamableHTTP, "alice", id); return ok },
		"nothing":           func() bool { _, _, ok := g.Open(StreamableHTTP, "alice", ""); return ok },
		"too long":          func() bool { _, _, ok := g.Open(StreamableHTTP, "alice", strings.Repeat("A", 1<<20)); return ok },
		"the upstream's id": func() bool { _, _, ok := g.Open(StreamableHTTP, "alice", "upstream-1"); return ok },
	} {
		if open() {
			t.Errorf("%s opens a session", name)
		}
	}
	for k := range id {
		for _, letter := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
			changed := id[:k] + string(letter) + id[k+1:]
			if _, _, ok := g.Open(StreamableHTTP, "alice", changed); ok && changed != id {
				t.Fatalf("an id with %c at %d opens a session", letter, k)
			}
		}
	}
	if strings.Contains(id, "upstream") || strings.ContainsFunc(id, func(r rune) bool { return r < '!' || r > '~' }) {
		t.Errorf("the id %q tells what is in it, or is none of MCP", id)
	}
}

func TestClaimsBecomeHeadersThatNothingEnds(t *testing.T) {
	for name, c := range map[string]struct {
		claim any
		want  string
	}{
		"plain":     {"auth0|alice", "auth0|alice"},
		"newline":   {"alice\r\nX-Forwarded-User: admin", "alice%0D%0AX-Forwarded-User:%20admin"},
		"no ASCII":  {"Zoë", "Zo%C3%AB"},
		"percent":   {"100%41", "100%2541"},
		"NUL":       {"a\x00b\x7f", "a%00b%7F"},
		"bytes":     {"\xff", "%FF"},
		"number":    {json.Number("12345678901234567890"), "12345678901234567890"},
		"true":      {true, "true"},
		"list":      {[]any{"a,b", "c d"}, "a%2Cb,c%20d"},
		"no string": {"", ""},
	} {
		h := http.Header{"X-Claim": {"of the client"}}
		err := WriteIdentity(h, []IdentityHeader{{"X-Claim", "c"}}, bearer.Identity{Claims: map[string]any{"c": c.claim}})
		if got := h.Get("X-Claim"); err != nil || got != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
	for name, claim := range map[string]any{
		"long": strings.Repeat("a", maxClaim+1), "object": map[string]any{"a": 1}, "nested": []any{[]any{"a"}},
		"long when written": strings.Repeat("é", maxClaim/4),
	} {
		err := WriteIdentity(http.Header{}, []IdentityHeader{{"X-Claim", "c"}}, bearer.Identity{Claims: map[string]any{"c": claim}})
		if !errors.Is(err, errClaim) {
			t.Errorf("%s: %v, want the request refused", name, err)
		}
	}
	full := strings.Repeat("a", maxClaim)
	var headers []IdentityHeader
	for k := range maxIdentity/maxClaim + 1 {
		err := WriteIdentity(http.Header{}, headers, bearer.Identity{Claims: map[string]any{"c": full}})
		if err != nil {
			t.Errorf("%d headers: %v", k, err)
		}
		headers = append(headers, IdentityHeader{fmt.Sprint("X-", k), "c"})
	}
	if err := WriteIdentity(http.Header{}, headers, bearer.Identity{Claims: map[string]any{"c": full}}); !errors.Is(err, errClaim) {
		t.Errorf("all of them are too long: %v, want the request refused", err)
	}
	within := map[string]any{"team": map[string]any{"name": "blue", "a.b": "c"}, "team.id": "7", "https://x.example/y": "z", "empty": nil}
	for claim, want := range map[string]string{"team.name": "blue", "team.id": "7", "https://x.example/y": "z", "team.other": "", "team.name.more": "", "empty.name": "", "team.a.b": "", ".": ""} {
		h := http.Header{}
		err := WriteIdentity(h, []IdentityHeader{{"X-Claim", claim}}, bearer.Identity{Claims: within})
		if _, set := h["X-Claim"]; err != nil || h.Get("X-Claim") != want || set != (want != "") {
			t.Errorf("%s: %q, %v", claim, h, err)
		}
	}
	h := http.Header{"X-Claim": {"of the client"}}
	if err := WriteIdentity(h, []IdentityHeader{{"X-Claim", "c"}}, bearer.Identity{}); err != nil || len(h) != 0 {
		t.Errorf("a claim that is not there leaves %v, %v", h, err)
	}
}

// Whatever a client sends, who calls is said by the gateway alone, and no credential goes on.
func TestOnlyNamedHeadersGoOn(t *testing.T) {
	g := newGateway(t, func(c *Config) {
		c.Pass = []string{"x-tenant"}
		c.Assertion = "X-Assertion"
	})
	client := http.Header{}
	for _, name := range []string{
		"Authorization", "Dpop", "Dpop-Nonce", "Cookie", "Proxy-Authorization", "X-Forwarded-User", "X_Forwarded_User", "X-Forwarded_User", "X-Forwarded-Issuer",
		"X-Forwarded-Email", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip", "Forwarded", "X-Assertion", "X_assertion", "Idempotency-Key", "X-Idempotency-Key",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Keep-Alive", "Expect", "Content-Encoding", "Remote-User", "Traceparent", "Baggage",
		"Mcp-Session_id", "Mcp_Session_Id", "Mcp-Session.id", "Mcp-Session-Id", "Host", "Content-Length", "Mcp-Named",
	} {
		client[name] = []string{"FORGED"}
	}
	client["Connection"] = []string{"close, mcp-named", "X-Forwarded-User"}
	for name, value := range map[string]string{
		"Accept": "application/json", "Mcp-Protocol-Version": "2025-11-25", "Mcp-Param-Region": "eu", "Last-Event-Id": "7", "User-Agent": "c/1", "X-Tenant": "t",
	} {
		client[name] = []string{value}
	}
	call := Call{
		Caller: bearer.Identity{Subject: "alice", Issuer: "https://i.example"}, Header: client,
		Address: "192.0.2.1", RequestID: "r1", Session: "s1", Body: []byte("{}"),
	}
	h, err := g.requestHeader(&call)
	if err != nil {
		t.Fatal(err)
	}
	assertion := h.Get("X-Assertion")
	h.Del("X-Assertion")
	want := map[string]string{
		"Accept": "application/json", "Mcp-Protocol-Version": "2025-11-25", "Mcp-Param-Region": "eu", "Last-Event-Id": "7", "User-Agent": "c/1", "X-Tenant": "t",
		"X-Forwarded-User": "alice", "X-Forwarded-Issuer": "https://i.example", "X-Forwarded-For": "192.0.2.1", "X-Request-Id": "r1",
		"Mcp-Session-Id": "s1", "Content-Type": "application/json",
	}
	for name, values := range h {
		if !slices.Equal(values, []string{want[name]}) {
			t.Errorf("%s: %q goes on", name, values)
		}
	}
	if len(h) != len(want) || strings.Contains(assertion, "FORGED") || assertion == "" {
		t.Errorf("%d headers go on, want %d; the assertion is %q", len(h), len(want), assertion)
	}
	call.Session = ""
	if h, err := g.requestHeader(&call); err != nil || h["Last-Event-Id"] != nil || h["Mcp-Session-Id"] != nil {
		t.Errorf("without a session %v goes on, %v", h, err)
	}
}

func TestHeaderNamesThatMeanSomethingElseAreRefused(t *testing.T) {
	for _, name := range []string{
		"", "X_User", "X-User ", "X-Usér", "Authorization", "Cookie", "Host", "Content-Length", "Connection", "Proxy-Authorization", "Transfer-Encoding", "Te",
		"Mcp-Session-Id", "mcp-name", "X-Forwarded-For", "Accept", "Forwarded", "x-forwarded-host", "X-Request-Id",
		"Idempotency-Key", "X-Idempotency-Key", "Upgrade", "Traceparent", "Tracestate",
	} {
		if CheckHeaderName(name) == nil {
			t.Errorf("%q is allowed", name)
		}
	}
	upstream, _ := url.Parse("http://127.0.0.1/mcp")
	for name, cfg := range map[string]Config{
		"twice":    {Upstream: upstream, Identity: []IdentityHeader{{"X-A", "sub"}, {"X-A", "iss"}}},
		"assigned": {Upstream: upstream, Identity: DefaultIdentity(), Assertion: "X-Forwarded-User"},
		"lower":    {Upstream: upstream, Assertion: "x-who", Pass: []string{"X-Who"}},
		"passed":   {Upstream: upstream, Identity: DefaultIdentity(), Pass: []string{"x-forwarded-user"}},
		"secret":   {Upstream: upstream, Secret: []byte("short")},
		"no URL":   {Upstream: &url.URL{Scheme: "ftp", Host: "h"}},
		"a user":   {Upstream: &url.URL{Scheme: "http", Host: "h", User: url.User("u")}},
	} {
		if cfg.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// An assertion can be checked by the key set that any replica publishes; it is for the
// upstream alone, lives for a minute at most and never longer than the token.
func TestAssertionsAreCheckedByTheKeySetOfAReplica(t *testing.T) {
	with := func(c *Config) {
		c.Assertion = "X-Assertion"
		c.Identity = []IdentityHeader{{"X-Team", "team.name"}, {"X-Forwarded-Issuer", "iss"}}
	}
	g, replica := newGateway(t, with), newGateway(t, with)
	now := time.Now()
	id := bearer.Identity{
		Subject: "alice", Issuer: "https://i.example", ClientID: "app", Scopes: []string{"a", "b"}, Expiry: now.Add(40 * time.Second),
		Claims: map[string]any{"email": "a@example.com", "secret": "s", "iss": "https://i.example", "team": map[string]any{"name": "blue"}},
	}
	text, err := g.assertions.sign(id, now)
	if err != nil {
		t.Fatal(err)
	}
	parse := func(text string) jwt.MapClaims {
		t.Helper()
		set, err := replica.KeySet()
		if err != nil {
			t.Fatal(err)
		}
		keys := jwkset.NewMemoryStorage()
		var published jwkset.JWKSMarshal
		if err = json.Unmarshal(set, &published); err != nil || len(published.Keys) != 3 || strings.Contains(string(set), `"d"`) {
			t.Fatalf("key set %s, %v", set, err)
		}
		for _, key := range published.Keys {
			k, err := jwkset.NewJWKFromMarshal(key, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if err := keys.KeyWrite(t.Context(), k); err != nil {
				t.Fatal(err)
			}
		}
		claims := jwt.MapClaims{}
		_, err = jwt.ParseWithClaims(text, claims, func(token *jwt.Token) (any, error) {
			k, err := keys.KeyRead(t.Context(), token.Header["kid"].(string))
			return k.Key(), err
		}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithAudience("http://127.0.0.1:8000/mcp"), jwt.WithIssuer("https://mcp.example.com/mcp"), jwt.WithExpirationRequired())
		if err != nil {
			t.Fatal(err)
		}
		return claims
	}
	claims := parse(text)
	end, _ := claims.GetExpirationTime()
	if claims["sub"] != "alice" || claims["email"] != "a@example.com" || claims["scope"] != "a b" || claims["secret"] != nil || claims["team.name"] != "blue" || end.Unix() != id.Expiry.Unix() ||
		claims["sub_id"].(map[string]any)["iss"] != "https://i.example" {
		t.Errorf("the assertion says %v", claims)
	}
	if again, _ := g.assertions.sign(id, now.Add(time.Second)); again != text {
		t.Error("the next request is signed anew")
	}
	if later, _ := g.assertions.sign(id, now.Add(assertionUse)); later == text {
		t.Error("an old assertion is sent until its end")
	}
	for name, change := range map[string]func(*bearer.Identity){
		"another subject": func(i *bearer.Identity) { i.Subject = "bob" },
		"another issuer":  func(i *bearer.Identity) { i.Issuer = "https://j.example" },
		"fewer scopes":    func(i *bearer.Identity) { i.Scopes = i.Scopes[:1] },
		"another client":  func(i *bearer.Identity) { i.ClientID = "other" },
		"a later expiry":  func(i *bearer.Identity) { i.Expiry = i.Expiry.Add(10 * time.Second) },
		"a list of one":   func(i *bearer.Identity) { i.Claims["email"] = []any{"a@example.com"} },
		"no e-mail":       func(i *bearer.Identity) { delete(i.Claims, "email") },
		"another e-mail":  func(i *bearer.Identity) { i.Claims["email"] = "b@example.com" },
		"another team":    func(i *bearer.Identity) { i.Claims["team"] = map[string]any{"name": "red"} },
	} {
		kept, _ := g.assertions.sign(id, now)
		other := id
		other.Claims = maps.Clone(id.Claims)
		change(&other)
		got, err := g.assertions.sign(other, now)
		if again, _ := g.assertions.sign(id, now); err != nil || got == kept || again != kept {
			t.Errorf("%s: the same assertion, or the kept one is gone: %v", name, err)
			continue
		}
		claims := parse(got)
		end, _ := claims.GetExpirationTime()
		for claim, want := range map[string]any{
			"sub": other.Subject, "scope": strings.Join(other.Scopes, " "), "client_id": other.ClientID,
			"email": other.Claims["email"], "team.name": other.Claims["team"].(map[string]any)["name"],
		} {
			if !reflect.DeepEqual(claims[claim], want) {
				t.Errorf("%s: the assertion says %s %v, the token %v", name, claim, claims[claim], want)
			}
		}
		if claims["sub_id"].(map[string]any)["iss"] != other.Issuer || end.Unix() != other.Expiry.Unix() {
			t.Errorf("%s: the assertion says %v", name, claims)
		}
	}
	id.Expiry = time.Time{}
	endless, err := g.assertions.sign(id, now)
	if end, _ := parse(endless).GetExpirationTime(); err != nil || end.Sub(now) > assertionLife {
		t.Errorf("an assertion lives for %v, %v", end.Sub(now), err)
	}
}

// The key changes with the day; the set has the one that comes, so that nobody who kept it
// meets a key that it does not have.
func TestKeysRotateAheadOfTheirUse(t *testing.T) {
	k := &keys{secret: secret, of: map[int64]*signingKey{}}
	now := time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC)
	today, err1 := k.at(now, 0)
	next, err2 := k.at(now, 1)
	tomorrow, err3 := (&keys{secret: secret, of: map[int64]*signingKey{}}).at(now.Add(time.Second), 0)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	if today.id == tomorrow.id || next.public != tomorrow.public {
		t.Errorf("today %s, the next %s, tomorrow %s", today.id, next.id, tomorrow.id)
	}
	for day := range 100 {
		if _, err := k.at(now.AddDate(0, 0, day), 0); err != nil {
			t.Fatal(err)
		}
	}
	if len(k.of) > 6 {
		t.Errorf("%d keys are kept", len(k.of))
	}
}

func TestErrorsHaveTheIDOfTheirMessage(t *testing.T) {
	for body, want := range map[string]string{
		`{"jsonrpc":"2.0","id":12345678901234567890,"method":"x"}`: "12345678901234567890",
		`{"id":"a\"b","method":"x"}`:                               `"a\"b"`,
		`{"method":"x","params":{"id":5}}`:                         "null",
		`{"id":{"a":1}}`:                                           "null",
		``:                                                         "null",
	} {
		w := httptest.NewRecorder()
		WriteError(w, 502, []byte(body), "text")
		if !strings.Contains(w.Body.String(), `"id":`+want+`,`) || !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s: %s", body, w.Body)
		}
	}
}

// The other transport is beside the one that is named, with a slash at its end or without,
// and a query is that of both.
func TestTheOtherTransportIsBesideTheFirst(t *testing.T) {
	for given, want := range map[string][2]string{
		"http://h/mcp":         {"http://h/mcp", "http://h/sse"},
		"http://h/mcp/":        {"http://h/mcp/", "http://h/sse"},
		"http://h":             {"http://h", "http://h/sse"},
		"http://h/a%2Fb/mcp?k": {"http://h/a%2Fb/mcp?k", "http://h/a%2Fb/sse?k"},
		"http://h/a/sse":       {"http://h/a/mcp", "http://h/a/sse"},
		"http://h/sse/":        {"http://h/mcp", "http://h/sse/"},
	} {
		u, err := url.Parse(given)
		if err != nil {
			t.Fatal(err)
		}
		if streamable, sse := endpoints(u); streamable.String() != want[0] || sse.String() != want[1] {
			t.Errorf("%s: %s and %s", given, streamable, sse)
		}
	}
}
