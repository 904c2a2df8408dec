//go:build unix

package account

import (
	"bytes"
	"os/exec"
	"syscall"
	"testing"
)

// Where the system refuses the first way to start the process, the next is taken, with
// the same arguments and files.
func TestAProcessIsStartedInTheNextWayWhenOneIsRefused(t *testing.T) {
	var out bytes.Buffer
	cmd := exec.Command("/bin/sh", "-c", "cat; echo $0", "started")
	cmd.Stdin, cmd.Stdout = bytes.NewReader([]byte("input\n")), &out
	refused := &syscall.SysProcAttr{Chroot: t.TempDir() + "/none"}
	if err := start(cmd, []*syscall.SysProcAttr{refused}); err == nil {
		t.Fatal("the first way is not refused")
	}
	if err := start(cmd, append([]*syscall.SysProcAttr{refused}, detachments()...)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || out.String() != "input\nstarted\n" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
