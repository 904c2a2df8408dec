package bearer_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"mcp-login/bearer"
)

// The server of these examples, and the issuer of its tokens.
var (
	resource = &url.URL{Scheme: "https", Host: "mcp.example.com", Path: "/mcp"}
	issuer   = "https://id.example"
)

// A handler behind tokens of one issuer: a client without one is told where to sign in.
func Example() {
	protected, err := bearer.New(bearer.Config{Resource: resource, Issuer: issuer, Scopes: []string{"openid"}})
	if err != nil {
		log.Fatal(err)
	}
	defer protected.Close()
	handler := protected.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, _ := bearer.IdentityFrom(r.Context())
		fmt.Fprintln(w, "hello", who.Subject)
	}))
	show(handler, "GET", "", "")
	// Output:
	// 401
	// Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
	//   scope="openid"
}

// A verifier of one's own, for tokens that neither JWT verification nor userinfo nor
// introspection can judge.
func ExampleVerifier() {
	var verify bearer.Verifier = func(_ context.Context, token string) (bearer.Identity, error) {
		if token != "the-one-good-token" {
			return bearer.Identity{}, bearer.ErrInvalidToken
		}
		return bearer.Identity{Subject: "alice", Issuer: issuer, Scopes: []string{"notes:read"}}, nil
	}
	protected, err := bearer.New(bearer.Config{Resource: resource, Issuer: issuer, Verify: verify})
	if err != nil {
		log.Fatal(err)
	}
	defer protected.Close()
	for _, token := range []string{"the-one-good-token", "another"} {
		who, err := protected.Verify(context.Background(), token)
		fmt.Printf("%q, %v\n", who.Subject, err)
	}
	// Output:
	// "alice", <nil>
	// "", invalid token
}

// A tool that needs a scope: a call without it is refused before the MCP library sees it, in
// the way that makes a client ask for more.
func ExampleResource_Middleware() {
	config := bearer.Config{
		Resource: resource, Issuer: issuer,
		Scopes:     []string{"openid"},
		ToolScopes: map[string][]string{"add_note": {"notes:write"}},
	}
	config.Verify = reader // in place of a real token
	protected, err := bearer.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer protected.Close()
	handler := protected.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		message, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "the MCP library gets %s", message)
	}))
	show(handler, "POST", "token", `{"jsonrpc":"2.0","id":1,"method":"tools/list"}`)
	show(handler, "POST", "token", `{"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"add_note"}}`)
	// Output:
	// 200 the MCP library gets {"jsonrpc":"2.0","id":1,"method":"tools/list"}
	// 403
	// Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
	//   scope="openid notes:write notes:read",
	//   error="insufficient_scope",
	//   error_description="The access token lacks a required scope."
}

// A scope for some handlers only.
func ExampleRequireScope() {
	protected, err := bearer.New(bearer.Config{Resource: resource, Issuer: issuer, Verify: reader})
	if err != nil {
		log.Fatal(err)
	}
	defer protected.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /mcp", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "notes") })
	mux.Handle("POST /mcp", bearer.RequireScope("notes:write")(http.NotFoundHandler()))
	handler := protected.Middleware(mux)
	show(handler, "GET", "token", "")
	show(handler, "POST", "token", "")
	// Output:
	// 200 notes
	// 403
	// Bearer resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp",
	//   scope="notes:write notes:read",
	//   error="insufficient_scope",
	//   error_description="The access token lacks a required scope."
}

// Several resources behind one mux: each has its metadata and its own tokens.
func ExampleConfig_share() {
	config := bearer.Config{Resource: &url.URL{Scheme: "https", Host: "mcp.example.com", Path: "/notes/mcp"}, Issuer: issuer}
	notes, err := bearer.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer notes.Close()
	config.Resource, config.Share = &url.URL{Scheme: "https", Host: "mcp.example.com", Path: "/mail/mcp"}, notes
	mail, err := bearer.New(config)
	if err != nil {
		log.Fatal(err)
	}
	defer mail.Close()

	handler, mux := http.NotFoundHandler(), http.NewServeMux()
	for _, protected := range []*bearer.Resource{notes, mail} {
		metadata, err := url.Parse(protected.MetadataURL())
		if err != nil {
			log.Fatal(err)
		}
		mux.Handle(metadata.Path, protected.Metadata())
	}
	mux.Handle("/notes/mcp", notes.Middleware(handler))
	mux.Handle("/mail/mcp", mail.Middleware(handler))

	for _, path := range []string{"/.well-known/oauth-protected-resource/notes/mcp", "/.well-known/oauth-protected-resource/mail/mcp"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", path, http.NoBody))
		fmt.Println(w.Body)
	}
	// Output:
	// {"resource":"https://mcp.example.com/notes/mcp","authorization_servers":["https://id.example"],"bearer_methods_supported":["header"]}
	// {"resource":"https://mcp.example.com/mail/mcp","authorization_servers":["https://id.example"],"bearer_methods_supported":["header"]}
}

// reader takes every token for one that may read.
func reader(context.Context, string) (bearer.Identity, error) {
	return bearer.Identity{Subject: "alice", Issuer: issuer, Scopes: []string{"notes:read"}}, nil
}

// show sends a request and prints the answer.
func show(handler http.Handler, method, token, body string) {
	r := httptest.NewRequest(method, resource.String(), strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	if w.Code == http.StatusOK {
		fmt.Println(w.Code, w.Body)
		return
	}
	fmt.Println(w.Code)
	fmt.Println(strings.ReplaceAll(w.Header().Get("WWW-Authenticate"), ", ", ",\n  "))
}
