package store

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"mcp-login/internal/oauth"
	"mcp-login/internal/oauth/grant"
	"mcp-login/test/leak"
	"mcp-login/test/real"
)

// helperVariable makes the test binary play another process of the user: its
// value names the part, see the helpers map.
const helperVariable = "MCP_LOGIN_STORE_TEST_HELPER"

// timeoutVariable is how long a call to a keyring may take there, "" for as long as usual.
const timeoutVariable = "MCP_LOGIN_STORE_TEST_TIMEOUT"

func TestMain(m *testing.M) {
	if name := os.Getenv(helperVariable); name != "" {
		s, err := helperOpen(os.Args[1], os.Args[2], os.Args[3])
		if err == nil {
			err = helpers[name](s, os.Args[4:])
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "helper:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	leak.Main(m,
		// The D-Bus library keeps one shared connection for the process.
		goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*Conn).inWorker"),
		goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.newConn.func1"),
		// go-keyring never takes its channel for an answered prompt back.
		goleak.IgnoreAnyFunction("github.com/godbus/dbus/v5.(*signalChannelData).deferredDeliver"))
}

// helper prepares another process, which uses a store as helperOpen does. It is killed
// when the test ends.
func helper(t testing.TB, name, dir, kind, ring string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, os.Args[0], append([]string{dir, kind, ring}, args...)...)
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
	must(t, err)
	in, err := cmd.StdinPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	p := &started{cmd, bufio.NewScanner(out), in}
	if !p.lines.Scan() {
		t.Fatalf("%v said nothing", cmd.Args[1:])
	}
	return p
}

// startTogether starts n processes, and lets them go on when all have said a line.
func startTogether(t testing.TB, n int, prepare func(i int) *exec.Cmd) (all []*started) {
	t.Helper()
	for i := range n {
		all = append(all, start(t, prepare(i)))
	}
	for _, p := range all {
		_, err := io.WriteString(p.pipe, "go\n")
		must(t, err)
	}
	return all
}

