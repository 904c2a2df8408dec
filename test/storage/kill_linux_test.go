package storage

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/internal/store"
	"mcp-login/test/real"
)

// newSlowLab is a lab whose provider takes some time on both sides of its
// work, so that a random moment meets every part of an exchange.
func newSlowLab(t *testing.T, kind store.Kind, leeway time.Duration) *lab {
	t.Helper()
	l := newLab(t, kind, leeway)
	l.idp.SetFaults(devidp.Faults{TokenDelay: 8 * time.Millisecond, TokenAnswerDelay: 8 * time.Millisecond})
	return l
}

// rounds is how often the holder is killed in each test.
func rounds(t *testing.T, usually int) int {
	t.Helper()
	text := os.Getenv("MCP_LOGIN_STORM_ROUNDS")
	if text == "" {
		return usually
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// holder returns the process that holds the kernel's lock on a file, 0 when
// nobody does (proc_locks(5)).
func holder(path string) int {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	inode := strconv.FormatUint(info.Sys().(*syscall.Stat_t).Ino, 10)
	table, err := os.ReadFile("/proc/locks")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || !strings.HasSuffix(f[5], ":"+inode) {
			continue
		}
		if pid, err := strconv.Atoi(f[4]); err == nil {
			return pid
		}
	}
	return 0
}

// killHolder waits for somebody to hold the lock of the identity that ends in
// suffix, and kills that process a random time later, by SIGKILL. It gives up,
// with 0, when stop is closed.
func (l *lab) killHolder(suffix string, within time.Duration, stop <-chan struct{}) (pid int) {
	path := filepath.Join(l.dir, l.key().ID()+suffix)
	// The moment of the fault, not a wait for anything.
	at := rand.N(within)
	for {
		select {
		case <-stop:
			return 0
		default:
		}
		if pid = holder(path); pid == 0 || pid == os.Getpid() {
			time.Sleep(time.Millisecond / 2)
			continue
		}
		time.Sleep(at)
		if holder(path) != pid {
			at /= 2 // it was faster; the next one may be met
			continue
		}
		if syscall.Kill(pid, syscall.SIGKILL) == nil {
			return pid
		}
	}
}

// stormOn runs one round: bridges start at once, the first holder of a lock is
// killed, and all that live have an answer.
func (l *lab) stormOn(n int, suffix string, within time.Duration) (killed int, err error) {
	all := l.start(n)
	stop, done := make(chan struct{}), make(chan int, 1)
	go func() { done <- l.killHolder(suffix, within, stop) }()
	began := time.Now()
	results, refused := ask(all)
	l.slowest = max(l.slowest, time.Since(began))
	close(stop)
	killed = <-done
	bridgesLost := 0
	for _, b := range all {
		if b.cmd.Process.Pid == killed {
			bridgesLost = 1
		}
	}
	for _, b := range all {
		b.end()
	}
	if results < n-bridgesLost {
		err = fmt.Errorf("%d of %d answered", results, n-bridgesLost)
		for _, answer := range refused {
			err = fmt.Errorf("%w; one said: %s", err, answer)
		}
	}
	return killed, err
}

// At a
// random moment of a refresh, its process is killed. The kernel frees the lock,
// the others refresh and are answered. The provider forgives a refresh token
// that comes again, as Logto does: no login is lost, ever; the file is whole.
func TestRefresherKilledAtRandom(t *testing.T) {
	real.Long(t, "kills processes for ten seconds")
	for _, kind := range []store.Kind{store.KindFile, store.KindPassphrase} {
		t.Run(string(kind), func(t *testing.T) {
			l := newSlowLab(t, kind, time.Hour)
			l.signIn()
			kills, all := 0, rounds(t, 6)
			for round := range all {
				l.expire()
				killed, err := l.stormOn(processes, ".lock", 20*time.Millisecond)
				if err != nil {
					t.Fatalf("round %d: %v", round, err)
				}
				if killed != 0 {
					kills++
				}
				l.intact()
			}
			s := l.idp.Stats()
			if s.Logins != 1 || s.ReuseDetections != 0 {
				t.Errorf("%d tabs, %d reuses", s.Logins, s.ReuseDetections)
			}
			if kills == 0 {
				t.Error("nobody was killed, the test shows nothing")
			}
			t.Logf("MEASURED %s: %d rounds of %d processes, %d refreshers killed, %d refreshes, 0 logins lost; worst time from the requests to the last answer %v", kind, all, processes, kills, s.Refreshes, l.slowest.Round(time.Millisecond))
		})
	}
}

// The same at a provider that forgives nothing: a refresh token that was spent
// by a process that did not live to keep the new one is gone, and one login per
// such death serves all.
func TestRefresherKilledStrict(t *testing.T) {
	kills, tabs, all := 0, 0, rounds(t, 4)
	for round := range all {
		l := newSlowLab(t, store.KindFile, -1)
		l.signIn()
		l.expire()
		killed, err := l.stormOn(processes, ".lock", 20*time.Millisecond)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if killed != 0 {
			kills++
		}
		l.intact()
		s := l.idp.Stats()
		if s.Logins > 2 || s.Logins == 2 && killed == 0 {
			t.Fatalf("round %d: %d tabs, killed %v", round, s.Logins, killed != 0)
		}
		tabs += s.Logins - 1
	}
	t.Logf("MEASURED %d rounds of %d processes, %d refreshers killed, %d of them cost a login", all, processes, kills, tabs)
}

// It is killed before it has shown anything: those who wait do not take that for a
// logout.
func TestLoginKilledAtOnce(t *testing.T) {
	for round := range rounds(t, 2) {
		l := newSlowLab(t, store.KindFile, -1)
		killed, err := l.stormOn(processes, ".login", 1)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		l.intact()
		if s := l.idp.Stats(); s.Logins > 2 || killed == 0 {
			t.Fatalf("round %d: %d tabs, killed %v", round, s.Logins, killed != 0)
		}
	}
}

// With an empty store the process that asks the person is killed at a random
// moment. The others are answered by what it kept before, or by one more tab,
// which serves all of them.
func TestLoginKilledAtRandom(t *testing.T) {
	real.Long(t, "kills processes for ten seconds")
	kills, all := 0, rounds(t, 4)
	for round := range all {
		l := newSlowLab(t, store.KindFile, -1)
		killed, err := l.stormOn(processes, ".login", 60*time.Millisecond)
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		if killed != 0 {
			kills++
		}
		l.intact()
		if s := l.idp.Stats(); s.Logins > 2 || s.Registrations > 2 {
			t.Fatalf("round %d: %d tabs, %d registrations, killed %v", round, s.Logins, s.Registrations, killed != 0)
		}
	}
	t.Logf("MEASURED %d rounds of %d processes, %d processes killed that asked the person, at most 2 tabs each", all, processes, kills)
}
