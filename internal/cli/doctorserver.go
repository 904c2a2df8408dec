package cli

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
	"mcp-login/internal/oauth"
	"mcp-login/internal/origin"
	"mcp-login/internal/reach"
	"mcp-login/internal/terminal"
)

// contact is the server's answer to a first request without a token.
type contact struct {
	transport http.RoundTripper
	status    int
	header    http.Header
	at        time.Time
	tls       *tls.ConnectionState
}

func (x *examination) address(context.Context) finding {
	switch {
	case x.server.Scheme == "https":
		return passed("%s", x.server.Redacted())
	case x.o.allowHTTP:
		return passed("%s, without encryption as allowed by --allow-http", x.server.Redacted())
	}
	if _, err := oauth.CanonicalServer(x.server.String(), false); err != nil {
		return failedBy(err, "")
	}
	return passed("%s, on this machine", x.server.Redacted())
}

// viaProxy returns the proxy for the server, nil for none.
func (x *examination) viaProxy() (*url.URL, error) {
	return http.ProxyFromEnvironment(&http.Request{URL: x.server})
}

func (x *examination) proxy(context.Context) finding {
	proxy, err := x.viaProxy()
	switch {
	case err != nil:
		return failedBy(err, proxyHint)
	case proxy == nil && x.unreadableProxy() != "":
		return failed(proxyHint, "none: %s is not an address and is ignored; in a name or password %% is written %%25, and @ %%40", x.unreadableProxy())
	case proxy == nil:
		return passed("none")
	}
	return passed("%s, from the environment", proxy.Redacted())
}

const proxyHint = "look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY"

// unreadableProxy is the variable with a proxy that net/http ignores without a word
// because it is not an address; "" for none.
func (x *examination) unreadableProxy() string {
	name := strings.ToUpper(x.server.Scheme) + "_PROXY"
	if x.a.getenv(name) == "" {
		name = strings.ToLower(name)
	}
	if origin.Loopback(x.server.Hostname()) || x.mayGoDirect() {
		return ""
	}
	if _, err := url.Parse("http://" + strings.TrimPrefix(x.a.getenv(name), "http://")); err != nil {
		return name
	}
	return ""
}

// mayGoDirect reports whether NO_PROXY may be about the server. Of addresses it does
// not judge.
func (x *examination) mayGoDirect() bool {
	list := cmp.Or(x.a.getenv("NO_PROXY"), x.a.getenv("no_proxy"))
	host := "." + strings.ToLower(x.server.Hostname())
	for entry := range strings.SplitSeq(strings.ToLower(list), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(entry), ":")
		if name == "*" || name != "" && strings.HasSuffix(host, "."+strings.TrimLeft(name, "*.")) {
			return true
		}
	}
	return list != "" && net.ParseIP(x.server.Hostname()) != nil
}

func (x *examination) resolve(ctx context.Context) finding {
	host := x.server.Hostname()
	if proxy, _ := x.viaProxy(); proxy != nil {
		return skipped("the proxy looks up %s", host)
	}
	if net.ParseIP(host) != nil {
		return skipped("%s is no name", host)
	}
	addresses, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return failed("check the spelling, the network and the name server", "%v", err)
	}
	var list []string
	for _, one := range addresses {
		list = append(list, one.String())
	}
	return passed("%s is %s", host, strings.Join(list, ", "))
}

// connect sends the first request as the bridge would, without a token.
func (x *examination) connect(ctx context.Context) finding {
	header, err := x.o.header(x.a.variables(x.o))
	if err != nil {
		return failedBy(err, "")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.server.String(), strings.NewReader(account.InitializeRequest))
	if err != nil {
		return failedBy(err, "")
	}
	for name, values := range header {
		req.Header[name] = values
	}
	printed, err := x.o.set.Header(ctx)
	if err != nil {
		return failedBy(err, "")
	}
	for name, values := range printed {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	c, handshakes := &contact{transport: x.o.RoundTripper()}, atomic.Int32{}
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeStart: func() { handshakes.Add(1) }}))
	resp, err := (&http.Client{Transport: c.transport, CheckRedirect: upstream.CheckRedirect}).Do(req) //nolint:bodyclose // foreign.Discard closes it
	if err != nil {
		return x.unconnected(err, int(handshakes.Load()))
	}
	foreign.Discard(resp)
	c.status, c.header, c.tls, c.at = resp.StatusCode, resp.Header, resp.TLS, time.Now()
	x.contact = c
	return passed("%s, %s", resp.Proto, resp.Status)
}

