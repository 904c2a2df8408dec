package bearer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode"
	"unicode/utf8"

	"mcp-login/internal/foreign"
	"mcp-login/test/binary"
	"mcp-login/test/issuer"
)

// behind is a handler that counts who gets through and keeps what was sent.
type behind struct {
	runs int
	body []byte
	id   Identity
}

func (b *behind) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	b.runs++
	b.body, _ = io.ReadAll(r.Body)
	b.id, _ = IdentityFrom(r.Context())
}

// Middleware alone protects a handler of net/http: metadata and a preflight need no token,
// nothing else gets through without a good one, whatever its method and path.
func TestMiddlewareAloneProtects(t *testing.T) {
	i := issuer.Start(t)
	var next behind
	h := newServer(t, i, nil).Middleware(&next)
	for _, path := range []string{metadataPath, metadataPath + "/mcp"} {
		resp := call(h, "GET", path, "", "")
		body, _ := io.ReadAll(resp.Body)
		if want := `{"resource":"` + issuer.Resource + `","authorization_servers":["` + i.URL + `"],"scopes_supported":["openid","profile","email"],` +
			`"bearer_methods_supported":["header"]}`; resp.StatusCode != 200 || string(body) != want {
			t.Errorf("%s: %d %s", path, resp.StatusCode, body)
		}
	}
	resp := call(h, "OPTIONS", "/mcp", "", "", "Origin", "https://app.example", "Access-Control-Request-Method", "POST", "Access-Control-Request-Headers", "authorization")
	if resp.StatusCode != 204 || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Access-Control-Allow-Headers") != "authorization" {
		t.Errorf("preflight: %d %v", resp.StatusCode, resp.Header)
	}
	for _, path := range []string{"/mcp", "/", "/other", metadataPath + "/other", metadataPath + "/mcp/", "//", "/.well-known/"} {
		for _, method := range []string{"GET", "POST", "DELETE", "OPTIONS", "HEAD"} {
			for token, want := range map[string]string{"": "", "x.y.z": "invalid_token", i.Claim(t, "aud", "https://elsewhere.example"): "invalid_token"} {
				resp := call(h, method, path, token, "", "Origin", "https://app.example")
				if got := issuer.Challenge(t, resp); resp.StatusCode != 401 || got["error"] != want || got["resource_metadata"] != "http://127.0.0.1:3001"+metadataPath+"/mcp" {
					t.Errorf("%s %s: %d %v", method, path, resp.StatusCode, got)
				}
				if !strings.Contains(resp.Header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate") {
					t.Errorf("%s %s: a page cannot read the challenge", method, path)
				}
			}
		}
	}
	if next.runs != 0 {
		t.Fatalf("%d requests got through", next.runs)
	}
	if resp := call(h, "PUT", "/other", i.Sign(t, issuer.Change{}), "not JSON"); resp.StatusCode != 200 || string(next.body) != "not JSON" ||
		next.id.Subject != "alice" || next.id.Issuer != i.URL || strings.Join(next.id.Scopes, " ") != "mcp:read" {
		t.Errorf("with a token: %d, %q, %+v", resp.StatusCode, next.body, next.id)
	}
}

// What something outside of it has decided about pages stays.
func TestMiddlewareLeavesPagesToWhatIsOutside(t *testing.T) {
	s := newServer(t, issuer.Start(t), nil)
	resp := serve(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "https://app.example")
		s.ServeHTTP(w, r)
	}), request("POST", "/mcp", "", http.NoBody, "Origin", "https://app.example"))
	if got := resp.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != "https://app.example" {
		t.Errorf("%q", got)
	}
}

