//go:build unix

package kernel

import (
	"fmt"
	"syscall"
)

// AllowFiles lets this process, and those it starts, have n open files, or says
// that the system does not.
func AllowFiles(n uint64) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if uint64(limit.Max) < n { //nolint:unconvert // signed on FreeBSD
		return fmt.Errorf("%d open files are needed, and the hard limit is %d: see ulimit -Hn", n, limit.Max)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	return nil
}
