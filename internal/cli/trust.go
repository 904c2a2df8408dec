package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
)

// trustOptions are the flags about certificates: whom to trust besides the
// system's authorities, and what to show a server that asks who connects
// (mutual TLS, RFC 8446, section 4.3.2).
type trustOptions struct {
	caFiles              []string
	nodeFile             string // what Node programs are told to trust, mcp-remote among them
	certificate, certKey string

	pool         *x509.CertPool
	certificates []tls.Certificate
}

func (t *trustOptions) register(f *pflag.FlagSet, or func(name, otherwise string) string, getenv func(string) string) {
	var files []string
	if file := getenv("MCP_LOGIN_CA_FILE"); file != "" {
		files = []string{file}
	}
	t.nodeFile = getenv("NODE_EXTRA_CA_CERTS")
	f.StringArrayVar(&t.caFiles, "ca-file", files, "file with certificates of authorities to trust besides the system's, PEM; repeatable")
	f.StringVar(&t.certificate, "client-cert", or("MCP_LOGIN_CLIENT_CERT", ""), "file with a certificate to show to the server, PEM, with those of its issuers")
	f.StringVar(&t.certKey, "client-cert-key", or("MCP_LOGIN_CLIENT_CERT_KEY", ""), "file with its private key, PEM; the certificate's file when left out")
}

// load reads the files. Certificates that cannot be used are an error here,
// where the person looks, and not a handshake that fails later.
func (t *trustOptions) load() error {
	if t.certKey != "" && t.certificate == "" {
		return usageError{hint.With(errors.New("--client-cert-key without --client-cert"), "add the certificate that belongs to the key")}
	}
	if err := t.loadRoots(); err != nil {
		return err
	}
	if t.certificate == "" {
		return nil
	}
	certificate, err := readGiven(t.certificate)
	if err != nil {
		return usageError{fmt.Errorf("read the client certificate: %w", err)}
	}
	key := certificate
	if t.certKey != "" {
		if key, err = readGiven(t.certKey); err != nil {
			return usageError{fmt.Errorf("read the client certificate's key: %w", err)}
		}
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return usageError{hint.With(fmt.Errorf("use the client certificate: %w", err), "both files are PEM; a key with a passphrase is not supported")}
	}
	t.certificates = []tls.Certificate{pair}
	return nil
}

// loadRoots adds the files to the system's authorities. The variable of Node is
// a wish of another program: Node only warns of a file that it cannot use, and
// here it is left out.
func (t *trustOptions) loadRoots() error {
	if len(t.caFiles) == 0 && t.nodeFile == "" {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if pem, err := foreign.ReadFile(t.nodeFile, maxGiven); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	for _, file := range t.caFiles {
		pem, err := readGiven(file)
		if err != nil {
			return usageError{fmt.Errorf("read --ca-file: %w", err)}
		}
		if !roots.AppendCertsFromPEM(pem) {
			return usageError{hint.With(fmt.Errorf("%s holds no certificate", file), "it must be PEM: -----BEGIN CERTIFICATE-----")}
		}
	}
	t.pool = roots
	return nil
}

// warmRoots makes crypto/x509 read the system's authorities, which takes some
// 10 ms where they are files. The first handshake would do it between the
// server's certificate and everything else; here it happens while the store is
// read and the connection is made.
func warmRoots() { _, _ = x509.SystemCertPool() }

// roots are the authorities to trust, nil for the system's alone.
func (t *trustOptions) roots() *x509.CertPool { return t.pool }

// server is the TLS configuration towards the MCP server, nil for the usual
// one. The client certificate is for it alone: the provider of a login does
// not see it.
func (t *trustOptions) server() *tls.Config {
	if t.pool == nil && t.certificates == nil {
		return nil
	}
	return &tls.Config{RootCAs: t.pool, Certificates: t.certificates, MinVersion: tls.VersionTLS12}
}