// A message is read for its tool once: who lacks the tool's scope gets a 403 that names
// it, and the handler gets the very bytes that were judged. What could be read in two ways,
// or not within bounds, gets to no handler.
func TestMiddlewareReadsTheMessageForItsTool(t *testing.T) {
	const calls = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"secret"}}`
	i := issuer.Start(t)
	var next behind
	s := newServer(t, i, func(c *Config) { c.ToolScopes = map[string][]string{"secret": {"secret:run"}} })
	h := s.Middleware(&next)
	poor, rich := i.Sign(t, issuer.Change{}), i.Claim(t, "scope", "secret:run")
	for name, tt := range map[string]struct {
		token, body, header, value string
		want                       int
	}{
		"without the scope":   {poor, calls, "", "", 403},
		"with it":             {rich, calls, "", "", 200},
		"in UTF-8":            {rich, calls, "Content-Type", "application/json; charset=UTF-8", 200},
		"odd spelling":        {rich, " { \"jsonrpc\" : \"2.0\",\"id\":1e0, \"method\":\"tools\\/call\",\"params\":{\"name\":\"secret\"}}\n", "", "", 200},
		"another tool":        {poor, strings.Replace(calls, "secret", "other", 1), "", "", 200},
		"another method":      {poor, strings.Replace(calls, "tools/call", "tools/list", 1), "", "", 200},
		"escaped":             {poor, strings.Replace(calls, "secret", `s\u0065cret`, 1), "", "", 403},
		"a batch":             {rich, "[" + calls + "]", "", "", 400},
		"a member twice":      {rich, strings.Replace(calls, `"params"`, `"method":"ping","params"`, 1), "", "", 400},
		"a name twice":        {rich, strings.Replace(calls, `"name"`, `"name":"other","name"`, 1), "", "", 400},
		"in another case":     {rich, strings.Replace(calls, `"method"`, `"Method"`, 1), "", "", 400},
		"not JSON":            {rich, "x", "", "", 400},
		"not UTF-8":           {rich, strings.Replace(calls, "secret", "\xff", 1), "", "", 400},
		"two messages":        {rich, calls + calls, "", "", 400},
		"a long name":         {rich, strings.Replace(calls, "secret", strings.Repeat("x", maxNameBytes), 1), "", "", 400},
		"a list as name":      {rich, strings.Replace(calls, `"secret"`, `["secret"]`, 1), "", "", 400},
		"an object as name":   {rich, strings.Replace(calls, `"secret"`, `{"toString":"secret"}`, 1), "", "", 400},
		"a number as name":    {rich, strings.Replace(calls, `"secret"`, "7", 1), "", "", 400},
		"null as name":        {rich, strings.Replace(calls, `"secret"`, "null", 1), "", "", 400},
		"an empty name":       {rich, strings.Replace(calls, "secret", "", 1), "", "", 400},
		"a name and NUL":      {rich, strings.Replace(calls, "secret", `secret\u0000`, 1), "", "", 400},
		"half a surrogate":    {rich, strings.Replace(calls, "secret", `secret\ud800`, 1), "", "", 400},
		"no name":             {rich, strings.Replace(calls, `"name":"secret"`, "", 1), "", "", 400},
		"no params":           {rich, strings.Replace(calls, `"params"`, `"parameters"`, 1), "", "", 400},
		"a list of params":    {rich, strings.Replace(calls, `{"name":"secret"}`, `[{"name":"secret"}]`, 1), "", "", 400},
		"a list as method":    {rich, strings.Replace(calls, `"tools/call"`, `["tools/call"]`, 1), "", "", 400},
		"a method and NUL":    {rich, strings.Replace(calls, "tools/call", `tools/call\u0000`, 1), "", "", 400},
		"null as method":      {rich, strings.Replace(calls, `"tools/call"`, "null", 1), "", "", 400},
		"a prototype":         {rich, `{"jsonrpc":"2.0","id":1,"__proto__":` + calls + "}", "", "", 400},
		"one of params":       {rich, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"other","__proto__":{"name":"secret"}}}`, "", "", 400},
		"one in arguments":    {rich, strings.Replace(calls, "}}", `,"arguments":{"__proto__":1}}}`, 1), "", "", 200},
		"escaped twice":       {rich, strings.Replace(calls, `"name"`, `"name":"other","n\u0061me"`, 1), "", "", 400},
		"a byte-order mark":   {rich, "\xef\xbb\xbf" + calls, "", "", 400},
		"bytes of UTF-16":     {rich, "{\x00}\x00", "", "", 400},
		"NUL behind it":       {rich, calls + "\x00", "", "", 400},
		"a number like 1e400": {rich, strings.Replace(calls, "}}", `,"arguments":{"a":1e400}}}`, 1), "", "", 200},
		"NaN":                 {rich, strings.Replace(calls, "}}", `,"arguments":{"a":NaN}}}`, 1), "", "", 400},
		"very deep":           {rich, strings.Replace(calls, "}}", `,"arguments":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+"}}", 1), "", "", 400},
		"a call and a result": {rich, strings.Replace(calls, `"id":1`, `"id":1,"result":{}`, 1), "", "", 400},
		"a call and an error": {rich, strings.Replace(calls, `"id":1`, `"error":null,"id":1`, 1), "", "", 400},
		"an answer":           {rich, `{"jsonrpc":"2.0","id":1,"result":{}}`, "", "", 200},
		"in UTF-16":           {rich, calls, "Content-Type", "application/json; charset=utf-16", 415},
		"as text":             {rich, calls, "Content-Type", "text/plain", 415},
		"another Mcp-Method":  {rich, calls, "Mcp-Method", "ping", 400},
		"another Mcp-Name":    {rich, calls, "Mcp-Name", "other", 400},
		"compressed":          {rich, calls, "Content-Encoding", "gzip", 415},
		"larger than 4 MiB":   {rich, calls + strings.Repeat(" ", maxMessageBytes), "", "", 413},
		"as large as it may":  {rich, calls + strings.Repeat(" ", maxMessageBytes-len(calls)), "", "", 200},
	} {
		var header []string
		if tt.header != "" {
			header = []string{tt.header, tt.value}
		}
		before := next.runs
		resp := call(h, "POST", "/mcp", tt.token, tt.body, header...)
		if resp.StatusCode != tt.want || (next.runs > before) != (tt.want == 200) {
			t.Errorf("%s: %d, want %d; got through: %t", name, resp.StatusCode, tt.want, next.runs > before)
		}
		if tt.want == 200 && string(next.body) != tt.body {
			t.Errorf("%s: the handler got %.80q", name, next.body)
		}
		if tt.want == 403 && issuer.Challenge(t, resp)["scope"] != "openid profile email secret:run mcp:read" {
			t.Errorf("%s: %v", name, resp.Header)
		}
	}
	for _, method := range []string{"PUT", "GET", "DELETE"} {
		if resp := call(h, method, "/mcp", poor, calls); resp.StatusCode != 403 {
			t.Errorf("a call by %s: %d", method, resp.StatusCode)
		}
	}
	for _, method := range []string{"GET", "DELETE"} {
		if resp := call(h, method, "/mcp", poor, "", "Mcp-Session-Id", "s", "Last-Event-Id", "1"); resp.StatusCode != 200 {
			t.Errorf("%s: %d", method, resp.StatusCode)
		}
		if resp := call(h, method, "/mcp", poor, "", "Mcp-Method", "tools/call"); resp.StatusCode != 400 {
			t.Errorf("%s that speaks of a message: %d", method, resp.StatusCode)
		}
	}
}

// timed is an answer whose connection knows deadlines.
type timed struct {
	*httptest.ResponseRecorder
	deadlines []time.Time
}

func (c *timed) SetReadDeadline(at time.Time) error {
	c.deadlines = append(c.deadlines, at)
	return nil
}

// late is a body that does not come before the deadline.
type late struct{ err error }

func (l late) Read([]byte) (int, error) { return 0, l.err }

// A message has 30 seconds, and what follows it is not bound by that.
func TestMiddlewareDoesNotWaitForAMessage(t *testing.T) {
	i := issuer.Start(t)
	s := newServer(t, i, func(c *Config) { c.ToolScopes = map[string][]string{"secret": {"x"}} })
	for body, want := range map[io.Reader]int{
		late{os.ErrDeadlineExceeded}: 408, late{io.ErrUnexpectedEOF}: 400, strings.NewReader(callWhoami): 200,
	} {
		w := &timed{ResponseRecorder: httptest.NewRecorder()}
		r := request("POST", "/mcp", i.Sign(t, issuer.Change{}), body)
		r.Header.Set("Content-Type", "application/json")
		began := time.Now()
		s.ServeHTTP(w, r)
		if w.Code != want || len(w.deadlines) == 0 || w.deadlines[0].Before(began.Add(messageTimeout)) {
			t.Errorf("%d, want %d, deadlines %v", w.Code, want, w.deadlines)
		}
		if want == 200 && (len(w.deadlines) != 2 || !w.deadlines[1].IsZero()) {
			t.Errorf("the deadline stays: %v", w.deadlines)
		}
	}
}

// RequireScope protects a part of a handler, and nothing by itself.
func TestRequireScope(t *testing.T) {
	i := issuer.Start(t)
	var next behind
	s := newServer(t, i, func(c *Config) { c.Scopes = []string{"openid"} })
	part := RequireScope("notes:write", "notes:read")(&next)
	for scope, want := range map[string]int{"notes:read notes:write": 200, "notes:read": 403, "notes:read notes:writer": 403, "other": 403, "": 403} {
		resp := call(s.Middleware(part), "POST", "/notes", i.Claim(t, "scope", scope), "x")
		if resp.StatusCode != want {
			t.Errorf("%q: %d, want %d", scope, resp.StatusCode, want)
		}
		if want == 403 {
			// What it has is named too, or the next token would lack that.
			named := strings.Fields(issuer.Challenge(t, resp)["scope"])
			for _, one := range append(strings.Fields(scope), "openid", "notes:write", "notes:read") {
				if !slices.Contains(named, one) {
					t.Errorf("%q: %q is not asked for", scope, one)
				}
			}
			if got := issuer.Challenge(t, resp)["error"]; got != "insufficient_scope" {
				t.Errorf("%q: %v", scope, got)
			}
		}
	}
	// Required scopes are asked for in the same way, offline_access among them where it is one.
	s = newServer(t, i, func(c *Config) { c.RequiredScopes = []string{"base", "offline_access"} })
	resp := call(s, "POST", "/notes", i.Claim(t, "scope", "tool"), "x")
	if got := issuer.Challenge(t, resp)["scope"]; got != "openid profile email base offline_access tool" {
		t.Errorf("required: %q", got)
	}
	// Of what it has, only what a client can ask for is named, and never offline_access.
	s = newServer(t, i, func(c *Config) { c.Scopes = []string{"openid"} })
	odd := i.Claim(t, "scope", []string{"tool", "two words", `qu"ote`, "", "offline_access"})
	if got := issuer.Challenge(t, call(s.Middleware(part), "POST", "/notes", odd, "x"))["scope"]; got != "openid notes:write notes:read tool" {
		t.Errorf("of odd scopes: %q", got)
	}
	if resp := call(part, "POST", "/notes", i.Claim(t, "scope", "notes:read notes:write"), "x"); resp.StatusCode != 500 || next.runs != 1 {
		t.Errorf("without Middleware: %d, %d runs", resp.StatusCode, next.runs)
	}
}

// RFC 9470: who signed in too weakly or too long ago is told how to sign in, and a token
// that says nothing of it does not suffice.
func TestStepUp(t *testing.T) {
	i := issuer.Start(t)
	now := time.Now().Unix()
	for name, tt := range map[string]struct {
		claims map[string]any
		want   int
	}{
		"well":              {map[string]any{"acr": "phr", "auth_time": now - 60}, 200},
		"well, another way": {map[string]any{"acr": "phrh", "auth_time": now - 60}, 200},
		"weakly":            {map[string]any{"acr": "pwd", "auth_time": now - 60}, 401},
		"in another case":   {map[string]any{"acr": "PHR", "auth_time": now - 60}, 401},
		"acr is a list":     {map[string]any{"acr": []string{"phr"}, "auth_time": now - 60}, 401},
		"long ago":          {map[string]any{"acr": "phr", "auth_time": now - 400}, 401},
		"as clocks differ":  {map[string]any{"acr": "phr", "auth_time": now - 320}, 200},
		"at no time":        {map[string]any{"acr": "phr"}, 401},
		"time as text":      {map[string]any{"acr": "phr", "auth_time": "now"}, 401},
		"nothing said":      {nil, 401},
	} {
		s := newServer(t, i, func(c *Config) { c.ACRValues, c.MaxAge = []string{"phr", "phrh"}, 5*time.Minute })
		resp := call(s, "POST", "/mcp", i.Sign(t, issuer.Change{Claims: tt.claims}), callWhoami)
		if resp.StatusCode != tt.want {
			t.Errorf("%s: %d, want %d", name, resp.StatusCode, tt.want)
		}
		if tt.want == 401 {
			got := issuer.Challenge(t, resp)
			if got["error"] != "insufficient_user_authentication" || got["acr_values"] != "phr phrh" || got["max_age"] != "300" || got["resource_metadata"] == "" {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	for name, change := range map[string]func(*Config){
		"acr": func(c *Config) { c.ACRValues = []string{"phr"} }, "max age": func(c *Config) { c.MaxAge = time.Minute },
	} {
		if resp := call(newServer(t, i, change), "POST", "/mcp", "opaque", callWhoami); resp.StatusCode != 401 || i.UserinfoCalls.Load() != 0 {
			t.Errorf("opaque with %s: %d, %d calls", name, resp.StatusCode, i.UserinfoCalls.Load())
		}
	}
}

// A sign-in that was recent enough when its token was checked is too old later, although the
// verdict about the token is known.
func TestMaxAgeCountsForKnownTokens(t *testing.T) {
	simulated(t, func(c *Config) { c.MaxAge, c.Leeway, c.CacheTTL = time.Minute, time.Nanosecond, time.Hour }, func(t *testing.T, i *issuer.Issuer, s *Server) {
		token := i.Claim(t, "auth_time", time.Now().Unix())
		for _, want := range []int{200, 401} {
			if resp := call(s, "POST", "/mcp", token, callWhoami); resp.StatusCode != want {
				t.Errorf("%d, want %d", resp.StatusCode, want)
			}
			<-time.After(61 * time.Second) // in virtual time
		}
	})
}

// A token that is bound to a key is refused as a plain bearer token, whoever says that it is
// good: a JWT, introspection (whose test has it), or a verifier of one's own.
func TestBoundTokensAreRefusedAsPlainBearer(t *testing.T) {
	i := issuer.Start(t)
	cnf := map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}
	own := func(c *Config) {
		c.Verify = func(context.Context, string) (Identity, error) {
			return Identity{Subject: "alice", Claims: map[string]any{"cnf": cnf}}, nil
		}
	}
	for name, change := range map[string]func(*Config){"built in": nil, "one's own": own} {
		s := newServer(t, i, change)
		for _, header := range [][]string{nil, {"Dpop", "x.y.z"}} {
			resp := call(s, "POST", "/mcp", i.Claim(t, "cnf", cnf), callWhoami, header...)
			if resp.StatusCode != 401 || issuer.Challenge(t, resp)["error"] != "invalid_token" {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
		if _, err := s.Verify(t.Context(), i.Claim(t, "cnf", cnf)); !errors.Is(err, ErrInvalidToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if resp := call(newServer(t, i, nil), "POST", "/mcp", "", "", "Authorization", "DPoP "+i.Sign(t, issuer.Change{})); resp.StatusCode != 401 {
		t.Errorf("the scheme DPoP: %d", resp.StatusCode)
	}
}

// Several resources of one process visit the issuer once, take no token of each other, and
// one that is closed leaves the others what they need.
func TestResourcesShareTheirIssuers(t *testing.T) {
	i := issuer.Start(t)
	config := func(name string, share *Resource) Config {
		return Config{Resource: mustURL(t, "https://h.example/"+name+"/mcp"), Issuer: i.URL, Share: share}
	}
	notes, err := New(config("notes", nil))
	if err != nil {
		t.Fatal(err)
	}
	tasks, err := New(config("tasks", notes))
	if err != nil {
		t.Fatal(err)
	}
	more, err := New(config("more", tasks))
	if err != nil {
		t.Fatal(err)
	}
	notes.Close()
	notes.Close()
	token := i.Claim(t, "aud", "https://h.example/tasks/mcp")
	if _, err := tasks.Verify(t.Context(), token); err != nil {
		t.Errorf("after the end of the one that was first: %v", err)
	}
	if _, err := more.Verify(t.Context(), token); !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a token of another one: %v", err)
	}
	if m, k := i.MetadataCalls.Load(), i.KeyCalls.Load(); m != 1 || k != 1 {
		t.Errorf("%d and %d visits", m, k)
	}
	tasks.Close()
	more.Close()
	more.Reload()
	if _, err := more.IssuerMetadata(t.Context()); err != nil { // what is known stays
		t.Error(err)
	}
}

// Close ends what goes on: nobody is asked any more, and nothing runs on. What another
// resource still shares goes on without it.
func TestCloseEndsWhatGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fails if something runs on
		i := issuer.InMemory(t)
		i.Metadata = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
		r, err := New(Config{Resource: mustURL(t, issuer.Resource), Issuer: i.URL, HTTP: i.Client})
		if err != nil {
			t.Fatal(err)
		}
		other, err := New(Config{Resource: mustURL(t, issuer.Resource), Issuer: i.URL, Share: r})
		if err != nil {
			t.Fatal(err)
		}
		defer other.Close()
		verdict := make(chan error, 1)
		go func() {
			_, err := r.Verify(t.Context(), i.Sign(t, issuer.Change{}))
			verdict <- err
		}()
		synctest.Wait()
		began := time.Now()
		r.Close()
		if err := <-verdict; !errors.Is(err, ErrUnavailable) || time.Since(began) != 0 {
			t.Errorf("%v after %s", err, time.Since(began))
		}
		if _, err := r.Verify(t.Context(), i.Claim(t, "jti", "2")); !errors.Is(err, ErrUnavailable) {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// At each endpoint clients are told what they compare with the URL that they were given.
func TestAtAnotherEndpoint(t *testing.T) {
	s := newServer(t, issuer.Start(t), nil)
	for endpoint, want := range map[string][2]string{
		issuer.Resource:             {"/mcp", issuer.Resource},
		"http://127.0.0.1:3001/sse": {"/sse", "http://127.0.0.1:3001/sse"},
		"http://127.0.0.1:3001/x":   {"/x", issuer.Resource}, // no audience
		"http://127.0.0.1:3001/":    {"", issuer.Resource},
	} {
		u, err := url.Parse(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		at := s.At(u)
		if got := at.MetadataURL(); got != "http://127.0.0.1:3001"+metadataPath+want[0] {
			t.Errorf("%s: metadata at %s", endpoint, got)
		}
		resp := call(at.Middleware(http.NotFoundHandler()), "GET", metadataPath+want[0], "", "")
		if body, _ := io.ReadAll(resp.Body); !bytes.HasPrefix(body, []byte(`{"resource":"`+want[1]+`",`)) {
			t.Errorf("%s: %s", endpoint, body)
		}
		if got := issuer.Challenge(t, call(at.Middleware(http.NotFoundHandler()), "GET", "/", "", ""))["resource_metadata"]; got != at.MetadataURL() {
			t.Errorf("%s: challenge %s", endpoint, got)
		}
	}
}

// The reason in the log names what is enforced, and what the token lacks of it.
func TestTheLogSaysWhatATokenLacks(t *testing.T) {
	i := issuer.Start(t)
	i.Userinfo = issuer.Answer(200, issuer.LogtoClaims)
	tool := func(c *Config) { c.ToolScopes = map[string][]string{"whoami": {"notes:write"}} }
	recent := func(c *Config) { c.MaxAge = time.Minute }
	for _, tt := range []struct {
		token, want string
		change      func(*Config)
	}{
		{i.Claim(t, "scope", "openid email"), `need notes:write, the token has openid email"`, tool},
		{i.Claim(t, "scope", nil), `need notes:write, the token has none"`, tool},
		{"opaque", `need notes:write; those of the token are unknown: of an opaque one only introspection tells them"`, tool},
		{i.Claim(t, "scope", "x"), `the token has no acr, which the issuer must put into it"`, func(c *Config) { c.ACRValues = []string{"phr"} }},
		{i.Claim(t, "scope", "x"), `the token has no auth_time, which the issuer must put into it"`, recent},
		{i.Claim(t, "auth_time", 1), `max age 1m0s"`, recent},
	} {
		var log binary.Output
		s := newServer(t, i, func(c *Config) {
			c.Log = slog.New(slog.NewJSONHandler(&log, nil))
			tt.change(c)
		})
		call(s, "POST", "/mcp", tt.token, callWhoami)
		if !strings.Contains(log.String(), tt.want) {
			t.Errorf("%s is not in %s", tt.want, log.String())
		}
	}
}

// What clients and issuers send does not get into the log as they like: a reason is one
// line, not long, and of characters that a terminal shows.
func TestTheLogIsNotTheClients(t *testing.T) {
	const hostile = "\x1b[31m\u202e\nreason=good\u00a0"
	i := issuer.Start(t)
	var log binary.Output
	s := newServer(t, i, func(c *Config) {
		c.Log = slog.New(slog.NewJSONHandler(&log, nil))
		c.ToolScopes = map[string][]string{"secret": {"x"}}
		c.Verify = func(_ context.Context, token string) (Identity, error) {
			if token == "good" {
				return Identity{Subject: "alice"}, nil
			}
			return Identity{}, errors.New(hostile + token)
		}
	})
	name, err := json.Marshal(hostile + strings.Repeat("x", 1<<20))
	if err != nil {
		t.Fatal(err)
	}
	twice := "{" + string(name) + ":1," + string(name) + ":2}"
	if resp := call(s, "POST", "/mcp", "good", twice); resp.StatusCode != 400 {
		t.Errorf("the message: %d", resp.StatusCode)
	}
	if resp := call(s, "POST", "/mcp", strings.Repeat("x", maxTokenBytes), twice); resp.StatusCode != 500 {
		t.Errorf("the verifier: %d", resp.StatusCode)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 2 {
		t.Errorf("%d lines", len(lines))
	}
	for _, line := range lines {
		var said struct{ Reason string }
		if err := json.Unmarshal([]byte(line), &said); err != nil || said.Reason == "" || utf8.RuneCountInString(said.Reason) > foreign.MaxMessage {
			t.Errorf("%v: %d bytes", err, len(said.Reason))
		}
		if strings.ContainsFunc(said.Reason, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%.100q", said.Reason)
		}
	}
}
