//go:build !linux

package kernel

import (
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// Tells says whether this system tells of processor time and memory.
const Tells = false

// CPUTime is not told here.
func CPUTime(int) time.Duration { return 0 }

// Memory is in bytes.
type Memory struct{ Now, Peak, Proportional int64 }

// MemoryOf is not told here.
func MemoryOf(int) Memory { return Memory{} }

// ForgetPeak does nothing here.
func ForgetPeak(int) {}

// Alone does nothing here.
func Alone(*exec.Cmd) {}

// Kill ends a program.
func Kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// Machine says where the figures come from.
func Machine() string {
	return fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

// Load is not told here.
func Load() string { return "" }
