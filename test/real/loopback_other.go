//go:build !linux

package real

import "testing"

// Loopback needs the network namespaces of Linux.
func Loopback(t *testing.T, _ ...string) (inside bool) {
	t.Helper()
	Missing(t, "a network namespace", "run it on Linux")
	return false
}
