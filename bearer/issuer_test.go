package bearer

import (
	stdjson "encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/test/issuer"
)

// What tests ask with.
var (
	request = issuer.Request
	serve   = issuer.Serve
	call    = issuer.Call
	mustURL = issuer.MustURL
)

const callWhoami = issuer.CallWhoami

// plain is the header of a message that says no more than it must.
var plain = http.Header{"Content-Type": {"application/json"}}

// simulated runs f where time is simulated, with an issuer that is reached without a
// network, and a server for it.
func simulated(t *testing.T, change func(*Config), f func(*testing.T, *issuer.Issuer, *Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := issuer.InMemory(t)
		f(t, i, newServer(t, i, change))
	})
}

// Server is a resource for an issuer with a handler behind it that says who calls.
type Server struct {
	*Resource
	http.Handler
}

// sayClaims answers as an MCP server would.
func sayClaims(w http.ResponseWriter, r *http.Request) {
	id, _ := IdentityFrom(r.Context())
	w.Header().Set("Content-Type", "application/json")
	_ = stdjson.NewEncoder(w).Encode(map[string]any{"jsonrpc": "2.0", "id": 1, "result": map[string]any{"structuredContent": id.Claims}})
}

// newServer returns one, closed with the test.
func newServer(t testing.TB, i *issuer.Issuer, change func(*Config)) *Server {
	t.Helper()
	cfg := Config{
		Resource: mustURL(t, issuer.Resource), Audiences: []string{"http://127.0.0.1:3001/sse"}, Issuer: i.URL,
		Scopes: []string{"openid", "profile", "email"}, RelayIssuerMetadata: true, HTTP: i.Client,
	}
	if change != nil {
		change(&cfg)
	}
	r, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	if r.proofs != nil {
		r.proofs.started = time.Time{} // long ago
	}
	return &Server{r, r.Middleware(http.HandlerFunc(sayClaims))}
}
