package devidp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"mcp-login/internal/devidp"
)

// documents serves a client's metadata document at /client.json, redirects
// /moved.json there, and has another at /error.json with status 404.
func documents(t *testing.T, start func(http.Handler) *httptest.Server, body func(address string) string) (address string, host *httptest.Server) {
	t.Helper()
	mux := http.NewServeMux()
	host = start(mux)
	t.Cleanup(host.Close)
	address = host.URL + "/client.json"
	mux.HandleFunc("GET /client.json", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" || r.Header.Get("Accept") != "application/json" {
			t.Error("the request for the document has other headers than it should")
		}
		_, _ = fmt.Fprint(w, body(address))
	})
	mux.HandleFunc("GET /error.json", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusNotFound)
		_, _ = fmt.Fprint(w, body(host.URL+"/error.json"))
	})
	mux.Handle("GET /moved.json", http.RedirectHandler(address, http.StatusFound))
	return address, host
}

// mcpDocument is the document of an MCP client.
func mcpDocument(address string) string {
	return `{"client_id":"` + address + `","client_name":"An MCP client","grant_types":["authorization_code","refresh_token"],
		"redirect_uris":["http://127.0.0.1/callback","http://localhost/callback","https://client.example/back"],"token_endpoint_auth_method":"none"}`
}

func withDocuments(c *devidp.Config) { c.MetadataDocuments = true }

// RFC 8252 section 7.3: a client that is known by nothing but its
// document signs in and refreshes, with any port on loopback, over https as
// well as over http on loopback; metadata says that this is possible, and the
// requests are counted.
func TestMetadataDocument(t *testing.T) {
	for name, serve := range map[string]func(http.Handler) *httptest.Server{"http": httptest.NewServer, "https": httptest.NewTLSServer} {
		t.Run(name, func(t *testing.T) {
			address, host := documents(t, serve, mcpDocument)
			r := start(t, func(c *devidp.Config) {
				withDocuments(c)
				if name == "https" {
					c.DocumentTransport = host.Client().Transport
				}
			})
			if m := r.metadata(); m["client_id_metadata_document_supported"] != true {
				t.Error("metadata does not say so")
			}
			a := r.exchange(r.code("client_id", address, "scope", "openid offline_access", "prompt", "consent"), "client_id", address)
			if a.status != 200 || a.text("refresh_token") == "" {
				t.Fatalf("status %d, %s", a.status, a.text("error"))
			}
			if a := r.refresh(a.text("refresh_token"), "client_id", address); a.status != 200 {
				t.Errorf("refresh: status %d", a.status)
			}
			for redirect, status := range map[string]int{
				"http://localhost:7/callback": 303, "https://client.example/back": 303, "https://client.example:444/back": 400,
				"http://127.0.0.1:7/other": 400, "http://[::1]:7/callback": 400, "http://client.example/back": 400,
			} {
				if a := r.authorize(params("client_id", address, "redirect_uri", redirect)); a.status != status {
					t.Errorf("%s: status %d", redirect, a.status)
				}
			}
			if n := r.idp.Stats().Documents; n != 7 {
				t.Errorf("%d documents", n)
			}
		})
	}
}

// Logto: off, an address is an unknown client as any other, and nothing is
// fetched.
func TestMetadataDocumentsOff(t *testing.T) {
	address, _ := documents(t, httptest.NewServer, func(string) string { t.Error("fetched"); return "" })
	r := start(t, nil)
	r.authorize(params("client_id", address)).wantError(400, "invalid_client")
	r.token("client_id", address).wantError(400, "invalid_client")
	if _, there := r.metadata()["client_id_metadata_document_supported"]; there {
		t.Error("metadata says that it is on")
	}
}

