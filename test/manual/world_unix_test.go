//go:build !windows

package manual

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/mark3labs/mcp-go/mcp"
	mcpserver "github.com/mark3labs/mcp-go/server"

	"mcp-login/bearer"
	"mcp-login/internal/devidp"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// lab is a provider and the servers of the pages: example for https://example.com, and for
// what whoami-server --dev starts; registered for https://mcp.example.com, where the client
// id is said.
type lab struct {
	issuer, example, registered string
	key                         *ecdsa.PrivateKey // of the client "machine-key"
}

func newLab(t *testing.T) *lab {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{key: key}
	one, two := httptest.NewUnstartedServer(nil), httptest.NewUnstartedServer(nil)
	l.example, l.registered = "http://"+one.Listener.Addr().String(), "http://"+two.Listener.Addr().String()
	native := func(id string) devidp.Client {
		return devidp.Client{ID: id, RedirectURIs: []string{"http://127.0.0.1/callback"}}
	}
	machine := []string{"client_credentials"}
	idp, err := devidp.Start(context.Background(), "127.0.0.1:0", devidp.Config{
		Registration: true, TokenClaims: true,
		Resources: []devidp.Resource{{Indicator: l.example + "/mcp"}, {Indicator: l.registered + "/mcp"}},
		Faults:    devidp.Faults{DeviceInterval: 1},
		Clients: []devidp.Client{
			native("APP_ID"), native("native-app"),
			{ID: "DEVICE_APP_ID", DeviceFlow: true},
			{ID: "machine", ApplicationType: "web", Secret: "s3cret", GrantTypes: machine},
			{ID: "machine-key", ApplicationType: "web", Keys: []devidp.Key{{Public: &key.PublicKey}}, GrantTypes: machine},
			{ID: "workload", GrantTypes: []string{"urn:ietf:params:oauth:grant-type:jwt-bearer"}},
			{ID: "workload-client", Workload: devidp.Workload{Issuer: platform, Subject: "pod"}, GrantTypes: machine},
		},
		TrustedIssuers: []devidp.TrustedIssuer{{Issuer: platform, Keys: []devidp.Key{{Public: &key.PublicKey}}, Reusable: true}},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.issuer = idp.Issuer()
	t.Cleanup(func() { _ = idp.Close() })
	l.serve(t, one, l.example)
	l.serve(t, two, l.registered)
	return l
}

// platform signs the token of the readers' programs, and platformToken is where the pages have it.
const (
	platform      = "https://platform.example"
	platformToken = "/var/run/secrets/tokens/mcp"
)

// token is the platform's for the provider of the lab.
func (l *lab) token(t *testing.T) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": platform, "sub": "pod", "aud": l.issuer, "exp": time.Now().Add(time.Hour).Unix()}).SignedString(l.key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// serve starts a server with the tools of the pages, and an API beside it.
func (l *lab) serve(t *testing.T, s *httptest.Server, base string) {
	t.Helper()
	resource, err := url.Parse(base + "/mcp")
	if err != nil {
		t.Fatal(err)
	}
	tools := mcpserver.NewMCPServer("example", "1")
	tools.AddTool(mcp.NewTool("whoami"), func(ctx context.Context, _ mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		who, _ := bearer.IdentityFrom(ctx)
		return mcp.NewToolResultText(fmt.Sprint("you are ", who.Claims["email"])), nil
	})
	search := mcp.NewTool("search", mcp.WithString("query", mcp.Required()), mcp.WithNumber("limit"))
	tools.AddTool(search, func(_ context.Context, r mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return mcp.NewToolResultText(fmt.Sprintf("%d results for %s", r.GetInt("limit", 0), r.GetString("query", ""))), nil
	})
	handler, err := server.New(server.Config{MCP: tools, Config: bearer.Config{Resource: resource, Issuer: l.issuer, Scopes: []string{"openid", "profile", "email"}}})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/", handler)
	mux.HandleFunc("/api", func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprintln(w, "the answer of the API")
	})
	s.Config.Handler = mux
	s.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = handler.Close(ctx)
		s.Close()
	})
}

// home is what one reader has.
type home struct {
	lab    *lab
	folder string // the home itself, and where commands are run
	env    []string
}

// newHome is a home with the files that commands of the pages name, and nothing else.
func (l *lab) newHome(t *testing.T) *home {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		real.Missing(t, "curl", "apt-get install curl")
	}
	programs := filepath.Dir(binary.Build(t, "mcp-login"))
	binary.Build(t, "whoami-server")
	h := &home{lab: l, folder: t.TempDir()}
	h.env = []string{
		"HOME=" + h.folder, "PATH=" + filepath.Join(h.folder, "bin") + ":" + programs + ":" + os.Getenv("PATH"), "NO_PROXY=127.0.0.1",
		"MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=" + binary.Self(t) + " approve-device alice", "KEY=k3y",
		"WHOAMI_LISTEN=127.0.0.1:0", "WHOAMI_DEV_LISTEN=127.0.0.1:0",
	}
	key, err := x509.MarshalPKCS8PrivateKey(l.key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &l.key.PublicKey, l.key)
	if err != nil {
		t.Fatal(err)
	}
	keyPEM := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	certificatePEM := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}))
	for name, text := range map[string]string{
		"arguments.json": `{"query": "weather", "limit": 3}`, "FILE": "s3cret\n", "key.pem": keyPEM, platformToken: l.token(t),
		"fullchain.pem": certificatePEM, "privkey.pem": keyPEM, "company.pem": certificatePEM, "me.pem": certificatePEM, "me.key": keyPEM,
		".config/fish/completions/README": "fish is here\n",
		".cursor/mcp.json":                `{"mcpServers": {"old": {"command": "npx", "args": ["-y", "mcp-remote", "https://example.com/old"]}}}`,
	} {
		h.write(t, name, text, 0o600)
	}
	return h
}

func (h *home) write(t *testing.T, name, text string, mode os.FileMode) {
	t.Helper()
	name = filepath.Join(h.folder, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// settle signs in at both servers and puts a server into two clients.
func (h *home) settle(t *testing.T) {
	t.Helper()
	for _, command := range []string{
		"mcp-login login https://example.com/mcp", "mcp-login login --client-id APP_ID https://mcp.example.com/mcp",
		"mcp-login config cursor https://example.com/mcp --write", "mcp-login config claude-desktop https://example.com/mcp --write",
	} {
		h.run(t, command)
	}
}

// printers puts stand-ins for programs that print a token, or a key, into the home.
func (h *home) printers(t *testing.T) {
	t.Helper()
	other := h.lab.newHome(t)
	other.run(t, "mcp-login login https://example.com/mcp")
	token := other.run(t, "mcp-login token https://example.com/mcp")
	for _, name := range []string{"gcloud", "vault"} {
		h.write(t, "bin/"+name, "#!/bin/sh\ncat <<'EOF'\n"+token+"EOF\n", 0o700)
	}
	h.write(t, "bin/op", "#!/bin/sh\necho k3y\n", 0o700)
}