// unconnected says what stands between here and the server. Where the server's TLS
// handshake has not begun, behind the proxy's own, the proxy has not let us through.
func (x *examination) unconnected(err error, handshakes int) finding {
	err = foreign.HTTPError(err)
	if proxy, _ := x.viaProxy(); proxy != nil && x.server.Scheme == "https" && (handshakes == 0 || handshakes == 1 && proxy.Scheme == "https") {
		if errors.Is(err, context.DeadlineExceeded) {
			return failed(reach.ProxyHint, "the proxy opens no way to the server within %v", checkTimeout)
		}
		if explained := reach.Explain(err); !errors.Is(err, explained) {
			return failedBy(explained, reach.ProxyHint)
		}
		return failed(reach.ProxyHint, "the proxy opens no way to the server: %v", err)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failed("is there a firewall in between? A proxy is set with HTTPS_PROXY", "no connection within %v", checkTimeout)
	}
	return failedBy(reach.Explain(err), "is the server running, and the port right?")
}

func (x *examination) certificate(context.Context) finding {
	switch {
	case x.contact == nil:
		return skipped("no connection")
	case x.contact.tls == nil:
		return skipped("the connection is not encrypted")
	}
	leaf := x.contact.tls.PeerCertificates[0]
	return passed("%s, signed by %s, until %s", tls.VersionName(x.contact.tls.Version), leaf.Issuer.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
}

// maxSkew is by how much clocks may differ before tokens seem to be expired or
// not yet valid.
const maxSkew = time.Minute

func (x *examination) clock(context.Context) finding {
	if x.contact == nil {
		return skipped("no connection")
	}
	at, err := http.ParseTime(x.contact.header.Get("Date"))
	if err != nil {
		return skipped("the server does not say what time it is")
	}
	skew := x.contact.at.Sub(at).Round(time.Second)
	if skew.Abs() > maxSkew {
		return failed("set the clock of this machine by the network", "this machine's clock and the server's differ by %v", skew)
	}
	return passed("the server's and ours differ by less than %s", terminal.Approximately(maxSkew))
}

// answer judges the first answer. Which transport and revision are spoken is
// seen in the session, at the end.
func (x *examination) answer(context.Context) finding {
	if x.contact == nil {
		return skipped("no connection")
	}
	c := x.contact
	kind, _, _ := strings.Cut(c.header.Get("Content-Type"), ";")
	switch {
	case c.status == http.StatusUnauthorized:
		return passed("it asks for a sign-in (401)")
	case c.status == http.StatusProxyAuthRequired:
		return failed(reach.ProxyPasswordHint, "%s", reach.ProxyWantsPassword)
	case c.status == http.StatusForbidden:
		return failed("an Origin check, or an account without permission; "+upstream.GatewayHint, "it refuses (403)")
	case c.status == http.StatusBadRequest, c.status == http.StatusNotFound, c.status == http.StatusMethodNotAllowed:
		return passed("%d to a POST: HTTP+SSE of 2024-11-05, another revision, or the wrong address; the session below tells", c.status)
	case c.status >= 300 && c.status < 400:
		return failed("use the address it leads to, if that is right; "+upstream.GatewayHint, "it redirects (%d) to %s", c.status, redacted(c.header.Get("Location")))
	case c.status == http.StatusTooManyRequests || c.status >= 500:
		return failed(retryHint(c.header), "it is not well (%d)", c.status)
	case c.status == http.StatusOK && (kind == "application/json" || kind == "text/event-stream"):
		return passed("it answers without a sign-in")
	}
	next := upstream.AddressHint
	if kind == "text/html" {
		next += "; " + upstream.GatewayHint
	}
	return failed(next, "this does not look like an MCP server (%d, %s)", c.status, kind)
}

func retryHint(h http.Header) string {
	if wait := h.Get("Retry-After"); wait != "" {
		return "try again later (it says " + wait + ")"
	}
	return "try again later, or ask its operator"
}

// redacted is an address without what may be secret in it.
func redacted(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "an address that cannot be read"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

const operatorHint = "ask the server's operator"

// live is a real session, with the kept login where one is needed.
func (x *examination) live(ctx context.Context) finding {
	switch {
	case x.contact == nil:
		return skipped("no connection")
	case x.session == nil:
		return skipped("see the store")
	case x.contact.status == http.StatusUnauthorized && !x.cred.HasToken() && x.session.TokenSource() == "":
		return skipped("nobody is signed in; run: %s", x.session.LoginCommand())
	}
	answer, err := x.session.Initialize(ctx)
	switch {
	case errors.Is(err, oauth.ErrLoginRequired):
		return failed("run: "+x.session.LoginCommand(), "the kept login no longer works")
	case err != nil:
		return failedBy(err, operatorHint)
	case answer.Error != nil:
		return failed(operatorHint, "initialize was refused: %s", answer.Error)
	}
	return passed("%s", describeSession(answer.Result))
}
