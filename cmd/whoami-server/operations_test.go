package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mcp-login/bearer"
	"mcp-login/internal/server"
	"mcp-login/test/binary"
)

const someIssuer = "http://127.0.0.1:1/oidc"

// send sends one request on a connection of its own, and returns the answer and its
// body.
func send(t *testing.T, method, url, body string, header ...string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for k := 0; k+1 < len(header); k += 2 {
		req.Header.Set(header[k], header[k+1])
	}
	tr := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	return resp, string(text)
}

func get(t *testing.T, url string, header ...string) (*http.Response, string) {
	t.Helper()
	return send(t, "GET", url, "", header...)
}

// callTool calls a tool with a token, and returns the status.
func callTool(t *testing.T, url, token, tool string) int {
	t.Helper()
	resp, _ := send(t, "POST", url, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"`+tool+`","arguments":{}}}`,
		"Authorization", "Bearer "+token, "Content-Type", "application/json")
	return resp.StatusCode
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A flag wins over a variable, a variable over the file, the file over the
// default; a list is the same as words.
func TestConfigurationFile(t *testing.T) {
	file := write(t, `
# a comment
issuer: https://file.example
resource: https://file.example/mcp
scope: [one, two]
listen: 127.0.0.1:1111
stateful: true
rate-per-subject: 2.5
trusted-proxy:
  - 10.0.0.0/8
  - 192.0.2.1
