package upstream

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/internal/hint"
	"mcp-login/internal/jsonrpc"
)

// answer is a handler for POST that always says the same.
func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const initialized = `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`

// What can be at an address.
var (
	streamable = answer(200, initialized)
	asEvents   = answer(200, "data: "+initialized+"\n\n", "Content-Type", "text/event-stream")
	protected  = answer(401, "", "WWW-Authenticate", `Bearer resource_metadata="https://x.example/m"`)
	bearerOnly = answer(401, "", "WWW-Authenticate", `Bearer realm="api"`)
	basicOnly  = answer(401, "", "WWW-Authenticate", `Basic realm="site"`)
	newer      = answer(400, `{"jsonrpc":"2.0","id":1,"error":{"code":-32022,"message":"unsupported protocol version"}}`)
	otherRPC   = answer(200, `{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no such method"}}`)
	welcome    = answer(200, "<html>welcome</html>", "Content-Type", "text/html")
	api        = answer(200, `{"status":"ok"}`)
	moved      = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/mcp/", http.StatusTemporaryRedirect)
	}
)

// legacy is a server of HTTP+SSE.
func legacy() http.HandlerFunc {
	posted := make(chan struct{}, 1)
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.RawQuery == "messages":
			posted <- struct{}{}
			w.WriteHeader(http.StatusAccepted)
		case r.Method == http.MethodGet:
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: endpoint\ndata: ?messages\n\n")
			w.(http.Flusher).Flush()
			select {
			case <-posted:
				_, _ = io.WriteString(w, "data: "+initialized+"\n\n")
			case <-r.Context().Done():
			}
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}
}

// site answers 404 but where it has something.
type site map[string]http.HandlerFunc

func (s site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if at := s[r.URL.EscapedPath()]; at != nil {
		at(w, r)
		return
	}
	http.Error(w, `{"detail":"Not Found"}`, http.StatusNotFound)
}

