package foreign

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// ErrNoFile says that a name is not that of a regular file.
var ErrNoFile = errors.New("not a regular file")

// How long a read waits. A shell opens both ends of a pipe at once; behind it there
// may be a program that asks for a password. What is opened as a regular file may be
// none that ends: /proc/kmsg, or one in a network file system that has gone.
const (
	openTime  = 5 * time.Second
	fileTime  = 5 * time.Second
	givenTime = time.Minute
)

// ReadFile reads a file that somebody else may have put there: a regular one of at
// most limit bytes, within seconds. Something that has its name and is none, such as
// a pipe whose other end nobody opens, or a device without an end, is refused with
// ErrNoFile, a larger one with ErrTooLarge, one that does not end with ErrTooSlow;
// other errors are those of os.Open.
func ReadFile(path string, limit int64) ([]byte, error) {
	return readWithin(path, limit, openRegular, openTime, fileTime)
}

// ReadGiven reads what a person has named, on the command line or in a variable of
// ours: a regular file, or a pipe or device like a shell's process substitution and
// /dev/stdin. It reads at most limit bytes, waits a few seconds for the other end of
// a pipe and a minute for the end of what comes, and returns ErrTooLarge and
// ErrTooSlow. A pipe gives its bytes only once.
func ReadGiven(path string, limit int64) ([]byte, error) {
	return readWithin(path, limit, os.Open, openTime, givenTime)
}

func openRegular(path string) (*os.File, error) {
	f, err := open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", path, ErrNoFile)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

func readWithin(path string, limit int64, open func(string) (*os.File, error), toOpen, toRead time.Duration) ([]byte, error) {
	opened, done := make(chan struct{}), make(chan struct{})
	var read []byte
	var failed error
	// A blocked open or read cannot be interrupted: its goroutine stays until the
	// process ends.
	go func() {
		defer close(done)
		f, err := open(path)
		close(opened)
		if failed = err; err == nil {
			defer f.Close()
			read, failed = readUpTo(f, limit)
		}
	}()
	select {
	case <-opened:
	case <-time.After(toOpen):
		return nil, fmt.Errorf("%s: %w: nobody writes to it (%v)", path, ErrTooSlow, toOpen)
	}
	select {
	case <-done:
		return read, failed
	case <-time.After(toRead):
		return nil, fmt.Errorf("%s: %w (%v)", path, ErrTooSlow, toRead)
	}
}

func readUpTo(f *os.File, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, err
	case int64(len(data)) > limit:
		return nil, fmt.Errorf("%s: %w (more than %d bytes)", f.Name(), ErrTooLarge, limit)
	}
	return data, nil
}
