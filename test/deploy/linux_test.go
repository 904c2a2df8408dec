//go:build linux

package deploy

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"mcp-login/test/binary"
	"mcp-login/test/real"
)

// As in the image: in a root with nothing but the program, as nobody, it starts,
// its health check succeeds, and it stops in order.
func TestRunsInAnEmptyRoot(t *testing.T) {
	program := binary.Build(t, "whoami-server")
	f, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the program is not static")
		}
	}
	if os.Getuid() != 0 {
		t.Skip("only root can change the root directory")
	}
	empty := t.TempDir()
	for dir := empty; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	binary.Copy(t, program, filepath.Join(empty, "whoami-server"))
	ops := real.FreeAddress(t)
	inside := func(args ...string) *exec.Cmd {
		cmd := exec.Command("/whoami-server", args...)
		cmd.Dir = "/"
		cmd.Env = []string{"WHOAMI_OPS_LISTEN=" + ops, "WHOAMI_LISTEN=127.0.0.1:0", "WHOAMI_ISSUER=http://127.0.0.1:1/oidc"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: empty, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
		return cmd
	}
	server := inside()
	said := &binary.Output{}
	server.Stderr = said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		if t.Failed() {
			t.Logf("the server said: %s", said)
		}
	})
	binary.Until(t, "a healthy server", func() bool { return inside("healthcheck").Run() == nil })
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("%v: %s", err, said)
	}
	if inside("healthcheck").Run() == nil {
		t.Error("healthy without a server")
	}
}

// systemd's own judgement of the units, with the program where this test has it.
func TestSystemdUnits(t *testing.T) {
	analyze := real.Program(t, "systemd-analyze", "apt-get install systemd")
	dir := t.TempDir()
	unit := strings.Replace(read(t, "systemd/whoami-server.service"), "ExecStart=whoami-server", "ExecStart="+binary.Build(t, "whoami-server"), 1)
	files := map[string]string{"whoami-server.service": unit, "whoami-server.socket": read(t, "systemd/whoami-server.socket")}
	var names []string
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		names = append(names, path)
	}
	out, err := exec.Command(analyze, append([]string{"verify", "--man=no"}, names...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "whoami-server") {
		t.Errorf("%v: %s", err, out)
	}
}
