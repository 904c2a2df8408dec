package interop

import (
	"encoding/pem"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"mcp-login/internal/oauth/grant"
	"mcp-login/test/binary"
)

// The project's client ID metadata document is good at an independent provider: its redirect
// URIs have no port, and the listener's have one (RFC 8252, section 7.3). Nothing is
// registered, as the provider lets nobody do that.
func TestOIDCProviderTakesTheProjectsDocument(t *testing.T) {
	var document []byte
	host := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(document)
	}))
	host.Config.ErrorLog = log.New(io.Discard, "", 0)
	host.StartTLS()
	defer host.Close()
	address := host.URL + "/client-metadata.json"
	document, err := grant.Document(address)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: host.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	base := whoami(t, oidcProvider(t, "CIMD=1", "NODE_EXTRA_CA_CERTS="+ca))
	program := binary.ReleaseWithDocument(t, address)
	for _, flags := range [][]string{nil, {"--callback-host", "localhost", "--callback-path", "/oauth/callback"}} {
		s := open(t, oidcEnv(t), program, append(flags, base+"/mcp")...)
		if claims := s.whoami(); claims["sub"] != "alice" || claims["client_id"] != address {
			t.Errorf("%q: claims %v", flags, claims)
		}
		s.end()
	}
}
