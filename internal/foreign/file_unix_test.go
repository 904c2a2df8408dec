//go:build unix

package foreign

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// What has the name of a file and is none neither hangs nor fills the memory.
func TestW15ReadFile(t *testing.T) {
	dir := t.TempDir()
	pipe, socket, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "socket"), filepath.Join(dir, "file")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		pipe: ErrNoFile, dir: ErrNoFile, "/dev/zero": ErrNoFile, socket: syscall.ENXIO, filepath.Join(dir, "none"): fs.ErrNotExist,
	} {
		if data, err := ReadFile(path, 10); !errors.Is(err, want) || data != nil {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
	if data, err := ReadFile(file, 5); err != nil || string(data) != "12345" {
		t.Errorf("%q, %v", data, err)
	}
	if data, err := ReadFile(file, 4); !errors.Is(err, ErrTooLarge) || data != nil {
		t.Errorf("%q, %v", data, err)
	}
}
