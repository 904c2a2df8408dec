package store

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
)

// helperVariable makes the test binary play another process of the user: its
// value names the part, see the helpers map.
const helperVariable = "MCP_LOGIN_STORE_TEST_HELPER"

// timeoutVariable is how long a call to a keyring may take there, "" for as long as usual.
const timeoutVariable = "MCP_LOGIN_STORE_TEST_TIMEOUT"

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		if err := helpers()[name](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "helper:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m,
		// The D-Bus library keeps one shared connection for the process.
		goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*Conn).inWorker"),
		goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.newConn.func1"),
		// go-keyring never takes its channel for an answered prompt back.
		goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*signalChannelData).deferredDeliver"))
}

// helper prepares another process. It is killed when the test ends.
func helper(t testing.TB, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	// A race-enabled program sleeps one second before it exits.
	cmd.Env = append(os.Environ(), helperVariable+"="+name, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// run runs a prepared process and returns its standard output.
func run(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd.Args[1:], err, out.String(), errs.String())
	}
	return out.String()
}

// started is a process that is running and has said its first line.
type started struct {
	*exec.Cmd
	lines *bufio.Scanner
	pipe  io.WriteCloser
}

// start runs a prepared process up to its first line of output.
func start(t testing.TB, cmd *exec.Cmd) *started {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &started{cmd, bufio.NewScanner(out), in}
	if !p.lines.Scan() {
		t.Fatalf("%v said nothing", cmd.Args[1:])
	}
	return p
}

// kill ends the process the hard way, and killAfter when d has passed. They return its
// remaining lines.
func (p *started) kill() (lines []string) { return p.killAfter(0) }

func (p *started) killAfter(d time.Duration) (lines []string) {
	defer time.AfterFunc(d, func() { _ = p.Process.Kill() }).Stop()
	for p.lines.Scan() {
		lines = append(lines, p.lines.Text())
	}
	_ = p.Wait()
	return lines
}

// ringMemory is a keyringBackend in memory. While failure is set every call fails
// with it; a call blocks while gate is not nil and open.
type ringMemory struct {
	mu      sync.Mutex
	items   map[string]string
	failure error
	gate    chan struct{} // calls wait until it is closed
	gateSet bool          // only Set waits
	gets    int
	sets    int
}

func newRing() *ringMemory { return &ringMemory{items: map[string]string{}} }

func (r *ringMemory) enter(set bool) error {
	r.mu.Lock()
	gate := r.gate
	if r.gateSet && !set {
		gate = nil
	}
	r.mu.Unlock()
	if gate != nil {
		<-gate
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if set {
		r.sets++
	} else {
		r.gets++
	}
	return r.failure
}

func (r *ringMemory) Get(service, account string) (string, error) {
	if err := r.enter(false); err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v, ok := r.items[service+"\n"+account]
	if !ok {
		return "", &KeyringError{State: KeyringNotFound}
	}
	return v, nil
}

func (r *ringMemory) Set(service, account, secret string) error {
	if err := r.enter(true); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.items[service+"\n"+account] = secret
	return nil
}

func (r *ringMemory) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = err
}

func (r *ringMemory) empty() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.items)
}

func (r *ringMemory) calls() (gets, sets int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.gets, r.sets
}

// notices collects what a Store tells the person.
type notices struct {
	mu   sync.Mutex
	list []string
}

func (n *notices) add(message, hint string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, message+" | "+hint)
}

func (n *notices) all() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.list...)
}

func (n *notices) String() string { return strings.Join(n.all(), "\n") }

func mustOpen(t testing.TB, o Options) *Store {
	t.Helper()
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func keyFor(name string) oauth.Key { return oauth.Key{Server: "https://" + name + ".example/mcp"} }

// numbered is a credential whose parts all carry n, so that a mixture of two
// would show.
func numbered(n int) oauth.Credential {
	return oauth.Credential{
		Server: "https://a.example/mcp", Issuer: fmt.Sprintf("https://issuer-%d.example", n),
		AccessToken:  grant.NewSecret(fmt.Sprintf("access-%d", n)),
		RefreshToken: grant.NewSecret(fmt.Sprintf("refresh-%d", n)),
		Account:      fmt.Sprintf("account-%d", n),
	}
}

// numberOf is the inverse of numbered.
func numberOf(t testing.TB, c oauth.Credential) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscanf(c.AccessToken.Reveal(), "access-%d", &n); err != nil {
		t.Fatalf("access token of an unknown form: %v", err)
	}
	want := numbered(n)
	if !c.RefreshToken.Equal(want.RefreshToken) || c.Issuer != want.Issuer || c.Account != want.Account {
		t.Fatalf("a mixture of two credentials: %+v", c)
	}
	return n
}
