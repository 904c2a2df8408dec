package real

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// loopbackEnv marks a test process that has a network of its own.
const loopbackEnv = "MCP_LOGIN_TEST_LOOPBACK"

// Loopback runs the calling test again, alone, in a network namespace in which there
// is nothing but loopback: what a program asks of its makers there fails at once, and
// nothing of this machine is reached. It reports whether the caller is that inner
// run: only then it goes on. env is added to the variables of the inner run. What is
// left behind there is ended with it.
//
//	if !real.Loopback(t) { return }
func Loopback(t *testing.T, env ...string) (inside bool) {
	t.Helper()
	if os.Getenv(loopbackEnv) != "" {
		up(t)
		return true
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	inner := func(flags uintptr) *exec.Cmd {
		pattern := "^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"
		cmd := exec.CommandContext(t.Context(), exe, "-test.run="+pattern, "-test.v", "-test.timeout=4m")
		cmd.Env = append(append(os.Environ(), env...), loopbackEnv+"=1")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | flags}
		if flags != 0 {
			cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
			cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
		}
		return cmd
	}
	out, err := Output(t, inner(0)) // as root may
	if errors.Is(err, syscall.EPERM) {
		out, err = Output(t, inner(syscall.CLONE_NEWUSER)) // as anybody may, if user namespaces are allowed
	}
	var ended *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &ended):
		Missing(t, fmt.Sprintf("a network namespace (%v)", err), "run it as root with CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN), or allow user namespaces")
	case err != nil:
		t.Fatalf("with nothing but loopback: %v\n%s", err, out)
	}
	t.Logf("with nothing but loopback:\n%s", out)
	return false
}

// up raises the loopback interface, and makes sure that there is no other.
func up(t *testing.T) {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil || len(all) != 1 || all[0].Flags&net.FlagLoopback == 0 {
		t.Fatalf("this is no network of its own: %v, %v", all, err)
	}
	s, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(s) }()
	request, err := unix.NewIfreq(all[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(s, unix.SIOCSIFFLAGS, request); err != nil {
		t.Fatalf("raise the loopback interface: %v", err)
	}
}
