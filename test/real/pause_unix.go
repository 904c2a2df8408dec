//go:build unix

package real

import (
	"os"
	"syscall"
	"testing"
)

// Pause makes the service hang, until [Service.Continue] or its end.
func (s *Service) Pause(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Continue ends a pause.
func (s *Service) Continue(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Service) signal(t testing.TB, what os.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(what); err != nil {
		t.Fatal(err)
	}
}
