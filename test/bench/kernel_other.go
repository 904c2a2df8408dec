//go:build !linux

package main

import (
	"fmt"
	"os/exec"
	"runtime"
	"time"
)

// kernelTells says whether this system tells of processor time and memory.
const kernelTells = false

func cpuTime(int) time.Duration { return 0 }

// memory is in bytes, summed over a process and those below it.
type memory struct{ now, peak, proportional int64 }

func memoryOf(int) memory { return memory{} }

func forgetPeak(int) {}

func alone(*exec.Cmd) {}

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// machine says where the figures come from.
func machine() string {
	return fmt.Sprintf("%d processors, %s/%s, %s", runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version())
}

func load() string { return "" }