// Draft 02 sections 3 and 4: what is wrong with an address or a document.
// It is said to the person, never to the redirect URI.
func TestMetadataDocumentRefusals(t *testing.T) {
	body := ""
	address, host := documents(t, httptest.NewServer, func(string) string { return body })
	r := start(t, withDocuments)
	redirects := `,"redirect_uris":["http://127.0.0.1/callback"]`
	public := `,"token_endpoint_auth_method":"none"`
	for document, code := range map[string]string{
		`{"client_id":"` + address + `/"` + redirects + public + `}`:                                               "invalid_client_metadata",
		`{"client_id":"` + address + `"` + public + `}`:                                                            "invalid_redirect_uri",
		`{"client_id":"` + address + `","redirect_uris":["http://app.example/cb"]` + public + `}`:                  "invalid_redirect_uri",
		`{"client_id":"` + address + `"` + redirects + `,"token_endpoint_auth_method":"client_secret_post"}`:       "invalid_client_metadata",
		`{"client_id":"` + address + `"` + redirects + `}`:                                                         "invalid_client_metadata", // the default method is one with a secret
		`{"client_id":"` + address + `"` + redirects + `,"client_secret":"x","token_endpoint_auth_method":"none"}`: "invalid_client_metadata",
		`{"client_id":"` + address + `"` + redirects + `,"token_endpoint_auth_method":"private_key_jwt"}`:          "invalid_client_metadata",
		`{"client_id":"` + address + `"` + redirects + `,"grant_types":["client_credentials"]` + public + `}`:      "invalid_client_metadata",
		`{"client_id":"` + address + `","client_id":"` + address + `"` + redirects + `}`:                           "invalid_client",
		`{"client_id":"` + address + `"` + redirects + public + `}` + strings.Repeat(" ", 20_000):                  "invalid_client",
		`[]`: "invalid_client",
		``:   "invalid_client",
	} {
		body = document
		t.Logf("%.120s", document)
		r.authorize(params("client_id", address)).wantError(400, code)
	}
	body = mcpDocument(host.URL + "/error.json")
	r.authorize(params("client_id", host.URL+"/error.json")).wantError(400, "invalid_client")
	body = mcpDocument(address)
	for id, fetched := range map[string]bool{
		host.URL + "/moved.json": true, host.URL + "/nothing": true, "http://127.0.0.1:1/client.json": true,
		host.URL: false, address + "#f": false, host.URL + "/a/../client.json": false, host.URL + "/./client.json": false,
		"http://user@" + host.Listener.Addr().String() + "/client.json": false, "http://client.example/client.json": false,
		"ftp://127.0.0.1/client.json": false, "https:///client.json": false, "http://127.0.0.1/%zz": false,
	} {
		before := r.idp.Stats().Documents
		r.authorize(params("client_id", id)).wantError(400, "invalid_client")
		if got := r.idp.Stats().Documents > before; got != fetched {
			t.Errorf("%s: fetched %t", id, got)
		}
	}
	r.post(r.idp.Issuer()+"/token", url.Values{"client_id": {host.URL + "/moved.json"}, "grant_type": {"refresh_token"}}).wantError(400, "invalid_client")
	if a := r.authorize(params("client_id", address)); a.status != 303 {
		t.Errorf("the good one: status %d", a.status)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A host that does not answer is given five seconds; one that breaks off has
// not answered.
func TestMetadataDocumentSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := inBubble(t, func(c *devidp.Config) {
			withDocuments(c)
			c.DocumentTransport = transport(func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == "/broken.json" {
					return &http.Response{StatusCode: 200, Body: io.NopCloser(iotest.ErrReader(io.ErrUnexpectedEOF))}, nil
				}
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		})
		begin := time.Now()
		r.authorize(params("client_id", "https://client.example/client.json")).wantError(400, "invalid_client")
		if took := time.Since(begin); took != 5*time.Second {
			t.Errorf("took %v", took)
		}
		r.authorize(params("client_id", "https://client.example/broken.json")).wantError(400, "invalid_client")
	})
}

// A change of the document counts from the next login on.
func TestMetadataDocumentChanges(t *testing.T) {
	body := mcpDocument
	address, _ := documents(t, httptest.NewServer, func(address string) string { return body(address) })
	r := start(t, withDocuments)
	code := r.code("client_id", address)
	body = func(address string) string { return strings.ReplaceAll(mcpDocument(address), "/callback", "/other") }
	if a := r.exchange(code, "client_id", address); a.status != 200 {
		t.Errorf("what was begun: status %d", a.status)
	}
	r.authorize(params("client_id", address)).wantError(400, "invalid_redirect_uri")
}
