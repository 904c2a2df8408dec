package script

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"mcp-login/internal/devidp"
	"mcp-login/test/real"
)

// moment is a step of a refresh, as the provider sees it.
type moment string

const (
	beforeTheProvider moment = "before the provider has seen it"
	afterTheRotation  moment = "after the provider has rotated the token"
	withTheAnswer     moment = "while the answer is on its way"
)

// assassin stands in front of a provider and kills the process that refreshes,
// by SIGKILL, at one moment. Each armed shot kills one.
type assassin struct {
	provider http.Handler

	mu     sync.Mutex
	armed  bool
	at     moment
	killed []int
}

func (a *assassin) arm(at moment) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armed, a.at = true, at
}

func (a *assassin) dead() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.killed)
}

func (a *assassin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	shoot := a.armed && strings.HasSuffix(r.URL.Path, "/token")
	at := a.at
	if shoot {
		a.armed = false
	}
	a.mu.Unlock()
	if !shoot {
		a.provider.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	if at != beforeTheProvider {
		a.provider.ServeHTTP(answer, r)
	}
	if at == withTheAnswer {
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
		_ = http.NewResponseController(w).Flush()
	}
	pid, err := clientOf(r)
	if err == nil {
		err = syscall.Kill(pid, syscall.SIGKILL)
	}
	if err != nil {
		panic(err)
	}
	a.mu.Lock()
	a.killed = append(a.killed, pid)
	a.mu.Unlock()
	panic(http.ErrAbortHandler)
}

// clientOf finds the process at the other end of a loopback connection.
func clientOf(r *http.Request) (int, error) {
	_, portText, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return 0, err
	}
	port, err := strconv.Atoi(portText)
	if err != nil {
		return 0, err
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return 0, err
	}
	local := fmt.Sprintf(":%04X", port)
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 10 || !strings.HasSuffix(fields[1], local) {
			continue
		}
		descriptors, _ := filepath.Glob("/proc/[0-9]*/fd/*")
		for _, d := range descriptors {
			if target, err := os.Readlink(d); err == nil && target == "socket:["+fields[9]+"]" {
				return strconv.Atoi(strings.Split(d, "/")[2])
			}
		}
	}
	return 0, fmt.Errorf("no process has port %d", port)
}

// newKillingStorm is a storm whose provider is behind an assassin.
func newKillingStorm(t *testing.T, leeway time.Duration) (*storm, *assassin) {
	t.Helper()
	s := &storm{t: t, server: newFickle(t), state: filepath.Join(t.TempDir(), "state")}
	a := &assassin{}
	front := httptest.NewServer(a)
	t.Cleanup(front.Close)
	provider, err := devidp.New(front.URL+"/oidc", devidp.Config{
		Registration: true, ReuseLeeway: leeway, Resources: []devidp.Resource{{Indicator: s.server.URL + "/mcp"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	a.provider, s.server.issuer = provider, provider.Issuer()
	s.idp = &devidp.Server{Provider: provider}
	return s, a
}

// Twenty processes with one token that has ended, and the one that refreshes it
// killed by SIGKILL at each step. The others are answered, and so is the killed
// one's successor. No login is needed, unless the provider has rotated the token
// for a process that did not live to keep the new one and forgives nothing: then
// there is no token left in the world, and one login serves all.
func TestWinnerKilledAtEachStep(t *testing.T) {
	for _, tc := range []struct {
		at        moment
		leeway    time.Duration
		maxLogins int // the first login included
	}{
		{beforeTheProvider, -1, 1},
		{afterTheRotation, 3 * time.Second, 1},
		{afterTheRotation, -1, 2},
		{withTheAnswer, 3 * time.Second, 1},
		{withTheAnswer, -1, 2},
	} {
		t.Run(fmt.Sprintf("%s, leeway %v", tc.at, max(tc.leeway, 0)), func(t *testing.T) {
			s, a := newKillingStorm(t, tc.leeway)
			s.signIn()
			s.expire()
			a.arm(tc.at)
			const processes = 20
			answered := ask(t, s.start(processes), 1)
			answered += ask(t, s.start(1), 1)
			// The killed one may have had its answer before.
			if a.dead() != 1 || answered < processes {
				t.Errorf("%d killed, %d answered", a.dead(), answered)
			}
			if got := s.idp.Stats(); got.CodeExchanges > tc.maxLogins {
				t.Errorf("%d logins, %d refreshes, %d reuses", got.CodeExchanges, got.Refreshes, got.ReuseDetections)
			}
		})
	}
}

// The holder of the lock is killed in mid-refresh, 50 times:
// the kernel frees the lock, the next one refreshes, nobody is stuck or asked.
func TestLockHolderKilledInMidRefresh(t *testing.T) {
	real.Long(t, "kills 50 processes")
	s, a := newKillingStorm(t, -1)
	s.signIn()
	const rounds = 50
	slowest := time.Duration(0)
	for range rounds {
		s.expire()
		a.arm(beforeTheProvider)
		two := s.start(2)
		began := time.Now()
		if n := ask(t, two, 1); n != 1 {
			t.Fatalf("%d of the one that lives answered", n)
		}
		slowest = max(slowest, time.Since(began))
		for _, one := range two {
			_ = one.in.Close()
			_ = one.cmd.Wait()
		}
	}
	t.Logf("MEASURED from start to the survivor's answer, worst of %d: %v", rounds, slowest.Round(time.Millisecond))
	if got := s.idp.Stats(); a.dead() != rounds || got.Logins != 1 || got.Refreshes != rounds || got.ReuseDetections != 0 {
		t.Errorf("%d killed, %d tabs, %d refreshes, %d reuses", a.dead(), got.Logins, got.Refreshes, got.ReuseDetections)
	}
}
