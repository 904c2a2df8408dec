package script

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/real"

	"mcp-login/test/binary"
)

// Addresses of the network that this test makes for itself: one that counts as
// public (of RFC 5737, so that it is nobody's) and one of a private network.
const (
	publicIP  = "203.0.113.5"
	privateIP = "10.77.7.7"
	bothName  = "both.example"
)

// A public server can neither have its login led into the private network
// nor the browser sent there, to this machine or to the metadata service of a
// cloud. Its name may have a private address as well: what counts is where the
// connection went. Only --issuer, which a person gives, lets a provider be private.
func TestPublicServerLeadsNowherePrivate(t *testing.T) {
	real.Long(t, "starts namespaces")
	if !real.Root(t) {
		return
	}
	if os.Getenv("A11_INSIDE") == "" {
		cmd := exec.Command(binary.Self(t), "-test.run=^TestPublicServerLeadsNowherePrivate$", "-test.v")
		cmd.Env = append(os.Environ(), "A11_INSIDE=1", "A11_PROGRAM="+binary.Build(t, "mcp-login"))
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %s", err, out)
		}
		return
	}
	w := newNetwork(t)
	for _, tc := range []struct {
		name, host, issuer string // "" the server itself
		authorize          string
		args               []string
		want               string // on stderr; "" a browser is opened
	}{
		{name: "provider in the private network", host: publicIP, issuer: w.inside, want: "refused to connect to " + privateIP},
		{name: "a name with both addresses", host: bothName, issuer: w.inside, want: "refused to connect to " + privateIP},
		{name: "the router", host: publicIP, authorize: "https://" + privateIP + "/reboot", want: "refused to send a browser to " + privateIP},
		{name: "by a name with both addresses", host: bothName, authorize: "https://" + privateIP + "/reboot", want: "refused to send a browser to " + privateIP},
		{name: "this machine", host: publicIP, authorize: "http://127.0.0.1:8080/api/reboot", want: "refused to send a browser to 127.0.0.1"},
		{name: "this machine, by name", host: publicIP, authorize: "http://localhost:8080/api/reboot", want: "refused to send a browser to 127.0.0.1"},
		{name: "this machine, as a number", host: publicIP, authorize: "https://2130706433/api/reboot", want: "unusual characters in its host"},
		{name: "metadata of a cloud", host: publicIP, authorize: "https://169.254.169.254/latest/meta-data", want: "refused to send a browser to 169.254.169.254"},
		{name: "itself", host: publicIP},
		{name: "a provider that a person has named", host: publicIP, issuer: w.inside, args: []string{"--issuer", w.inside}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.hits.Store(0)
			w.issuer.Store(&tc.issuer)
			w.authorize.Store(&tc.authorize)
			said, opened := w.login(t, tc.host, tc.args)
			if tc.want == "" {
				if !opened {
					t.Errorf("no browser: %s", said)
				}
				return
			}
			if opened || !strings.Contains(said, tc.want) || !strings.Contains(said, "error:") {
				t.Errorf("opened %v: %s", opened, said)
			}
			if w.hits.Load() != 0 {
				t.Error("something inside was reached")
			}
		})
	}
}

// network is a machine with a public and a private side.
type network struct {
	dir, port string
	inside    string // the origin of a server in the private network
	hits      atomic.Int64
	issuer    atomic.Pointer[string]
	authorize atomic.Pointer[string]
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	w := &network{dir: t.TempDir()}
	hosts := filepath.Join(w.dir, "hosts")
	if err := os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"+privateIP+" "+bothName+"\n"+publicIP+" "+bothName+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{
		"ip link set lo up", "ip addr add " + publicIP + "/32 dev lo", "ip addr add " + privateIP + "/32 dev lo",
		"mount --make-rprivate /", "mount --bind " + hosts + " /etc/hosts",
	} {
		words := strings.Fields(command)
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
	}
	cert := w.certificate(t)
	serve := func(ip string, h http.HandlerFunc) string {
		ln, err := net.Listen("tcp", ip+":0")
		if err != nil {
			t.Fatal(err)
		}
		srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: h}, TLS: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}}
		srv.StartTLS()
		t.Cleanup(srv.Close)
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		return port
	}
	w.inside = "https://" + privateIP + ":" + serve(privateIP, func(rw http.ResponseWriter, r *http.Request) {
		w.hits.Add(1)
		w.provider(rw, r, w.inside)
	})
	w.port = serve(publicIP, w.server)
	return w
}

// certificate is one for all names here, and the authority in dir/ca.pem.
func (w *network) certificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{bothName}, IPAddresses: []net.IP{net.ParseIP(publicIP), net.ParseIP(privateIP)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// server is the public MCP server; it is its own provider unless another is named.
func (w *network) server(rw http.ResponseWriter, r *http.Request) {
	self := "https://" + r.Host
	issuer := *w.issuer.Load()
	if issuer == "" {
		issuer = self
	}
	switch r.URL.Path {
	case "/mcp":
		rw.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+self+`/.well-known/oauth-protected-resource/mcp"`)
		rw.WriteHeader(http.StatusUnauthorized)
	case "/.well-known/oauth-protected-resource/mcp":
		_, _ = fmt.Fprintf(rw, `{"resource":"%s/mcp","authorization_servers":[%q]}`, self, issuer)
	default:
		w.provider(rw, r, self)
	}
}

func (w *network) provider(rw http.ResponseWriter, r *http.Request, self string) {
	authorize := *w.authorize.Load()
	if authorize == "" {
		authorize = self + "/authorize"
	}
	switch r.URL.Path {
	case "/.well-known/oauth-authorization-server":
		_, _ = fmt.Fprintf(rw, `{"issuer":%q,"authorization_endpoint":%q,"token_endpoint":"%s/token","registration_endpoint":"%s/register","code_challenge_methods_supported":["S256"]}`, self, authorize, self, self)
	case "/register":
		rw.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(rw, `{"client_id":"c"}`)
	default:
		rw.WriteHeader(http.StatusNotFound)
	}
}

// login runs the verb until it has ended or opened a browser.
func (w *network) login(t *testing.T, host string, args []string) (said string, opened bool) {
	t.Helper()
	dir := t.TempDir()
	record, opener := filepath.Join(dir, "opened"), filepath.Join(dir, "opener")
	if err := os.WriteFile(opener, []byte("#!/bin/sh\necho \"$1\" >"+record+"\nkill $PPID\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Getenv("A11_PROGRAM"), append(append([]string{"login", "--ca-file", filepath.Join(w.dir, "ca.pem"), "--timeout", "20s"}, args...), "https://"+host+":"+w.port+"/mcp")...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "MCP_LOGIN_DIR=" + filepath.Join(dir, "state"), "MCP_LOGIN_STORE=file", "MCP_LOGIN_BROWSER=" + opener}
	out, _ := cmd.CombinedOutput()
	_, err := os.Stat(record)
	return string(out), err == nil
}
