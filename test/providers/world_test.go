package providers

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// doc is a metadata document, by its members.
type doc map[string]any

// answer is what is sent back. The body is a string, or something that becomes
// JSON; the type is guessed from it where none is given. "none" sends no type.
type answer struct {
	status int
	typ    string
	body   any
	header map[string]string
}

// fake is a provider and the server that it guards.
type fake struct {
	// url is the MCP endpoint.
	url string
	// more are further endpoints of the same kind.
	more []string
	// docs are what is published, by address: a doc, a string as it is, a status
	// or an answer. What is not listed is a 404.
	docs map[string]any
	// routes are endpoints that no doc names, by address: authorize, token,
	// register, page.
	routes map[string]string
	// down is a host that the proxy does not reach.
	down string

	provider
	server
}

// request is one that came in.
type request struct {
	*http.Request
	address string // without the query
	role    string // authorize, token, register, revoke, mcp, metadata, page or ""
	query   url.Values
	form    url.Values     // of a form
	json    map[string]any // of a JSON object
	n       int            // how many of this role came before it
}

// world is a fake that runs, with its own proxy.
type world struct {
	fake
	proxy  string
	routes map[string]string
	port   int // for redirects, where one must be named

	mu    sync.Mutex
	seen  []*request
	count map[string]int
	moved time.Time // when the last request came
	// visits gets the query of each request to visited.
	visited string
	visits  chan string
	provided
	served
}

// start runs a fake until the test ends.
func (f fake) start(t testing.TB) *world {
	t.Helper()
	w := &world{fake: f, count: map[string]int{}, routes: maps.Clone(f.routes), moved: time.Now()}
	if w.routes == nil {
		w.routes = map[string]string{}
	}
	roles := map[string]string{"authorization_endpoint": "authorize", "token_endpoint": "token", "registration_endpoint": "register", "revocation_endpoint": "revoke"}
	for _, d := range f.docs {
		members := membersOf(d)
		for member, role := range roles {
			if address, ok := members[member].(string); ok && w.routes[address] == "" {
				w.routes[address] = role
			}
		}
	}
	w.begin()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.proxy = "http://" + l.Addr().String()
	inner := &pipe{conns: make(chan net.Conn), closed: make(chan struct{}), addr: l.Addr()}
	quiet := log.New(io.Discard, "", 0)
	sites := &http.Server{Handler: http.HandlerFunc(w.serve), ErrorLog: quiet}
	tunnel := &http.Server{Handler: http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect { // plain http through the proxy
			w.serve(rw, r)
			return
		}
		if host, _, _ := net.SplitHostPort(r.Host); host == w.down {
			rw.WriteHeader(http.StatusBadGateway)
			return
		}
		inner.take(rw)
	}), ErrorLog: quiet}
	go func() { _ = sites.Serve(inner) }()
	go func() { _ = tunnel.Serve(l) }()
	t.Cleanup(func() { _ = tunnel.Close(); _ = sites.Close() })
	return w
}

// membersOf reads what is published, in any of its forms.
func membersOf(published any) (d doc) {
	switch v := published.(type) {
	case doc:
		return v
	case answer:
		return membersOf(v.body)
	case string:
		_ = json.Unmarshal([]byte(strings.TrimPrefix(v, "\ufeff")), &d)
	}
	return d
}

// pipe hands the connections behind CONNECT to the sites.
type pipe struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
	addr   net.Addr
}

func (p *pipe) Addr() net.Addr { return p.addr }
func (p *pipe) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipe) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// peeked is a connection of which the first bytes have been looked at.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (c peeked) Read(b []byte) (int, error) { return c.r.Read(b) }

func (p *pipe) take(rw http.ResponseWriter) {
	conn, _, err := rw.(http.Hijacker).Hijack() //nolint:forcetypeassert // HTTP/1.1 only
	if err != nil {
		return
	}
	_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	c := peeked{conn, bufio.NewReader(conn)}
	var out net.Conn = c
	if first, err := c.r.Peek(1); err == nil && first[0] == 0x16 { // a TLS handshake
		out = tls.Server(c, &tls.Config{GetCertificate: authority().certificate, MinVersion: tls.VersionTLS12})
	}
	select {
	case p.conns <- out:
	case <-p.closed:
		_ = conn.Close()
	}
}