func TestFindServerNamesThePlaceThatAnswersLikeAnMCPServer(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint string
		site     site
		want     string
	}{
		"only the host":                     {"", site{"/mcp": streamable}, "/mcp"},
		"a slash behind the host":           {"/", site{"/mcp": streamable, "/": welcome}, "/mcp"},
		"a slash too many":                  {"/mcp/", site{"/mcp": streamable}, "/mcp"},
		"a slash too few":                   {"/mcp", site{"/mcp/": streamable}, "/mcp/"},
		"mcp for sse":                       {"/mcp", site{"/sse": legacy()}, "/sse"},
		"sse for mcp":                       {"/sse", site{"/mcp": streamable}, "/mcp"},
		"below a prefix":                    {"/weather", site{"/weather/mcp": streamable}, "/weather/mcp"},
		"its neighbour below a prefix":      {"/weather/sse", site{"/weather/mcp": streamable}, "/weather/mcp"},
		"sse below a prefix":                {"/weather", site{"/weather/sse": legacy()}, "/weather/sse"},
		"above what was given":              {"/mcp/v1/messages", site{"/mcp": streamable}, "/mcp"},
		"at the root":                       {"/mcp", site{"/": streamable}, "/"},
		"escapes stay as they are":          {"/a%20b%2Fc/", site{"/a%20b%2Fc/mcp": streamable, "/a b/c/mcp": welcome, "/a b/mcp": welcome}, "/a%20b%2Fc/mcp"},
		"api":                               {"/", site{"/api/mcp": streamable}, "/api/mcp"},
		"v1":                                {"/wrong", site{"/v1/mcp": streamable}, "/v1/mcp"},
		"an answer as events":               {"/", site{"/mcp": asEvents}, "/mcp"},
		"a server that wants a sign-in":     {"/", site{"/mcp": protected}, "/mcp"},
		"one that wants a token":            {"/", site{"/mcp": bearerOnly}, "/mcp"},
		"a server of another revision":      {"/", site{"/mcp": newer}, "/mcp"},
		"an MCP server before any API":      {"/", site{"/mcp": bearerOnly, "/api/mcp": streamable}, "/api/mcp"},
		"a sign-in of MCP before any API":   {"/", site{"/mcp": bearerOnly, "/api/mcp": protected}, "/api/mcp"},
		"a redirect on the same origin":     {"/", site{"/mcp": moved, "/mcp/": streamable}, "/mcp"},
		"a site with a gateway of its own":  {"/", site{"/mcp": basicOnly}, ""},
		"a server of another protocol":      {"/", site{"/mcp": otherRPC}, ""},
		"a page for everything":             {"/wrong", site{"/": welcome, "/mcp": welcome, "/sse": welcome}, ""},
		"an API for everything":             {"/wrong", site{"/": api, "/mcp": api, "/sse": api}, ""},
		"nothing":                           {"/wrong", site{}, ""},
		"what was given is not asked again": {"/mcp", site{"/mcp": streamable}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := httptest.NewServer(c.site)
			transport := &http.Transport{}
			t.Cleanup(func() { transport.CloseIdleConnections(); srv.CloseClientConnections(); srv.Close() })
			found := FindServer(t.Context(), transport, mustURL(t, srv.URL+c.endpoint), nil, jsonrpc.Built([]byte(initializeRequest)))
			got := ""
			if found != nil {
				got = strings.TrimPrefix(found.String(), srv.URL)
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// Places that hang keep nobody: not from one that answers at once, nor from one that is asked
// only when they are given up. The clock is not real.
func TestFindServerDoesNotWaitForPlacesThatHang(t *testing.T) {
	for name, c := range map[string]struct {
		answers []string
		want    string
		within  time.Duration
	}{
		"all others hang": {[]string{"/mcp"}, "/mcp", time.Second},
		"the first hang":  {[]string{"/v1/mcp", "/api/mcp"}, "/api/mcp", searchTimeout},
		"all hang":        {nil, "", searchTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			transport := roundTripFunc(func(r *http.Request) (*http.Response, error) {
				if !slices.Contains(c.answers, r.URL.Path) {
					<-r.Context().Done()
					return nil, r.Context().Err()
				}
				w := httptest.NewRecorder()
				streamable(w, r)
				return w.Result(), nil
			})
			found := FindServer(t.Context(), transport, mustURL(t, "http://127.0.0.1/wrong"), nil, jsonrpc.Built([]byte(initializeRequest)))
			if took := time.Since(began); (found == nil) != (c.want == "") || found != nil && found.Path != c.want || took > c.within {
				t.Errorf("%s: %v after %v", name, found, took)
			}
		})
	}
}

// The places get no secret, are few, and are of the same origin; a session that was begun
// there is ended.
func TestFindServerTellsNoSecrets(t *testing.T) {
	var mu sync.Mutex
	var posts int
	deleted := ""
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("another origin was asked") }))
	t.Cleanup(elsewhere.Close)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		for _, name := range []string{"Authorization", "Cookie", "X-Api-Key"} {
			if r.Header.Get(name) != "" {
				t.Errorf("%s %s has the header %s", r.Method, r.URL, name)
			}
		}
		if r.URL.RawQuery != "" {
			t.Errorf("%s has a query", r.URL)
		}
		switch {
		case r.Method == http.MethodDelete:
			deleted = r.Header.Get(headerSession)
		case r.URL.Path == "/sse":
			http.Redirect(w, r, elsewhere.URL, http.StatusTemporaryRedirect)
		case r.URL.Path == "/mcp":
			w.Header().Set(headerSession, "s1")
			streamable(w, r)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
		if r.Method == http.MethodPost {
			posts++
		}
	}))
	transport := &http.Transport{}
	t.Cleanup(func() { transport.CloseIdleConnections(); srv.Close() })
	at := mustURL(t, srv.URL+"/weather/v2/?key=secret")
	FindServer(t.Context(), transport, at, nil, jsonrpc.Built([]byte(initializeRequest)))
	mu.Lock()
	defer mu.Unlock()
	if posts < 5 || posts > 15 || deleted != "s1" {
		t.Errorf("%d messages were posted, and the session %q was ended", posts, deleted)
	}
}

