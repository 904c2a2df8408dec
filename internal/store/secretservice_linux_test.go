package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/zalando/go-keyring"

	"mcp-login/test/real"
)

// The tests against a real Secret Service run the test binary again inside a
// D-Bus session of their own, with a fresh home: inSession names the part.
const inSession = "MCP_LOGIN_STORE_TEST_SESSION"

// How gnome-keyring is brought up inside the session. Unlocking it creates the
// login keyring with that password, or fails when it has another one.
const (
	unlockedWith = `printf %%s '%s' | gnome-keyring-daemon --unlock --components=secrets >/dev/null; exec "$0" "$@"`
	notUnlocked  = `exec "$0" "$@"`
)

// session runs the test part in a new D-Bus session with the home directory
// home. real.SecretService has one kind of session; here the keyring is also
// locked, stopped, and met again with another password.
func session(t *testing.T, home, script, part string) {
	t.Helper()
	const how = "apt-get install --no-install-recommends dbus gnome-keyring"
	real.Program(t, "dbus-run-session", how)
	real.Program(t, "gnome-keyring-daemon", how)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "dbus-run-session", "--", "sh", "-c", script, os.Args[0], "-test.v", "-test.run", "^"+part+"$")
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "GORACE=atexit_sleep_ms=0", "TMPDIR=" + os.TempDir(), inSession + "=" + part,
		"XDG_RUNTIME_DIR=" + filepath.Join(home, "run"),
	}
	must(t, os.MkdirAll(filepath.Join(home, "run"), 0o700))
	out, err := real.Output(t, cmd)
	if err != nil || !bytes.Contains(out, []byte("--- PASS: "+part)) {
		t.Fatalf("%s: %v\n%s", part, err, out)
	}
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "MEASURED") {
			t.Log(strings.TrimSpace(line))
		}
	}
}

// part skips a test that is one part of a session, unless it runs in it.
func part(t *testing.T) {
	t.Helper()
	if os.Getenv(inSession) != t.Name() {
		t.Skip("runs inside the D-Bus session of TestSecretService")
	}
}

// On gnome-keyring.
func TestSecretService(t *testing.T) {
	t.Parallel()
	unlocked := fmt.Sprintf(unlockedWith, "right")
	if out, err := exec.Command("gnome-keyring-daemon", "--version").Output(); err == nil {
		version, _, _ := strings.Cut(string(out), "\n")
		t.Logf("real part: %s", version)
	}
	wrong := fmt.Sprintf(unlockedWith, "wrong")
	for name, parts := range map[string][][2]string{ // each how the keyring is brought up, and the part; one home
		"suite":       {{unlocked, "TestSessionSuite"}},
		"first start": {{unlocked, "TestSessionFirstStart"}},
		"stopped":     {{unlocked, "TestSessionStopped"}},
		"locked":      {{notUnlocked, "TestSessionLocked"}},
		"wrong password": { // the same password opens it again, and another does not
			{unlocked, "TestSessionSaved"}, {unlocked, "TestSessionSavedAgain"}, {wrong, "TestSessionLocked"}, {wrong, "TestSessionSavedButLocked"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			for _, p := range parts {
				session(t, home, p[0], p[1])
			}
		})
	}
}

func TestSessionSuite(t *testing.T) {
	part(t)
	dir := t.TempDir()
	testStore(t, func(t testing.TB) *Store { return mustOpen(t, Options{Dir: dir, Kind: KindKeyring}) })
	begin := time.Now()
	if err := mustOpen(t, Options{Dir: dir, Kind: KindAuto, Notice: func(m, _ string) { t.Error(m) }}).Save(t.Context(), keyFor("a"), numbered(1)); err != nil {
		t.Error(err)
	}
	t.Logf("MEASURED first save of a process, key read from gnome-keyring: %v", time.Since(begin).Round(100*time.Microsecond))
	if got := mustOpen(t, Options{Dir: dir}).Describe(keyFor("a")); !strings.Contains(got, "encrypted") {
		t.Errorf("kept in %s", got)
	}
	s := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, Notice: func(string, string) {}})
	must(t, keyring.Delete(keyringService, s.account))
	fails(t, s, keyFor("a"), ErrKeyLost, "after the item was removed from the keyring")
	save(t, s, keyFor("b"), 1) // makes a key
	if deleted, err := s.DeleteKey(t.Context()); !deleted || err != nil {
		t.Error(deleted, err)
	}
	if _, err := keyring.Get(keyringService, s.account); !errors.Is(err, keyring.ErrNotFound) {
		t.Errorf("the key is still in the keyring: %v", err)
	}
	if deleted, err := s.DeleteKey(t.Context()); deleted || err != nil {
		t.Errorf("once more: %v, %v", deleted, err)
	}
}

