package neterror_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"mcp-login/internal/neterror"
	"mcp-login/test/real"
)

// Each failure is a real one, of a real server or of none.
func TestExplainNamesCauseAndNextStep(t *testing.T) {
	for _, tc := range []struct {
		name         string
		err          error
		reason, hint string
	}{
		{"unknown authority", ask(secure(t, nil), &http.Transport{}), "its certificate is signed by an unknown authority", "--ca-file"},
		{"another name", otherName(t), "certificate is not valid for any names, but wanted to match mcp.example", "the name that the certificate is for"},
		{"expired", expired(t), "its certificate is not valid now: ", "the clock of this machine"},
		{"no TLS", ask("https"+strings.TrimPrefix(plain(t, http.NotFound), "http"), &http.Transport{}), "it does not speak TLS", "http instead of https"},
		{"client certificate", clientCertificate(t), "it asks for a client certificate", "--client-cert"},
		{"nobody", ask("http://"+real.FreeAddress(t), &http.Transport{}), "nothing listens at 127.0.0.1:", "is the server running"},
		{"proxy away", ask("https://server.example/mcp", proxied("http://"+real.FreeAddress(t))), "the proxy does not answer: ", "NO_PROXY"},
		{"proxy with a password", ask("https://server.example/mcp", proxied(plain(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusProxyAuthRequired)
		}))), "the proxy wants a name and a password", "HTTPS_PROXY"},
		{"proxy that forbids", ask("https://server.example/mcp", proxied(plain(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
		}))), "the proxy opens no way to it: 403 Forbidden", "NO_PROXY"},
		{"proxy of an unknown authority", ask("https://server.example/mcp", proxied(secure(t, nil))), "the proxy: its cert", "NO_PROXY"},
		{"no such name", &net.DNSError{Err: "no such host", Name: "mcp.example", IsNotFound: true}, `no such host: "mcp.example"`, "check the address"},
		{"no name server", &net.DNSError{Err: "i/o timeout", Name: "mcp.example", IsTimeout: true}, `the name "mcp.example" could not be looked up: i/o timeout`, "online"},
		{"no time", late(), "no connection in time at 127.0.0.1:9", "firewall"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := neterror.Explain(tc.err)
			var failure *neterror.Error
			if !errors.As(got, &failure) || !strings.Contains(failure.Error(), tc.reason) || !strings.Contains(failure.UserHint(), tc.hint) {
				t.Fatalf("%v: %#v", tc.err, got)
			}
			if !errors.Is(got, tc.err) {
				t.Error("the cause is lost")
			}
			if permanent := !strings.Contains(tc.name, "proxy") && (strings.Contains(failure.Reason, "certificate") || strings.Contains(failure.Reason, "TLS")); failure.Permanent != permanent || failure.Unread != (tc.name == "client certificate") {
				t.Errorf("permanent %v, unread %v", failure.Permanent, failure.Unread)
			}
		})
	}
}

// What nobody can do anything about stays as it is.
func TestExplainLeavesUnknownErrors(t *testing.T) {
	for _, err := range []error{nil, io.ErrUnexpectedEOF, context.Canceled, context.DeadlineExceeded} {
		if got := neterror.Explain(err); !errors.Is(got, err) || errors.As(got, new(*neterror.Error)) {
			t.Errorf("%v became %v", err, got)
		}
	}
}

func ask(address string, transport *http.Transport) error {
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(address)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

func plain(t *testing.T, h http.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func secure(t *testing.T, config *tls.Config) string {
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS, s.Config.ErrorLog = config, log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s.URL
}

func proxied(proxy string) *http.Transport {
	return &http.Transport{OnProxyConnectResponse: neterror.OnProxyConnectResponse, Proxy: func(*http.Request) (*url.URL, error) { return url.Parse(proxy) }}
}

// certificate is one for 127.0.0.1, and what trusts it.
func certificate(t *testing.T, until time.Time) (*tls.Config, *x509.CertPool) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func otherName(t *testing.T) error {
	config, pool := certificate(t, time.Now().Add(time.Hour))
	return ask(secure(t, config), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "mcp.example"}})
}

func expired(t *testing.T) error {
	config, pool := certificate(t, time.Now().Add(-time.Hour))
	return ask(secure(t, config), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})
}

func clientCertificate(t *testing.T) error {
	config, pool := certificate(t, time.Now().Add(time.Hour))
	config.ClientAuth = tls.RequireAnyClientCert
	return ask(secure(t, config), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}})
}

// late is a connection whose time was over before it began.
func late() error {
	_, err := (&net.Dialer{Deadline: time.Now().Add(-time.Second)}).Dial("tcp", "127.0.0.1:9")
	return err
}
