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
	"mcp-login/internal/hint"
	"mcp-login/internal/oauth/grant"
)

// connectionFlags are the flags about the connection to the server and what is let
// through it.
type connectionFlags struct {
	account.Connection // the part that flags fill as it is; connection adds the rest

	transport, userAgent    string
	caFiles                 []string
	nodeFile                string // what Node programs are told to trust, mcp-remote among them
	certificate, certKey    string // files
	ignoreTools, allowTools []string
	pingInterval            time.Duration
}

// register declares the flags.
func (c *connectionFlags) register(f *pflag.FlagSet, or func(name, otherwise string) string) {
	f.StringArrayVar(&c.ignoreTools, "ignore-tool", nil, "tools to hide from the client, * stands for anything; repeatable")
	f.StringArrayVar(&c.allowTools, "allow-tool", nil, "the only tools to show to the client, * stands for anything; repeatable")
	f.DurationVar(&c.ConnectTimeout, "connect-timeout", 30*time.Second, "how long to wait for a connection to the server")
	f.DurationVar(&c.HeadersTimeout, "headers-timeout", 0, "how long the server may take to begin an answer; 0 as long as it needs")
	f.DurationVar(&c.BodyTimeout, "body-timeout", 0, "how long the server may be silent within an answer; 0 as long as it likes")
	f.DurationVar(&c.pingInterval, "ping-interval", 0, "how often to send the server a ping, so that nothing on the way hangs up; 0 never")
	c.MaxMessage = defaultMaxMessage
	f.Var((*byteSize)(&c.MaxMessage), "max-message", "largest message to relay, as 64MiB; a larger one is answered with an error; 0 no limit")
	f.BoolVar(&c.IPv4, "ipv4", false, "connect to the server by IPv4 only")
	f.BoolVar(&c.NoCookies, "no-cookies", false, "do not keep the server's cookies, which load balancers use")
	var files []string
	if file := or("MCP_LOGIN_CA_FILE", ""); file != "" {
		files = []string{file}
	}
	c.nodeFile = or("NODE_EXTRA_CA_CERTS", "")
	f.StringArrayVar(&c.caFiles, "ca-file", files, "file with certificates of authorities to trust besides the system's, PEM; repeatable")
	f.StringVar(&c.certificate, "client-cert", or("MCP_LOGIN_CLIENT_CERT", ""), "file with a certificate to show to the server, PEM, with those of its issuers")
	f.StringVar(&c.certKey, "client-cert-key", or("MCP_LOGIN_CLIENT_CERT_KEY", ""), "file with its private key, PEM; the certificate's file when left out")
}

// defaultMaxMessage is half of what a peer in Node.js can hold in one string, and
// more than twice the largest message that anybody is known to send (decision 10).
const defaultMaxMessage = 256 << 20

// forAnyServer are the flags that are not for one server only.
func (c connectionFlags) forAnyServer() connectionFlags {
	return connectionFlags{
		Connection: account.Connection{
			ConnectTimeout: c.ConnectTimeout, HeadersTimeout: c.HeadersTimeout, BodyTimeout: c.BodyTimeout,
			MaxMessage: c.MaxMessage, IPv4: c.IPv4, NoCookies: c.NoCookies,
		},
		transport: "auto", userAgent: c.userAgent, caFiles: c.caFiles, nodeFile: c.nodeFile,
	}
}

// check refuses what makes no sense, and reads the files with certificates.
func (c *connectionFlags) check() error {
	for _, d := range []struct {
		name  string
		value time.Duration
	}{{"connect-timeout", c.ConnectTimeout}, {"headers-timeout", c.HeadersTimeout}, {"body-timeout", c.BodyTimeout}, {"ping-interval", c.pingInterval}} {
		if d.value < 0 {
			return usageError{fmt.Errorf("--%s must not be negative", d.name)}
		}
	}
	c.UserAgent = agent(c.userAgent)
	return c.loadCertificates()
}

// tools says which tools the client sees.
func (c *connectionFlags) tools() bridge.Filter {
	return bridge.Filter{Allow: c.allowTools, Ignore: c.ignoreTools}
}

// loadCertificates reads the files. Certificates that cannot be used are an error here,
// where the person looks, and not a handshake that fails later.
func (c *connectionFlags) loadCertificates() error {
	if c.certKey != "" && c.certificate == "" {
		return usageError{hint.With(errors.New("--client-cert-key without --client-cert"), "add the certificate that belongs to the key")}
	}
	if err := c.loadRoots(); err != nil {
		return err
	}
	if c.certificate == "" {
		return nil
	}
	certificate, err := readFlagFile(c.certificate)
	if err != nil {
		return usageError{fmt.Errorf("read the client certificate: %w", err)}
	}
	key := certificate
	if c.certKey != "" {
		if key, err = readFlagFile(c.certKey); err != nil {
			return usageError{fmt.Errorf("read the client certificate's key: %w", err)}
		}
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return usageError{hint.With(fmt.Errorf("use the client certificate: %w", err), "both files are PEM; a key with a passphrase is not supported")}
	}
	c.Certificates = []tls.Certificate{pair}
	return nil
}

// loadRoots adds the files to the system's authorities. The variable of Node is
// meant for another program: Node only warns of a file that it cannot use, and
// here it is left out.
func (c *connectionFlags) loadRoots() error {
	if len(c.caFiles) == 0 && c.nodeFile == "" {
		return nil
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if pem, err := foreign.ReadFile(c.nodeFile, maxFlagFile); err == nil {
		roots.AppendCertsFromPEM(pem)
	}
	for _, file := range c.caFiles {
		pem, err := readFlagFile(file)
		if err != nil {
			return usageError{fmt.Errorf("read --ca-file: %w", err)}
		}
		if !roots.AppendCertsFromPEM(pem) {
			return usageError{hint.With(fmt.Errorf("%s holds no certificate", file), "it must be PEM: -----BEGIN CERTIFICATE-----")}
		}
	}
	c.Roots = roots
	return nil
}

// warmRoots makes crypto/x509 read the system's authorities, which takes some
// 10 ms where they are files. The first handshake would do it between the
// server's certificate and everything else; here it happens while the store is
// read and the connection is made.
func warmRoots() { _, _ = x509.SystemCertPool() }

// connection is how the server of o is reached. Variables that headers name are read.
func (a *app) connection(o *options, log *slog.Logger) (c account.Connection, err error) {
	c, getenv := o.Connection, a.variables(*o)
	if c.Header, err = o.header(getenv); err != nil {
		return c, err
	}
	var known bool
	if c.Transport, known = transports[o.transport]; !known {
		return c, usageError{fmt.Errorf("transport %q is none of auto, http, sse", o.transport)}
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
		return fmt.Errorf("%q is no size; write it as 64MiB, 500kB or 1000000", text)
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

// Type implements pflag.Value: what stands behind the flag in the help.
func (b *byteSize) Type() string { return "size" }