func TestSessionFirstStart(t *testing.T) {
	part(t)
	empty := Options{Dir: filepath.Join(t.TempDir(), "none")}
	if kind, _, err := mustOpen(t, empty).Probe(t.Context()); kind != KindKeyring || err != nil {
		t.Errorf("ready for %s: %v", kind, err)
	}
	firstStart(t, filepath.Join(t.TempDir(), "store"), "os")
}

// savedHere is a store directory that outlives the session.
func savedHere(t *testing.T, kind Kind) *Store {
	return mustOpen(t, Options{Dir: filepath.Join(os.Getenv("HOME"), "store"), Kind: kind, Notice: func(m, _ string) { t.Logf("notice: %s", m) }})
}

func TestSessionSaved(t *testing.T) {
	part(t)
	save(t, savedHere(t, KindKeyring), keyFor("a"), 1)
}

func TestSessionSavedAgain(t *testing.T) {
	part(t)
	if got, err := savedHere(t, KindKeyring).Load(t.Context(), keyFor("a")); err != nil || numberOf(t, got) != 1 {
		t.Fatal(got, err)
	}
}

// A login behind a locked keyring is not given up.
func TestSessionSavedButLocked(t *testing.T) {
	part(t)
	for _, kind := range []Kind{KindAuto, KindKeyring} {
		if _, err := savedHere(t, kind).Load(t.Context(), keyFor("a")); keyringState(err) != KeyringLocked {
			t.Errorf("%s: %v", kind, err)
		}
		if deleted, err := savedHere(t, kind).DeleteKey(t.Context()); deleted || err == nil {
			t.Errorf("%s: the key of a locked keyring is deleted: %v, %v", kind, deleted, err)
		}
	}
}

func TestSessionLocked(t *testing.T) {
	part(t)
	sessionRefuses(t, KeyringLocked)
}

// soon is how long a keyring has here that does not answer; that it has 3 s is the
// promise of TestKeyringHangs.
const soon = 150 * time.Millisecond

// sessionRefuses checks what a keyring in this state gives: a named error where
// it was asked for, a private file and one notice where it was not.
func sessionRefuses(t *testing.T, state KeyringState) {
	t.Helper()
	var limit time.Duration
	if state == KeyringTimeout {
		limit = soon
	}
	begin := time.Now()
	err := mustOpen(t, Options{Dir: t.TempDir(), Kind: KindKeyring, keyringTimeout: limit}).Save(t.Context(), keyFor("a"), numbered(1))
	t.Logf("MEASURED %s: answer after %v", state, time.Since(begin).Round(time.Millisecond))
	if keyringState(err) != state {
		t.Errorf("kind keyring: %v", err)
	}
	var told notices
	o := Options{Dir: t.TempDir(), Notice: told.add, keyringTimeout: limit}
	if kind, err, failed := mustOpen(t, o).Probe(t.Context()); kind != KindFile || keyringState(err) != state || failed != nil {
		t.Errorf("ready for %s: %v", kind, err)
	}
	for range 2 {
		s := mustOpen(t, o)
		if err := s.Save(t.Context(), keyFor("a"), numbered(1)); err != nil {
			t.Errorf("kind auto: %v", err)
		}
		holds(t, s, keyFor("a"), 1, "kind auto")
	}
	if list := told.all(); len(list) != 1 || !strings.Contains(list[0], string(state)) {
		t.Errorf("told: %v", &told)
	}
}

