package main

import (
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"mcp-login/internal/commandline"
	"mcp-login/internal/foreign"
	"mcp-login/internal/origin"
	"mcp-login/internal/server/gateway"
)

// gatewayOptions are those about an MCP server behind this one.
type gatewayOptions struct {
	upstream, ca, secretFile, assertion string
	identity, pass, toolScopes          []string
	timeout                             time.Duration
}

// maxCertificates bounds the file of --upstream-ca.
const maxCertificates = 1 << 20

func (o *options) gatewayFlags(fs *flag.FlagSet) {
	g := &o.gateway
	text(fs, &g.upstream, "upstream", "", "`URL` of an MCP server to protect, e.g. http://127.0.0.1:8000/mcp; whoami is not there then")
	text(fs, &g.ca, "upstream-ca", "", "PEM `file` with the authorities of an https upstream; empty: the system's")
	setting(o, fs, &g.timeout, period, "upstream-timeout", gateway.DefaultTimeout.String(), "`time` that the upstream may take until it begins to answer, or goes on")
	setting(o, fs, &g.toolScopes, list, "tool-scope", "", "`NAME=SCOPE` that calls of a tool need, separated by spaces; several of one tool are all needed")
	setting(o, fs, &g.identity, list, "identity-header", "", "`NAME=CLAIM` of headers that tell the upstream who calls, separated by spaces; empty: X-Forwarded-User=sub X-Forwarded-Issuer=iss")
	text(fs, &g.assertion, "assertion-header", "", "`name` of a header with a signed assertion of who calls; its keys are at /.well-known/jwks.json")
	setting(o, fs, &g.pass, list, "pass-header", "", "further `names` of clients' headers that go on to the upstream")
	text(fs, &g.secretFile, "gateway-secret-file", "", "`file` with a secret that all replicas have, of 32 bytes or more; without it sessions end with the process")
}

// onlyWithUpstream are flags that mean nothing without one.
var onlyWithUpstream = []string{"upstream-ca", "tool-scope", "identity-header", "assertion-header", "pass-header", "gateway-secret-file", "upstream-timeout"}

// parseGateway judges the options about the upstream. It comes after those of issuer and
// resource.
func (o *options) parseGateway(wrong func(string, error)) {
	g := &o.gateway
	if g.upstream == "" {
		for k, given := range []bool{g.ca != "", len(g.toolScopes) > 0 && !o.forwardAuth, len(g.identity) > 0 && !o.forwardAuth, g.assertion != "", len(g.pass) > 0, g.secretFile != "", g.timeout > 0 && g.timeout != gateway.DefaultTimeout} {
			if given {
				wrong("give --upstream URL, the MCP server to protect, or leave it out", fmt.Errorf("%s: there is no upstream", onlyWithUpstream[k]))
			}
		}
		return
	}
	cfg := &gateway.Config{Timeout: g.timeout, Assertion: g.assertion, Pass: g.pass}
	next := "give the address of the MCP server, e.g. http://127.0.0.1:8000/mcp or http://unix:/run/notes.sock:/mcp"
	if meant, ok := commandline.Address(g.upstream); ok && meant != g.upstream && !strings.Contains(meant, "?") { // a query may hold a secret
		next = "write " + meant
	}
	u, err := url.Parse(g.upstream)
	if err != nil {
		err = errors.New("upstream: not a URL") // the reason may show a password
	} else {
		err = gateway.CheckUpstream(u)
	}
	if err == nil && o.leadsHere(u) {
		next, err = "give the address of the MCP server itself, e.g. --upstream http://127.0.0.1:8000/mcp", errors.New("upstream: it is this server's own address")
	}
	wrong(next, err)
	if err != nil {
		return
	}
	cfg.Upstream = u
	o.parseIdentity(cfg, wrong)
	cfg.CA, err = certificates(g.ca)
	wrong("give a PEM file with certificates", err)
	cfg.Secret, err = sharedSecret("gateway-secret-file", g.secretFile)
	wrong("make one, which whoami-server may read: openssl rand -base64 48 > gateway-secret", err)
	if g.secretFile == "" && o.busURL != "" {
		wrong("give all replicas the same --gateway-secret-file", errors.New("bus: without a secret no replica knows the sessions of another"))
	}
	o.refuseOfWhoami(wrong)
	if err := cfg.Check(); err != nil {
		for _, err := range leaves(err) {
			wrong(headersHint, err)
		}
		return
	}
	o.config.Upstream = cfg
}