// rounds is how often something is tried at a random moment: all times where tests run
// that take long, as in .ci/run, and a fifth of them elsewhere.
func rounds(all int) int {
	if os.Getenv(real.LongVariable) != "" {
		return all
	}
	return all / 5
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

func (r *ringMemory) Delete(service, account string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.items[service+"\n"+account]; !ok && r.failure == nil {
		return &KeyringError{State: KeyringNotFound}
	}
	if r.failure != nil {
		return r.failure
	}
	delete(r.items, service+"\n"+account)
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
	must(t, err)
	return s
}

func fileStore(t testing.TB, dir string) *Store {
	t.Helper()
	return mustOpen(t, Options{Dir: dir, Kind: KindFile})
}

// must ends the test with an error of its set-up.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// save keeps the credential with that number.
func save(t testing.TB, s *Store, key oauth.Key, n int) {
	t.Helper()
	must(t, s.Save(t.Context(), key, numbered(n)))
}

// holds checks that the credential with that number is kept; when says at which point of
// the test.
func holds(t testing.TB, s *Store, key oauth.Key, n int, when ...any) {
	t.Helper()
	if got, err := s.Load(t.Context(), key); err != nil || numberOf(t, got) != n {
		t.Errorf("%v: %+v %v, want number %d", when, got, err, n)
	}
}

// fails checks that no credential is read, and why.
func fails(t testing.TB, s *Store, key oauth.Key, want error, when ...any) {
	t.Helper()
	if cred, err := s.Load(t.Context(), key); !errors.Is(err, want) || cred.HasToken() {
		t.Errorf("%v: %v, want %v", when, err, want)
	}
}

func lock(t testing.TB, s *Store, key oauth.Key) (unlock func()) {
	t.Helper()
	unlock, err := s.Lock(t.Context(), key)
	must(t, err)
	return unlock
}

func lockLogin(t testing.TB, s *Store, key oauth.Key) (unlock func()) {
	t.Helper()
	unlock, err := s.LockLogin(t.Context(), key, nil)
	must(t, err)
	return unlock
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

// helpers are the parts that the test binary plays as another process, with its store
// and further words. Those that only some systems have add themselves.
var helpers = map[string]func(s *Store, args []string) error{
	"save":  helperSave,
	"churn": helperChurn,
	"hold":  helperHold,
	"state": helperState,
	"ask":   helperAsk,
}

// helperOpen opens a store for a helper: its directory, its kind, and the
// directory of a ringFiles, or "os" for the keyring of the system.
func helperOpen(dir, kind, ring string) (*Store, error) {
	o := Options{Dir: dir, Kind: Kind(kind), Getenv: environment(passphraseVariable, goodPassphrase), Notice: func(message, _ string) { fmt.Fprintln(os.Stderr, "notice:", message) }}
	if ring == "os" {
		o.Getenv = nil
		o.keyringTimeout, _ = time.ParseDuration(os.Getenv(timeoutVariable))
	} else {
		o.keyring = ringFiles(ring)
	}
	return Open(o)
}

// awaitTheOthers waits for the line that startTogether writes.
func awaitTheOthers() error {
	fmt.Println("ready")
	_, err := bufio.NewReader(os.Stdin).ReadString('\n')
	return err
}

// helperSave saves together with others under a name: NAME NUMBER.
func helperSave(s *Store, args []string) error {
	n, err := strconv.Atoi(args[1])
	if err := errors.Join(err, awaitTheOthers()); err != nil {
		return err
	}
	return s.Save(context.Background(), keyFor(args[0]), numbered(n))
}

// helperChurn saves ever higher numbers until it is killed, and says each
// number once it is saved: FIRST.
func helperChurn(s *Store, args []string) error {
	first, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	for n := first; ; n++ {
		if err := s.Save(context.Background(), keyFor("churn"), numbered(n)); err != nil {
			return err
		}
		fmt.Println(n)
	}
}

// helperHold takes the lock, publishes a login and holds both until its input
// ends.
func helperHold(s *Store, _ []string) error {
	unlock, err := s.LockLogin(context.Background(), keyFor("held"), nil)
	if err != nil {
		return err
	}
	defer unlock()
	err = s.SetPending(context.Background(), keyFor("held"), Pending{URL: "https://issuer.example/auth", PID: os.Getpid()})
	if err != nil {
		return err
	}
	fmt.Println("held")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// helperState saves with the keyring of the system and says how that went: its
// state, or where the login is kept.
func helperState(s *Store, _ []string) error {
	err := s.Save(context.Background(), keyFor("state"), numbered(1))
	var ke *KeyringError
	switch {
	case errors.As(err, &ke):
		fmt.Printf("%s; hint: %s\n", ke.State, ke.UserHint())
		return nil
	case err != nil:
		return err
	}
	fmt.Println("kept in", s.Describe(keyFor("state")))
	return nil
}

// ringFiles is a keyringBackend of files, shared by processes. Like a real one it has
// no "create only": two first starts could overwrite each other's key. Each
// Set leaves a line in the file "sets".
type ringFiles string

func (r ringFiles) file(service, account string) string {
	return filepath.Join(string(r), service+"-"+account)
}

func (r ringFiles) Get(service, account string) (string, error) {
	b, err := os.ReadFile(r.file(service, account))
	if errors.Is(err, os.ErrNotExist) {
		return "", &KeyringError{State: KeyringNotFound}
	}
	return string(b), err
}

func (r ringFiles) Set(service, account, secret string) error {
	log, err := os.OpenFile(filepath.Join(string(r), "sets"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(log, account)
	if err := errors.Join(err, log.Close()); err != nil {
		return err
	}
	temp := r.file(service, account) + strconv.Itoa(os.Getpid())
	if err := os.WriteFile(temp, []byte(secret), 0o600); err != nil {
		return err
	}
	return os.Rename(temp, r.file(service, account))
}

func (r ringFiles) sets() int {
	b, _ := os.ReadFile(filepath.Join(string(r), "sets"))
	return strings.Count(string(b), "\n")
}
