package hints

import (
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
)

// What stands before the server of a world, in the place of it, or beside it.

// published is the server with another protected-resource metadata document.
func published(change func(w *world, document map[string]any)) func(*world) http.Handler {
	return func(w *world) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.URL.Path, "/.well-known/oauth-protected-resource") {
				w.whoami.ServeHTTP(rw, r)
				return
			}
			answer, document := httptest.NewRecorder(), map[string]any{}
			w.whoami.ServeHTTP(answer, r)
			_ = json.Unmarshal(answer.Body.Bytes(), &document)
			change(w, document)
			reply(rw, document)
		})
	}
}

// trusting is the server, which takes any token: its provider is none that it could ask.
func trusting(w *world) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			w.whoami.ServeHTTP(rw, r)
			return
		}
		plain(rw, r)
	})
}

// lists is the server whose document names another provider.
func lists(issuer func(*world) string) func(*world) http.Handler {
	return published(func(w *world, document map[string]any) { document["authorization_servers"] = []string{issuer(w)} })
}

func reply(rw http.ResponseWriter, document map[string]any) {
	rw.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(rw).Encode(document)
}

// metadata has the provider's metadata say something else; nil leaves a member out.
func metadata(members map[string]any) func(*devidp.Config) {
	return func(c *devidp.Config) { c.Faults.MetadataMembers = members }
}

// mended has provider and server do as they should.
func mended(w *world) {
	w.idp.SetFaults(devidp.Faults{})
	w.site = nil
}

// viaProxy is a line for programs that reach https://example.com by a proxy, which the
// server of the world is as well.
const viaProxy = `export HTTPS_PROXY=http://$HOST; `

// proxying is the server, and a proxy to https://example.com.
func (w *world) proxying(own http.Handler) http.Handler {
	far := strings.TrimPrefix(w.variable("TLS"), "https://")
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			own.ServeHTTP(rw, r)
			return
		}
		there, err := (&net.Dialer{}).DialContext(r.Context(), "tcp", far)
		if err != nil {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		here, buffered, err := http.NewResponseController(rw).Hijack()
		if err != nil {
			_ = there.Close()
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() {
			_, _ = io.Copy(there, buffered)
			_ = there.Close()
		}()
		_, _ = io.Copy(here, there)
		_ = here.Close()
	})
}

// variable is one of those that lines of shell have.
func (w *world) variable(name string) string {
	for _, one := range w.env {
		if value, ok := strings.CutPrefix(one, name+"="); ok {
			return value
		}
	}
	return ""
}

// farServer is an MCP server at https://example.com/mcp with the provider of the world.
func farServer(w *world) http.Handler {
	resource := &url.URL{Scheme: "https", Host: "example.com", Path: "/mcp"}
	whoami, err := server.New(server.Config{Config: bearer.Config{Resource: resource, Issuer: w.idp.Issuer()}})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = whoami.Close(context.Background()) })
	w.far = whoami
	return w.proxying(w.whoami)
}

// farProvider is a provider that calls itself https://example.com, and has the
// endpoints of that of the world.
func farProvider(w *world) http.Handler {
	w.far = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/.well-known/oauth-authorization-server" {
			rw.WriteHeader(http.StatusNotFound)
			return
		}
		reply(rw, map[string]any{
			"issuer": "https://example.com", "authorization_endpoint": w.idp.Issuer() + "/auth", "token_endpoint": w.idp.Issuer() + "/token",
			"code_challenge_methods_supported": []string{"S256"}, "scopes_supported": []string{"openid", "offline_access"},
		})
	})
	return w.proxying(lists(func(*world) string { return "https://example.com" })(w))
}
