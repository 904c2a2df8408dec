package doctor

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"mcp-login/internal/account"
	"mcp-login/internal/bridge/upstream"
	"mcp-login/internal/foreign"
	"mcp-login/internal/hint"
	"mcp-login/internal/neterror"
	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/discovery"
	"mcp-login/internal/origin"
	"mcp-login/internal/terminal"
)

// response is the server's answer to a first request without a token.
type response struct {
	transport http.RoundTripper
	status    int
	header    http.Header
	at        time.Time
	// authorized tells that the request had an Authorization header, which was given.
	authorized bool
	// given are the names of all headers that were given.
	given []string
	tls   *tls.ConnectionState
}

func (x *examination) address(context.Context) Finding {
	_, err := oauth.CanonicalServer(x.Server.String(), false)
	switch {
	case x.Server.Scheme == "https":
		return passed("%s", x.Server.Redacted())
	case err == nil:
		return passed("%s, on this machine", x.Server.Redacted())
	case x.AllowHTTP:
		return passed("%s, without encryption as allowed by --allow-http", x.Server.Redacted())
	}
	return failedBy(err, "")
}

// viaProxy returns the proxy for the server, nil for none.
func (x *examination) viaProxy() (*url.URL, error) {
	return http.ProxyFromEnvironment(&http.Request{URL: x.Server})
}

func (x *examination) proxy(context.Context) Finding {
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

// unreadableProxy is the variable whose proxy net/http ignores silently because it is no
// address, "" for none.
func (x *examination) unreadableProxy() string {
	name := strings.ToUpper(x.Server.Scheme) + "_PROXY"
	if x.Getenv(name) == "" {
		name = strings.ToLower(name)
	}
	if origin.Loopback(x.Server.Hostname()) || x.mayGoDirect() {
		return ""
	}
	if _, err := url.Parse("http://" + strings.TrimPrefix(x.Getenv(name), "http://")); err != nil {
		return name
	}
	return ""
}

// mayGoDirect reports whether NO_PROXY may name the server. A server with an IP address
// always may: ranges are not compared.
func (x *examination) mayGoDirect() bool {
	list := cmp.Or(x.Getenv("NO_PROXY"), x.Getenv("no_proxy"))
	host := "." + strings.ToLower(x.Server.Hostname())
	for entry := range strings.SplitSeq(strings.ToLower(list), ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(entry), ":")
		if name == "*" || name != "" && strings.HasSuffix(host, "."+strings.TrimLeft(name, "*.")) {
			return true
		}
	}
	return list != "" && net.ParseIP(x.Server.Hostname()) != nil
}

func (x *examination) resolve(ctx context.Context) Finding {
	host := x.Server.Hostname()
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
func (x *examination) connect(ctx context.Context) Finding {
	header, err := x.Header()
	if err != nil {
		return failedBy(err, "")
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, x.Server.String(), bytes.NewReader(account.InitializeRequest(x.Program.Version).Raw))
	if err != nil {
		return failedBy(err, "")
	}
	printed, err := x.commands.Header(ctx)
	if err != nil {
		return failedBy(err, "")
	}
	maps.Copy(req.Header, header)
	maps.Copy(req.Header, printed)
	given := slices.DeleteFunc(slices.Sorted(maps.Keys(req.Header)), func(name string) bool { return name == "User-Agent" }) // ours
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json, text/event-stream")
	first, handshakes := &response{transport: x.Connection.RoundTripper(), authorized: req.Header.Get("Authorization") != "", given: given}, atomic.Int32{}
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeStart: func() { handshakes.Add(1) }}))
	resp, err := (&http.Client{Transport: first.transport, CheckRedirect: upstream.CheckRedirect}).Do(req) //nolint:bodyclose // foreign.Discard closes it
	if err != nil {
		return x.connectFailure(err, int(handshakes.Load()))
	}
	foreign.Discard(resp)
	first.status, first.header, first.tls, first.at = resp.StatusCode, resp.Header, resp.TLS, time.Now()
	x.response = first
	return passed("%s, %s", resp.Proto, resp.Status)
}

// connectFailure says what stands between here and the server. If the server's TLS
// handshake has not begun, behind that of an https proxy, the proxy has refused.
func (x *examination) connectFailure(err error, handshakes int) Finding {
	err = foreign.HTTPError(err)
	if proxy, _ := x.viaProxy(); proxy != nil && x.Server.Scheme == "https" && (handshakes == 0 || handshakes == 1 && proxy.Scheme == "https") {
		if errors.Is(err, context.DeadlineExceeded) {
			return failed(neterror.ProxyHint, "the proxy opens no way to the server within %v", checkTimeout)
		}
		if explained := neterror.Explain(err); !errors.Is(err, explained) {
			return failedBy(explained, neterror.ProxyHint)
		}
		return failed(neterror.ProxyHint, "the proxy opens no way to the server: %v", err)
	}
	if bad := (*tls.CertificateVerificationError)(nil); errors.As(err, &bad) {
		x.badCertificate = neterror.Explain(err)
		return passed("%s answers", x.Server.Host)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return failed("is there a firewall in between? A proxy is set with HTTPS_PROXY", "no connection within %v", checkTimeout)
	}
	return failedBy(neterror.Explain(err), "is the server running, and the port right?")
}

