package secrets

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// internet is a proxy behind which any https host answers as the test says: what
// holds for addresses that are not on this machine can be tried on it.
type internet struct {
	env []string // for a program that is to use it

	mu       sync.Mutex
	requests map[string][]string // by host
}

func newInternet(t *testing.T, speak func(host string, r *http.Request, body string) string) *internet {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, DNSNames: []string{"*.victim.example", "*.evil.example", "*.honest.example"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	n := &internet{
		env:      []string{"HTTPS_PROXY=http://" + l.Addr().String(), "HTTP_PROXY=", "https_proxy=", "http_proxy=", "MCP_LOGIN_CA_FILE=" + file},
		requests: map[string][]string{},
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go n.tunnel(c, cfg, speak)
		}
	}()
	return n
}

func (n *internet) tunnel(c net.Conn, cfg *tls.Config, speak func(string, *http.Request, string) string) {
	defer c.Close()
	connect, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil || connect.Method != http.MethodConnect {
		return
	}
	host, _, _ := strings.Cut(connect.Host, ":")
	if _, err := io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"); err != nil {
		return
	}
	converse(tls.Server(c, cfg), func(heard string) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.requests[host] = append(n.requests[host], heard)
	}, func(r *http.Request, body string) string { return speak(host, r, body) })
}

// heard is all that reached a host.
func (n *internet) heard(host string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.requests[host], "\n")
}
