//go:build unix

package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"mcp-login/test/binary"
)

// A server on a Unix socket is called on both transports. That it is not there is said at the
// start and no more, with the file and what must be allowed, and so is that it has come.
func TestUpstreamOnASocket(t *testing.T) {
	folder, err := os.MkdirTemp("", "s") //nolint:usetesting // the address of a socket has 104 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "notes.sock")
	a := attack(t, "--upstream", "http://unix:"+socket+":/mcp")
	a.said.Await(t, `level=WARN .*no usable answer.* outcome=unreachable failures=1 since=\S+ error=.*dial unix `+socket+`: .*no such file.*allowed to read and to write`)
	for range 3 {
		if resp := a.call(t, a.token(t, "alice")); resp.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("without its server: %d", resp.StatusCode)
		}
	}

	var others atomic.Int64
	h := notesServer()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "localhost" || r.ProtoMajor != 1 || r.Header.Get("X-Forwarded-User") != "1" {
			others.Add(1)
		}
		h.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	readNote(t, a.sessions(t, "alice"))
	a.said.Await(t, `level=INFO .*answers again.*failures=4 duration_ms=`)
	if n := strings.Count(a.said.String(), "no usable answer"); n != 1 {
		t.Errorf("%d warnings", n)
	}
	if n := others.Load(); n != 0 {
		t.Errorf("%d requests were not as they should be", n)
	}
	if said := a.said.String(); !strings.Contains(said, "upstream http://unix:"+socket+":/mcp") {
		t.Errorf("the start does not say where the upstream is:\n%s", said)
	}
}

// SIGHUP reads the issuer's keys again, and nothing of the gateway: its sessions, streams and
// secret stay as they are, whatever its files say by then.
func TestHangupLeavesTheGatewayAsItIs(t *testing.T) {
	upstream := httptest.NewTLSServer(notesServer())
	t.Cleanup(upstream.Close)
	ca, secret := write(t, pemOf(upstream.Certificate())), write(t, strings.Repeat("s", 32))
	a := attack(t, "--upstream", upstream.URL+"/mcp", "--upstream-ca", ca, "--gateway-secret-file", secret)
	before := a.sessions(t, "alice")
	readNote(t, before)
	for _, path := range []string{ca, secret} {
		if err := os.WriteFile(path, []byte("nothing"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	a.said.Await(t, "reading the issuers' metadata and keys again")
	readNote(t, before)
	upstream.CloseClientConnections() // whoever comes back is looked at anew
	readNote(t, a.sessions(t, "bob"))
}

// A secret that the user of the service may not read ends the start, and the file is named.
func TestGatewaySecretThatMayNotBeRead(t *testing.T) {
	folder, err := os.MkdirTemp("", "s") //nolint:usetesting // t.TempDir is below a folder that others may not enter
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	program, secret := filepath.Join(folder, "whoami-server"), filepath.Join(folder, "secret")
	binary.Copy(t, binary.Build(t, "whoami-server"), program)
	if err := os.WriteFile(secret, []byte(strings.Repeat("s", 32)), 0); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "--issuer", someIssuer, "--upstream", "http://127.0.0.1:8000/mcp", "--gateway-secret-file", secret)
	if os.Getuid() == 0 { // who may read everything
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	out, err := cmd.CombinedOutput()
	if exitCode(err) != exitUsage || !strings.Contains(string(out), "error: gateway-secret-file: open "+secret+": permission denied\nhint: make one, which whoami-server may read: ") {
		t.Errorf("%v: %s", err, out)
	}
}