func (x *examination) certificate(context.Context) Finding {
	switch {
	case x.badCertificate != nil:
		return failedBy(x.badCertificate, "")
	case x.response == nil:
		return skipped("no connection")
	case x.response.tls == nil:
		return skipped("the connection is not encrypted")
	}
	leaf := x.response.tls.PeerCertificates[0]
	return passed("%s, signed by %s, until %s", tls.VersionName(x.response.tls.Version), leaf.Issuer.CommonName, leaf.NotAfter.UTC().Format(time.DateOnly))
}

// maxSkew is how far clocks may be apart. With more, tokens may seem expired or not yet
// valid.
const maxSkew = time.Minute

func (x *examination) clock(context.Context) Finding {
	at, err := http.ParseTime(x.response.header.Get("Date"))
	if err != nil {
		return skipped("the server does not say what time it is")
	}
	skew := x.response.at.Sub(at).Round(time.Second)
	if skew.Abs() > maxSkew {
		return failed("set the clock of this machine by the network", "this machine's clock and the server's differ by %v", skew)
	}
	return passed("the server's and ours differ by less than %s", terminal.Approximately(maxSkew))
}

// answer judges the first response.
func (x *examination) answer(ctx context.Context) Finding {
	c := x.response
	kind, _, _ := strings.Cut(c.header.Get("Content-Type"), ";")
	switch {
	case c.status == http.StatusUnauthorized && c.authorized:
		x.refused = true
		return failed("look at the value that is given for Authorization; without one, a sign-in in the browser is tried", "it refuses the header Authorization that is given (401)")
	case c.status == http.StatusUnauthorized && len(c.given) > 0 && !x.offersSignIn(ctx):
		x.refused = true
		return failed("look at the value that is given for "+strings.Join(c.given, ", "), "it answers 401 to the header %s that is given, and offers no sign-in", strings.Join(c.given, ", "))
	case c.status == http.StatusUnauthorized:
		return passed("it asks for a sign-in (401)")
	case c.status == http.StatusProxyAuthRequired:
		return failed(neterror.ProxyPasswordHint, "%s", neterror.ProxyWantsPassword)
	case c.status == http.StatusForbidden:
		return failed("an Origin check, or an account without permission; "+upstream.GatewayHint, "it refuses (403)")
	case c.status == http.StatusBadRequest, c.status == http.StatusNotFound, c.status == http.StatusMethodNotAllowed:
		return x.oddAnswer(ctx)
	case c.status >= 300 && c.status < 400:
		return x.noServer(ctx, "it redirects (%d) to %s", c.status, redacted(c.header.Get("Location")))
	case c.status == http.StatusTooManyRequests || c.status >= 500:
		return failed(retryHint(c.header), "it answers %d %s", c.status, http.StatusText(c.status))
	case c.status == http.StatusOK && (kind == "application/json" || kind == "text/event-stream"):
		return passed("it answers without a sign-in")
	}
	return x.noServer(ctx, "this does not look like an MCP server (%d, %s)", c.status, kind)
}

// offersSignIn reports whether anybody has said how to sign in, where the server answers 401.
func (x *examination) offersSignIn(ctx context.Context) bool {
	challenge, _ := discovery.BearerChallenge(x.response.header)
	if challenge.ResourceMetadata() != "" || x.Settings.Named != "" {
		return true
	}
	client := x.Connection.Guard(x.Server, x.Settings).HTTPClient()
	_, found, err := discovery.FetchResource(ctx, client, x.Server, challenge, x.Settings.Resource != "")
	if found || err != nil { // what is wrong with it, its own check says
		return true
	}
	_, err = discovery.FetchServer(ctx, client, x.Server.Scheme+"://"+x.Server.Host, x.Settings.IssuerChoice)
	return err == nil || errors.Is(err, discovery.ErrUnavailable) || errors.Is(err, discovery.ErrIssuerMismatch)
}

// noServer is the finding where no MCP server answers; a real request knows what to do.
func (x *examination) noServer(ctx context.Context, format string, args ...any) Finding {
	x.notMCP = true
	return failed(cmp.Or(hint.Of(x.begin(ctx).err), upstream.AddressHint), format, args...)
}

// oddAnswer judges a status by which servers of HTTP+SSE (2024-11-05) and of other revisions
// refuse a first POST, and so do addresses where there is no server: a session tells.
func (x *examination) oddAnswer(ctx context.Context) Finding {
	s := x.begin(ctx)
	switch {
	case x.account == nil:
		return skipped("%d to a POST; the account cannot be opened", x.response.status)
	case errors.Is(s.err, oauth.ErrLoginRequired):
		return passed("it asks for a sign-in")
	case s.err != nil:
		x.notMCP = true
		return failedBy(s.err, upstream.AddressHint)
	}
	return passed("it answers, to another request than the first (%d)", x.response.status)
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