// The daemon is stopped: it owns its name on the bus and never answers.
func TestSessionStopped(t *testing.T) {
	part(t)
	dir := t.TempDir()
	save(t, mustOpen(t, Options{Dir: dir, Kind: KindKeyring}), keyFor("a"), 1)
	pid := serviceOwner(t)
	must(t, syscall.Kill(pid, syscall.SIGSTOP))
	waiting := mustOpen(t, Options{Dir: dir, Kind: KindKeyring, keyringTimeout: soon})
	_, err := waiting.Load(t.Context(), keyFor("a"))
	sessionRefuses(t, KeyringTimeout)
	must(t, syscall.Kill(pid, syscall.SIGCONT))
	if keyringState(err) != KeyringTimeout {
		t.Errorf("a sealed login behind a stopped daemon: %v", err)
	}
	// Once it goes on, the same store works, without a new start.
	idle := make(chan struct{})
	waiting.keyring.whenIdle(func() { close(idle) })
	<-idle
	must(t, waiting.keyring.busy.Acquire(t.Context(), 1)) // until the late call is wholly over
	waiting.keyring.busy.Release(1)
	waiting.keyring.limit = keyringTimeout
	holds(t, waiting, keyFor("a"), 1, "after it went on")
}

// serviceOwner returns the process that owns the Secret Service's name.
func serviceOwner(t *testing.T) (pid int) {
	t.Helper()
	conn, err := dbus.ConnectSessionBus()
	must(t, err)
	defer conn.Close()
	var owner uint32
	must(t, conn.BusObject().Call("org.freedesktop.DBus.GetConnectionUnixProcessID", 0, "org.freedesktop.secrets").Store(&owner))
	return int(owner)
}

// stateOnBus saves in a process whose only bus is address, and whose PATH has a
// dbus-launch that leaves a trace.
func stateOnBus(t *testing.T, kind, address string, env ...string) (said string, launched bool) {
	t.Helper()
	bin := t.TempDir()
	trace := filepath.Join(bin, "launched")
	must(t, os.WriteFile(filepath.Join(bin, "dbus-launch"), []byte("#!/bin/sh\n: >"+trace+"\nexit 1\n"), 0o700))
	cmd := helper(t, "state", filepath.Join(t.TempDir(), "store"), kind, "os")
	cmd.Env = append(env, helperVariable+"=state", "GORACE=atexit_sleep_ms=0", "PATH="+bin, "HOME="+t.TempDir(), "DBUS_SESSION_BUS_ADDRESS="+address)
	said = run(t, cmd)
	return said, exists(trace)
}

// No bus, or one that is gone: the state is named at once, and go-keyring does
// not get to start a bus daemon of its own.
func TestNoBus(t *testing.T) {
	t.Parallel()
	if isSocket(fmt.Sprintf("/run/user/%d/bus", os.Getuid())) {
		t.Skip("this user has a D-Bus session that cannot be hidden")
	}
	for _, address := range []string{"", "autolaunch:", "unix:path=/nowhere/bus", "unix:abstract=nobody-here", "nonsense"} {
		said, launched := stateOnBus(t, "keyring", address)
		want := string(KeyringUnavailable) + "; hint: "
		if address == "nonsense" {
			want = "; hint: "
		}
		if launched || !strings.Contains(said, want) {
			t.Errorf("%q: %s, dbus-launch started: %v", address, said, launched)
		}
		if said, launched := stateOnBus(t, "auto", address); launched || !strings.Contains(said, plainSuffix) {
			t.Errorf("%q, auto: %s, dbus-launch started: %v", address, said, launched)
		}
	}
}

// A bus that takes the connection and says nothing.
func TestSilentBus(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "bus") // a short path: a socket's name must fit into 108 bytes
	must(t, err)
	defer os.RemoveAll(dir)
	bus, err := net.Listen("unix", filepath.Join(dir, "bus"))
	must(t, err)
	defer bus.Close() // ends the connections that nobody accepted
	if said, _ := stateOnBus(t, "keyring", "unix:path="+bus.Addr().String(), timeoutVariable+"="+soon.String()); !strings.HasPrefix(said, string(KeyringTimeout)) {
		t.Errorf("%s", said)
	}
}
