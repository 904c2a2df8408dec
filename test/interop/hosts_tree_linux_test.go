package interop

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// descendants are the processes below one, by their parents, itself included. It is
// what a host sees that ends its whole process tree.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	children := map[int][]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		var state string
		var parent int
		// The name may hold blanks and parentheses: what follows the last one counts.
		if _, err := fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &parent); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		child, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil {
			t.Fatal(err)
		}
		if state == "Z" { // it has ended, and nobody has asked how
			continue
		}
		children[parent] = append(children[parent], child)
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

// killTree ends a process with all below it, the lowest first: whoever looks after
// those has a last moment in which it knows of their end.
func killTree(t *testing.T, pid int) {
	t.Helper()
	tree := descendants(t, pid)
	slices.Reverse(tree)
	for _, p := range tree {
		_ = syscall.Kill(p, syscall.SIGKILL)
	}
}

// adopt makes orphans children of this process and ends them with the test: before
// what was set up until now is taken down, such as the home that they write to.
func adopt(t *testing.T) {
	t.Helper()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	self := os.Getpid()
	t.Cleanup(func() {
		for left := descendants(t, self)[1:]; len(left) > 0; left = descendants(t, self)[1:] {
			for _, p := range left {
				_ = syscall.Kill(p, syscall.SIGKILL)
				// Who is not our child yet will be: its parent ends now.
				_ = unix.Waitid(unix.P_PID, p, nil, unix.WEXITED|unix.WNOWAIT, nil)
			}
		}
	})
}
