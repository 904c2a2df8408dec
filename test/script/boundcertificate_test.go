package script

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"mcp-login/internal/devidp"
	"mcp-login/test/binary"
)

// bound is a server whose tokens are of use only with the certificate that they were
// requested with (RFC 8705), and the token endpoint of its provider, both over TLS.
type bound struct {
	issuer string
	asks   string // in its metadata
	idp    *devidp.Provider

	mu         sync.Mutex
	of         map[string][32]byte // the certificate of an access token
	seen       [][]byte            // what the token endpoint was shown, nil for nothing
	registered []string            // bodies
}

func (b *bound) token(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	b.idp.ServeHTTP(rec, r)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	_ = json.Unmarshal(rec.Body.Bytes(), &answer)
	b.mu.Lock()
	defer b.mu.Unlock()
	var shown []byte
	if peers := r.TLS.PeerCertificates; len(peers) > 0 {
		shown = peers[0].Raw
		b.of[answer.AccessToken] = sha256.Sum256(shown)
	}
	b.seen = append(b.seen, shown)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(rec.Code)
	_, _ = w.Write(rec.Body.Bytes())
}

func (b *bound) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	self := "https://" + r.Host
	switch r.URL.Path {
	case "/oidc/token":
		b.token(w, r)
	case "/.well-known/oauth-protected-resource/mcp":
		_, _ = io.WriteString(w, `{"resource":"`+self+`/mcp","authorization_servers":["`+b.issuer+`"]`+b.asks+`}`)
	case "/mcp":
		token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		b.mu.Lock()
		hash, known := b.of[token]
		b.mu.Unlock()
		if peers := r.TLS.PeerCertificates; !known || len(peers) == 0 || sha256.Sum256(peers[0].Raw) != hash {
			w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+self+`/.well-known/oauth-protected-resource/mcp"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		minimal(w, r)
	default:
		http.NotFound(w, r)
	}
}

// A certificate that is shown to the server is shown as well to a provider that makes tokens
// that are bound to it, where the server's metadata asks for them, at the sign-in and at a
// renewal, and the client that registers itself says so. A provider that makes none does not
// get to see it, although it asks, nor one that makes some for other servers.
func TestCertificateAtTheTokenEndpoint(t *testing.T) {
	certificate, key, _ := own(t)
	for _, tc := range []struct{ takes, asked bool }{{true, true}, {true, false}, {false, true}} {
		b := &bound{of: map[string][32]byte{}}
		if tc.asked {
			b.asks = `,"tls_client_certificate_bound_access_tokens":true`
		}
		binds := tc.takes && tc.asked
		tlsServer := httptest.NewUnstartedServer(b)
		tlsServer.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
		tlsServer.StartTLS()
		defer tlsServer.Close()
		plain := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/oidc/reg" {
				body, _ := io.ReadAll(r.Body)
				r.Body = io.NopCloser(strings.NewReader(string(body)))
				b.registered = append(b.registered, string(body))
			}
			b.idp.ServeHTTP(w, r)
		}))
		b.issuer = "http://" + plain.Listener.Addr().String() + "/oidc"
		members := map[string]any{"token_endpoint": tlsServer.URL + "/oidc/token"}
		if tc.takes {
			members["tls_client_certificate_bound_access_tokens"] = true
			members["mtls_endpoint_aliases"] = map[string]any{"token_endpoint": tlsServer.URL + "/oidc/token"}
		}
		var err error
		b.idp, err = devidp.New(b.issuer, devidp.Config{
			Registration: true, Resources: []devidp.Resource{{Indicator: tlsServer.URL + "/mcp"}}, Faults: devidp.Faults{MetadataMembers: members},
		})
		if err != nil {
			t.Fatal(err)
		}
		plain.Start()
		defer plain.Close()
		ca := pemFile(t, &pem.Block{Type: "CERTIFICATE", Bytes: tlsServer.Certificate().Raw})
		state := filepath.Join(t.TempDir(), "state")
		run := func(verb ...string) (string, error) {
			cmd := exec.Command(binary.Build(t, "mcp-login"), append(verb, "--ca-file", ca, "--client-cert", pemFile(t, certificate, key), tlsServer.URL+"/mcp")...)
			cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+state, "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1", "MCP_LOGIN_BROWSER="+binary.Self(t)+" approve alice")
			out, err := cmd.CombinedOutput()
			return string(out), err
		}
		out, err := run("login")
		if (err == nil) != binds {
			t.Errorf("%+v: %v\n%s", tc, err, out)
		}
		if binds {
			b.mu.Lock()
			clear(b.of) // the server knows the token no more
			b.mu.Unlock()
			if out, err := run("login"); err != nil || strings.Contains(out, "/callback/") {
				t.Errorf("after the renewal: %v\n%s", err, out)
			}
		}
		for _, shown := range b.seen {
			if (string(shown) == string(certificate.Bytes)) != binds || !binds && shown != nil {
				t.Errorf("%+v: the token endpoint was shown %d bytes", tc, len(shown))
			}
		}
		for _, body := range b.registered {
			if strings.Contains(body, `"tls_client_certificate_bound_access_tokens":true`) != binds {
				t.Errorf("%+v: registered %s", tc, body)
			}
		}
		if len(b.seen) == 0 || len(b.registered) == 0 {
			t.Errorf("%d token requests, %d registrations", len(b.seen), len(b.registered))
		}
	}
}

// A client without a secret authenticates with its certificate where the provider takes that
// (RFC 8705, section 2), without a person; the form names it.
func TestClientThatAuthenticatesByCertificate(t *testing.T) {
	certificate, key, _ := own(t)
	var forms []string
	var srv *httptest.Server
	srv = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch shown := len(r.TLS.PeerCertificates) > 0; r.URL.Path {
		case "/.well-known/oauth-protected-resource/mcp":
			_, _ = io.WriteString(w, `{"resource":"`+srv.URL+`/mcp","authorization_servers":["`+srv.URL+`"]}`)
		case "/.well-known/oauth-authorization-server":
			_, _ = io.WriteString(w, `{"issuer":"`+srv.URL+`","token_endpoint":"`+srv.URL+`/token","grant_types_supported":["client_credentials"],"token_endpoint_auth_methods_supported":["tls_client_auth"]}`)
		case "/token":
			_ = r.ParseForm()
			forms = append(forms, r.PostForm.Get("grant_type")+" "+r.PostForm.Get("client_id")+r.Header.Get("Authorization"))
			if !shown {
				w.WriteHeader(http.StatusUnauthorized)
				_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
				return
			}
			_, _ = io.WriteString(w, `{"access_token":"bound","token_type":"Bearer","expires_in":60}`)
		case "/mcp":
			if r.Header.Get("Authorization") != "Bearer bound" {
				w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+srv.URL+`/.well-known/oauth-protected-resource/mcp"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			minimal(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	defer srv.Close()
	ca := pemFile(t, &pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	for _, args := range [][]string{nil, {"--client-cert", pemFile(t, certificate, key)}} {
		args := append([]string{"login", "--client-credentials", "--client-id", "machine", "--ca-file", ca}, args...)
		cmd := exec.Command(binary.Build(t, "mcp-login"), append(args, srv.URL+"/mcp")...)
		cmd.Env = append(os.Environ(), "MCP_LOGIN_DIR="+filepath.Join(t.TempDir(), "state"), "MCP_LOGIN_STORE=file", "NO_PROXY=127.0.0.1")
		if out, err := cmd.CombinedOutput(); (err == nil) != (len(args) > 6) {
			t.Errorf("%q: %v\n%s", args, err, out)
		}
	}
	if len(forms) == 0 || forms[0] != "client_credentials machine" {
		t.Errorf("the token endpoint got %q", forms)
	}
}