// serve answers for every host.
func (w *world) serve(rw http.ResponseWriter, r *http.Request) {
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	body, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	rq := &request{Request: r, address: scheme + "://" + r.Host + r.URL.EscapedPath(), query: r.URL.Query()}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		rq.form, _ = url.ParseQuery(string(body))
	} else {
		_ = json.Unmarshal(body, &rq.json)
	}
	rq.role = w.role(rq)
	w.mu.Lock()
	rq.n = w.count[rq.role]
	w.count[rq.role]++
	w.seen = append(w.seen, rq)
	w.moved = time.Now()
	visits := w.visits
	if rq.address != w.visited {
		visits = nil
	}
	w.mu.Unlock()
	select {
	case visits <- r.URL.RawQuery:
	default:
	}
	if w.wall != nil {
		if a := w.wall(rq); a != nil {
			a.write(rw)
			return
		}
	}
	switch rq.role {
	case "metadata":
		asAnswer(w.docs[rq.address]).write(rw)
	case "mcp":
		w.mcp(rw, rq)
	case "authorize", "token", "register", "revoke":
		w.provide(rq).write(rw)
	case "page":
		answer{body: "<html><body>Please sign in</body></html>"}.write(rw)
	default:
		answer{status: 404, body: "<html><body>Not found</body></html>"}.write(rw)
	}
}

func (w *world) role(r *request) string {
	_, published := w.docs[r.address]
	switch {
	case w.routes[r.address] != "":
		return w.routes[r.address]
	case published:
		return "metadata"
	case strings.TrimSuffix(r.address, "/") == strings.TrimSuffix(strings.Split(w.url, "?")[0], "/") || slices.Contains(w.more, r.address):
		return "mcp"
	case strings.Contains(r.URL.Path, "/.well-known/"):
		return "metadata" // which is not there
	}
	return ""
}

func asAnswer(v any) answer {
	switch v := v.(type) {
	case nil:
		return answer{status: 404}
	case answer:
		return v
	case int:
		return answer{status: v, body: "<html><body>An error occurred</body></html>"}
	}
	return answer{body: v}
}

func (a answer) write(rw http.ResponseWriter) {
	var body []byte
	typ := "application/json"
	switch v := a.body.(type) {
	case nil:
		typ = ""
	case string:
		if body = []byte(v); strings.HasPrefix(v, "<") {
			typ = "text/html"
		}
	default:
		var b bytes.Buffer
		e := json.NewEncoder(&b)
		e.SetEscapeHTML(false)
		_ = e.Encode(v)
		body = b.Bytes()
	}
	if a.typ != "" {
		typ = a.typ
	}
	switch typ {
	case "":
	case "none":
		rw.Header()["Content-Type"] = nil
	default:
		rw.Header().Set("Content-Type", typ)
	}
	for name, value := range a.header {
		rw.Header().Set(name, value)
	}
	if a.status == 0 {
		a.status = 200
	}
	rw.WriteHeader(a.status)
	_, _ = rw.Write(body)
}

// requests returns those of a role, in their order.
func (w *world) requests(role string) []*request {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []*request
	for _, r := range w.seen {
		if r.role == role {
			list = append(list, r)
		}
	}
	return list
}

// tabs is how many browser tabs there were.
func (w *world) tabs() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	var tabs []string
	for _, r := range w.seen {
		if tab := r.Header.Get(tabHeader); tab != "" && !slices.Contains(tabs, tab) {
			tabs = append(tabs, tab)
		}
	}
	return len(tabs)
}

// idle is for how long nothing has come in.
func (w *world) idle() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Since(w.moved)
}

// authorityOf is the test's own certificate authority.
type authorityOf struct {
	key    *ecdsa.PrivateKey
	root   *x509.Certificate
	pem    []byte
	mu     sync.Mutex
	leaves map[string]*tls.Certificate
}

var authority = sync.OnceValue(func() *authorityOf {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	root, _ := x509.ParseCertificate(der)
	return &authorityOf{key: key, root: root, pem: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), leaves: map[string]*tls.Certificate{}}
})

// certificate makes one for any name that is asked for.
func (a *authorityOf) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c := a.leaves[hello.ServerName]; c != nil {
		return c, nil
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(a.leaves) + 2)), DNSNames: []string{hello.ServerName}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		KeyUsage: x509.KeyUsageDigitalSignature, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, a.key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	a.leaves[hello.ServerName] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.key}
	return a.leaves[hello.ServerName], nil
}

// caFile writes the authority's certificate.
func caFile(t testing.TB) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, authority().pem, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
