package cli

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
	"mcp-login/internal/header"
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/grant"
)

// connectionFlags are the flags about the connection to one server and what is let
// through it.
type connectionFlags struct {
	certificate, certKey    string // files
	ignoreTools, allowTools []string
	pingInterval            time.Duration
	lazy                    bool
	conn                    account.Connection // of the flags, once they are checked; connection adds the rest
}

// register declares the flags.
func (c *connectionFlags) register(f *pflag.FlagSet, or func(name, otherwise string) string) {
	f.StringArrayVar(&c.ignoreTools, "ignore-tool", nil, "tools to hide from the client, * stands for anything; repeatable")
	f.StringArrayVar(&c.allowTools, "allow-tool", nil, "the only tools to show to the client, * stands for anything; repeatable")
	f.DurationVar(&c.pingInterval, "ping-interval", 0, "how often to send the server a ping, so that nothing on the way hangs up; 0 never")
	f.BoolVar(&c.lazy, "lazy", false, "answer a client's start with what the server said the last time; connect and sign in with the first call")
	f.StringVar(&c.certificate, "client-cert", or("MCP_LOGIN_CLIENT_CERT", ""), "file with a certificate to show to the server, PEM, with those of its issuers")
	f.StringVar(&c.certKey, "client-cert-key", or("MCP_LOGIN_CLIENT_CERT_KEY", ""), "file with its private key, PEM; the certificate's file when left out")
}

// defaultMaxMessage is half of what a peer in Node.js can hold in one string, and
// more than twice the largest message that anybody is known to send (decision 10).
const defaultMaxMessage = 256 << 20

// checkConnection refuses what makes no sense, and reads the files with certificates.
func (o *options) checkConnection() (err error) {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"connect-timeout", o.connectTimeout},
		{"headers-timeout", o.headersTimeout},
		{"body-timeout", o.bodyTimeout},
		{"ping-interval", o.pingInterval},
		{"login-patience", o.patience},
		{"timeout", o.timeout},
	} {
		if d.value < 0 {
			return usageError{hint.With(fmt.Errorf("--%s must not be negative", d.name), "write it as --"+d.name+" 5m")}
		}
	}
	if !header.ValidValue(o.userAgent) {
		return usageError{errors.New("--user-agent holds characters that no header may have")}
	}
	o.conn = account.Connection{
		UserAgent: agent(o.userAgent, o.version), ConnectTimeout: o.connectTimeout, HeadersTimeout: o.headersTimeout, BodyTimeout: o.bodyTimeout,
		MaxMessage: int64(o.maxMessage), IPv4: o.ipv4, NoCookies: o.noCookies,
	}
	if o.conn.Certificates, err = o.certificates(); err != nil {
		return err
	}
	o.conn.Roots, err = o.roots()
	return err
}

// tools says which tools the client sees.
func (c *connectionFlags) tools() bridge.Filter {
	return bridge.Filter{Allow: c.allowTools, Ignore: c.ignoreTools}
}

// certificates reads those of --client-cert. One that cannot be used is an error here,
// where the person looks, and not a handshake that fails later.
func (o *options) certificates() ([]tls.Certificate, error) {
	switch {
	case o.certificate == "" && o.certKey != "":
		return nil, usageError{hint.With(errors.New("--client-cert-key without --client-cert"), "add the certificate that belongs to the key")}
	case o.certificate == "":
		return nil, nil
	}
	certificate, err := o.files.read(o.certificate)
	if err != nil {
		return nil, usageError{fmt.Errorf("read the client certificate: %w", err)}
	}
	key := certificate
	if o.certKey != "" {
		if key, err = o.files.read(o.certKey); err != nil {
			return nil, usageError{fmt.Errorf("read the client certificate's key: %w", err)}
		}
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, usageError{hint.With(fmt.Errorf("use the client certificate: %w", err), "both files are PEM; a key with a passphrase is not supported")}
	}
	return []tls.Certificate{pair}, nil
}

// roots returns the system's authorities with those of the files, nil for the system's
// alone. The variable of Node is meant for another program: Node only warns of a file that
// it cannot use, and here it is left out.
func (g *generalOptions) roots() (*x509.CertPool, error) {
	if len(g.caFiles) == 0 && g.nodeFile == "" {
		return nil, nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if pem, err := foreign.ReadFile(g.nodeFile, maxFlagFile); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	for _, file := range g.caFiles {
		pem, err := g.files.read(file)
		if err != nil {
			return nil, usageError{fmt.Errorf("read --ca-file: %w", err)}
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, usageError{hint.With(fmt.Errorf("%s holds no certificate", file), "it must be PEM: -----BEGIN CERTIFICATE-----")}
		}
	}
	return roots, nil
}

// warmRoots makes crypto/x509 read the system's authorities, which takes some
// 10 ms where they are files. The first handshake would do it between the
// server's certificate and everything else; here it happens while the store is
// read and the connection is made.
func warmRoots() { _, _ = x509.SystemCertPool() }

// connection is how the server of o is reached. Variables that headers name are read.
func (a *app) connection(o *options, log *slog.Logger) (c account.Connection, err error) {
	c, getenv := o.conn, a.variables(*o)
	if c.Header, err = o.header(getenv); err != nil {
		return c, err
	}
	if c.Transport, err = transportOf(o.transport); err != nil {
		return c, err
	}
	if c.Commands, err = o.commands(c.Header, getenv, log); err != nil {
		return c, err
	}
	if token := getenv(account.TokenVariable); token != "" {
		c.Token = grant.NewSecret(token)
	}
	return c, nil
}

// transports are the values of --transport.
var transports = map[string]upstream.Transport{"auto": upstream.Auto, "http": upstream.StreamableHTTP, "sse": upstream.SSE}

func transportOf(name string) (upstream.Transport, error) {
	transport, known := transports[name]
	if !known {
		return 0, usageError{fmt.Errorf("transport %q is not auto, http or sse", name)}
	}
	return transport, nil
}

// byteSize is a flag with a number of bytes, as 64MiB or 1000000.
type byteSize int64

// units are the suffixes, the longest first.
var units = []struct {
	name  string
	bytes int64
}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}}

// Set implements pflag.Value.
func (b *byteSize) Set(text string) error {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range units {
		if rest, ok := strings.CutSuffix(number, u.name); ok {
			number, factor = strings.TrimSpace(rest), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/2/factor {
		return fmt.Errorf("%q is not a size", text)
	}
	*b = byteSize(n * factor)
	return nil
}

// String implements pflag.Value.
func (b *byteSize) String() string {
	for _, u := range units[:3] {
		if n := int64(*b); n > 0 && n%u.bytes == 0 && n/u.bytes < 1024 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*b), 10)
}

// Type implements pflag.Value.
func (b *byteSize) Type() string { return "size" }