// headersHint is what to do about headers that say something else already.
const headersHint = "name headers that the upstream alone reads, each once, e.g. X-Forwarded-Name"

// leadsHere reports whether u is where this server is reached: it would call itself.
func (o *options) leadsHere(u *url.URL) bool {
	host, port, err := net.SplitHostPort(o.listen)
	local := err == nil && port == origin.Port(u) && origin.Loopback(u.Hostname()) && (origin.Loopback(host) || host == "" || net.ParseIP(host).IsUnspecified())
	return local || o.config.Resource != nil && origin.SameOrigin(u, o.config.Resource) && u.Path == o.config.Resource.Path
}

// parseIdentity reads the headers that tell who calls. With several issuers a subject says
// nothing by itself.
func (o *options) parseIdentity(cfg *gateway.Config, wrong func(string, error)) {
	for _, word := range o.gateway.identity {
		h, err := gateway.ParseIdentityHeader(word)
		if err != nil {
			wrong("write NAME=CLAIM, e.g. X-Forwarded-Email=email", fmt.Errorf("identity-header: %w", err))
			continue
		}
		cfg.Identity = append(cfg.Identity, h)
	}
	tells := func(claim string) bool {
		return slices.ContainsFunc(cfg.Identity, func(h gateway.IdentityHeader) bool { return h.Claim == claim })
	}
	if len(o.config.OtherIssuers) > 0 && len(cfg.Identity) > 0 && tells("sub") && !tells("iss") {
		wrong("add X-Forwarded-Issuer=iss", errors.New("identity-header: with several issuers the same sub may be two people"))
	}
}

func (o *options) parseToolScopesOf(wrong func(string, error)) {
	for _, word := range o.gateway.toolScopes {
		tool, scope, ok := strings.Cut(word, "=")
		if !ok || tool == "" || scope == "" {
			wrong("write NAME=SCOPE, e.g. delete_note=notes:write", fmt.Errorf("tool-scope: %q is not NAME=SCOPE", word))
			continue
		}
		o.config.ToolScopes[tool] = append(o.config.ToolScopes[tool], scope)
	}
}

// refuseOfWhoami refuses what is about whoami's own tools and sessions.
func (o *options) refuseOfWhoami(wrong func(string, error)) {
	for name, given := range map[string]bool{
		"whoami-scope": o.whoamiScope != "", "details-scope": o.detailsScope != "", "stateful": o.config.Stateful,
	} {
		if given {
			wrong("leave it out, or leave out --upstream", fmt.Errorf("%s: it is for whoami, which is not there with an upstream", name))
		}
	}
	if len(o.others) > 0 {
		wrong("run one process for each", errors.New("upstream: it stands behind one resource only"))
	}
}

func certificates(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	raw, err := foreign.ReadGiven(path, maxCertificates)
	if err != nil {
		return nil, fmt.Errorf("upstream-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(raw) {
		return nil, fmt.Errorf("upstream-ca: no certificate in %s", path)
	}
	return pool, nil
}

// sharedSecret reads a secret that all replicas have; nil where the option is not given.
func sharedSecret(option, path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	secret, err := readSecret(option, path)
	if err == nil && len(secret) < gateway.LeastSecret {
		err = fmt.Errorf("%s: %s has less than %d bytes", option, path, gateway.LeastSecret)
	}
	if err != nil {
		return nil, err
	}
	return []byte(secret), nil
}
