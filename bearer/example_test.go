package bearer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"mcp-login/bearer"
)

// protect is all that a server needs.
func protect(handler http.Handler) (http.Handler, error) {
	resource, err := bearer.New(bearer.Config{
		Resource: &url.URL{Scheme: "https", Host: "notes.example", Path: "/mcp"},
		Issuer:   "https://id.example",
	})
	if err != nil {
		return nil, err
	}
	return resource.Middleware(handler), nil
}

// A handler behind tokens of one issuer: a client without one is told where to sign in.
func Example() {
	handler, err := protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		caller, _ := bearer.IdentityFrom(r.Context())
		_, _ = fmt.Fprintln(w, "notes of", caller.Subject)
	}))
	if err != nil {
		panic(err)
	}
	for _, path := range []string{"/mcp", "/.well-known/oauth-protected-resource/mcp"} {
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, httptest.NewRequest("GET", "https://notes.example"+path, nil))
		fmt.Println(answer.Code, answer.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 401 Bearer resource_metadata="https://notes.example/.well-known/oauth-protected-resource/mcp"
	// 200
}

// Deleting needs a scope that reading does not need.
func ExampleRequireScope() {
	verify := func(context.Context, string) (bearer.Identity, error) {
		return bearer.Identity{Subject: "alice", Scopes: []string{"notes:read"}}, nil
	}
	resource, err := bearer.New(bearer.Config{
		Resource: &url.URL{Scheme: "https", Host: "notes.example"}, Issuer: "https://id.example", Verify: verify,
	})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.NotFoundHandler())
	mux.Handle("DELETE /", bearer.RequireScope("notes:delete")(http.NotFoundHandler()))
	for _, method := range []string{"GET", "DELETE"} {
		answer, r := httptest.NewRecorder(), httptest.NewRequest(method, "https://notes.example/1", nil)
		r.Header.Set("Authorization", "Bearer a-token")
		resource.Middleware(mux).ServeHTTP(answer, r)
		fmt.Println(method, answer.Code)
	}
	// Output:
	// GET 404
	// DELETE 403
}
