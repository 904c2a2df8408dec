package real

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// patience is how long a service may take to start.
const patience = time.Minute

// Service is a server program on a loopback port.
type Service struct {
	// Address is host:port. It stays the same over restarts.
	Address string

	name string
	args []string
	dir  string
	cmd  *exec.Cmd
	out  *bytes.Buffer
}

// Redis starts a Redis server that keeps nothing on disk. It ends with the test.
func Redis(t testing.TB) *Service {
	t.Helper()
	path := Program(t, "redis-server", "apt-get install redis-server")
	address := FreeAddress(t)
	_, port, _ := net.SplitHostPort(address)
	s := &Service{Address: address, name: path, dir: t.TempDir(), args: []string{
		"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
	}}
	s.Start(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Nginx starts nginx with a configuration whose %s are the address to listen on
// and then rest. It ends with the test.
func Nginx(t testing.TB, config string, rest ...any) *Service {
	t.Helper()
	path := Program(t, "nginx", "apt-get install nginx")
	s := &Service{Address: FreeAddress(t), name: path, dir: t.TempDir()}
	file := filepath.Join(s.dir, "nginx.conf")
	text := fmt.Sprintf(config, append([]any{s.Address}, rest...)...)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{"-p", s.dir, "-e", "stderr", "-c", file, "-g", "daemon off; pid nginx.pid;"}
	s.Start(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Caddy starts Caddy with a Caddyfile whose %s is the port to listen on. It ends with the test.
func Caddy(t testing.TB, config string) *Service {
	t.Helper()
	path := Program(t, "caddy", "apt-get install caddy")
	s := &Service{Address: FreeAddress(t), name: path, dir: t.TempDir()}
	file := filepath.Join(s.dir, "Caddyfile")
	_, port, _ := net.SplitHostPort(s.Address)
	text := "{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n}\n" + fmt.Sprintf(config, port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.args = []string{"run", "--adapter", "caddyfile", "--config", file}
	s.Start(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Prometheus starts Prometheus with a configuration in a folder, and an address of its own.
// It ends with the test.
func Prometheus(t testing.TB, config string) *Service {
	t.Helper()
	path := Program(t, "prometheus", "apt-get install prometheus")
	s := &Service{Address: FreeAddress(t), name: path, dir: t.TempDir()}
	s.args = []string{"--config.file", config, "--storage.tsdb.path", s.dir, "--web.listen-address", s.Address, "--log.level", "warn"}
	s.Start(t)
	t.Cleanup(func() { s.Kill(t) })
	return s
}

// Start starts the service and waits until it takes connections.
func (s *Service) Start(t testing.TB) {
	t.Helper()
	s.out = &bytes.Buffer{}
	s.cmd = exec.Command(s.name, s.args...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = s.dir, s.out, s.out
	s.cmd.Env = append(os.Environ(), "HOME="+s.dir, "XDG_CONFIG_HOME="+s.dir, "XDG_DATA_HOME="+s.dir) // where Caddy writes
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		c, err := net.Dial("tcp", s.Address)
		if err == nil {
			_ = c.Close()
			return
		}
		if time.Now().After(deadline) {
			s.Kill(t)
			t.Fatalf("%s does not answer at %s:\n%s", s.name, s.Address, s.out)
		}
	}
}

// Kill ends the service: nginx with its workers, Redis at once.
func (s *Service) Kill(t testing.TB) {
	t.Helper()
	if s.cmd == nil {
		return
	}
	how := syscall.SIGKILL
	if filepath.Base(s.name) == "nginx" {
		how = syscall.SIGTERM // its workers would survive the other
	}
	_ = s.cmd.Process.Signal(how)
	_ = s.cmd.Wait()
	s.cmd = nil
}