drain-delay: 3s
`)
	env := map[string]string{"WHOAMI_CONFIG": file, "WHOAMI_LISTEN": "127.0.0.1:2222", "WHOAMI_ISSUER": "https://env.example"}
	o, m := parsed(t, env, "--issuer", "https://flag.example")
	if len(m) != 0 {
		t.Fatal(m)
	}
	c := o.config
	if c.Issuer != "https://flag.example" || o.listen != "127.0.0.1:2222" || c.Resource.String() != "https://file.example/mcp" ||
		strings.Join(c.Scopes, "|") != "one|two" || !c.Stateful || c.SubjectRate != 2.5 || o.drain != 3*time.Second ||
		fmt.Sprint(c.TrustedProxies) != "[10.0.0.0/8 192.0.2.1/32]" || c.MaxStreams != 256 {
		t.Errorf("%+v", o)
	}
}

// Mistakes of file, variables and flags are reported together, those of the file
// with their line.
func TestMistakesOfOperationsAreReportedTogether(t *testing.T) {
	file := write(t, "issuer: https://id.example\nissuer: https://id.example\nlisten: {a: b}\nnope: 1\nversion: true\nconfig: x\nscope: [[a]]\n")
	env := map[string]string{"WHOAMI_MAX_STREAMS": "many", "WHOAMI_STATEFUL": "perhaps", "WHOAMI_BUS": "http://:SECRET@h"}
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{
		"--config", file, "--ops-listen", "9464", "--session-idle", "long", "--heartbeat", "1ms", "--rate-per-address", "-1",
		"--trusted-proxy", "proxy", "--log-format", "xml", "--tls-cert", "only.pem", "--otlp-endpoint", "h:1", "--trace-ratio", "2", "--drain-delay", "-1s", "--max-sessions", "0",
	}, func(k string) string { return env[k] }, &stdout, &stderr)
	if code != exitUsage || stdout.Len() != 0 {
		t.Errorf("exit %d, stdout %q", code, stdout.String())
	}
	out := stderr.String()
	for _, want := range []string{
		"line 2: issuer is given twice", "line 3: listen:", `line 4: "nope" is not an option`, `line 5: "version" is not`,
		`line 6: "config" is not`, "line 7: scope:", "ops-listen:", "session-idle:", "heartbeat 1ms", "rate-per-address:",
		"trusted-proxy:", "log-format:", "tls-cert and tls-key: only one", "drain-delay:", "max-sessions:", "max-streams:",
		"stateful:", "bus:", "otlp-endpoint:", "trace-ratio:",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in:\n%s", want, out)
		}
	}
	if e, h := strings.Count(out, "error:"), strings.Count(out, "hint:"); e != h || e < 17 {
		t.Errorf("%d errors and %d hints", e, h)
	}
	if strings.Contains(out, "SECRET") {
		t.Error("the password of the bus is shown")
	}
	for name, text := range map[string]string{"a list": "- a\n", "no YAML": "a: [", "large": strings.Repeat("#", maxConfigBytes+1)} {
		if _, m := parsed(t, nil, "--config", write(t, text), "--issuer", "https://id.example"); len(m) != 1 {
			t.Errorf("%s: %v", name, m)
		}
	}
	_, m := parsed(t, nil, "--config", filepath.Join(t.TempDir(), "absent"), "--tls-cert", "no", "--tls-key", "no", "--issuer", "https://id.example")
	if len(m) != 1 {
		t.Errorf("absent files: %v", m)
	}
}

// A value of the file that its option does not take is named with its line; one that a flag
// overrides is not.
func TestAMistakeInTheFileHasItsLine(t *testing.T) {
	file := write(t, "issuer: http://id.example\nheartbeat: 5\ntool-scope: [c]\nupstream: 127.0.0.1\nlog-format: xml\n")
	for line, what := range []string{"issuer http://id.example: must be https", `heartbeat: "5" is not`, `tool-scope: "c" is not`, "upstream: must be"} {
		want := fmt.Sprintf("error: config %s, line %d: %s", file, line+1, what)
		var stderr bytes.Buffer
		if code := run(t.Context(), []string{"--config", file, "--log-format", "no"}, noEnv, io.Discard, &stderr); code != exitUsage ||
			!strings.Contains(stderr.String(), want) || !strings.Contains(stderr.String(), "error: log-format: ") {
			t.Errorf("exit %d, %q is missing in:\n%s", code, want, &stderr)
		}
	}
}

// The operations listener is another one: metrics are not where clients are.
func TestOperationsListener(t *testing.T) {
	p := start(t, "--issuer", someIssuer, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--log-format", "json")
	ops := "http://" + p.stderr.Await(t, `operations on (\S+)\n`)[1]
	if resp, _ := get(t, ops+"/readyz"); resp.StatusCode != 200 {
		t.Errorf("ready: %d", resp.StatusCode)
	}
	if _, body := get(t, ops+"/metrics"); !strings.Contains(body, "whoami_build_info") || !strings.Contains(body, "go_goroutines") {
		t.Errorf("metrics: %s", body)
	}
	for _, path := range []string{"/metrics", "/readyz"} {
		if resp, _ := get(t, "http://"+p.address+path); resp.StatusCode != 404 {
			t.Errorf("%s for clients: %d", path, resp.StatusCode)
		}
	}
	if resp, _ := get(t, ops+"/mcp"); resp.StatusCode != 404 {
		t.Errorf("/mcp for operators: %d", resp.StatusCode)
	}
	if code := p.stop(); code != exitOK || !strings.Contains(p.stderr.String(), `"msg":"stopping"`) {
		t.Errorf("exit %d, %s", code, p.stderr.String())
	}
}

// While the server drains it is not ready and still serves; after the delay it
// ends.
func TestDrainDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, err := url.Parse("http://127.0.0.1:3001/mcp")
		if err != nil {
			t.Fatal(err)
		}
		handler, err := server.NewGroup(server.Config{Config: bearer.Config{Resource: u, Issuer: "https://id.example"}})
		if err != nil {
			t.Fatal(err)
		}
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		began := time.Now()
		go func() {
			done <- serveHTTP(ctx, &listeners{clients: l}, handler, time.Hour, slog.New(slog.DiscardHandler))
		}()
		cancel()
		synctest.Wait()
		if handler.Servers()[0].Ready() == nil {
			t.Error("ready while draining")
		}
		ours, theirs := net.Pipe()
		l.conns <- theirs
		if _, err := io.WriteString(ours, "GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nConnection: close\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(ours)
		if !bytes.HasPrefix(answer, []byte("HTTP/1.1 401 ")) || time.Since(began) > time.Minute {
			t.Errorf("while draining: %s", answer)
		}
		_ = ours.Close()
		if err := <-done; err != nil || time.Since(began) < time.Hour {
			t.Errorf("ended after %s: %v", time.Since(began), err)
		}
	})
}

func TestHealthcheck(t *testing.T) {
	p := start(t, "--issuer", someIssuer, "--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0")
	ops := p.stderr.Await(t, `operations on (\S+)\n`)[1]
	_, port, _ := net.SplitHostPort(ops)
	for name, tt := range map[string]struct {
		args []string
		code int
	}{
		"ready":          {[]string{"healthcheck", "--ops-listen", ops}, exitOK},
		"all interfaces": {[]string{"healthcheck", "--ops-listen", "0.0.0.0:" + port}, exitOK},
		"no host":        {[]string{"healthcheck", "--ops-listen", ":" + port}, exitOK},
		"clients only":   {[]string{"healthcheck", "--listen", p.address}, exitOK},
		"not that":       {[]string{"healthcheck", "--ops-listen", p.address}, exitFailure},
		"nobody":         {[]string{"healthcheck", "--listen", "127.0.0.1:1"}, exitFailure},
		"bad flag":       {[]string{"healthcheck", "--nope"}, exitUsage},
	} {
		var stderr bytes.Buffer
		if code := run(t.Context(), tt.args, noEnv, io.Discard, &stderr); code != tt.code {
			t.Errorf("%s: exit %d, %s", name, code, &stderr)
		}
	}
}

// keyPair writes a new certificate for 127.0.0.1 over the files.
func keyPair(t *testing.T, serial int64, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der},
	} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TLS from files, HTTP/2 included; the resource follows.
func TestTLSFromFiles(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	keyPair(t, 1, cert, key)
	p := start(t, "--issuer", someIssuer, "--listen", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", key)
	if p.resource != "https://"+p.address+"/mcp" {
		t.Errorf("resource %s", p.resource)
	}
	resp, _ := get(t, p.resource)
	if resp.StatusCode != 401 || !strings.Contains(resp.Header.Get("WWW-Authenticate"), "https://") {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	conn, err := tls.Dial("tcp", p.address, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Errorf("protocol %q", got)
	}
	if _, err := tls.Dial("tcp", p.address, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was accepted")
	}
}

// A renewed certificate is served without a restart; files that are broken for a
// moment do no harm.
func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert"), filepath.Join(dir, "key")
	keyPair(t, 1, cert, key)
	var log bytes.Buffer
	c, err := newCertificate(cert, key, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	serial := func() int64 {
		t.Helper()
		pair, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf.SerialNumber.Int64()
	}
	stamp := time.Now()
	touch := func() {
		t.Helper()
		stamp = stamp.Add(time.Hour) // whatever the resolution of the file system
		if err := os.Chtimes(cert, stamp, stamp); err != nil {
			t.Fatal(err)
		}
		c.looked = time.Time{}
	}
	keyPair(t, 2, cert, key)
	if got := serial(); got != 1 {
		t.Errorf("serial %d: the files are looked at for every connection", got)
	}
	touch()
	if got := serial(); got != 2 {
		t.Errorf("serial %d after the renewal", got)
	}
	if err := os.WriteFile(cert, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	touch()
	if got := serial(); got != 2 || !strings.Contains(log.String(), "could not be read") {
		t.Errorf("serial %d with a broken file, log %s", got, &log)
	}
	keyPair(t, 3, cert, key)
	touch()
	if got := serial(); got != 3 {
		t.Errorf("serial %d after the repair", got)
	}
}

// A call that goes on for too long at the end is cut off, and the log has it.
func TestACallThatIsCutOffIsInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u, err := url.Parse("http://127.0.0.1:3001/mcp")
		if err != nil {
			t.Fatal(err)
		}
		var log binary.Output
		handler, err := server.NewGroup(server.Config{Config: bearer.Config{
			Resource: u, Issuer: "https://id.example", Log: log.Logger(),
			Verify: func(ctx context.Context, _ string) (bearer.Identity, error) {
				<-ctx.Done()
				return bearer.Identity{}, ctx.Err()
			},
		}})
		if err != nil {
			t.Fatal(err)
		}
		l := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- serveHTTP(ctx, &listeners{clients: l}, handler, 0, log.Logger()) }()
		ours, theirs := net.Pipe()
		defer func() { _ = ours.Close() }()
		l.conns <- theirs
		go func() { _, _ = io.Copy(io.Discard, ours) }()
		if _, err := io.WriteString(ours, "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nAuthorization: Bearer x\r\nContent-Length: 0\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		cancel()
		err = <-done
		if said := log.String(); err == nil || !strings.Contains(said, "msg=request ") || !strings.Contains(said, "method=POST") {
			t.Errorf("%v; the log has\n%s", err, said)
		}
	})
}

// pipes is a listener within the process, whose time synctest can move.
type pipes struct {
	conns chan net.Conn
	ended chan struct{}
	end   func()
}

func newPipes() pipes {
	ended := make(chan struct{})
	return pipes{make(chan net.Conn), ended, sync.OnceFunc(func() { close(ended) })}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	p.end()
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3001} }

// connected is a connection to a server for which each token is alice's, and stop
// ends both.
func connected(t *testing.T) (c net.Conn, stop func()) {
	t.Helper()
	u, err := url.Parse("http://127.0.0.1:3001/mcp")
	if err != nil {
		t.Fatal(err)
	}
	handler, err := server.New(server.Config{Config: bearer.Config{
		Resource: u, Issuer: "https://id.example",
		Verify: func(context.Context, string) (bearer.Identity, error) {
			return bearer.Identity{Subject: "alice", Issuer: "https://id.example"}, nil
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	l := newPipes()
	srv := newHTTPServer(handler, slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	ours, theirs := net.Pipe()
	l.conns <- theirs
	return ours, func() {
		_ = ours.Close()
		_ = srv.Close()
		_ = handler.Close(context.Background())
		<-done
	}
}

// Slow loris: a header that never ends, a body that never ends, a connection
// that says nothing: each is ended after its time.
func TestSlowClientsAreCutOff(t *testing.T) {
	drip := func(start, piece string) func(net.Conn) {
		return func(c net.Conn) {
			if _, err := io.WriteString(c, start); err != nil {
				return
			}
			for {
				if _, err := io.WriteString(c, piece); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}
	}
	const head = "POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nAuthorization: Bearer x\r\nContent-Type: application/json\r\n"
	const tooSlow = "HTTP/1.1 408 "
	for name, tt := range map[string]struct {
		client func(net.Conn)
		limit  time.Duration
		said   string // how it begins
	}{
		"header": {drip("POST /mcp HTTP/1.1\r\nX: ", "x"), headerTimeout, ""},
		"body":   {drip(head+"Content-Length: 100000\r\n\r\n", "x"), 11 * time.Second, tooSlow},
		"chunks": {drip(head+"Transfer-Encoding: chunked\r\n\r\nfffff\r\n", "x"), 11 * time.Second, tooSlow},
		"body whose last byte is held back": {func(c net.Conn) {
			_, _ = io.WriteString(c, head+"Content-Length: 1000001\r\n\r\n"+strings.Repeat(" ", 1000000))
		}, 11 * time.Second, tooSlow},
		"body that is fast enough and too long": {drip(head+"Content-Length: 4000000\r\n\r\n", strings.Repeat(" ", 8<<10)), 31 * time.Second, tooSlow},
		"body that nobody reads": {
			drip("POST / HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nContent-Length: 100000\r\n\r\n", "x"), 31 * time.Second, "HTTP/1.1 ",
		},
		"body without a token": {
			drip("POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nContent-Length: 100000\r\n\r\n", "x"), 31 * time.Second, "HTTP/1.1 ",
		},
		"nothing": {func(net.Conn) {}, headerTimeout, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, stop := connected(t)
				began := time.Now()
				var dripping sync.WaitGroup
				dripping.Go(func() { tt.client(c) })
				said, _ := io.ReadAll(c) // until the server ends it
				if took := time.Since(began); took > tt.limit || took < time.Second {
					t.Errorf("cut off after %s", took)
				}
				if !strings.HasPrefix(string(said), tt.said) {
					t.Errorf("the server said %q", said)
				}
				stop()
				dripping.Wait()
			})
		})
	}
}

// A client that opens a stream and does not read it is cut off, too.
func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, stop := connected(t)
		defer stop()
		if _, err := io.WriteString(ours, "GET /sse HTTP/1.1\r\nHost: 127.0.0.1:3001\r\nAuthorization: Bearer x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		r := bufio.NewReader(ours)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(line, "data:") {
				break
			}
		}
		time.Sleep(2 * time.Minute) // a heartbeat and the time to take it
		_ = ours.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := io.Copy(io.Discard, r); err != nil { // what was on its way, and the end
			t.Errorf("the connection is still open: %v", err)
		}
	})
}

// TestMain lets this program be the server, for the test below.
func TestMain(m *testing.M) { binary.Main(m, map[string]binary.Role{"serve": serveUntilEOF}) }

// serveUntilEOF is the server until stdin ends.
func serveUntilEOF([]string) int {
	if os.Getenv("LISTEN_PID") == "self" {
		_ = os.Setenv("LISTEN_PID", fmt.Sprint(os.Getpid()))
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); cancel() }()
	return run(ctx, nil, os.Getenv, os.Stdout, os.Stderr)
}

// Socket activation: the sockets are those that were passed, by name, and the
// service manager hears when the server is ready.
func TestSocketActivation(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there is no socket activation on Windows")
	}
	var files []*os.File
	var addresses []string
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		files, addresses = append(files, f), append(addresses, l.Addr().String())
		_ = l.Close()
	}
	dir := t.TempDir()
	notifications, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "n"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notifications.Close()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "serve")
	cmd.Env = append(os.Environ(), "WHOAMI_ISSUER="+someIssuer, "LISTEN_PID=self", "LISTEN_FDS=2",
		"LISTEN_FDNAMES=ops:http", "NOTIFY_SOCKET="+filepath.Join(dir, "n"))
	cmd.ExtraFiles = files
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	_ = notifications.SetReadDeadline(time.Now().Add(20 * time.Second))
	if n, err := notifications.Read(buf); err != nil || string(buf[:n]) != "READY=1" {
		t.Errorf("notification %q, %v", buf[:n], err)
	}
	if resp, _ := get(t, "http://"+addresses[0]+"/readyz"); resp.StatusCode != 200 {
		t.Errorf("ops: %d", resp.StatusCode)
	}
	if resp, _ := get(t, "http://"+addresses[1]+"/mcp"); resp.StatusCode != 401 {
		t.Errorf("clients: %d", resp.StatusCode)
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v: %s", err, &stderr)
	}
	if n, err := notifications.Read(buf); err != nil || string(buf[:n]) != "STOPPING=1" {
		t.Errorf("notification %q, %v", buf[:n], err)
	}
	env := map[string]string{"LISTEN_PID": fmt.Sprint(os.Getpid()), "LISTEN_FDS": "9"}
	if _, _, err := passedListeners(func(k string) string { return env[k] }); err == nil {
		t.Error("nine sockets were taken")
	}
	env["LISTEN_PID"] = "1"
	if c, o, err := passedListeners(func(k string) string { return env[k] }); c != nil || o != nil || err != nil {
		t.Error("another process' sockets were taken")
	}
}
