package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mcp-login/test/real"
)

// The Ingress leads to a port of the service, by the name in the resource, and lets event
// streams be quiet for longer than the server is.
func TestIngressFitsTogether(t *testing.T) {
	ingress := documents(t, read(t, "kubernetes/ingress.yaml"))[0]
	rule := at(t, ingress, "spec", "rules", 0)
	host, backend := at(t, rule, "host").(string), at(t, rule, "http", "paths", 0, "backend", "service")
	if at(t, ingress, "spec", "tls", 0, "hosts", 0) != host {
		t.Error("the certificate is for another host")
	}
	for _, doc := range documents(t, read(t, "kubernetes/whoami-server.yaml")) {
		switch at(t, doc, "kind") {
		case "Service":
			if at(t, doc, "metadata", "name") != at(t, backend, "name") || at(t, doc, "spec", "ports", 0, "name") != at(t, backend, "port", "name") {
				t.Errorf("it leads to %v", backend)
			}
		case "ConfigMap":
			if config, _ := at(t, doc, "data", "whoami-server.yaml").(string); !strings.Contains(config, "resource: https://"+host+"/") {
				t.Errorf("the resource is not at %s", host)
			}
		}
	}
	quiet, err := time.ParseDuration(at(t, ingress, "metadata", "annotations", "nginx.ingress.kubernetes.io/proxy-read-timeout").(string) + "s")
	if err != nil || quiet < 2*25*time.Second { // --heartbeat
		t.Errorf("streams are cut after %v, %v", quiet, err)
	}
}

// nginx as it is on the page ends TLS before one server: a client is told to sign in, with
// the address that it knows, and plain HTTP leads to https.
func TestNginxEndsTLS(t *testing.T) {
	folder, server, plain := t.TempDir(), real.FreeAddress(t), real.FreeAddress(t)
	certify(t, folder, time.Hour)
	site := strings.NewReplacer("listen 443 ssl;", "listen %s ssl;", "listen 80;", "listen "+plain+";",
		"127.0.0.1:3001", server, "/etc/letsencrypt/live/mcp.example.com", folder).Replace(read(t, "nginx/whoami-server.conf"))
	nginx := real.Nginx(t, "events {}\nhttp {\naccess_log off;\n"+site+"}\n")
	runs(t, []string{"--issuer", "https://tenant.logto.app/oidc", "--resource", "https://mcp.example.com/mcp", "--listen", server, "--trusted-proxy", "127.0.0.1"})

	client := http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	for address, want := range map[string][2]string{
		"https://" + nginx.Address + "/mcp": {"Www-Authenticate", `resource_metadata="https://mcp.example.com/.well-known/oauth-protected-resource/mcp"`},
		"http://" + plain + "/mcp":          {"Location", "https://mcp.example.com/mcp"},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "mcp.example.com"
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if got := resp.Header.Get(want[0]); !strings.Contains(got, want[1]) {
			t.Errorf("%s: %s, %s %q\n%s", address, resp.Status, want[0], got, body)
		}
	}
}

// certify puts a certificate and its key into a folder, as certbot names them.
func certify(t *testing.T, folder string, lasts time.Duration) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"mcp.example.com"}, NotAfter: time.Now().Add(lasts)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"fullchain.pem": {Type: "CERTIFICATE", Bytes: certificate}, "privkey.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(folder, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
