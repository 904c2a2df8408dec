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
	"time"
)

// What has the name of a file and is none neither hangs nor fills the memory.
func TestReadFileTakesRegularFilesOnly(t *testing.T) {
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

// What a person has named may be a pipe; neither one without a writer, nor one that
// never ends, nor a device without an end is waited for.
func TestReadGivenTakesPipesAsWell(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writer := func(name string, write func(f *os.File)) string {
		path := filepath.Join(dir, name)
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		if write != nil {
			go func() {
				if f, err := os.OpenFile(path, os.O_WRONLY, 0); err == nil {
					write(f)
					_ = f.Close()
				}
			}()
		}
		return path
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("12345"), 0o600); err != nil {
		t.Fatal(err)
	}
	endless := func(f *os.File) {
		for {
			if _, err := f.WriteString("x"); err != nil {
				return
			}
		}
	}
	for path, want := range map[string]error{
		file: nil, writer("pipe", func(f *os.File) { _, _ = f.WriteString("123"); _, _ = f.WriteString("45") }): nil,
		writer("nobody", nil): ErrTooSlow,
		writer("silent", func(*os.File) { <-t.Context().Done() }): ErrTooSlow,
		writer("endless", endless):                                ErrTooLarge,
		"/dev/zero":                                               ErrTooLarge,
		dir:                                                       syscall.EISDIR,
		filepath.Join(dir, "none"):                                fs.ErrNotExist,
	} {
		data, err := readWithin(path, 5, os.Open, time.Second, time.Second)
		if !errors.Is(err, want) || want == nil && string(data) != "12345" || want != nil && data != nil {
			t.Errorf("%s: %q, %v", path, data, err)
		}
	}
}

// What was opened as a regular file may have no end: a link of a stranger to
// /proc/kmsg, whose bytes are not to be eaten by a test, or a file system that has
// gone.
func TestReadFileEndsWhereTheFileDoesNot(t *testing.T) {
	t.Parallel()
	silent, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	opens := func(string) (*os.File, error) { return silent, nil }
	if data, err := readWithin(".mcp.json", 5, opens, time.Second, 100*time.Millisecond); !errors.Is(err, ErrTooSlow) || data != nil {
		t.Errorf("%d bytes, %v", len(data), err)
	}
}
