package script

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// minimal answers initialize and tells which headers came.
func minimal(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if r.Method != http.MethodPost || !strings.Contains(string(body), `"initialize"`) {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","instructions":%q}}`, r.Header.Get("X-One")+" "+r.Header.Get("X-Two"))
}

func pemFile(t *testing.T, blocks ...*pem.Block) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "file.pem")
	var all []byte
	for _, b := range blocks {
		all = append(all, pem.EncodeToMemory(b)...)
	}
	if err := os.WriteFile(file, all, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// own makes a client certificate that vouches for itself.
func own(t *testing.T) (certificate, key *pem.Block, pool *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err1 := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	pkcs8, err2 := x509.MarshalPKCS8PrivateKey(private)
	parsed, err3 := x509.ParseCertificate(der)
	if err1 != nil || err2 != nil || err3 != nil {
		t.Fatal(err1, err2, err3)
	}
	pool = x509.NewCertPool()
	pool.AddCert(parsed)
	return &pem.Block{Type: "CERTIFICATE", Bytes: der}, &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}, pool
}

// first starts the bridge and returns what it answers to initialize.
func first(t *testing.T, args ...string) string {
	t.Helper()
	b := startBridge(t, args...)
	b.initialize()
	line, err := b.out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	_ = b.in.Close()
	b.ended()
	return line
}

// A server with a certificate of an own authority, that asks for one of the
// client as well: reached with --ca-file and --client-cert only, and refused
// with an error that names the certificate without them.
func TestCertificates(t *testing.T) {
	certificate, key, known := own(t)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(minimal))
	srv.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: known, MinVersion: tls.VersionTLS12}
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	defer srv.Close()
	ca := pemFile(t, &pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	both := pemFile(t, certificate, key)
	for name, c := range map[string]struct {
		args []string
		node bool
		want string
	}{
		"nothing":            {nil, false, "its certificate is signed by an unknown authority"},
		"authority only":     {[]string{"--ca-file", ca}, false, `1001,"message":"cannot reach the server: it asks for a client certificate (give one with --client-cert`},
		"both":               {[]string{"--ca-file", ca, "--client-cert", both}, false, `"result"`},
		"certificate, key":   {[]string{"--ca-file", ca, "--client-cert", pemFile(t, certificate), "--client-cert-key", pemFile(t, key)}, false, `"result"`},
		"Node's variable":    {[]string{"--client-cert", both}, true, `"result"`},
		"in front of Node's": {[]string{"--ca-file", ca, "--client-cert", both}, true, `"result"`},
	} {
		t.Run(name, func(t *testing.T) {
			if c.node {
				t.Setenv("NODE_EXTRA_CA_CERTS", ca)
			}
			if got := first(t, append(c.args, srv.URL+"/mcp")...); !strings.Contains(got, c.want) {
				t.Errorf("got %s", got)
			}
		})
	}
}

// A file that cannot be used is a mistake at the start (exit code 2), not a
// connection that fails later.
func TestCertificatesThatCannotBeUsed(t *testing.T) {
	certificate, key, _ := own(t)
	empty := pemFile(t)
	for _, args := range [][]string{
		{"--ca-file", empty},
		{"--ca-file", filepath.Join(t.TempDir(), "none")},
		{"--client-cert", pemFile(t, certificate)},
		{"--client-cert", empty},
		{"--client-cert-key", pemFile(t, key)},
		{"--header-file", filepath.Join(t.TempDir(), "none")},
		{"--max-message", "much"},
	} {
		b := startBridge(t, append(args, "https://127.0.0.1:1/mcp")...)
		_ = b.in.Close()
		if code := b.ended(); code != 2 {
			t.Errorf("%s: exit code %d", args[0], code)
		}
	}
}

// Headers of a file, with comments and variables, beside those of a flag.
func TestHeaderFile(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(minimal))
	defer srv.Close()
	file := filepath.Join(t.TempDir(), "headers")
	if err := os.WriteFile(file, []byte("# keys\r\n\r\nX-One: ${KEY_ONE}\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KEY_ONE", "one")
	if got := first(t, "--header-file", file, "--header", "X-Two: two", srv.URL+"/mcp"); !strings.Contains(got, `"one two"`) {
		t.Error(got)
	}
}

// Above --max-message only the one message is refused, in both
// directions, and the next one passes.
func TestMaxMessage(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch {
		case r.Method != http.MethodPost:
			w.WriteHeader(http.StatusMethodNotAllowed)
		case strings.Contains(string(body), `"initialize"`):
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18"}}`)
		case strings.Contains(string(body), `"id":2`):
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprintf(w, `{"jsonrpc":"2.0","id":2,"result":{"x":%q}}`, strings.Repeat("x", 64<<10))
		case strings.Contains(string(body), `"id":4`):
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, `{"jsonrpc":"2.0","id":4,"result":{}}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer srv.Close()
	b := startBridge(t, "--max-message", "32KiB", srv.URL+"/mcp")
	b.initialize()
	got := map[string]string{}
	next := func(as string) {
		t.Helper()
		line, err := b.out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		got[as] = line
	}
	next("initialize")
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":2,"method":"tools/list"}`)
	next("large answer")
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":3,"method":"`+strings.Repeat("x", 64<<10)+`"}`)
	next("large request")
	fmt.Fprintln(b.in, `{"jsonrpc":"2.0","id":4,"method":"tools/list"}`)
	next("small")
	_ = b.in.Close()
	if code := b.ended(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for as, want := range map[string]string{"initialize": "2025-06-18", "large answer": `"id":2,"error":{"code":1006,`, "large request": `"id":3,"error":{"code":1006,`, "small": `"id":4,"result":{}`} {
		if !strings.Contains(got[as], want) {
			t.Errorf("%s: %s", as, got[as])
		}
	}
}