// Where an answer says that no MCP server is there, all who ask get the result of one
// search. A server that has worked, and other failures, are not searched for.
func TestASearchIsMadeOnceAndOnlyForAServerThatIsNotThere(t *testing.T) {
	for name, c := range map[string]struct {
		site     http.HandlerFunc
		searches int32
	}{
		"404 with JSON":   {answer(404, `{"detail":"Not Found"}`), 1},
		"404 with a page": {answer(404, "<html>", "Content-Type", "text/html"), 1},
		"405":             {answer(405, ""), 1},
		"410":             {answer(410, ""), 1},
		"400":             {answer(400, "bad request"), 1},
		"a page":          {welcome, 1},
		"other JSON":      {api, 1},
		"a redirect":      {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/docs", http.StatusFound) }, 1},
		"401":             {answer(401, ""), 0},
		"403":             {answer(403, ""), 0},
		"429":             {answer(429, ""), 0},
		"500":             {answer(500, ""), 0},
		"503":             {answer(503, ""), 0},
		"an error of MCP": {newer, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var searches atomic.Int32
			srv := httptest.NewServer(c.site)
			transport := &http.Transport{}
			t.Cleanup(func() { transport.CloseIdleConnections(); srv.Close() })
			u := newUpstream(t, srv.URL+"/wrong", transport, Config{Elsewhere: func(context.Context) string {
				searches.Add(1)
				return "it is over there"
			}})
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					m, _ := jsonrpc.Parse([]byte(initializeRequest))
					_, err := jsonrpc.Ask(t.Context(), u.Send, m, nil)
					if named := hint.Of(err) == "it is over there"; named != (c.searches > 0) {
						t.Errorf("%v, hint: %s", err, hint.Of(err))
					}
				})
			}
			all.Wait()
			if n := searches.Load(); n != c.searches {
				t.Errorf("%d searches, want %d", n, c.searches)
			}
		})
	}
}

func TestAServerThatHasWorkedIsNotSearchedFor(t *testing.T) {
	var gone atomic.Bool
	u := withTransport(t, Config{Elsewhere: func(context.Context) string {
		t.Error("it was searched for")
		return ""
	}}, func(*http.Request) (*http.Response, error) {
		if gone.Load() {
			return httpResponse(404, nil, bodyOf("")), nil
		}
		return httpResponse(200, nil, bodyOf(anAnswer)), nil
	})
	if _, err := call(t, u, []byte(initializeRequest)); err != nil {
		t.Fatal(err)
	}
	gone.Store(true)
	if _, err := call(t, u, rawCall("tools/list")); reasonOf(err) != Refused {
		t.Error(err)
	}
}

// A request that is given up does not end the search, and the end of the run does.
func TestTheSearchLastsAsLongAsTheRun(t *testing.T) {
	began, ended := make(chan context.Context), make(chan error, 1)
	u := withTransport(t, Config{Elsewhere: func(ctx context.Context) string {
		began <- ctx
		<-ctx.Done()
		ended <- ctx.Err()
		return ""
	}}, func(*http.Request) (*http.Response, error) { return httpResponse(404, nil, bodyOf("")), nil })
	ctx, giveUp := context.WithCancel(t.Context())
	m, _ := jsonrpc.Parse([]byte(initializeRequest))
	first := make(chan error, 1)
	go func() { _, err := jsonrpc.Ask(ctx, u.Send, m, nil); first <- err }()
	searching := <-began
	giveUp()
	if err := <-first; reasonOf(err) != Refused {
		t.Error(err)
	}
	if err := searching.Err(); err != nil {
		t.Fatalf("the search ended with the request: %v", err)
	}
	if err := u.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
