package neterror

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"

	"mcp-login/internal/foreign"
)

// Error is a cause that a person can do something about.
type Error struct {
	// Reason is what stands in the way, lower case, without a full stop; one line.
	Reason string
	// Hint is what to do about it, "" where that is not clear.
	Hint string
	// Unread means that the other side ended the TLS handshake, and so has read
	// nothing of the request, although with TLS 1.3 it may have been sent already.
	Unread bool
	// Permanent means that waiting does not change it.
	Permanent bool
	// Err is the error that says so.
	Err error
}

// Error returns what stands in the way.
func (e *Error) Error() string { return e.Reason }

// Unwrap returns the error that says so.
func (e *Error) Unwrap() error { return e.Err }

// UserHint returns the next step, see package hint.
func (e *Error) UserHint() string { return e.Hint }

// explanations know the causes, and whether they are permanent. A proxy comes first:
// what is wrong with it is not the host's fault.
var explanations = []struct {
	explain   func(error) (reason, hint string)
	permanent bool
}{{proxy, false}, {certificate, true}, {handshake, true}, {lookup, false}, {dial, false}}

const wantsCertificate = "it asks for a client certificate"

// Explain returns a *Error around err, or err itself where nothing better can be
// said. nil stays nil.
func Explain(err error) error {
	for _, x := range explanations {
		if reason, hint := x.explain(err); reason != "" {
			return &Error{Reason: foreign.Line(reason), Hint: hint, Unread: reason == wantsCertificate, Permanent: x.permanent, Err: err}
		}
	}
	return err
}

func certificate(err error) (reason, hint string) {
	var unknown x509.UnknownAuthorityError
	var otherName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var other *tls.CertificateVerificationError
	switch {
	case errors.As(err, &unknown):
		return "its certificate is signed by an unknown authority", "if a company's proxy or an own authority signs here, add that authority's certificate with --ca-file"
	case errors.As(err, &otherName):
		return strings.TrimPrefix(otherName.Error(), "x509: "), "use the name that the certificate is for"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "its certificate is not valid now: " + invalid.Error(), "check the clock of this machine; if it is right, the host's operator has to renew the certificate"
	case errors.As(err, &other):
		return "its certificate is not accepted: " + strings.TrimPrefix(other.Err.Error(), "x509: "), "if a company's proxy or an own authority signs here, add that authority's certificate with --ca-file"
	}
	return "", ""
}

// handshake goes by words where package tls has no type for what the other side
// says.
func handshake(err error) (reason, hint string) {
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &record), err != nil && strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "it does not speak TLS", "is it http instead of https?"
	case err != nil && strings.Contains(err.Error(), "tls: certificate required"):
		return wantsCertificate, "give one with --client-cert and --client-cert-key"
	}
	return "", ""
}

// What to do about a proxy.
const (
	ProxyHint         = "check HTTPS_PROXY and HTTP_PROXY, or add the host to NO_PROXY"
	ProxyPasswordHint = "put them into HTTPS_PROXY, as http://name:password@proxy:port" //nolint:gosec // no credential
)

// ProxyWantsPassword is what a proxy says with 407.
const ProxyWantsPassword = "the proxy wants a name and a password"

// proxyError is the answer of a proxy that opens no tunnel (RFC 9110, section 9.3.6).
type proxyError struct{ status int }

func (e *proxyError) Error() string {
	return fmt.Sprintf("the proxy opens no way to it: %d %s", e.status, http.StatusText(e.status))
}

// OnProxyConnectResponse is for the field of http.Transport of this name: net/http
// alone keeps no more than the words of a refusal, and not that a proxy said them.
func OnProxyConnectResponse(_ context.Context, _ *url.URL, _ *http.Request, answer *http.Response) error {
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	return &proxyError{answer.StatusCode}
}

// proxy knows how net/http says that it is the proxy's fault, and what
// [OnProxyConnectResponse] says.
func proxy(err error) (reason, hint string) {
	var op *net.OpError
	var refused *proxyError
	switch {
	case errors.As(err, &refused) && refused.status == http.StatusProxyAuthRequired:
		return ProxyWantsPassword, ProxyPasswordHint
	case errors.As(err, &refused) && refused.status >= http.StatusInternalServerError:
		return refused.Error(), "" // of the proxy, or of the host behind it
	case errors.As(err, &refused):
		return refused.Error(), ProxyHint
	case errors.As(err, &op) && strings.HasPrefix(op.Op, "socks"):
		return fmt.Sprintf("the proxy opens no way to it: %v", op.Err), ProxyHint
	case errors.As(err, &op) && op.Op == "proxyconnect":
		for _, explain := range []func(error) (reason, hint string){certificate, handshake} {
			if reason, _ := explain(op.Err); reason != "" {
				return "the proxy: " + reason, ProxyHint
			}
		}
		return fmt.Sprintf("the proxy does not answer: %v", op.Err), ProxyHint
	}
	return "", ""
}

func lookup(err error) (reason, hint string) {
	var dns *net.DNSError
	switch {
	case !errors.As(err, &dns):
		return "", ""
	case dns.IsNotFound:
		return fmt.Sprintf("no such host: %q", dns.Name), "check the address; behind a company's proxy set HTTPS_PROXY, which looks names up itself"
	}
	return fmt.Sprintf("the name %q could not be looked up: %s", dns.Name, dns.Err), "is this machine online? The next request tries again"
}

func dial(err error) (reason, hint string) {
	var op *net.OpError
	where := ""
	if errors.As(err, &op) && op.Op == "dial" && op.Addr != nil {
		where = " at " + op.Addr.String()
	}
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED) || isRefused(err):
		return "nothing listens" + where, "is the server running, and the port right?"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), isUnreachable(err):
		return "there is no way to it from here" + where, "is this machine online? A VPN or a proxy (HTTPS_PROXY) may be needed"
	case op != nil && op.Op == "dial" && (errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()):
		return "no connection in time" + where, "is there a firewall in between? A proxy is set with HTTPS_PROXY"
	}
	return "", ""
}
