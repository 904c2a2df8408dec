package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Paths of the target. Each is an MCP server of its own.
const (
	pathJSON   = "/json/mcp"   // answers in JSON
	pathSSE    = "/events/mcp" // answers in event streams
	pathLegacy = "/legacy/sse" // the transport of 2024-11-05
)

// greeting is the one line that a target prints.
type greeting struct {
	Plain   string // http://…
	Secure  string // https://…
	Control string // http://…, not counted
}

// settings is what the driver may change between two measures.
type settings struct {
	Delay time.Duration // before each request is looked at
	Auth  bool          // requests need a token of the target's own issuing
}

// counts is what the target saw since the last change of settings.
type counts struct {
	Requests int
	Lines    []string // the first of them, as "POST /json/mcp"
	Protocol string   // of the last one: HTTP/1.1 or HTTP/2.0
}

// target is the remote server.
type target struct {
	plain   string
	seen    atomic.Int64
	set     atomic.Pointer[settings]
	ended   chan struct{} // closed when the process is to end; held streams watch it
	auth    issuer
	streams streams

	mu    sync.Mutex
	lines []string
	proto string
}

// runTarget serves until stdin ends. The certificate of the secure address is
// written to a file, so that bridges can be told to trust it.
func runTarget(certificate string) error {
	t := &target{ended: make(chan struct{})}
	t.set.Store(&settings{})
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	pair, err := selfSigned(certificate)
	if err != nil {
		return err
	}
	t.plain = "http://" + plain.Addr().String()
	for _, size := range largeSizes {
		payload(size << 20) // no bridge shall wait for that
	}
	quiet := log.New(io.Discard, "", 0)
	servers := []*http.Server{
		{Handler: t.counted(t.routes()), ErrorLog: quiet},
		{Handler: t.counted(t.routes()), ErrorLog: quiet, TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}},
		{Handler: http.HandlerFunc(t.control), ErrorLog: quiet},
	}
	go func() { _ = servers[0].Serve(plain) }()
	go func() { _ = servers[1].ServeTLS(distant{secure, t}, "", "") }()
	go func() { _ = servers[2].Serve(control) }()
	hello := greeting{Plain: t.plain, Secure: "https://" + secure.Addr().String(), Control: "http://" + control.Addr().String()}
	if err := json.NewEncoder(os.Stdout).Encode(hello); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
	close(t.ended)
	for _, s := range servers {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		_ = s.Shutdown(ctx)
		stop()
	}
	return nil
}

// distant delays the first bytes of each connection as well: a handshake with a
// server far away waits for it before anybody has seen a certificate.
type distant struct {
	net.Listener
	t *target
}

// Accept implements net.Listener.
func (d distant) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &distantConn{Conn: conn, delay: d.t.set.Load().Delay}, nil
}

type distantConn struct {
	net.Conn
	delay time.Duration
	once  sync.Once
}

// Read implements net.Conn.
func (c *distantConn) Read(p []byte) (int, error) {
	c.once.Do(func() { time.Sleep(c.delay) })
	return c.Conn.Read(p)
}

// routes are the servers and what a login needs.
func (t *target) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle(pathJSON, t.guarded(func(w http.ResponseWriter, r *http.Request) { t.streamable(w, r, false) }))
	mux.Handle(pathSSE, t.guarded(func(w http.ResponseWriter, r *http.Request) { t.streamable(w, r, true) }))
	mux.Handle(pathLegacy, t.guarded(t.legacyStream))
	mux.Handle("/legacy/message", t.guarded(t.legacyMessage))
	t.auth.routes(mux, t)
	return mux
}

// counted counts a request and delays it.
func (t *target) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.seen.Add(1) <= maxLines {
			t.mu.Lock()
			t.lines, t.proto = append(t.lines, r.Method+" "+r.URL.Path), r.Proto
			t.mu.Unlock()
		}
		if d := t.set.Load().Delay; d > 0 {
			time.Sleep(d)
		}
		next.ServeHTTP(w, r)
	})
}

// maxLines is how many requests are kept by name.
const maxLines = 50

// guarded asks for a token where one is needed.
func (t *target) guarded(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if t.set.Load().Auth && !t.auth.accepts(r) {
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Bearer resource_metadata=%q", t.plain+wellKnownResource+r.URL.Path))
			http.Error(w, "a token is needed", http.StatusUnauthorized)
			return
		}
		next(w, r)
	})
}

// control takes settings by POST and tells the counts by GET.
func (t *target) control(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		var s settings
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		t.set.Store(&s)
		t.seen.Store(0)
		t.mu.Lock()
		t.lines, t.proto = nil, ""
		t.mu.Unlock()
		return
	}
	t.mu.Lock()
	c := counts{Requests: int(t.seen.Load()), Lines: t.lines, Protocol: t.proto}
	t.mu.Unlock()
	_ = json.NewEncoder(w).Encode(c)
}

// selfSigned makes a certificate for 127.0.0.1 and writes it to a file.
func selfSigned(path string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}
